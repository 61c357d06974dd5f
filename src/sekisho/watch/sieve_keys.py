"""The set of what is watched, and how it grows while it is in use."""

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sekisho.watch import sieve_table as table
from sekisho.watch.sieve_hash import secret_of
from sekisho.watch.sieve_memory import Bytes

_CHUNK: Final = 65_536
_SLOTS_MIN: Final = 1024
_SLOTS_PER_KEY: Final = 2
_SLOTS_PER_FILTER_WORD: Final = 8
"""With tables half to three fifths full: 13 to 16 bits of filter per key, and so 0.5 to 1 % of
false alarms, which cost one look into the table each; 20 MB at ten million keys."""
_PAGE_WORDS: Final = 512

# While a larger table is filled, each key that is added takes that further by so much. From three
# fifths full on, the table in use is at most three quarters full when it is replaced.
_TOUCHED_PER_KEY: Final = 64
_MOVED_PER_KEY: Final = 8
_STEP: Final = 16_384
"""As if so many were added, when fewer are: some milliseconds."""


class _Growth(NamedTuple):
    """A larger table that is being filled."""

    table: table.Table
    touched: int
    """How many of its slots have memory."""
    moved: int
    """The position up to which keys are in it."""


class KeySet:
    """A growing set of byte strings in flat arrays: about 20 bytes each beside their own.

    It never stops for long: the strings stay where they are, and a larger table is filled a little
    with each that is added, until it takes the place of the smaller one. What was added is found
    from the next look on.
    """

    def __init__(self, seed: bytes) -> None:
        self.keys = table.Keys(
            secret=secret_of(seed),
            sizes=np.zeros(table.KEY_SIZE_MAX + 1, np.uint8),
            total=0,
            end=table.FIRST,
            segments=np.empty(0, np.int64),
            table=_empty(_SLOTS_MIN),
        )
        self._segments: list[Bytes] = []
        self._growth: _Growth | None = None

    def add(self, members: Iterable[bytes]) -> int:
        """Add `members`; return how many of them were new. Raises as `add_packed` does."""
        before = self.keys.total
        remaining = iter(members)
        while chunk := list(islice(remaining, _CHUNK)):
            sizes = np.fromiter(map(len, chunk), np.int64, len(chunk))
            self.add_packed(np.frombuffer(b"".join(chunk), np.uint8), sizes)
        return self.keys.total - before

    def add_packed(self, data: Bytes, sizes: NDArray[np.int64]) -> int:
        """Add byte strings that lie in `data` one after another; return how many were new.

        Raises `ValueError` if the sizes are not those of the data, or one is more than
        `KEY_SIZE_MAX`; then nothing is added.
        """
        if sizes.size == 0 and data.size == 0:
            return 0
        if sizes.min(initial=0) < 0 or sizes.sum() != data.size:
            raise ValueError(f"{sizes.size} sizes are not those of {data.size} bytes")
        if sizes.max() > table.KEY_SIZE_MAX:
            raise ValueError(f"{sizes.max()} bytes are too many for a key")
        self._make_room(count=sizes.size, size=data.size)
        before = self.keys.total
        total, end = table.insert(self.keys, data, np.cumsum(sizes))
        self.keys = self.keys._replace(total=total, end=end)
        return total - before

    def position_of(self, member: bytes) -> int:
        """Return where a member stands, or `NOWHERE`: at or after the end before it was added."""
        data = np.frombuffer(member, np.uint8)
        return int(table.position_of(self.keys, data))

    def expect(self, count: int) -> None:
        """Make room for `count` more at once, which is faster than a little with each."""
        after = self.keys.total + count
        if _SLOTS_PER_KEY * after > self.keys.table.slots.size:
            self._finish(_Growth(_empty(_SLOTS_PER_KEY * after), 0, table.FIRST))

    def _make_room(self, *, count: int, size: int) -> None:
        """See to it that `count` more keys, of `size` bytes in all, can be put in."""
        size += table.SIZE_SIZE * count
        size += table.KEY_SIZE_MAX * (size // table.SEGMENT_SIZE + 1)  # lost at segments' ends
        while table.SEGMENT_SIZE * len(self._segments) - self.keys.end < size:
            self._segments.append(np.empty(table.SEGMENT_SIZE, np.uint8))
            addresses = np.array([each.ctypes.data for each in self._segments], np.int64)
            self.keys = self.keys._replace(segments=addresses)
        after, slots = self.keys.total + count, self.keys.table.slots.size
        if self._growth is None and 5 * after > 3 * slots:
            larger = _empty(max(_SLOTS_PER_KEY * after, slots * 3 // 2))
            self._growth = _Growth(larger, 0, table.FIRST)
        if self._growth is not None:
            self._step(self._growth, count)
        if self._growth is not None and 5 * after > 4 * slots:  # of small sets, or large batches
            self._finish(self._growth)

    def _finish(self, growth: _Growth) -> None:
        self._growth = growth
        while self._growth is not None:
            self._step(self._growth, _CHUNK)

    def _step(self, growth: _Growth, count: int) -> None:
        """Take the growth some steps further, at a time when `count` keys are added.

        Memory is touched first, in order, because what the system does on first touch takes longer
        than everything else here.
        """
        count = max(count, _STEP)
        larger, start = growth.table, growth.touched
        if start < larger.slots.size:
            until = start + _TOUCHED_PER_KEY * count
            larger.slots[start:until:_PAGE_WORDS] = 0
            words = slice(start // _SLOTS_PER_FILTER_WORD, until // _SLOTS_PER_FILTER_WORD)
            larger.filter[words][::_PAGE_WORDS] = 0
            self._growth = growth._replace(touched=until)
            return
        moved = table.transfer(self.keys, larger, growth.moved, _MOVED_PER_KEY * count)
        self._growth = growth._replace(moved=moved)
        if moved == self.keys.end:
            self.keys = self.keys._replace(table=larger)
            self._growth = None


def _empty(slots: int) -> table.Table:
    """Return an empty table; memory is taken as it is used, in large pages where there are any."""
    words = -(-slots // _SLOTS_PER_FILTER_WORD)
    return table.Table(slots=np.zeros(slots, np.uint64), filter=np.zeros(words, np.uint64))
