"""Devices that sign statements, good ones and such as an attacker makes them sign."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.drills.authenticator import (
    Algorithm,
    Authenticator,
    assert_in_browser,
    client_data,
    sign,
)
from sekisho.kernel.canonical import canonical_bytes
from sekisho.passes.assertion import (
    REVIEW_RP_ID,
    base64url,
    review_client_data,
    statement_of,
)
from sekisho.passes.browser import assertion_options, browser_statement, read_assertion
from sekisho.passes.documents import approval_bytes, approval_digest
from sekisho.passes.records import (
    Approval,
    Credential,
    CredentialKind,
    Decision,
    Method,
    SignedApproval,
)

ORIGIN = "https://console.sekisho.example"
RP_ID = "console.sekisho.example"
APPROVAL = Approval(
    pass_digest="11" * 32,
    decision=Decision.APPROVE,
    genesis_digest="22" * 32,
    approver="aoki",
    sequence=7,
    method=Method.PASSKEY,
    credential_id="aoki-key",
    terminal_id="desk-1",
    words="",
    reason="",
    signed_at=datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
)
DOCUMENT = approval_bytes(APPROVAL)


def credential(
    device: Authenticator, kind: CredentialKind = CredentialKind.WEBAUTHN
) -> Credential:
    """Return a new credential on the device, as a roster would list it."""
    rp_id = REVIEW_RP_ID if kind is CredentialKind.FIDO2 else RP_ID
    handle, _ = device.make_credential(rp_id, bytes(32))
    return Credential(
        credential_id="aoki-key", kind=kind, public_key=device.public_key(handle), handle=handle
    )


def passkey(
    algorithm: Algorithm = Algorithm.ES256, seed: str = "aoki"
) -> tuple[Authenticator, Credential]:
    device = Authenticator(seed, algorithm=algorithm)
    return device, credential(device)


def usb_key(
    algorithm: Algorithm = Algorithm.ES256, seed: str = "aoki"
) -> tuple[Authenticator, Credential]:
    device = Authenticator(seed, algorithm=algorithm)
    return device, credential(device, CredentialKind.FIDO2)


def in_browser(
    device: Authenticator, of: Credential, document: bytes = DOCUMENT
) -> SignedApproval:
    """Sign as a person does on the console's page."""
    options = assertion_options(document, (of.handle,), console_origin=ORIGIN)
    answer = canonical_bytes(assert_in_browser(device, options, ORIGIN))
    return browser_statement(document, of, read_assertion(answer, "answer"))


def on_own_machine(
    device: Authenticator, of: Credential, document: bytes = DOCUMENT
) -> SignedApproval:
    """Sign as the command line has a security key sign."""
    return crafted(device, of, review_client_data(document), document)


def crafted(
    device: Authenticator,
    of: Credential,
    said: bytes,
    document: bytes = DOCUMENT,
    *,
    flags: int | None = None,
) -> SignedApproval:
    """Have the device sign whatever client data an attacker likes: the signature is real."""
    data, signature = device.get_assertion(of.handle, hashlib.sha256(said).digest(), flags=flags)
    return statement_of(
        document, of, signature=signature, authenticator_data=data, client_data=said
    )


def signed_over(device: Authenticator, of: Credential, data: bytes, said: bytes) -> SignedApproval:
    """Sign whatever authenticator data an attacker's own device might give."""
    _, key = device._keys[of.handle]
    signature = sign(key, data + hashlib.sha256(said).digest())
    return statement_of(
        DOCUMENT, of, signature=signature, authenticator_data=data, client_data=said
    )


def challenge(document: bytes = DOCUMENT) -> str:
    return base64url(approval_digest(document))


def key_file(document: bytes = DOCUMENT) -> tuple[SignedApproval, Credential]:
    """Return a statement signed with a key file, and its credential."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"aoki's file").digest())
    listed = Credential(
        credential_id="aoki-key",
        kind=CredentialKind.ED25519,
        public_key=key.public_key().public_bytes_raw(),
    )
    return SignedApproval(document=document, signature=key.sign(approval_digest(document))), listed


def relabelled(of: Credential, kind: CredentialKind) -> Credential:
    return replace(of, kind=kind)


BROWSER = client_data("webauthn.get", challenge(), ORIGIN)
"""What a browser says when `DOCUMENT` is signed on the console's page."""
