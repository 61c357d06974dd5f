"""The responder at work: gather, decide, record, act. For now it opens incidents."""

from collections.abc import Sequence

from sekisho.chains.bitcoin.signatures import InputSignatures, signatures_of
from sekisho.journal.records import Draft, Entry
from sekisho.journal.store import JournalStore
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid
from sekisho.respond.incident import incident_document, summarise_signatures
from sekisho.respond.records import Incident, Loss, Valuation
from sekisho.watch.records import Movement, Verdict

INCIDENT_OPENED = "incident.opened"


def open_incident(
    journal: JournalStore,
    movement: Movement | None,
    verdict: Verdict,
    *,
    recognised: Entry,
    valuations: Sequence[Valuation],
) -> Incident:
    """Record and return the incident that a verdict opens.

    Without a movement, because its transaction is not at hand any more, nobody can say who signed.
    `recognised` is the journal entry that holds the verdict: its time is when we knew, and its
    hash is the evidence of that. The incident's id follows from both, so opening it twice is
    opening it once: what more is known the second time is returned, and the record stays.
    """
    randomness = tagged_digest("incident", recognised.hash)[:10]
    incident = Incident(
        incident_id=make_ulid(recognised.at, randomness),
        txid=verdict.txid,
        verdict=verdict.kind.value,
        pass_id=verdict.pass_id,
        wallet_ids=verdict.wallet_ids,
        recognised_at=recognised.at,
        recognised_by=recognised.hash.hex(),
        findings=verdict.findings,
        signatures=summarise_signatures(() if movement is None else _signatures(movement)),
        loss=Loss(
            amount_sat=verdict.left_sat, fee_sat=verdict.fee_sat, valuations=tuple(valuations)
        ),
    )
    draft = Draft(
        entry_id=incident.incident_id,
        at=recognised.at,
        kind=INCIDENT_OPENED,
        actor="respond",
        body=incident_document(incident),
    )
    try:
        journal.append(draft)
    except Refused as refused:
        # Opened before, when less was known: the fee, say, or who signed. A thief who can bring
        # that about must not thereby keep the search from saying anything at all.
        if journal.in_place_of(refused).kind != INCIDENT_OPENED:
            raise
    return incident


def _signatures(movement: Movement) -> tuple[InputSignatures, ...]:
    """Return who signed each input; nothing while any input's previous output is unproven."""
    spent = movement.spent_outputs
    return signatures_of(movement.transaction, spent) if spent else ()
