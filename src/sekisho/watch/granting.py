"""May a gate go on? Asked by every gate, every few minutes, of whoever watches.

The watcher's no reaches a gate as silence: no lease, and the one that it holds runs out. It grants
none while an alarm stands that no quorum has lifted, and none to a gate that has forgotten what
it knew when it was granted the last one. Where its people pinned a watcher, it grants none either
unless that one answers, just then, that it sees everything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.records import Entry
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.lease import Extent, Lease, LeaseRequest, Memory, SignedRequest
from sekisho.passes.policy.records import Leases
from sekisho.wallets.order import Order
from sekisho.watch.beat import KnownWatcher, SignedBeat
from sekisho.watch.records import SHUTTING
from sekisho.watch.state import VIEW_AGE_MAX_SECONDS, WATCH_JUDGED, weigh_entries
from sekisho.watch.view import relied_on

_GATE_REFUSED, _HOSTILE = "gate.refused", "hostile_after_order"
"""What a gate writes of a return, if somebody holds a signature over something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A gate as the granter's own people put it down, with the public key that it signs with."""

    gate_id: str
    public_key: bytes
    isolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the granter sees of one installation."""

    genesis_digest: str
    """Pinned with the granter."""
    leaves: tuple[bytes, ...] = field(repr=False)
    """Of the Merkle tree of the journal, as far as it may be relied on."""
    rule: Leases | None
    """Of the policy in force; None where there is none, or where the roster has expired."""
    restarts: Mapping[str, tuple[int, Order]]
    """Of each gate the quorum's last order to go on, and its place in the journal."""
    alarms: tuple[Finding, ...]
    """Movements that keep to no pass, and that no quorum has looked at since; and why what the
    granter reads is not to be relied on, if it is not."""


def outlook_of(
    entries: Sequence[Entry], checkpoint: bytes, *, genesis_digest: str, now: datetime
) -> Outlook:
    """Return what the granter sees in the journal: it believes what the watcher believes."""
    credence = weigh_entries(entries, genesis_digest=genesis_digest, now=now)
    size, wrong = relied_on(credence, entries, checkpoint, now=now)
    return Outlook(
        genesis_digest=genesis_digest,
        leaves=tuple(leaf_hash(each.hash) for each in entries[:size]),
        rule=None if credence.policy is None else credence.policy.leases,
        restarts=credence.restarts,
        alarms=(*alarms_standing(entries, lifted_seq=credence.lifted), *wrong),
    )


def alarms_standing(entries: Iterable[Entry], *, lifted_seq: int) -> tuple[Finding, ...]:
    """Return the alarms in the journal after the place where a quorum last lifted them.

    A live hostile signature that a gate was given back is one.
    """
    since = [entry for entry in entries if entry.seq > lifted_seq]
    return tuple(
        finding("watch.alarm_stands", str(entry.body.get("txid", entry.entry_id)), verdict=what)
        for entry in since
        if (what := _alarm(entry))
    )


def _alarm(entry: Entry) -> str:
    if entry.kind == _GATE_REFUSED:
        return "hostile" if _HOSTILE in entry.body else ""
    verdict = entry.body.get("verdict") if entry.kind == WATCH_JUDGED else None
    known = isinstance(verdict, str) and verdict in {each.value for each in SHUTTING}
    return str(verdict) if known else ""


def watcher_findings(
    known: KnownWatcher,
    said: SignedBeat | None,
    question: bytes,
    entries: Sequence[Entry],
    *,
    genesis_digest: str,
) -> tuple[Finding, ...]:
    """Return why it is not shown that the granter's own watcher is alive and sees everything.

    `said` is what came when it was asked `question`, None if nothing did; `entries` is the journal
    as it was read after that, so that it holds all that the watcher can have seen.
    """
    watcher_id = known.watcher_id
    if said is None:
        return (finding("watch.watcher_silent", watcher_id, reason="no answer"),)
    beat, sight = said.beat, said.beat.sight
    genuine = said.is_by(known.public_key) and beat.genesis_digest == genesis_digest
    if not genuine or beat.question != question or beat.watcher_id != watcher_id:
        reason = "not signed by the pinned key in answer to this question"
        return (finding("watch.watcher_silent", watcher_id, reason=reason),)
    oldest_at = beat.at - timedelta(seconds=VIEW_AGE_MAX_SECONDS)
    found: list[Finding] = []
    if sight.blind or sight.owed or min(sight.proven_at, sight.view_at) < oldest_at:
        at = format_instant(sight.proven_at)
        found.append(finding("watch.watcher_blind", watcher_id, proven_at=at, owed=sight.owed))
    if _extent([leaf_hash(each.hash) for each in entries[: sight.journal.size]]) != sight.journal:
        size, ours = sight.journal.size, len(entries)
        code = "watch.watcher_of_another_journal"
        found.append(finding(code, watcher_id, size=size, size_here=ours))
    return tuple(found)


def grant(
    signed: SignedRequest,
    enrolled: Enrolled | None,
    last: Lease | None,
    outlook: Outlook,
    *,
    now: datetime,
) -> Lease:
    """Return the next lease of a gate, or raise `Refused` with every reason.

    `enrolled` is what the granter's own people put down of the gate; `last` is what this granter
    last granted to it.
    """
    request = signed.request
    if enrolled is None or not signed.is_by(enrolled.public_key):
        raise Refused([finding("watch.gate_unknown", request.gate_id)])
    findings: list[Finding] = list(outlook.alarms)
    if request.genesis_digest != outlook.genesis_digest:
        findings.append(finding("watch.other_installation", request.gate_id))
    if outlook.rule is None:
        findings.append(finding("watch.no_policy_in_force", request.gate_id))
    if last is not None:
        findings.extend(_since(last, request, outlook, now))
    if findings or outlook.rule is None:
        raise Refused(findings)
    rule = outlook.rule
    seconds = rule.isolated_age_max_seconds if enrolled.isolated else rule.age_max_seconds
    return Lease(
        genesis_digest=request.genesis_digest,
        gate_id=request.gate_id,
        number=1 if last is None else last.number + 1,
        memory=request.memory,
        journal=_extent(outlook.leaves),
        granted_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )


def _since(last: Lease, request: LeaseRequest, outlook: Outlook, now: datetime) -> list[Finding]:
    """Return what has been forgotten since the last lease: by the gate, the journal, the clock."""
    findings: list[Finding] = []
    if not _remembers(request, last, outlook):
        findings.append(
            finding(
                "watch.gate_forgot",
                request.gate_id,
                size=request.memory.size,
                size_before=last.memory.size,
            )
        )
    if _extent(outlook.leaves[: last.journal.size]) != last.journal:
        size = len(outlook.leaves)
        findings.append(
            finding("watch.journal_forgot", "journal", size=size, size_before=last.journal.size)
        )
    if now < last.granted_at:
        findings.append(finding("watch.granter_clock_behind", request.gate_id))
    return findings


def _extent(leaves: Sequence[bytes]) -> Extent:
    return Extent(size=len(leaves), root=Frontier(leaves).root().hex())


def _remembers(request: LeaseRequest, last: Lease, outlook: Outlook) -> bool:
    """Return whether the gate still knows what it knew, or a quorum has let it go on since.

    An order to go on is good for one lease: it must be newer than the one that was granted last.
    """
    if request.holds(last.memory):
        return True
    place, order = outlook.restarts.get(request.gate_id, (0, None))
    if order is None or place <= last.journal.size:
        return False
    return request.holds(Memory(size=order.memory_size, tip=order.memory_tip))
