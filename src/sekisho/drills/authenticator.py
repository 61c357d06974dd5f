"""A software authenticator with a browser around it: real registrations, real assertions.

It is no security device. Its keys follow from a word, so that whoever knows the word has them, and
it signs whatever it is asked to. Drills and tests use it where an exchange has hardware.

It speaks WebAuthn Level 3: the attestation statements `packed` (section 8.2) and `none`, ES256 and
EdDSA. The same word, and the same calls in the same order, give the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from fido2 import cbor

from sekisho.kernel.canonical import Json
from sekisho.kernel.digest import tagged_digest
from sekisho.passes.assertion import PRESENT, VERIFIED, base64url

_ATTESTED = 0x40
"""The flag of authenticator data that hold a new credential."""
_AAGUID_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_MADE_AT = datetime(2020, 1, 1, tzinfo=UTC)
_ENDS_AT = datetime(2120, 1, 1, tzinfo=UTC)

PrivateKey = ec.EllipticCurvePrivateKey | Ed25519PrivateKey


class Algorithm(IntEnum):
    """COSE's numbers (RFC 9053) of what the device can sign with."""

    ES256 = -7
    EDDSA = -8


class Attestation(StrEnum):
    """How the device vouches for the keys that it makes."""

    BATCH = "batch"
    """By its maker's key, which many devices of one model share."""
    SELF = "self"
    """By the new key itself: says nothing of the device."""
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Who made a device: a root certificate, and under it the key of one model."""

    aaguid: bytes
    root: x509.Certificate
    batch: x509.Certificate
    batch_key: ec.EllipticCurvePrivateKey

    @property
    def root_pem(self) -> bytes:
        """The trust root, as `passes.enrolment` takes it."""
        return self.root.public_bytes(Encoding.PEM)


class Authenticator:
    """One device: the keys that it made, for whom, and how often it signed."""

    def __init__(
        self,
        seed: str,
        *,
        algorithm: Algorithm = Algorithm.ES256,
        attestation: Attestation = Attestation.BATCH,
        flags: int = PRESENT | VERIFIED,
    ) -> None:
        self.flags = flags
        """What the device says of its user and its key, true or not."""
        self.sign_count = 0
        self._seed = seed
        self._algorithm = algorithm
        self._attestation = attestation
        self._maker = maker_of(seed)
        self._keys: dict[bytes, tuple[str, PrivateKey]] = {}

    @property
    def maker(self) -> Maker:
        """Who made the device."""
        return self._maker

    def handles(self, rp_id: str) -> tuple[bytes, ...]:
        """Return the handles of what the device made for a relying party, oldest first."""
        return tuple(handle for handle, (of, _) in self._keys.items() if of == rp_id)

    def public_key(self, handle: bytes) -> bytes:
        """Return a credential's public key as a COSE key."""
        return cose_key(self._keys[handle][1])

    def make_credential(
        self, rp_id: str, client_data_hash: bytes, *, flags: int | None = None
    ) -> tuple[bytes, bytes]:
        """Return a new credential's handle and its attestation object.

        `flags` stand in for the device's own, for a caller that verifies the user itself.
        """
        flags = self.flags if flags is None else flags
        number = len(self._keys) + 1
        handle = _bytes(f"{self._seed} handle {number}")
        key = _private_key(f"{self._seed} key {number}", self._algorithm)
        self._keys[handle] = (rp_id, key)
        attested = self._maker.aaguid + len(handle).to_bytes(2, "big") + handle + cose_key(key)
        authenticator_data = self._authenticator_data(rp_id, flags | _ATTESTED) + attested
        statement = self._statement(key, authenticator_data + client_data_hash)
        return handle, cbor.encode(
            {
                "fmt": "packed" if statement else "none",
                "attStmt": statement,
                "authData": authenticator_data,
            }
        )

    def get_assertion(
        self, handle: bytes, client_data_hash: bytes, *, flags: int | None = None
    ) -> tuple[bytes, bytes]:
        """Return authenticator data and the signature over them and the client data's hash.

        Raises `KeyError` for a credential that the device did not make.
        """
        rp_id, key = self._keys[handle]
        self.sign_count += 1
        authenticator_data = self._authenticator_data(
            rp_id, self.flags if flags is None else flags
        )
        return authenticator_data, sign(key, authenticator_data + client_data_hash)

    def _authenticator_data(self, rp_id: str, flags: int) -> bytes:
        relying_party = hashlib.sha256(rp_id.encode()).digest()
        return relying_party + bytes((flags,)) + self.sign_count.to_bytes(4, "big")

    def _statement(self, key: PrivateKey, signed_bytes: bytes) -> dict[str, object]:
        match self._attestation:
            case Attestation.NONE:
                return {}
            case Attestation.SELF:
                return {"alg": int(self._algorithm), "sig": sign(key, signed_bytes)}
            case Attestation.BATCH:
                return {
                    "alg": int(Algorithm.ES256),
                    "sig": sign(self._maker.batch_key, signed_bytes),
                    "x5c": [self._maker.batch.public_bytes(Encoding.DER)],
                }


