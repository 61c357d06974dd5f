"""The gate's answer to a PSBT and to what the signer returned, as commands tell it."""

from typing import TypeAlias

from sekisho.app import Installation, OpenGate, current_time, new_id
from sekisho.edges.gates import keep_seen
from sekisho.gate.attest import AttestedOutput, AttestedPSBT
from sekisho.gate.flow import Records, attest_cleared, check_psbt, check_return
from sekisho.gate.records import Cleared, Returned
from sekisho.kernel.canonical import Json
from sekisho.kernel.money import format_btc
from sekisho.passes.duress import Keeper

Answer: TypeAlias = Cleared | AttestedPSBT | Returned
"""A yes: to a PSBT, also as its device wants it, or to what the signer made of it. A no is
`Refused`."""


def ask_gate(
    psbt: bytes,
    signed: bytes | None,
    opened: OpenGate,
    bundle: bytes,
    here: Installation | None,
    keeper: Keeper | None,
) -> Answer:
    """Return the gate's yes to a PSBT, or to what a signer made of it if that is given.

    Raises `Refused` with every reason, already written down.
    """
    now, papers = current_time(), opened.papers(bundle)
    records = Records(memory=opened.memory, journal=None if here is None else here.journal)
    attesters = opened.attesters()
    if signed is not None:
        return check_return(
            psbt,
            signed,
            papers,
            gate=opened.gate,
            records=records,
            entry_id=new_id(now),
            now=now,
            attesters=attesters,
        )
    cleared = check_psbt(
        psbt,
        papers,
        gate=opened.gate,
        records=records,
        entry_id=new_id(now),
        now=now,
        keep_seen=lambda seen: keep_seen(opened.folder, seen),
        keeper=keeper,
        attesters=attesters,
    )
    return attest_cleared(cleared, attesters, opened.memory) or cleared


def answer_json(answer: Answer) -> dict[str, Json]:
    """Return an answer as a document."""
    if isinstance(answer, AttestedPSBT):
        return {**answer_json(answer.cleared), "attested": [*map(_attested, answer.attestations)]}
    if isinstance(answer, Cleared):
        return {
            "answer": "cleared",
            "pass_digest": answer.pass_digest,
            "txid": answer.txid,
            "findings": [],
        }
    return {
        "answer": "signed",
        "pass_digest": answer.cleared.pass_digest,
        "txid": answer.txid,
        "complete": answer.complete,
        "transaction": answer.transaction.hex(),
        "findings": [],
    }


def answer_line(answer: Answer) -> str:
    """Return an answer for people."""
    if isinstance(answer, AttestedPSBT):
        paid_sat = sum(each.output.amount_sat for each in answer.attestations)
        return (
            f"{answer_line(answer.cleared)} Attested to the device: {len(answer.attestations)} "
            f"outputs, {format_btc(paid_sat)} BTC in all."
        )
    if isinstance(answer, Cleared):
        return f"Cleared: transaction {answer.txid} is what the pass allows, and nothing more."
    if answer.complete:
        return f"Signed: transaction {answer.txid} is complete, and may be broadcast."
    return "Signed so far: every signature is good; more are needed."


def _attested(each: AttestedOutput) -> dict[str, Json]:
    return {
        "output": each.index,
        "amount_sat": str(each.output.amount_sat),
        "script": each.output.script.hex(),
        "attestation": each.signature.hex(),
    }
