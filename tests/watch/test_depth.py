"""How deep a block lies, by headers alone: what counts, and what buries nothing."""

from collections.abc import Iterable, Iterator

import pytest
from bitcoin_vectors import block_bytes
from block_world import EASY_BITS, block, hash_of, mined, mined_chain, reading
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.watch.depth import Link, confirmations
from sekisho.watch.sieve import Sieve
from sekisho.watch.sweep import Sweep

HARD_BITS = 0x2003FFFF
"""One hash of 64 meets them: 32 times the work of an easy block."""
START = bytes(32)
NOBODY = b"\x07" * 32
CHAIN = mined_chain(START, 8, bits=HARD_BITS)


def link(raw: bytes) -> Link:
    bits = int.from_bytes(raw[72:76], "little")
    return Link(hash=hash_of(raw), prev_hash=raw[4:36], bits=bits)


def depths(blocks: Iterable[bytes], *wanted: bytes) -> list[int]:
    found = confirmations([link(each) for each in blocks], {hash_of(each) for each in wanted})
    return [found[hash_of(each)] for each in wanted]


def test_the_block_itself_is_the_first_confirmation() -> None:
    assert depths(CHAIN, *CHAIN) == [8, 7, 6, 5, 4, 3, 2, 1]


@given(order=st.permutations(CHAIN), again=st.lists(st.sampled_from(CHAIN)))
def test_order_and_repetition_change_nothing(order: list[bytes], again: list[bytes]) -> None:
    assert depths([*order, *again], *CHAIN) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_a_block_that_was_not_read_has_no_confirmation() -> None:
    assert depths(CHAIN[:3], CHAIN[3]) == [0]
    assert depths([], CHAIN[0]) == [0]


def test_a_stale_block_has_none_however_long_its_branch() -> None:
    rival = mined_chain(hash_of(CHAIN[1]), 5, bits=HARD_BITS, first=100)
    assert depths([*rival, *CHAIN], *rival) == [0] * 5
    assert depths([*rival, *CHAIN], *CHAIN[:3]) == [8, 7, 6]


def test_work_decides_and_not_the_number_of_blocks() -> None:
    long_and_cheap = mined_chain(hash_of(CHAIN[0]), 40, first=100)
    assert depths([*CHAIN[:3], *long_and_cheap], *CHAIN[1:3]) == [2, 1]
    assert depths([*CHAIN[:3], *long_and_cheap], long_and_cheap[0]) == [0]


def test_between_equal_branches_nobody_decides() -> None:
    rival = mined_chain(hash_of(CHAIN[1]), 6, bits=HARD_BITS, first=100)
    for order in ([*CHAIN, *rival], [*rival, *CHAIN]):
        assert depths(order, *CHAIN[:3], rival[0]) == [8, 7, 0, 0]


def test_branches_from_a_block_that_nobody_has_are_compared_too() -> None:
    rival = mined_chain(hash_of(CHAIN[0]), 6, bits=HARD_BITS, first=100)
    assert depths([*rival, *CHAIN[1:]], rival[0], CHAIN[1]) == [0, 7]


def test_counting_ends_at_a_block_that_is_missing() -> None:
    gap = [*CHAIN[:4], *CHAIN[5:]]
    assert depths(gap, *gap) == [4, 3, 2, 1, 3, 2, 1]


def test_a_header_without_the_work_that_it_claims_counts_for_nothing() -> None:
    without = [*CHAIN[:4], CHAIN[4][:76] + bytes(4) + CHAIN[4][80:], *CHAIN[5:]]
    assert hash_of(without[4]) != hash_of(CHAIN[4])
    assert depths(without, without[4], *CHAIN[:4]) == [0, 4, 3, 2, 1]


def test_cheap_headers_bury_nothing() -> None:
    real, tip = CHAIN, CHAIN[-1]
    on_a_real_block = mined_chain(hash_of(tip), 30, first=100)
    assert depths([*real, *on_a_real_block], tip, on_a_real_block[0]) == [1, 0]
    by_themselves = mined_chain(b"\x01" * 32, 30, first=100)
    assert depths([*real, *by_themselves], by_themselves[0]) == [0]
    assert depths(by_themselves, by_themselves[0]) == [30]


