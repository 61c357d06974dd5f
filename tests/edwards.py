"""The arithmetic of edwards25519 (RFC 8032), for attacks that no library offers."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    (a, b), (c, d) = one, other
    product = D * a * b * c * d % P
    x = (a * d + b * c) * pow(1 + product, -1, P)
    return x % P, (b * d + a * c) * pow(1 - product, -1, P) % P


def multiple(point: Point, times: int) -> Point:
    total = (0, 1)
    while times:
        if times & 1:
            total = add(total, point)
        point, times = add(point, point), times >> 1
    return total


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def sign_with_nonce(seed: bytes, message: bytes, nonce: int) -> bytes:
    """Return a valid signature under a nonce of the signer's choice: another for each nonce."""
    expanded = hashlib.sha512(seed).digest()
    secret = int.from_bytes(expanded[:32], "little") & ((1 << 254) - 8) | 1 << 254
    public, r = encode(multiple(BASE, secret)), encode(multiple(BASE, nonce))
    challenge = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little")
    return r + ((nonce + challenge * secret) % L).to_bytes(32, "little")
