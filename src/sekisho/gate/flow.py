"""The gate at work: gather, decide, record, act. Acting is the signer's, once there is one.

The answer is in the journal before anybody hears it, whichever it is.
"""

from datetime import datetime

from sekisho.gate.clear import clear
from sekisho.gate.records import Cleared
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore
from sekisho.kernel.finding import Finding, Refused
from sekisho.passes.evidence import gather_evidence
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED, clearances
from sekisho.passes.verify import establish_trust, wallets_in_force
from sekisho.wallets.registry import open_book


def check_psbt(
    psbt: bytes,
    *,
    journal: JournalStore,
    genesis_digest: str,
    pass_digest: str,
    entry_id: str,
    now: datetime,
) -> Cleared:
    """Return `Cleared` if the pass allows the PSBT, or raise `Refused` with every reason.

    `genesis_digest` is pinned in the gate's own configuration.
    """
    # Gather.
    entries = tuple(journal.entries())
    trust, reasons = establish_trust(
        gather_evidence(entries), genesis_digest=genesis_digest, now=now
    )
    # Decide.
    try:
        if trust is None:
            raise Refused(reasons)  # noqa: TRY301 - recorded like every other refusal
        cleared = clear(
            psbt,
            pass_digest=pass_digest,
            trust=trust,
            book=open_book(wallets_in_force(trust)),
            used=clearances(entries),
            now=now,
        )
    except Refused as refused:
        # Record.
        journal.append(_refusal(refused.findings, pass_digest, entry_id, now))
        raise
    journal.append(
        Draft(
            entry_id=entry_id,
            at=now,
            kind=GATE_CLEARED,
            actor="gate",
            body={
                "pass_digest": pass_digest,
                "txid": cleared.txid,
                "transaction_digest": cleared.transaction_digest,
            },
        )
    )
    return cleared


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
            "findings": [each.as_json() for each in findings],
        },
    )
