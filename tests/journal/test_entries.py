import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_world import NOON, a_draft, a_row, chain

from sekisho.journal.entries import FRAME, entry_hash, placed, read_entry, read_row, seal
from sekisho.journal.records import ENTRY_MAX_BYTES, GENESIS, Draft
from sekisho.kernel.canonical import INTEGER_MAX, canonical_bytes
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError

FIRST = seal(a_draft(1), seq=1, prev_hash=GENESIS)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.text(max_size=8).filter(lambda text: text.isprintable()),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3)
    ),
    max_leaves=8,
).filter(lambda value: "\\ud" not in json.dumps(value))
bodies = st.dictionaries(st.sampled_from(["id", "seq", "kind", "body", "z"]), json_values)


def test_the_bytes_of_an_entry_stay_as_they_are() -> None:
    """Pinned: whoever changes this breaks every journal there is."""
    draft = Draft(
        entry_id="01HZ6QZ3C0000000000000000A",
        at=datetime(2024, 5, 31, 4, 26, 17, 999_999, tzinfo=UTC),
        kind="passes.asked",
        actor="青木",
        body={"z": [1, True, None], "a": "é"},
    )
    entry = seal(draft, seq=7, prev_hash=bytes(range(32)))
    assert entry.document.decode() == (
        '{"actor":"青木","at":"2024-05-31T04:26:17Z","body":{"a":"é","z":[1,true,null]},'
        '"id":"01HZ6QZ3C0000000000000000A","kind":"passes.asked","prev_hash":'
        '"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","seq":7}'
    )
    # As coreutils' sha256sum says over the tag, a newline and these bytes.
    assert entry.hash.hex() == ("fedd402b12fc93f8f11d8654f5165550e0dc75bad95326fb880f5d6d58493e03")
    assert entry.at == datetime(2024, 5, 31, 4, 26, 17, tzinfo=UTC)
    assert read_entry(entry.document, "entry") == entry


def test_an_instant_is_kept_in_utc_to_the_second() -> None:
    tokyo = timezone(timedelta(hours=9))
    at = datetime(2024, 5, 31, 13, 26, 17, 5, tzinfo=tokyo)
    entry = seal(replace(a_draft(1), at=at), seq=1, prev_hash=GENESIS)
    assert entry.at == datetime(2024, 5, 31, 4, 26, 17, tzinfo=UTC)
    assert entry.at.tzinfo is UTC


@given(bodies, st.integers(1, INTEGER_MAX), st.binary(min_size=32, max_size=32))
def test_what_is_sealed_is_read_back(body: dict[str, Any], seq: int, prev_hash: bytes) -> None:
    entry = seal(a_draft(1, body=body), seq=seq, prev_hash=prev_hash)
    assert read_entry(entry.document, "entry") == entry
    assert (entry.body, entry.seq, entry.prev_hash) == (body, seq, prev_hash)
    assert entry.hash == tagged_digest("journal-entry", entry.document)
    frame = FRAME.fullmatch(entry.document)
    assert frame is not None
    assert frame.groups() == (
        entry.entry_id.encode(),
        prev_hash.hex().encode(),
        str(seq).encode(),
    )


@given(bodies, st.integers(1, INTEGER_MAX), st.binary(min_size=32, max_size=32))
def test_placing_is_sealing_at_another_place(
    body: dict[str, Any], seq: int, prev_hash: bytes
) -> None:
    draft = a_draft(1, body=body)
    assert placed(
        seal(draft, seq=INTEGER_MAX, prev_hash=GENESIS), seq=seq, prev_hash=prev_hash
    ) == seal(draft, seq=seq, prev_hash=prev_hash)


def test_a_sealed_entry_does_not_change_with_its_draft() -> None:
    body: dict[str, Any] = {"payments": [1]}
    entry = seal(a_draft(1, body=body), seq=1, prev_hash=GENESIS)
    body["payments"].append(2)
    assert entry.body == {"payments": [1]}


