"""The coins that were there before the watcher, from the node's own set of unspent outputs.

The set names a coin and its block. What is handed on is the whole transaction that made the coin,
whose hash is in that name: an amount is never taken from anybody's word. That works for every
node that still has the block, without an index of transactions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sekisho.chains.bitcoin.transaction import Transaction, parse_transaction
from sekisho.edges.node_answers import read_transaction, read_unspent
from sekisho.edges.node_rpc import Call, NodeRefusedError, NodeRPC
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError

SEARCH_TIMEOUT_SECONDS: Final = 3600
"""The whole set is read from disk: some minutes on mainnet, more while the node is busy."""
_BATCH: Final = 200
_UNAVAILABLE: Final = frozenset({-1, -5})
"""The RPC's codes for a block that was pruned, and for one that it does not have any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinsFound:
    """What a node knows of coins on some scripts."""

    scripts: frozenset[bytes]
    """Those that were looked for."""
    transactions: tuple[Transaction, ...]
    """Those that made the coins."""
    unproven: tuple[tuple[str, int], ...]
    """Txid and height of those that the node cannot give any more."""


def find_coins(rpc: NodeRPC, scripts: frozenset[bytes]) -> CoinsFound:
    """Return the transactions that made the unspent coins on these scripts.

    Raises `WorldError` if the node does not answer, is at another search, or answers strangely.
    """
    wanted: list[Json] = [{"desc": f"raw({each.hex()})"} for each in sorted(scripts)]
    height_of = read_unspent(rpc.call("scantxoutset", "start", wanted))
    found: list[Transaction] = []
    unproven: list[tuple[str, int]] = []
    for batch in _batches(sorted(height_of)):
        calls: list[Call] = []
        for txid in batch:
            block = rpc.call("getblockhash", height_of[txid])
            calls.append(("getrawtransaction", (txid, False, block)))
        answers = rpc.batch(calls)
        for txid, answer in zip(batch, answers, strict=True):
            if not isinstance(answer, NodeRefusedError):
                found.append(_held_to(txid, read_transaction(answer), rpc))
            elif answer.code in _UNAVAILABLE:
                unproven.append((txid, height_of[txid]))
            else:
                raise answer
    return CoinsFound(scripts=scripts, transactions=tuple(found), unproven=tuple(unproven))


def _held_to(txid: str, raw: bytes, rpc: NodeRPC) -> Transaction:
    try:
        transaction = parse_transaction(raw, f"transaction {txid}")
    except BadInputError as error:
        raise WorldError(f"{rpc.address.url}: {error}") from error
    if transaction.txid != txid:
        raise WorldError(f"{rpc.address.url}: gave {transaction.txid} when asked for {txid}")
    return transaction


def _batches(txids: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(txids), _BATCH):
        yield txids[at : at + _BATCH]