def test_after_work_has_become_easier_more_blocks_are_needed() -> None:
    halved = 0x2007FFFF
    later = mined_chain(hash_of(CHAIN[-1]), 10, bits=halved, first=100)
    assert depths([*CHAIN, *later], later[0]) == [5]


@pytest.mark.parametrize(
    "bits",
    [0, 0x20000000, 0x20FFFFFF, 0x21FFFF7F, 0x2101FFFF, 0xFF7FFFFF, 0x01003456],
)
def test_bits_that_stand_for_no_target_are_met_by_nothing(bits: int) -> None:
    """Zero, negative, overflown: the cases of Core's `arith_uint256::SetCompact`."""
    for each in (bytes(32), b"\xff" * 32):
        assert confirmations([Link(hash=each, prev_hash=NOBODY, bits=bits)], {each}) == {each: 0}


@pytest.mark.parametrize(
    ("bits", "target"),
    [
        (0x01123456, 0x12),
        (0x02123456, 0x1234),
        (0x02008000, 0x80),
        (0x03123456, 0x123456),
        (0x04123456, 0x12345600),
        (0x05009234, 0x92340000),
        (0x20123456, 0x123456 << 232),
    ],
)
def test_the_target_is_the_greatest_hash_that_meets_it(bits: int, target: int) -> None:
    """The values are those of Core's `arith_uint256_tests`."""
    for hash_number, expected in ((target, 1), (target + 1, 0)):
        here = hash_number.to_bytes(32, "little")
        assert confirmations([Link(hash=here, prev_hash=NOBODY, bits=bits)], {here}) == {
            here: expected
        }


def test_a_real_block_meets_its_target() -> None:
    raw = block_bytes(758100)
    assert depths([raw], raw) == [1]
    easier = raw[:72] + (0x03000001).to_bytes(4, "little") + raw[76:]
    assert depths([easier], easier) == [0]


def test_a_sweep_tells_the_links_of_what_it_read() -> None:
    short = CHAIN[1][:40]
    sweep = Sweep(Sieve(bytes(16)), reading([CHAIN[0], short, CHAIN[2]]))
    assert list(sweep) == []
    first, without, last = sweep.links()
    assert (first, last) == (link(CHAIN[0]), link(CHAIN[2]))
    assert confirmations([without], {without.hash}) == {without.hash: 0}


@st.composite
def trees(draw: st.DrawFn) -> list[bytes]:
    """Return blocks that grow on each other in any way, of two kinds of work."""
    blocks: list[bytes] = []
    for number in range(draw(st.integers(1, 9))):
        parent = draw(st.integers(-2, len(blocks) - 1))
        previous = hash_of(blocks[parent]) if parent >= 0 else bytes([-parent]) * 32
        bits = draw(st.sampled_from([EASY_BITS, 0x201FFFFF]))
        blocks.append(mined(block(previous, [], number=number), bits))
    return blocks


@settings(max_examples=300)
@given(data=st.data(), blocks=trees())
def test_what_following_every_branch_by_hand_finds(
    data: st.DataObject, blocks: list[bytes]
) -> None:
    read = data.draw(st.lists(st.sampled_from(blocks), min_size=1))
    found = depths(read, *blocks)
    by_hand = slowly(read)
    assert found == [by_hand.get(hash_of(each), 0) for each in blocks]


def slowly(read: list[bytes]) -> dict[bytes, int]:
    known = {hash_of(each): each for each in read}

    def branch(tip: bytes) -> Iterator[bytes]:
        while tip in known:
            yield tip
            tip = known[tip][4:36]

    def work(tip: bytes) -> int:
        return sum(2 if known[each][74] == 0x7F else 8 for each in branch(tip))

    def root(tip: bytes) -> bytes:
        return known[list(branch(tip))[-1]][4:36]

    heaviest = max(2 if each[74] == 0x7F else 8 for each in read)
    found = {}
    for here in known:
        rivals = [tip for tip in known if root(tip) == root(here)]
        best = [tip for tip in rivals if work(tip) == max(map(work, rivals))]
        above = [list(branch(tip)) for tip in best]
        if all(here in each for each in above):
            counts = [each.index(here) + 1 for each in above]
            beyond = work(best[0]) - work(known[here][4:36]) if known else 0
            found[here] = min(*counts, beyond // heaviest)
    return found
