"""The hashes of the Bitcoin protocol, under the names that the trade uses."""

from functools import cache
from hashlib import sha256

from btclib.hashes import ripemd160


def sha256_once(data: bytes) -> bytes:
    """Return SHA-256 of `data`: 32 bytes."""
    return sha256(data).digest()


def sha256_twice(data: bytes) -> bytes:
    """Return SHA-256 of SHA-256 of `data`: the hash of transactions, blocks and old sighashes."""
    return sha256(sha256(data).digest()).digest()


def hash160(data: bytes) -> bytes:
    """Return RIPEMD-160 of SHA-256 of `data`: 20 bytes, the hash of keys and of P2SH scripts.

    The library falls back to its own RIPEMD-160 where the machine's OpenSSL has none.
    """
    return ripemd160(sha256(data).digest())


def tagged_hash(tag: str, data: bytes) -> bytes:
    """Return the BIP-340 tagged hash of `data`."""
    prefix = _tag_prefix(tag)
    return sha256(prefix + data).digest()


@cache
def _tag_prefix(tag: str) -> bytes:
    return sha256(tag.encode()).digest() * 2
