"""The gate at work: gather, decide, record, act. Acting is the signer's.

The answer is in the gate's own memory before anybody hears it, whichever it is.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sekisho.gate.clear import clear, recall
from sekisho.gate.hold import gate_hold
from sekisho.gate.memory import GATE_BEGAN, GATE_LEASED, Remembered, lease_request, remember
from sekisho.gate.records import Cleared, Gate, Mode, Returned
from sekisho.gate.returned import judge_return
from sekisho.gate.shut import (
    clock_findings,
    expiry_findings,
    freeze_findings,
    high_water_at,
    lease_findings,
    lease_in,
    lived_until_at,
    place_findings,
)
from sekisho.journal.records import Draft, Entry
from sekisho.journal.store import JournalStore
from sekisho.journal.witness.last_seen import LastSeen
from sekisho.kernel.canonical import Json
from sekisho.kernel.digest import document_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, Refused, bounded_findings, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import Opened, named_pass, open_bundle
from sekisho.passes.duress import Keeper, commits
from sekisho.passes.lease import Lease, LeaseRequest
from sekisho.passes.leave import Leave, leave_of
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED, Clearance, clearances
from sekisho.passes.register import Register

GATE_RETURNED = "gate.returned"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """What is carried to the gate beside the PSBT. All of it is verified from what is pinned."""

    bundle: bytes
    """The pass, and the journal up to a checkpoint (`passes/bundle.py`); empty without a pass."""
    lease: bytes
    """Empty if there is none."""
    seen: LastSeen | None
    """The last checkpoint that this gate saw; None before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where the gate writes its answers."""

    memory: JournalStore
    """The gate's own."""
    journal: JournalStore | None
    """The exchange's, where the gate stands beside it: of two gates that ask at once about two
    transactions under one pass, one at most is answered yes. Elsewhere the anchor does that."""


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


def check_psbt(
    psbt: bytes,
    papers: Papers,
    *,
    gate: Gate,
    records: Records,
    entry_id: str,
    now: datetime,
    keep_seen: Callable[[LastSeen], None],
    keeper: Keeper | None = None,
) -> Cleared:
    """Return `Cleared` if the pass allows the PSBT, or raise `Refused` with every reason.

    A refusal is recorded under `entry_id`. Asking again about a transaction that was cleared gives
    the same answer. The checkpoint that the bundle shows is kept with `keep_seen` first of all.
    What is on hold is told to `keeper` before anybody else hears the answer; where the roster in
    force lists commitments, everything is on hold for a gate without one. Raises `BadInputError`,
    and records nothing, for what is no bundle, or a memory that the gate cannot read.
    """
    # Gather.
    remembered = remember(records.memory.entries())
    lease, findings = lease_in(papers.lease, gate)
    if gate.mode is Mode.CO_LOCATED and records.journal is None:
        findings.append(finding("gate.journal_missing", gate.gate_id))
    opened: Opened | None = None
    try:
        opened = _opened(papers, gate, now=now)
        keep_seen(opened.seen)
    except Refused as refused:
        findings.extend(refused.findings)
    certain_at = high_water_at(remembered, lease, opened, now=now)
    findings.extend(clock_findings(certain_at, now=now))
    # Decide.
    try:
        if opened is None:
            raise Refused(findings)  # noqa: TRY301 - recorded like every other refusal
        if lease is not None:
            findings.extend(lease_findings(lease, gate, remembered, opened, now=now))
        findings.extend(_findings(opened, gate, keeper, now=now))
        cleared = _cleared(psbt, opened, remembered, findings, now=now)
        # Record.
        _record(cleared, records, gate, now)
    except Refused as refused:
        body = _refusal(refused.findings, papers, certain_at)
        _write(GATE_REFUSED, body, gate, records, entry_id=entry_id, now=now)
        raise
    return cleared


def check_return(
    psbt: bytes,
    returned: bytes,
    papers: Papers,
    *,
    gate: Gate,
    records: Records,
    entry_id: str,
    now: datetime,
) -> Returned:
    """Return what a signer made of a PSBT that this gate has cleared, if it is that, signed.

    Whatever happened since: the lease may have run out, the pass be void. A signature that exists
    must be looked at. Either answer is recorded under `entry_id`. Raises `Refused`: if
    `gate.return_hostile` is among the reasons, somebody holds a signature over something else, and
    it can be mined: freeze, and spend its inputs to safety.
    """
    remembered = remember(records.memory.entries())
    lease, _ = lease_in(papers.lease, gate)
    opened: Opened | None = None
    try:
        opened = open_bundle(
            papers.bundle, genesis_digest=gate.genesis_digest, seen=None, now=None, where="bundle"
        )
        register = opened.register
        cleared = recall(psbt, _leave_then(opened), used=remembered.used)
        wallet = register.wallets[cleared.wallet_id]
        found = judge_return(cleared, returned, wallet=wallet, book=register.book())
    except Refused as refused:
        lived_at = lived_until_at(remembered, lease, opened, now=now)
        body = _refusal(refused.findings, papers, lived_at)
        _write(GATE_REFUSED, body, gate, records, entry_id=entry_id, now=now)
        raise
    lived_at = lived_until_at(remembered, lease, opened, now=now)
    body = {
        "pass_digest": cleared.pass_digest,
        "txid": found.txid,
        "complete": found.complete,
        "high_water_at": format_instant(lived_at),
    }
    _write(GATE_RETURNED, body, gate, records, entry_id=entry_id, now=now)
    return found


