from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest
from gate_psbts import Maps, bytes_of_maps, maps_of
from gate_scene import HOT, Attempt, exact, honest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import trust_of
from world_coins import book_of
from world_people import NOW

from sekisho.gate.clear import clear
from sekisho.gate.records import Cleared
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Refused
from sekisho.passes.life import Clearance

Edit: TypeAlias = Callable[[bytes], bytes]

HONEST: Mapping[int, Attempt] = {version: honest(exact(), version=version) for version in (0, 2)}
REGISTER = trust_of(exact().world)
BOOK = book_of(exact().wallet, HOT)


def answer(psbt: bytes, used: tuple[Clearance, ...] = ()) -> Cleared | None:
    try:
        return clear(
            psbt, pass_digest=HONEST[0].digest, register=REGISTER, book=BOOK, used=used, now=NOW
        )
    except Refused:
        return None


@pytest.mark.parametrize("version", [0, 2])
def test_what_is_cleared_is_bound_to_the_very_bytes(version: int) -> None:
    cleared = answer(HONEST[version].psbt)
    assert cleared is not None
    unsigned = exact().unsigned
    assert cleared.psbt == HONEST[version].psbt
    assert cleared.txid == unsigned.txid
    digest = tagged_digest("unsigned-transaction", unsigned.serialize())
    assert cleared.transaction_digest == digest.hex()
    assert cleared.pass_digest == HONEST[version].digest
    assert cleared.pass_id == exact().asked.pass_id
    assert not cleared.replaceable


def test_only_what_this_pass_was_used_for_counts() -> None:
    def used(digest: str, txid: str) -> tuple[Clearance, ...]:
        return (
            Clearance(pass_digest=digest, txid=txid, transaction_digest="", cleared_at=NOW, seq=1),
        )

    ours, psbt = HONEST[0].digest, HONEST[0].psbt
    assert answer(psbt, used("ab" * 32, "cd" * 32)) is not None
    assert answer(psbt, used(ours, exact().unsigned.txid)) is not None
    assert answer(psbt, used(ours, "cd" * 32)) is None


# Small changes -----------------------------------------------------------------------------------


def of_bytes(at: int, data: bytes, cut: int) -> Edit:
    def edit(psbt: bytes) -> bytes:
        place = at % (len(psbt) + 1)
        return psbt[:place] + data + psbt[place + cut :]

    return edit


def of_maps(change: Callable[[Maps], None]) -> Edit:
    """Return an edit that leaves every length right, so that it gets past the parsers."""

    def edit(psbt: bytes) -> bytes:
        try:
            maps = maps_of(psbt)
        except (IndexError, ValueError):
            return psbt  # an edit before this one left no maps
        change(maps)
        return bytes_of_maps(maps)

    return edit


def value_changed(place: int, pair: int, at: int, flip: int) -> Edit:
    def change(maps: Maps) -> None:
        pairs = maps[place % len(maps)]
        if pairs:
            key, value = pairs[pair % len(pairs)]
            byte = at % max(len(value), 1)
            flipped = bytes(value[byte : byte + 1] and [value[byte] ^ flip])
            pairs[pair % len(pairs)] = key, value[:byte] + flipped + value[byte + 1 :]

    return of_maps(change)


def pair_set(place: int, key: bytes, value: bytes) -> Edit:
    def change(maps: Maps) -> None:
        chosen = maps[place % len(maps)]
        chosen[:] = [pair for pair in chosen if pair[0] != key] + [(key, value)]

    return of_maps(change)


def pair_moved(source: int, pair: int, target: int) -> Edit:
    def change(maps: Maps) -> None:
        pairs = maps[source % len(maps)]
        if pairs:
            maps[target % len(maps)].append(pairs.pop(pair % len(pairs)))

    return of_maps(change)


places = st.integers(0, 2**16)
edits = st.one_of(
    st.builds(of_bytes, places, st.binary(max_size=4), st.integers(0, 4)),
    st.builds(value_changed, places, places, places, st.integers(1, 255)),
    st.builds(
        pair_set,
        places,
        st.binary(min_size=1, max_size=1),
        st.one_of(st.binary(max_size=8), st.sampled_from([bytes(4), bytes(32), b"\x01\0\0\0"])),
    ),
    st.builds(pair_moved, places, places, places),
)


@settings(max_examples=400)
@given(version=st.sampled_from([0, 2]), changes=st.lists(edits, min_size=1, max_size=3))
def test_no_small_change_clears_another_transaction(version: int, changes: list[Edit]) -> None:
    psbt = HONEST[version].psbt
    for change in changes:
        psbt = change(psbt)
    cleared = answer(psbt)
    if cleared is not None:
        assert cleared.psbt == psbt
        assert cleared.txid == exact().unsigned.txid
        assert sent(psbt) == sent(HONEST[version].psbt)


def sent(psbt: bytes) -> object:
    """Return what a PSBT says of its transaction: read off the raw maps, by neither reader."""
    first, *others = (dict(pairs) for pairs in maps_of(psbt))
    if b"\x00" in first:
        return first[b"\x00"]
    count = first[b"\x04"][0]
    inputs = [[each.get(key) for key in (b"\x0e", b"\x0f", b"\x10")] for each in others[:count]]
    outputs = [(each.get(b"\x03"), each.get(b"\x04")) for each in others[count:]]
    return first.get(b"\x02"), first.get(b"\x03", bytes(4)), inputs, outputs


def test_some_small_changes_are_harmless_and_so_the_property_is_not_empty() -> None:
    harmless = [
        pair_set(0, b"\x77", b"note"),
        pair_set(1, b"\x03", b"\x01\0\0\0"),
        pair_set(3, b"\x78", b""),
    ]
    for edit in harmless:
        assert edit(HONEST[0].psbt) != HONEST[0].psbt
        assert answer(edit(HONEST[0].psbt)) is not None
