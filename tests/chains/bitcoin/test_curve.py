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
    assert not is_low_s(signature)


def test_only_a_32_byte_key_makes_schnorr_signatures() -> None:
    signature = ssa.sign(DIGEST, KEY)
    for public_key in (
        keys.pubkey_from_prvkey(KEY),
        keys.pubkey_from_prvkey(KEY, compressed=False),
    ):
        assert not verify_schnorr(public_key=public_key, signature=signature, digest=DIGEST)


# A good signature in parts, so that each rule of BIP-66 can be broken alone: R has the zero byte
# that its high bit needs, S needs none.
ENCODED = dsa.sign(hashlib.sha256(b"sekisho8").digest(), KEY)
R, S = ENCODED[4:37], ENCODED[39:]


def der(r: bytes = b"\x02\x21" + R, s: bytes = b"\x02\x20" + S) -> bytes:
    return bytes((0x30, len(r + s))) + r + s


@pytest.mark.parametrize(
    ("why", "signature"),
    [
        ("another tag", b"\x31" + ENCODED[1:]),
        ("too long a length", b"\x30" + bytes((ENCODED[1] + 1,)) + ENCODED[2:]),
        ("too short a length", b"\x30" + bytes((ENCODED[1] - 1,)) + ENCODED[2:]),
        ("a length in two bytes", b"\x30\x81" + ENCODED[1:]),
        ("an endless length", b"\x30\x80" + ENCODED[2:] + b"\x00\x00"),
        ("a byte after the end", ENCODED + b"\x00"),
        ("a byte after the end, counted", der(s=b"\x02\x20" + S + b"\x00")),
        ("cut short", ENCODED[:-1]),
        ("R of another type", der(r=b"\x03\x21" + R)),
        ("S of another type", der(s=b"\x03\x20" + S)),
        ("R negative", der(r=b"\x02\x20" + R[1:])),
        ("R padded for nothing", der(r=b"\x02\x22\x00" + R)),
        ("S padded for nothing", der(s=b"\x02\x21\x00" + S)),
        ("R with its length in two bytes", der(r=b"\x02\x81\x21" + R)),
        ("S with its length in two bytes", der(s=b"\x02\x81\x20" + S)),
        ("no R", der(r=b"\x02\x00")),
        ("no S", der(s=b"\x02\x00")),
        ("only R", der(s=b"")),
        ("a flag still attached", ENCODED + b"\x01"),
        ("the 64 bytes of another form", R[1:] + S),
        ("nothing", b""),
    ],
)
def test_a_signature_has_one_encoding(why: str, signature: bytes) -> None:
    public_key = keys.pubkey_from_prvkey(KEY)
    digest = hashlib.sha256(b"sekisho8").digest()
    assert verify_ecdsa(public_key=public_key, signature=der(), digest=digest)
    assert not verify_ecdsa(public_key=public_key, signature=signature, digest=digest), why
