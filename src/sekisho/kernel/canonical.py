"""RFC 8785 canonical bytes: one document, one spelling.

What is hashed and signed is always these bytes. Reading is as strict as writing: duplicate keys,
floats, huge integers, deep nesting and any non-canonical spelling are refused, so that two readers
cannot see two documents in the same bytes.
"""

import json
import re
from typing import Never, TypeAlias

import rfc8785

from sekisho.kernel.errors import BadInputError

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"
"""What a document may hold. No floats: money is a decimal string, counts are integers."""

SIZE_MAX_BYTES = 8 * 1024 * 1024
DEPTH_MAX = 24
INTEGER_MAX = 2**53 - 1
"""RFC 8785 documents are read by JavaScript too; larger integers are written as strings."""

_ABOVE_FFFF = re.compile(rb"[\xf0-\xff]")


def canonical_bytes(document: Json) -> bytes:
    """Return the only spelling of `document`.

    Raises `ValueError` if it holds what JSON cannot, or could not be read back for its size.
    """
    if _is_plain(document, 0):
        data = _PLAIN.encode(document).encode()
    else:
        _refuse_unwritable(document, depth=0)
        data = rfc8785.dumps(document)
    if len(data) > SIZE_MAX_BYTES:
        raise ValueError(f"the document is larger than {SIZE_MAX_BYTES} bytes")
    return data


def parse_canonical(data: bytes, where: str) -> Json:
    """Return the document in `data`, which must be spelled canonically.

    Raises `BadInputError` at `where` for anything that is not the canonical form of itself.
    """
    document = parse_json(data, where)
    # What was parsed is plain, but for the order of keys above U+FFFF (in UTF-8: from F0 on).
    if not _ABOVE_FFFF.search(data) and _PLAIN.encode(document).encode() == data:
        return document
    if canonical_bytes(document) != data:
        raise BadInputError(where, "is not in canonical form (RFC 8785)")
    return document


def parse_json(data: bytes, where: str) -> Json:
    """Return the document in `data`, in any JSON spelling but without any ambiguity.

    Raises `BadInputError` at `where`: duplicate keys, floats, integers above 2**53 - 1, lone
    surrogates, nesting deeper than `DEPTH_MAX`, more than `SIZE_MAX_BYTES`, or not JSON at all.
    """
    if len(data) > SIZE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {SIZE_MAX_BYTES} bytes")
    try:
        document: Json = _STRICT.decode(data.decode("utf-8", errors="strict"))
        # UTF-8 holds no lone surrogate; only an escape can. And so few brackets nest no deeper.
        shallow = data.count(b"{") + data.count(b"[") <= DEPTH_MAX
        if b"\\u" in data or not (shallow or _is_plain(document, 0)):
            _refuse_unwritable(document, depth=0)
    except UnicodeDecodeError as error:
        raise BadInputError(where, f"is not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(where, f"is not an acceptable JSON document: {error}") from error
    return document


def _without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the key {name[:40]!r} stands twice")
            seen.add(name)
    return document


def _refuse_number(text: str) -> Never:
    raise ValueError(f"{text[:40]} is not a whole number")


def _integer(text: str) -> int:
    if len(text) > len(str(INTEGER_MAX)) + 1 or abs(int(text)) > INTEGER_MAX:
        raise ValueError(f"{text[:40]} is too large for a number; amounts are strings")
    if text == "-0":
        raise ValueError("-0 is not a whole number")
    return int(text)


_STRICT = json.JSONDecoder(
    object_pairs_hook=_without_duplicates,
    parse_float=_refuse_number,
    parse_constant=_refuse_number,
    parse_int=_integer,
)
_PLAIN = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
"""For a document that `_is_plain` this writes what RFC 8785 asks for, several times faster.

Both escape the same characters in the same way. They differ in fractions, and in the order of keys
where one has a character above U+FFFF; a plain document has neither.
"""


def _is_plain(value: object, depth: int) -> bool:
    """Can `_PLAIN` write it? No means only that the long way has to look at it."""
    if depth > DEPTH_MAX:
        return False
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -INTEGER_MAX <= value <= INTEGER_MAX  # type: ignore[operator]  # it is an int
    if kind is dict:
        for name, item in value.items():  # type: ignore[attr-defined]  # it is a dict
            if type(name) is not str or not name.isascii() or not _is_plain(item, depth + 1):
                return False
        return True
    if kind is list:
        return all(_is_plain(item, depth + 1) for item in value)  # type: ignore[attr-defined]  # it is a list
    return False


def _refuse_unwritable(value: object, *, depth: int) -> None:
    """Raise `ValueError` for values that have no canonical form, wherever they hide."""
    if depth > DEPTH_MAX:
        raise ValueError(f"nested deeper than {DEPTH_MAX}")
    match value:
        case None | bool():
            pass
        case int() if abs(value) > INTEGER_MAX:
            raise ValueError(f"{value} is too large for a number; amounts are strings")
        case int():
            pass
        case str():
            value.encode()  # a lone surrogate is a UnicodeEncodeError, which is a ValueError
        case list():
            for item in value:
                _refuse_unwritable(item, depth=depth + 1)
        case dict():
            for pair in value.items():
                _refuse_unwritable(list(pair), depth=depth)
        case _:
            raise ValueError(f"{type(value).__name__} has no place in a document")
