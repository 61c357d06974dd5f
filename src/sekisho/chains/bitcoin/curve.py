"""Signatures on secp256k1: one question each for ECDSA and Schnorr, answered by libsecp256k1.

Foreign bytes never raise here: a key that is no point, or a signature that is none, does not
verify.
"""

from btclib_secp256k1 import dsa, ssa, xonly


def verify_ecdsa(*, public_key: bytes, signature: bytes, digest: bytes) -> bool:
    """Return whether the BIP-66 DER `signature` over `digest` is by `public_key`.

    Either half of the S values verifies, as in consensus; `is_low_s` tells them apart.
    """
    if not is_strict_der(signature):
        return False
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


def is_strict_der(signature: bytes) -> bool:
    """Return whether `signature` has the one encoding that BIP-66 allows (no sighash flag)."""
    # 0x30 [size] 0x02 [size of R] R 0x02 [size of S] S
    if not 8 <= len(signature) <= 72 or signature[0] != 0x30:
        return False
    r_size = signature[3]
    if signature[1] != len(signature) - 2 or r_size > len(signature) - 7:
        return False
    s_size = signature[5 + r_size]
    if r_size + s_size + 6 != len(signature):
        return False
    return _is_der_integer(signature[2 : 4 + r_size]) and _is_der_integer(signature[4 + r_size :])


def commits_to(*, output_key: bytes, parity: int, internal_key: bytes, tweak: bytes) -> bool:
    """Return whether the output key is the internal key tweaked, with that parity (BIP-341)."""
    try:
        return xonly.tweak_add_check(output_key, parity, internal_key, tweak)
    except ValueError:
        return False


def _is_der_integer(encoded: bytes) -> bool:
    """Return whether 0x02, a size and that many bytes are an integer: minimal, not negative."""
    body = encoded[2:]
    if encoded[0] != 0x02 or not body or body[0] & 0x80:
        return False
    return len(body) == 1 or body[0] != 0 or bool(body[1] & 0x80)
