"""The gate at work: gather, decide, record, act. Acting is the signer's, once there is one.

The answer is in the journal before anybody hears it, whichever it is.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sekisho.gate.clear import clear
from sekisho.gate.hold import gate_hold
from sekisho.gate.records import Cleared
from sekisho.journal.records import Draft, Entry
from sekisho.journal.store import JournalStore
from sekisho.kernel.digest import document_digest
from sekisho.kernel.finding import Finding, Refused, bounded_findings, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.duress import Keeper, commits
from sekisho.passes.evidence import gather_evidence
from sekisho.passes.fold import establish_trust
from sekisho.passes.hearing import AHEAD_MAX
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED, clearances
from sekisho.passes.register import Register

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_psbt(
    psbt: bytes,
    *,
    journal: JournalStore,
    genesis_digest: str,
    pass_digest: str,
    entry_id: str,
    now: datetime,
    keeper: Keeper | None = None,
) -> Cleared:
    """Return `Cleared` if the pass allows the PSBT, or raise `Refused` with every reason.

    `genesis_digest` is pinned in the gate's own configuration. A refusal is recorded under
    `entry_id`. Asking again about a transaction that was cleared gives the same answer; of two
    gates that ask at once about two transactions under one pass, one at most is answered yes.
    What is on hold is told to `keeper` before anybody else hears the answer. Where the roster in
    force lists commitments, everything is on hold for a gate without a keeper.
    """
    # Gather.
    entries = tuple(journal.entries())
    register, reasons = establish_trust(
        gather_evidence(entries), genesis_digest=genesis_digest, now=now
    )
    # Decide.
    try:
        if register is None:
            raise Refused(reasons)  # noqa: TRY301 - recorded like every other refusal
        apart = [*_clock_findings(entries, now), *_on_hold(keeper, register, pass_digest, now)]
        try:
            cleared = clear(
                psbt,
                pass_digest=pass_digest,
                register=register,
                book=register.book(),
                used=clearances(entries),
                now=now,
            )
        except Refused as refused:
            raise Refused([*refused.findings, *apart]) from refused
        if apart:
            raise Refused(apart)  # noqa: TRY301 - the same
        # Record.
        _record_clearance(cleared, journal, now)
    except Refused as refused:
        journal.append(_refusal(refused.findings, pass_digest, entry_id, now))
        raise
    return cleared


def _clock_findings(entries: Sequence[Entry], now: datetime) -> list[Finding]:
    """Return whether this clock is behind the journal: set back, it would revive old passes."""
    last = max(entries, key=lambda each: each.at)
    if last.at <= now + AHEAD_MAX:
        return []
    at = format_instant(last.at)
    return [finding("gate.clock_behind", str(last.seq), at=at, now=format_instant(now))]


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


def _record_clearance(cleared: Cleared, journal: JournalStore, now: datetime) -> None:
    """Write a clearance down, or raise `Refused` if another gate has just used the pass.

    Between gathering and recording, another gate may have cleared something else. The entry's id
    follows from the pass, so the journal itself holds one clearance of a pass and no second one.
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
        actor="gate",
        body={
            "pass_digest": cleared.pass_digest,
            "txid": cleared.txid,
            "transaction_digest": cleared.transaction_digest,
        },
    )
    try:
        journal.append(draft)
    except Refused as conflict:
        before = [
            each
            for each in clearances(journal.entries())
            if each.pass_digest == cleared.pass_digest
        ]
        if any(each.transaction_digest == cleared.transaction_digest for each in before):
            return
        if not before:
            raise
        used = [finding("gate.pass_used", cleared.pass_id, txid=each.txid) for each in before]
        raise Refused(used) from conflict


def _refusal(
    findings: tuple[Finding, ...], pass_digest: str, entry_id: str, now: datetime
) -> Draft:
    return Draft(
        entry_id=entry_id,
        at=now,
        kind=GATE_REFUSED,
        actor="gate",
        body={
            "pass_digest": pass_digest,
            **bounded_findings(findings),
        },
    )
