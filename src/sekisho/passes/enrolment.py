"""Enrolling an authenticator: what a new credential must prove before a roster may list it.

A registration (WebAuthn Level 3, section 7.1) answers a challenge that binds the installation, the
person, the terminal and the kind of credential. By default the key must never leave its device,
and the device's maker must vouch for it: a statement that anybody could have written (`none`,
`self`, or under no trust root of ours) does not count as attested.

Nothing here gives power: the credential counts once a roster that lists it is in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webauthn import verify_registration_response
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticatorAttestationResponse,
    PublicKeyCredentialType,
    RegistrationCredential,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.assertion import (
    BACKED_UP,
    ELIGIBLE,
    REVIEW_RP_ID,
    base64url,
    check_client_data,
    check_public_key,
    console_rp_id,
)
from sekisho.passes.attestation import (
    Attested,
    TrustRoot,
    check_packed_certificate,
    leads_to_a_root,
    read_attestation,
)
from sekisho.passes.records import Credential, CredentialKind

REVIEW_ORIGIN = f"https://{REVIEW_RP_ID}"
"""Where our command line says it is when it enrols a security key."""
_REASON_MAX = 200
_ALGORITHMS = [COSEAlgorithmIdentifier.ECDSA_SHA_256, COSEAlgorithmIdentifier.EDDSA]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """One enrolment: whose credential, of which kind, made at which terminal, this time."""

    genesis_digest: str
    person_id: str
    terminal_id: str
    kind: CredentialKind
    nonce: bytes
    """32 random bytes, from whoever asks, and used once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What an authenticator and its client answer, unverified."""

    handle: bytes
    client_data: bytes
    attestation_object: bytes
    transports: tuple[str, ...] = ()
    """How the client says that it reaches the device: a hint, covered by no signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRule:
    """What a policy asks of a new credential. Each relaxation is written out."""

    roots: tuple[TrustRoot, ...]
    attested_required: bool = True
    device_bound_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the device said of itself; kept beside the roster, for whoever asks later."""

    fmt: str
    aaguid: str
    """The model, by its maker's number; all zeros where the maker does not say."""
    transports: tuple[str, ...]
    sign_count: int
    backed_up: bool
    device_bound: bool
    attested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """The outcome. With a credential, the findings say what the rule was relaxed for."""

    credential: Credential | None
    seen: Seen | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the client data and the authenticator data must repeat."""

    challenge: bytes
    origin: str
    rp_id: str


def registration_challenge(ceremony: Ceremony) -> bytes:
    """Return the 32 bytes that the registration must answer."""
    return tagged_digest(
        "enrolment",
        canonical_bytes(
            {
                "genesis_digest": ceremony.genesis_digest,
                "person_id": ceremony.person_id,
                "terminal_id": ceremony.terminal_id,
                "kind": ceremony.kind,
                "nonce": ceremony.nonce.hex(),
            }
        ),
    )


def not_enrolled(credential_id: str, reason: str) -> Enrolled:
    """Return that a registration does not hold, and why."""
    reason = visible(reason)[:_REASON_MAX]
    found = finding("passes.registration_invalid", credential_id, reason=reason)
    return Enrolled(credential=None, seen=None, findings=(found,))


def enrol(
    ceremony: Ceremony,
    registration: Registration,
    rule: EnrolmentRule,
    *,
    credential_id: str,
    device: str,
    console_origin: str,
    now: datetime,
) -> Enrolled:
    """Return the credential that a roster may list, or the findings that say why it may not.

    `device` is the hardware's serial number or asset tag, as a person read it. Raises
    `BadInputError` for what is no registration at all, and for a root that is no certificate.
    """
    if ceremony.kind is CredentialKind.FIDO2:
        origin, rp_id = REVIEW_ORIGIN, REVIEW_RP_ID
    else:
        origin, rp_id = console_origin, console_rp_id(console_origin, "console_origin")
    attested = read_attestation(registration.attestation_object)
    is_attested = leads_to_a_root(attested, rule.roots, now)
    asked = _Asked(challenge=registration_challenge(ceremony), origin=origin, rp_id=rp_id)
    try:
        check_public_key(ceremony.kind, attested.public_key, "public_key")
        verified = _verify(registration, attested, asked, rule.roots if is_attested else ())
    except BadInputError as error:
        return not_enrolled(credential_id, str(error))
    seen = Seen(
        fmt=attested.fmt,
        aaguid=verified.aaguid,
        transports=registration.transports,
        sign_count=verified.sign_count,
        backed_up=bool(attested.flags & BACKED_UP),
        device_bound=not attested.flags & ELIGIBLE,
        attested=is_attested,
    )
    credential = Credential(
        credential_id=credential_id,
        kind=ceremony.kind,
        public_key=attested.public_key,
        handle=attested.handle,
        device=device,
        attested=is_attested,
    )
    return _judge(credential, seen, rule)


def _judge(credential: Credential, seen: Seen, rule: EnrolmentRule) -> Enrolled:
    """Return the credential with what is wrong with it, or without it if the rule forbids that."""
    subject, findings = credential.credential_id, list[Finding]()
    refused = False
    if not seen.attested:
        findings.append(
            finding("passes.credential_not_attested", subject, fmt=seen.fmt, aaguid=seen.aaguid)
        )
        refused |= rule.attested_required
    if not seen.device_bound:
        findings.append(finding("passes.credential_not_device_bound", subject))
        refused |= rule.device_bound_required
    if seen.backed_up:
        findings.append(finding("passes.credential_backed_up", subject))
    return Enrolled(
        credential=None if refused else credential, seen=seen, findings=tuple(findings)
    )


def _verify(
    registration: Registration, attested: Attested, asked: _Asked, roots: Sequence[TrustRoot]
) -> VerifiedRegistration:
    """Judge the whole by our own rules, then by the library's, and the chain by OpenSSL's.

    Raises `BadInputError` with the reason. With `roots`, the device counts as attested. OpenSSL
    takes the time from the machine; what `now` is, `leads_to_a_root` has judged before.
    """
    check_client_data(registration.client_data, "webauthn.create", asked.challenge, asked.origin)
    if attested.handle != registration.handle:
        raise BadInputError("handle", "is not that of the attested credential")
    if roots and attested.fmt == "packed":
        check_packed_certificate(attested)
    pems: dict[AttestationFormat, list[bytes]] = {}
    for root in roots:
        pems.setdefault(AttestationFormat(root.fmt), []).append(root.pem)
    try:
        return verify_registration_response(
            credential=RegistrationCredential(
                id=base64url(registration.handle),
                raw_id=registration.handle,
                response=AuthenticatorAttestationResponse(
                    client_data_json=registration.client_data,
                    attestation_object=registration.attestation_object,
                ),
                type=PublicKeyCredentialType.PUBLIC_KEY,
            ),
            expected_challenge=asked.challenge,
            expected_rp_id=asked.rp_id,
            expected_origin=asked.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
            pem_root_certs_bytes_by_fmt=pems,
        )
    except Exception as error:
        # The library lets through what the parsers under it raise: for the caller, all one.
        if not isinstance(error, WebAuthnException):
            raise BadInputError("registration", "cannot be read") from error
        raise BadInputError("registration", str(error)) from error
