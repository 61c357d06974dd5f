"""From the last searched block to a node's tip, by hash, over the fork where there is one.

A node publishes only its newest tip (bitcoin/bitcoin issue 20376: of a reorganisation the blocks
between are never announced). So a tip is a bell. From it the headers are walked back to a block
that was searched already, and every block from there on is read from the node, in order.
"""

from collections.abc import Iterable
from enum import StrEnum

from sekisho.watch.feed_records import AskBlock, AskHeader, Header

FIRST_BLOCKS = 6
"""How many of the newest blocks are searched where none was before."""
HEADERS_KEPT = 288
"""Two days of blocks: no fork is deeper, and each must be found."""
HEADERS_MIN = 100


class Place(StrEnum):
    """Where a block lies."""

    IN_CHAIN = "in_chain"
    """In the chain that ends in the tip, or upon the tip and not stood at yet."""
    BESIDE = "beside"
    """On another branch."""
    OPEN = "open"
    """On another branch that nobody has stood at or left yet: a node may be on its way there."""
    UNKNOWN = "unknown"
    """Below all that is kept."""


class Blocks:
    """The blocks that were searched, whichever node had them, and the tip."""

    def __init__(self, headers: Iterable[Header] = ()) -> None:
        self._headers: dict[bytes, Header] = {}
        self._chain: dict[int, bytes] = {}
        """By height, of the chain that ends in the tip."""
        self._stale: set[bytes] = set()
        self.tip: Header | None = None
        for each in headers:
            self.add(each)
        if self._headers:
            self.stand_at(next(reversed(self._headers)))
            self.forget_old()

    def __len__(self) -> int:
        return len(self._headers)

    def __contains__(self, block_hash: bytes) -> bool:
        return block_hash in self._headers

    def add(self, header: Header) -> None:
        """Note a searched block."""
        self._headers[header.hash] = header

    def can_stand_at(self, block_hash: bytes) -> bool:
        """Return whether a block was searched, and is not below all that is kept of the chain.

        A node down there has lost its blocks and catches up. No fork is so deep.
        """
        header = self._headers.get(block_hash)
        return header is not None and header.height >= min(self._chain, default=0)

    def stand_at(self, block_hash: bytes) -> int:
        """Take a searched block for the tip; return how many more searched ones are not before it.

        Those were in the chain, or on a branch beside it, however short a time.
        """
        tip = self._headers[block_hash]
        chain: dict[int, bytes] = {}
        here: Header | None = tip
        while here is not None:
            chain[here.height] = here.hash
            here = self._headers.get(here.prev_hash)
        beside = self._headers.keys() - set(chain.values())
        stale = {each for each in beside if not self._is_upon(tip, each)}
        undone = len(stale - self._stale)
        self.tip, self._chain, self._stale = tip, chain, stale
        return undone

    def place(self, block_hash: bytes, height: int) -> Place:
        """Return where a block lies, whether or not it was searched."""
        header = self._headers.get(block_hash)
        if header is None:  # of each height one block is in the chain
            return Place.BESIDE if height in self._chain else Place.UNKNOWN
        there = self._chain.get(header.height)
        if there == block_hash or self.tip is None or self._is_upon(self.tip, block_hash):
            return Place.IN_CHAIN
        return Place.BESIDE if block_hash in self._stale else Place.OPEN

    def depth(self, height: int) -> int:
        """Return how deep the block at a height of the chain lies; the tip is the first."""
        return 1 if self.tip is None else max(self.tip.height - height + 1, 1)

    def upwards(self, height: int, most: int) -> tuple[bytes, ...]:
        """Return the hashes of the chain's blocks from a height on, so many at most."""
        heights = range(height, height + most)
        return tuple(self._chain[each] for each in heights if each in self._chain)

    def forget_old(self) -> None:
        """Keep the newest headers alone. Before, whoever needs an older block's place asks."""
        if len(self._headers) > HEADERS_KEPT:
            newest = sorted(self._headers.values(), key=lambda each: each.height)[-HEADERS_KEPT:]
            floor = newest[0].height
            self._headers = {each.hash: each for each in newest}
            self._stale &= self._headers.keys()
            self._chain = {at: each for at, each in self._chain.items() if at >= floor}

    def headers(self) -> tuple[Header, ...]:
        """Return the newest headers, lowest first, of what is or may be in the chain.

        Whoever begins with these searches again what is beside it, if a node ever goes there.
        """
        found = [
            each
            for each in self._headers.values()
            if self.place(each.hash, each.height) is not Place.BESIDE
        ]
        return tuple(sorted(found, key=lambda each: each.height)[-HEADERS_KEPT:])

    def _is_upon(self, tip: Header, block_hash: bytes) -> bool:
        """Return whether a block is built on the tip by blocks that nobody has left yet."""
        here = self._headers.get(block_hash)
        while here is not None and here.height > tip.height:
            if here.hash in self._stale or self._chain.get(here.height) == here.hash:
                return False
            here = self._headers.get(here.prev_hash)
        return here is not None and here.hash == tip.hash

    @property
    def floor_height(self) -> int:
        """The height below which nobody walks back to find a fork."""
        lowest = min((each.height for each in self._headers.values()), default=0)
        return max(lowest - max(HEADERS_MIN - len(self._headers), 0), 0)


class BlockPath:
    """One node's way from what was searched to its tip: one question at a time."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._aim = b""
        self._walked: list[Header] = []
        """Newest first: headers of blocks still to be searched."""
        self._asked = False
        self._first_height = -1

    @property
    def is_there(self) -> bool:
        """Whether everything up to the tip that was last heard of is searched."""
        return self._aim in self._blocks

    def aim(self, tip: bytes) -> list[AskHeader | AskBlock]:
        """Go for this tip."""
        self._aim = tip
        return self._next()

    def header(self, header: Header) -> list[AskHeader | AskBlock]:
        """Take in a header that was asked for."""
        self._asked = False
        if not self._walked or self._walked[-1].prev_hash == header.hash:
            self._walked.append(header)
        return self._next()

    def searched(self, block_hash: bytes) -> list[AskHeader | AskBlock]:
        """Go on after a block."""
        self._asked = False
        if self._walked and self._walked[-1].hash == block_hash:
            self._walked.pop()
        return self._next()

    def failed(self) -> None:
        """Begin again from the tip at the next opportunity."""
        self._asked = False
        self._walked = []

    def again(self) -> list[AskHeader | AskBlock]:
        """Ask again what failed, or what another node's search made needless."""
        return self._next()

    def _next(self) -> list[AskHeader | AskBlock]:
        if self._asked or not self._aim:
            return []
        while self._walked and self._walked[-1].hash in self._blocks:
            self._walked.pop()  # another node had it in the meantime
        if not self._walked:
            self._first_height = -1
            if self._aim in self._blocks:
                return []
            return self._ask(AskHeader(hash=self._aim))
        if self._is_whole():
            return self._ask(AskBlock(header=self._walked[-1]))
        return self._ask(AskHeader(hash=self._walked[-1].prev_hash))

    def _is_whole(self) -> bool:
        """Return whether what was walked begins right after what was searched."""
        last = self._walked[-1]
        if last.prev_hash in self._blocks or last.height == 0:
            return True
        if self._first_height < 0:
            newest = self._walked[0].height
            empty = not self._blocks
            floor = newest - FIRST_BLOCKS + 1 if empty else self._blocks.floor_height
            self._first_height = max(floor, 0)
        return last.height <= self._first_height

    def _ask(self, ask: AskHeader | AskBlock) -> list[AskHeader | AskBlock]:
        self._asked = True
        return [ask]
