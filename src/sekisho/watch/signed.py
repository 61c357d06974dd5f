"""Does what keeps to a pass bear the signatures that it needs?"""

from dataclasses import replace

from sekisho.chains.bitcoin.scripts import ScriptKind, classify
from sekisho.chains.bitcoin.signatures import InputSignatures, signatures_of
from sekisho.chains.bitcoin.transaction import TxIn, TxOut
from sekisho.kernel.finding import finding
from sekisho.watch.movement import revealed_scripts
from sekisho.watch.records import Movement, Verdict, VerdictKind

_REVEALING = frozenset({ScriptKind.P2PKH, ScriptKind.P2SH, ScriptKind.P2WPKH, ScriptKind.P2WSH})
"""What is paid to a hash: nobody spends it without showing what was hashed."""


def if_signed(verdict: Verdict, movement: Movement) -> Verdict:
    """Return the verdict, or undetermined if an input does not bear the signatures it needs.

    Only for what keeps to a pass: anybody could write that down without a key, and use the pass up
    in our eyes. An alarm waits for no signature to be checked.
    """
    spent, transaction = movement.spent_outputs, movement.transaction
    if not spent:
        return verdict
    found = [
        finding("watch.not_signed", str(signing.outpoint))
        for signing, output, signatures in zip(
            transaction.inputs, spent, signatures_of(transaction, spent), strict=True
        )
        if not _may_be_signed(signing, output, signatures)
    ]
    if not found:
        return verdict
    findings = (*verdict.findings, *found)
    return replace(verdict, kind=VerdictKind.UNDETERMINED, findings=findings)


def _may_be_signed(signing: TxIn, spent: TxOut, signatures: InputSignatures) -> bool:
    """Return whether an input is signed, or has all that it must reveal and is not understood."""
    if signatures.understood:
        return signatures.is_signed
    if classify(spent.script) in _REVEALING:
        return spent.script in revealed_scripts(signing)
    return bool(signing.script_sig or signing.witness)
