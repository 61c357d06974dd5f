"""Which 32 bytes are an Ed25519 public key that only its holder can sign for (RFC 8032)."""

from sekisho.kernel.errors import BadInputError

_FIELD = 2**255 - 19
_D = -121665 * pow(121666, -1, _FIELD) % _FIELD
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8})
"""The y of the eight points of edwards25519 whose multiple by 8 is the neutral one: under such a
key a signature needs no private key."""


def check_ed25519_key(public_key: bytes, where: str) -> bytes:
    """Return the key; raises `BadInputError` at `where` unless it is one person's alone.

    That is: 32 bytes, the one spelling of a point that is on the curve, and not of small order.
    """
    if len(public_key) != 32:
        raise BadInputError(where, "is not 32 bytes")
    y = int.from_bytes(public_key, "little") % 2**255
    if y >= _FIELD or y in _SMALL_ORDER:
        raise BadInputError(where, "is no key that only its holder can sign for")
    # RFC 8032 section 5.1.3: x**2 = (y**2 - 1) / (d * y**2 + 1), and so this too is a square.
    square = (y * y - 1) * (_D * y * y + 1)
    if pow(square, (_FIELD - 1) // 2, _FIELD) != 1:
        raise BadInputError(where, "is no point of edwards25519")
    return public_key
