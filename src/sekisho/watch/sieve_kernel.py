"""The compiled heart of the sieve: walk a block's bytes, hash, filter, confirm.

Everything here is numba over flat arrays, without Python objects and without the GIL. The bytes
are foreign, so the rule of this module is: no byte is read before it is known to be there.
`byte_at` and `siphash_at` do not check; whoever calls them has compared what is left with what
will be read. A test walks blocks that lie between two unreadable pages.

The walk follows BIP-144 (transactions with witnesses) and refuses what Bitcoin Core's reader
refuses: sizes not in their shortest form, a witness flag other than 1 or without any witness,
transactions without inputs or outputs. Amounts, scripts, ids and the merkle root are not judged:
that is `chains.bitcoin`, for the few transactions that matter.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sekisho.watch.siphash import Bytes, address_of, byte_at, compiled, signed, siphash_at

Rows: TypeAlias = NDArray[np.int32]
Hashes: TypeAlias = NDArray[np.uint64]

ENDS_EARLY: Final = -1
LONG_FORM: Final = -2
WITNESS_FLAG: Final = -3
NO_WITNESS: Final = -4
NO_INPUTS: Final = -5
NO_OUTPUTS: Final = -6
BYTES_FOLLOW: Final = -7

HEADER_SIZE: Final = 80
OUTPOINT_SIZE: Final = 36
TRANSACTION_SIZE_MIN: Final = 60
INPUT_SIZE_MIN: Final = 41
OUTPUT_SIZE_MIN: Final = 9


class Keys(NamedTuple):
    """A set of byte strings in flat arrays; `KeySet` in sieve.py makes and grows it."""

    sip0: np.uint64
    """The secret of the hash, two words."""
    sip1: np.uint64
    total: int
    longest: int
    """The size of the longest key; -1 in an empty set."""
    arena: Bytes
    """The keys, one after another."""
    starts: NDArray[np.int64]
    """Where each key starts in the arena; one more entry says where the last one ends."""
    slots: Hashes
    """Open addressing: the upper half of a key's hash, then its number plus one; 0 is empty."""
    filter: Hashes
    """A Bloom filter whose four bits for one key lie in one word: a probe is one read."""


class Items(NamedTuple):
    """A block's inputs, or its outputs: room for the most there can be, used for each block."""

    first: Rows
    """How many come before those of each transaction; after the last one, how many in all."""
    at: Rows
    """The offset of each one's outpoint, or script."""
    size: Rows
    hash: Hashes
    found: Rows
    """The numbers of those that are watched, in order."""


# 1. Walking a block ------------------------------------------------------------------------------
#
# `end` is the address after the last byte. A problem is a negative number instead of a result.


@compiled
def _size(at: int, end: int) -> tuple[int, int]:
    """Read a CompactSize; return it or a problem, and the address after it.

    `at` may lie beyond the end, where a field that was passed over does.
    """
    left = end - at
    if left < 1:
        return ENDS_EARLY, at
    first = byte_at(at)
    if first < 0xFD:
        return first, at + 1
    width = 2 if first == 0xFD else 4
    if left < 1 + width or first == 0xFF:  # eight bytes in shortest form: 4 GiB, never there
        return ENDS_EARLY, at
    value = byte_at(at + 1) | byte_at(at + 2) << 8
    if width == 4:
        value |= byte_at(at + 3) << 16 | byte_at(at + 4) << 24
    if value < (0xFD if width == 2 else 0x10000):
        return LONG_FORM, at
    return value, at + 1 + width


@compiled
def _string(at: int, end: int) -> tuple[int, int]:
    """Read a byte string's size; return it or a problem, and the address of its first byte."""
    size, start = _size(at, end)
    if size > end - start:
        return ENDS_EARLY, at
    return size, start


@compiled
def _start(at: int, end: int) -> tuple[int, bool, int]:
    """Pass over version, marker and flag (BIP-144) and the number of inputs.

    Returns that number or a problem, whether witnesses will follow, and the address after it. A
    zero after the version is the marker, because no transaction has zero inputs.
    """
    if end - at < TRANSACTION_SIZE_MIN:
        return ENDS_EARLY, False, at
    marked = byte_at(at + 4) == 0
    if marked and byte_at(at + 5) != 1:
        return WITNESS_FLAG, False, at
    inputs, after = _size(at + (6 if marked else 4), end)
    return (NO_INPUTS if inputs == 0 else inputs), marked, after


