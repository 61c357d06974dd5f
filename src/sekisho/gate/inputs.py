"""Are the coins that would be spent ours, real, allowed by the pass, and not yet signed?

What a PSBT says about its inputs is a claim. Whether a script is ours is answered by derivation
from the registered descriptor; what a coin is worth, by the transaction that made it.
"""

from collections import Counter
from dataclasses import dataclass

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.scripts import ScriptKind, classify
from sekisho.chains.bitcoin.transaction import TxOut, parse_transaction
from sekisho.gate.records import ReadInput, ReadPSBT
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.records import ListedInputs, Transfer
from sekisho.wallets.descriptors import inner_scripts
from sekisho.wallets.records import OwnScript, Wallet
from sekisho.wallets.registry import ScriptBook

_SIGHASH_ALL = 1
_SIGHASH_DEFAULT = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentCoin:
    """An input whose amount and script were proven, and whose script is the wallet's own."""

    index: int
    output: TxOut
    own: OwnScript


def judge_inputs(
    psbt: ReadPSBT, transfer: Transfer, wallet: Wallet, book: ScriptBook
) -> tuple[list[SpentCoin], list[Finding]]:
    """Return the inputs that are proven ours, and everything that is wrong with the others."""
    coins: list[SpentCoin] = []
    findings: list[Finding] = []
    for index, claimed in enumerate(psbt.inputs):
        output, wrong = spent_output(psbt, index)
        findings.extend(wrong)
        if output is None:
            continue
        own = book.own(output.script)
        if own is None or own.wallet_id != wallet.wallet_id:
            outpoint = str(psbt.transaction.inputs[index].outpoint)
            findings.append(finding("gate.input_not_ours", outpoint, index=index))
            continue
        if output.script in book.shared:
            outpoint = str(psbt.transaction.inputs[index].outpoint)
            findings.append(finding("gate.script_shared", outpoint, index=index))
        findings.extend(_claims(claimed, output, index))
        findings.extend(_script_claims(claimed, own, wallet, index))
        coins.append(SpentCoin(index=index, output=output, own=own))
    findings.extend(_allowed(psbt, transfer))
    return coins, findings


def spent_output(psbt: ReadPSBT, index: int) -> tuple[TxOut | None, list[Finding]]:
    """Return the output that an input spends, proven by the transaction that made it.

    Only for taproot does a signature commit to the amounts of all inputs (BIP-341), so only there
    may `witness_utxo` stand alone.
    """
    claimed, outpoint = psbt.inputs[index], psbt.transaction.inputs[index].outpoint
    subject = str(outpoint)
    if claimed.previous is None:
        if claimed.witness_utxo is not None and (
            classify(claimed.witness_utxo.script) is ScriptKind.P2TR
        ):
            return claimed.witness_utxo, []
        return None, [finding("gate.previous_missing", subject, index=index)]
    try:
        previous = parse_transaction(claimed.previous, f"previous transaction of input {index}")
    except BadInputError as error:
        reason = error.reason
        return None, [finding("gate.previous_unreadable", subject, index=index, reason=reason)]
    if previous.txid != outpoint.txid:
        return None, [finding("gate.previous_differs", subject, index=index, txid=previous.txid)]
    if outpoint.vout >= len(previous.outputs):
        return None, [finding("gate.previous_has_no_output", subject, index=index)]
    output = previous.outputs[outpoint.vout]
    if claimed.witness_utxo is not None and claimed.witness_utxo != output:
        return output, [
            finding(
                "gate.witness_utxo_lies",
                subject,
                index=index,
                claimed_sat=claimed.witness_utxo.amount_sat,
                true_sat=output.amount_sat,
            )
        ]
    return output, []


def _claims(claimed: ReadInput, output: TxOut, index: int) -> list[Finding]:
    """Return what is wrong with how an input of ours would be signed."""
    findings: list[Finding] = []
    subject = f"input {index}"
    if claimed.signed:
        findings.append(finding("gate.signed_already", subject))
    allowed = {None, _SIGHASH_ALL}
    if classify(output.script) is ScriptKind.P2TR:
        allowed.add(_SIGHASH_DEFAULT)
    if claimed.sighash_type not in allowed:
        findings.append(
            finding("gate.sighash_not_all", subject, sighash=str(claimed.sighash_type))
        )
    return findings


def _script_claims(
    claimed: ReadInput, own: OwnScript, wallet: Wallet, index: int
) -> list[Finding]:
    """Return whether a script in the PSBT is another than the descriptor's own."""
    network = network_of_caip2(wallet.chain, "wallet.chain")
    inner = inner_scripts(wallet.descriptor, network, own.branch, own.index)
    return [
        finding("gate.script_not_ours", f"input {index}", script=script.hex())
        for script in (claimed.redeem_script, claimed.witness_script)
        if script and script not in inner
    ]


def _allowed(psbt: ReadPSBT, transfer: Transfer) -> list[Finding]:
    """Return what the pass's input rule and anchor say against the set of inputs."""
    outpoints = [each.outpoint for each in psbt.transaction.inputs]
    findings: list[Finding] = [
        finding("gate.input_twice", str(outpoint))
        for outpoint, count in Counter(outpoints).items()
        if count > 1
    ]
    rule = transfer.inputs
    if isinstance(rule, ListedInputs):
        findings.extend(
            finding("gate.input_not_allowed", str(outpoint))
            for outpoint in outpoints
            if outpoint not in rule.outpoints
        )
    elif len(outpoints) > rule.inputs_max:
        findings.append(
            finding(
                "gate.inputs_too_many",
                transfer.wallet_id,
                inputs=len(outpoints),
                inputs_max=rule.inputs_max,
            )
        )
    if transfer.anchor not in outpoints:
        findings.append(finding("gate.anchor_missing", str(transfer.anchor)))
    return findings
