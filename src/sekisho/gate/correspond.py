"""Does a PSBT do what its pass allows, and nothing more?

The steps, in the order in which an auditor reads them. Every one is taken even when an earlier one
found something, so that a person sees the whole picture at once.

1. Both readers read the same PSBT (`reading.py`).
2. Nothing is left open: the PSBT is final in its inputs and outputs.
3. Every input is a real coin of the pass's wallet, allowed by its input rule, not yet signed, and
   signed over everything (`inputs.py`); the anchor is among them.
4. Every output is an approved payment, as often as approved, or proven change (`outputs.py`).
5. The fee and the feerate are within their ceilings.
6. Version, locktime and sequences are within the pass's ranges, and do not open the way around
   the gate's own key (`wallets/enforced.py`).
"""

from collections.abc import Sequence

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.gate.inputs import SpentCoin, judge_inputs
from sekisho.gate.outputs import judge_fee, judge_outputs
from sekisho.gate.reading import read_psbt
from sekisho.gate.records import ReadPSBT
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.records import Transfer
from sekisho.wallets.descriptors import spend_size
from sekisho.wallets.enforced import opens_recovery, read_enforced
from sekisho.wallets.records import Level, Wallet
from sekisho.wallets.registry import ScriptBook


def correspond(
    psbt: bytes, transfer: Transfer, wallet: Wallet, book: ScriptBook, *, where: str
) -> tuple[ReadPSBT | None, list[Finding]]:
    """Return the PSBT as read, and every way in which it departs from the transfer.

    None with findings if it cannot be read. An empty list means that it corresponds.
    """
    read, findings = read_psbt(psbt, where)
    if read is None:
        return None, findings
    if read.modifiable:
        findings.append(finding("gate.still_modifiable", where))
    coins, wrong = judge_inputs(read, transfer, wallet, book)
    findings.extend(wrong)
    findings.extend(judge_outputs(read.transaction, transfer, coins, book))
    vsize = signed_vsize(read.transaction, coins, wallet)
    findings.extend(judge_fee(read.transaction, transfer, coins, vsize))
    findings.extend(_field_findings(read.transaction, transfer))
    findings.extend(_recovery_findings(read.transaction, wallet))
    return read, findings


def signed_vsize(
    transaction: Transaction, coins: Sequence[SpentCoin], wallet: Wallet
) -> int | None:
    """Return the largest virtual size the signed transaction can have, or None if unknown.

    BIP-141: weight is three times the stripped size plus the whole size.
    """
    if len(coins) != len(transaction.inputs):
        return None
    network = network_of_caip2(wallet.chain, "wallet.chain")
    base = len(transaction.serialize(with_witness=False))
    witness = 0
    has_witness = False
    for coin in coins:
        size = spend_size(
            wallet.descriptor,
            network,
            coin.own.branch,
            coin.own.index,
            sequence=transaction.inputs[coin.index].sequence,
        )
        if size is None:
            return None
        base += size.script_sig_bytes + (2 if size.script_sig_bytes >= 0xFD else 0)
        has_witness = has_witness or size.witness_bytes > 0
        witness += max(size.witness_bytes, 1)
    weight = 4 * base + (2 + witness if has_witness else 0)
    return -(-weight // 4)


def _field_findings(transaction: Transaction, transfer: Transfer) -> list[Finding]:
    """Return which fields that move no money are outside the pass's ranges."""
    rule = transfer.transaction
    findings: list[Finding] = []
    if transaction.version not in rule.versions:
        findings.append(
            finding("gate.version_not_allowed", transfer.wallet_id, version=transaction.version)
        )
    if not rule.locktime_min <= transaction.locktime <= rule.locktime_max:
        findings.append(
            finding("gate.locktime_not_allowed", transfer.wallet_id, locktime=transaction.locktime)
        )
    findings.extend(
        finding("gate.sequence_not_allowed", str(each.outpoint), sequence=each.sequence)
        for each in transaction.inputs
        if not rule.sequence_min <= each.sequence <= rule.sequence_max
    )
    return findings


def _recovery_findings(transaction: Transaction, wallet: Wallet) -> list[Finding]:
    """Return which inputs of an enforced wallet the holders could spend without the gate's key.

    While there is a gate to ask, nothing has to leave by the way that was kept for its loss.
    """
    if wallet.level is not Level.ENFORCED:
        return []
    network = network_of_caip2(wallet.chain, "wallet.chain")
    terms = read_enforced(wallet.descriptor, network, "wallet.descriptor")
    return [
        finding("gate.opens_recovery", str(each.outpoint), sequence=each.sequence)
        for each in transaction.inputs
        if opens_recovery(terms, version=transaction.version, sequence=each.sequence)
    ]
