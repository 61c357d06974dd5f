"""Under which pass would a PSBT leave? For signers, to whom nobody names one.

Every transaction under a pass spends its anchor, so the coins that a PSBT spends lead to it. The
choice allows nothing: what is chosen is judged by `clear()` like any pass that a person names.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.gate.records import ReadPSBT
from sekisho.kernel.finding import Refused, finding
from sekisho.passes.leave import Leave, leave_of
from sekisho.passes.records import Transfer
from sekisho.passes.register import Register


def choose_pass(
    read: ReadPSBT, register: Register, *, issued: Collection[str], now: datetime
) -> str:
    """Return the digest of the one pass, or child of a standing pass, whose anchor is spent.

    `issued` are the passes that were handed on to a gate. One under which something may leave now
    comes before those under which nothing may, and the pass that replaces another before that one.
    Raises `Refused` for none and for several.
    """
    spent = {each.outpoint for each in read.transaction.inputs}
    found = {
        digest: leave
        for digest in [*_passes(register, spent, issued), *_children(register, spent)]
        if (leave := leave_of(register, digest, now=now)) is not None
    }
    in_force = {digest: leave for digest, leave in found.items() if not leave.findings}
    chosen = _not_replaced(in_force or found)
    txid = read.transaction.txid
    if not chosen:
        raise Refused([finding("gate.no_pass_for_coins", txid, coins=len(spent))])
    if len(chosen) > 1:
        passes = ", ".join(sorted(found[digest].pass_id for digest in chosen))
        raise Refused([finding("gate.several_passes_for_coins", txid, passes=passes)])
    return chosen[0]


def _passes(register: Register, spent: Collection[OutPoint], issued: Collection[str]) -> list[str]:
    return [
        digest
        for digest, known in register.passes.items()
        if digest in issued
        and isinstance(known.asked.action, Transfer)
        and known.asked.action.anchor in spent
    ]


def _children(register: Register, spent: Collection[OutPoint]) -> list[str]:
    """Return one child of each batch: it stands for all that share its anchor (`leave_of`)."""
    chosen: list[str] = []
    for (standing_digest, anchor), numbers in register.batches.items():
        if anchor in spent:
            family = register.children[standing_digest]
            by_worth = sorted(numbers, key=lambda number: bool(family[number].findings))
            chosen.append(family[by_worth[0]].digest)
    return chosen


def _not_replaced(found: dict[str, Leave]) -> Sequence[str]:
    """Return the passes that no other of them replaces: a replacement keeps the anchor."""
    replaced = {leave.transfer.replacement.replaces for leave in found.values()}
    return [digest for digest, leave in found.items() if leave.pass_id not in replaced]
