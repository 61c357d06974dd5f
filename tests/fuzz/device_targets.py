"""What of browsers and security keys reads foreign bytes: answers, attestations, statements."""

from datetime import UTC, datetime

from devices import (
    BROWSER,
    DOCUMENT,
    ORIGIN,
    challenge,
    in_browser,
    on_own_machine,
    passkey,
    usb_key,
)
from fuzz.hunt import Target

from sekisho.drills.authenticator import (
    Attestation,
    Authenticator,
    register_in_browser,
)
from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.errors import BadInputError
from sekisho.passes.assertion import check_client_data, check_public_key, verify_statement
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.browser import read_assertion, read_registration, registration_options
from sekisho.passes.documents import approval_digest
from sekisho.passes.enrolment import Ceremony, EnrolmentRule, Registration, enrol
from sekisho.passes.records import CredentialKind, SignedApproval

CEREMONY = Ceremony(
    genesis_digest="22" * 32,
    person_id="aoki",
    terminal_id="desk-1",
    kind=CredentialKind.WEBAUTHN,
    nonce=bytes(32),
)
OPTIONS = registration_options(
    CEREMONY, exchange="Sekisho", name="aoki", known_handles=(), console_origin=ORIGIN
)
DEVICES = [Authenticator("aoki", attestation=each) for each in Attestation]
ANSWERS = [canonical_bytes(register_in_browser(each, OPTIONS, ORIGIN)) for each in DEVICES]
REGISTERED = [read_registration(each, "seed") for each in ANSWERS]
RULE = EnrolmentRule(
    roots=(TrustRoot(fmt="packed", pem=DEVICES[0].maker.root_pem),),
    attested_required=False,
    device_bound_required=False,
)
SEPARATOR = b"\x00|\x00"


def attestation(data: bytes) -> None:
    """Enrol with any attestation object; one that is taken must be one of the seeds' ceremony."""
    given = REGISTERED[0]
    for handle in {each.handle for each in REGISTERED}:
        outcome = enrol(
            CEREMONY,
            Registration(handle=handle, client_data=given.client_data, attestation_object=data),
            RULE,
            credential_id="fuzz",
            device="",
            console_origin=ORIGIN,
            now=datetime(2026, 11, 22, tzinfo=UTC),
        )
        if outcome.credential is not None:
            check_public_key(CredentialKind.WEBAUTHN, outcome.credential.public_key, "key")
            return
    raise BadInputError("attestation", "is refused")


def client_data_of_a_browser(data: bytes) -> None:
    check_client_data(data, "webauthn.get", approval_digest(DOCUMENT), ORIGIN)


def answer(data: bytes) -> None:
    read_registration(data, "answer")


def assertion(data: bytes) -> None:
    read_assertion(data, "answer")


def public_key(data: bytes) -> None:
    check_public_key(CredentialKind.FIDO2, data, "key")


PASSKEY, USB = passkey(), usb_key()
STATEMENTS = {
    CredentialKind.WEBAUTHN: (in_browser(*PASSKEY), PASSKEY[1]),
    CredentialKind.FIDO2: (on_own_machine(*USB), USB[1]),
}


def statement(data: bytes) -> None:
    """Verify three parts as an authenticator's statement; only the seeds may hold."""
    parts = data.split(SEPARATOR)
    if len(parts) != 3:
        raise BadInputError("statement", "has not three parts")
    given = SignedApproval(
        document=DOCUMENT, signature=parts[0], authenticator_data=parts[1], client_data=parts[2]
    )
    held = False
    for good, of in STATEMENTS.values():
        found = verify_statement(given, of, console_origin=ORIGIN)
        if found is not None and given != good:
            raise ValueError("a statement that nobody signed holds")
        held |= found is not None
    if not held:
        raise BadInputError("statement", "does not hold")


SIGNED = [
    SEPARATOR.join((each.signature, each.authenticator_data, each.client_data))
    for each, _ in STATEMENTS.values()
]
ASSERTED = canonical_bytes(
    {
        "id": "AAAA",
        "rawId": "AAAA",
        "type": "public-key",
        "response": {
            "clientDataJSON": challenge(),
            "authenticatorData": challenge(),
            "signature": challenge(),
        },
    }
)
FUZZ_TARGETS: list[Target] = [
    ("passes.enrol", attestation, [each.attestation_object for each in REGISTERED]),
    ("passes.check_client_data", client_data_of_a_browser, [BROWSER]),
    ("passes.read_registration", answer, ANSWERS),
    ("passes.read_assertion", assertion, [ASSERTED]),
    ("passes.check_public_key", public_key, [PASSKEY[1].public_key]),
    ("passes.verify_statement", statement, SIGNED),
]
