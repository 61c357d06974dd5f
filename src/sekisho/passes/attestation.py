"""Attestation: what a device's maker says of a new credential, taken apart and judged.

An attestation object (WebAuthn Level 3, section 6.5) is read only in the spelling that CTAP2 asks
of authenticators. The signature in it is for `enrolment.py`, and the library, to verify.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from struct import error as StructError  # noqa: N812 - so that it reads as what it is

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from fido2 import cbor

from sekisho.kernel.errors import BadInputError

FORMATS = ("none", "packed", "fido-u2f", "apple", "android-key", "tpm")
"""Formats of attestation statements (sections 8.2 to 8.8); not SafetyNet, which has ended."""
ATTESTATION_MAX_BYTES = 16_384
HANDLE_MAX_BYTES = 1023
_CHAIN_MAX = 6
_AAGUID_EXTENSION = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, RecursionError, StructError)
"""What the CBOR reader raises for bytes that are none."""
_NO_CERTIFICATE = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,  # a serial number below one, where warnings are errors
)
"""What the reader of certificates raises for bytes that are none, or not one of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRoot:
    """A maker's root certificate, believed for one format of attestation."""

    fmt: str
    pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """An attestation object, taken apart."""

    fmt: str
    chain: tuple[bytes, ...]
    """Certificates in DER, the device's first; empty where there are none."""
    flags: int
    aaguid: bytes
    handle: bytes
    public_key: bytes


def read_attestation(attestation_object: bytes) -> Attested:
    """Take an attestation object apart; raises `BadInputError` for any but CTAP2's spelling.

    The library reads more: trailing bytes, tags, several spellings. No real device needs them.
    """
    where = "attestation_object"
    if len(attestation_object) > ATTESTATION_MAX_BYTES:
        raise BadInputError(where, f"is larger than {ATTESTATION_MAX_BYTES} bytes")
    try:
        decoded = cbor.decode(attestation_object)
        canonical = cbor.encode(decoded) == attestation_object
    except _UNREADABLE as error:
        raise BadInputError(where, "is no CBOR that an authenticator writes") from error
    if not canonical or not isinstance(decoded, dict):
        raise BadInputError(where, "is not one map in canonical CBOR")
    match decoded:
        case {"fmt": str(fmt), "attStmt": dict(statement), "authData": bytes(data), **rest}:
            if rest or fmt not in FORMATS:
                raise BadInputError(where, "is of no format that is accepted")
        case _:
            raise BadInputError(where, "lacks fmt, attStmt or authData")
    chain = statement.get("x5c", [])
    if not isinstance(chain, list) or not all(isinstance(each, bytes) for each in chain):
        raise BadInputError(f"{where}.x5c", "is no list of certificates")
    size = int.from_bytes(data[53:55], "big")
    if not 1 <= size <= HANDLE_MAX_BYTES or len(data) < 55 + size:
        raise BadInputError(f"{where}.authData", "holds no credential")
    return Attested(
        fmt=fmt,
        chain=tuple(chain),
        flags=data[32],
        aaguid=data[37:53],
        handle=data[55 : 55 + size],
        public_key=_first_item(data[55 + size :], f"{where}.authData"),
    )


def leads_to_a_root(attested: Attested, roots: Sequence[TrustRoot], now: datetime) -> bool:
    """Do the certificates lead to a root that is believed for this format, all of them valid?

    The library would add roots of its own for some formats, and believe any maker where it was
    given no root. What counts as attested is decided here; it and OpenSSL must agree afterwards.
    """
    certificates = [(each.fmt, _load_root(each)) for each in roots]
    believed = [root for fmt, root in certificates if fmt == attested.fmt]
    if not 1 <= len(attested.chain) <= _CHAIN_MAX:
        return False
    try:
        chain = [x509.load_der_x509_certificate(each) for each in attested.chain]
    except _NO_CERTIFICATE:
        return False
    linked = all(_issued(child, issuer) for child, issuer in pairwise(chain))
    ends = [root for root in believed if chain[-1] == root or _issued(chain[-1], root)]
    return (
        linked
        and all(_is_in_time(each, now) for each in chain)
        and any(_is_in_time(each, now) for each in ends)
    )


def check_packed_certificate(attested: Attested) -> None:
    """Raise `BadInputError` unless section 8.2.1 holds, of which the library asks nothing.

    Else any certificate under a maker's root would do, and one model could pass for another.
    """
    where = "attestation certificate"
    try:
        certificate = x509.load_der_x509_certificate(attested.chain[0])
        units = certificate.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        models = [
            each.value.value
            for each in certificate.extensions
            if each.oid == _AAGUID_EXTENSION and isinstance(each.value, x509.UnrecognizedExtension)
        ]
    except _NO_CERTIFICATE as error:
        raise BadInputError(where, "cannot be read") from error
    if [each.value for each in units] != ["Authenticator Attestation"] or constraints.value.ca:
        raise BadInputError(where, "is not one for authenticators")
    if any(each != b"\x04\x10" + attested.aaguid for each in models):
        raise BadInputError(where, "is that of another model")


def _first_item(data: bytes, where: str) -> bytes:
    """Return the bytes of the CBOR item that `data` begins with: the key, before extensions."""
    try:
        item, _ = cbor.decode_from(data)
        spelled = cbor.encode(item)
    except _UNREADABLE as error:
        raise BadInputError(where, "holds no key") from error
    if not data.startswith(spelled):
        raise BadInputError(where, "holds a key that is not in canonical CBOR")
    return spelled


def _issued(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints)
    except (*_NO_CERTIFICATE, InvalidSignature, UnsupportedAlgorithm):
        return False
    return constraints.value.ca


def _is_in_time(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _load_root(root: TrustRoot) -> x509.Certificate:
    if root.fmt not in FORMATS:
        raise BadInputError("roots", f"{root.fmt!r} is no format of attestation")
    try:
        return x509.load_pem_x509_certificate(root.pem)
    except ValueError as error:
        raise BadInputError("roots", f"a root for {root.fmt} is no certificate in PEM") from error
