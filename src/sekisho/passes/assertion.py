"""Whether a signed statement holds: by a key file, a security key or a passkey.

What is signed is always the 32-byte digest of the statement's canonical bytes. A key file signs it
itself. An authenticator (WebAuthn Level 3, section 7.2) signs `authenticator_data` and the SHA-256
of `client_data`, in which the digest stands as the challenge. The steps for both authenticators:

1. The key is one that a roster may list, in its only spelling, and names its algorithm.
2. The authenticator data are 37 bytes: nothing was asked for that would make them longer.
3. The user was present and verified, for our relying party; no flag contradicts another.
4. The client data say what was signed. A browser says where, too; our command line says exactly
   what `review_client_data` returns. So neither statement can pass for one of the other kind.
5. The signature holds under that one algorithm. Of the two s of ECDSA only the lower is taken:
   nobody but the signer can make a second signature of a statement out of the first.
"""

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn import verify_authentication_response
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    PublicKeyCredentialType,
)

from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.kernel.ed25519_keys import check_ed25519_key
from sekisho.kernel.errors import BadInputError
from sekisho.passes.documents import approval_digest
from sekisho.passes.records import Credential, CredentialKind, SignedApproval

REVIEW_RP_ID = "review.sekisho.invalid"
"""The relying party of security keys on an approver's own machine. `.invalid` never resolves
(RFC 6761), so that no browser can ever be on a page that may use these credentials."""
REVIEW_TYPE = "sekisho.review"
"""Takes the place of `webauthn.get` in what our command line has a security key sign."""
CLIENT_DATA_MAX_BYTES = 4096
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP = 0x01, 0x04, 0x08, 0x10
"""Flags of authenticator data: the user was there, and was verified; the private key may have
copies elsewhere, and has."""

_AUTHENTICATOR_DATA_BYTES = 37
_KNOWN_FLAGS = PRESENT | VERIFIED | ELIGIBLE | BACKED_UP

_ES256_KEY = re.compile(
    bytes.fromhex("a5010203262001215820") + b"(.{32})\x22\x58\x20(.{32})", re.DOTALL
)
"""EC2 key, ES256, P-256, x, y (RFC 9053), in the order of CTAP2's canonical CBOR."""
_EDDSA_KEY = re.compile(bytes.fromhex("a4010103272006215820") + b"(.{32})", re.DOTALL)
"""OKP key, EdDSA, Ed25519, x."""

_FIELD_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B_P256 = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_DOMAIN = re.compile(
    r"https://((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)"
    r"(?::(?!443$)[1-9][0-9]{0,4})?"
)
_LOCAL = re.compile(r"https?://(localhost)(?::[1-9][0-9]{0,4})?")
"""For trying it out: the only origin without TLS at which browsers offer passkeys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a statement that holds says of the device that made it."""

    sign_count: int
    """The authenticator's own count of signatures; always 0 where it does not count."""
    backed_up: bool
    """The private key has copies elsewhere (at its maker's cloud, say)."""
    device_bound: bool
    """The private key cannot leave the device. False for a key file: files are copied."""


_KEY_FILE = Assertion(sign_count=0, backed_up=False, device_bound=False)


def verify_statement(
    signed: SignedApproval, credential: Credential, *, console_origin: str
) -> Assertion | None:
    """Return what the statement's signature says, or None if it does not hold.

    Never raises on foreign bytes. It answers for the signature alone: whether the approver, the
    method and the number in the document are right is for the caller to say.
    """
    key = _known_key(credential.kind, credential.public_key)
    if key is None:
        return None
    match credential.kind:
        case CredentialKind.ED25519:
            bare = not signed.authenticator_data and not signed.client_data
            holds = bare and _holds(key, signed.signature, approval_digest(signed.document))
            return _KEY_FILE if holds else None
        case CredentialKind.FIDO2:
            assertion = _read_authenticator_data(signed.authenticator_data, REVIEW_RP_ID)
            holds = signed.client_data == review_client_data(signed.document) and _holds(
                key, signed.signature, _signed_bytes(signed)
            )
            return assertion if holds else None
        case CredentialKind.WEBAUTHN:
            challenge = approval_digest(signed.document)
            return _passkey_assertion(signed, credential, key, challenge, console_origin)


