"""What a node's ZMQ messages say: a topic, a body, and the topic's own counter.

`rawtx` carries a transaction, `rawblock` a block, `sequence` what happened to a block or in the
mempool (bitcoin/bitcoin, `doc/zmq.md`). Anybody who reaches the port could have sent them: they
are bells, and what matters is read again or proven otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sekisho.chains.bitcoin.blocks import BLOCK_SIZE_MAX, HEADER_SIZE
from sekisho.kernel.errors import BadInputError

RAWTX: Final = "rawtx"
RAWBLOCK: Final = "rawblock"
SEQUENCE: Final = "sequence"
TOPICS: Final = (RAWTX, RAWBLOCK, SEQUENCE)
COUNTER_RANGE: Final = 2**32
"""The counter of a topic goes on from 0 after this many messages."""
_COUNTER_SIZE = 4
_HASH_SIZE = 32
_SEQUENCE_SIZE = 8


class Label(StrEnum):
    """What a `sequence` message tells."""

    CONNECTED = "C"
    """A block became part of the chain."""
    DISCONNECTED = "D"
    ADDED = "A"
    """A transaction entered the mempool."""
    REMOVED = "R"
    """A transaction left the mempool, and not into a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message, as it came."""

    topic: str
    counter: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the body of a `sequence` message says."""

    label: Label
    hash: bytes
    """Of the block or the transaction, in display order."""
    mempool_sequence: int
    """The number of the change to the mempool; 0 for blocks, which have none."""


def read_frame(parts: Sequence[bytes]) -> Frame:
    """Return the message that these parts are; raises `BadInputError` if they are none."""
    if len(parts) != 3:
        raise BadInputError("ZMQ message", f"has {len(parts)} parts, not 3")
    name, body, counter = parts
    topic = name.decode("ascii", errors="replace")
    if topic not in TOPICS:
        raise BadInputError("ZMQ message", f"is of the topic {topic[:40]!r}")
    if len(counter) != _COUNTER_SIZE:
        raise BadInputError(f"ZMQ {topic}", f"its counter has {len(counter)} bytes, not 4")
    least = HEADER_SIZE if topic == RAWBLOCK else 1
    if not least <= len(body) <= BLOCK_SIZE_MAX:
        raise BadInputError(f"ZMQ {topic}", f"its body has {len(body)} bytes")
    return Frame(topic=topic, counter=int.from_bytes(counter, "little"), body=bytes(body))


def read_note(body: bytes) -> Note:
    """Return what a `sequence` message says; raises `BadInputError` for anything out of form."""
    where = f"ZMQ {SEQUENCE}"
    try:
        label = Label(body[_HASH_SIZE : _HASH_SIZE + 1].decode("ascii", errors="replace"))
    except ValueError as error:
        raise BadInputError(where, "has no label of C, D, A and R") from error
    numbered = label in {Label.ADDED, Label.REMOVED}
    size = _HASH_SIZE + 1 + (_SEQUENCE_SIZE if numbered else 0)
    if len(body) != size:
        raise BadInputError(where, f"{label} has {len(body)} bytes, not {size}")
    number = int.from_bytes(body[_HASH_SIZE + 1 :], "little")
    return Note(label=label, hash=body[:_HASH_SIZE], mempool_sequence=number)


def lost_between(before: int, counter: int) -> int:
    """Return how many messages of a topic are missing between two counters; -1 for a restart.

    A node counts from 0 again when it starts: so a counter that does not go forward, over the end
    of its range too, is another life of the node.
    """
    missing = (counter - before - 1) % COUNTER_RANGE
    return missing if missing < COUNTER_RANGE // 2 else -1
