"""In what does a movement differ from a pass? The watcher's own comparison, not the gate's."""

from collections import Counter

from sekisho.chains.bitcoin.reader import compact_size
from sekisho.chains.bitcoin.scripts import pushed_stack
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.money import format_feerate
from sekisho.passes.records import AnyInputs, ListedInputs, Transfer
from sekisho.wallets.records import ChangeRule
from sekisho.wallets.registry import ScriptBook
from sekisho.watch.records import MovedOutput, Movement, WatchedPass


def differences(movement: Movement, watched: WatchedPass, book: ScriptBook) -> list[Finding]:
    """Return every way in which a signed transaction departs from the pass it falls under."""
    transfer = watched.transfer
    return [
        *_inputs(movement, transfer),
        *_outputs(movement, transfer, book),
        *_fee(movement, transfer),
        *_fields(movement, transfer),
    ]


def _inputs(movement: Movement, transfer: Transfer) -> list[Finding]:
    findings: list[Finding] = [
        finding("watch.foreign_input", str(spent.outpoint))
        for spent in movement.inputs
        if spent.own is None or spent.own.wallet_id != transfer.wallet_id
    ]
    match transfer.inputs:
        case ListedInputs(outpoints=outpoints):
            findings.extend(
                finding("watch.input_not_allowed", str(spent.outpoint))
                for spent in movement.inputs
                if spent.outpoint not in outpoints
            )
        case AnyInputs(inputs_max=most) if len(movement.inputs) > most:
            findings.append(
                finding(
                    "watch.inputs_too_many",
                    transfer.wallet_id,
                    inputs=len(movement.inputs),
                    inputs_max=most,
                )
            )
        case AnyInputs():
            pass
    return findings


def _outputs(movement: Movement, transfer: Transfer, book: ScriptBook) -> list[Finding]:
    """Match each payment to one output; what is left over is change or not allowed."""
    unclaimed: list[MovedOutput] = list(movement.outputs)
    findings: list[Finding] = []
    missing: Counter[str] = Counter()
    for payment in transfer.payments:
        for output in unclaimed:
            if output.script == payment.script and output.amount_sat == payment.amount_sat:
                unclaimed.remove(output)
                break
        else:
            missing[payment.address or f"script {payment.script.hex()}"] += payment.amount_sat
    findings.extend(
        finding("watch.payment_missing", address, amount_sat=amount_sat)
        for address, amount_sat in missing.items()
    )
    change = [output for output in unclaimed if _comes_back(output, movement, transfer, book)]
    findings.extend(
        finding("watch.payment_not_allowed", output.address, amount_sat=output.amount_sat)
        for output in unclaimed
        if output not in change
    )
    if len(change) > transfer.change.outputs_max:
        findings.append(finding("watch.change_too_often", transfer.wallet_id, outputs=len(change)))
    return findings


def _comes_back(
    output: MovedOutput, movement: Movement, transfer: Transfer, book: ScriptBook
) -> bool:
    own = book.own(output.script)
    if own is None or own.wallet_id != transfer.wallet_id:
        return False
    if transfer.change.rule is ChangeRule.INTERNAL_BRANCH:
        return own.branch == 1
    if transfer.change.rule is ChangeRule.SAME_ADDRESS:
        return output.script in {spent.script for spent in movement.inputs}
    return False


def _fee(movement: Movement, transfer: Transfer) -> list[Finding]:
    """Judge fee and feerate; the feerate on the size that was known when the fee was chosen."""
    fee_sat = movement.fee_sat
    if fee_sat is None:
        return [finding("watch.fee_unknown", movement.transaction.txid)]
    if fee_sat < 0:
        # No chain can hold it: whoever shows it to us made it up.
        txid = movement.transaction.txid
        return [finding("watch.spends_more_than_it_has", txid, missing_sat=-fee_sat)]
    findings: list[Finding] = []
    if fee_sat > transfer.fee.fee_max_sat:
        findings.append(
            finding(
                "watch.fee_too_high",
                movement.transaction.txid,
                fee_sat=fee_sat,
                fee_max_sat=transfer.fee.fee_max_sat,
            )
        )
    ceiling = transfer.fee.feerate_max_sat_per_kvb
    vsize = movement.transaction.vsize
    if fee_sat * 1000 > ceiling * largest_vsize(movement.transaction):
        findings.append(
            finding(
                "watch.feerate_too_high",
                movement.transaction.txid,
                feerate=format_feerate(fee_sat, vsize),
                feerate_max=format_feerate(ceiling, 1000),
            )
        )
    return findings


def largest_vsize(transaction: Transaction) -> int:
    """Return the virtual size if every signature were of the largest size that it can have.

    Whoever chose the fee, and the gate that judged it, could know no other: an ECDSA signature
    comes out at 71 or 72 bytes, seldom less, as chance has it. A transaction exactly at its
    ceiling must not become an alarm by that.
    """
    weight = transaction.weight
    for spent in transaction.inputs:
        short = sum(_short_by(item) for item in pushed_stack(spent.script_sig) or ())
        before = len(spent.script_sig)
        count_bytes = len(compact_size(before + short)) - len(compact_size(before))
        weight += 4 * (short + count_bytes) + sum(_short_by(item) for item in spent.witness)
    return -(-weight // 4)


def _short_by(item: bytes) -> int:
    """Return by how many bytes a signature is shorter than it could be; 0 for anything else."""
    if len(item) == 64:
        return 1  # BIP-340, without a sighash byte
    der = 64 < len(item) < 72 and item[0] == 0x30 and item[1] == len(item) - 3
    return 72 - len(item) if der else 0


def _fields(movement: Movement, transfer: Transfer) -> list[Finding]:
    transaction, rule = movement.transaction, transfer.transaction
    findings: list[Finding] = []
    if transaction.version not in rule.versions:
        findings.append(
            finding("watch.version_differs", transaction.txid, version=transaction.version)
        )
    if not rule.locktime_min <= transaction.locktime <= rule.locktime_max:
        findings.append(
            finding("watch.locktime_differs", transaction.txid, locktime=transaction.locktime)
        )
    findings.extend(
        finding("watch.sequence_differs", str(spent.outpoint), sequence=spent.sequence)
        for spent in movement.inputs
        if not rule.sequence_min <= spent.sequence <= rule.sequence_max
    )
    return findings
