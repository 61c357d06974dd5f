"""The vectors of WebAuthn Level 3, section 16: real ceremonies of every format of attestation.

Their challenges are random, so that the checks are entered one step further in than by a
statement. Most of them were made without user verification, and are good for nothing here; the
library, asked for less, shows that the vectors themselves hold.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from webauthn import verify_authentication_response

from sekisho.kernel.errors import BadInputError
from sekisho.passes.assertion import (
    Assertion,
    _known_key,
    _passkey_assertion,
    base64url,
    check_client_data,
    statement_of,
)
from sekisho.passes.attestation import (
    TrustRoot,
    check_packed_certificate,
    leads_to_a_root,
    read_attestation,
)
from sekisho.passes.enrolment import Registration, _Asked, _verify
from sekisho.passes.records import Credential, CredentialKind

ORIGIN, RP_ID = "https://example.org", "example.org"
VECTORS = {
    each["anchor"].removeprefix("sctn-test-vectors-"): each["phases"]
    for each in json.loads(
        (Path(__file__).parents[1] / "vectors" / "passes" / "webauthn_l3.json").read_text("utf-8")
    )["vectors"]
}
ROOT = x509.load_der_x509_certificate(
    bytes.fromhex(VECTORS["attestation-root-cert"][0]["attestation_ca_cert"])
)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the vector's assertion comes to here, and why."""

    assertion: Assertion | None = None
    why_not: str = ""


COPYABLE = Assertion(sign_count=0, backed_up=False, device_bound=False)
NO_UV, NOT_OURS, FRAMED = "user not verified", "another algorithm", "in another page's frame"
EXPECTED = {
    "none-es256": Expected(why_not=NO_UV),
    "packed-self-es256": Expected(why_not=NO_UV),
    "none-es256-crossOrigin": Expected(why_not=FRAMED),
    "none-es256-topOrigin": Expected(why_not=FRAMED),
    "none-es256-long-credential-id": Expected(assertion=COPYABLE),
    "packed-es256": Expected(assertion=COPYABLE),
    "packed-es384": Expected(why_not=NOT_OURS),
    "packed-es512": Expected(why_not=NOT_OURS),
    "packed-rs256": Expected(why_not=NOT_OURS),
    "packed-eddsa": Expected(why_not=NO_UV),
    "packed-ed448": Expected(why_not=NOT_OURS),
    "tpm-es256": Expected(assertion=COPYABLE),
    "android-key-es256": Expected(why_not=NO_UV),
    "apple-es256": Expected(why_not=NO_UV),
    "fido-u2f-es256": Expected(why_not=NO_UV),
}


def hexed(phase: dict[str, str], name: str) -> bytes:
    return bytes.fromhex(phase[name])


def registration(name: str) -> Registration:
    phase = VECTORS[name][0]
    return Registration(
        handle=hexed(phase, "credential_id"),
        client_data=hexed(phase, "clientDataJSON"),
        attestation_object=hexed(phase, "attestationObject"),
    )


def roots(fmt: str) -> list[TrustRoot]:
    return [TrustRoot(fmt=fmt, pem=ROOT.public_bytes(Encoding.PEM))]


def library_alone(name: str, public_key: bytes) -> bool:
    phase = VECTORS[name][1]
    handle = base64url(registration(name).handle)
    try:
        verify_authentication_response(
            credential={
                "id": handle,
                "rawId": handle,
                "type": "public-key",
                "response": {
                    "clientDataJSON": base64url(hexed(phase, "clientDataJSON")),
                    "authenticatorData": base64url(hexed(phase, "authenticatorData")),
                    "signature": base64url(hexed(phase, "signature")),
                },
            },
            expected_challenge=hexed(phase, "challenge"),
            expected_rp_id=RP_ID,
            expected_origin=ORIGIN,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=False,
        )
    except Exception:  # noqa: BLE001 - whatever it is, it is no
        return False
    return True


