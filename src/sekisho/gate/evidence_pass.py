"""What was seen of the pass: steps 11 to 14 of docs/gate.md. Nothing here decides."""

from datetime import datetime

from sekisho.gate.steps import Evidence, evidence
from sekisho.kernel.instants import format_instant
from sekisho.passes.ballots import Ballot
from sekisho.passes.leave import Leave
from sekisho.passes.policy.amounts import LIMITS
from sekisho.passes.policy.case import Answer
from sekisho.passes.policy.people import QUORUM
from sekisho.passes.records import Automatic, Decision
from sekisho.passes.register import Register
from sekisho.passes.verify import Standing, standing_of

_SHORT = 16


def standing_behind(register: Register, digest: str) -> Standing:
    """Return where the pass stands; for a child, the standing pass that it was issued under."""
    place = register.child_places.get(digest)
    return standing_of(register, digest if place is None else place[0])


def of_statements(standing: Standing, leave: Leave) -> list[Evidence]:
    """Tell who asked for what, and how many spoke."""
    asked = standing.asked
    children: list[Evidence] = []
    if isinstance(asked.action, Automatic):
        children = [
            evidence(
                "children",
                standing=asked.pass_id,
                children=leave.pass_id.partition("#")[2].replace(",", ", "),
                key=asked.action.issuer_key.hex()[:_SHORT],
            )
        ]
    asking = [each for each in standing.ballots if each.approval.decision is Decision.ASK][:1]
    return [
        *children,
        *(
            evidence("asked", pass_id=asked.pass_id, purpose=asked.purpose, **_said(each))
            for each in asking
        ),
        evidence("counting", counting=len(standing.ballots)),
        *(evidence("set_aside", who=each.subject, code=each.code) for each in standing.set_aside),
    ]


def of_approvals(standing: Standing, register: Register) -> list[Evidence]:
    """Tell who approved, and what that makes by department."""
    approvals = [each for each in standing.ballots if each.approval.decision is Decision.APPROVE]
    needed = dict(register.roster.quorum_transfer.at_least)
    departments = [
        f"{name} {len(standing.counted.get(name, ()))}/{needed.get(name, 0)}"
        for name in sorted(needed.keys() | standing.counted.keys())
    ]
    return [
        *(
            evidence("approved_words" if each.approval.words else "approved", **_said(each))
            for each in approvals
        ),
        evidence("departments", departments=", ".join(departments)),
    ]


def of_policy(standing: Standing, register: Register) -> list[Evidence]:
    """Tell which wallet it is, which rules were asked, and the amounts that they looked at."""
    action, policy = standing.asked.action, register.policy
    wallet = register.wallets.get(getattr(action, "wallet_id", ""))
    if wallet is None or policy is None:
        raise RuntimeError("without a wallet and a policy in force nothing is allowed")
    rules = len(standing.outcomes)
    told = [
        evidence("wallet", wallet_id=wallet.wallet_id, tier=wallet.tier, level=wallet.level),
        evidence("rules", policy_id=policy.policy_id, version=policy.version, rules=rules),
    ]
    for outcome in standing.outcomes:
        seen = dict(outcome.inputs)
        if outcome.rule == QUORUM and outcome.answer is Answer.ALLOWED:
            told.append(evidence("band", counted=seen["counted"], needed=seen["needed"]))
        elif outcome.rule.startswith(LIMITS) and outcome.answer is Answer.ALLOWED:
            told.append(
                evidence("limit", rule=outcome.rule, counted=seen["counted"], most=seen["at most"])
            )
    if isinstance(action, Automatic):
        limits = action.limits
        told.append(
            evidence(
                "child_limits",
                child_max_sat=limits.child_max_sat,
                hour_max_sat=limits.hour_max_sat,
                day_max_sat=limits.day_max_sat,
            )
        )
    return told


def of_time(standing: Standing, leave: Leave, *, now: datetime) -> list[Evidence]:
    """Tell from when until when it holds."""
    from_at = leave.not_before_at
    if standing.complete_at is not None:
        from_at = max(from_at, standing.complete_at)
    locked = standing.held_until_at
    return [
        evidence(
            "in_time",
            from_at=format_instant(from_at),
            until_at=format_instant(leave.expires_at),
            now_at=format_instant(now),
        ),
        *([] if locked is None else [evidence("time_lock", held_until_at=format_instant(locked))]),
    ]


def _said(ballot: Ballot) -> dict[str, str]:
    """Return who said it, where, when and how. Not the statement's number: it bears a mark."""
    said = ballot.approval
    return {
        "person": said.approver,
        "department": "" if ballot.signer is None else ballot.signer.department,
        "terminal": said.terminal_id,
        "signed_at": format_instant(said.signed_at),
        "method": said.method.value,
    }
