"""The account of an answer: every step of docs/gate.md, and what it saw, for people.

It is made after the gate has answered, from what was gathered and decided, and changes nothing: a
step says no if the answer's findings say so, yes only if what it looks at was there, and otherwise
it was not looked at. Every finding of the answer is told by one step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from sekisho.gate import evidence_gate, evidence_pass, evidence_psbt, evidence_return
from sekisho.gate.evidence_pass import standing_behind
from sekisho.gate.evidence_psbt import Compared
from sekisho.gate.gathered import Gathered
from sekisho.gate.inputs import judge_inputs
from sekisho.gate.reading import read_psbt
from sekisho.gate.records import ReadPSBT, Returned
from sekisho.gate.steps import RETURNED, Evidence, Step, evidence, number_of, steps
from sekisho.kernel.finding import Finding
from sekisho.passes.bundle import Opened
from sekisho.passes.leave import Leave, leave_of
from sekisho.passes.life import readable_clearances
from sekisho.passes.verify import wallet_in_force
from sekisho.wallets.records import Wallet

_Telling = Callable[[], list[Evidence]]
_LEASE, _BUNDLE, _PASS, _WALLET, _PSBT, _UNCHANGED = 2, 3, 11, 13, 15, 21
"""The steps that, saying no, may keep others from being looked at."""
ASKED_AGAIN = 24
_OWN_KEY = 25
_TO_BE_OPEN = (_LEASE, _BUNDLE)
_TO_LEAVE = (_BUNDLE, _PASS)
_TO_COMPARE = (*_TO_LEAVE, _WALLET, _PSBT)
_NEEDS: Mapping[int, tuple[int, ...]] = {
    **dict.fromkeys((4, 5, 6, 7), _TO_BE_OPEN),
    **dict.fromkeys((8, 9, 12, 14), _TO_LEAVE),
    **dict.fromkeys((10, _PASS), (_BUNDLE,)),
    _WALLET: _TO_LEAVE,
    _PSBT: (*_TO_LEAVE, _WALLET),
    **dict.fromkeys((16, 17, 18, 19, 20), _TO_COMPARE),
    _UNCHANGED: (_BUNDLE, _PASS, _PSBT, 16),
    **dict.fromkeys((22, 23, 24, 25), (_BUNDLE, _PASS, _PSBT, 16, _UNCHANGED, 22, 23)),
}
"""What must be there so that a step can be looked at, by the step that would miss it."""
_APART = frozenset((1, _LEASE, 4))
"""What is looked at without the journal."""
_UNREAD = frozenset(("gate.return_unreadable", "gate.return_transaction_differs"))
"""After these nobody looks at signatures."""


class State(StrEnum):
    """What became of a step."""

    YES = "yes"
    NO = "no"
    NOT_LOOKED_AT = "not_looked_at"
    """Something before it was not there. That is no yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One step of an answer."""

    step: Step
    state: State
    evidence: tuple[Evidence, ...]
    """What was seen; of a step that says no, its findings tell."""
    findings: tuple[Finding, ...]


def account_of(gathered: Gathered, findings: Sequence[Finding]) -> tuple[Told, ...]:
    """Return the account of an answer to a PSBT: steps 1 to 20. No findings mean yes."""
    told, missing = _looked_at(gathered)
    placed = _placed(gathered, findings, missing)
    return tuple(
        _told(step, placed.get(step.number, ()), told.get(step.number), missing)
        for step in steps()
        if step.part != RETURNED
    )


def account_of_return(
    psbt: bytes,
    wallet: Wallet | None,
    answer: Returned | Sequence[Finding],
    *,
    asked_again: bool = False,
    signed_last: bool = False,
) -> tuple[Told, ...]:
    """Return the account of an answer to what a signer returned: steps 21 to 25.

    Earlier steps stand there if they say no. `wallet` is None if this gate had not cleared `psbt`.
    `asked_again` if the gate was asked once more, and said yes; `signed_last` if its own key then
    signed.
    """
    returned = answer if isinstance(answer, Returned) else None
    findings = () if isinstance(answer, Returned) else tuple(answer)
    placed = _grouped([(number_of(each.code) or _UNCHANGED, each) for each in findings])
    told: dict[int, _Telling] = {}
    if wallet is not None and min(placed, default=_UNCHANGED) >= _UNCHANGED:
        told[_UNCHANGED] = partial(evidence_return.of_unchanged, psbt)
        told[23] = evidence_return.of_harmless
        if not any(each.code in _UNREAD for each in findings):
            told[22] = partial(evidence_return.of_signatures, returned, wallet)
    if asked_again:
        told[ASKED_AGAIN] = evidence_return.of_asking_again
    if signed_last:
        told[_OWN_KEY] = evidence_return.of_own_key
    whys = {_OWN_KEY: evidence_return.why_no_own_key(wallet, returned)}
    return tuple(
        _told(
            step,
            placed.get(step.number, ()),
            told.get(step.number),
            set(placed),
            whys.get(step.number),
        )
        for step in steps()
        if step.number in placed or step.part == RETURNED
    )


def _told(
    step: Step,
    findings: Sequence[Finding],
    telling: _Telling | None,
    missing: set[int],
    otherwise: Evidence | None = None,
) -> Told:
    if findings:
        return Told(step=step, state=State.NO, evidence=(), findings=tuple(findings))
    if telling is not None:
        seen = tuple(telling())
        return Told(step=step, state=State.YES, evidence=seen, findings=())
    needs = [each for each in _NEEDS.get(step.number, ()) if each in missing]
    if needs:
        why = evidence("not_looked_at", step=min(needs))
    else:
        why = otherwise or evidence("not_asked_again")
    return Told(step=step, state=State.NOT_LOOKED_AT, evidence=(why,), findings=())


def _looked_at(gathered: Gathered) -> tuple[dict[int, _Telling], set[int]]:
    """Return how each step that was looked at is told, and which steps kept others from it."""
    lease, opened = gathered.lease, gathered.opened
    told: dict[int, _Telling] = {1: partial(evidence_gate.of_memory, gathered)}
    missing: set[int] = set()
    if lease is None:
        missing.add(_LEASE)
    else:
        told[_LEASE] = partial(evidence_gate.of_lease, gathered, lease)
    if opened is None:
        return told, missing | {_BUNDLE}
    told[_BUNDLE] = partial(evidence_gate.of_bundle, gathered, opened)
    told[10] = evidence_gate.of_keeper
    if lease is not None:
        told[4] = partial(evidence_gate.of_clock, gathered)
        told[5] = partial(evidence_gate.of_lease_in_time, gathered, lease, opened)
        told[6] = partial(evidence_gate.of_memory_kept, gathered, lease)
        told[7] = partial(evidence_gate.of_journal_kept, lease, opened)
    leave = leave_of(opened.register, opened.pass_digest, now=gathered.now)
    if leave is None:
        return told, missing | {_PASS}
    told |= _about_pass(gathered, opened, leave)
    wallet = opened.register.wallets.get(leave.transfer.wallet_id)
    if wallet is None:
        return told, missing | {_WALLET}
    read, _ = read_psbt(gathered.psbt, "PSBT")
    if read is None:
        return told, missing | {_PSBT}
    return told | _about_psbt(gathered, opened, leave, wallet, read), missing


def _about_pass(gathered: Gathered, opened: Opened, leave: Leave) -> dict[int, _Telling]:
    register = opened.register
    standing = standing_behind(register, opened.pass_digest)
    return {
        8: partial(evidence_gate.of_freezes, leave, register),
        9: partial(evidence_gate.of_place, gathered.gate, leave, register, now=gathered.now),
        _PASS: partial(evidence_pass.of_statements, standing, leave),
        12: partial(evidence_pass.of_approvals, standing, register),
        _WALLET: partial(evidence_pass.of_policy, standing, register),
        14: partial(evidence_pass.of_time, standing, leave, now=gathered.now),
    }


def _about_psbt(
    gathered: Gathered, opened: Opened, leave: Leave, wallet: Wallet, read: ReadPSBT
) -> dict[int, _Telling]:
    register = opened.register
    coins, _ = judge_inputs(read, leave.transfer, wallet, register.book())
    seen = Compared(
        psbt=gathered.psbt,
        read=read,
        leave=leave,
        wallet=wallet,
        coins=coins,
        register=register,
        used=(*gathered.remembered.used, *readable_clearances(opened.cleared)),
    )
    return {
        _PSBT: partial(evidence_psbt.of_reading, seen),
        16: partial(evidence_psbt.of_coins, seen),
        17: partial(evidence_psbt.of_inputs, seen),
        18: partial(evidence_psbt.of_payments, seen),
        19: partial(evidence_psbt.of_fee, seen),
        20: partial(evidence_psbt.of_use, seen),
    }


def _placed(
    gathered: Gathered, findings: Sequence[Finding], missing: set[int]
) -> dict[int, list[Finding]]:
    """Return the findings by the step that tells them: their own, or the one that went no further.

    Why a genesis or a wallet is not in force is said in findings that the pass itself may have.
    """
    opened = gathered.opened
    of_wallet: list[Finding] = []
    leave = None
    if opened is not None and _WALLET in missing:
        leave = leave_of(opened.register, opened.pass_digest, now=gathered.now)
    if opened is not None and leave is not None:
        _, of_wallet = wallet_in_force(opened.register, leave.transfer.wallet_id)
    placed: list[tuple[int, Finding]] = []
    for each in findings:
        number = number_of(each.code) or 20
        if opened is None and number not in _APART:
            number = _BUNDLE
        placed.append((_WALLET if each in of_wallet else number, each))
    return _grouped(placed)


def _grouped(placed: Sequence[tuple[int, Finding]]) -> dict[int, list[Finding]]:
    grouped: dict[int, list[Finding]] = {}
    for number, each in placed:
        grouped.setdefault(number, []).append(each)
    return grouped
