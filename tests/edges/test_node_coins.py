"""Coins that were there before: what a node says of them counts as far as a hash proves it."""

import json
from pathlib import Path
from typing import Any

import pytest
from world_coins import DESCRIPTORS, funding, wallet_of

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.edges.node_coins import find_coins
from sekisho.edges.node_rpc import NodeRPC, node_address
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import WorldError

MADE = [funding(wallet_of(DESCRIPTORS["wpkh"]), 1_000, 5, salt=f"{each}") for each in range(3)]
SCRIPTS = frozenset(each.outputs[0].script for each in MADE)


class Node(NodeRPC):
    """Answers as a node does that knows these transactions."""

    def __init__(self, transactions: list[Transaction]) -> None:
        super().__init__(node_address("node", "http://127.0.0.1:1", Path()), timeout_seconds=1)
        self.known = {each.txid: each.serialize().hex() for each in transactions}
        self.unspents: list[dict[str, Json]] = [
            {"txid": each.txid, "vout": 0, "height": 100 + place, "amount": "0.1"}
            for place, each in enumerate(transactions)
        ]
        self.success = True
        self.pruned: dict[str, int] = {}
        self.descriptors: list[str] = []

    def _posted(self, body: bytes) -> Json:
        return [
            {"id": each["id"], "result": None, **self._said(each["method"], each["params"])}
            for each in json.loads(body)
        ]

    def _said(self, method: str, params: list[Any]) -> dict[str, Any]:
        if method == "scantxoutset":
            self.descriptors = [each["desc"] for each in params[1]]
            return {"result": {"success": self.success, "unspents": self.unspents}}
        if method == "getblockhash":
            return {"result": f"{params[0]:064x}"}
        txid, verbose, block = params
        assert (method, verbose) == ("getrawtransaction", False)
        assert int(block, 16) in {each["height"] for each in self.unspents}
        if txid in self.pruned:
            return {"error": {"code": self.pruned[txid], "message": "not available"}}
        return {"result": self.known[txid]}


def test_each_coin_comes_with_the_transaction_that_made_it() -> None:
    node = Node(MADE)
    found = find_coins(node, SCRIPTS)
    assert {each.txid for each in found.transactions} == {each.txid for each in MADE}
    assert (found.scripts, found.unproven) == (SCRIPTS, ())
    assert node.descriptors == [f"raw({each.hex()})" for each in sorted(SCRIPTS)]


def test_several_coins_of_one_transaction_are_one_question() -> None:
    node = Node(MADE[:1])
    node.unspents.append({**node.unspents[0], "vout": 1})
    assert len(find_coins(node, SCRIPTS).transactions) == 1


@pytest.mark.parametrize("code", [-1, -5])
def test_what_a_pruned_node_cannot_give_is_named(code: int) -> None:
    node = Node(MADE)
    node.pruned = {MADE[1].txid: code}
    found = find_coins(node, SCRIPTS)
    assert len(found.transactions) == 2
    assert found.unproven == ((MADE[1].txid, 101),)


def test_any_other_refusal_ends_the_search() -> None:
    node = Node(MADE)
    node.pruned = {MADE[1].txid: -28}
    with pytest.raises(WorldError, match="not available"):
        find_coins(node, SCRIPTS)


def test_another_transaction_than_was_asked_for_is_refused() -> None:
    node = Node(MADE)
    node.known[MADE[0].txid] = node.known[MADE[1].txid]
    with pytest.raises(WorldError, match="when asked for"):
        find_coins(node, SCRIPTS)


@pytest.mark.parametrize("raw", ["00", "zz", 7])
def test_what_is_no_transaction_is_refused(raw: Any) -> None:  # noqa: ANN401 - JSON
    node = Node(MADE)
    node.known[MADE[0].txid] = raw
    with pytest.raises(WorldError):
        find_coins(node, SCRIPTS)


def test_a_search_that_was_not_finished_finds_nothing() -> None:
    node = Node(MADE)
    node.success = False
    with pytest.raises(WorldError, match="unspents"):
        find_coins(node, SCRIPTS)
