"""ULIDs: ids that the client makes, that sort by time, and that a repeat can be known by.

The format is the ULID specification's: 48 bits of milliseconds and 80 bits of randomness in
Crockford base 32, 26 characters.
"""

from datetime import UTC, datetime, timedelta

from sekisho.kernel.errors import BadInputError

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def make_ulid(at: datetime, randomness: bytes) -> str:
    """Return the ULID for an aware instant and 10 bytes of the caller's randomness.

    Pure: the same arguments give the same id, which is how an id is derived for something that has
    no chooser (a verdict on a transaction), so that recording it twice is recording it once.
    Raises `ValueError` for another length, a naive instant, or one before 1970.
    """
    if len(randomness) != 10:
        raise ValueError("a ULID takes exactly 10 random bytes")
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= milliseconds < 2**48:
        raise ValueError(f"{at} has no ULID")
    number = milliseconds << 80 | int.from_bytes(randomness, "big")
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def check_ulid(text: str, where: str) -> str:
    """Return `text` if it is a ULID in its one spelling, else raise `BadInputError` at `where`."""
    if len(text) != 26 or text[0] not in "01234567" or any(c not in _ALPHABET for c in text):
        raise BadInputError(where, f"{text[:40]!r} is not a ULID")
    return text
