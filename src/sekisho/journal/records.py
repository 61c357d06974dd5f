"""What the journal holds: things that were decided, in order, never edited."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sekisho.kernel.canonical import Json

GENESIS = bytes(32)
"""What the first entry names as the hash of the entry before it."""

ENTRY_MAX_BYTES = 1024 * 1024
"""The largest document of one entry. Larger evidence is kept beside and named by its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Something to be written into the journal."""

    entry_id: str
    """A ULID that the writer makes and saves before asking: a repeat is known by it."""
    at: datetime
    """Aware; the journal keeps whole seconds of UTC."""
    kind: str
    """What happened, as `<noun>.<what>`: lower-case words, digits, underscores and dots."""
    actor: str
    """Who did it: one printable line."""
    body: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that stands in the journal. Only `journal.entries` makes one."""

    seq: int
    """Its place; the first is 1."""
    entry_id: str
    at: datetime
    kind: str
    actor: str
    body: dict[str, Json]
    prev_hash: bytes
    """The hash of the entry before it; `GENESIS` for the first."""
    hash: bytes
    """`tagged_digest("journal-entry", document)`; this is also the Merkle tree's leaf data."""
    document: bytes
    """The canonical bytes that are stored and hashed; the other fields were read from them."""


class Row(NamedTuple):
    """A stored row as it is found, before anybody has checked that it is an entry.

    A tuple and not a dataclass: the audit looks at every row there is, and the making of the
    record must not cost more than the hashing of the entry.
    """

    seq: int
    entry_id: str
    hash: bytes
    document: bytes
