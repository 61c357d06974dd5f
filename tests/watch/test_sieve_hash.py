"""The sieve's hash is what its proof speaks of, and every byte of a string counts."""

from random import Random

import numpy as np
import pytest

from sekisho.watch.sieve_hash import NO_HASH, hash_at, secret_of, share_of
from sekisho.watch.siphash import siphash

SECRET = secret_of(bytes(range(16)))
RANDOM = Random(3)  # noqa: S311 - the same bytes each time


def hashed(data: bytes) -> int:
    array = np.frombuffer(data + b"\x00", np.uint8)
    return int(hash_at(array.ctypes.data, len(data), SECRET.ctypes.data))


def plainly(data: bytes) -> int:
    """Return the same in integers: NH of six words, then multiply-shift of its halves and size."""
    secret = [int(each) for each in SECRET]
    middle, last = (len(data) - 16) // 2, len(data) - 16
    words = [
        int.from_bytes(data[at : at + 8], "little")
        for at in (0, 8, middle, middle + 8, last, last + 8)
    ]
    keyed = [(word + key) % 2**64 for word, key in zip(words, secret, strict=False)]
    nh = (keyed[0] * keyed[1] + keyed[2] * keyed[3] + keyed[4] * keyed[5]) % 2**128
    wide = [secret[11] << 64 | secret[8], secret[12] << 64 | secret[9]]
    wide += [secret[13] << 64 | secret[10], secret[6] << 64 | secret[7]]
    mixed = wide[0] * (nh % 2**64) + wide[1] * (nh >> 64) + wide[2] * len(data) + wide[3]
    return mixed % 2**128 >> 64


@pytest.mark.parametrize("size", range(16, 49))
def test_usual_sizes_are_hashed_as_proven(size: int) -> None:
    for data in (bytes(size), b"\xff" * size, *(RANDOM.randbytes(size) for _ in range(100))):
        assert hashed(data) == plainly(data)


@pytest.mark.parametrize("size", [*range(16), *range(49, 200), 10_000])
def test_other_sizes_are_hashed_with_siphash(size: int) -> None:
    data = RANDOM.randbytes(size)
    assert hashed(data) == int(siphash(np.array(list(data), np.uint8), SECRET[14], SECRET[15]))


@pytest.mark.parametrize("size", range(1, 70))
def test_every_byte_counts(size: int) -> None:
    data = RANDOM.randbytes(size)
    others = {
        hashed(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        for at in range(size)
        for bit in (0, 7)
    }
    assert len(others | {hashed(data)}) == 2 * size + 1


def test_the_size_counts() -> None:
    assert len({hashed(bytes(size)) for size in range(100)}) == 100


def test_the_seed_counts() -> None:
    secrets = {secret_of(bytes([each]) * 16).tobytes() for each in range(100)}
    assert len(secrets) == 100
    assert {len(each) for each in secrets} == {16 * 8}


def test_no_hash_is_the_one_that_says_none() -> None:
    """A secret of zeros hashes everything of a usual size to zero, which is not given out."""
    zeros, data = np.zeros(16, np.uint64), np.zeros(40, np.uint8)
    for size in range(16, 41):
        assert hash_at(data.ctypes.data, size, zeros.ctypes.data) == NO_HASH + 1


@pytest.mark.parametrize("places", [1, 3, 1024, 200_000_001])
def test_shares_are_places(places: int) -> None:
    count = np.uint64(places)
    assert share_of(np.uint64(0), count) == 0
    assert share_of(np.uint64(2**64 - 1), count) == places - 1
    assert share_of(np.uint64(2**63), count) == places // 2
