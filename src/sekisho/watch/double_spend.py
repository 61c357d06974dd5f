"""A movement that was confirmed, undone, and is displaced by another: is anything lost by it?

Nothing is where the other does the same for us: an outflow under the same pass, or a deposit that
pays the same scripts of ours at least as much. Nor where the movement was an alarm itself, which
nobody wanted to last and has its incident, nor where it was a stranger's dust.
"""

from collections import Counter
from dataclasses import dataclass

from sekisho.kernel.finding import finding
from sekisho.kernel.money import Sat
from sekisho.watch.life_records import Change
from sekisho.watch.records import Movement, Verdict, VerdictKind

_AS_ALLOWED = frozenset({VerdictKind.MATCHED, VerdictKind.REPLACEMENT})
_WANTED = frozenset({*_AS_ALLOWED, VerdictKind.UNDETERMINED, VerdictKind.DEPOSIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """A movement, and what was thought of it."""

    movement: Movement
    kind: VerdictKind
    pass_id: str


def double_spent(
    displaced: Thought, was: Change, *, by_txid: str, by: Thought | None
) -> Verdict | None:
    """Return the verdict on a displaced movement that was confirmed; None if nothing is lost.

    `was` says where it was; `by` is what displaced it, None if that is not about us.
    """
    movement = displaced.movement
    if displaced.kind not in _WANTED or (by is not None and _does_the_same(displaced, by)):
        return None
    received_sat = Sat(sum(_received(movement).values()))
    lost_sat = received_sat if displaced.kind is VerdictKind.DEPOSIT else movement.left_sat
    txid = movement.transaction.txid
    lost = finding(
        "watch.double_spent",
        txid,
        amount_sat=lost_sat,
        block=was.block_hash,
        height=was.height,
        by=by_txid,
    )
    return Verdict(
        kind=VerdictKind.DOUBLE_SPENT,
        txid=txid,
        pass_id=displaced.pass_id,
        findings=(lost,),
        left_sat=lost_sat,
        fee_sat=movement.fee_sat,
        wallet_ids=movement.wallet_ids,
    )


def _does_the_same(displaced: Thought, by: Thought) -> bool:
    if displaced.kind is VerdictKind.DEPOSIT:
        return _received(displaced.movement) <= _received(by.movement)
    return by.kind in _AS_ALLOWED and by.pass_id == displaced.pass_id != ""


def _received(movement: Movement) -> Counter[bytes]:
    """Return how much each script of ours is paid."""
    paid: Counter[bytes] = Counter()
    for each in movement.outputs:
        if each.pays:
            paid[each.script] += each.amount_sat
    return paid
