"""SipHash-1-3 for compiled code: of the sieve's keys, those of unusual sizes."""

import numpy as np

from sekisho.watch.sieve_memory import Bytes, address_of, byte_at, compiled, word_at


@compiled
def _rotate(value: np.uint64, bits: int) -> np.uint64:
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@compiled
def _sip_round(
    v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    v0 += v1
    v2 += v3
    v1 = _rotate(v1, 13) ^ v0
    v3 = _rotate(v3, 16) ^ v2
    v0 = _rotate(v0, 32)
    v2 += v1
    v0 += v3
    v1 = _rotate(v1, 17) ^ v2
    v3 = _rotate(v3, 21) ^ v0
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@compiled
def siphash_at(at: int, size: int, sip0: np.uint64, sip1: np.uint64) -> np.uint64:
    """Return SipHash-1-3 of `size` bytes at an address; the caller knows them to be there.

    A keyed hash, so that nobody without the key can write scripts that collide and make the
    watcher slow; the variant that CPython and Rust use for the same reason.
    """
    v0 = sip0 ^ np.uint64(0x736F6D6570736575)
    v1 = sip1 ^ np.uint64(0x646F72616E646F6D)
    v2 = sip0 ^ np.uint64(0x6C7967656E657261)
    v3 = sip1 ^ np.uint64(0x7465646279746573)
    rest = size & 7
    for place in range(at, at + size - rest, 8):
        word = word_at(place)
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3 ^ word)
        v0 ^= word
    last = np.uint64(size & 0xFF) << np.uint64(56)
    if size >= 8 and rest > 0:  # the last eight bytes at once, without those already taken
        last |= word_at(at + size - 8) >> np.uint64(8 * (8 - rest))
    elif rest > 0:
        for each in range(rest):
            last |= np.uint64(byte_at(at + each)) << np.uint64(8 * each)
    v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3 ^ last)
    v0 ^= last
    v2 ^= np.uint64(0xFF)
    for _ in range(3):
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@compiled
def siphash(data: Bytes, sip0: np.uint64, sip1: np.uint64) -> np.uint64:
    """Return SipHash-1-3 of all of `data`."""
    return siphash_at(address_of(data), data.size, sip0, sip1)
