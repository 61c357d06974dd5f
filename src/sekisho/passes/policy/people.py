"""Rules about who must say yes: the quorum, own machines, new destinations, business hours."""

from datetime import datetime, timedelta, timezone

from sekisho.kernel.finding import finding
from sekisho.kernel.money import Sat
from sekisho.passes.policy.case import Case, Destination, Outcome
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.outcomes import Inputs, denied, judged, off, passed_over
from sekisho.passes.policy.records import (
    ANY_PURPOSE,
    BusinessHours,
    FirstTime,
    Off,
    Policy,
    QuorumStep,
)
from sekisho.passes.policy.weigh import (
    Weighed,
    counted_sat,
    exceeds,
    is_known,
    moment,
    reaches,
    size,
    unknown,
    worth,
)

QUORUM = "quorum"
OWN_MACHINE = "own_machine"
FIRST_TIME = "first_time"
BUSINESS_HOURS = "business_hours"
_NO_PEOPLE = "children of a standing pass have no people; limits hold them"


def quorum(policy: Policy, seen: Weighed) -> Outcome:
    """Have enough people of each department approved, for this much and all that is related?"""
    case = seen.case
    if case.automatic:
        return passed_over(QUORUM, policy.reference, _NO_PEOPLE)
    steps = _selected(policy, seen)
    reference = "; ".join(dict.fromkeys(each.reference for each in steps))
    approvers = _approvers(case)
    inputs: Inputs = (
        ("counted", worth(seen, seen.related_sat)),
        ("wallet", f"{case.wallet.tier}, {case.wallet.level}"),
        ("purpose", case.purpose),
        ("approved by", _counts({each: len(ids) for each, ids in approvers.items()})),
    )
    why = unknown(seen, *(each.least for each in steps))
    if why is not None:
        return denied(QUORUM, reference, inputs, why)
    needed = _needed(seen, steps)
    if not needed:
        why = finding("passes.quorum_unset", case.wallet.wallet_id, purpose=case.purpose)
        return denied(QUORUM, reference, inputs, why)
    have = {each: len(approvers.get(each, ())) for each in needed}
    missing = {each: number - have[each] for each, number in needed.items() if number > have[each]}
    inputs = (*inputs, ("needed", _counts(needed)))
    if missing:
        why = finding(
            "passes.policy_quorum_missing",
            case.wallet.wallet_id,
            missing=_counts(missing),
            needed=_counts(needed),
            counted_sat=seen.related_sat,
        )
    return judged(QUORUM, reference, inputs, why)


def own_machine(policy: Policy, seen: Weighed) -> Outcome:
    """Have enough approvers signed where the server cannot choose what they see?"""
    rule, case = policy.own_machine, seen.case
    if isinstance(rule, Off):
        return off(OWN_MACHINE, rule)
    if case.automatic:
        return passed_over(OWN_MACHINE, policy.reference, _NO_PEOPLE)
    steps = [each for each in rule if case.wallet.tier in each.tiers]
    if not steps:
        return passed_over(OWN_MACHINE, policy.reference, f"not for {case.wallet.tier} wallets")
    have = len(set(case.own_machine) & _everybody(case))
    why = unknown(seen, *(each.least for each in steps))
    met = [each for each in steps if why is None and reaches(seen, seen.related_sat, each.least)]
    needed = max((each.people for each in met), default=0)
    inputs = (
        ("counted", worth(seen, seen.related_sat)),
        ("from", "; ".join(f"{size(each.least)}: {each.people}" for each in steps)),
        ("needed", str(needed)),
        ("with the words entered", str(have)),
    )
    if why is None and have < needed:
        why = finding(
            "passes.own_machine_missing",
            case.wallet.wallet_id,
            needed=needed,
            have=have,
            counted_sat=seen.related_sat,
        )
    return judged(OWN_MACHINE, steps[0].reference, inputs, why)


def first_time(policy: Policy, seen: Weighed) -> Outcome:
    """Is little enough going to addresses that nobody knows yet, and do enough people say so?"""
    rule, case = policy.first_time, seen.case
    if isinstance(rule, Off):
        return off(FIRST_TIME, rule)
    new = [each for each in case.destinations if _is_new(policy, seen, rule, each)]
    if not new:
        return passed_over(FIRST_TIME, rule.reference, "every destination is known")
    after_at = case.this.at - timedelta(seconds=rule.new_for_seconds)
    amounts: dict[str, int] = {}
    for each in new:
        amounts[each.address] = amounts.get(each.address, 0) + each.amount_sat
    counted = Sat(
        sum(
            counted_sat(case, Scope.DESTINATION, address, Sat(amount), after_at=after_at)
            for address, amount in amounts.items()
        )
    )
    inputs = (
        ("new destinations", ", ".join(dict.fromkeys(each.address for each in new))),
        ("counted", worth(seen, counted)),
        ("at most", size(rule.most)),
    )
    why = unknown(seen, rule.most)
    if why is None and exceeds(seen, counted, rule.most):
        why = finding(
            "passes.first_time_too_much",
            new[0].address,
            counted_sat=counted,
            most=size(rule.most),
        )
    if why is not None:
        return denied(FIRST_TIME, rule.reference, inputs, why)
    return _with_more(policy, seen, FIRST_TIME, rule, inputs)


