"""Coins that were there before the watcher: they are watched like all others, and not judged."""

from collections.abc import Iterable, Mapping

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut
from sekisho.wallets.registry import ScriptBook


def coins_in(
    transactions: Iterable[Transaction], book: ScriptBook, known: Mapping[OutPoint, TxOut]
) -> tuple[dict[OutPoint, TxOut], list[OutPoint], ScriptBook]:
    """Return all outputs of some transactions, the coins among them that are new, and the book.

    The coins are those of our wallets, which reach further for each that is in use.
    """
    outputs: dict[OutPoint, TxOut] = {}
    coins = []
    for transaction in transactions:
        for vout, output in enumerate(transaction.outputs):
            outpoint = OutPoint(txid=transaction.txid, vout=vout)
            own = book.own(output.script)
            if own is not None and outpoint not in known:
                coins.append(outpoint)
                book = book.extended([own])
            outputs[outpoint] = output
    return outputs, coins, book
