"""Does the money go where the pass says, and the rest come back to us?

Every output is an approved payment, proven change, or a reason to refuse.
"""

from collections import Counter
from collections.abc import Sequence

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.scripts import ScriptKind, classify
from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.gate.inputs import SpentCoin
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.money import Sat, format_feerate
from sekisho.passes.records import Transfer
from sekisho.wallets.records import ChangeRule, OwnScript
from sekisho.wallets.registry import ScriptBook
from sekisho.wallets.resemble import closest

_WITNESS = frozenset(
    (ScriptKind.P2WPKH, ScriptKind.P2WSH, ScriptKind.P2TR, ScriptKind.WITNESS_UNKNOWN)
)
_SPENT_BYTES, _SPENT_AS_WITNESS_BYTES = 148, 67


def judge_outputs(
    transaction: Transaction,
    transfer: Transfer,
    coins: Sequence[SpentCoin],
    book: ScriptBook,
) -> list[Finding]:
    """Return every output that the pass does not allow, and every payment that is missing."""
    findings: list[Finding] = []
    change_count = 0
    paid, missing = payments_in(transaction, transfer)
    for index, output in enumerate(transaction.outputs):
        if index in paid:
            continue
        if _is_change(output, transfer, coins, book):
            change_count += 1
            least_sat = dust_sat(output.script)
            if output.amount_sat < least_sat:
                findings.append(
                    finding(
                        "gate.change_dust",
                        _name(output.script, transfer),
                        amount_sat=output.amount_sat,
                        least_sat=least_sat,
                    )
                )
        else:
            findings.extend(_not_allowed(output, transfer, book))
    for (script, amount_sat), count in missing.items():
        findings.extend(
            finding("gate.payment_missing", _name(script, transfer), amount_sat=amount_sat)
            for _ in range(count)
        )
    if change_count > transfer.change.outputs_max:
        findings.append(
            finding(
                "gate.change_too_often",
                transfer.wallet_id,
                outputs=change_count,
                outputs_max=transfer.change.outputs_max,
            )
        )
    return findings


def dust_sat(script: bytes) -> Sat:
    """Return the least amount that nodes relay on a script: what it costs to spend, at 3 sat/vB.

    As Bitcoin Core counts it (`GetDustThreshold` in src/policy/policy.cpp).
    """
    is_witness = classify(script) in _WITNESS
    size = 8 + 1 + len(script) + (_SPENT_AS_WITNESS_BYTES if is_witness else _SPENT_BYTES)
    return Sat(3 * size)


def payments_in(
    transaction: Transaction, transfer: Transfer
) -> tuple[tuple[int, ...], Counter[tuple[bytes, int]]]:
    """Return which outputs are approved payments, by place, and the payments that are missing.

    Counted, not compared as sets: an approved payment made twice is a payment nobody approved.
    """
    left = Counter((each.script, int(each.amount_sat)) for each in transfer.payments)
    paid: list[int] = []
    for index, output in enumerate(transaction.outputs):
        key = (output.script, int(output.amount_sat))
        if left[key] > 0:
            left[key] -= 1
            paid.append(index)
    return tuple(paid), +left


def _is_change(
    output: TxOut, transfer: Transfer, coins: Sequence[SpentCoin], book: ScriptBook
) -> bool:
    """Return whether an output comes back to the same wallet under the pass's change rule.

    The script is looked up among those derived from the registered descriptor within its gap
    limit; what the PSBT says about an output's derivation is not even read.
    """
    own: OwnScript | None = book.own(output.script)
    if own is None or own.wallet_id != transfer.wallet_id or output.script in book.shared:
        return False
    match transfer.change.rule:
        case ChangeRule.NONE:
            return False
        case ChangeRule.SAME_ADDRESS:
            return any(coin.own == own for coin in coins)
        case ChangeRule.INTERNAL_BRANCH:
            return own.branch == 1


def _not_allowed(output: TxOut, transfer: Transfer, book: ScriptBook) -> list[Finding]:
    """Return why an output is refused, and whom its address pretends to be."""
    name = _name(output.script, transfer)
    own = book.own(output.script)
    if own is not None:
        return [
            finding(
                "gate.own_output_not_listed",
                name,
                amount_sat=output.amount_sat,
                wallet_id=own.wallet_id,
            )
        ]
    findings = [finding("gate.payment_not_allowed", name, amount_sat=output.amount_sat)]
    alike = closest(name, (payment.address for payment in transfer.payments if payment.address))
    if alike is not None and alike.alarming:
        findings.append(
            finding(
                "gate.lookalike",
                name,
                resembles=alike.resembles,
                prefix=alike.prefix_characters,
                suffix=alike.suffix_characters,
                bits=f"{alike.bits:.1f}",
            )
        )
    return findings


def _name(script: bytes, transfer: Transfer) -> str:
    network = network_of_caip2(transfer.chain, "pass.chain")
    return address_of(script, network) or f"script {script.hex()}"


def judge_fee(
    transaction: Transaction,
    transfer: Transfer,
    coins: Sequence[SpentCoin],
    signed_vsize: int | None,
) -> list[Finding]:
    """Return what is wrong with the fee, given every input's proven amount.

    The feerate is judged on the largest size that the signatures can give the transaction, as a
    wallet does when it chooses a fee; the absolute ceiling needs no estimate.
    """
    if len(coins) != len(transaction.inputs):
        return [finding("gate.fee_unknown", transfer.wallet_id)]
    spent_sat = sum(coin.output.amount_sat for coin in coins)
    fee_sat = spent_sat - sum(output.amount_sat for output in transaction.outputs)
    findings: list[Finding] = []
    if fee_sat < 0:
        return [finding("gate.spends_more_than_it_has", transfer.wallet_id, missing_sat=-fee_sat)]
    if fee_sat > transfer.fee.fee_max_sat:
        findings.append(
            finding(
                "gate.fee_too_high",
                transfer.wallet_id,
                fee_sat=fee_sat,
                fee_max_sat=transfer.fee.fee_max_sat,
            )
        )
    ceiling = transfer.fee.feerate_max_sat_per_kvb
    if signed_vsize is None:
        findings.append(finding("gate.size_unknown", transfer.wallet_id))
    elif fee_sat * 1000 > ceiling * signed_vsize:
        findings.append(
            finding(
                "gate.feerate_too_high",
                transfer.wallet_id,
                feerate=format_feerate(fee_sat, signed_vsize),
                feerate_max=format_feerate(ceiling, 1000),
            )
        )
    return findings
