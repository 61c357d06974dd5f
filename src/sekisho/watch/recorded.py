"""A verdict as the journal holds it: written down, and read back."""

from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, bounded_findings
from sekisho.watch.records import Verdict, VerdictKind


def verdict_document(verdict: Verdict) -> dict[str, Json]:
    """Return a verdict as a document; an unknown fee is empty."""
    return {
        "txid": verdict.txid,
        "verdict": verdict.kind.value,
        "pass_id": verdict.pass_id,
        **bounded_findings(verdict.findings),
        "left_sat": str(verdict.left_sat),
        "fee_sat": "" if verdict.fee_sat is None else str(verdict.fee_sat),
        "wallet_ids": list(verdict.wallet_ids),
    }


def recorded_verdict(entry: Entry) -> Verdict:
    """Return the verdict that an entry holds, its findings as they were shortened.

    Raises `BadInputError` for an entry that holds none.
    """
    fields = Fields(entry.body, f"journal entry {entry.seq}")
    return Verdict(
        kind=VerdictKind(fields.choice("verdict", tuple(VerdictKind))),
        txid=fields.hex("txid", size=32).hex(),
        pass_id=fields.text("pass_id", empty=True),
        findings=fields.each("findings", _finding, empty=True),
        left_sat=fields.sat("left_sat"),
        fee_sat=fields.sat("fee_sat") if entry.body.get("fee_sat") else None,
        wallet_ids=fields.texts("wallet_ids", empty=True),
    )


def _finding(fields: Fields) -> Finding:
    facts: Json = fields.document("facts")
    pairs = facts.items() if isinstance(facts, dict) else ()
    return Finding(
        code=fields.text("code"),
        subject=fields.text("subject", empty=True),
        facts=tuple((name, str(value)) for name, value in pairs),
    )
