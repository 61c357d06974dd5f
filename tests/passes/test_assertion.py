"""Statements of each kind of credential, and every way to make one that must not hold.

The attacks are signed for real, by the approver's own key: it is our rules that refuse them, not a
broken signature.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import utils
from devices import (
    APPROVAL,
    BROWSER,
    DOCUMENT,
    ORIGIN,
    RP_ID,
    challenge,
    crafted,
    in_browser,
    key_file,
    on_own_machine,
    passkey,
    relabelled,
    signed_over,
    usb_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.drills.authenticator import Algorithm, client_data
from sekisho.passes.assertion import (
    BACKED_UP,
    ELIGIBLE,
    PRESENT,
    REVIEW_RP_ID,
    VERIFIED,
    Assertion,
    low_s,
    review_client_data,
    verify_statement,
)
from sekisho.passes.documents import approval_bytes
from sekisho.passes.records import Credential, CredentialKind, Decision, SignedApproval

ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
OTHER_DOCUMENTS = {
    "another pass": replace(APPROVAL, pass_digest="33" * 32),
    "another decision": replace(APPROVAL, decision=Decision.VOID),
    "another installation, or a rehearsal": replace(APPROVAL, genesis_digest="44" * 32),
    "another number": replace(APPROVAL, sequence=8),
    "another terminal": replace(APPROVAL, terminal_id="desk-2"),
    "words that were not compared": replace(APPROVAL, words="abandon"),
}


def verify(signed: SignedApproval, of: Credential, origin: str = ORIGIN) -> Assertion | None:
    return verify_statement(signed, of, console_origin=origin)


def by_passkey() -> tuple[SignedApproval, Credential]:
    device, of = passkey()
    return in_browser(device, of), of


def by_eddsa_passkey() -> tuple[SignedApproval, Credential]:
    device, of = passkey(Algorithm.EDDSA)
    return in_browser(device, of), of


def by_usb_key() -> tuple[SignedApproval, Credential]:
    device, of = usb_key()
    return on_own_machine(device, of), of


def by_eddsa_usb_key() -> tuple[SignedApproval, Credential]:
    device, of = usb_key(Algorithm.EDDSA)
    return on_own_machine(device, of), of


WAYS = (by_passkey, by_eddsa_passkey, by_usb_key, by_eddsa_usb_key, key_file)
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
Way = Callable[[], tuple[SignedApproval, Credential]]


@each_way
def test_a_statement_holds(way: Way) -> None:
    signed, of = way()
    of_a_device = of.kind is not CredentialKind.ED25519
    expected = Assertion(sign_count=int(of_a_device), backed_up=False, device_bound=of_a_device)
    assert verify(signed, of) == expected
    assert verify(signed, of) == expected, "again: the same statement is the same statement"


@each_way
@pytest.mark.parametrize("other", OTHER_DOCUMENTS)
def test_a_signature_is_of_one_document(way: Way, other: str) -> None:
    signed, of = way()
    document = approval_bytes(OTHER_DOCUMENTS[other])
    assert verify(replace(signed, document=document), of) is None
    if of.kind is CredentialKind.FIDO2:
        said = review_client_data(document)
        assert verify(replace(signed, document=document, client_data=said), of) is None


@each_way
def test_a_signature_is_of_one_key(way: Way) -> None:
    signed, of = way()
    _, other = passkey(seed="baba")
    _, other_eddsa = passkey(Algorithm.EDDSA, seed="baba")
    for stranger in (other, other_eddsa):
        assert verify(signed, replace(of, public_key=stranger.public_key)) is None


@each_way
def test_no_bit_can_be_turned(way: Way) -> None:
    signed, of = way()
    for name in ("document", "signature", "authenticator_data", "client_data"):
        data = getattr(signed, name)
        for place in range(len(data) * 8):
            turned = bytearray(data)
            turned[place // 8] ^= 1 << place % 8
            assert verify(replace(signed, **{name: bytes(turned)}), of) is None, (name, place)


@each_way
def test_nothing_can_be_added_or_taken_away(way: Way) -> None:
    signed, of = way()
    for name in ("document", "signature", "authenticator_data", "client_data"):
        data = getattr(signed, name)
        for other in {data + b"\x00", data + b" ", b"\x00" + data, data[:-1], data[1:], b""}:
            if other != data:
                assert verify(replace(signed, **{name: other}), of) is None, (name, other)


@each_way
def test_no_kind_passes_for_another(way: Way) -> None:
    signed, of = way()
    for kind in CredentialKind:
        if kind is not of.kind:
            assert verify(signed, relabelled(of, kind)) is None


def test_a_browser_cannot_make_what_the_command_line_makes() -> None:
    """The server asks the passkey for the very bytes, under either RP ID, and relabels it."""
    device, of = passkey()
    for said in (
        review_client_data(DOCUMENT),
        client_data("sekisho.review", challenge(), ORIGIN),
        client_data("webauthn.get", challenge(), f"https://{REVIEW_RP_ID}"),
    ):
        signed = crafted(device, of, said)
        for kind in (CredentialKind.FIDO2, CredentialKind.WEBAUTHN):
            for origin in (ORIGIN, f"https://{REVIEW_RP_ID}"):
                assert verify(signed, relabelled(of, kind), origin) is None


def test_a_security_key_cannot_make_what_a_browser_makes() -> None:
    device, of = usb_key()
    for said in (
        client_data("webauthn.get", challenge(), ORIGIN),
        client_data("webauthn.get", challenge(), f"https://{REVIEW_RP_ID}"),
    ):
        signed = crafted(device, of, said)
        for kind in (CredentialKind.FIDO2, CredentialKind.WEBAUTHN):
            for origin in (ORIGIN, f"https://{REVIEW_RP_ID}"):
                assert verify(signed, relabelled(of, kind), origin) is None


@pytest.mark.parametrize("flags", range(256))
def test_each_combination_of_flags(flags: int) -> None:
    for (device, of), said in (
        (passkey(), client_data("webauthn.get", challenge(), ORIGIN)),
        (usb_key(), review_client_data(DOCUMENT)),
    ):
        found = verify(crafted(device, of, said, flags=flags), of)
        known = flags & ~(PRESENT | VERIFIED | ELIGIBLE | BACKED_UP) == 0
        sensible = not (flags & BACKED_UP and not flags & ELIGIBLE)
        if flags & PRESENT and flags & VERIFIED and known and sensible:
            assert found == Assertion(
                sign_count=1,
                backed_up=bool(flags & BACKED_UP),
                device_bound=not flags & ELIGIBLE,
            )
        else:
            assert found is None


REVIEW_HASH = hashlib.sha256(REVIEW_RP_ID.encode()).digest()
RP_HASH = hashlib.sha256(RP_ID.encode()).digest()
OURS = b"the hash of our own RP ID, 32 b."
DATA = OURS + bytes((PRESENT | VERIFIED,)) + bytes(4)
CREATED = bytes(16) + b"\x00\x01h" + passkey()[1].public_key


@pytest.mark.parametrize(
    ("data", "holds"),
    [
        (DATA, True),
        (DATA[:36] + b"\xff", True),
        (b"", False),
        (DATA[:36], False),
        (DATA + b"\x00", False),
        (DATA + b"\xa0", False),
        (DATA[:32] + b"\x85" + DATA[33:] + b"\xa0", False),
        (DATA[:32] + b"\x45" + DATA[33:] + CREATED, False),
        (hashlib.sha256(ORIGIN.encode()).digest() + DATA[32:], False),
        (hashlib.sha256(b"sekisho.example").digest() + DATA[32:], False),
        (hashlib.sha256(b"evil.example").digest() + DATA[32:], False),
    ],
    ids=[
        "as it is", "count 255", "empty", "cut", "trailing byte", "trailing map", "extensions",
        "a new credential inside", "the origin's hash", "the domain above", "another domain",
    ],
)  # fmt: skip
def test_authenticator_data(data: bytes, *, holds: bool) -> None:
    for (device, of), rp_hash, said in (
        (passkey(), RP_HASH, BROWSER),
        (usb_key(), REVIEW_HASH, review_client_data(DOCUMENT)),
    ):
        theirs = data.replace(OURS, rp_hash)
        assert (verify(signed_over(device, of, theirs, said), of) is not None) == holds


def test_what_the_command_line_says_is_exactly_one_thing() -> None:
    device, of = usb_key()
    said = review_client_data(DOCUMENT)
    assert said == f'{{"challenge":"{challenge()}","type":"sekisho.review"}}'.encode()
    assert verify(crafted(device, of, said), of) is not None
    for other in (
        said + b"\n",
        said.replace(b",", b", "),
        said.replace(b"{", b'{"a":1,'),
        said.replace(b"sekisho.review", b"webauthn.get"),
        json.dumps({"type": "sekisho.review", "challenge": challenge()}).encode(),
    ):
        assert verify(crafted(device, of, other), of) is None


def test_a_key_file_signs_nothing_but_the_digest() -> None:
    signed, of = key_file()
    for extra in ({"authenticator_data": DATA}, {"client_data": BROWSER}):
        assert verify(replace(signed, **extra), of) is None


def test_of_two_signatures_one_can_make_of_one_only_the_lower_counts() -> None:
    """ECDSA: whoever has (r, s) has (r, n - s) too. It must not make a second statement."""
    for signed, of in (by_passkey(), by_usb_key()):
        r, s = utils.decode_dss_signature(signed.signature)
        higher = utils.encode_dss_signature(r, ORDER_P256 - s)
        assert higher != signed.signature
        assert verify(replace(signed, signature=higher), of) is None
        assert low_s(higher) == signed.signature == low_s(signed.signature)
        for r2, s2 in ((r, s + ORDER_P256), (r + ORDER_P256, s), (0, 0), (r, 0), (0, s)):
            other = utils.encode_dss_signature(r2, s2)
            assert verify(replace(signed, signature=other), of) is None


def test_an_authenticator_that_gives_the_higher_s_is_heard_all_the_same() -> None:
    device, of = passkey()
    highers = 0
    for sequence in range(16):
        document = approval_bytes(replace(APPROVAL, sequence=sequence + 1))
        said = client_data("webauthn.get", challenge(document), ORIGIN)
        data, given = device.get_assertion(of.handle, hashlib.sha256(said).digest())
        highers += low_s(given) != given
        assert verify(in_browser(device, of, document), of) is not None
        assert data
    assert highers, "no authenticator here gives the higher s: nothing was tested"


def test_the_count_is_told_and_a_copied_device_shows() -> None:
    device, of = passkey()
    counts = [verify(in_browser(device, of), of) for _ in range(3)]
    assert [each.sign_count for each in counts if each] == [1, 2, 3]
    device.sign_count = 0  # a copy of the device that was made before
    again = verify(in_browser(device, of), of)
    assert again is not None
    assert again.sign_count == 1


def test_a_key_that_was_copied_says_so() -> None:
    device, of = passkey()
    device.flags |= ELIGIBLE | BACKED_UP
    found = verify(in_browser(device, of), of)
    assert found == Assertion(sign_count=1, backed_up=True, device_bound=False)


@pytest.mark.parametrize(
    "origin", ["", "console.sekisho.example", "https://", "https://192.0.2.1", ORIGIN + "/x"]
)
def test_without_a_console_no_passkey_holds(origin: str) -> None:
    device, of = passkey()
    signed = in_browser(device, of)
    assert verify(signed, of, origin) is None


@given(
    kind=st.sampled_from(CredentialKind),
    document=st.binary(max_size=64),
    signature=st.binary(max_size=80),
    data=st.binary(max_size=40) | st.just(DATA.replace(OURS, RP_HASH)),
    said=st.binary(max_size=64) | st.just(BROWSER),
    key=st.binary(max_size=80) | st.sampled_from([way()[1].public_key for way in WAYS]),
    handle=st.binary(max_size=4),
    origin=st.text(max_size=20) | st.just(ORIGIN),
)
@settings(max_examples=300)
def test_nothing_is_raised(
    *,
    kind: CredentialKind,
    document: bytes,
    signature: bytes,
    data: bytes,
    said: bytes,
    key: bytes,
    handle: bytes,
    origin: str,
) -> None:
    of = Credential(credential_id="any", kind=kind, public_key=key, handle=handle)
    signed = SignedApproval(
        document=document, signature=signature, authenticator_data=data, client_data=said
    )
    assert verify(signed, of, origin) is None
