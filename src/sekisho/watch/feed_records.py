"""What a node's feed hears, and what it asks for: plain values between the edges and the fold."""

from dataclasses import dataclass
from typing import TypeAlias

from sekisho.kernel.finding import Finding
from sekisho.watch.frames import Note

# What is heard -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The socket of a topic has a connection: from soon on, its messages come."""

    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """The socket of a topic lost its connection: what was said since is lost."""

    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message of a topic came; what a block's or a transaction's body holds is known already."""

    topic: str
    counter: int
    messages: int = 1
    """So many came, one after the other without a gap; `counter` is of the last of them."""
    block_hash: bytes = b""
    """In display order; of a `rawblock` message."""
    note: Note | None = None
    """Of a `sequence` message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What the node says of itself, each second."""

    asked_ms: int
    tip: bytes
    height: int
    in_download: bool
    """Still in its initial download of blocks."""
    mempool: str
    """Changes whenever the mempool does: count, bytes and fees of what is in it."""
    topics: frozenset[str]
    """Those that the node says it publishes."""
    uptime_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """One line of `getzmqnotifications`."""

    topic: str
    address: str
    high_water: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the node is set up; read when the watcher starts and when the node was restarted."""

    version: int
    """As `getnetworkinfo` gives it: 290402 for 29.4.2."""
    genesis_hash: str
    pruned: bool
    in_download: bool
    notifiers: tuple[Notifier, ...]
    """In the order in which the node lists them, which is that in which it opened them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What is in the mempool."""

    asked_ms: int
    txids: tuple[bytes, ...]
    mempool_sequence: int
    """The number that the next change to the mempool will have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Transactions that were asked for were looked at, those that are still there."""

    gone: tuple[bytes, ...]
    """Those that are not: in a block by now, or dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The place of a block in the chain. Hashes are in display order."""

    hash: bytes
    prev_hash: bytes
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSearched:
    """A block was searched and its verdicts are durable, or it cannot be had."""

    hash: bytes
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A question was not answered, or refused."""

    ask: "Question"
    reason: str


Event: TypeAlias = (
    Joined | Parted | Heard | Pulse | Settings | Listed | Fetched | Header | BlockSearched | Failed
)

# What is asked for -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSettings:
    """How is the node set up?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Listen at these addresses, and drop earlier connections."""

    addresses: tuple[tuple[str, str], ...]
    """Topic and address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskListing:
    """What is in the mempool?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTransactions:
    """Look at these transactions of the mempool."""

    txids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskHeader:
    """What is the place of this block?"""

    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AskBlock:
    """Search this block."""

    header: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class AskBurial:
    """What does a block hold, and which headers lie upon it? On no feed's way."""

    hashes: tuple[bytes, ...]
    """Of the block first, then of those upon it."""


Ask: TypeAlias = AskSettings | AskListing | AskTransactions | AskHeader | AskBlock
Question: TypeAlias = Ask | AskBurial

# What is said ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something is not as it should be; it is said once."""

    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """From a moment on, it is not proven that everything was seen."""

    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeing:
    """Everything is seen again, and what can be known of the gap was looked at."""

    since_ms: int
    """When the gap began; nothing before it is in doubt."""
    until_ms: int
    was_blind: bool
    """Whether it was said that the node is not seen."""


Action: TypeAlias = Ask | Listen | Trouble | Blind | Seeing