@compiled
def _after_rest(at: int, end: int, stacks: int) -> int:
    """Return the address after so many witness stacks and the lock time, or a problem.

    Stacks that are all empty would give the transaction two spellings.
    """
    total = 0
    for _ in range(stacks):
        items, at = _size(at, end)
        if items < 0:
            return items
        for _ in range(items):  # each takes a byte or ends the walk: a lying count costs nothing
            size, start = _string(at, end)
            if size < 0:
                return size
            at = start + size
        total += items
    if stacks > 0 and total == 0:
        return NO_WITNESS
    return at + 4 if end - at >= 4 else ENDS_EARLY


@compiled
def _walk(  # noqa: C901 - one loop: handing the arrays on would cost more than the walk
    data: Bytes, header: int, watched: tuple[Keys, Keys], start: Rows, items: tuple[Items, Items]
) -> tuple[int, int]:
    """Note where everything is; return how many transactions or a problem, and its offset.

    The offset is the beginning of the transaction, input, output or witnesses with the problem,
    else the end. With no `header` size, `data` is one transaction. What is longer than every
    watched key is noted without its hash.
    """
    outpoints, scripts = watched
    first_input, input_at, _, input_hash, _ = items[0]
    first_output, output_at, output_size, output_hash, _ = items[1]
    base = address_of(data)
    end = base + data.size
    count, at = _size(min(base + header, end), end) if header > 0 else (1, base)
    input_row = output_row = 0
    for number in range(count):
        start[number], first_input[number], first_output[number] = at - base, input_row, output_row
        inputs, marked, at = _start(at, end)
        if inputs < 0:
            return inputs, at - base
        for row in range(input_row, input_row + inputs):
            size, script = _string(at + OUTPOINT_SIZE, end)
            if size < 0:
                return size, at - base
            input_at[row] = at - base
            if outpoints.longest == OUTPOINT_SIZE:
                input_hash[row] = siphash_at(at, OUTPOINT_SIZE, outpoints.sip0, outpoints.sip1)
            at = script + size + 4  # after the sequence number
        input_row += inputs
        outputs, at = _size(at, end)
        if outputs <= 0:
            return (outputs if outputs < 0 else NO_OUTPUTS), at - base
        for row in range(output_row, output_row + outputs):
            size, script = _string(at + 8, end)  # after the amount
            if size < 0:
                return size, at - base
            output_at[row], output_size[row], output_hash[row] = script - base, size, 0
            if size <= scripts.longest:
                output_hash[row] = siphash_at(script, size, scripts.sip0, scripts.sip1)
            at = script + size
        output_row += outputs
        after = _after_rest(at, end, inputs if marked else 0)
        if after < 0:
            return after, at - base
        at = after
    if count >= 0:
        start[count], first_input[count], first_output[count] = at - base, input_row, output_row
    return (count if count < 0 or at == end else BYTES_FOLLOW), at - base


# 2. The set of keys ------------------------------------------------------------------------------


@compiled
def _filter_bits(mix: np.uint64) -> np.uint64:
    """Return the four bits of a hash in its filter word, from a part of it that finds no word."""
    one, low = np.uint64(1), np.uint64(63)
    return (
        (one << ((mix >> np.uint64(40)) & low))
        | (one << ((mix >> np.uint64(46)) & low))
        | (one << ((mix >> np.uint64(52)) & low))
        | (one << ((mix >> np.uint64(58)) & low))
    )


@compiled
def _equal(at: int, other: int, size: int) -> bool:
    for each in range(size):  # noqa: SIM110 - numba compiles no generator expressions
        if byte_at(at + each) != byte_at(other + each):
            return False
    return True


