"""The set of what is watched, beside a plain Python set: nothing is missed or invented."""

from collections.abc import Iterable
from random import Random
from typing import Any

import numpy as np
import pytest
from block_world import NOTHING, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.watch import sieve_keys, sieve_table
from sekisho.watch.sieve import Sieve
from sekisho.watch.sieve_keys import KeySet

SEED = bytes(range(16))
BLOCK_ROOM = 3_900_000


def seen(sieve: Sieve, scripts: Iterable[bytes]) -> list[bytes]:
    """Return which of the scripts are found in transactions that pay them, in order."""
    found: list[bytes] = []
    batch: list[bytes] = []
    size = 0
    for each in [*scripts, None]:
        if each is None or size + len(each) + 12 > BLOCK_ROOM:
            raw = transaction([NOTHING], [*batch, b"\x51" * 300]).serialize()
            hits = sieve.scan_transaction(raw, "test").hits
            found += [batch[place] for hit in hits for place in hit.outputs]
            batch, size = [], 0
        if each is not None:
            batch.append(each)
            size += len(each) + 12
    return found


def packed(members: list[bytes]) -> tuple[Any, Any]:
    data = np.frombuffer(b"".join(members), np.uint8)
    return data, np.array([len(each) for each in members], np.int64)


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a table grow by as little as it may with each key, so that growing takes long."""
    monkeypatch.setattr(sieve_keys, "_STEP", 1)


# As many as there may be, in any order -----------------------------------------------------------

# Few bytes that differ, so that equal and nearly equal ones are common.
alike = st.builds(
    lambda head, size, last: (head + b"\x07" * size)[:size] + last,
    st.sampled_from([b"\x00\x14", b"\x76\xa9\x14", b""]),
    st.integers(0, 70),
    st.binary(max_size=1),
)


@settings(max_examples=200)
@given(steps=st.lists(st.lists(alike | st.binary(max_size=60), max_size=40), max_size=6))
def test_as_a_set_in_any_steps(steps: list[list[bytes]]) -> None:
    sieve, known = Sieve(SEED), set[bytes]()
    everything = [each for step in steps for each in step]
    for step in steps:
        assert sieve.watch_scripts(step) == len(set(step) - known)
        known |= set(step)
        assert sieve.scripts == len(known)
        assert seen(sieve, everything) == [each for each in everything if each in known]


@pytest.mark.usefixtures("slowly")
def test_growing_one_by_one() -> None:
    """Through every boundary, with each state between looked at, and duplicates on the way."""
    random = Random(1)  # noqa: S311 - the same scripts each time
    scripts = [random.randbytes(random.choice((3, 22, 25, 34, 67))) for _ in range(4000)]
    strangers = [each[:-1] + bytes([each[-1] ^ 1]) for each in scripts]
    members, sieve = set[bytes](), Sieve(SEED)
    keys, tables, growing = sieve._scripts, set[int](), 0
    for number, each in enumerate(scripts):
        members.add(each)
        sieve.watch_scripts([each, scripts[number // 2]])
        growing += keys._growth is not None
        tables.add(keys.keys.table.slots.size)
        assert 5 * sieve.scripts <= 4 * keys.keys.table.slots.size
        assert sieve.scripts == len(members)
        if number % 97 == 0 or (keys._growth is not None and number % 7 == 0):
            known = scripts[: number + 1]
            assert seen(sieve, known) == known
            others = [each for each in strangers if each not in members]
            assert seen(sieve, others) == []
    assert len(tables) > 4
    assert growing > 100


def test_a_large_set_never_grows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, one more costs so many steps and not a pass over all of them."""
    moved: list[int] = []
    transfer = sieve_table.transfer

    def counted(
        keys: sieve_table.Keys, larger: sieve_table.Table, position: int, most: int
    ) -> int:
        moved.append(most)
        return transfer(keys, larger, position, most)

    monkeypatch.setattr(sieve_table, "transfer", counted)
    random = np.random.default_rng(1)
    members = KeySet(SEED)
    sizes = np.full(1000, 22, np.int64)
    for _ in range(400):
        before = len(moved)
        members.add_packed(random.integers(0, 256, 22_000, np.uint8), sizes)
        large = members.keys.total > 20 * sieve_keys._STEP
        assert not large or len(moved) <= before + 1
    assert max(moved) <= sieve_keys._MOVED_PER_KEY * sieve_keys._CHUNK
    assert len(moved) > 10
    assert members.keys.total == 400_000


