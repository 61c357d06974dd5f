"""Make bad input out of good input, the same way every time for the same seed."""

import re
from collections.abc import Callable, Sequence
from random import Random

INPUT_MAX_BYTES = 4 * 1024 * 1024
EDGES = (
    0, 1, 2, 75, 76, 0x7F, 0x80, 0xFC, 0xFD, 0xFE, 0xFF, 0xFFFF, 0x10000, 2**31 - 1, 2**31,
    2**32 - 1, 2**32, 2**53, 21_000_000 * 10**8, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip
TOKENS = (
    b"\x00", b"\xff", b"\n", b'"', b"[", b"]", b"{", b"}", b",", b"-", b"0", b"1e3", b"1.0", b"/",
    b"(", b")", b"#", b"'", b"\\", b"\\ud800", b"\xed\xa0\x80", b"\xef\xbb\xbf", "０".encode(),
    "²".encode(), "\u202e".encode(), b"[" * 100, b"(" * 100, b"a" * 5000, b"9" * 5000, b"null",
)  # fmt: skip

Mutation = Callable[[Random, bytes, bytes], bytes]


def mutated(random: Random, corpus: Sequence[bytes]) -> bytes:
    """Return a member of `corpus` after one to five mutations, never larger than the limit."""
    data = random.choice(corpus)
    for _ in range(random.randint(1, 5)):
        data = random.choice(MUTATIONS)(random, data, random.choice(corpus))
    return data[:INPUT_MAX_BYTES]


def flip_a_bit(random: Random, data: bytes, _: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    flipped = bytes(byte ^ 1 << random.randrange(8) for byte in data[at : at + 1])
    return data[:at] + flipped + data[at + 1 :]


def truncate(random: Random, data: bytes, _: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def cut_out(random: Random, data: bytes, _: bytes) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.randint(1, 40) :]


def repeat(random: Random, data: bytes, _: bytes) -> bytes:
    start = random.randrange(len(data) + 1)
    piece = data[start : start + random.randint(1, 64)]
    return data[:start] + piece * random.choice((2, 3, 300)) + data[start:]


def insert(random: Random, data: bytes, _: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    piece = random.choice((random.choice(TOKENS), random.randbytes(random.randint(1, 40))))
    return data[:at] + piece + data[at:]


def overwrite(random: Random, data: bytes, _: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    piece = random.choice((random.choice(TOKENS), random.randbytes(random.randint(1, 8))))
    return data[:at] + piece + data[at + len(piece) :]


def splice(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def tamper_with_a_length(random: Random, data: bytes, _: bytes) -> bytes:
    """Write a number at the edge of some size where a length may stand, in a usual encoding."""
    value, at = random.choice(EDGES), random.randrange(len(data) + 1)
    size = random.choice((1, 2, 4, 8))
    piece = (value & (1 << 8 * size) - 1).to_bytes(
        size, "big" if random.random() < 0.5 else "little"
    )
    if random.random() < 0.5:  # Bitcoin's compact size, canonical or not
        piece = {1: b"", 2: b"\xfd", 4: b"\xfe", 8: b"\xff"}[size] + piece
    return data[:at] + piece + data[at + random.choice((1, len(piece))) :]


def tamper_with_a_number(random: Random, data: bytes, _: bytes) -> bytes:
    """Replace a run of decimal digits, as text formats write lengths, counts and amounts."""
    found = list(re.finditer(rb"[0-9]+", data[:100_000]))
    if not found:
        return data
    where = random.choice(found)
    value = random.choice(EDGES) + random.choice((-1, 0, 1))
    return data[: where.start()] + str(value).encode() + data[where.end() :]


MUTATIONS: tuple[Mutation, ...] = (
    flip_a_bit, flip_a_bit, truncate, cut_out, repeat, insert, overwrite, splice,
    tamper_with_a_length, tamper_with_a_length, tamper_with_a_number,
)  # fmt: skip