def verify_passkey(
    signed: SignedApproval, credential: Credential, challenge: bytes, *, console_origin: str
) -> Assertion | None:
    """Return what a passkey's signature over another challenge than a statement's says.

    None if it does not hold, or if the credential is no passkey. The challenge must be the tagged
    digest of something that is no statement: an assertion made for one can then never be shown as
    the other. Never raises on foreign bytes.
    """
    key = _known_key(credential.kind, credential.public_key)
    if key is None or credential.kind is not CredentialKind.WEBAUTHN:
        return None
    return _passkey_assertion(signed, credential, key, challenge, console_origin)


def check_public_key(kind: CredentialKind, public_key: bytes, where: str) -> bytes:
    """Return the point of a key that a roster may list: the same for each spelling of one key.

    Raises `BadInputError` at `where` for another algorithm than Ed25519 and ES256, for any but the
    one spelling, for a point off its curve, and for a key that anybody can sign for.
    """
    if kind is CredentialKind.ED25519:
        return check_ed25519_key(public_key, where)
    if found := _EDDSA_KEY.fullmatch(public_key):
        return check_ed25519_key(found[1], where)
    if found := _ES256_KEY.fullmatch(public_key):
        x, y = (int.from_bytes(each, "big") for each in found.groups())
        on_curve = (y * y - (x * x * x - 3 * x + _B_P256)) % _FIELD_P256 == 0
        if x >= _FIELD_P256 or y >= _FIELD_P256 or not on_curve:
            raise BadInputError(where, "is no point of P-256")
        return found[1] + found[2]
    raise BadInputError(where, "is no COSE key for ES256 or EdDSA in canonical CBOR")


def console_rp_id(console_origin: str, where: str) -> str:
    """Return the RP ID of the console's passkeys: the host of its origin.

    Raises `BadInputError` at `where` for anything but `https://host`, with a port where it is not
    443, as browsers write it, or `localhost`; and for the host that is not the console's.
    """
    found = _DOMAIN.fullmatch(console_origin) or _LOCAL.fullmatch(console_origin)
    if found is None or found[1] == REVIEW_RP_ID:
        raise BadInputError(where, "is not the origin of a console: https://host")
    return found[1]


def review_client_data(document: bytes) -> bytes:
    """Return the only client data with which a security key signs on an approver's own machine."""
    return canonical_bytes({"challenge": _challenge(document), "type": REVIEW_TYPE})


def statement_of(
    document: bytes,
    credential: Credential,
    *,
    signature: bytes,
    authenticator_data: bytes,
    client_data: bytes,
) -> SignedApproval:
    """Return an authenticator's signature as it is kept: the higher s of ECDSA made the lower.

    Authenticators give either. Verifies nothing, and leaves what is no signature as it is.
    """
    if _ES256_KEY.fullmatch(credential.public_key):
        signature = low_s(signature)
    return SignedApproval(
        document=document,
        signature=signature,
        authenticator_data=authenticator_data,
        client_data=client_data,
    )


def low_s(signature: bytes) -> bytes:
    """Return the signature over P-256 with the lower of its two s; no signature stays as it is."""
    try:
        r, s = utils.decode_dss_signature(signature)
    except ValueError:
        return signature
    if not _ORDER_P256 // 2 < s < _ORDER_P256:
        return signature
    return utils.encode_dss_signature(r, _ORDER_P256 - s)


