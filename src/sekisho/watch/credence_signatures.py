"""Did this key sign these words? The watcher's own answer, from RFC 8032, FIPS 186 and WebAuthn.

The gate asks `passes/assertion.py` and, of passkeys, a library. Here the bytes are taken apart
again: of WebAuthn Level 3, section 7.2, the steps 11 to 21 that concern an assertion with nothing
but what was asked for. Only the one spelling of each part is understood.
"""

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256

from sekisho.kernel.canonical import parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.passes.records import Credential, CredentialKind, SignedApproval, SignedChild

_OWN_MACHINE_RP_ID = "review.sekisho.invalid"
_CLIENT_DATA_MAX_BYTES = 4096
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What a signature that holds says of whatever made it."""

    count: int
    """How often the device has signed; 0 where it does not count."""
    portable: bool
    """The private key may have copies elsewhere (the flag BE, and with it BS)."""


def statement_tag(document: bytes) -> bytes:
    """Return the 32 bytes that are signed for a statement of these canonical bytes."""
    return hashlib.sha256(b"sekisho/approval/v1\n" + document).digest()


def hand_of(signed: SignedApproval, credential: Credential, *, console: str) -> Hand | None:
    """Return what the signature of a statement says, or None unless `credential` made it.

    `console` is the origin of the roster in force, where passkeys are used. Never raises.
    """
    digest = statement_tag(signed.document)
    challenge = urlsafe_b64encode(digest).rstrip(b"=")
    if credential.kind is CredentialKind.ED25519:
        if signed.authenticator_data or signed.client_data:
            return None
        key = _ed25519(credential.public_key)
        held = key is not None and _signed(key, signed.signature, digest)
        return Hand(count=0, portable=True) if held else None
    if credential.kind is CredentialKind.FIDO2:
        party = _OWN_MACHINE_RP_ID
        said = signed.client_data == b'{"challenge":"%b","type":"sekisho.review"}' % challenge
    else:
        party = host_of(console)
        said = bool(party) and _said_at_console(signed.client_data, challenge.decode(), console)
    hand = _read_device(signed.authenticator_data, party)
    cose = _cose(credential.public_key)
    if not said or hand is None or cose is None:
        return None
    message = signed.authenticator_data + hashlib.sha256(signed.client_data).digest()
    return hand if _signed(cose, signed.signature, message) else None


def issued_by(key: bytes, signed: SignedChild) -> bool:
    """Return whether the issuer whose raw Ed25519 key this is signed a child."""
    issuer = _ed25519(key)
    digest = hashlib.sha256(b"sekisho/child/v1\n" + signed.document).digest()
    return issuer is not None and _signed(issuer, signed.signature, digest)


def host_of(console: str) -> str:
    """Return the relying party of an origin as browsers write it; empty for anything else."""
    scheme, slashes, rest = console.partition("://")
    host, colon, port = rest.partition(":")
    if not slashes or (colon and not _is_port(port)):
        return ""
    if host == "localhost" and scheme in {"https", "http"}:
        return host
    labels = host.split(".")
    written = all(_is_label(each) for each in labels) and labels[-1][:1].isalpha()
    usual = scheme == "https" and port != "443" and host != _OWN_MACHINE_RP_ID
    return host if usual and written and len(labels) > 1 else ""


def _is_port(port: str) -> bool:
    return port.isascii() and port.isdecimal() and port[0] != "0" and len(port) <= 5


def _is_label(label: str) -> bool:
    plain = label.replace("-", "a")
    return (
        0 < len(label) < 64
        and plain.isascii()
        and plain.isalnum()
        and plain == plain.lower()
        and "-" not in {label[0], label[-1]}
    )


def _said_at_console(client_data: bytes, challenge: str, console: str) -> bool:
    """Return whether a browser wrote this on the console's own page, for this challenge."""
    if len(client_data) > _CLIENT_DATA_MAX_BYTES:
        return False
    try:
        said = parse_json(client_data, "client data")
    except BadInputError:
        return False
    return (
        isinstance(said, dict)
        and (said.get("type"), said.get("challenge")) == ("webauthn.get", challenge)
        and said.get("origin") == console
        and said.get("crossOrigin", False) is False
        and "topOrigin" not in said
    )


def _read_device(told: bytes, party: str) -> Hand | None:
    """Return what 37 bytes of authenticator data say, if a verified user was there for `party`."""
    if len(told) != 37 or told[:32] != hashlib.sha256(party.encode()).digest():
        return None
    flags = told[32]
    # UP and UV are set, AT, ED and the reserved bits are not; a copy needs leave to be copied.
    if flags not in {0b00101, 0b01101, 0b11101}:
        return None
    return Hand(count=int.from_bytes(told[33:], "big"), portable=flags != 0b00101)


_Key = Ed25519PublicKey | EllipticCurvePublicKey


@lru_cache(maxsize=4096)
def _ed25519(raw: bytes) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _cose(key: bytes) -> _Key | None:
    """Return the key of CTAP2's canonical CBOR, for EdDSA or for ES256 (RFC 9053)."""
    if key[:10].hex() == "a4010103272006215820":
        return _ed25519(key[10:])
    parts = (key[:10].hex(), key[42:45].hex(), len(key))
    if parts != ("a5010203262001215820", "225820", 77):
        return None
    x, y = int.from_bytes(key[10:42], "big"), int.from_bytes(key[45:], "big")
    try:
        return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    except ValueError:
        return None


def _signed(key: _Key, signature: bytes, message: bytes) -> bool:
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
            return True
        r, s = decode_dss_signature(signature)
        if s > _P256_ORDER // 2 or encode_dss_signature(r, s) != signature:
            return False  # the other half, or another spelling: somebody else can make those
        key.verify(signature, message, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
