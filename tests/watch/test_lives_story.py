"""The life of a movement beside a real node: bumped, undone, mined again, and spent twice."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from node_world import WatchedExchange, watched_exchange, watching
from signer_world import COLD, PAYEE

pytestmark = [
    pytest.mark.bitcoind,
    pytest.mark.xdist_group("bitcoind"),
    pytest.mark.enable_socket,  # the node's RPC and its messages, on this machine
]


@pytest.fixture
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedExchange]:
    with watched_exchange(tmp_path_factory.mktemp("exchange")) as opened:
        yield opened


def test_a_fee_bump_is_a_life_that_replaces_another(exchange: WatchedExchange) -> None:
    with watching(exchange) as watcher:
        coin = exchange.fund()
        asked = exchange.pass_for(coin, {PAYEE: "1.5"}, "--fee-bump")
        first = exchange.send(coin, {PAYEE: Decimal("1.5")})
        watcher.wait("verdict", txid=first)
        exchange.lives_until(first, "seen")
        bumped = exchange.node.rpc("bumpfee", first, {"fee_rate": 15}, wallet=COLD)["txid"]
        assert watcher.wait("verdict", txid=bumped)["verdict"] == "replacement"
        assert exchange.lives_until(first, "replaced")[-1]["by_txid"] == bumped
        exchange.mine()
        exchange.lives_until(bumped, "confirmed")
        last = exchange.lives_until(first, "displaced")[-1]
        assert last["by_txid"] == bumped
        exchange.mine(5)
        states = [each["state"] for each in exchange.lives_until(bumped, "settled")]
        assert states == ["seen", "confirmed", "settled"]
        exchange.until(lambda: exchange.entries_of("watch.settled"))
        [settled] = exchange.entries_of("watch.settled")
        assert settled.body["txid"] == bumped
        assert settled.body["confirmations"] >= 6
        assert exchange.shown(asked["pass_id"])["state"] == "settled"
        assert not [each for each in watcher.events if each["event"] in {"alarm", "trouble"}]
        assert watcher.stop() == 0
