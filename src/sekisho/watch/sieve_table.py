"""The set of what is watched, for compiled code: a filter, a table, and the keys themselves.

A `Keys` finds a byte string in three steps, each reached by few of those before: the filter, one
read of one word; the table, whose entry says where a key with such a hash lies; and that key, byte
for byte. Nothing but the last makes a yes.

The keys lie in segments, which are filled one after another and never move. A position counts
bytes through all segments; a key lies behind two bytes that say its size, and within one segment.
What is left at the end of a segment is passed over.

`KeySet` in sieve.py makes all this, sees to it that there is room, and grows it.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sekisho.watch.sieve_hash import hash_at, share_of
from sekisho.watch.sieve_memory import (
    Bytes,
    Words,
    address_of,
    byte_at,
    compiled,
    prefetch,
    put_byte,
    signed,
    word_at,
)

SEGMENT_BITS: Final = 26
SEGMENT_SIZE: Final = 1 << SEGMENT_BITS
KEY_SIZE_MAX: Final = 0xFFFE
"""What two bytes can say, less the one that is `_NO_MORE`."""
SIZE_SIZE: Final = 2
FIRST: Final = 2
"""The position of the first key: 0 is what an empty slot holds."""
NOWHERE: Final = -1

_NO_MORE: Final = 0xFFFF
"""In place of a size: the next key lies in the next segment."""
_POSITION_BITS: Final = np.uint64(40)
_POSITION: Final = np.uint64((1 << 40) - 1)
_AHEAD: Final = 32
"""How many cache lines are asked for before the first is needed: while one comes, so do others."""


class Table(NamedTuple):
    """Where keys are. The upper bits of a hash choose the place in either part."""

    slots: Words
    """Open addressing: the lowest 24 bits of a key's hash, then its position; 0 is empty."""
    filter: Words
    """A Bloom filter whose four bits for one key lie in one word: a probe is one read."""


class Keys(NamedTuple):
    """A set of byte strings."""

    secret: Words
    """Of the hash."""
    sizes: Bytes
    """By size, up to that of the longest key there can be: 1 if there is a key of that size."""
    total: int
    end: int
    """The position after the last key."""
    segments: NDArray[np.int64]
    """Their addresses."""
    table: Table


@compiled
def filter_at(table_filter: int, words: int, mix: np.uint64) -> int:
    """Return the address of the filter's word for a hash."""
    return table_filter + 8 * share_of(mix, np.uint64(words))


@compiled
def filter_bits(mix: np.uint64) -> np.uint64:
    """Return the four bits of a hash in its filter word, from the part that finds no word."""
    one, low = np.uint64(1), np.uint64(63)
    return (
        (one << (mix & low))
        | (one << ((mix >> np.uint64(6)) & low))
        | (one << ((mix >> np.uint64(12)) & low))
        | (one << ((mix >> np.uint64(18)) & low))
    )


@compiled
def _address(segments: int, position: int) -> int:
    return signed(word_at(segments + 8 * (position >> SEGMENT_BITS))) + (
        position & (SEGMENT_SIZE - 1)
    )


@compiled
def _size_at(at: int) -> int:
    return byte_at(at) | byte_at(at + 1) << 8


@compiled
def _next_key(segments: int, position: int) -> int:
    """Return the position of the key that was put at a position, or in the segment after it."""
    left = SEGMENT_SIZE - (position & (SEGMENT_SIZE - 1))
    if left < SIZE_SIZE or _size_at(_address(segments, position)) == _NO_MORE:
        return position + left
    return position


@compiled
def _equal(at: int, other: int, size: int) -> bool:
    for each in range(size):  # noqa: SIM110 - numba compiles no generator expressions
        if byte_at(at + each) != byte_at(other + each):
            return False
    return True


@compiled
def place_of(keys: Keys, at: int, size: int, mix: np.uint64) -> tuple[bool, int]:
    """Find the slot of a key, or the empty one where it would go; there always is an empty one."""
    slots = keys.table.slots
    slot = share_of(mix, np.uint64(slots.size))
    while slots[slot] != 0:
        entry = slots[slot]
        if entry >> _POSITION_BITS == mix & np.uint64(0xFFFFFF):
            other = _address(address_of(keys.segments), signed(entry & _POSITION))
            if _size_at(other) == size and _equal(other + SIZE_SIZE, at, size):
                return True, slot
        slot += 1
        if slot == slots.size:
            slot = 0
    return False, slot


