"""Is what came back what was sent, but for the signatures?

The transaction is compared field by field. Of what a PSBT says beside it, nothing need come back,
because a signer may drop what it no longer needs; but nothing may come back other than it was.
"""

from collections.abc import Sequence
from itertools import zip_longest

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.scripts import ScriptKind, classify
from sekisho.chains.bitcoin.sighash import ALL, DEFAULT
from sekisho.chains.bitcoin.transaction import (
    Transaction,
    TxIn,
    TxOut,
)
from sekisho.gate.inputs import SpentCoin
from sekisho.gate.maps import Pairs
from sekisho.gate.records import ReadInput, ReadPSBT
from sekisho.kernel.finding import Finding, finding
from sekisho.wallets.descriptors import inner_scripts
from sekisho.wallets.records import Wallet

_READ_GLOBALLY = frozenset(b"\x00\x02\x03\x04\x05\x06\xfb")
_READ_OF_INPUTS = frozenset(b"\x00\x01\x02\x03\x04\x05\x07\x08\x0e\x0f\x10\x11\x12\x13\x14")
_READ_OF_OUTPUTS = frozenset(b"\x03\x04")
"""First bytes of the keys (BIP-174, 370, 371) that the readers read. They are judged as read, so
that a signer may answer a version 2 with a version 0; all others are compared as they stand."""


def transaction_findings(cleared: Transaction, returned: Transaction) -> list[Finding]:
    """Return every field in which the returned transaction is not the cleared one."""
    fields: list[tuple[str, object, object]] = [
        ("version", cleared.version, returned.version),
        ("locktime", cleared.locktime, returned.locktime),
    ]
    for name, ours, theirs in (
        ("input", _inputs(cleared), _inputs(returned)),
        ("output", _outputs(cleared), _outputs(returned)),
    ):
        for index, (was, now) in enumerate(zip_longest(ours, theirs, fillvalue="-")):
            fields.append((f"{name} {index}", was, now))
    return [
        finding(
            "gate.return_transaction_differs",
            cleared.txid,
            field=name,
            cleared=str(was),
            returned=str(now),
        )
        for name, was, now in fields
        if was != now
    ]


def field_findings(
    cleared: ReadPSBT,
    returned: ReadPSBT,
    shown_txids: Sequence[str],
    coins: Sequence[SpentCoin],
    wallet: Wallet,
) -> list[Finding]:
    """Return what a returned PSBT says otherwise of the coins of the cleared transaction.

    `shown_txids` are those of the previous transactions that it shows, empty where it shows none.
    """
    findings: list[Finding] = []
    if returned.modifiable:
        findings.append(_changed("global", "modifiable flags"))
    for coin, before, after, shown_txid in zip(
        coins, cleared.inputs, returned.inputs, shown_txids, strict=True
    ):
        made_by = cleared.transaction.inputs[coin.index].outpoint.txid
        findings.extend(
            _changed(f"input {coin.index}", name)
            for name, lies in (
                ("previous transaction", shown_txid not in {"", made_by}),
                ("witness_utxo", after.witness_utxo not in {None, coin.output}),
                ("sighash type", after.sighash_type not in _sighashes(coin)),
                ("script", _shows_other_script(before, after, coin, wallet)),
            )
            if lies
        )
    return findings


def pair_findings(before: Pairs, after: Pairs, inputs_count: int) -> list[Finding]:
    """Return every value that neither reader reads, and that was changed or put in."""
    findings: list[Finding] = []
    for place, (ours, theirs) in enumerate(zip(before, after, strict=True)):
        name, read = f"output {place - 1 - inputs_count}", _READ_OF_OUTPUTS
        if place <= inputs_count:
            name, read = f"input {place - 1}", _READ_OF_INPUTS
        if place == 0:
            name, read = "global", _READ_GLOBALLY
        findings.extend(
            _changed(name, f"key {key.hex()}")
            for key, value in theirs.items()
            if key[0] not in read and ours.get(key) != value
        )
    return findings


def _sighashes(coin: SpentCoin) -> set[int | None]:
    taproot = classify(coin.output.script) is ScriptKind.P2TR
    return {None, DEFAULT, ALL} if taproot else {None, ALL}


def _shows_other_script(
    before: ReadInput, after: ReadInput, coin: SpentCoin, wallet: Wallet
) -> bool:
    shown = {after.redeem_script, after.witness_script} - {b""}
    if shown <= {before.redeem_script, before.witness_script}:
        return False
    network = network_of_caip2(wallet.chain, "wallet.chain")
    inner = inner_scripts(wallet.descriptor, network, coin.own.branch, coin.own.index)
    return not shown <= set(inner)


def _changed(where: str, field: str) -> Finding:
    return finding("gate.return_field_changed", where, field=field)


def _inputs(transaction: Transaction) -> list[str]:
    return [_input(each) for each in transaction.inputs]


def _input(each: TxIn) -> str:
    return f"{each.outpoint} sequence {each.sequence}"


def _outputs(transaction: Transaction) -> list[str]:
    return [_output(each) for each in transaction.outputs]


def _output(each: TxOut) -> str:
    return f"{each.amount_sat} sat to {each.script.hex()}"
