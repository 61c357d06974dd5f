"""A real node signs through `sekisho-signer`: a pass, and a signer behind the gate."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from parts.bitcoind import RPCError
from signer_world import COLD, OTHER_PAYEE, PAYEE, Exchange, signing_exchange
from software_signer import THIEF

from sekisho.passes.life import GATE_CLEARED

pytestmark = [
    pytest.mark.bitcoind,
    pytest.mark.xdist_group("bitcoind"),
    pytest.mark.enable_socket,  # the node's RPC, on this machine
]
BTC = Decimal("1.5")
FAILED = "External signer failed to sign"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One node for all of these tests; each has coins and a pass of its own."""
    with signing_exchange(tmp_path_factory.mktemp("exchange")) as exchange:
        yield exchange


@pytest.fixture
def exchange(started: Exchange) -> Exchange:
    started.hostile("")
    started.logged()
    return started


def mempool(exchange: Exchange) -> list[str]:
    found: list[str] = exchange.node.rpc("getrawmempool")
    return found


def test_what_a_pass_allows_is_signed_broadcast_and_mined(exchange: Exchange) -> None:
    coin = exchange.fund()
    asked = exchange.pass_for(coin, {PAYEE: "1.5"})
    txid = exchange.send(coin, {PAYEE: BTC})
    assert mempool(exchange) == [txid]
    exchange.mine()
    sent = exchange.node.rpc("gettransaction", txid, wallet=COLD)
    assert sent["confirmations"] == 1
    cleared = exchange.entries_of(GATE_CLEARED)[-1]
    assert (cleared.body["txid"], cleared.body["pass_digest"]) == (txid, asked["digest"])
    assert exchange.shown(asked["pass_id"])["state"] == "signed_live"


REFUSED: dict[str, tuple[dict[str, str], int, set[str]]] = {
    "another payee": (
        {OTHER_PAYEE: "1.5"},
        5,
        {"gate.payment_not_allowed", "gate.payment_missing"},
    ),
    "a higher fee": ({PAYEE: "1.5"}, 100, {"gate.fee_too_high", "gate.feerate_too_high"}),
    "no pass": ({}, 5, {"gate.no_pass_for_coins"}),
}
"""Whom the pass allows to be paid, the feerate at which PAYEE is, and what the gate says."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_pass_allows_is_refused_and_the_node_says_why(
    exchange: Exchange, name: str
) -> None:
    allowed, feerate, codes = REFUSED[name]
    coin = exchange.fund()
    if allowed:
        exchange.pass_for(coin, allowed)
    with pytest.raises(RPCError, match=FAILED):
        exchange.send(coin, {PAYEE: BTC}, feerate=feerate)
    assert set(exchange.refused()) == codes
    log = exchange.logged()
    assert all(f"[{code}]" in log for code in codes)
    assert mempool(exchange) == []


RETURNED = {
    "other output": {"gate.return_transaction_differs", "gate.return_hostile"},
    "dropped output": {"gate.return_transaction_differs", "gate.return_hostile"},
    "signature by another key": {"gate.return_signature_invalid", "gate.return_hostile"},
}


@pytest.mark.parametrize("how", RETURNED)
def test_what_a_hostile_signer_returns_does_not_reach_the_node(
    exchange: Exchange, how: str
) -> None:
    coin = exchange.fund()
    exchange.pass_for(coin, {PAYEE: "1.5"})
    exchange.hostile(how)
    with pytest.raises(RPCError, match=FAILED):
        exchange.send(coin, {PAYEE: BTC})
    assert set(exchange.refused()) == RETURNED[how]
    log = exchange.logged()
    assert all(f"[{code}]" in log for code in RETURNED[how])
    exchange.hostile("")
    with pytest.raises(RPCError, match=FAILED):
        exchange.send(coin, {PAYEE: BTC})
    assert "gate.alarm_stands" in exchange.refused()
    assert mempool(exchange) == []
    exchange.lift()


def test_without_the_gate_the_node_broadcasts_what_its_signer_altered(tmp_path: Path) -> None:
    with signing_exchange(tmp_path, gate=False) as exchange:
        coin = exchange.fund()
        exchange.hostile("other output")
        txid = exchange.send(coin, {PAYEE: BTC})
        sent = exchange.node.rpc("getrawtransaction", txid, verbosity=1)
        paid = {each["scriptPubKey"]["hex"] for each in sent["vout"]}
    assert THIEF.data.hex() in paid


def test_the_same_transaction_may_be_signed_again_and_no_other_one(exchange: Exchange) -> None:
    """A `send` that failed at the signer is not repeated by `send`: it builds another one."""
    coin = exchange.fund()
    exchange.pass_for(coin, {PAYEE: "1.5"})
    built, other = (_built(exchange, coin, feerate=feerate) for feerate in (5, 6))
    exchange.hostile("no signature")
    with pytest.raises(RPCError, match=FAILED):
        exchange.node.rpc("walletprocesspsbt", built, wallet=COLD)
    assert exchange.refused() == ["gate.return_unsigned"]
    exchange.hostile("")
    assert exchange.node.rpc("walletprocesspsbt", built, wallet=COLD)["complete"]
    with pytest.raises(RPCError, match=FAILED):
        exchange.node.rpc("walletprocesspsbt", other, wallet=COLD)
    assert exchange.refused() == ["gate.pass_used"]


def test_a_higher_fee_is_signed_where_the_pass_allows_it(exchange: Exchange) -> None:
    coin = exchange.fund()
    exchange.pass_for(coin, {PAYEE: "1.5"}, "--fee-bump")
    first = exchange.send(coin, {PAYEE: BTC})
    bumped = exchange.node.rpc("bumpfee", first, {"fee_rate": 15}, wallet=COLD)
    assert mempool(exchange) == [bumped["txid"]] != [first]
    exchange.mine()


def test_the_node_finds_its_signer_and_shows_addresses_on_it(exchange: Exchange) -> None:
    (signer,) = exchange.node.rpc("enumeratesigners")["signers"]
    assert signer["name"] == "software"
    address = exchange.node.rpc("getnewaddress", wallet=COLD)
    assert exchange.node.rpc("walletdisplayaddress", address, wallet=COLD) == {"address": address}


def _built(exchange: Exchange, coin: str, *, feerate: int) -> str:
    """Return a PSBT that the node built and nobody signed."""
    txid, _, vout = coin.partition(":")
    built: Any = exchange.node.rpc(
        "walletcreatefundedpsbt",
        [{"txid": txid, "vout": int(vout)}],
        [{PAYEE: BTC}],
        0,
        {"fee_rate": feerate, "add_inputs": False},
        wallet=COLD,
    )
    return str(built["psbt"])
