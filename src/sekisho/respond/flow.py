"""The responder at work: gather, decide, record, act. For now it opens incidents."""

from collections.abc import Sequence
from datetime import datetime

from sekisho.chains.bitcoin.signatures import signatures_of
from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.journal.records import Draft, Entry
from sekisho.journal.store import JournalStore
from sekisho.kernel.finding import Finding
from sekisho.respond.incident import incident_document, summarise_signatures
from sekisho.respond.records import Incident, Loss

INCIDENT_OPENED = "incident.opened"


def open_incident(
    journal: JournalStore,
    *,
    incident_id: str,
    transaction: Transaction,
    spent: Sequence[TxOut],
    verdict: str,
    pass_id: str,
    wallet_ids: tuple[str, ...],
    findings: tuple[Finding, ...],
    recognised: Entry,
    loss: Loss,
    now: datetime,
) -> Incident:
    """Record and return the incident that a verdict opens.

    `spent` are the outputs that the transaction spends, in the order of its inputs, proven by
    their own transactions; `recognised` is the entry that holds the verdict. Opening the same
    incident twice is opening it once.
    """
    incident = Incident(
        incident_id=incident_id,
        txid=transaction.txid,
        verdict=verdict,
        pass_id=pass_id,
        wallet_ids=wallet_ids,
        recognised_at=recognised.at,
        recognised_by=recognised.hash.hex(),
        findings=findings,
        signatures=summarise_signatures(signatures_of(transaction, spent)),
        loss=loss,
    )
    journal.append(
        Draft(
            entry_id=incident_id,
            at=now,
            kind=INCIDENT_OPENED,
            actor="respond",
            body=incident_document(incident),
        )
    )
    return incident