def register_in_browser(
    device: Authenticator, options: Mapping[str, Json], origin: str
) -> dict[str, Json]:
    """Return what a browser on a page of `origin` gives to its page for these creation options.

    Raises `ValueError` where a browser refuses: the relying party is not the page's own.
    """
    relying_party = options["rp"]
    rp_id = relying_party["id"] if isinstance(relying_party, dict) else None
    _check_own(rp_id, origin)
    said = client_data("webauthn.create", str(options["challenge"]), origin)
    handle, attestation = device.make_credential(str(rp_id), hashlib.sha256(said).digest())
    response: dict[str, Json] = {
        "clientDataJSON": base64url(said),
        "attestationObject": base64url(attestation),
        "transports": ["usb"],
    }
    return _public_key_credential(handle, response)


def assert_in_browser(
    device: Authenticator, options: Mapping[str, Json], origin: str
) -> dict[str, Json]:
    """Return what a browser on a page of `origin` gives to its page for these request options.

    Raises `ValueError` where a browser refuses, and if the device has none of the credentials.
    """
    rp_id, allowed = options["rpId"], options["allowCredentials"]
    _check_own(rp_id, origin)
    wanted = [each["id"] for each in allowed if isinstance(each, dict)] if allowed else []  # type: ignore[union-attr]  # a list, by the standard
    handles = [each for each in device.handles(str(rp_id)) if base64url(each) in wanted]
    if not handles:
        raise ValueError("the device has none of these credentials")
    said = client_data("webauthn.get", str(options["challenge"]), origin)
    authenticator_data, signature = device.get_assertion(handles[0], hashlib.sha256(said).digest())
    response: dict[str, Json] = {
        "clientDataJSON": base64url(said),
        "authenticatorData": base64url(authenticator_data),
        "signature": base64url(signature),
    }
    return _public_key_credential(handles[0], response)


def client_data(kind: str, challenge: str, origin: str, **more: Json) -> bytes:
    """Return client data as browsers write them (WebAuthn Level 3, section 5.8.1.1)."""
    said = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False, **more}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Return the key's signature, the same each time (RFC 8032, RFC 6979)."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))


def cose_key(key: PrivateKey) -> bytes:
    """Return the public key as a COSE key (RFC 9053) in CTAP2's canonical CBOR."""
    if isinstance(key, Ed25519PrivateKey):
        x = key.public_key().public_bytes_raw()
        return cbor.encode({1: 1, 3: int(Algorithm.EDDSA), -1: 6, -2: x})
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return cbor.encode({1: 2, 3: int(Algorithm.ES256), -1: 1, -2: point[1:33], -3: point[33:]})


def maker_of(seed: str) -> Maker:
    """Return the maker whose root, model and batch key follow from a word."""
    root_key, batch_key = _p256_key(f"{seed} root"), _p256_key(f"{seed} batch")
    aaguid = _bytes(f"{seed} aaguid")[:16]
    root_name = _name("Root of a maker of software", "Root")
    root = (
        _certificate(root_name, root_name, root_key.public_key(), number=1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, SHA256(), ecdsa_deterministic=True)
    )
    model = x509.UnrecognizedExtension(_AAGUID_EXTENSION, b"\x04\x10" + aaguid)
    batch = (
        _certificate(
            _name("Software authenticator", "Authenticator Attestation"),
            root_name,
            batch_key.public_key(),
            number=2,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(model, critical=False)
        .sign(root_key, SHA256(), ecdsa_deterministic=True)
    )
    return Maker(aaguid=aaguid, root=root, batch=batch, batch_key=batch_key)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, number: int
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=number,
        not_valid_before=_MADE_AT,
        not_valid_after=_ENDS_AT,
    )


def _name(common_name: str, unit: str) -> x509.Name:
    """Return a name of the form that section 8.2.1 asks of attestation certificates."""
    said = {
        NameOID.COUNTRY_NAME: "JP",
        NameOID.ORGANIZATION_NAME: "Sekisho drills",
        NameOID.ORGANIZATIONAL_UNIT_NAME: unit,
        NameOID.COMMON_NAME: common_name,
    }
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in said.items()])


def _private_key(seed: str, algorithm: Algorithm) -> PrivateKey:
    if algorithm is Algorithm.EDDSA:
        return Ed25519PrivateKey.from_private_bytes(_bytes(seed))
    return _p256_key(seed)


def _p256_key(seed: str) -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(_bytes(seed), "big") % (_ORDER_P256 - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def _bytes(seed: str) -> bytes:
    return tagged_digest("software-authenticator", seed.encode())


def _check_own(rp_id: Json, origin: str) -> None:
    """Raise `ValueError` unless `rp_id` is the host of the page, or a domain above it."""
    host = origin.partition("://")[2].partition(":")[0]
    if not rp_id or not f".{host}".endswith(f".{rp_id}"):
        raise ValueError(f"a page of {origin} may not use credentials of {rp_id}")


def _public_key_credential(handle: bytes, response: dict[str, Json]) -> dict[str, Json]:
    return {
        "id": base64url(handle),
        "rawId": base64url(handle),
        "type": "public-key",
        "authenticatorAttachment": "cross-platform",
        "clientExtensionResults": {},
        "response": response,
    }