def test_every_vector_is_expected() -> None:
    assert set(EXPECTED) == {name for name in VECTORS if "attestationObject" in VECTORS[name][0]}
    assert len(EXPECTED) == 15


@pytest.mark.parametrize("name", EXPECTED)
def test_the_assertion(name: str) -> None:
    phase, expected = VECTORS[name][1], EXPECTED[name]
    attested = read_attestation(registration(name).attestation_object)
    listed = Credential(
        credential_id="vector",
        kind=CredentialKind.WEBAUTHN,
        public_key=attested.public_key,
        handle=attested.handle,
    )
    signed = statement_of(
        b"",
        listed,
        signature=hexed(phase, "signature"),
        authenticator_data=hexed(phase, "authenticatorData"),
        client_data=hexed(phase, "clientDataJSON"),
    )
    key = _known_key(listed.kind, listed.public_key)
    assert (key is None) == (expected.why_not == NOT_OURS)
    if key is not None:
        challenge = hexed(phase, "challenge")
        assert library_alone(name, listed.public_key), "the vector itself holds"
        found = _passkey_assertion(signed, listed, key, challenge, ORIGIN)
        assert found == expected.assertion
        assert (found is None) == bool(expected.why_not)
        assert not (signed.authenticator_data[32] & 0x04 and expected.why_not == NO_UV)
        other = bytes((challenge[0] ^ 1,)) + challenge[1:]
        assert _passkey_assertion(signed, listed, key, other, ORIGIN) is None


@pytest.mark.parametrize("name", [name for name in EXPECTED if EXPECTED[name].why_not == FRAMED])
def test_a_frame_of_another_page(name: str) -> None:
    for number, kind in enumerate(("webauthn.create", "webauthn.get")):
        phase = VECTORS[name][number]
        with pytest.raises(BadInputError, match="frame of another page"):
            check_client_data(
                hexed(phase, "clientDataJSON"), kind, hexed(phase, "challenge"), ORIGIN
            )


@pytest.mark.parametrize("name", EXPECTED)
def test_the_registration(name: str) -> None:
    """Every format is taken apart, and every chain of certificates leads to its root."""
    given = registration(name)
    attested = read_attestation(given.attestation_object)
    assert attested.handle == given.handle
    assert attested.aaguid == hexed(VECTORS[name][0], "aaguid")
    vouched = bool(attested.chain)
    assert leads_to_a_root(attested, roots(attested.fmt), NOW) == vouched
    assert not leads_to_a_root(attested, [], NOW)
    assert not leads_to_a_root(
        attested, roots("packed" if attested.fmt != "packed" else "tpm"), NOW
    )
    assert not leads_to_a_root(attested, roots(attested.fmt), datetime(2023, 12, 31, tzinfo=UTC))
    if attested.fmt == "packed" and vouched:
        check_packed_certificate(attested)
    asked = _Asked(challenge=hexed(VECTORS[name][0], "challenge"), origin=ORIGIN, rp_id=RP_ID)
    believed = roots(attested.fmt) if vouched else []
    if name in EXPECTED_REFUSALS:
        with pytest.raises(BadInputError, match=EXPECTED_REFUSALS[name]):
            _verify(given, attested, asked, believed)
    else:
        _verify(given, attested, asked, believed)


EXPECTED_REFUSALS = {
    "none-es256": "User verification is required",
    "none-es256-crossOrigin": "frame of another page",
    "none-es256-topOrigin": "frame of another page",
    "none-es256-long-credential-id": "User verification is required",
    "packed-es384": "User verification is required",
    "packed-es512": "Unsupported credential public key alg",
    "packed-rs256": "Unsupported credential public key alg",
    "packed-eddsa": "User verification is required",
    "packed-ed448": "User verification is required",
    "tpm-es256": "Unrecognized TPM Manufacturer",
    "android-key-es256": "x5c was empty",
    "apple-es256": "User verification is required",
    "fido-u2f-es256": "User verification is required",
}
"""Two by the library alone: it wants a TPM's maker among those that it knows, and of Android a
chain that holds the root."""
