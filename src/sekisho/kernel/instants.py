"""Instants are aware, UTC, and cut to the second; on the wire they are RFC 3339 with a `Z`."""

import re
from datetime import UTC, datetime, timedelta, timezone

from sekisho.kernel.errors import BadInputError

JST = timezone(timedelta(hours=9), "JST")
"""Japan's time, to show beside UTC; nothing is ever stored in it."""
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
"""Days and hours may be added to whatever is read, and no calendar ends."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def parse_instant(text: str, where: str) -> datetime:
    """Return the instant that `text` ("2024-05-31T04:26:00Z") writes.

    Only this one form is read, so that an instant has exactly one spelling in signed bytes. Raises
    `BadInputError` at `where` for every other form, leap seconds and impossible dates included.
    """
    if not _INSTANT.fullmatch(text):
        raise BadInputError(where, f"{text[:40]!r} is not an instant such as 2024-05-31T04:26:00Z")
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(where, f"{text!r} is no moment of any calendar") from error
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise BadInputError(where, f"{text!r} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return at


def format_instant(at: datetime) -> str:
    """Write an aware instant in the one form that `parse_instant` reads, cut to the second.

    Raises `ValueError` for a naive datetime: guessing a zone is how deadlines are missed.
    """
    return f"{to_second(at).replace(tzinfo=None).isoformat()}Z"


def to_second(at: datetime) -> datetime:
    """Return `at` in UTC without its fraction; raises `ValueError` if it is naive."""
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).replace(microsecond=0)