@pytest.mark.parametrize(
    "draft",
    [
        replace(a_draft(1), entry_id="01HZ6QZ3C0000000000000000a"),
        replace(a_draft(1), entry_id=""),
        replace(a_draft(1), at=NOON.replace(tzinfo=None)),
        replace(a_draft(1), kind=""),
        replace(a_draft(1), kind="Passes.asked"),
        replace(a_draft(1), kind="passes asked"),
        replace(a_draft(1), kind='a"b'),
        replace(a_draft(1), kind="a" * 65),
        replace(a_draft(1), kind="a\n"),
        replace(a_draft(1), actor=""),
        replace(a_draft(1), actor="two\nlines"),
        replace(a_draft(1), actor="\ud800"),
        a_draft(1, body={"amount": 0.1}),  # type: ignore[dict-item] # what a caller may get wrong
        a_draft(1, body={"amount": 2**53}),
        a_draft(1, body={"text": "\ud800"}),
        a_draft(1, body={1: "key"}),  # type: ignore[dict-item] # likewise
        a_draft(1, body={"at": NOON}),  # type: ignore[dict-item] # likewise
        a_draft(1, body={"text": "x" * ENTRY_MAX_BYTES}),
        replace(a_draft(1), body=[]),  # type: ignore[arg-type] # likewise
    ],
    ids=repr,
)
def test_what_is_no_draft(draft: Draft) -> None:
    with pytest.raises(BadInputError):
        seal(draft, seq=1, prev_hash=GENESIS)


def test_a_body_nested_without_end_is_refused() -> None:
    body: dict[str, Any] = {}
    body["again"] = body
    with pytest.raises(BadInputError):
        seal(a_draft(1, body=body), seq=1, prev_hash=GENESIS)


def test_an_entry_of_the_largest_size_fits_and_one_byte_more_does_not() -> None:
    def sealed(size: int) -> int:
        entry = seal(a_draft(1, body={"x": "x" * size}), seq=1, prev_hash=GENESIS)
        return len(read_entry(entry.document, "entry").document)

    room = ENTRY_MAX_BYTES - sealed(0)
    assert sealed(room) == ENTRY_MAX_BYTES
    with pytest.raises(BadInputError, match="larger"):
        sealed(room + 1)


def spelled(**changes: object) -> bytes:
    document = json.loads(FIRST.document) | changes
    return canonical_bytes({name: value for name, value in document.items() if value != "gone"})


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        FIRST.document + b"\n",
        FIRST.document.replace(b",", b", "),
        FIRST.document.replace(b'"seq":1', b'"seq":1,"seq":1'),
        spelled(extra=1),
        spelled(seq="gone"),
        spelled(seq=0),
        spelled(seq=-1),
        spelled(seq="1"),
        spelled(seq=True),
        spelled(id="x"),
        spelled(at="2024-05-31T12:00:01+00:00"),
        spelled(prev_hash="00"),
        spelled(prev_hash="A" * 64),
        spelled(kind="Kind"),
        spelled(body=[]),
        spelled(actor=""),
        b'{"actor":"' + b"a" * ENTRY_MAX_BYTES + b'"}',
    ],
)
def test_what_is_no_entry(document: bytes) -> None:
    with pytest.raises(BadInputError):
        read_entry(document, "entry")


def test_a_row_is_read_only_if_every_column_agrees() -> None:
    one, two = chain(2)
    row = a_row(one)
    assert read_row(row) == one
    for wrong in (
        row._replace(seq=2),
        row._replace(entry_id=two.entry_id),
        row._replace(hash=two.hash),
        row._replace(document=two.document),
        row._replace(document=two.document, hash=two.hash),
        row._replace(document=two.document, hash=two.hash, entry_id=two.entry_id),
    ):
        with pytest.raises(BadInputError, match=f"journal entry {wrong.seq}"):
            read_row(wrong)


def test_the_hash_of_an_entry_is_the_kernel_s_tagged_digest() -> None:
    assert entry_hash(b"") == tagged_digest("journal-entry", b"")
    assert entry_hash(b"x" * 5000) == tagged_digest("journal-entry", b"x" * 5000)
