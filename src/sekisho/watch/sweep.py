"""One search through many blocks: every transaction that touches us, whatever their order.

A coin of ours that a block creates may be spent in the same block, or in a block that was read
before it: `blk*.dat` files hold blocks in the order in which a node received them, and files are
given in any order. So the sweep

1. reads each block, and learns the outpoints of the outputs that pay us;
2. if it learned any, reads that block again at once, until nothing new is found;
3. at the end reads again those earlier blocks that could spend what was learned after them. The
   headers say which: a block can only spend what its ancestors, or itself, created. Blocks whose
   relation is unknown, because the blocks between them are not there, are read again;
4. and if the caller watched more scripts meanwhile (the next addresses of a wallet that was seen
   to use its last ones), reads everything again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sekisho.chains.bitcoin.blocks import HEADER_SIZE, Header, parse_header
from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, parse_transaction
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.watch.depth import Link
from sekisho.watch.raw_block import RawBlock, Reading
from sekisho.watch.sieve import Hit, Scanned, Sieve

_HASH_SIZE = 32
_BITS_AT = 72
_BITS_SIZE = 4
_UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A transaction that pays a watched script or spends a watched outpoint, or came by itself."""

    transaction: Transaction
    header: Header | None
    """Of the block; None if the transaction came without one."""
    where: str
    """File and byte."""
    inputs: tuple[int, ...]
    """Which inputs spend watched outpoints, as far as is known by now."""
    outputs: tuple[int, ...]
    """Which outputs pay watched scripts."""
    again: bool
    """Whether it was sighted here before, with less known: this sighting replaces that one."""


class Sweep:
    """A search that is under way. Iterate over it once; then its counts and findings are whole.

    All that it keeps is what was learned, a number per sighting, and two hashes and the target of
    each block.
    """

    def __init__(self, sieve: Sieve, read: Reading) -> None:
        self.blocks = 0
        """How many blocks, and transactions without one, were read; each counts once."""
        self.transactions = 0
        """How many transactions were in them."""
        self.readings = 0
        """How many times the blocks, or some of them, were read."""
        self.findings: list[Finding] = []
        """Blocks that cannot be read: what is in them was not searched."""
        self._sieve = sieve
        self._read = read
        self._order = _Order()
        self._learned = 0
        self._reported: dict[tuple[int, int], int] = {}
        self._unreadable: set[int] = set()
        self._unknown: dict[int, Sighting] = {}
        """By position: transactions that came by themselves and touch nothing that is known."""

    def __iter__(self) -> Iterator[Sighting]:
        """Yield each sighting once, and again if more of it became known.

        A coin's creation is sighted before its spending. Between sightings, the caller may watch
        more. At the end come the transactions that were given by themselves and touch nothing
        known: what they reveal may tell that they spend a coin whose creation nobody saw.
        Raises what reading raises; a malformed block is a finding.
        """
        missed: set[int] = set()
        everything = True
        while everything or missed:
            self.readings += 1
            watched, lessons = self._watched(), set[int]()
            for raw in self._read(_all if everything else missed.__contains__):
                if self.readings == 1:
                    self.blocks += 1
                    self._order.add(raw)
                yield from self._search(raw, lessons)
            everything = self._watched() != watched
            missed = self._order.missed(lessons)
        yield from self._unknown.values()

    def links(self) -> Iterator[Link]:
        """Yield what each block's header says of its place, in the order of their positions.

        What came without a header has a link too, whose target nothing meets.
        """
        return self._order.links()

    def _watched(self) -> tuple[int, int]:
        """Return how much the caller watches; what the sweep itself learned does not count."""
        return self._sieve.scripts, self._sieve.outpoints - self._learned

    def _search(self, raw: RawBlock, lessons: set[int]) -> Iterator[Sighting]:
        """Yield what is new in one block; add its position to `lessons` if coins of ours are."""
        news: dict[Hit, Transaction] = {}
        try:
            while True:
                scanned = self._scan(raw)
                news = {
                    hit: parse_transaction(
                        raw.data[hit.offset : hit.offset + hit.size], _place(raw, hit)
                    )
                    for hit in scanned.hits
                    if _weight(hit) != self._reported.get((raw.position, hit.offset))
                }
                learned = self._sieve.watch_outpoints(_coins(news))
                if not learned:
                    break
                self._learned += learned
                lessons.add(raw.position)
            if raw.loose:
                self._note_loose(raw, known=bool(scanned.hits))
        except BadInputError as error:
            self._note_unreadable(raw, error)
            return
        if self.readings == 1:
            self.transactions += scanned.transactions
        header = None if raw.loose or not news else parse_header(raw.data[:HEADER_SIZE], raw.where)
        for hit, transaction in news.items():
            key = (raw.position, hit.offset)
            again = key in self._reported
            self._reported[key] = _weight(hit)
            yield Sighting(
                transaction=transaction,
                header=header,
                where=_place(raw, hit),
                inputs=hit.inputs,
                outputs=hit.outputs,
                again=again,
            )

    def _scan(self, raw: RawBlock) -> Scanned:
        if raw.loose:
            return self._sieve.scan_transaction(raw.data, raw.where)
        return self._sieve.scan_block(raw.data, raw.where)

    def _note_loose(self, raw: RawBlock, *, known: bool) -> None:
        if known:
            self._unknown.pop(raw.position, None)
        elif raw.position not in self._unknown:
            self._unknown[raw.position] = Sighting(
                transaction=parse_transaction(raw.data, raw.where),
                header=None,
                where=raw.where,
                inputs=(),
                outputs=(),
                again=False,
            )

    def _note_unreadable(self, raw: RawBlock, error: BadInputError) -> None:
        if raw.position not in self._unreadable:
            self._unreadable.add(raw.position)
            self.findings.append(
                finding("watch.block_unreadable", error.where, reason=error.reason)
            )


