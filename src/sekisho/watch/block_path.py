"""From the last searched block to a node's tip, by hash, over the fork where there is one.

A node publishes only its newest tip (bitcoin/bitcoin issue 20376: of a reorganisation the blocks
between are never announced). So a tip is a bell. From it the headers are walked back to a block
that was searched already, and every block from there on is read from the node, in order.
"""

from collections.abc import Iterable

from sekisho.watch.feed_records import AskBlock, AskHeader, Header

FIRST_BLOCKS = 6
"""How many of the newest blocks are searched where none was before."""
HEADERS_KEPT = 288
"""Two days of blocks: no fork is deeper, and each must be found."""
HEADERS_MIN = 100


class Blocks:
    """The blocks that were searched, whichever node had them, and the newest of them."""

    def __init__(self, headers: Iterable[Header] = ()) -> None:
        self._headers: dict[bytes, Header] = {}
        self.tip: Header | None = None
        for each in headers:
            self.add(each)

    def __contains__(self, block_hash: bytes) -> bool:
        return block_hash in self._headers

    def add(self, header: Header) -> int:
        """Note a searched block; return how many blocks left the chain for it.

        The highest is the tip, of two the one that came first.
        """
        self._headers[header.hash] = header
        if self.tip is not None and header.height <= self.tip.height:
            return 0
        undone = 0 if self.tip is None else self._undone(header, self.tip)
        self.tip = header
        if len(self._headers) > HEADERS_KEPT:
            low = header.height - HEADERS_KEPT
            self._headers = {key: it for key, it in self._headers.items() if it.height > low}
        return undone

    def headers(self) -> tuple[Header, ...]:
        """Return every header that is kept, lowest first."""
        return tuple(sorted(self._headers.values(), key=lambda each: each.height))

    @property
    def floor_height(self) -> int:
        """The height below which nobody walks back to find a fork."""
        lowest = min((each.height for each in self._headers.values()), default=0)
        return max(lowest - max(HEADERS_MIN - len(self._headers), 0), 0)

    def _undone(self, header: Header, old: Header) -> int:
        """Return how many blocks up to `old` are not among those up to `header`."""
        after = set()
        here: Header | None = header
        while here is not None:
            after.add(here.hash)
            here = self._headers.get(here.prev_hash)
        undone = 0
        here = old
        while here is not None and here.hash not in after:
            undone += 1
            here = self._headers.get(here.prev_hash)
        return undone


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
            empty = self._blocks.tip is None
            floor = newest - FIRST_BLOCKS + 1 if empty else self._blocks.floor_height
            self._first_height = max(floor, 0)
        return last.height <= self._first_height

    def _ask(self, ask: AskHeader | AskBlock) -> list[AskHeader | AskBlock]:
        self._asked = True
        return [ask]
