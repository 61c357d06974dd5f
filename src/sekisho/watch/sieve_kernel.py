"""The compiled heart of the sieve: walk a block's bytes, hash, filter, confirm.

A filter for millions of keys fits no cache. So the words that a block's hashes lead to are asked
for a hundred rows before they are looked at: the processor waits for many of them at once.

Everything here is numba over flat arrays, without Python objects and without the GIL. The bytes
are foreign, so the rule of this module is: no byte is read before it is known to be there.
`byte_at` and `hash_at` do not check; whoever calls them has compared what is left with what
will be read. A test walks blocks that lie between two unreadable pages.

The walk follows BIP-144 (transactions with witnesses) and refuses what Bitcoin Core's reader
refuses: sizes not in their shortest form, a witness flag other than 1 or without any witness,
transactions without inputs or outputs. Amounts, scripts, ids and the merkle root are not judged:
that is `chains.bitcoin`, for the few transactions that matter.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sekisho.watch.sieve_hash import NO_HASH, hash_at, share_of
from sekisho.watch.sieve_memory import (
    Bytes,
    Words,
    address_of,
    byte_at,
    compiled,
    prefetch,
    signed,
    word_at,
)
from sekisho.watch.sieve_table import KEY_SIZE_MAX, Keys, filter_at, filter_bits, place_of

Rows: TypeAlias = NDArray[np.int32]

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

_AHEAD: Final = 128
"""So many words of the filter are asked for before the first of them is looked at."""


class Items(NamedTuple):
    """A block's inputs, or its outputs: room for the most there can be, used for each block."""

    first: Rows
    """How many come before those of each transaction; after the last one, how many in all."""
    at: Rows
    """The offset of each one's outpoint, or script."""
    size: Rows
    hash: Words
    found: Rows
    """The numbers of those that may be watched, and in the end of those that are; in order."""


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
def _hash(secret: int, sizes: int, at: int, size: int) -> np.uint64:
    """Return the hash of what lies there; of what has no key's size, `NO_HASH`."""
    if size > KEY_SIZE_MAX or byte_at(sizes + size) == 0:
        return NO_HASH
    return hash_at(at, size, secret)


@compiled
def _walk(
    data: Bytes, header: int, watched: tuple[Keys, Keys], start: Rows, items: tuple[Items, Items]
) -> tuple[int, int]:
    """Note where everything is, and its hash; return how many transactions or a problem.

    Returns an offset as well: the beginning of the transaction, input, output or witnesses with
    the problem, else the end. With no `header` size, `data` is one transaction.
    """
    secrets = address_of(watched[0].secret), address_of(watched[1].secret)
    sizes = address_of(watched[0].sizes), address_of(watched[1].sizes)
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
            input_hash[row] = _hash(secrets[0], sizes[0], at, OUTPOINT_SIZE)
            at = script + size + 4  # after the sequence number
        input_row += inputs
        outputs, at = _size(at, end)
        if outputs <= 0:
            return (outputs if outputs < 0 else NO_OUTPUTS), at - base
        for row in range(output_row, output_row + outputs):
            size, script = _string(at + 8, end)  # after the amount
            if size < 0:
                return size, at - base
            output_at[row], output_size[row] = script - base, size
            output_hash[row] = _hash(secrets[1], sizes[1], script, size)
            at = script + size
        output_row += outputs
        after = _after_rest(at, end, inputs if marked else 0)
        if after < 0:
            return after, at - base
        at = after
    if count >= 0:
        start[count], first_input[count], first_output[count] = at - base, input_row, output_row
    return (count if count < 0 or at == end else BYTES_FOLLOW), at - base


# 2. Holding one against the other ----------------------------------------------------------------


@compiled
def _filtered(keys: Keys, items: Items, count: int) -> int:
    """Write into `found` which of the first `count` items pass the filter; return how many."""
    _, _, _, hashes, found = items
    words_at, words = address_of(keys.table.filter), keys.table.filter.size
    for row in range(min(_AHEAD, count)):
        prefetch(filter_at(words_at, words, hashes[row]))
    passed = 0
    for row in range(count):
        if row + _AHEAD < count:
            prefetch(filter_at(words_at, words, hashes[row + _AHEAD]))
        bits = filter_bits(hashes[row])
        there = (word_at(filter_at(words_at, words, hashes[row])) & bits) == bits
        found[passed] = row  # no branch, because its rare yes would be mispredicted
        passed += there & (hashes[row] != NO_HASH)
    return passed


@compiled
def _confirmed(keys: Keys, base: int, items: Items, passed: int) -> int:
    """Keep in `found` what is watched, byte for byte, and return how many.

    What is reported is never a coincidence of hashes.
    """
    _, at, size, hashes, found = items
    slots, count = address_of(keys.table.slots), np.uint64(keys.table.slots.size)
    for candidate in range(passed):
        prefetch(slots + 8 * share_of(hashes[found[candidate]], count))
    confirmed = 0
    for candidate in range(passed):
        row = found[candidate]
        there, _ = place_of(keys, base + at[row], signed(size[row]), hashes[row])
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
        passed = _filtered(watched[0], items[0], items[0].first[count])
        inputs = _confirmed(watched[0], address_of(data), items[0], passed)
    if count >= 0 and watched[1].total > 0:
        passed = _filtered(watched[1], items[1], items[1].first[count])
        outputs = _confirmed(watched[1], address_of(data), items[1], passed)
    return count, at, inputs, outputs
