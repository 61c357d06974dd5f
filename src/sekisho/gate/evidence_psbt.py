"""What was seen of the PSBT: steps 15 to 20 of docs/gate.md, in sentences. Nothing here decides.

Each function tells one step that said yes; of a step that said no, its findings tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.gate.correspond import signed_vsize
from sekisho.gate.inputs import SpentCoin
from sekisho.gate.records import ReadPSBT
from sekisho.gate.steps import Evidence, evidence
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_feerate
from sekisho.passes.leave import Leave
from sekisho.passes.life import Clearance
from sekisho.passes.records import ListedInputs, Payment, SubjectType, Transfer
from sekisho.passes.register import ALLOW_LIST_ID, Register
from sekisho.wallets.allow_list import read_allow_list
from sekisho.wallets.records import OwnScript, Wallet

LINES_MAX = 20
"""So many coins, and so many payments, are told one by one; the others as a sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A PSBT beside the pass that it was compared with."""

    psbt: bytes
    read: ReadPSBT
    leave: Leave
    wallet: Wallet
    coins: Sequence[SpentCoin]
    """Those that were proven: all of them, unless step 16 says no."""
    register: Register
    used: Sequence[Clearance]
    """What was let through before, by any gate."""

    @property
    def transfer(self) -> Transfer:
        """What the pass allows."""
        return self.leave.transfer


def of_reading(seen: Compared) -> list[Evidence]:
    """Tell what both readers read."""
    transaction = seen.read.transaction
    return [
        evidence(
            "psbt",
            version=seen.read.psbt_version,
            size=len(seen.psbt),
            inputs=len(transaction.inputs),
            outputs=len(transaction.outputs),
        ),
        evidence("transaction", txid=transaction.txid),
    ]


def of_coins(seen: Compared) -> list[Evidence]:
    """Tell what each coin is worth, and how that is known."""
    told = [
        evidence(
            "coin_committed" if seen.read.inputs[coin.index].previous is None else "coin",
            amount_sat=coin.output.amount_sat,
            wallet_id=coin.own.wallet_id,
            branch=coin.own.branch,
            index=coin.own.index,
            outpoint=str(seen.read.transaction.inputs[coin.index].outpoint),
        )
        for coin in islice(seen.coins, LINES_MAX)
    ]
    rest = seen.coins[LINES_MAX:]
    if rest:
        amount_sat = sum(coin.output.amount_sat for coin in rest)
        told.append(evidence("more_coins", more=len(rest), amount_sat=amount_sat))
    return told


def of_inputs(seen: Compared) -> list[Evidence]:
    """Tell which coins the pass lets be spent, and where its anchor is."""
    rule, outpoints = (
        seen.transfer.inputs,
        [each.outpoint for each in seen.read.transaction.inputs],
    )
    allowed = (
        evidence("inputs_listed", inputs=len(outpoints), listed=len(rule.outpoints))
        if isinstance(rule, ListedInputs)
        else evidence("inputs_any", inputs=len(outpoints), inputs_max=rule.inputs_max)
    )
    anchor = seen.transfer.anchor
    return [
        allowed,
        evidence("anchor", index=outpoints.index(anchor), anchor=str(anchor)),
        evidence("unsigned"),
    ]


def of_payments(seen: Compared) -> list[Evidence]:
    """Tell who gets how much, and what comes back to where."""
    labels = _labels(seen.register)
    payments = seen.transfer.payments
    told = [_payment(seen, each, labels) for each in payments[:LINES_MAX]]
    rest = payments[LINES_MAX:]
    if rest:
        amount_sat = sum(each.amount_sat for each in rest)
        told.append(evidence("more_payments", more=len(rest), amount_sat=amount_sat))
    return [*told, *(_change(seen) or [evidence("no_change")])]


def of_fee(seen: Compared) -> list[Evidence]:
    """Tell the fee, and the fields that move no money, beside what the pass allows."""
    transaction, rule, fee = seen.read.transaction, seen.transfer.transaction, seen.transfer.fee
    spent_sat = sum(coin.output.amount_sat for coin in seen.coins)
    fee_sat = spent_sat - sum(output.amount_sat for output in transaction.outputs)
    vsize = signed_vsize(transaction, seen.coins, seen.wallet) or 0
    sequences = sorted({each.sequence for each in transaction.inputs})
    return [
        evidence(
            "fee",
            fee_sat=fee_sat,
            fee_max_sat=fee.fee_max_sat,
            feerate=format_feerate(fee_sat, vsize),
            vsize=vsize,
            feerate_max=format_feerate(fee.feerate_max_sat_per_kvb, 1000),
        ),
        evidence(
            "fields",
            version=transaction.version,
            locktime=transaction.locktime,
            locktime_min=rule.locktime_min,
            locktime_max=rule.locktime_max,
            sequences=", ".join(map(str, sequences)),
            sequence_min=rule.sequence_min,
            sequence_max=rule.sequence_max,
        ),
    ]


def of_use(seen: Compared) -> list[Evidence]:
    """Tell what was let through under the pass before."""
    before = [each for each in seen.used if each.pass_digest == seen.leave.digest]
    if any(each.txid != seen.read.transaction.txid for each in before):
        return [evidence("fee_bump", before=len(before))]
    if before:
        return [evidence("same_again", cleared_at=format_instant(before[0].cleared_at))]
    return [evidence("unused", others=len(seen.used))]


def _payment(seen: Compared, payment: Payment, labels: dict[bytes, str]) -> Evidence:
    address, own = _address(seen, payment.script), seen.register.book().own(payment.script)
    amount_sat = payment.amount_sat
    if own is not None:
        return evidence(
            "payment_own", amount_sat=amount_sat, address=address, wallet_id=own.wallet_id
        )
    label = labels.get(payment.script)
    if label is not None:
        return evidence("payment_listed", amount_sat=amount_sat, address=address, label=label)
    return evidence("payment", amount_sat=amount_sat, address=address)


def _change(seen: Compared) -> list[Evidence]:
    """Tell every output that is no approved payment: in a step that said yes, that is change."""
    left = [(each.script, int(each.amount_sat)) for each in seen.transfer.payments]
    back: list[tuple[TxOut, OwnScript | None]] = []
    for output in seen.read.transaction.outputs:
        key = (output.script, int(output.amount_sat))
        if key in left:
            left.remove(key)
        else:
            back.append((output, seen.register.book().own(output.script)))
    return [
        evidence(
            "change",
            amount_sat=output.amount_sat,
            wallet_id=own.wallet_id,
            branch=own.branch,
            index=own.index,
            address=_address(seen, output.script),
        )
        for output, own in back
        if own is not None
    ]


def _address(seen: Compared, script: bytes) -> str:
    network = network_of_caip2(seen.transfer.chain, "pass.chain")
    return address_of(script, network) or f"script {script.hex()}"


def _labels(register: Register) -> dict[bytes, str]:
    """Return what the allow-list in force calls each script."""
    current = register.in_force.get((SubjectType.ALLOW_LIST, ALLOW_LIST_ID))
    if current is None:
        return {}
    document = register.documents[SubjectType.ALLOW_LIST.value, current.digest]
    listed = read_allow_list(document, "allow-list")
    return {each.script: each.label for each in listed.destinations}
