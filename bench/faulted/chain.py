"""What the chain itself says left the exchange's wallet: read from nodes, by none of our code.

Whose a script is, the node says that derived the addresses; what an input spent, the node says
that connected the block, or the transaction that made the coin.
"""

from dataclasses import dataclass
from typing import Any

from parts.bitcoind import Node
from signer_world import COLD

WATCHED_ADDRESSES = 3_000


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A transaction that spends coins of ours, or pays us."""

    txid: str
    spends_ours: bool
    mined: bool


class ChainReader:
    """Reads blocks once; what stands in the chain and the mempools now is read at each call."""

    def __init__(self, node: Node) -> None:
        self._first = node.rpc("getblockcount")
        self._ours = _addresses(node)
        self._blocks: dict[str, dict[str, Any]] = {}
        self._paid: dict[tuple[str, int], str] = {}
        """To whom each output pays, of every transaction that was read."""

    def read(self, *nodes: Node) -> list[Moved]:
        """Return what moved coins of ours, in the chain of the first node or any's mempool."""
        found: dict[str, Moved] = {}
        for block in self._chain(nodes[0]):
            for transaction in block["tx"]:
                self._add(found, transaction, nodes[0], mined=True)
        for node in nodes:
            waiting = [node.rpc("getrawtransaction", each, 1) for each in _waiting(node)]
            for transaction in waiting:
                self._note(transaction)
            for transaction in waiting:
                if transaction["txid"] not in found:
                    self._add(found, transaction, node, mined=False)
        return list(found.values())

    def _chain(self, node: Node) -> list[dict[str, Any]]:
        """Return the blocks of the chain since the first, newest first."""
        found: list[dict[str, Any]] = []
        here = node.rpc("getbestblockhash")
        while True:
            if here not in self._blocks:
                self._blocks[here] = node.rpc("getblock", here, 3)
                for each in self._blocks[here]["tx"]:
                    self._note(each)
            block = self._blocks[here]
            if block["height"] <= self._first:
                return found
            found.append(block)
            here = block["previousblockhash"]

    def _note(self, transaction: dict[str, Any]) -> None:
        for each in transaction["vout"]:
            address = each["scriptPubKey"].get("address", "")
            self._paid[transaction["txid"], each["n"]] = address

    def _add(
        self, found: dict[str, Moved], transaction: dict[str, Any], node: Node, *, mined: bool
    ) -> None:
        spends = any(self._spender(each, node) in self._ours for each in transaction["vin"])
        paid = {each["scriptPubKey"].get("address", "") for each in transaction["vout"]}
        if spends or paid & self._ours:
            txid = transaction["txid"]
            found[txid] = Moved(txid=txid, spends_ours=spends, mined=mined)

    def _spender(self, spent: dict[str, Any], node: Node) -> str:
        """Return the address that an input spends from; empty for a coinbase's."""
        if "coinbase" in spent:
            return ""
        if "prevout" in spent:
            return str(spent["prevout"]["scriptPubKey"].get("address", ""))
        known = self._paid.get((spent["txid"], spent["vout"]))
        if known is None:
            coin = node.rpc("gettxout", spent["txid"], spent["vout"], include_mempool=False)
            known = coin["scriptPubKey"].get("address", "")
        return known


def _waiting(node: Node) -> list[str]:
    listed: list[str] = node.rpc("getrawmempool")
    return listed


def _addresses(node: Node) -> frozenset[str]:
    listed = node.rpc("listdescriptors", wallet=COLD)["descriptors"]
    return frozenset(
        address
        for each in listed
        if each["desc"].startswith("wpkh(")
        for address in node.rpc("deriveaddresses", each["desc"], [0, WATCHED_ADDRESSES])
    )