def check_client_data(client_data: bytes, kind: str, challenge: bytes, origin: str) -> None:
    """Raise `BadInputError` unless a browser could have said this of our page, and of no other.

    Stricter than the library: no duplicate keys, no second spelling of the challenge, and no frame
    inside another's page. Members that are not known are let be, as the standard demands.
    """
    where = "client_data"
    if len(client_data) > CLIENT_DATA_MAX_BYTES:
        raise BadInputError(where, f"is larger than {CLIENT_DATA_MAX_BYTES} bytes")
    said = parse_json(client_data, where)
    if not isinstance(said, dict):
        raise BadInputError(where, "is not an object")
    expected = {"type": kind, "challenge": base64url(challenge), "origin": origin}
    for name, value in expected.items():
        if said.get(name) != value:
            raise BadInputError(f"{where}.{name}", "is not what was asked for")
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise BadInputError(where, "was made in a frame of another page")


def base64url(data: bytes) -> str:
    """Return `data` as WebAuthn writes bytes in JSON (RFC 4648, section 5, without padding)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _passkey_assertion(
    signed: SignedApproval, credential: Credential, key: "_Key", challenge: bytes, origin: str
) -> Assertion | None:
    """Judge a browser's assertion: by our own rules first, then by the library's."""
    try:
        rp_id = console_rp_id(origin, "console_origin")
        check_client_data(signed.client_data, "webauthn.get", challenge, origin)
    except BadInputError:
        return None
    assertion = _read_authenticator_data(signed.authenticator_data, rp_id)
    if assertion is None or not _is_low(key, signed.signature):
        return None
    try:
        verified = verify_authentication_response(
            credential=AuthenticationCredential(
                id=base64url(credential.handle),
                raw_id=credential.handle,
                response=AuthenticatorAssertionResponse(
                    client_data_json=signed.client_data,
                    authenticator_data=signed.authenticator_data,
                    signature=signed.signature,
                ),
                type=PublicKeyCredentialType.PUBLIC_KEY,
            ),
            expected_challenge=challenge,
            expected_rp_id=rp_id,
            expected_origin=origin,
            credential_public_key=credential.public_key,
            # Statements are judged in any order and more than once: the caller compares counts.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except (WebAuthnException, InvalidSignature, ValueError, TypeError, KeyError):
        return None
    return assertion if verified.user_verified else None


def _read_authenticator_data(authenticator_data: bytes, rp_id: str) -> Assertion | None:
    """Return what the flags say, or None unless the user was verified, for `rp_id` alone."""
    if len(authenticator_data) != _AUTHENTICATOR_DATA_BYTES:
        return None
    flags = authenticator_data[32]
    wanted = PRESENT | VERIFIED
    if (
        authenticator_data[:32] != hashlib.sha256(rp_id.encode()).digest()
        or flags & wanted != wanted
        or flags & ~_KNOWN_FLAGS
        or (flags & BACKED_UP and not flags & ELIGIBLE)
    ):
        return None
    return Assertion(
        sign_count=int.from_bytes(authenticator_data[33:], "big"),
        backed_up=bool(flags & BACKED_UP),
        device_bound=not flags & ELIGIBLE,
    )


_Key = Ed25519PublicKey | ec.EllipticCurvePublicKey


@lru_cache(maxsize=1024)
def _known_key(kind: CredentialKind, public_key: bytes) -> _Key | None:
    """Return the key, or None if no roster may list it. Kept, as the few keys come again."""
    try:
        point = check_public_key(kind, public_key, "public_key")
    except BadInputError:
        return None
    if kind is CredentialKind.ED25519 or _EDDSA_KEY.fullmatch(public_key):
        return Ed25519PublicKey.from_public_bytes(point)
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)


def _holds(key: _Key, signature: bytes, signed_bytes: bytes) -> bool:
    if not _is_low(key, signature):
        return False
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed_bytes)
        else:
            key.verify(signature, signed_bytes, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _is_low(key: _Key, signature: bytes) -> bool:
    """Is the signature the one of two that is taken? Ed25519 (RFC 8032) knows only one."""
    return isinstance(key, Ed25519PublicKey) or low_s(signature) == signature


def _signed_bytes(signed: SignedApproval) -> bytes:
    return signed.authenticator_data + hashlib.sha256(signed.client_data).digest()


def _challenge(document: bytes) -> str:
    return base64url(approval_digest(document))
