"""Coins that were there before the watcher: they are watched like all others, and not judged."""

from collections.abc import Iterable
from dataclasses import replace

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction
from sekisho.watch.flow import Watch


def learn(watch: Watch, transactions: Iterable[Transaction]) -> list[OutPoint]:
    """Take note of transactions that were there before the watcher; return the coins in them.

    Nothing is judged: what left before anybody watched is no alarm.
    """
    book, coins = watch.state.book, []
    for transaction in transactions:
        for vout, output in enumerate(transaction.outputs):
            outpoint = OutPoint(txid=transaction.txid, vout=vout)
            own = book.own(output.script)
            if own is not None and outpoint not in watch.outputs:
                coins.append(outpoint)
                book = book.extended([own])
            watch.outputs[outpoint] = output
    watch.state = replace(watch.state, book=book)
    return coins
