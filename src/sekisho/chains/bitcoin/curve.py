"""Signatures on secp256k1: one question each for ECDSA and Schnorr, answered by libsecp256k1.

Foreign bytes never raise here: a key that is no point, or a signature that is none, does not
verify.
"""

from btclib_secp256k1 import dsa, ssa, xonly


def verify_ecdsa(*, public_key: bytes, signature: bytes, digest: bytes) -> bool:
    """Return whether the DER `signature` (no sighash flag) over `digest` is by `public_key`.

    No other encoding than BIP-66's verifies: the library's parser is that strict. Either half of
    the S values does, as in consensus; `is_low_s` tells them apart.
    """
    try:
        return dsa.verify(digest, public_key, signature, normalize=True)
    except ValueError:
        return False


def verify_schnorr(*, public_key: bytes, signature: bytes, digest: bytes) -> bool:
    """Return whether the BIP-340 `signature` over `digest` is by the 32-byte `public_key`."""
    if len(public_key) != 32:
        return False
    try:
        return ssa.verify(digest, public_key, signature)
    except ValueError:
        return False


def is_low_s(signature: bytes) -> bool:
    """Return whether a DER signature's S is in the lower half (BIP-62, BIP-146).

    The other half is valid by consensus and is not relayed: someone has altered the signature.
    """
    try:
        return dsa.is_low_s(signature)
    except ValueError:
        return False


def commits_to(*, output_key: bytes, parity: int, internal_key: bytes, tweak: bytes) -> bool:
    """Return whether the output key is the internal key tweaked, with that parity (BIP-341)."""
    try:
        return xonly.tweak_add_check(output_key, parity, internal_key, tweak)
    except ValueError:
        return False
