"""One document, one spelling: RFC 8785's own examples, properties, and what an attacker sends."""

import json
from contextlib import suppress
from enum import IntEnum, StrEnum
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.canonical import (
    DEPTH_MAX,
    INTEGER_MAX,
    SIZE_MAX_BYTES,
    Json,
    _refuse_unwritable,
    canonical_bytes,
    parse_canonical,
    parse_json,
)
from sekisho.kernel.errors import BadInputError

VECTORS = Path(__file__).parents[1] / "vectors" / "kernel"
RFC = json.loads((VECTORS / "canonical.json").read_text(encoding="utf-8"))["cases"]

whole = st.integers(-INTEGER_MAX, INTEGER_MAX)
documents: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | whole | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("case", RFC, ids=lambda case: case["comment"])
def test_the_examples_in_the_text_of_the_rfc(case: dict[str, str]) -> None:
    document = parse_json(case["input"].encode(), "rfc")
    assert canonical_bytes(document) == bytes.fromhex(case["canonical"])


@pytest.mark.parametrize("name", ["arrays", "french", "unicode", "weird"])
def test_the_test_data_of_the_author_of_the_rfc(name: str) -> None:
    given_bytes = (VECTORS / "rfc8785" / "input" / f"{name}.json").read_bytes()
    wanted = (VECTORS / "rfc8785" / "output" / f"{name}.json").read_bytes()
    assert canonical_bytes(parse_json(given_bytes, name)) == wanted
    assert parse_canonical(wanted, name) == json.loads(given_bytes)
    with pytest.raises(BadInputError, match="canonical form"):
        parse_canonical(given_bytes, name)


@pytest.mark.parametrize("name", ["structures", "values"])
def test_the_author_s_test_data_with_fractions_is_refused(name: str) -> None:
    given_bytes = (VECTORS / "rfc8785" / "input" / f"{name}.json").read_bytes()
    with pytest.raises(BadInputError, match="is not a whole number"):
        parse_json(given_bytes, name)


@given(documents)
def test_what_is_written_is_read_back(document: Json) -> None:
    data = canonical_bytes(document)
    assert parse_canonical(data, "here") == document
    assert json.loads(data) == document, "another reader sees the same document"


class Number(IntEnum):
    SEVEN = 7


class Word(StrEnum):
    SEVEN = "seven"


# What a caller may hand over by mistake, beside what is right; and characters at every edge that
# an escape or the order of keys turns on.
edges = st.text(
    st.sampled_from('\x00\x1f\x7f\x80"\\/\n\u2028\ud7ff\ue000\uffff\U00010000\ud800ab')
)
keys = edges | st.text(st.characters(codec="ascii")) | st.sampled_from([1, None, True, Word.SEVEN])
wrong = st.sampled_from(
    [1.0, -0.0, float("nan"), b"", (), Number.SEVEN, Word.SEVEN, 2**53, -(2**53)]
)
anything: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | whole | edges | st.text() | wrong,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def written_the_long_way(document: object) -> bytes | None:
    """Return what the library makes of it, or None for what has no place in a document."""
    try:
        _refuse_unwritable(document, depth=0)
        return rfc8785.dumps(document)  # type: ignore[arg-type]  # that is the question
    except ValueError:
        return None


@given(anything)
def test_the_short_way_writes_what_the_library_writes(document: object) -> None:
    wanted = written_the_long_way(document)
    if wanted is None:
        with pytest.raises(ValueError, match=r"^[^:]"):
            canonical_bytes(document)  # type: ignore[arg-type]  # that is the question
    else:
        assert canonical_bytes(document) == wanted  # type: ignore[arg-type]  # that is the question


@pytest.mark.parametrize("depth", [DEPTH_MAX, DEPTH_MAX + 1, DEPTH_MAX + 2])
@pytest.mark.parametrize("kind", ["list", "dict"])
@pytest.mark.parametrize("inside", [1, "a", None, [], {}])
def test_the_short_way_goes_as_deep_as_the_long_one(depth: int, kind: str, inside: Json) -> None:
    document = inside
    for _ in range(depth):
        document = [document] if kind == "list" else {"a": document}
    wanted = written_the_long_way(document)
    assert (wanted is None) == (depth > DEPTH_MAX)
    if wanted is None:
        with pytest.raises(ValueError, match="nested"):
            canonical_bytes(document)
    else:
        assert canonical_bytes(document) == wanted


@given(documents, st.data())
def test_changed_bytes_are_refused_or_another_document(
    document: Json, data: st.DataObject
) -> None:
    before = canonical_bytes(document)
    at = data.draw(st.integers(0, len(before) - 1))
    changed = bytearray(before)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        read = parse_canonical(bytes(changed), "here")
    except BadInputError:
        return
    assert canonical_bytes(read) == bytes(changed) != before


@given(documents, st.binary(min_size=1, max_size=3))
def test_nothing_may_follow_a_document(document: Json, more: bytes) -> None:
    data = canonical_bytes(document)
    try:
        assert canonical_bytes(parse_canonical(data + more, "here")) == data + more
    except BadInputError:
        return
    assert isinstance(document, int), "only digits after a number make another document"


