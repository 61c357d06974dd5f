"""A gate's memory begins, and leases are asked for and taken."""

from datetime import UTC, datetime

from sekisho.gate.memory import GATE_BEGAN, GATE_LEASED, lease_request, remember
from sekisho.gate.records import Gate
from sekisho.gate.shut import expiry_findings, lease_in
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore
from sekisho.kernel.finding import Refused, finding
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.lease import Lease, LeaseRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def begin_memory(memory: JournalStore, gate: Gate, *, now: datetime) -> None:
    """Write the first entry of a new gate's memory."""
    memory.append(
        Draft(
            entry_id=make_ulid(_EPOCH, b"gatebegins"),
            at=now,
            kind=GATE_BEGAN,
            actor=gate.gate_id,
            body={
                "genesis_digest": gate.genesis_digest,
                "granter_key": gate.granter_key.hex(),
                "mode": gate.mode.value,
            },
        )
    )


def ask_lease(memory: JournalStore, gate: Gate) -> LeaseRequest:
    """Return what the gate shows to whoever grants leases."""
    return lease_request(remember(memory.entries()), gate)


def take_lease(
    memory: JournalStore, gate: Gate, data: bytes, *, entry_id: str, now: datetime
) -> Lease:
    """Take a lease, and write its number down: an older one is no good from then on.

    Raises `Refused` for one that is not this gate's, has run out, or is older than the last. One
    that has not run out vouches for the moment that is written with it: a clock that is years
    ahead takes none, and shuts no gate.
    """
    lease, findings = lease_in(data, gate)
    if lease is None:
        raise Refused(findings)
    findings = expiry_findings(lease, now=now)
    taken = remember(memory.entries()).lease_number
    if lease.number < taken:
        findings.append(
            finding("gate.lease_superseded", gate.gate_id, number=lease.number, taken=taken)
        )
    if findings:
        raise Refused(findings)
    memory.append(
        Draft(
            entry_id=entry_id,
            at=now,
            kind=GATE_LEASED,
            actor=gate.gate_id,
            body={"number": lease.number},
        )
    )
    return lease
