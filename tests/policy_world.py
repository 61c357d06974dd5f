"""The packs that come with Sekisho, and cases of theirs to be changed: what policy tests share."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from sekisho.kernel.money import Sat
from sekisho.passes.policy.case import Case, Destination, Outcome
from sekisho.passes.policy.documents import read_pack
from sekisho.passes.policy.evaluate import denials, evaluate
from sekisho.passes.policy.history import Committed, History
from sekisho.passes.policy.packs import CASES, shipped_pack
from sekisho.passes.policy.records import Policy
from sekisho.passes.policy.trials import Trial, read_trials

BTC = 100_000_000


@cache
def pack(policy_id: str) -> Policy:
    return read_pack(shipped_pack(policy_id)[0], policy_id)


@cache
def trials(policy_id: str) -> tuple[Trial, ...]:
    return read_trials(shipped_pack(policy_id)[1], CASES)


def ordinary(policy_id: str) -> Case:
    """Return a case that the pack allows: the first of its table."""
    return trials(policy_id)[0].case


def paying(case: Case, *paid: Destination) -> Case:
    """Return the case with other payments."""
    destinations = tuple((each.address, each.amount_sat) for each in paid)
    return replace(case, destinations=paid, this=replace(case.this, destinations=destinations))


def amounting(case: Case, amount_sat: int) -> Case:
    """Return the case with its one payment made so large."""
    (only,) = case.destinations
    return paying(case, replace(only, amount_sat=Sat(amount_sat)))


def after(case: Case, *movements: Committed) -> Case:
    """Return the case with these movements, in order, before it."""
    history = History()
    for each in movements:
        history.commit(each)
    return replace(case, history=history, history_before=len(history))


def like(case: Case, amount_sat: int, *, ago_seconds: int = 600, anchor: str = "") -> Committed:
    """Return a movement like that of the case, earlier and under another anchor."""
    address = case.destinations[0].address
    return replace(
        case.this,
        at=case.this.at - timedelta(seconds=ago_seconds),
        anchor=anchor or f"{amount_sat:x}:{ago_seconds}",
        destinations=((address, Sat(amount_sat)),),
    )


def asked_at(case: Case, at: datetime) -> Case:
    """Return the case as asked, and approved, at another time."""
    return replace(
        case,
        asked_at=at,
        judged_at=at,
        not_before_at=at,
        expires_at=at + (case.expires_at - case.asked_at),
        this=replace(case.this, at=at),
    )


def denied(policy: Policy, case: Case) -> set[str]:
    """Return the rules that say no."""
    return {each.rule for each in denials(evaluate(policy, case))}


def codes(policy: Policy, case: Case) -> set[str]:
    """Return the findings of the rules that say no."""
    return {
        each.finding.code for each in denials(evaluate(policy, case)) if each.finding is not None
    }


def outcome(policy: Policy, case: Case, rule: str) -> Outcome:
    (found,) = (each for each in evaluate(policy, case) if each.rule == rule)
    return found


def limits_denied(policy: Policy, case: Case) -> set[str]:
    """Return the limits that say no."""
    return {each for each in denied(policy, case) if each.startswith("limits.")}
