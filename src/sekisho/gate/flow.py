"""The gate at work: gather, decide, record, act. Acting is the signer's.

The answer is in the gate's own memory before anybody hears it, whichever it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sekisho.gate.attest import AttestedPSBT, Attester, attest, handed_psbt
from sekisho.gate.cosigner import Cosigner, cosign, enough_others, terms_for
from sekisho.gate.decide import (
    clear_opened,
    leave_then,
    opened_now,
    opened_then,
    overtaken_findings,
    recall_or_hostile,
    standing_findings,
)
from sekisho.gate.gathered import Gathered
from sekisho.gate.memory import HOSTILE, Remembered, remember
from sekisho.gate.records import Cleared, Gate, Mode, Papers, Returned
from sekisho.gate.returned import is_hostile, judge_return
from sekisho.gate.shut import (
    clock_findings,
    high_water_at,
    lease_findings,
    lease_in,
    lived_until_at,
)
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore
from sekisho.journal.witness.last_seen import LastSeen
from sekisho.kernel.canonical import Json
from sekisho.kernel.digest import document_digest
from sekisho.kernel.finding import Finding, Refused, bounded_findings, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import Opened, named_pass
from sekisho.passes.duress import Keeper
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED, readable_clearances
from sekisho.wallets.records import Wallet

GATE_RETURNED = "gate.returned"
GATE_SIGNED = "gate.signed"
"""The gate's own key signed, as the last (docs/adr/0021)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where the gate writes its answers."""

    memory: JournalStore
    """The gate's own."""
    journal: JournalStore | None
    """The exchange's, where the gate stands beside it: of two gates that ask at once about two
    transactions under one pass, one at most is answered yes. Elsewhere the anchor does that."""


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
    onlooker: Callable[[Gathered], None] = lambda _: None,
    attesters: Sequence[Attester] = (),
) -> Cleared:
    """Return `Cleared` if the pass allows the PSBT, or raise `Refused` with every reason.

    Where one of the `attesters` is the wallet's, also if its device would take it.

    A refusal is recorded under `entry_id`. Asking again about a transaction that was cleared gives
    the same answer. The checkpoint that the bundle shows is kept with `keep_seen` first of all.
    What is on hold is told to `keeper` before anybody else hears the answer; where the roster in
    force lists commitments, everything is on hold for a gate without one. `onlooker` is shown what
    was gathered, and has no say. Raises `BadInputError`, and records nothing, for what is no
    bundle, or a memory that the gate cannot read.
    """
    # Gather.
    gathered, findings = _gather(psbt, papers, gate, records, now=now, keep_seen=keep_seen)
    onlooker(gathered)
    lease, opened, remembered = gathered.lease, gathered.opened, gathered.remembered
    # Decide.
    findings.extend(clock_findings(gathered.certain_at, now=now))
    try:
        if opened is None:
            raise Refused(findings)  # noqa: TRY301 - recorded like every other refusal
        if lease is not None:
            findings.extend(lease_findings(lease, gate, remembered, opened, now=now))
        findings.extend(
            standing_findings(
                psbt, opened, remembered, gate, keeper=keeper, attesters=attesters, now=now
            )
        )
        cleared = clear_opened(psbt, opened, remembered, findings, now=now)
        _refuse_if_overtaken(opened, remembered, records, now=now)
        # Record.
        _record(cleared, records, gate, now)
    except Refused as refused:
        body = _refusal(refused.findings, papers, gathered.certain_at)
        _write(GATE_REFUSED, body, gate, records, entry_id=entry_id, now=now)
        raise
    return cleared


def attest_cleared(
    cleared: Cleared, attesters: Sequence[Attester], memory: JournalStore
) -> AttestedPSBT | None:
    """Return what the wallet's device is given of a clearance that the gate's memory holds.

    None for a wallet that no attester is for. Raises `Refused` for what was not cleared.
    """
    return attest(cleared, attesters, used=remember(memory.entries()).used)