def _all(_position: int) -> bool:
    return True


def _weight(hit: Hit) -> int:
    """Return how much of a transaction is known to be about us: it only ever grows."""
    return len(hit.inputs) + len(hit.outputs)


def _place(raw: RawBlock, hit: Hit) -> str:
    return raw.where if raw.loose else f"{raw.where}, transaction at byte {hit.offset}"


def _coins(news: Mapping[Hit, Transaction]) -> Iterator[OutPoint]:
    """Yield the outpoints of the outputs that pay us."""
    for hit, transaction in news.items():
        for vout in hit.outputs:
            yield OutPoint(txid=transaction.txid, vout=vout)


class _Order:
    """Which blocks can spend what which others create, as far as their headers tell."""

    def __init__(self) -> None:
        self._hashes = bytearray()
        """By position: the block's own hash, then its parent's."""
        self._bits = bytearray()
        """By position."""

    def add(self, raw: RawBlock) -> None:
        """Note the next block. Something without a header is related to nothing."""
        if raw.loose or len(raw.data) < HEADER_SIZE:
            self._hashes += sha256_twice(raw.position.to_bytes(8, "big")) + bytes(_HASH_SIZE)
            self._bits += bytes(_BITS_SIZE)
        else:
            self._hashes += sha256_twice(raw.data[:HEADER_SIZE]) + raw.data[4:36]
            self._bits += raw.data[_BITS_AT : _BITS_AT + _BITS_SIZE]

    def links(self) -> Iterator[Link]:
        """Yield the link of each block."""
        for at in range(0, len(self._hashes), 2 * _HASH_SIZE):
            bits_at = at // (2 * _HASH_SIZE) * _BITS_SIZE
            yield Link(
                hash=bytes(self._hashes[at : at + _HASH_SIZE]),
                prev_hash=bytes(self._hashes[at + _HASH_SIZE : at + 2 * _HASH_SIZE]),
                bits=int.from_bytes(self._bits[bits_at : bits_at + _BITS_SIZE], "little"),
            )

    def missed(self, lessons: set[int]) -> set[int]:
        """Return the blocks that could spend what was learned at later positions.

        Of two blocks in one tree only the farther from its root can spend what the nearer
        creates. Of blocks in different trees nothing is known.
        """
        if not lessons:
            return set()
        roots, depths = self._trees()
        missed = set()
        nearest: dict[int, int] = {}  # by tree, the least depth of a lesson at a later position
        for position in range(max(lessons), -1, -1):
            root, depth = roots[position], depths[position]
            elsewhere = len(nearest) - (root in nearest)
            if elsewhere or nearest.get(root, depth) < depth:
                missed.add(position)
            if position in lessons:
                nearest[root] = min(depth, nearest.get(root, depth))
        return missed

    def _trees(self) -> tuple[list[int], list[int]]:
        """Return, by position, the position of the tree's root and the distance from it."""
        hashes = [
            bytes(self._hashes[at : at + _HASH_SIZE])
            for at in range(0, len(self._hashes), _HASH_SIZE)
        ]
        parents = hashes[1::2]
        position_of = {own: position for position, own in enumerate(hashes[0::2])}
        roots, depths = [_UNKNOWN] * len(parents), [0] * len(parents)
        for position in range(len(parents)):
            branch = []
            here: int | None = position
            while here is not None and roots[here] == _UNKNOWN:
                branch.append(here)
                here = position_of.get(parents[here])
            root, depth = (branch[-1], -1) if here is None else (roots[here], depths[here])
            for each in reversed(branch):
                depth += 1
                roots[each], depths[each] = root, depth
        return roots, depths
