"""The gate's answer to a PSBT and to what the signer returned, as commands tell it."""

from dataclasses import dataclass

from sekisho.app import Installation, OpenGate, current_time, new_id
from sekisho.edges.gates import keep_seen
from sekisho.gate.flow import Records, check_psbt, check_return
from sekisho.gate.records import Cleared, Returned
from sekisho.kernel.canonical import Json
from sekisho.passes.duress import Keeper


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A yes. A no is `Refused`."""

    cleared: Cleared
    returned: Returned | None
    """What the signer returned, verified; None as long as it has not."""


def ask_gate(
    psbt: bytes,
    signed: bytes | None,
    opened: OpenGate,
    bundle: bytes,
    here: Installation | None,
    keeper: Keeper | None,
) -> Answer:
    """Return the gate's yes to a PSBT, and to what a signer made of it if that is given.

    Raises `Refused` with every reason, already written down.
    """
    now, papers = current_time(), opened.papers(bundle)
    records = Records(memory=opened.memory, journal=None if here is None else here.journal)
    cleared = check_psbt(
        psbt,
        papers,
        gate=opened.gate,
        records=records,
        entry_id=new_id(now),
        now=now,
        keep_seen=lambda seen: keep_seen(opened.folder, seen),
        keeper=keeper,
    )
    if signed is None:
        return Answer(cleared=cleared, returned=None)
    returned = check_return(
        cleared,
        signed,
        papers,
        gate=opened.gate,
        records=records,
        entry_id=new_id(now),
        now=now,
    )
    return Answer(cleared=cleared, returned=returned)


def answer_json(answer: Answer) -> dict[str, Json]:
    """Return an answer as a document."""
    said: dict[str, Json] = {
        "answer": "cleared" if answer.returned is None else "signed",
        "pass_digest": answer.cleared.pass_digest,
        "txid": answer.cleared.txid,
        "findings": [],
    }
    if answer.returned is None:
        return said
    return {
        **said,
        "txid": answer.returned.txid,
        "complete": answer.returned.complete,
        "transaction": answer.returned.transaction.hex(),
    }


def answer_lines(answer: Answer) -> tuple[str, ...]:
    """Return an answer for people."""
    txid = answer.cleared.txid
    cleared = f"Cleared: transaction {txid} is what the pass allows, and nothing more."
    returned = answer.returned
    if returned is None:
        return (cleared,)
    if returned.complete:
        said = f"Signed: transaction {returned.txid} is complete, and may be broadcast."
    else:
        said = "Signed so far: every signature is good; more are needed."
    return cleared, said