def record_refusal(
    findings: Sequence[Finding],
    papers: Papers,
    *,
    gate: Gate,
    records: Records,
    entry_id: str,
    now: datetime,
) -> None:
    """Write down why somebody who asks before there is a bundle is told no."""
    lease, _ = lease_in(papers.lease, gate)
    certain_at = high_water_at(remember(records.memory.entries()), lease, None, now=now)
    body = _refusal(findings, papers, certain_at)
    _write(GATE_REFUSED, body, gate, records, entry_id=entry_id, now=now)


def _leave_then(opened: Opened) -> Leave:
    """Return what the pass allows, as of the bundle's own last moment."""
    leave = leave_of(opened.register, opened.pass_digest, now=opened.as_of_at)
    if leave is None:
        raise Refused([finding("gate.pass_moves_nothing", opened.pass_digest[:16])])
    return leave


def _write(
    kind: str,
    body: dict[str, Json],
    gate: Gate,
    records: Records,
    *,
    entry_id: str,
    now: datetime,
) -> None:
    draft = Draft(entry_id=entry_id, at=now, kind=kind, actor=gate.gate_id, body=body)
    for each in (records.memory, records.journal):
        if each is not None:
            each.append(draft)


def _refusal(findings: Sequence[Finding], papers: Papers, certain_at: datetime) -> dict[str, Json]:
    """Return what is written down of a refusal, with the latest moment that was sure by then."""
    return {
        "pass_digest": named_pass(papers.bundle, "bundle") if papers.bundle else "",
        **bounded_findings(findings),
        "high_water_at": format_instant(certain_at),
    }


def _findings(
    opened: Opened, gate: Gate, keeper: Keeper | None, *, now: datetime
) -> list[Finding]:
    """Return what speaks against letting anything leave under the pass, whatever the PSBT is."""
    findings: list[Finding] = []
    leave = leave_of(opened.register, opened.pass_digest, now=now)
    if leave is not None:  # else `clear` says why
        findings.extend(freeze_findings(leave.transfer, opened.register))
        findings.extend(place_findings(leave, opened.register, gate, now=now))
    return [*findings, *_on_hold(keeper, opened.register, opened.pass_digest, now)]


def _opened(papers: Papers, gate: Gate, *, now: datetime) -> Opened:
    if not papers.bundle:
        raise Refused([finding("gate.no_pass", gate.gate_id)])
    return open_bundle(
        papers.bundle,
        genesis_digest=gate.genesis_digest,
        seen=papers.seen,
        now=now,
        where="bundle",
    )


def _cleared(
    psbt: bytes,
    opened: Opened,
    remembered: Remembered,
    apart: list[Finding],
    *,
    now: datetime,
) -> Cleared:
    """Return what the pass allows; raises `Refused` with what speaks against it, and `apart`."""
    try:
        cleared = clear(
            psbt,
            pass_digest=opened.pass_digest,
            register=opened.register,
            book=opened.register.book(),
            used=(*remembered.used, *_by_others(opened.cleared)),
            now=now,
        )
    except Refused as refused:
        raise Refused([*refused.findings, *apart]) from refused
    if apart:
        raise Refused(apart)
    return cleared


def _on_hold(
    keeper: Keeper | None, register: Register, pass_digest: str, now: datetime
) -> list[Finding]:
    """Return the one thing that is said of a pass on hold, having told the keeper why it is."""
    on_hold = [finding("gate.on_hold", pass_digest[:16])]
    if keeper is None:
        return on_hold if commits(register.roster) else []
    report = gate_hold(keeper, register, pass_digest, now=now)
    if report is None:
        return []
    keeper.report(report)
    return on_hold


def _record(cleared: Cleared, records: Records, gate: Gate, now: datetime) -> None:
    """Write a clearance down, or raise `Refused` if another gate has just used the pass.

    Between gathering and recording, another gate may have cleared something else. The entry's id
    follows from the pass, so each journal holds one clearance of a pass and no second one. The
    exchange's comes first: what is refused there must not be remembered as let through.
    """
    place = {
        "pass_digest": cleared.pass_digest,
        "txid": cleared.txid if cleared.replaceable else "",
    }
    randomness = bytes.fromhex(document_digest("gate-clearance", dict(place)))[:10]
    draft = Draft(
        entry_id=make_ulid(_EPOCH, randomness),
        at=now,
        kind=GATE_CLEARED,
        actor=gate.gate_id,
        body={
            "pass_digest": cleared.pass_digest,
            "txid": cleared.txid,
            "transaction_digest": cleared.transaction_digest,
        },
    )
    for each in (records.journal, records.memory):
        if each is not None:
            _record_once(cleared, draft, each)


def _record_once(cleared: Cleared, draft: Draft, journal: JournalStore) -> None:
    try:
        journal.append(draft)
    except Refused:
        entries = journal.entries()
        [there] = [each for each in entries if each.entry_id == draft.entry_id]
        found = _by_others([there])
        if not found:
            raise  # somebody took the place: the journal says which entry it is
        if found[0].transaction_digest != cleared.transaction_digest:
            used = finding("gate.pass_used", cleared.pass_id, txid=found[0].txid)
            raise Refused([used]) from None


def _by_others(entries: Iterable[Entry]) -> list[Clearance]:
    """Return the clearances in a journal that others write, too.

    One that cannot be read was never a gate's: entries stand as they were written, in a chain.
    If it stopped the gate, whoever can append anything could.
    """
    found: list[Clearance] = []
    for each in entries:
        with suppress(BadInputError):
            found.extend(clearances([each]))
    return found
