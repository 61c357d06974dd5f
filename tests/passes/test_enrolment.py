"""Enrolling a device: what is taken, what the rule must allow, and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from devices import ORIGIN, RP_ID, in_browser
from fido2 import cbor
from fido2.utils import sha256

from sekisho.drills.authenticator import (
    Algorithm,
    Attestation,
    Authenticator,
    _p256_key,
    client_data,
    maker_of,
    register_in_browser,
)
from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.errors import BadInputError
from sekisho.passes.assertion import (
    BACKED_UP,
    ELIGIBLE,
    PRESENT,
    REVIEW_RP_ID,
    VERIFIED,
    base64url,
    verify_statement,
)
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.browser import read_registration, registration_options
from sekisho.passes.enrolment import (
    REVIEW_ORIGIN,
    Ceremony,
    Enrolled,
    EnrolmentRule,
    Registration,
    enrol,
    registration_challenge,
)
from sekisho.passes.records import CredentialKind

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CEREMONY = Ceremony(
    genesis_digest="22" * 32,
    person_id="aoki",
    terminal_id="desk-1",
    kind=CredentialKind.WEBAUTHN,
    nonce=bytes(32),
)
ROOTS = (TrustRoot(fmt="packed", pem=maker_of("aoki").root_pem),)
STRICT = EnrolmentRule(roots=ROOTS)
RELAXED = EnrolmentRule(roots=ROOTS, attested_required=False, device_bound_required=False)


def registered(
    device: Authenticator, ceremony: Ceremony = CEREMONY, origin: str = ORIGIN
) -> Registration:
    options = registration_options(
        ceremony, exchange="Sekisho", name="青木", known_handles=(), console_origin=origin
    )
    return read_registration(
        canonical_bytes(register_in_browser(device, options, origin)), "answer"
    )


def said_elsewhere(device: Authenticator, said: bytes, rp_id: str = RP_ID) -> Registration:
    handle, attestation = device.make_credential(rp_id, sha256(said))
    return Registration(handle=handle, client_data=said, attestation_object=attestation)


def enrolled(
    registration: Registration,
    rule: EnrolmentRule = STRICT,
    *,
    ceremony: Ceremony = CEREMONY,
    now: datetime = NOW,
) -> Enrolled:
    return enrol(
        ceremony,
        registration,
        rule,
        credential_id="aoki-key",
        device="SN-0001",
        console_origin=ORIGIN,
        now=now,
    )


def codes(outcome: Enrolled) -> list[str]:
    return [each.code for each in outcome.findings]


def reason(outcome: Enrolled) -> str:
    (found,) = outcome.findings
    assert found.code == "passes.registration_invalid"
    assert outcome.credential is None
    assert outcome.seen is None
    return dict(found.facts)["reason"]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_device_whose_maker_vouches_for_it(algorithm: Algorithm) -> None:
    device = Authenticator("aoki", algorithm=algorithm)
    outcome = enrolled(registered(device))
    assert outcome.findings == ()
    assert outcome.credential is not None
    assert outcome.credential.attested
    assert outcome.credential.device == "SN-0001"
    assert outcome.credential.kind is CredentialKind.WEBAUTHN
    assert outcome.credential.handle == device.handles(RP_ID)[0]
    assert outcome.seen is not None
    assert outcome.seen.fmt == "packed"
    assert outcome.seen.aaguid.replace("-", "") == device.maker.aaguid.hex()
    assert outcome.seen.transports == ("usb",)
    assert outcome.seen.device_bound
    assert not outcome.seen.backed_up
    signed = in_browser(device, outcome.credential)
    assert verify_statement(signed, outcome.credential, console_origin=ORIGIN) is not None


@pytest.mark.parametrize("attestation", [Attestation.NONE, Attestation.SELF])
def test_a_device_that_nobody_vouches_for(attestation: Attestation) -> None:
    given = registered(Authenticator("aoki", attestation=attestation))
    refused = enrolled(given)
    assert refused.credential is None
    assert codes(refused) == ["passes.credential_not_attested"]
    allowed = enrolled(given, RELAXED)
    assert codes(allowed) == ["passes.credential_not_attested"], "and the relaxing is shown"
    assert allowed.credential is not None
    assert not allowed.credential.attested


@pytest.mark.parametrize(
    "roots",
    [
        (),
        (TrustRoot(fmt="packed", pem=maker_of("another maker").root_pem),),
        (TrustRoot(fmt="tpm", pem=maker_of("aoki").root_pem),),
    ],
    ids=["no root", "another maker's", "for another format"],
)
def test_a_maker_who_is_not_trusted(roots: tuple[TrustRoot, ...]) -> None:
    given = registered(Authenticator("aoki"))
    assert enrolled(given, EnrolmentRule(roots=roots)).credential is None
    relaxed = enrolled(given, replace(RELAXED, roots=roots))
    assert relaxed.credential is not None
    assert not relaxed.credential.attested


@pytest.mark.parametrize(
    "now", [datetime(2019, 1, 1, tzinfo=UTC), datetime(2121, 1, 1, tzinfo=UTC)]
)
def test_certificates_out_of_time(now: datetime) -> None:
    assert enrolled(registered(Authenticator("aoki")), now=now).credential is None


@pytest.mark.parametrize("backed_up", [False, True])
def test_a_key_that_may_be_copied(*, backed_up: bool) -> None:
    flags = PRESENT | VERIFIED | ELIGIBLE | (BACKED_UP if backed_up else 0)
    given = registered(Authenticator("aoki", flags=flags))
    expected = ["passes.credential_not_device_bound"]
    expected += ["passes.credential_backed_up"] if backed_up else []
    assert enrolled(given).credential is None
    assert codes(enrolled(given)) == expected
    relaxed = enrolled(given, RELAXED)
    assert relaxed.credential is not None
    assert codes(relaxed) == expected
    assert relaxed.credential.attested, "one relaxation is not the other"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (PRESENT, "User verification"),
        (VERIFIED, "User presence"),
        (0, "User presence"),
        (PRESENT | VERIFIED | BACKED_UP, "Single-device credential"),
    ],
)
def test_flags_that_will_not_do(flags: int, says: str) -> None:
    given = registered(Authenticator("aoki", flags=flags))
    assert says in reason(enrolled(given, RELAXED))


CHALLENGE = base64url(registration_challenge(CEREMONY))


@pytest.mark.parametrize(
    "said",
    [
        client_data("webauthn.get", CHALLENGE, ORIGIN),
        client_data("webauthn.create", "AAAA", ORIGIN),
        client_data("webauthn.create", CHALLENGE, "https://evil.example"),
        client_data("webauthn.create", CHALLENGE, REVIEW_ORIGIN),
        client_data("webauthn.create", CHALLENGE, ORIGIN, crossOrigin=True),
        client_data("webauthn.create", CHALLENGE, ORIGIN, topOrigin="https://evil.example"),
        client_data("webauthn.create", CHALLENGE, ORIGIN).replace(b"{", b'{"type":"x",', 1),
        client_data("webauthn.create", CHALLENGE, ORIGIN) + b" {}",
    ],
)
def test_client_data_of_another_ceremony(said: bytes) -> None:
    assert "client_data" in reason(enrolled(said_elsewhere(Authenticator("aoki"), said), RELAXED))


@pytest.mark.parametrize(
    "other",
    [
        replace(CEREMONY, person_id="baba"),
        replace(CEREMONY, genesis_digest="33" * 32),
        replace(CEREMONY, terminal_id="desk-2"),
        replace(CEREMONY, nonce=b"\x01" * 32),
    ],
    ids=["another person", "another installation", "another terminal", "an old one again"],
)
def test_a_registration_is_of_one_ceremony(other: Ceremony) -> None:
    assert "challenge" in reason(enrolled(registered(Authenticator("aoki"), other), RELAXED))


def test_a_registration_in_the_browser_is_none_for_the_own_machine_and_the_reverse() -> None:
    own = replace(CEREMONY, kind=CredentialKind.FIDO2)
    for kind, ceremony in ((CredentialKind.FIDO2, own), (CredentialKind.WEBAUTHN, CEREMONY)):
        for rp_id, origin in ((REVIEW_RP_ID, REVIEW_ORIGIN), (RP_ID, ORIGIN)):
            challenge = base64url(registration_challenge(ceremony))
            said = client_data("webauthn.create", challenge, origin)
            for asked in (REVIEW_RP_ID, RP_ID):
                given = said_elsewhere(Authenticator("aoki"), said, asked)
                outcome = enrolled(given, ceremony=ceremony)
                right = (rp_id == REVIEW_RP_ID) == (kind is CredentialKind.FIDO2)
                assert (outcome.credential is not None) == (right and asked == rp_id)


def test_another_relying_party() -> None:
    said = client_data("webauthn.create", CHALLENGE, ORIGIN)
    for rp_id in ("sekisho.example", REVIEW_RP_ID, "evil.example"):
        given = said_elsewhere(Authenticator("aoki"), said, rp_id)
        assert "RP ID" in reason(enrolled(given, RELAXED))


def test_another_handle_than_the_attested_one() -> None:
    given = registered(Authenticator("aoki"))
    assert "handle" in reason(enrolled(replace(given, handle=b"another"), RELAXED))


@pytest.mark.parametrize("algorithm", [-257, -35, -36, -37])
def test_a_key_of_another_algorithm(algorithm: int) -> None:
    """Signed by the device itself, self attestation: only the algorithm is wrong."""
    given = registered(Authenticator("aoki", attestation=Attestation.NONE))
    decoded = cbor.decode(given.attestation_object)
    assert isinstance(decoded, dict)
    data = decoded["authData"]
    at = data.index(bytes.fromhex("a501020326"))
    body = b"\xa5\x01\x02\x03" + cbor.encode(algorithm) + data[at + 5 :]
    made = cbor.encode({**decoded, "authData": data[:at] + body})
    assert "public_key" in reason(enrolled(replace(given, attestation_object=made), RELAXED))


def reissued(unit: str, aaguid: bytes | None, *, ca: bool | None = False) -> bytes:
    """Return a certificate under the maker's true root, with another use or model in it."""
    maker = maker_of("aoki")
    name = [
        each for each in maker.batch.subject if each.oid != x509.NameOID.ORGANIZATIONAL_UNIT_NAME
    ]
    name.append(x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    builder = x509.CertificateBuilder(
        subject_name=x509.Name(name),
        issuer_name=maker.root.subject,
        public_key=maker.batch_key.public_key(),
        serial_number=9,
        not_valid_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_valid_after=datetime(2120, 1, 1, tzinfo=UTC),
    )
    if ca is not None:
        constraints = x509.BasicConstraints(ca=ca, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
    if aaguid is not None:
        model = x509.UnrecognizedExtension(
            x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4"), b"\x04\x10" + aaguid
        )
        builder = builder.add_extension(model, critical=False)
    return builder.sign(_p256_key("aoki root"), SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        (reissued("Authenticator Attestation", maker_of("aoki").aaguid), ""),
        (reissued("Authenticator Attestation", None), ""),
        (reissued("Web servers", maker_of("aoki").aaguid), "not one for authenticators"),
        (reissued("Authenticator Attestation", bytes(16)), "of another model"),
        (reissued("Authenticator Attestation", None, ca=True), "not one for authenticators"),
        (reissued("Authenticator Attestation", None, ca=None), "cannot be read"),
    ],
    ids=["good", "no model named", "another use", "another model", "an authority", "unsaid"],
)
def test_a_certificate_under_the_root_that_is_not_for_this(certificate: bytes, says: str) -> None:
    given = registered(Authenticator("aoki"))
    decoded = cbor.decode(given.attestation_object)
    assert isinstance(decoded, dict)
    made = cbor.encode({**decoded, "attStmt": {**decoded["attStmt"], "x5c": [certificate]}})
    outcome = enrolled(replace(given, attestation_object=made))
    if says:
        assert says in reason(outcome)
    else:
        assert outcome.credential is not None


def test_no_byte_of_a_registration_can_be_changed() -> None:
    given = registered(Authenticator("aoki"))
    changed = [replace(given, client_data=each) for each in turned(given.client_data)]
    changed += [
        replace(given, attestation_object=each) for each in turned(given.attestation_object)
    ]
    for other in changed:
        try:
            outcome = enrolled(other)
        except BadInputError:
            continue
        assert outcome.credential is None, other


def turned(data: bytes) -> list[bytes]:
    """Return `data` with one bit of one byte turned, for each byte."""
    return [
        data[:place] + bytes((data[place] ^ 0x04,)) + data[place + 1 :]
        for place in range(len(data))
    ]


@pytest.mark.parametrize(
    "attestation_object",
    [
        b"",
        b"\xa0",
        b"\x80",
        b"\x81" * 5000,
        b"\x9b" + b"\xff" * 8,
        b"\x5b" + b"\xff" * 8,
        b"\xd8\x1c\x81\xd8\x1d\x00",
        cbor.encode({"fmt": "none", "attStmt": {}, "authData": b""}),
        cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(53) + b"\xff\xff"}),
        cbor.encode({"fmt": "android-safetynet", "attStmt": {}, "authData": bytes(200)}),
        cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(200), "more": 1}),
        cbor.encode({"fmt": "packed", "attStmt": {"x5c": 1}, "authData": bytes(200)}),
        cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(20_000)}),
    ],
)
def test_what_is_no_registration_at_all(attestation_object: bytes) -> None:
    given = replace(registered(Authenticator("aoki")), attestation_object=attestation_object)
    with pytest.raises(BadInputError):
        enrolled(given, RELAXED)


