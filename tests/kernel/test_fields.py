"""Every field is known, present once, and of its type; anything else is an error with a place."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import ITEMS_MAX, TEXT_MAX, Fields

Read = Callable[[Fields], object]

VALUES: dict[str, Json] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "one": 1,
    "word": "abc",
    "empty text": "",
    "digits": "12",
    "hex": "00ff",
    "instant": "2024-05-31T04:26:00Z",
    "empty list": [],
    "list of text": ["a", "b"],
    "list of objects": [{"x": 1}, {"x": 2}],
    "empty object": {},
    "object": {"x": 1},
}

READERS: dict[str, tuple[Read, dict[str, object]]] = {
    # what each reader makes of the values that it takes; it refuses every other one
    "text": (
        lambda f: f.text("f"),
        {n: VALUES[n] for n in ("word", "digits", "hex", "instant")},
    ),
    "text or empty": (
        lambda f: f.text("f", empty=True),
        {n: VALUES[n] for n in ("word", "digits", "hex", "instant", "empty text")},
    ),
    "choice": (lambda f: f.choice("f", ("abc", "xyz")), {"word": "abc"}),
    "choice with empty": (
        lambda f: f.choice("f", ("", "abc")),
        {"word": "abc", "empty text": ""},
    ),
    "hex": (lambda f: f.hex("f"), {"hex": b"\x00\xff", "digits": b"\x12"}),
    "hex of two": (lambda f: f.hex("f", size=2), {"hex": b"\x00\xff"}),
    "hex or empty": (
        lambda f: f.hex("f", empty=True),
        {"hex": b"\x00\xff", "digits": b"\x12", "empty text": b""},
    ),
    "sat": (lambda f: f.sat("f"), {"digits": 12}),
    "integer": (lambda f: f.integer("f", at_least=0, at_most=9), {"zero": 0, "one": 1}),
    "integer above": (lambda f: f.integer("f", at_least=1, at_most=9), {"one": 1}),
    "integer below": (lambda f: f.integer("f", at_least=0, at_most=0), {"zero": 0}),
    "boolean": (lambda f: f.boolean("f"), {"true": True, "false": False}),
    "instant": (
        lambda f: f.instant("f"),
        {"instant": datetime(2024, 5, 31, 4, 26, tzinfo=UTC)},
    ),
    "each": (
        lambda f: f.each("f", lambda item: item.integer("x", at_least=0, at_most=9)),
        {"list of objects": (1, 2)},
    ),
    "each or none": (
        lambda f: f.each("f", lambda item: item.document("x"), empty=True),
        {"list of objects": (1, 2), "empty list": ()},
    ),
    "texts": (lambda f: f.texts("f"), {"list of text": ("a", "b")}),
    "texts or none": (
        lambda f: f.texts("f", empty=True),
        {"list of text": ("a", "b"), "empty list": ()},
    ),
    "fields": (lambda f: f.fields("f").document("x"), {"object": 1}),
    "document": (lambda f: f.document("f"), dict(VALUES)),
}


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_takes_its_type_and_refuses_every_other(reader: str) -> None:
    read, taken = READERS[reader]
    for name, value in VALUES.items():
        fields = Fields({"f": value}, "here")
        if name in taken:
            got = read(fields)
            assert got == taken[name], name
            assert type(got) is type(taken[name]), f"{name}: true is not 1"
            fields.done()
        else:
            with pytest.raises(BadInputError) as caught:
                read(fields)
            assert caught.value.where.startswith("here.f"), name


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_field_and_one_read_twice(reader: str) -> None:
    read, taken = READERS[reader]
    with pytest.raises(BadInputError, match=r"^here\.f: is missing$"):
        read(Fields({"g": 1}, "here"))
    fields = Fields({"f": VALUES[next(iter(taken))]}, "here")
    read(fields)
    with pytest.raises(BadInputError, match=r"^here\.f: is missing$"):
        read(fields)


@pytest.mark.parametrize("value", [v for v in VALUES.values() if not isinstance(v, dict)])
def test_only_an_object_has_fields(value: Json) -> None:
    with pytest.raises(BadInputError, match=r"^here: is not an object$"):
        Fields(value, "here")


def test_an_unknown_field_means_no() -> None:
    fields = Fields({"known": 1, "unknown": 2}, "pass")
    fields.document("known")
    with pytest.raises(BadInputError, match=r"^pass: 'unknown' is not a known field$"):
        fields.done()


def test_the_name_of_an_unknown_field_cannot_speak_to_a_terminal() -> None:
    with pytest.raises(BadInputError) as caught:
        Fields({"\x1b[2J\u202eall is well" + "!" * 10_000: 1}, "pass").done()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_reading_leaves_the_document_as_it_was() -> None:
    document: Json = {"a": "b"}
    Fields(document, "here").text("a")
    assert document == {"a": "b"}


def test_the_place_of_a_nested_field() -> None:
    fields = Fields({"payments": [{"amount_sat": "1"}, {"amount_sat": 1}]}, "pass")
    with pytest.raises(BadInputError) as caught:
        fields.each("payments", lambda payment: payment.sat("amount_sat"))
    assert caught.value.where == "pass.payments[1].amount_sat"


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\x00b",
        "\x1b[31mred",
        "a\u200bb",  # zero width
        "\u202e00.1",  # right to left
        "\u2066isolated",
        "a\ud800",
        "a\u0085b",
        "a\u2028b",
        "no-break\u00a0space",
        "x" * (TEXT_MAX + 1),
    ],
)
def test_text_that_would_deceive_an_eye_or_a_terminal(text: str) -> None:
    with pytest.raises(BadInputError, match="control characters or is too long"):
        Fields({"f": text}, "here").text("f")


@pytest.mark.parametrize(
    "text", ["山田　太郎", "経理部・第二課（東京）", "naïve", "x" * TEXT_MAX, "😀"]
)
def test_text_that_people_write(text: str) -> None:
    assert Fields({"f": text}, "here").text("f") == text


@pytest.mark.parametrize("text", ["0", "0G", "FF", "0x00", " 00", "00 ", "00 ff", "０0", "é0"])
def test_not_lower_case_hex(text: str) -> None:
    with pytest.raises(BadInputError, match="hex"):
        Fields({"f": text}, "here").hex("f")


@given(st.binary(min_size=1, max_size=64))
def test_hex_round_trip(data: bytes) -> None:
    assert Fields({"f": data.hex()}, "here").hex("f", size=len(data)) == data
    with pytest.raises(BadInputError, match=f"is not {len(data) + 1} bytes"):
        Fields({"f": data.hex()}, "here").hex("f", size=len(data) + 1)


def test_a_list_has_an_end() -> None:
    many: list[Json] = ["x"] * (ITEMS_MAX + 1)
    with pytest.raises(BadInputError, match="has more than"):
        Fields({"f": many}, "here").texts("f")


def test_a_list_of_the_wrong_things() -> None:
    wrong: list[Json] = [1, None, ["b"], "", "\n"]
    for item in wrong:
        with pytest.raises(BadInputError, match=r"^here\.f\[1\]"):
            Fields({"f": ["a", item]}, "here").texts("f")
    with pytest.raises(BadInputError, match=r"^here\.f\[0\]: is not an object$"):
        Fields({"f": [1]}, "here").each("f", lambda item: item.document("x"))
