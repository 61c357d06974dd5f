"""Transactions that differ in one thing from what was cleared, under the name of what it is."""

from collections.abc import Callable
from dataclasses import replace

from world_coins import STRANGER, txout

from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.kernel.money import Sat

Change = Callable[[Transaction], Transaction]


def paying(place: int, amount_sat: int = 0, script: bytes = b"") -> Change:
    """Return a change of one output."""

    def change(before: Transaction) -> Transaction:
        outputs = list(before.outputs)
        was = outputs[place]
        outputs[place] = TxOut(
            amount_sat=Sat(was.amount_sat + amount_sat), script=script or was.script
        )
        return replace(before, outputs=tuple(outputs))

    return change


def sequenced(sequence: int) -> Change:
    return lambda before: replace(
        before, inputs=(replace(before.inputs[0], sequence=sequence), *before.inputs[1:])
    )


def spending_third(before: Transaction) -> Transaction:
    """Spend a coin of ours that nobody asked to be spent, in place of the first."""
    third = replace(before.inputs[0].outpoint, vout=len(before.inputs))
    return replace(before, inputs=(replace(before.inputs[0], outpoint=third), *before.inputs[1:]))


OTHER_TRANSACTIONS: dict[str, Change] = {
    "an amount is larger": paying(1, 1),
    "an amount is smaller": paying(1, -1),
    "the change is smaller, the fee larger": paying(2, -5_000_000),
    "money goes elsewhere": paying(0, script=b"\x00\x14" + bytes(20)),
    "the change goes elsewhere": paying(2, script=b"\x00\x14" + bytes(20)),
    "an output is gone": lambda tx: replace(tx, outputs=tx.outputs[:2]),
    "an output is added": lambda tx: replace(tx, outputs=(*tx.outputs, txout(STRANGER, 1000))),
    "an output stands twice": lambda tx: replace(tx, outputs=(*tx.outputs[:2], tx.outputs[0])),
    "outputs stand in another order": lambda tx: replace(tx, outputs=tx.outputs[::-1]),
    "another locktime": lambda tx: replace(tx, locktime=1),
    "another version": lambda tx: replace(tx, version=1),
    "another sequence": sequenced(0xFFFF_FFFE),
    "an input is gone": lambda tx: replace(tx, inputs=tx.inputs[:1]),
    "inputs stand in another order": lambda tx: replace(tx, inputs=tx.inputs[::-1]),
    "another coin is spent": spending_third,
}
