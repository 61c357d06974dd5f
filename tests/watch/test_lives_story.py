"""The life of a movement beside a real node: bumped, undone, mined again, and spent twice."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from node_world import WatchedExchange, Watcher, rivals, watched_exchange, watching
from parts.bitcoind import MEMPOOL
from signer_world import COLD, MINER, OTHER_PAYEE, PAYEE

pytestmark = [
    pytest.mark.bitcoind,
    pytest.mark.xdist_group("bitcoind"),
    pytest.mark.enable_socket,  # the node's RPC and its messages, on this machine
]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedExchange]:
    """One node for all; each movement is of a coin of its own."""
    with watched_exchange(tmp_path_factory.mktemp("exchange")) as opened:
        yield opened


def paid(exchange: WatchedExchange, watcher: Watcher, *more: str) -> tuple[str, str, str]:
    """Pay what a pass allows; return the coin, the id of the pass, and the txid."""
    coin = exchange.fund()
    asked = exchange.pass_for(coin, {PAYEE: "1.5"}, *more)
    txid = exchange.send(coin, {PAYEE: Decimal("1.5")})
    assert watcher.wait("verdict", txid=txid)["verdict"] == "matched"
    exchange.lives_until(txid, "seen")
    return coin, asked["pass_id"], txid


def states(exchange: WatchedExchange, txid: str) -> list[str]:
    return [each["state"] for each in exchange.lives(txid)]


def incident(exchange: WatchedExchange, txid: str) -> Any:  # noqa: ANN401 - JSON
    """Return the incident that a double spending opened."""
    of = [each.body for each in exchange.entries_of("incident.opened")]
    [found] = [each for each in of if (each["txid"], each["verdict"]) == (txid, "double_spent")]
    return found


def test_a_fee_bump_takes_the_place_of_a_payment_and_settles(exchange: WatchedExchange) -> None:
    with watching(exchange) as watcher:
        _, pass_id, first = paid(exchange, watcher, "--fee-bump")
        bumped = exchange.node.rpc("bumpfee", first, {"fee_rate": 15}, wallet=COLD)["txid"]
        assert watcher.wait("verdict", txid=bumped)["verdict"] == "replacement"
        assert exchange.lives_until(first, "replaced")[-1]["by_txid"] == bumped
        exchange.mine()
        exchange.lives_until(bumped, "confirmed")
        assert exchange.lives_until(first, "displaced")[-1]["by_txid"] == bumped
        exchange.mine(4)
        exchange.caught_up()
        assert not exchange.entries_of("watch.settled")
        exchange.mine()
        exchange.lives_until(bumped, "settled")
        assert states(exchange, bumped) == ["seen", "confirmed", "settled"]
        exchange.until(lambda: exchange.entries_of("watch.settled"))
        exchange.caught_up()
        shown = {each["txid"]: each for each in exchange("watch", "movements")[1]["movements"]}
        assert (shown[bumped]["state"], shown[bumped]["depth"]) == ("settled", 6)
        assert (shown[bumped]["verdict"], shown[bumped]["pass_id"]) == ("replacement", pass_id)
        assert shown[bumped]["amount_sat"] == "150000000"
        assert (shown[first]["state"], shown[first]["by_txid"]) == ("displaced", bumped)
        [settled] = exchange.entries_of("watch.settled")
        assert (settled.body["txid"], settled.body["confirmations"]) == (bumped, 6)
        assert exchange.shown(pass_id)["state"] == "settled"
        assert not [each for each in watcher.events if each["event"] in {"alarm", "trouble"}]
        assert watcher.stop() == 0


def test_a_bump_that_changes_the_payment_is_an_alarm(exchange: WatchedExchange) -> None:
    with watching(exchange) as watcher:
        coin, _, first = paid(exchange, watcher, "--fee-bump")
        other = exchange.stolen(coin, to=OTHER_PAYEE, feerate=40)
        txid = exchange.node.rpc("sendrawtransaction", other)
        assert watcher.wait("alarm", txid=txid)["verdict"] == "deviating"
        assert exchange.lives_until(first, "replaced")[-1]["by_txid"] == txid
        assert states(exchange, txid) == ["seen"]
        exchange.mine()
        exchange.lives_until(first, "displaced")
        assert exchange.verdicts(first) == ["matched"]  # it never was in a block
    exchange.lift()


def test_a_payment_that_was_in_a_block_and_is_spent_otherwise(exchange: WatchedExchange) -> None:
    with watching(exchange) as watcher:
        coin, _, txid = paid(exchange, watcher)
        exchange.mine()
        was = exchange.lives_until(txid, "confirmed")[-1]
        rivals(exchange, exchange.stolen(coin, to=OTHER_PAYEE, feerate=40), blocks=1)
        assert watcher.wait("alarm", txid=txid)["verdict"] == "double_spent"
        last = exchange.lives_until(txid, "displaced")[-1]
        assert watcher.wait("alarm", txid=last["by_txid"])["verdict"] == "deviating"
        assert exchange.verdicts(txid) == ["matched", "double_spent"]
        opened = incident(exchange, txid)
        [found] = opened["findings"]
        assert found["facts"] == {
            "amount_sat": "150000000",
            "block": was["block_hash"],
            "height": str(was["height"]),
            "by": last["by_txid"],
        }
        assert "undone" in states(exchange, txid)
    exchange.lift()


def test_a_deposit_that_was_in_a_block_and_is_spent_otherwise(exchange: WatchedExchange) -> None:
    node = exchange.node
    with watching(exchange) as watcher:
        txid = exchange.pay(node.rpc("getnewaddress", wallet=COLD))
        raw = node.rpc("gettransaction", txid, wallet=MINER)["hex"]
        spent = node.rpc("decoderawtransaction", raw)["vin"]
        inputs = [{"txid": each["txid"], "vout": each["vout"]} for each in spent]
        back = [{node.rpc("getnewaddress", wallet=MINER): Decimal("0.2")}]
        other = node.rpc("createrawtransaction", inputs, back)
        signed = node.rpc("signrawtransactionwithwallet", other, wallet=MINER)["hex"]
        exchange.mine()
        exchange.lives_until(txid, "confirmed")
        rivals(exchange, signed, blocks=1)
        assert watcher.wait("alarm", txid=txid)["verdict"] == "double_spent"
        by = node.rpc("decoderawtransaction", signed)["txid"]
        assert exchange.lives_until(txid, "displaced")[-1]["by_txid"] == by
        assert exchange.verdicts(txid) == ["deposit", "double_spent"]
        assert exchange.verdicts(by) == []  # it is not about us
        opened = incident(exchange, txid)
        assert (opened["wallet_ids"], opened["loss"]["amount_sat"]) == (["cold-1"], "10000000")
        exchange.pass_for(exchange.fund(), {PAYEE: "1.5"})  # a stranger's deed shuts no gate


def test_a_theft_that_is_undone_and_mined_again(exchange: WatchedExchange) -> None:
    with watching(exchange) as watcher:
        txid = exchange.steal(exchange.fund(), btc="1.4")
        watcher.wait("alarm", txid=txid)
        exchange.mine()
        exchange.lives_until(txid, "confirmed")
        rivals(exchange, blocks=1)
        exchange.lives_until(txid, "seen")
        exchange.mine()
        exchange.lives_until(txid, "confirmed")
    told = states(exchange, txid)
    assert told[:2] == ["seen", "confirmed"]
    assert told[2:] == ["undone", "seen", "confirmed"]
    assert exchange.verdicts(txid) == ["unmatched"]


def test_what_happens_while_no_watcher_is_there_is_told_by_the_next(
    exchange: WatchedExchange,
) -> None:
    coins = [exchange.fund() for _ in range(3)]
    undone, mined, lost = (exchange.stolen(coin) for coin in coins)
    send = exchange.node.rpc
    with watching(exchange):  # it is killed at the end
        undone_txid = send("sendrawtransaction", undone)
        exchange.mine()
        exchange.lives_until(undone_txid, "confirmed")
        mined_txid = send("sendrawtransaction", mined)
        lost_txid = send("sendrawtransaction", lost)
        for txid in (mined_txid, lost_txid):
            exchange.lives_until(txid, "seen")
    rivals(exchange, mined, blocks=1)
    exchange.mine_empty(5)
    exchange.node.stop()
    (exchange.node.folder / MEMPOOL).unlink()
    exchange.node.start()
    with watching(exchange):
        exchange.lives_until(undone_txid, "undone")
        exchange.lives_until(mined_txid, "settled")
        exchange.lives_until(lost_txid, "gone")
        send("sendrawtransaction", lost)
        send("sendrawtransaction", undone)
        exchange.lives_until(lost_txid, "seen")
        exchange.lives_until(undone_txid, "seen")
    for wallet in (COLD, MINER):
        send("loadwallet", wallet)
    exchange.mine()
