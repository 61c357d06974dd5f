"""Reading a document field by field: every field is known, present once, and of its type."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import parse_instant
from sekisho.kernel.money import Sat, parse_sat

T = TypeVar("T")
TEXT_MAX = 4096
ITEMS_MAX = 100_000


def is_printable(text: str) -> bool:
    """Is `text` free of control characters, direction marks and lone surrogates?

    The ideographic space U+3000 is fine: it stands between the names of people in Japan.
    """
    return text.replace("\u3000", " ").isprintable()


def visible(text: str) -> str:
    """Return `text` with what does not print (escapes, direction marks) spelled out.

    A label that an attacker chose must not clear the screen or turn a sentence around.
    """
    return "".join(c if is_printable(c) else c.encode("unicode_escape").decode() for c in text)


class Fields:
    """One object of a document, read strictly.

    Each reader takes a field out and raises `BadInputError` naming the field if it is missing or
    of another type. `done()` raises if anything was left over: an unknown field means no.
    """

    def __init__(self, document: Json, where: str) -> None:
        if not isinstance(document, dict):
            raise BadInputError(where, "is not an object")
        self._left = dict(document)
        self._where = where

    def where(self, name: str) -> str:
        """Return the place of a field, for messages: `pass.payments[0].amount_sat`."""
        return f"{self._where}.{name}"

    def fail(self, name: str, reason: str) -> BadInputError:
        """Return the error for the field `name`; the caller raises it."""
        return BadInputError(self.where(name), reason)

    def text(self, name: str, *, empty: bool = False) -> str:
        """Return a string that `is_printable`, of at most `TEXT_MAX` characters."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self.fail(name, "is not text")
        if not value and not empty:
            raise self.fail(name, "is empty")
        if len(value) > TEXT_MAX or not is_printable(value):
            raise self.fail(name, "holds control characters or is too long")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of the `allowed` words."""
        value = self.text(name, empty="" in allowed)
        if value not in allowed:
            raise self.fail(name, f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def hex(self, name: str, *, size: int | None = None, empty: bool = False) -> bytes:
        """Return bytes written as lower-case hex, of `size` bytes where one is given."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self.fail(name, "is not lower-case hex")
        if empty and not value:
            return b""
        try:
            data = bytes.fromhex(value)
        except ValueError as error:
            raise self.fail(name, "is not lower-case hex") from error
        if data.hex() != value or not data or (size is not None and len(data) != size):
            raise self.fail(name, f"is not {size or 'some'} bytes of lower-case hex")
        return data

    def sat(self, name: str) -> Sat:
        """Return an amount of satoshi, written as a decimal string."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self.fail(name, "is not an amount in a string")
        return parse_sat(value, self.where(name))

    def integer(self, name: str, *, at_least: int, at_most: int) -> int:
        """Return an integer within bounds; `true` is not 1."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(name, "is not a whole number")
        if not at_least <= value <= at_most:
            raise self.fail(name, f"{value} is not between {at_least} and {at_most}")
        return value

    def boolean(self, name: str) -> bool:
        """Return true or false, and nothing that merely resembles them."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise self.fail(name, "is neither true nor false")
        return value

    def instant(self, name: str) -> datetime:
        """Return an aware UTC instant."""
        value = self._take(name)
        if not isinstance(value, str):
            raise self.fail(name, "is not an instant in a string")
        return parse_instant(value, self.where(name))

    def fields(self, name: str) -> "Fields":
        """Return an object to be read in turn."""
        return Fields(self._take(name), self.where(name))

    def each(
        self, name: str, read: Callable[["Fields"], T], *, empty: bool = False
    ) -> tuple[T, ...]:
        """Return what `read` makes of each object of a list, in order."""
        return tuple(read(Fields(item, where)) for where, item in self._items(name, empty=empty))

    def texts(self, name: str, *, empty: bool = False) -> tuple[str, ...]:
        """Return a list of printable strings, in order."""
        items = self._items(name, empty=empty)
        return tuple(Fields({"text": item}, where).text("text") for where, item in items)

    def document(self, name: str) -> Json:
        """Return a field as it is, for a reader elsewhere."""
        return self._take(name)

    def done(self) -> None:
        """Raise `BadInputError` if a field was not asked for."""
        if self._left:
            # The name is the stranger's: quoted and cut, so that it cannot speak to a terminal.
            raise BadInputError(self._where, f"{min(self._left)[:40]!r} is not a known field")

    def _items(self, name: str, *, empty: bool) -> list[tuple[str, Json]]:
        value = self._take(name)
        if not isinstance(value, list):
            raise self.fail(name, "is not a list")
        if not value and not empty:
            raise self.fail(name, "is an empty list")
        if len(value) > ITEMS_MAX:
            raise self.fail(name, f"has more than {ITEMS_MAX} items")
        return [(f"{self.where(name)}[{index}]", item) for index, item in enumerate(value)]

    def _take(self, name: str) -> Json:
        if name not in self._left:
            raise self.fail(name, "is missing")
        return self._left.pop(name)
