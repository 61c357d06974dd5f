"""What of the kernel reads foreign bytes."""

from fuzz.hunt import Target

from sekisho.kernel.canonical import canonical_bytes, parse_canonical, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant, parse_instant
from sekisho.kernel.money import format_btc, parse_btc, parse_whole
from sekisho.kernel.ulid import check_ulid

DOCUMENT = (
    b'{"amount_sat":"450290000000","at":"2024-05-31T04:26:00Z","digest":"00ff","id":'
    b'"01ARZ3NDEKTSV4RRFFQ69G5FAV","kind":"a","name":"\xe5\xb1\xb1\xe7\x94\xb0","people":[{"x":1}],'
    b'"seq":7,"texts":["a"],"yes":true}'
)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadInputError("text", "is not UTF-8") from error


def _same(one: object, other: object) -> None:
    if one != other:
        raise ValueError(f"{one!r} was read as {other!r}")


def read_json(data: bytes) -> None:
    document = parse_json(data, "json")
    _same(document, parse_canonical(canonical_bytes(document), "again"))


def read_canonical(data: bytes) -> None:
    _same(data, canonical_bytes(parse_canonical(data, "canonical")))


def read_fields(data: bytes) -> None:
    fields = Fields(parse_json(data, "document"), "document")
    fields.sat("amount_sat")
    fields.instant("at")
    fields.hex("digest", size=2)
    check_ulid(fields.text("id"), fields.where("id"))
    fields.choice("kind", ("a", "b"))
    fields.text("name")
    fields.each("people", lambda person: person.integer("x", at_least=0, at_most=9))
    fields.integer("seq", at_least=0, at_most=9)
    fields.texts("texts")
    fields.boolean("yes")
    fields.done()


def read_instant(data: bytes) -> None:
    text = _text(data)
    _same(text, format_instant(parse_instant(text, "instant")))


def read_btc(data: bytes) -> None:
    text = _text(data)
    amount_sat = parse_btc(text, "amount")
    _same(amount_sat, parse_btc(format_btc(amount_sat), "again"))


def read_whole(data: bytes) -> None:
    text = _text(data)
    _same(text, str(parse_whole(text, "amount")))


def read_ulid(data: bytes) -> None:
    check_ulid(_text(data), "ulid")


FUZZ_TARGETS: list[Target] = [
    ("kernel.parse_json", read_json, [DOCUMENT, b'[1, "\\u00e9", {"a": null}]', b"[[[[1]]]]"]),
    ("kernel.parse_canonical", read_canonical, [DOCUMENT, b'{"":{"a":[true,false,null,-1]}}']),
    ("kernel.fields", read_fields, [DOCUMENT]),
    ("kernel.parse_instant", read_instant, [b"2024-05-31T04:26:00Z", b"0001-01-01T00:00:00Z"]),
    ("kernel.parse_btc", read_btc, [b"4,502.9", b"0.00000001", b"21000000"]),
    (
        "kernel.parse_whole",
        read_whole,
        [b"0", b"115792089237316195423570985008687907853269984665"],
    ),
    ("kernel.check_ulid", read_ulid, [b"01ARZ3NDEKTSV4RRFFQ69G5FAV"]),
]
