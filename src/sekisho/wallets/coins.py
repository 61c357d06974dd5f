"""What we hold: a fold of the transactions we have seen, droppable and rebuilt at any time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut
from sekisho.kernel.money import Sat
from sekisho.wallets.records import Coin, OwnScript
from sekisho.wallets.registry import ScriptBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Our coins, spent and unspent, and whom our wallets have paid."""

    book: ScriptBook
    coins: Mapping[OutPoint, Coin]
    paid_by: Mapping[str, tuple[bytes, ...]]
    """For each transaction that spends our coins, the foreign scripts that it pays."""
    outputs: Mapping[OutPoint, TxOut] = field(repr=False)
    """Every output of the transactions seen, ours or not: what inputs are verified against."""

    def unspent(self, wallet_id: str) -> tuple[Coin, ...]:
        """Return the coins of a wallet that nothing we have seen spends."""
        return tuple(
            coin
            for coin in self.coins.values()
            if coin.own.wallet_id == wallet_id and coin.spent_by is None
        )

    def balance_sat(self, wallet_id: str) -> Sat:
        """Return the sum of a wallet's unspent coins."""
        return Sat(sum(coin.amount_sat for coin in self.unspent(wallet_id)))


def fold_holdings(book: ScriptBook, transactions: Iterable[Transaction]) -> Holdings:
    """Return the holdings after `transactions`, in whatever order they come.

    The book grows as indexes are used, and the fold is repeated until it grows no more, so that a
    payment to an index beyond the first gap is found in any order.
    """
    by_txid = {transaction.txid: transaction for transaction in transactions}
    seen = [by_txid[txid] for txid in sorted(by_txid)]
    while True:
        coins = _coins(book, seen)
        larger = book.extended(coin.own for coin in coins.values())
        if larger is book:
            break
        book = larger
    paid_by: dict[str, tuple[bytes, ...]] = {}
    for transaction in seen:
        spends_ours = False
        for each in transaction.inputs:
            coin = coins.get(each.outpoint)
            if coin is not None:
                coins[each.outpoint] = replace(coin, spent_by=transaction.txid)
                spends_ours = True
        if spends_ours:
            scripts = (output.script for output in transaction.outputs)
            paid_by[transaction.txid] = tuple(each for each in scripts if book.own(each) is None)
    outputs = {
        OutPoint(txid=transaction.txid, vout=vout): output
        for transaction in seen
        for vout, output in enumerate(transaction.outputs)
    }
    return Holdings(book=book, coins=coins, paid_by=paid_by, outputs=outputs)


def _coins(book: ScriptBook, seen: list[Transaction]) -> dict[OutPoint, Coin]:
    coins: dict[OutPoint, Coin] = {}
    for transaction in seen:
        for vout, output in enumerate(transaction.outputs):
            own: OwnScript | None = book.own(output.script)
            if own is not None:
                outpoint = OutPoint(txid=transaction.txid, vout=vout)
                coins[outpoint] = Coin(
                    outpoint=outpoint, amount_sat=output.amount_sat, own=own, spent_by=None
                )
    return coins
