"""What a gate remembers: a journal of its own, in which every answer stands before it is given.

It is a hash chain like the exchange's. Its end is named in every lease, so that a gate which was
put back from a backup, and has forgotten what it let through, gets no other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sekisho.gate.records import Gate
from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.passes.lease import NUMBER_MAX, TAIL_MAX, LeaseRequest, Memory
from sekisho.passes.life import GATE_REFUSED, Clearance, clearances

GATE_BEGAN = "gate.began"
GATE_LEASED = "gate.leased"
"""A lease was taken. No lower one is good from then on."""
HOSTILE = "hostile_after_order"
"""In a refusal of what came back: it is a live hostile signature, and this was the last order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A gate's memory, read once."""

    hashes: tuple[str, ...]
    """Of every entry, from the first on."""
    used: tuple[Clearance, ...]
    lease_number: int
    """The highest that was taken."""
    high_water_at: datetime
    """The latest moment that the gate is sure to have lived through."""
    hostile_order: int
    """The number of the last order when a hostile signature came back; -1 if none ever did."""

    @property
    def size(self) -> int:
        """Return how many entries there are."""
        return len(self.hashes)

    def holds(self, memory: Memory) -> bool:
        """Return whether the memory was once as `memory` says, and has only grown since."""
        return 1 <= memory.size <= self.size and self.hashes[memory.size - 1] == memory.tip


def remember(entries: Iterable[Entry]) -> Remembered:
    """Return what a gate's memory holds.

    Raises `BadInputError` for a memory that did not begin as one, or in which an answer cannot be
    read: a gate that cannot read its own memory must not conclude that a pass was never used.
    """
    entries = tuple(entries)
    if not entries or entries[0].kind != GATE_BEGAN:
        raise BadInputError("the gate's memory", f"does not begin with {GATE_BEGAN}")
    return Remembered(
        hashes=tuple(each.hash.hex() for each in entries),
        used=clearances(entries),
        lease_number=max((_lease_number(each) for each in entries), default=0),
        high_water_at=max(map(_lived_until, entries)),
        hostile_order=max(map(_hostile_order, entries)),
    )


def lease_request(remembered: Remembered, gate: Gate) -> LeaseRequest:
    """Return what a gate shows to whoever grants leases."""
    first = max(1, remembered.size - TAIL_MAX + 1)
    return LeaseRequest(
        genesis_digest=gate.genesis_digest,
        gate_id=gate.gate_id,
        first=first,
        hashes=remembered.hashes[first - 1 :],
    )


def _lease_number(entry: Entry) -> int:
    if entry.kind != GATE_LEASED:
        return 0
    fields = Fields(entry.body, f"the gate's memory, entry {entry.seq}")
    return fields.integer("number", at_least=1, at_most=NUMBER_MAX)


def _lived_until(entry: Entry) -> datetime:
    """Return the latest moment that an entry vouches for.

    A clearance and a lease that was taken vouch for their own time: a lease had not run out then.
    A refusal, and what is said of a signer's return, need no lease. Their own time is this clock's
    word alone, and one question asked with a clock that is years ahead must not shut the gate for
    years: so they say what was sure by then.
    """
    if "high_water_at" not in entry.body:
        return entry.at
    fields = Fields(entry.body, f"the gate's memory, entry {entry.seq}")
    return fields.instant("high_water_at")


def _hostile_order(entry: Entry) -> int:
    """Return how many orders there were when this says that a hostile signature came back."""
    if entry.kind != GATE_REFUSED or HOSTILE not in entry.body:
        return -1
    fields = Fields(entry.body, f"the gate's memory, entry {entry.seq}")
    return fields.integer(HOSTILE, at_least=0, at_most=NUMBER_MAX)