@given(st.binary(max_size=200))
def test_foreign_bytes_get_an_error_of_ours_or_a_document(data: bytes) -> None:
    with suppress(BadInputError):
        canonical_bytes(parse_json(data, "here"))


NOT_A_DOCUMENT = {
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-32": '{"a":1}'.encode("utf-32-le"),
    "not UTF-8": b'"\xff"',
    "an overlong slash": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udfff"',
    "a lone surrogate in a key": b'{"\\ud800":1}',
    "surrogates in the wrong order": b'"\\ude00\\ud83d"',
    "a key twice": b'{"a":1,"a":1}',
    "a key twice, deep": b'[{"a":[{"b":{"c":1,"d":2,"c":3}}]}]',
    "a key twice, once escaped": b'{"a":1,"\\u0061":2}',
    "NaN": b"NaN",
    "Infinity": b"[Infinity]",
    "minus Infinity": b'{"a":-Infinity}',
    "a fraction": b"1.5",
    "a whole fraction": b"1.0",
    "an exponent": b"1e3",
    "a capital exponent": b"1E3",
    "minus zero": b"-0",
    "minus zero, deep": b'{"a":[-0]}',
    "2**53": b"9007199254740992",
    "minus 2**53": b"-9007199254740992",
    "a number of a million digits": b"9" * 1_000_000,
    "a leading zero": b"01",
    "a plus": b"+1",
    "hex": b"0x10",
    "full-width digits": "１２".encode(),
    "single quotes": b"{'a':1}",
    "a comment": b"{}//",
    "a trailing comma": b"[1,]",
    "a control character in a string": b'"\n"',
    "two documents": b"{}{}",
    "a NUL at the end": b"{}\x00",
    "ten thousand deep": b"[" * 10_000 + b"]" * 10_000,
    "ten thousand deep in objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "one deeper than allowed": b"[" * (DEPTH_MAX + 2) + b"]" * (DEPTH_MAX + 2),
    "one byte too large": b'"' + b"a" * (SIZE_MAX_BYTES - 1) + b'"',
    "never closed": b"[" * SIZE_MAX_BYTES,
}


@pytest.mark.parametrize("data", NOT_A_DOCUMENT.values(), ids=NOT_A_DOCUMENT.keys())
def test_refused_with_an_error_of_ours(data: bytes) -> None:
    for parse in (parse_json, parse_canonical):
        with pytest.raises(BadInputError) as caught:
            parse(data, "somewhere")
        assert caught.value.where == "somewhere"
        assert len(str(caught.value)) < 300, "a message to act on, not the input again"


NOT_CANONICAL = {
    "a space": b'{"a": 1}',
    "a space before": b" {}",
    "a newline after": b"{}\n",
    "keys out of order": b'{"b":1,"a":2}',
    "an escape that needs none": b'"\\u0061"',
    "an escaped slash": b'"\\/"',
    "a long escape where there is a short one": b'"\\u000a"',
    "capital hex in an escape": b'"\\u001F"',
    "an escaped letter outside ASCII": b'"\\u00e9"',
}


@pytest.mark.parametrize("data", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_a_second_spelling_is_read_only_where_it_is_allowed(data: bytes) -> None:
    assert canonical_bytes(parse_json(data, "here")) != data
    with pytest.raises(BadInputError, match="canonical form"):
        parse_canonical(data, "here")


@pytest.mark.parametrize("integer", [INTEGER_MAX, -INTEGER_MAX, 0, 1, -1])
def test_integers_up_to_the_largest_that_every_reader_holds(integer: int) -> None:
    assert parse_canonical(str(integer).encode(), "here") == integer


def test_as_deep_as_allowed_and_no_deeper() -> None:
    deepest = b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1)
    assert canonical_bytes(parse_canonical(deepest, "here")) == deepest


def test_a_key_that_stands_twice_among_very_many_is_found_at_once() -> None:
    # Looking for it by counting each name took 38 s for 60,000 keys, and hours for 8 MiB of them.
    keys = ",".join(f'"{number:x}":0' for number in range(200_000))
    with pytest.raises(BadInputError, match="'30d3f' stands twice"):
        parse_json(f'{{{keys},"30d3f":1}}'.encode(), "here")


def test_an_unwritable_document_is_our_own_mistake() -> None:
    loop: list[Json] = []
    loop.append(loop)
    unwritable: list[object] = [
        1.0,
        float("nan"),
        b"bytes",
        (1, 2),
        {1: "a key that is no string"},
        {"a": {2, 3}},
        "\ud800",
        {"\udfff": 1},
        2**53,
        -(2**53),
        loop,
        "a" * SIZE_MAX_BYTES,
    ]
    for document in unwritable:
        with pytest.raises(ValueError, match=r"^[^:]") as caught:
            canonical_bytes(document)  # type: ignore[arg-type]  # what types forbid is the point
        assert not isinstance(caught.value, BadInputError)
