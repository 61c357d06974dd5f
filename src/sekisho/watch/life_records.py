"""The life of a movement, as the journal keeps it: batches of changes, of which the last counts.

What an entry says is what was known when it was written. It gives no power: whoever reads it
holds it to what the nodes say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sekisho.journal.records import Entry
from sekisho.kernel.canonical import INTEGER_MAX, Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields

WATCH_LIVES: Final = "watch.lives"
CHANGES_MAX: Final = 500
"""In one entry."""
NO_HEIGHT: Final = -1
_WATCH_JUDGED: Final = "watch.judged"


class State(StrEnum):
    """Where a movement stands."""

    SEEN = "seen"
    """In a mempool."""
    CONFIRMED = "confirmed"
    SETTLED = "settled"
    """Confirmed so deep that it counts as final."""
    UNDONE = "undone"
    """Its block is not in the chain any more, and it is in no mempool."""
    REPLACED = "replaced"
    """Another transaction that spends one of its coins is in a mempool."""
    DISPLACED = "displaced"
    """Another transaction that spends one of its coins is in the chain."""
    GONE = "gone"
    """In no mempool any more, never confirmed, and nothing else spends its coins."""


IN_CHAIN: Final = frozenset({State.CONFIRMED, State.SETTLED})
LIVE: Final = frozenset({State.SEEN, *IN_CHAIN})
"""Of all movements that spend one coin, one at most is in such a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From now on a movement stands here."""

    txid: str
    state: State
    block_hash: str = ""
    """Where it is, or was before it was undone; where that is which displaced it."""
    height: int = NO_HEIGHT
    by_txid: str = ""
    """What replaced or displaced it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the journal says of one movement."""

    last: Change
    told_at: datetime
    """When that was written down."""
    confirmed: Change | None
    """Where it was last confirmed; None if it never was."""


def lives_body(changes: Sequence[Change]) -> dict[str, Json]:
    """Return the body of the journal entry that holds these changes."""
    return {
        "changes": [
            {
                "txid": each.txid,
                "state": each.state.value,
                "block_hash": each.block_hash,
                "height": each.height,
                "by_txid": each.by_txid,
            }
            for each in changes
        ]
    }


def read_changes(entry: Entry) -> tuple[Change, ...]:
    """Return the changes in an entry; raises `BadInputError` for any that is out of form."""
    fields = Fields(entry.body, f"journal entry {entry.seq}")
    changes = fields.each("changes", _read_change)
    fields.done()
    return changes


def _read_change(fields: Fields) -> Change:
    change = Change(
        txid=fields.hex("txid", size=32).hex(),
        state=State(fields.choice("state", tuple(State))),
        block_hash=fields.hex("block_hash", size=32, empty=True).hex(),
        height=fields.integer("height", at_least=NO_HEIGHT, at_most=INTEGER_MAX),
        by_txid=fields.hex("by_txid", size=32, empty=True).hex(),
    )
    fields.done()
    if (change.state in IN_CHAIN) > bool(change.block_hash):
        raise fields.fail("block_hash", "is empty")
    if bool(change.block_hash) is not (change.height > NO_HEIGHT):
        raise fields.fail("height", "does not go with the block")
    return change


def told_lives(entries: Iterable[Entry]) -> dict[str, Told]:
    """Return what the journal says of each movement that was judged, by txid.

    An entry that is out of form says nothing, and nothing is said of what was never judged.
    """
    judged: set[str] = set()
    told: dict[str, Told] = {}
    for entry in entries:
        if entry.kind == _WATCH_JUDGED:
            judged.add(str(entry.body.get("txid")))
        if entry.kind != WATCH_LIVES:
            continue
        try:
            changes = read_changes(entry)
        except BadInputError:
            continue
        for each in changes:
            if each.txid in judged:
                before = told[each.txid].confirmed if each.txid in told else None
                confirmed = each if each.state in IN_CHAIN else before
                told[each.txid] = Told(last=each, told_at=entry.at, confirmed=confirmed)
    return told
