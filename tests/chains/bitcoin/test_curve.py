"""Signatures on the curve: Wycheproof and BIP-340 agree, and foreign bytes never raise."""

import csv
import hashlib
from typing import Any

import pytest
from bitcoin_vectors import json_of, text_of
from btclib_secp256k1 import dsa, keys, ssa, xonly
from ecc.ecc import dsa as slow_dsa
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.curve import (
    commits_to,
    is_low_s,
    is_strict_der,
    verify_ecdsa,
    verify_schnorr,
)

WYCHEPROOF = json_of("wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json.gz")
WYCHEPROOF_CASES = [
    (bytes.fromhex(group["publicKey"]["uncompressed"]), case)
    for group in WYCHEPROOF["testGroups"]
    for case in group["tests"]
]
BIP340 = list(csv.DictReader(text_of("bips/bip-0340_test-vectors.csv").splitlines()))
KEY = 0x1DE
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
DIGEST = hashlib.sha256(b"sekisho").digest()


def test_no_wycheproof_case_is_missing() -> None:
    assert len(WYCHEPROOF_CASES) == WYCHEPROOF["numberOfTests"] == 463


@pytest.mark.parametrize("case", WYCHEPROOF_CASES, ids=lambda case: case[1]["tcId"])
def test_wycheproof(case: tuple[bytes, dict[str, Any]]) -> None:
    public_key, vector = case
    # what Wycheproof calls valid is what nodes relay: verified, and in the lower half
    signature, digest = bytes.fromhex(vector["sig"]), hashlib.sha256(bytes.fromhex(vector["msg"]))
    verified = verify_ecdsa(public_key=public_key, signature=signature, digest=digest.digest())
    assert (verified and is_low_s(signature)) == (vector["result"] == "valid"), vector["comment"]
    if verified and vector["result"] != "valid":
        malleable = "SignatureMalleabilityBitcoin" in vector["flags"]
        assert malleable or vector["comment"] == "edge case for signature malleability"


@pytest.mark.parametrize("case", BIP340, ids=lambda case: case["index"])
def test_bip_340(case: dict[str, str]) -> None:
    verified = verify_schnorr(
        public_key=bytes.fromhex(case["public key"]),
        signature=bytes.fromhex(case["signature"]),
        digest=bytes.fromhex(case["message"]),
    )
    assert verified == (case["verification result"] == "TRUE"), case["comment"]


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32), st.data())
def test_a_signature_holds_until_a_bit_changes(
    secret: int, digest: bytes, data: st.DataObject
) -> None:
    compressed = data.draw(st.booleans())
    public_key = keys.pubkey_from_prvkey(secret, compressed=compressed)
    signature = dsa.sign(digest, secret)
    assert is_strict_der(signature)
    assert is_low_s(signature)
    assert verify_ecdsa(public_key=public_key, signature=signature, digest=digest)
    at = data.draw(st.integers(0, 8 * len(signature) - 1))
    flipped = bytearray(signature)
    flipped[at // 8] ^= 1 << at % 8
    assert not verify_ecdsa(public_key=public_key, signature=bytes(flipped), digest=digest)
    other = bytes((digest[0] ^ 1,)) + digest[1:]
    assert not verify_ecdsa(public_key=public_key, signature=signature, digest=other)


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32), st.data())
def test_a_schnorr_signature_holds_until_a_bit_changes(
    secret: int, digest: bytes, data: st.DataObject
) -> None:
    public_key, _ = xonly.from_prvkey(secret)
    signature = ssa.sign(digest, secret)
    assert verify_schnorr(public_key=public_key, signature=signature, digest=digest)
    at = data.draw(st.integers(0, 511))
    flipped = bytearray(signature)
    flipped[at // 8] ^= 1 << at % 8
    assert not verify_schnorr(public_key=public_key, signature=bytes(flipped), digest=digest)


def test_the_other_half_of_s_verifies_and_is_told_apart() -> None:
    low = slow_dsa.Sig.parse(dsa.sign(DIGEST, KEY))
    high = slow_dsa.Sig(low.r, ORDER - low.s).serialize()
    assert verify_ecdsa(public_key=keys.pubkey_from_prvkey(KEY), signature=high, digest=DIGEST)
    assert not is_low_s(high)


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(min_size=32, max_size=32))
def test_foreign_bytes_do_not_verify_and_do_not_raise(
    public_key: bytes, signature: bytes, digest: bytes
) -> None:
    assert not verify_ecdsa(public_key=public_key, signature=signature, digest=digest)
    assert not verify_schnorr(public_key=public_key, signature=signature, digest=digest)
    output_key, internal_key = public_key[:32], signature[:32]
    if output_key != internal_key:  # a tweak of nothing is one, by the curve's own rules
        assert not commits_to(
            output_key=output_key, parity=0, internal_key=internal_key, tweak=digest
        )
    good = dsa.sign(DIGEST, KEY)
    assert not verify_ecdsa(public_key=public_key, signature=good, digest=DIGEST)
    assert not is_low_s(signature) or is_strict_der(signature)


def test_only_a_32_byte_key_makes_schnorr_signatures() -> None:
    signature = ssa.sign(DIGEST, KEY)
    for public_key in (
        keys.pubkey_from_prvkey(KEY),
        keys.pubkey_from_prvkey(KEY, compressed=False),
    ):
        assert not verify_schnorr(public_key=public_key, signature=signature, digest=DIGEST)


# BIP-66's own bounds, each broken alone, on a signature that is otherwise good
GOOD = "3006020101020101"


@pytest.mark.parametrize(
    ("encoded", "strict"),
    [
        (GOOD, True),
        ("30080202008002020080", True),  # a zero before a high bit is needed
        ("", False),
        ("30", False),
        ("3105020101020101", False),
        ("3007020101020101", False),
        ("3005020101020101", False),
        ("3006020101020101" + "00", False),
        ("3006030101020101", False),
        ("3006020101030101", False),
        ("3006020001020101", False),
        ("3006020201020101", False),
        ("3006020101020001", False),
        ("3006020101020201", False),
        ("3006020181020101", False),  # negative R
        ("3006020101020181", False),  # negative S
        ("300702020001020101", False),  # R padded for nothing
        ("300702010102020001", False),  # S padded for nothing
        ("3006020100020100", True),  # zero is well written, and never verifies
        ("30450220" + "00" * 3, False),
        ("3006 0240 0101 0101".replace(" ", ""), False),
    ],
)
def test_signatures_have_one_encoding(encoded: str, *, strict: bool) -> None:
    assert is_strict_der(bytes.fromhex(encoded)) == strict
    assert not verify_ecdsa(
        public_key=keys.pubkey_from_prvkey(KEY), signature=bytes.fromhex(encoded), digest=DIGEST
    )
