"""The gate's answer to a PSBT and to what the signer returned, as commands tell it."""

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from sekisho.app import Installation, OpenGate, current_time, new_id
from sekisho.cli.gate_account import account_json, put_no, put_yes
from sekisho.cli.output import language, notes, put_findings, say
from sekisho.edges.gates import keep_seen
from sekisho.gate.account import (
    Told,
    account_of,
    account_of_return,
)
from sekisho.gate.attest import AttestedOutput, AttestedPSBT
from sekisho.gate.flow import Records, attest_cleared, check_psbt, check_return, let_go
from sekisho.gate.gathered import Gathered
from sekisho.gate.records import Cleared, Returned
from sekisho.gate.steps import Evidence, evidence
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.finding import Refused
from sekisho.passes.duress import Keeper
from sekisho.wallets.records import Wallet

Answer: TypeAlias = Cleared | AttestedPSBT | Returned | Refused
"""A yes to a PSBT, also as its device wants it, or to what the signer made of it; or a no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer, written down already, and the account of it."""

    answer: Answer
    account: tuple[Told, ...]
    """Empty if it could not be made: the answer does not wait for it."""

    @property
    def is_no(self) -> bool:
        """Whether nothing may be signed or sent."""
        return isinstance(self.answer, Refused)


def ask_gate(
    psbt: bytes,
    signed: bytes | None,
    opened: OpenGate,
    bundle: bytes,
    here: Installation | None,
    keeper: Keeper | None,
) -> Answered:
    """Return the gate's answer to a PSBT, or to what a signer made of it if that is given."""
    records = Records(memory=opened.memory, journal=None if here is None else here.journal)
    if signed is not None:
        return _ask_about_return(psbt, signed, opened, bundle, records, keeper)
    now, attesters = current_time(), opened.attesters()
    gathered: list[Gathered] = []
    answer: Answer
    try:
        cleared = check_psbt(
            psbt,
            opened.papers(bundle),
            gate=opened.gate,
            records=records,
            entry_id=new_id(now),
            now=now,
            keep_seen=lambda seen: keep_seen(opened.folder, seen),
            keeper=keeper,
            onlooker=gathered.append,
            attesters=attesters,
        )
        answer = attest_cleared(cleared, attesters, opened.memory) or cleared
    except Refused as refused:
        answer = refused
    findings = answer.findings if isinstance(answer, Refused) else ()
    return _accounted(answer, lambda: account_of(gathered[0], findings))


def _ask_about_return(
    psbt: bytes,
    signed: bytes,
    opened: OpenGate,
    bundle: bytes,
    records: Records,
    keeper: Keeper | None,
) -> Answered:
    now, papers, attesters = current_time(), opened.papers(bundle), opened.attesters()
    wallets: list[Wallet] = []
    asked_again: list[Gathered] = []
    answer: Returned | Refused
    came: Returned | None = None
    try:
        answer = came = check_return(
            psbt,
            signed,
            papers,
            gate=opened.gate,
            records=records,
            entry_id=new_id(now),
            now=now,
            onlooker=wallets.append,
            attesters=attesters,
        )
        answer = let_go(
            came,
            papers,
            key=opened.cosigner,
            gate=opened.gate,
            records=records,
            entry_id=new_id(now),
            now=now,
            keep_seen=lambda seen: keep_seen(opened.folder, seen),
            keeper=keeper,
            onlooker=asked_again.append,
            attesters=attesters,
        )
    except Refused as refused:
        answer = refused
    wallet = wallets[0] if wallets else None
    return _accounted(answer, lambda: _account_of_return(psbt, wallet, answer, came, asked_again))


def _account_of_return(
    psbt: bytes,
    wallet: Wallet | None,
    answer: Returned | Refused,
    came: Returned | None,
    asked_again: Sequence[Gathered],
) -> tuple[Told, ...]:
    """Return the account: of what came back, and of asking again, if that is what was refused."""
    if not isinstance(answer, Refused):
        return account_of_return(
            psbt,
            wallet,
            answer,
            asked_again=bool(asked_again),
            signed_last=came is not None and answer.complete and not came.complete,
        )
    if came is None:
        return account_of_return(psbt, wallet, answer.findings)
    again = account_of(asked_again[0], answer.findings)
    return (*again, *account_of_return(psbt, wallet, came))


def _accounted(answer: Answer, make: Callable[[], tuple[Told, ...]]) -> Answered:
    try:
        return Answered(answer=answer, account=make())
    except Exception:  # noqa: BLE001 - the answer stands, whatever is wrong with its account
        traceback.print_exc(file=sys.stderr)
        notes().print(evidence("not_told").says(language()), markup=False)
        return Answered(answer=answer, account=())


def answer_json(answered: Answered) -> dict[str, Json]:
    """Return an answer as a document, with its account."""
    steps = account_json(answered.account)
    match answered.answer:
        case AttestedPSBT() as attested:
            said = answer_json(replace(answered, answer=attested.cleared))
            return {**said, "attested": [*map(_attested, attested.attestations)]}
        case Cleared() as cleared:
            return {
                "answer": "cleared",
                "pass_digest": cleared.pass_digest,
                "txid": cleared.txid,
                "findings": [],
                "steps": steps,
            }
        case Returned() as returned:
            return {
                "answer": "signed",
                "pass_digest": returned.cleared.pass_digest,
                "txid": returned.txid,
                "complete": returned.complete,
                "transaction": returned.transaction.hex(),
                "findings": [],
                "steps": steps,
            }
        case Refused() as refused:
            return {"answer": "no", "findings": findings_json(refused.findings), "steps": steps}


def put_answer(answered: Answered) -> None:
    """Write an answer for people, with its account."""
    match answered.answer:
        case Refused() as refused if answered.account:
            put_no(answered.account)
        case Refused() as refused:
            say("Refused.")
            put_findings(refused.findings)
        case answer:
            put_yes(answered.account, _verdict(answer))


def _attested(each: AttestedOutput) -> dict[str, Json]:
    return {
        "output": each.index,
        "amount_sat": str(each.output.amount_sat),
        "script": each.output.script.hex(),
        "attestation": each.signature.hex(),
    }


def _verdict(answer: Cleared | AttestedPSBT | Returned) -> Evidence:
    if isinstance(answer, AttestedPSBT):
        paid_sat = sum(each.output.amount_sat for each in answer.attestations)
        outputs = len(answer.attestations)
        return evidence("attested", txid=answer.cleared.txid, outputs=outputs, paid_sat=paid_sat)
    if isinstance(answer, Cleared):
        return evidence("cleared", txid=answer.txid)
    if not answer.complete:
        return evidence("signed_some")
    return evidence("signed_all", txid=answer.txid)