@compiled
def position_of(keys: Keys, data: Bytes) -> int:
    """Return the position of the key that is all of `data`, or `NOWHERE`.

    Keys that were put in later have larger positions.
    """
    if data.size > KEY_SIZE_MAX or keys.sizes[data.size] == 0:
        return NOWHERE
    at = address_of(data)
    mix = hash_at(at, data.size, address_of(keys.secret))
    there, slot = place_of(keys, at, data.size, mix)
    return signed(keys.table.slots[slot] & _POSITION) if there else NOWHERE


@compiled
def _settle(table: Table, slot: int, mix: np.uint64, position: int) -> None:
    """Put the key at a position into its empty slot, and its bits into the filter."""
    table.slots[slot] = (mix << _POSITION_BITS) | np.uint64(position)
    table.filter[share_of(mix, np.uint64(table.filter.size))] |= filter_bits(mix)


@compiled
def _prefetch_both(table: Table, mix: np.uint64) -> None:
    prefetch(address_of(table.slots) + 8 * share_of(mix, np.uint64(table.slots.size)))
    prefetch(filter_at(address_of(table.filter), table.filter.size, mix))


@compiled
def insert(keys: Keys, data: Bytes, ends: NDArray[np.int64]) -> tuple[int, int]:
    """Add the keys that lie in `data`, each up to its end; return the new `total` and `end`.

    The caller has made room, and knows the ends to be in order and within `data`, and no key to
    be longer than `KEY_SIZE_MAX`. A key that is already there is not added again.
    """
    base, secret, segments = address_of(data), address_of(keys.secret), address_of(keys.segments)
    total, position = keys.total, keys.end
    mixes = np.empty(ends.size, np.uint64)
    start = hashed = 0
    for row in range(ends.size):
        while hashed < min(row + _AHEAD, ends.size):
            begin = ends[hashed - 1] if hashed > 0 else 0
            mixes[hashed] = hash_at(base + begin, ends[hashed] - begin, secret)
            _prefetch_both(keys.table, mixes[hashed])
            hashed += 1
        size = ends[row] - start
        there, slot = place_of(keys, base + start, size, mixes[row])
        if not there:
            left = SEGMENT_SIZE - (position & (SEGMENT_SIZE - 1))
            if left < SIZE_SIZE + size:
                if left >= SIZE_SIZE:
                    put_byte(_address(segments, position), _NO_MORE & 0xFF)
                    put_byte(_address(segments, position) + 1, _NO_MORE >> 8)
                position += left
            at = _address(segments, position)
            put_byte(at, size & 0xFF)
            put_byte(at + 1, size >> 8)
            for each in range(size):
                put_byte(at + SIZE_SIZE + each, byte_at(base + start + each))
            _settle(keys.table, slot, mixes[row], position)
            keys.sizes[size] = 1
            position += SIZE_SIZE + size
            total += 1
        start = ends[row]
    return total, position


@compiled
def transfer(keys: Keys, larger: Table, position: int, most: int) -> int:
    """Put up to `most` keys, from the one at a position on, into a larger table as well.

    Returns the position where to go on: that of the set's end when all are there.
    """
    secret, segments = address_of(keys.secret), address_of(keys.segments)
    mixes, positions = np.empty(_AHEAD, np.uint64), np.empty(_AHEAD, np.int64)
    while most > 0 and position < keys.end:
        count = 0
        while count < min(_AHEAD, most) and position < keys.end:
            position = _next_key(segments, position)
            at = _address(segments, position)
            size = _size_at(at)
            mixes[count] = hash_at(at + SIZE_SIZE, size, secret)
            positions[count] = position
            _prefetch_both(larger, mixes[count])
            position += SIZE_SIZE + size
            count += 1
        for each in range(count):  # no two are equal, so the first empty slot is the right one
            slot = share_of(mixes[each], np.uint64(larger.slots.size))
            while larger.slots[slot] != 0:
                slot += 1
                if slot == larger.slots.size:
                    slot = 0
            _settle(larger, slot, mixes[each], positions[each])
        most -= count
    return position
