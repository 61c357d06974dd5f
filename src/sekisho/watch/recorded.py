"""A verdict read back from the journal, where its transaction is not at hand any more."""

from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding
from sekisho.watch.records import Verdict, VerdictKind


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
