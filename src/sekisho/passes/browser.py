"""Passkeys in a browser: what the console's page asks of it, and what it answers.

The page hands the options to `navigator.credentials` as they are (WebAuthn Level 3, sections 5.4
and 5.5, in the JSON of section 5.1) and sends back what the browser's `toJSON` gives.
"""

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.passes.assertion import (
    CLIENT_DATA_MAX_BYTES,
    Assertion,
    base64url,
    console_rp_id,
    statement_of,
    verify_passkey,
)
from sekisho.passes.attestation import ATTESTATION_MAX_BYTES, HANDLE_MAX_BYTES
from sekisho.passes.documents import approval_digest
from sekisho.passes.enrolment import Ceremony, Registration, registration_challenge
from sekisho.passes.records import Credential, SignedApproval

TIMEOUT_MS = 300_000
"""Five minutes, as section 15.1 recommends."""
ANSWER_MAX_BYTES = 65_536
_ES256, _EDDSA = -7, -8
_SIGNATURE_MAX_BYTES = 1024
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserAssertion:
    """What a browser answers when a statement was signed, unverified."""

    handle: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


def registration_options(
    ceremony: Ceremony,
    *,
    exchange: str,
    name: str,
    known_handles: tuple[bytes, ...],
    console_origin: str,
) -> dict[str, Json]:
    """Return the options under which a person's passkey is made.

    `known_handles` are the person's credentials so far: a device that has one is not enrolled
    twice. Raises `BadInputError` for an origin that no console can have.
    """
    person: Json = {"genesis_digest": ceremony.genesis_digest, "person_id": ceremony.person_id}
    return {
        "rp": {"id": console_rp_id(console_origin, "console_origin"), "name": exchange},
        "user": {
            # Section 14.6.1: the user handle says nothing of the person.
            "id": base64url(tagged_digest("user-handle", canonical_bytes(person))),
            "name": ceremony.person_id,
            "displayName": name,
        },
        "challenge": base64url(registration_challenge(ceremony)),
        "pubKeyCredParams": [
            {"type": "public-key", "alg": algorithm} for algorithm in (_ES256, _EDDSA)
        ],
        "timeout": TIMEOUT_MS,
        "excludeCredentials": _descriptors(known_handles),
        "authenticatorSelection": {
            "residentKey": "discouraged",
            "requireResidentKey": False,
            "userVerification": "required",
        },
        "attestation": "direct",
    }


def assertion_options(
    document: bytes, handles: tuple[bytes, ...], *, console_origin: str
) -> dict[str, Json]:
    """Return the options under which the canonical bytes of a statement are signed.

    Raises `BadInputError` for an origin that no console can have.
    """
    return _request_options(approval_digest(document), handles, console_origin)


def login_options(
    document: bytes, handles: tuple[bytes, ...], *, console_origin: str
) -> dict[str, Json]:
    """Return the options under which somebody signs that they are at the console now.

    `document` says where and when, with a nonce. Its digest has a tag of its own, so that what is
    signed here is never a statement on a pass, whatever the document holds.
    """
    return _request_options(_login_challenge(document), handles, console_origin)


def verify_login(
    document: bytes, credential: Credential, answer: BrowserAssertion, *, console_origin: str
) -> Assertion | None:
    """Return what a browser's answer to `login_options` says, or None if it does not hold."""
    if answer.handle != credential.handle:
        return None
    signed = browser_statement(document, credential, answer)
    challenge = _login_challenge(document)
    return verify_passkey(signed, credential, challenge, console_origin=console_origin)


def read_registration(answer: bytes, where: str) -> Registration:
    """Return the registration in a browser's answer; raises `BadInputError` at the field."""
    handle, response = _read_answer(answer, where)
    transports: Json = response.pop("transports", [])
    fields = Fields({**response, "transports": transports}, f"{where}.response")
    return Registration(
        handle=handle,
        client_data=_bytes(fields, "clientDataJSON", at_most=CLIENT_DATA_MAX_BYTES),
        attestation_object=_bytes(fields, "attestationObject", at_most=ATTESTATION_MAX_BYTES),
        transports=fields.texts("transports", empty=True),
    )


def read_assertion(answer: bytes, where: str) -> BrowserAssertion:
    """Return the assertion in a browser's answer; raises `BadInputError` at the field."""
    handle, response = _read_answer(answer, where)
    fields = Fields({**response}, f"{where}.response")
    return BrowserAssertion(
        handle=handle,
        client_data=_bytes(fields, "clientDataJSON", at_most=CLIENT_DATA_MAX_BYTES),
        authenticator_data=_bytes(fields, "authenticatorData", at_most=_SIGNATURE_MAX_BYTES),
        signature=_bytes(fields, "signature", at_most=_SIGNATURE_MAX_BYTES),
    )


def browser_statement(
    document: bytes, credential: Credential, assertion: BrowserAssertion
) -> SignedApproval:
    """Return a browser's assertion as the signed statement that is kept. Verifies nothing."""
    return statement_of(
        document,
        credential,
        signature=assertion.signature,
        authenticator_data=assertion.authenticator_data,
        client_data=assertion.client_data,
    )


def _login_challenge(document: bytes) -> bytes:
    return tagged_digest("console-login", document)


def _request_options(
    challenge: bytes, handles: tuple[bytes, ...], console_origin: str
) -> dict[str, Json]:
    return {
        "challenge": base64url(challenge),
        "timeout": TIMEOUT_MS,
        "rpId": console_rp_id(console_origin, "console_origin"),
        "allowCredentials": _descriptors(handles),
        "userVerification": "required",
    }


def _descriptors(handles: tuple[bytes, ...]) -> list[Json]:
    return [{"type": "public-key", "id": base64url(handle)} for handle in handles]


def _read_answer(answer: bytes, where: str) -> tuple[bytes, dict[str, Json]]:
    """Return the handle, and the response as it is. Browsers add members: they are let be."""
    if len(answer) > ANSWER_MAX_BYTES:
        raise BadInputError(where, f"is larger than {ANSWER_MAX_BYTES} bytes")
    fields = Fields(parse_json(answer, where), where)
    fields.choice("type", ("public-key",))
    handle = _bytes(fields, "id", at_most=HANDLE_MAX_BYTES)
    if _bytes(fields, "rawId", at_most=HANDLE_MAX_BYTES) != handle:
        raise fields.fail("rawId", "is not the id")
    response = fields.document("response")
    if not isinstance(response, dict):
        raise fields.fail("response", "is not an object")
    return handle, response


def _bytes(fields: Fields, name: str, *, at_most: int) -> bytes:
    """Return some bytes, spelled in the only way that RFC 4648, section 5, has for them."""
    text = fields.document(name)
    if not isinstance(text, str) or not text or not _BASE64URL.fullmatch(text):
        raise fields.fail(name, "is not base64url without padding")
    if len(text) > at_most * 4 // 3 + 1:
        raise fields.fail(name, f"is more than {at_most} bytes")
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise fields.fail(name, "is not base64url without padding") from error
    if base64url(data) != text:
        raise fields.fail(name, "is a second spelling of its bytes")
    return data