def test_what_is_expected_has_room_at_once() -> None:
    random = Random(2)  # noqa: S311 - the same scripts each time
    scripts = [random.randbytes(25) for _ in range(30_000)]
    sieve = Sieve(SEED)
    sieve.watch_scripts(scripts[:10_000])
    sieve.expect_scripts(20_000)
    slots = sieve._scripts.keys.table.slots.size
    sieve.watch_packed_scripts(*packed(scripts[10_000:]))
    assert sieve._scripts.keys.table.slots.size == slots
    assert sieve._scripts._growth is None
    assert seen(sieve, scripts) == scripts


# What is unusual ---------------------------------------------------------------------------------


def test_every_length() -> None:
    random = Random(4)  # noqa: S311 - the same scripts each time
    scripts = [random.randbytes(size) for size in range(10_001)]
    strangers = [each[:-1] + bytes([each[-1] ^ 1]) for each in scripts[2:]]
    sieve = Sieve(SEED)
    sieve.watch_scripts(scripts)
    assert seen(sieve, scripts) == scripts
    assert seen(sieve, strangers) == []


@pytest.mark.parametrize("size", [1, 15, 16, 22, 36, 48, 49, 100])
def test_those_that_differ_in_one_byte(size: int) -> None:
    plain = b"\x07" * size
    others = [
        plain[:at] + bytes([value]) + plain[at + 1 :]
        for at in range(size)
        for value in range(256)
        if value != 7
    ]
    sieve = Sieve(SEED)
    sieve.watch_scripts(others[::2])
    assert seen(sieve, others) == others[::2]
    assert seen(sieve, [plain, plain[1:], plain + b"\x07"]) == []


def test_a_filter_that_says_yes_to_everything_invents_nothing() -> None:
    random = Random(5)  # noqa: S311 - the same scripts each time
    scripts = [random.randbytes(size) for size in range(60)]
    sieve = Sieve(SEED)
    sieve.watch_scripts(scripts[::3])
    sieve._scripts.keys.table.filter[:] = np.uint64(2**64 - 1)
    assert seen(sieve, scripts) == scripts[::3]


def test_a_key_that_is_too_long_is_refused() -> None:
    sieve = Sieve(SEED)
    longest = b"\x6a" * sieve_table.KEY_SIZE_MAX
    with pytest.raises(ValueError, match="65535 bytes are too many"):
        sieve.watch_scripts([b"\x51", longest + b"\x6a"])
    assert sieve.scripts == 0
    assert sieve.watch_scripts([longest]) == 1
    assert seen(sieve, [longest, longest[1:], longest + b"\x6a"]) == [longest]


@pytest.mark.parametrize("sizes", [[], [2], [4], [5, -2], [1, 1]])
def test_sizes_of_something_else_are_refused(sizes: list[int]) -> None:
    members = KeySet(SEED)
    with pytest.raises(ValueError, match="sizes are not those of 3 bytes"):
        members.add_packed(np.zeros(3, np.uint8), np.array(sizes, np.int64))
    assert members.keys.total == 0


def test_nothing_is_added_as_nothing() -> None:
    assert KeySet(SEED).add_packed(np.zeros(0, np.uint8), np.zeros(0, np.int64)) == 0


# Segments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 1, 2, 3, 23, 24, 25])
def test_what_is_left_at_the_end_of_a_segment(left: int) -> None:
    """Keys that end so many bytes before a segment does, and 22 bytes after: none is lost."""
    room = sieve_table.SEGMENT_SIZE - sieve_table.FIRST - left
    random = np.random.default_rng(left)
    whole = sieve_table.KEY_SIZE_MAX + sieve_table.SIZE_SIZE
    sizes = [sieve_table.KEY_SIZE_MAX] * (room // whole)
    sizes += [room % whole - sieve_table.SIZE_SIZE] if room % whole else []
    filling = [random.bytes(size) for size in sizes]
    members = KeySet(SEED)
    assert members.add(filling) == len(filling)
    assert members.keys.end == sieve_table.SEGMENT_SIZE - left
    small = [random.bytes(22) for _ in range(500)]
    assert members.add(small) == 500
    assert members.keys.segments.size == 2
    for _ in range(2):  # as it lies, and once more after everything was put into a larger table
        assert members.add([*small, *filling]) == 0
        members.expect(members.keys.table.slots.size)
    assert members.keys.total == len(filling) + len(small)


def test_a_batch_that_loses_much_at_the_ends_of_segments() -> None:
    """Keys of which 1,677 fit into a segment: one more than three segments can hold of them."""
    random = np.random.default_rng(1)
    members = KeySet(SEED)
    large = [random.bytes(40_000) for _ in range(3 * 1677 + 1)]
    assert members.add(large) == len(large)
    assert members.keys.end <= members.keys.segments.size * sieve_table.SEGMENT_SIZE
    assert members.keys.segments.size == 4
    assert members.add(large) == 0