def test_what_the_library_would_overlook() -> None:
    given = registered(Authenticator("aoki", attestation=Attestation.NONE))
    made = given.attestation_object
    assert enrolled(given, RELAXED).credential is not None
    key = made.index(bytes.fromhex("a5010203262001215820"))
    for other in (
        made + b"\x00",
        b"\xd9\xd9\xf7" + made,
        b"\xbf" + made[1:] + b"\xff",
        made.replace(b"\x63fmt", b"\x78\x03fmt"),
        made.replace(b"\xa3", b"\xa4", 1) + b"\x63fmt\x64none",
        longer(made, made[:key] + b"\xa5\x18\x01" + made[key + 2 :]),
        longer(made, made.replace(b"\x21\x58\x20", b"\x21\x59\x00\x20")),
    ):
        assert other != made
        with pytest.raises(BadInputError, match="attestation_object"):
            enrolled(replace(given, attestation_object=other), RELAXED)


def longer(made: bytes, other: bytes) -> bytes:
    """Return `other`, in which the authenticator data are one byte longer than in `made`."""
    at = made.index(b"\x68authData") + 9
    size = int.from_bytes(made[at + 1 : at + 2], "big")
    assert made[at : at + 1] == b"\x58"
    return other[: at + 1] + bytes((size + 1,)) + other[at + 2 :]


def test_a_root_for_a_format_that_is_none() -> None:
    rule = EnrolmentRule(roots=(*ROOTS, TrustRoot(fmt="pakced", pem=ROOTS[0].pem)))
    with pytest.raises(BadInputError, match="no format of attestation"):
        enrolled(registered(Authenticator("aoki")), rule)


@pytest.mark.parametrize(
    "pem", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_root_that_is_no_certificate(pem: bytes) -> None:
    rule = EnrolmentRule(roots=(TrustRoot(fmt="packed", pem=pem),))
    with pytest.raises(BadInputError, match="roots"):
        enrolled(registered(Authenticator("aoki")), rule)