def check_return(
    psbt: bytes,
    returned: bytes,
    papers: Papers,
    *,
    gate: Gate,
    records: Records,
    entry_id: str,
    now: datetime,
    onlooker: Callable[[Wallet], None] = lambda _: None,
    attesters: Sequence[Attester] = (),
) -> Returned:
    """Return what a signer made of a PSBT that this gate has cleared, if it is that, signed.

    Whatever happened since: the lease may have run out, the pass be void. A signature that exists
    must be looked at. Either answer is recorded under `entry_id`. `onlooker` is shown the wallet,
    if this gate cleared the PSBT, and has no say. Raises `Refused`: if
    `gate.return_hostile` is among the reasons, somebody holds a signature over something else, and
    it can be mined: freeze, and spend its inputs to safety.
    """
    remembered = remember(records.memory.entries())
    lease, _ = lease_in(papers.lease, gate)
    opened: Opened | None = None
    try:
        opened = opened_then(papers, gate)
        register = opened.register
        cleared = recall_or_hostile(psbt, returned, leave_then(opened), used=remembered.used)
        wallet = register.wallets[cleared.wallet_id]
        onlooker(wallet)
        handed = handed_psbt(cleared, attesters)
        found = judge_return(cleared, returned, wallet=wallet, book=register.book(), handed=handed)
    except Refused as refused:
        lived_at = lived_until_at(remembered, lease, opened, now=now)
        body = _refusal(refused.findings, papers, lived_at)
        if opened is not None and is_hostile(refused.findings):
            body[HOSTILE] = opened.register.orders
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


def let_go(
    found: Returned,
    papers: Papers,
    *,
    key: Cosigner | None,
    gate: Gate,
    records: Records,
    entry_id: str,
    now: datetime,
    keep_seen: Callable[[LastSeen], None],
    keeper: Keeper | None = None,
    onlooker: Callable[[Gathered], None] = lambda _: None,
    attesters: Sequence[Attester] = (),
) -> Returned:
    """Return what a signer gave back, with the signature of the gate's own key if it needs that.

    `found` is what `check_return` said yes to. It is returned as it is while others have to sign.
    Before anybody gets a whole transaction the gate is asked once more, with `papers` as they are
    now, and raises `Refused` as `check_psbt` does. The gate's own signature is the last, and is
    written down, under `entry_id`, before it is returned.
    """
    register = opened_then(papers, gate).register
    wallet, book = register.wallets[found.cleared.wallet_id], register.book()
    terms = None if key is None else terms_for(wallet, key)
    signs = terms is not None and enough_others(found, terms, wallet=wallet, book=book)
    if not (found.complete or signs):
        return found
    again = check_psbt(
        found.cleared.psbt,
        papers,
        gate=gate,
        records=records,
        entry_id=entry_id,
        now=now,
        keep_seen=keep_seen,
        keeper=keeper,
        onlooker=onlooker,
        attesters=attesters,
    )
    if again != found.cleared:
        raise RuntimeError("the gate was asked about something else")
    if found.complete or key is None:
        return found
    handed = handed_psbt(again, attesters)
    whole = cosign(found, wallet=wallet, book=book, key=key, handed=handed)
    if whole is None:
        return found
    body: dict[str, Json] = {"pass_digest": found.cleared.pass_digest, "txid": whole.txid}
    _write(GATE_SIGNED, body, gate, records, entry_id=entry_id, now=now)
    return whole


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


def _gather(
    psbt: bytes,
    papers: Papers,
    gate: Gate,
    records: Records,
    *,
    now: datetime,
    keep_seen: Callable[[LastSeen], None],
) -> tuple[Gathered, list[Finding]]:
    """Return what there is to decide from, and why some of it is not there."""
    remembered = remember(records.memory.entries())
    lease, findings = lease_in(papers.lease, gate)
    if gate.mode is Mode.CO_LOCATED and records.journal is None:
        findings.append(finding("gate.journal_missing", gate.gate_id))
    opened: Opened | None = None
    try:
        opened = opened_now(papers, gate, now=now)
        keep_seen(opened.seen)
    except Refused as refused:
        findings.extend(refused.findings)
    gathered = Gathered(
        psbt=psbt,
        gate=gate,
        remembered=remembered,
        lease=lease,
        seen=papers.seen,
        opened=opened,
        certain_at=high_water_at(remembered, lease, opened, now=now),
        now=now,
    )
    return gathered, findings


def _refuse_if_overtaken(
    opened: Opened, remembered: Remembered, records: Records, *, now: datetime
) -> None:
    """Raise `Refused` if the journal beside the gate says no by now, behind the checkpoint."""
    if records.journal is None:
        return
    ahead = tuple(records.journal.entries(after_seq=len(opened.leaves)))
    findings = overtaken_findings(opened, ahead, remembered, now=now)
    if findings:
        raise Refused(findings)


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
        found = readable_clearances([there])
        if not found:
            raise  # somebody took the place: the journal says which entry it is
        if found[0].transaction_digest != cleared.transaction_digest:
            used = finding("gate.pass_used", cleared.pass_id, txid=found[0].txid)
            raise Refused([used]) from None