@compiled
def _place(keys: Keys, at: int, size: int, mix: np.uint64) -> tuple[bool, int]:
    """Find the slot of a key, or the empty one where it would go; there always is an empty one."""
    mask = keys.slots.size - 1
    slot = signed(mix & np.uint64(mask))
    while keys.slots[slot] != 0:
        entry = keys.slots[slot]
        if entry >> np.uint64(32) == mix >> np.uint64(32):
            number = signed(entry & np.uint64(0xFFFFFFFF)) - 1
            start = keys.starts[number]
            if keys.starts[number + 1] - start == size:  # noqa: SIM102 - numba reads no further
                if _equal(address_of(keys.arena) + start, at, size):
                    return True, slot
        slot = (slot + 1) & mask
    return False, slot


@compiled
def _settle(keys: Keys, slot: int, mix: np.uint64, number: int) -> None:
    """Put key `number` into its empty slot, and its bits into the filter."""
    keys.slots[slot] = (mix >> np.uint64(32) << np.uint64(32)) | np.uint64(number + 1)
    keys.filter[signed(mix & np.uint64(keys.filter.size - 1))] |= _filter_bits(mix)


@compiled
def insert(keys: Keys, data: Bytes, ends: NDArray[np.int64]) -> int:
    """Add the keys that lie in `data`, each up to its end; return how many keys there now are.

    The caller has made room. A key that is already there is not added again.
    """
    count = keys.total
    base = address_of(data)
    start = 0
    for end in ends:
        mix = siphash_at(base + start, end - start, keys.sip0, keys.sip1)
        there, slot = _place(keys, base + start, end - start, mix)
        if not there:
            used = keys.starts[count]
            for each in range(end - start):
                keys.arena[used + each] = data[start + each]
            keys.starts[count + 1] = used + end - start
            _settle(keys, slot, mix, count)
            count += 1
        start = end
    return count


@compiled
def reindex(keys: Keys) -> None:
    """Fill empty slots and an empty filter from the arena, after they have grown."""
    mask = keys.slots.size - 1
    arena = address_of(keys.arena)
    for number in range(keys.total):
        start, end = keys.starts[number], keys.starts[number + 1]
        mix = siphash_at(arena + start, end - start, keys.sip0, keys.sip1)
        slot = signed(mix & np.uint64(mask))
        while keys.slots[slot] != 0:
            slot = (slot + 1) & mask
        _settle(keys, slot, mix, number)


# 3. Holding one against the other ----------------------------------------------------------------


@compiled
def _probe(keys: Keys, base: int, items: Items, count: int) -> int:
    """Write into `found` which of the first `count` items are in the set; return how many."""
    _, at, size, hashes, found = items
    # The filter: a tight loop of independent reads, so that the processor waits for many cache
    # lines at once, and without a branch that its rare yes would make it mispredict.
    mask = np.uint64(keys.filter.size - 1)
    passed = 0
    for row in range(count):
        bits = _filter_bits(hashes[row])
        found[passed] = row
        passed += (keys.filter[signed(hashes[row] & mask)] & bits) == bits
    # The set itself, byte for byte: what is reported is never a coincidence of hashes.
    confirmed = 0
    for candidate in range(passed):
        row = found[candidate]
        there, _ = _place(keys, base + at[row], signed(size[row]), hashes[row])
        if there:
            found[confirmed] = row
            confirmed += 1
    return confirmed


@compiled
def sift(
    data: Bytes, header: int, watched: tuple[Keys, Keys], start: Rows, items: tuple[Items, Items]
) -> tuple[int, int, int, int]:
    """Walk a block (or, with no `header` size, one transaction) and probe all that is in it.

    `watched` are outpoints and scripts, `items` the room for inputs and outputs, `start` that for
    the offsets of the transactions and of the end: enough for any `data` of its size. Returns the
    number of transactions, negative for a problem; the offset of the end or of the problem; and
    how many of the inputs and outputs are watched.
    """
    count, at = _walk(data, header, watched, start, items)
    inputs = outputs = 0
    if count >= 0 and watched[0].total > 0:
        inputs = _probe(watched[0], address_of(data), items[0], items[0].first[count])
    if count >= 0 and watched[1].total > 0:
        outputs = _probe(watched[1], address_of(data), items[1], items[1].first[count])
    return count, at, inputs, outputs
