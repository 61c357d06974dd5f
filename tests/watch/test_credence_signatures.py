"""The watcher takes apart what a key file, a security key or a passkey signed, by code of its own.

The gate's tests say what must hold and what must not; here the two implementations are held equal
on good statements, on every flag, on what browsers say and do not say, and on bytes turned.
"""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import utils
from devices import (
    BROWSER,
    DOCUMENT,
    ORIGIN,
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
from sekisho.kernel.errors import BadInputError
from sekisho.passes.assertion import console_rp_id, review_client_data, verify_statement
from sekisho.passes.records import Credential, CredentialKind, SignedApproval
from sekisho.watch.credence_signatures import Hand, hand_of, host_of

ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def agreed(signed: SignedApproval, of: Credential, origin: str = ORIGIN) -> Hand | None:
    """Return what the watcher says, after holding it equal to what the gate says."""
    mine = hand_of(signed, of, console=origin)
    theirs = verify_statement(signed, of, console_origin=origin)
    if theirs is None:
        assert mine is None
    else:
        portable = theirs.backed_up or not theirs.device_bound
        assert mine == Hand(count=theirs.sign_count, portable=portable)
    return mine


def by_passkey(algorithm: Algorithm = Algorithm.ES256) -> tuple[SignedApproval, Credential]:
    device, of = passkey(algorithm)
    return in_browser(device, of), of


def by_usb_key(algorithm: Algorithm = Algorithm.ES256) -> tuple[SignedApproval, Credential]:
    device, of = usb_key(algorithm)
    return on_own_machine(device, of), of


WAYS: dict[str, Callable[[], tuple[SignedApproval, Credential]]] = {
    "passkey": by_passkey,
    "passkey, EdDSA": lambda: by_passkey(Algorithm.EDDSA),
    "security key": by_usb_key,
    "security key, EdDSA": lambda: by_usb_key(Algorithm.EDDSA),
    "key file": key_file,
}
PARTS = ("document", "signature", "authenticator_data", "client_data")


@pytest.mark.parametrize("name", WAYS)
def test_a_statement_holds_for_its_own_key_and_kind_alone(name: str) -> None:
    signed, of = WAYS[name]()
    of_a_device = of.kind is not CredentialKind.ED25519
    assert agreed(signed, of) == Hand(count=int(of_a_device), portable=not of_a_device)
    for kind in set(CredentialKind) - {of.kind}:
        assert agreed(signed, relabelled(of, kind)) is None
    for other in (passkey(seed="baba"), passkey(Algorithm.EDDSA, seed="baba")):
        assert agreed(signed, replace(of, public_key=other[1].public_key)) is None


@pytest.mark.parametrize("name", WAYS)
def test_no_bit_can_be_turned_and_no_byte_added(name: str) -> None:
    signed, of = WAYS[name]()
    for part in PARTS:
        whole = getattr(signed, part)
        for place in range(len(whole) * 8):
            turned = bytearray(whole)
            turned[place // 8] ^= 1 << place % 8
            changed = replace(signed, **{part: bytes(turned)})
            assert hand_of(changed, of, console=ORIGIN) is None, (part, place)
        for other in {whole + b"\x00", b" " + whole, whole[:-1], whole[1:], b""} - {whole}:
            assert agreed(replace(signed, **{part: other}), of) is None, (part, other)


@pytest.mark.parametrize("flags", range(256))
def test_each_combination_of_flags(flags: int) -> None:
    held = [
        agreed(
            crafted(*passkey(), client_data("webauthn.get", challenge(), ORIGIN), flags=flags),
            passkey()[1],
        ),
        agreed(crafted(*usb_key(), review_client_data(DOCUMENT), flags=flags), usb_key()[1]),
    ]
    assert [each is not None for each in held] == [flags in {0x05, 0x0D, 0x1D}] * 2


def said(**changes: object) -> bytes:
    whole = {**json.loads(BROWSER), **changes}
    return json.dumps({k: v for k, v in whole.items() if v is not None}).encode()


SAID: dict[str, tuple[bytes, bool]] = {
    "as browsers write it": (BROWSER, True),
    "in another order": (said(), True),
    "with a member that nobody knows": (said(another="one"), True),
    "without crossOrigin": (said(crossOrigin=None), True),
    "in a frame": (said(crossOrigin=True), False),
    "in a frame, written oddly": (said(crossOrigin=0), False),
    "below another page": (said(topOrigin=ORIGIN), False),
    "of another origin": (said(origin="https://evil.example"), False),
    "of a longer origin": (said(origin=f"{ORIGIN}.evil.example"), False),
    "of another challenge": (said(challenge="AAAA"), False),
    "of a padded challenge": (said(challenge=challenge() + "="), False),
    "of no challenge": (said(challenge=None), False),
    "of a registration": (said(type="webauthn.create"), False),
    "of the own machine": (review_client_data(DOCUMENT), False),
    "twice": (BROWSER.replace(b"{", b'{"type":"webauthn.get",', 1), False),
    "too long": (said(another="x" * 5000), False),
    "no object": (b"[]", False),
    "nothing": (b"", False),
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_browser_may_say(name: str) -> None:
    data, holds = SAID[name]
    device, of = passkey()
    assert (agreed(crafted(device, of, data), of) is not None) == holds


def test_what_the_command_line_says_is_one_thing() -> None:
    device, of = usb_key()
    usual = review_client_data(DOCUMENT)
    assert agreed(crafted(device, of, usual), of) is not None
    for other in (BROWSER, usual + b"\n", usual.replace(b",", b", "), b"{}"):
        assert agreed(crafted(device, of, other), of) is None


def test_of_two_signatures_that_anybody_can_make_of_one_only_the_lower_counts() -> None:
    for signed, of in (by_passkey(), by_usb_key()):
        r, s = utils.decode_dss_signature(signed.signature)
        for other in ((r, ORDER_P256 - s), (r, s + ORDER_P256), (0, 0), (r, 0), (0, s)):
            encoded = utils.encode_dss_signature(*other)
            assert agreed(replace(signed, signature=encoded), of) is None


@pytest.mark.parametrize(
    "origin",
    [
        "", "https://", "https://a", "https://a.b", "http://a.b", "https://a.b/", "https://a.B",
        "https://a.b:443", "https://a.b:8443", "https://a.b:0", "https://a.b:", "https://a..b",
        "https://-a.b", "https://a-.b", "https://a-b.c-d", "https://127.0.0.1", "https://a.1b",
        "http://localhost", "https://localhost:443", "http://localhost:8000", "localhost",
        "https://localhost.", "https://user@a.b", "https://a.b:99999", "https://a.b:100000",
        "https://review.sekisho.invalid", "https://a_b.c", "https://é.example", "https://a.²",
        f"https://{'a' * 63}.b", f"https://{'a' * 64}.b", "https://xn--bcher-kva.example",
    ],
)  # fmt: skip
def test_a_console_is_at_one_kind_of_origin(origin: str) -> None:
    try:
        expected = console_rp_id(origin, "origin")
    except BadInputError:
        expected = ""
    assert host_of(origin) == expected


@settings(max_examples=300)
@given(
    document=st.sampled_from([DOCUMENT, b"", b"{}"]),
    signature=st.binary(max_size=80),
    data=st.binary(max_size=40),
    browser=st.one_of(
        st.binary(max_size=60), st.sampled_from([BROWSER, b"[" * 3000, b'{"a":1e999}'])
    ),
    key=st.one_of(st.binary(max_size=80), st.just(passkey()[1].public_key)),
    kind=st.sampled_from(CredentialKind),
    origin=st.one_of(st.text(max_size=30), st.just(ORIGIN)),
)
def test_nothing_is_raised(
    *,
    document: bytes,
    signature: bytes,
    data: bytes,
    browser: bytes,
    key: bytes,
    kind: CredentialKind,
    origin: str,
) -> None:
    of = replace(passkey()[1], kind=kind, public_key=key)
    signed = SignedApproval(
        document=document, signature=signature, authenticator_data=data, client_data=browser
    )
    assert agreed(signed, of, origin) is None


def test_authenticator_data_of_another_party_or_length() -> None:
    for (device, of), words in ((passkey(), BROWSER), (usb_key(), review_client_data(DOCUMENT))):
        good = crafted(device, of, words).authenticator_data
        assert agreed(signed_over(device, of, good, words), of) is not None
        for bad in (good[:36], good + b"\xa0", bytes(32) + good[32:], b""):
            assert agreed(signed_over(device, of, bad, words), of) is None
