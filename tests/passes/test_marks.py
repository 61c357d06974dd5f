"""Marks: the key file goes one way, and the keeper, who begins at the top, makes the same."""

import hashlib
import hmac

import pytest
from duress_world import forced_key_of, opening_of, openings
from hypothesis import given
from hypothesis import strategies as st

from sekisho.passes.duress import (
    COUNT_MAX,
    Ratchet,
    Stated,
    commitment,
    marked_number,
    number_of,
    ratchet_of,
    slot_key,
    turned,
    unfree_statements,
)
from sekisho.passes.records import Credential, CredentialKind

AOKI, HELD = opening_of("aoki"), openings()
MARK_KEY, FORCED_KEY = AOKI.mark_key, forced_key_of("aoki")


def said(number: int) -> Stated:
    return Stated(
        statement_id=str(number),
        pass_digest="aa" * 32,
        person_id="aoki",
        credential=Credential(
            credential_id="aoki-1",
            kind=CredentialKind.ED25519,
            public_key=AOKI.public_key,
            commitment=commitment(AOKI),
        ),
        number=number,
    )


COUNTS = st.lists(st.integers(1, COUNT_MAX), min_size=1, max_size=8, unique=True).map(sorted)
CLOSE = st.lists(st.integers(1, 40), min_size=1, max_size=40, unique=True).map(sorted)


@given(COUNTS | CLOSE)
def test_a_key_file_and_the_keeper_make_the_same_number(counts: list[int]) -> None:
    """Whatever was skipped: the file goes on from what is left, the keeper from the top."""
    ratchet = ratchet_of(MARK_KEY)
    for count in counts:
        ratchet, key = turned(ratchet, count)
        number = number_of(slot_key(MARK_KEY), key, count)
        assert number == marked_number(MARK_KEY, count)
        assert not unfree_statements([said(number)], HELD)


def way_to(count: int) -> set[bytes]:
    """Return every node from which the key of a count can be made, written out again."""
    node = hashlib.sha256(b"sekisho/count-tree/v1\n" + MARK_KEY).digest()
    nodes = {node}
    for bit in f"{count:030b}":
        node = hmac.new(node, bit.encode(), "sha256").digest()
        nodes.add(node)
    return nodes


@given(COUNTS | CLOSE, st.integers(0, COUNT_MAX))
def test_what_is_left_makes_every_later_key_and_no_earlier_one(
    counts: list[int], other: int
) -> None:
    ratchet = ratchet_of(MARK_KEY)
    for count in counts:
        ratchet, _ = turned(ratchet, count)
    left = set(ratchet.nodes)
    assert len(ratchet.nodes) == len(left) <= 30
    for count in {*counts, other, max(counts[-1] - 1, 1), counts[-1] + 1} - {COUNT_MAX + 1}:
        later = count > counts[-1]
        assert bool(left & way_to(count)) is later
        if not later:
            with pytest.raises(ValueError, match="is not between"):
                turned(ratchet, count)


def test_neither_key_file_nor_count_leads_back_to_the_mark_key() -> None:
    known = {slot_key(MARK_KEY), *ratchet_of(MARK_KEY).nodes}
    assert MARK_KEY not in known
    assert known.isdisjoint(way_to(0))
    assert MARK_KEY.hex() not in repr(ratchet_of(MARK_KEY))
    assert ratchet_of(MARK_KEY).nodes[0].hex() not in repr(ratchet_of(MARK_KEY))


def test_no_node_may_be_missing_from_a_ratchet() -> None:
    short = ratchet_of(MARK_KEY)
    with pytest.raises(ValueError, match="zip"):
        turned(Ratchet(count=0, nodes=short.nodes[:-1]), 1)


@pytest.mark.parametrize(
    "forced", [FORCED_KEY, slot_key(FORCED_KEY), bytes(32)], ids=["key", "slot", "zeros"]
)
def test_the_other_slot_is_never_free_however_far_the_count_is(forced: bytes) -> None:
    """With the true count keys, for both passphrases have those. One in ten million may pass."""
    ratchet, wrong = ratchet_of(MARK_KEY), 0
    for count in (*range(1, 200), 10**6, COUNT_MAX):
        ratchet, key = turned(ratchet, count)
        wrong += len(unfree_statements([said(number_of(forced, key, count))], HELD))
    assert wrong == 201
