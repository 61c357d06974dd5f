"""Finding the few transactions that touch our coins among all that there are.

A `Sieve` holds what is watched: output scripts (any bytes, tens of millions) and outpoints.
`scan_block` walks a raw block once and names each transaction that pays a watched script or
spends a watched outpoint; nothing else in the block is parsed, hashed into an id, or kept. What
is named is exact: a keyed filter rejects nearly everything, and what passes is compared byte for
byte. What is added is found from the next block on.

The merkle root is not checked here: a block that was changed on disk is noticed by
`chains.bitcoin.parse_block`, or not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sekisho.chains.bitcoin.blocks import BLOCK_SIZE_MAX
from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.errors import BadInputError
from sekisho.watch import sieve_kernel as kernel
from sekisho.watch.raw_block import SEED_SIZE
from sekisho.watch.sieve_keys import KeySet
from sekisho.watch.sieve_memory import Bytes

Packed: TypeAlias = tuple[Bytes, NDArray[np.int64]]
"""Scripts, one after another, and their sizes."""

_REASONS: Final = {
    kernel.ENDS_EARLY: "it goes on beyond the end",
    kernel.LONG_FORM: "a size is not written in its shortest form",
    kernel.WITNESS_FLAG: "the witness flag is not 1",
    kernel.NO_WITNESS: "the witness flag is set but no input has a witness",
    kernel.NO_INPUTS: "a transaction has no inputs",
    kernel.NO_OUTPUTS: "a transaction has no outputs",
    kernel.BYTES_FOLLOW: "bytes follow the last transaction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One transaction that touches what is watched."""

    offset: int
    """Where it starts in the block."""
    size: int
    inputs: tuple[int, ...]
    """Which of its inputs spend a watched outpoint."""
    outputs: tuple[int, ...]
    """Which of its outputs pay a watched script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What one block, or one loose transaction, held."""

    transactions: int
    hits: tuple[Hit, ...]
    """In the order of the block."""


class Sieve:
    """What is watched, ready to be held against blocks. For one thread at a time.

    `seed` is 16 random bytes that outsiders do not know: without them nobody can write scripts
    that collide in the filter. It has no influence on what is found.
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise ValueError(f"a seed has {SEED_SIZE} bytes")
        self._scripts = KeySet(seed)
        self._outpoints = KeySet(seed)
        self._start = np.empty(_most(kernel.TRANSACTION_SIZE_MIN) + 1, np.int32)
        self._inputs = _room(kernel.INPUT_SIZE_MIN)
        self._outputs = _room(kernel.OUTPUT_SIZE_MIN)

    @property
    def scripts(self) -> int:
        """How many scripts are watched."""
        return self._scripts.keys.total

    @property
    def end(self) -> int:
        """The position after the last watched script: of what is added next, at the least."""
        return self._scripts.keys.end

    def position_of(self, script: bytes) -> int:
        """Return the position of a watched script, byte for byte this one; else `NOWHERE`."""
        return self._scripts.position_of(script)

    @property
    def outpoints(self) -> int:
        """How many outpoints are watched."""
        return self._outpoints.keys.total

    def watch_scripts(self, scripts: Iterable[bytes]) -> int:
        """Watch these output scripts too; return how many were new."""
        return self._scripts.add(scripts)

    def watch_packed_scripts(self, data: Bytes, sizes: NDArray[np.int64]) -> int:
        """Watch output scripts that lie in `data` one after another; return how many were new."""
        return self._scripts.add_packed(data, sizes)

    def expect_scripts(self, count: int) -> None:
        """Make room for so many more at once; without it, room is made as they come."""
        self._scripts.expect(count)

    def watch_outpoints(self, outpoints: Iterable[OutPoint]) -> int:
        """Watch these outpoints too; return how many were new."""
        return self._outpoints.add(each.serialize() for each in outpoints)

    def scan_block(self, data: bytes | memoryview, where: str) -> Scanned:
        """Return the transactions of one raw block that touch what is watched.

        Raises `BadInputError` naming the offset if `data` is not laid out as a block: bytes
        missing or left over, sizes not in their shortest form, or more than `BLOCK_SIZE_MAX`.
        """
        return self._scan(data, where, header=kernel.HEADER_SIZE)

    def scan_transaction(self, data: bytes | memoryview, where: str) -> Scanned:
        """Return what one raw transaction touches; raises as `scan_block` does."""
        return self._scan(data, where, header=0)

    def _scan(self, data: bytes | memoryview, where: str, *, header: int) -> Scanned:
        if not 0 < len(data) <= BLOCK_SIZE_MAX:
            raise BadInputError(where, f"{len(data)} bytes are no block and no transaction")
        array = np.frombuffer(data, np.uint8)
        array.flags.writeable = False  # one type, so that the kernel is compiled once
        count, at, inputs, outputs = kernel.sift(
            array,
            header,
            (self._outpoints.keys, self._scripts.keys),
            self._start,
            (self._inputs, self._outputs),
        )
        if count < 0:
            raise BadInputError(f"{where}: byte {at}", _REASONS[count])
        hits = self._hits(count, inputs, outputs) if inputs or outputs else ()
        return Scanned(transactions=count, hits=hits)

    def _hits(self, count: int, inputs: int, outputs: int) -> tuple[Hit, ...]:
        """Gather the inputs and outputs found by their transaction."""
        spent = _by_transaction(self._inputs.first[:count], self._inputs.found[:inputs])
        paid = _by_transaction(self._outputs.first[:count], self._outputs.found[:outputs])
        return tuple(
            Hit(
                offset=int(self._start[number]),
                size=int(self._start[number + 1] - self._start[number]),
                inputs=tuple(spent.get(number, ())),
                outputs=tuple(paid.get(number, ())),
            )
            for number in sorted(spent.keys() | paid.keys())
        )


def _by_transaction(firsts: kernel.Rows, found: kernel.Rows) -> dict[int, list[int]]:
    """Return, by number of transaction, the places in it of the rows found."""
    numbers = np.searchsorted(firsts, found, side="right") - 1
    grouped: dict[int, list[int]] = {}
    for number, place in zip(numbers.tolist(), (found - firsts[numbers]).tolist(), strict=True):
        grouped.setdefault(number, []).append(place)
    return grouped


def _most(size_min: int) -> int:
    """Return how many things of at least this size begin in the largest block."""
    return BLOCK_SIZE_MAX // size_min + 1


def _room(size_min: int) -> kernel.Items:
    """Return room for the inputs or outputs of any block; memory is taken as it is used."""
    most = _most(size_min)
    return kernel.Items(
        first=np.empty(_most(kernel.TRANSACTION_SIZE_MIN) + 1, np.int32),
        at=np.empty(most, np.int32),
        size=np.full(most, kernel.OUTPOINT_SIZE, np.int32),
        hash=np.empty(most, np.uint64),
        found=np.empty(most, np.int32),
    )
