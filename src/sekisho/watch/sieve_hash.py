"""The keyed hash of the sieve: a few multiplications for scripts and outpoints of usual sizes.

A stranger cannot aim at it, though it is no SipHash. Whoever writes scripts to the chain never
sees a hash, so all that is needed is that two byte strings, chosen without the secret, collide no
more often than by chance. Of what is done here with 14 random words that is proven:

1. NH (Black, Halevi, Krawczyk, Krovetz, Rogaway: UMAC, 1999) makes 128 bits of six words that
   cover the string: two different strings of one size agree with probability 2**-64;
2. multiply-shift (Dietzfelbinger 1996) makes 64 bits of those and of the size: each pair of
   different inputs is sent to each pair of results with the same probability.
"""

from hashlib import shake_256
from typing import Final

import numpy as np

from sekisho.watch.sieve_memory import Words, add_product, compiled, signed, word_at
from sekisho.watch.siphash import siphash_at

USUAL_MIN: Final = 16
USUAL_MAX: Final = 48
"""Between these sizes three pieces of 16 bytes, one at either end and one in the middle, cover a
string. Nearly all scripts are 22 to 35 bytes long, and outpoints 36."""

_SECRET_WORDS: Final = 16
ZERO: Final = np.uint64(0)
NO_HASH: Final = ZERO


def secret_of(seed: bytes) -> Words:
    """Return the secret of the hash, spun out of a seed that outsiders do not know."""
    return np.frombuffer(
        shake_256(b"sekisho/sieve/v1" + seed).digest(8 * _SECRET_WORDS), np.uint64
    )


@compiled
def _not_zero(mix: np.uint64) -> np.uint64:
    return mix | np.uint64(mix == ZERO)


@compiled
def hash_at(at: int, size: int, secret: int) -> np.uint64:
    """Return the hash of `size` bytes at an address; the caller knows them to be there.

    `secret` is the address of the secret's words. Never `NO_HASH`.
    """
    if size < USUAL_MIN or size > USUAL_MAX:
        return _not_zero(siphash_at(at, size, word_at(secret + 112), word_at(secret + 120)))
    # 1. (one + s0)(two + s1) + (three + s2)(four + s3) + (five + s4)(six + s5), of 128 bits
    middle, last = at + ((size - 16) >> 1), at + size - 16
    one, two = word_at(at) + word_at(secret), word_at(at + 8) + word_at(secret + 8)
    three = word_at(middle) + word_at(secret + 16)
    four = word_at(middle + 8) + word_at(secret + 24)
    five, six = word_at(last) + word_at(secret + 32), word_at(last + 8) + word_at(secret + 40)
    high, low = add_product(ZERO, ZERO, one, two)
    high, low = add_product(high, low, three, four)
    high, low = add_product(high, low, five, six)
    # 2. the upper half of s6 + s7*low + s8*high + s9*size, where s6 to s9 have 128 bits each
    long = np.uint64(size)
    mixed, rest = word_at(secret + 48), word_at(secret + 56)
    mixed, rest = add_product(mixed, rest, word_at(secret + 64), low)
    mixed, rest = add_product(mixed, rest, word_at(secret + 72), high)
    mixed, rest = add_product(mixed, rest, word_at(secret + 80), long)
    mixed += word_at(secret + 88) * low
    mixed += word_at(secret + 96) * high
    mixed += word_at(secret + 104) * long
    return _not_zero(mixed)


@compiled
def share_of(mix: np.uint64, places: np.uint64) -> int:
    """Return one of so many places, from the upper bits of a hash."""
    return signed(add_product(ZERO, ZERO, mix, places)[0])
