"""The order in which transactions can have happened: what creates a coin before what spends it."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.kernel.errors import BadInputError


def in_chain_order(transactions: Mapping[str, Transaction]) -> tuple[Transaction, ...]:
    """Return `transactions` (by txid) so that each comes after those whose outputs it spends.

    Raises `BadInputError` for a circle: a txid commits to its inputs, so one cannot exist.
    """
    spends = {
        txid: [
            each.outpoint.txid for each in transaction.inputs if each.outpoint.txid in transactions
        ]
        for txid, transaction in transactions.items()
    }
    try:
        return tuple(transactions[txid] for txid in TopologicalSorter(spends).static_order())
    except CycleError as error:
        raise BadInputError("transactions", "spend each other in a circle") from error
