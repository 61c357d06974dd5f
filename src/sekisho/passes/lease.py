"""A lease: for so long may a gate go on, because somebody who watches said so lately.

A gate sees what it is shown. That nothing newer was withheld from it, a void, a freeze, an alarm,
it can know only from somebody else, and only for a while. So the gate is shut unless it holds a
lease that has not run out; whoever watches the chain and the journal grants it, and stops granting
when something is wrong (`watch/granting.py`). Silence is a no.

The granter also remembers the gate's memory, as a witness does: a gate that was restored from a
backup has forgotten what it let through, and gets no lease until a quorum says go.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant
from sekisho.passes.parts import read_digest, read_id

LEASE_FORMAT = "sekisho/lease/v1"
REQUEST_FORMAT = "sekisho/lease-request/v1"
NUMBER_MAX = 10**9
_DIGEST = re.compile(r"[0-9a-f]{64}")
TAIL_MAX = 10_000
"""So many entries may a gate write between two leases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How far a gate's memory goes: a hash chain, so its last hash stands for all of it."""

    size: int
    tip: str
    """The hash of the last entry, 64 hex characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far a journal goes, and which one it is: its length alone would fit any other."""

    size: int
    root: str
    """The root of its Merkle tree, 64 hex characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a granter says to one gate."""

    genesis_digest: str
    gate_id: str
    number: int
    """Each of a gate's leases has the next one."""
    memory: Memory
    """The gate's, as the granter heard of it."""
    journal: Extent
    """What the granter had seen of the journal, and found nothing against."""
    granted_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLease:
    """A lease and the granter's signature (Ed25519) over the tagged digest of its bytes."""

    lease: Lease
    signature: bytes

    def is_by(self, public_key: bytes) -> bool:
        """Return whether the granter with this key signed it."""
        return _is_signed(self.signature, _digest(self.lease), public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest:
    """What a gate shows to whoever grants: its memory's last hashes, so that none is forgotten.

    Signed with the gate's own key. Else whoever carries it would put hashes into it that the gate
    does not remember.
    """

    genesis_digest: str
    gate_id: str
    first: int
    """The place of the first of `hashes` in the gate's memory."""
    hashes: tuple[str, ...]

    @property
    def memory(self) -> Memory:
        """Return how far the gate's memory goes."""
        return Memory(size=self.first + len(self.hashes) - 1, tip=self.hashes[-1])

    def holds(self, memory: Memory) -> bool:
        """Return whether the gate's memory still holds what it held then."""
        place = memory.size - self.first
        return 0 <= place < len(self.hashes) and self.hashes[place] == memory.tip


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request and the gate's signature (Ed25519) over the tagged digest of its bytes."""

    request: LeaseRequest
    signature: bytes

    def is_by(self, public_key: bytes) -> bool:
        """Return whether the gate with this key signed it."""
        return _is_signed(self.signature, _request_digest(self.request), public_key)


def sign_request(request: LeaseRequest, key: Ed25519PrivateKey) -> SignedRequest:
    """Return the request with the gate's signature."""
    return SignedRequest(request=request, signature=key.sign(_request_digest(request)))


def sign_lease(lease: Lease, key: Ed25519PrivateKey) -> SignedLease:
    """Return the lease with the granter's signature."""
    return SignedLease(lease=lease, signature=key.sign(_digest(lease)))


def signed_lease_bytes(signed: SignedLease) -> bytes:
    """Return a signed lease as it is carried to the gate."""
    return canonical_bytes({"lease": _document(signed.lease), "signature": signed.signature.hex()})


def read_signed_lease(data: bytes, where: str) -> SignedLease:
    """Return the lease in `data`, not verified; raises `BadInputError` at the wrong field."""
    fields = Fields(parse_canonical(data, where), where)
    signed = SignedLease(
        lease=_read(fields.fields("lease")), signature=fields.hex("signature", size=64)
    )
    fields.done()
    return signed


def request_bytes(signed: SignedRequest) -> bytes:
    """Return a signed request as it is carried to whoever grants."""
    return canonical_bytes(
        {"request": _request_document(signed.request), "signature": signed.signature.hex()}
    )


def read_request(data: bytes, where: str) -> SignedRequest:
    """Return the request in `data`, not verified; raises `BadInputError` at the wrong field."""
    whole = Fields(parse_canonical(data, where), where)
    fields = whole.fields("request")
    fields.choice("format", (REQUEST_FORMAT,))
    request = LeaseRequest(
        genesis_digest=read_digest(fields, "genesis_digest"),
        gate_id=read_id(fields, "gate"),
        first=fields.integer("first", at_least=1, at_most=NUMBER_MAX - TAIL_MAX),
        hashes=fields.texts("hashes"),
    )
    fields.done()
    if not 1 <= len(request.hashes) <= TAIL_MAX:
        raise fields.fail("hashes", f"are not 1 to {TAIL_MAX}")
    if not all(_DIGEST.fullmatch(each) for each in request.hashes):
        raise fields.fail("hashes", "are not digests")
    signed = SignedRequest(request=request, signature=whole.hex("signature", size=64))
    whole.done()
    return signed


def _request_document(request: LeaseRequest) -> Json:
    return {
        "format": REQUEST_FORMAT,
        "genesis_digest": request.genesis_digest,
        "gate": request.gate_id,
        "first": request.first,
        "hashes": list(request.hashes),
    }


def _request_digest(request: LeaseRequest) -> bytes:
    return tagged_digest("lease-request", canonical_bytes(_request_document(request)))


def _is_signed(signature: bytes, digest: bytes, public_key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, digest)
    except (InvalidSignature, ValueError):
        return False
    return True


def _document(lease: Lease) -> Json:
    return {
        "format": LEASE_FORMAT,
        "genesis_digest": lease.genesis_digest,
        "gate": lease.gate_id,
        "number": lease.number,
        "memory": {"size": lease.memory.size, "tip": lease.memory.tip},
        "journal": extent_document(lease.journal),
        "granted_at": format_instant(lease.granted_at),
        "expires_at": format_instant(lease.expires_at),
    }


def _read(fields: Fields) -> Lease:
    fields.choice("format", (LEASE_FORMAT,))
    lease = Lease(
        genesis_digest=read_digest(fields, "genesis_digest"),
        gate_id=read_id(fields, "gate"),
        number=fields.integer("number", at_least=1, at_most=NUMBER_MAX),
        memory=_read_memory(fields.fields("memory")),
        journal=read_extent(fields.fields("journal")),
        granted_at=fields.instant("granted_at"),
        expires_at=fields.instant("expires_at"),
    )
    fields.done()
    return lease


def _read_memory(fields: Fields) -> Memory:
    memory = Memory(
        size=fields.integer("size", at_least=1, at_most=NUMBER_MAX),
        tip=read_digest(fields, "tip"),
    )
    fields.done()
    return memory


def extent_document(extent: Extent) -> Json:
    """Return an extent as a document."""
    return {"size": extent.size, "root": extent.root}


def read_extent(fields: Fields) -> Extent:
    """Return the extent in a document; raises `BadInputError` at the wrong field."""
    extent = Extent(
        size=fields.integer("size", at_least=0, at_most=NUMBER_MAX),
        root=read_digest(fields, "root"),
    )
    fields.done()
    return extent


def _digest(lease: Lease) -> bytes:
    return tagged_digest("lease", canonical_bytes(_document(lease)))