def business_hours(policy: Policy, seen: Weighed) -> Outcome:
    """Was it asked for and approved while people are at work, or is it small and seen by more?"""
    rule, case = policy.business_hours, seen.case
    if isinstance(rule, Off):
        return off(BUSINESS_HOURS, rule)
    if case.automatic:
        return passed_over(BUSINESS_HOURS, rule.reference, _NO_PEOPLE)
    zone = timezone(timedelta(minutes=policy.utc_offset_minutes))
    times = [each.astimezone(zone) for each in (case.asked_at, case.judged_at)]
    inputs: Inputs = (
        ("asked", f"{times[0]:%a %Y-%m-%d %H:%M} ({moment(case.asked_at)})"),
        ("approved", f"{times[1]:%a %Y-%m-%d %H:%M} ({moment(case.judged_at)})"),
    )
    if all(_at_work(rule, each) for each in times):
        return judged(BUSINESS_HOURS, rule.reference, inputs, None)
    inputs = (
        *inputs,
        ("counted", worth(seen, seen.related_sat)),
        ("outside, at most", size(rule.most)),
    )
    why = unknown(seen, rule.most)
    if why is None and exceeds(seen, seen.related_sat, rule.most):
        why = finding(
            "passes.outside_hours",
            case.wallet.wallet_id,
            asked_at=moment(case.asked_at),
            approved_at=moment(case.judged_at),
            counted_sat=seen.related_sat,
            most=size(rule.most),
        )
    if why is not None:
        return denied(BUSINESS_HOURS, rule.reference, inputs, why)
    return _with_more(policy, seen, BUSINESS_HOURS, rule, inputs)


def _with_more(
    policy: Policy,
    seen: Weighed,
    name: str,
    rule: FirstTime | BusinessHours,
    inputs: Inputs,
) -> Outcome:
    """Return whether, beside the quorum, the rule's extra people have approved."""
    case = seen.case
    if case.automatic:
        return judged(name, rule.reference, inputs, None)
    steps = _selected(policy, seen)
    why = unknown(seen, *(each.least for each in steps))
    if why is not None:
        return denied(name, rule.reference, inputs, why)
    needed = sum(_needed(seen, steps).values()) + rule.extra_people
    have = len(_everybody(case))
    inputs = (*inputs, ("people needed", str(needed)), ("approved", str(have)))
    if have < needed:
        why = finding(
            "passes.people_too_few",
            case.wallet.wallet_id,
            have=have,
            needed=needed,
            extra=rule.extra_people,
            rule=name,
        )
    return judged(name, rule.reference, inputs, why)


def _selected(policy: Policy, seen: Weighed) -> list[QuorumStep]:
    """Return the steps that are for this wallet and purpose, whatever the size."""
    case = seen.case
    return [
        each
        for each in policy.quorum
        if case.wallet.tier in each.tiers
        and case.wallet.level in each.levels
        and (ANY_PURPOSE in each.purposes or case.purpose in each.purposes)
    ]


def _needed(seen: Weighed, steps: list[QuorumStep]) -> dict[str, int]:
    """Return how many of each department: every step that is met holds."""
    needed: dict[str, int] = {}
    for step in steps:
        if reaches(seen, seen.related_sat, step.least):
            for department, number in step.people.at_least:
                needed[department] = max(number, needed.get(department, 0))
    return needed


def _is_new(policy: Policy, seen: Weighed, rule: FirstTime, destination: Destination) -> bool:
    case = seen.case
    if is_known(policy, case, destination):
        return False
    paid_at = case.history.first_paid_at(destination.address, before=case.history_before)
    return (
        destination.first_time
        or paid_at is None
        or (case.this.at - paid_at).total_seconds() < rule.new_for_seconds
    )


def _at_work(rule: BusinessHours, at: datetime) -> bool:
    minute = at.hour * 60 + at.minute
    return at.weekday() in rule.weekdays and rule.from_minute <= minute < rule.until_minute


def _approvers(case: Case) -> dict[str, set[str]]:
    """Return who approved, by department; never who asked."""
    return {each: set(ids) - {case.requester} for each, ids in case.approved_by.items()}


def _everybody(case: Case) -> set[str]:
    return set().union(*_approvers(case).values())


def _counts(people: dict[str, int]) -> str:
    return ", ".join(f"{department} {number}" for department, number in sorted(people.items()))
