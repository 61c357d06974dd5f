"""A real node, a real watcher beside it: what leaves is judged, and what was not seen is said."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest
from node_world import (
    Proxy,
    WatchedExchange,
    Watcher,
    beside,
    rivals,
    watched_exchange,
    watching,
)
from parts.bitcoind import COOKIE
from signer_world import COLD, MINER, PAYEE

from sekisho.edges.node_feed import monotonic_us

pytestmark = [
    pytest.mark.bitcoind,
    pytest.mark.xdist_group("bitcoind"),
    pytest.mark.enable_socket,  # the node's RPC and its messages, on this machine
]
NOTICED_SECONDS = 5


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedExchange]:
    """One node for all of these thefts; each is of a coin of its own."""
    with watched_exchange(tmp_path_factory.mktemp("exchange")) as opened:
        yield opened


def last(exchange: WatchedExchange, kind: str) -> dict[str, object]:
    """Return the newest coverage entry of a kind."""
    return dict(exchange.entries_of(kind)[-1].body)


def restart(exchange: WatchedExchange) -> None:
    exchange.node.start()
    for wallet in (COLD, MINER):
        exchange.node.rpc("loadwallet", wallet)


def test_what_a_pass_allows_is_matched_and_no_alarm(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """In an exchange of its own: after a theft no gate opens before people have looked."""
    with (
        watched_exchange(tmp_path_factory.mktemp("honest")) as exchange,
        watching(exchange) as watcher,
    ):
        coin = exchange.fund()
        asked = exchange.pass_for(coin, {PAYEE: "1.5"}, "--fee-bump")
        txid = exchange.send(coin, {PAYEE: Decimal("1.5")})
        assert watcher.wait("verdict", txid=txid)["verdict"] == "matched"
        bumped = exchange.node.rpc("bumpfee", txid, {"fee_rate": 15}, wallet=COLD)["txid"]
        assert watcher.wait("verdict", txid=bumped)["verdict"] == "replacement"
        exchange.mine()
        assert exchange.shown(asked["pass_id"])["state"] == "signed_live"
        assert (exchange.verdicts(txid), exchange.verdicts(bumped)) == (
            ["matched"],
            ["replacement"],
        )
        assert watcher.stop() == 0
        assert not [each for each in watcher.events if each["event"] in {"alarm", "trouble"}]
        assert last(exchange, "watch.blind")["findings_total"] == 1


def test_a_theft_is_an_alarm_and_its_loss_is_seen_by_the_counter(
    exchange: WatchedExchange,
) -> None:
    coins = [exchange.fund() for _ in range(4)]
    with (
        closing(Proxy(exchange.addresses)) as proxy,
        watching(exchange, *proxy.options()) as watcher,
    ):
        called_us = monotonic_us()
        seen = exchange.steal(coins[0])
        alarm = watcher.wait("alarm", txid=seen)
        assert alarm["verdict"] == "unmatched"
        assert called_us < alarm["heard_us"] < monotonic_us() - alarm["took_us"]
        assert exchange.verdicts(seen) == ["unmatched"]

        proxy.drop["rawtx"] = 1
        lost = exchange.steal(coins[1])
        next_one = exchange.steal(coins[2])
        watcher.wait("alarm", txid=next_one)
        assert watcher.trouble("watch.node_lost")["facts"] == {"topic": "rawtx", "messages": "1"}
        watcher.wait("alarm", txid=lost)

        proxy.drop["rawtx"] = 1  # and nothing after it
        alone = exchange.steal(coins[3])
        watcher.trouble("watch.node_unheard")
        watcher.wait("alarm", txid=alone)
        assert not [each for each in watcher.events if each["event"] == "blind"]
    for txid in (seen, lost, next_one, alone):
        assert exchange.verdicts(txid) == ["unmatched"]
    exchange.mine()


@pytest.mark.parametrize("topic", ["rawtx", "sequence"])
def test_a_notifier_that_died_is_noticed_and_nothing_missed(
    exchange: WatchedExchange, topic: str
) -> None:
    coins = [exchange.fund() for _ in range(2)]
    with (
        closing(Proxy(exchange.addresses)) as proxy,
        watching(exchange, *proxy.options()) as watcher,
    ):
        proxy.mute.add(topic)
        watcher.wait("node_seen")
        txid = exchange.steal(coins[0])
        found = watcher.trouble("watch.node_topic_silent", seconds=NOTICED_SECONDS + 5)
        assert found["facts"] == {"topic": topic}
        watcher.wait("blind")
        watcher.wait("alarm", txid=txid)
        proxy.mute.clear()
        after = len(watcher.events)
        again = exchange.steal(coins[1])
        watcher.wait("alarm", txid=again)
        exchange.mine()  # what was said while it subscribed anew is lost; now it speaks again
        watcher.wait("seeing", after=after)
    blind, seeing = last(exchange, "watch.blind"), last(exchange, "watch.seeing")
    assert (blind["from"], seeing["complete"]) == (seeing["from"], True)
    assert exchange.verdicts(txid) == exchange.verdicts(again) == ["unmatched"]
    exchange.mine()


def test_a_watcher_started_after_the_fact_reports_it(exchange: WatchedExchange) -> None:
    with watching(exchange) as watcher:
        assert watcher.stop() == 0
    stopped = last(exchange, "watch.blind")
    mined = exchange.steal(exchange.fund())
    exchange.mine()
    coins = [exchange.fund() for _ in range(2)]
    undone = exchange.steal(coins[0])
    exchange.mine(2)
    rivals(exchange, blocks=2)
    waiting = exchange.steal(coins[1])
    assert {undone, waiting} <= set(exchange.node.rpc("getrawmempool"))
    with watching(exchange) as watcher:
        for txid in (mined, undone, waiting):
            watcher.wait("alarm", txid=txid)
            assert exchange.verdicts(txid) == ["unmatched"]
    seeing = last(exchange, "watch.seeing")
    assert (seeing["from"], seeing["complete"]) == (stopped["from"], True)
    tip = exchange.node.rpc("getbestblockhash")
    assert seeing["tip"] == {"hash": tip, "height": exchange.node.rpc("getblockcount")}
    exchange.mine()


def test_a_theft_in_a_block_that_six_others_displace(exchange: WatchedExchange) -> None:
    coins = [exchange.fund() for _ in range(2)]
    exchange.mine(6)
    with watching(exchange) as watcher:
        txid = exchange.steal(coins[0])
        exchange.mine(6)
        exchange.caught_up()
        hidden = exchange.stolen(coins[1])
        address = exchange.node.rpc("getnewaddress", wallet=MINER)
        height = exchange.node.rpc("getblockcount")
        exchange.node.rpc("invalidateblock", exchange.node.rpc("getblockhash", height - 5))
        private = exchange.node.rpc("generateblock", address, [hidden])["hash"]
        for _ in range(6):
            exchange.node.rpc("generateblock", address, [])
        found = watcher.trouble("watch.reorganised")
        assert found["facts"]["blocks"] == "6"
        in_block = exchange.node.rpc("getblock", private)["tx"][1]
        watcher.wait("alarm", txid=in_block)
        assert exchange.verdicts(txid) == exchange.verdicts(in_block) == ["unmatched"]
    exchange.mine()


def test_a_watcher_killed_between_thefts_gives_each_one_verdict(
    exchange: WatchedExchange,
) -> None:
    coins = [exchange.fund() for _ in range(4)]
    txids = []
    for coin in coins[:2]:
        with watching(exchange) as watcher:  # it is killed at the end
            txids.append(exchange.steal(coin))
            watcher.wait("alarm", txid=txids[-1])
    watcher = Watcher(exchange)
    try:
        watcher.wait("started")
        txids += [exchange.steal(coin) for coin in coins[2:]]
    finally:
        watcher.kill()
    with watching(exchange) as watcher:
        exchange.mine()
        watcher.wait("seeing")
        assert watcher.stop() == 0
    assert [exchange.verdicts(txid) for txid in txids] == [["unmatched"]] * 4


def test_a_node_that_is_killed_makes_the_watcher_blind_and_seeing_again(
    exchange: WatchedExchange,
) -> None:
    """Killed, a node forgets the blocks that it had not written yet: its chain is shorter."""
    exchange.node.stop()  # it writes everything
    restart(exchange)
    with watching(exchange) as watcher:
        exchange.mine(3)
        exchange.node.kill()
        watcher.wait("blind")
        code, said = exchange("watch", "status")
        assert code == 3
        assert said["blind"]
        after = len(watcher.events)
        restart(exchange)
        txid = exchange.steal(exchange.fund())
        watcher.wait("alarm", after=after, txid=txid)
        watcher.wait("seeing", after=after)
        assert watcher.stop() == 0
    blind, seeing = exchange.entries_of("watch.blind")[-2], last(exchange, "watch.seeing")
    assert blind.body["from"] == seeing["from"]
    assert exchange.verdicts(txid) == ["unmatched"]


def test_a_wallet_that_is_registered_meanwhile_is_watched(exchange: WatchedExchange) -> None:
    exchange.node.rpc("createwallet", "later")
    listed = exchange.node.rpc("listdescriptors", wallet="later")["descriptors"]
    plain = next(each["desc"].partition("#")[0] for each in listed if "wpkh(" in each["desc"][:5])
    with watching(exchange) as watcher:
        address = exchange.node.rpc("getnewaddress", "", "bech32", wallet="later")
        early = exchange.pay(address)  # nobody knows of the wallet yet
        exchange.put_in_force(
            "wallets", "register", plain.replace("/0/*", "/<0;1>/*"), "--id", "hot-1",
            "--department", "operations", "--change", "internal_branch",
        )  # fmt: skip
        late = exchange.pay(address)
        for txid in (late, early):
            assert watcher.wait("verdict", txid=txid)["wallet_ids"] == ["hot-1"]


def test_of_two_nodes_the_first_to_speak_is_heard_and_one_is_enough(
    exchange: WatchedExchange,
) -> None:
    coins = [exchange.fund() for _ in range(2)]
    thefts = [exchange.stolen(coin) for coin in coins]
    with beside(exchange) as other:
        both = [
            f"--node={name}=http://127.0.0.1:{node.port},{node.folder / COOKIE}"
            for name, node in (("tokyo", exchange.node), ("osaka", other))
        ]
        with watching(exchange, *both) as watcher:
            first = other.rpc("sendrawtransaction", thefts[0])
            watcher.wait("alarm", txid=first)
            exchange.node.rpc("sendrawtransaction", thefts[0])
            other.kill()
            watcher.trouble("watch.node_blind")
            second = exchange.node.rpc("sendrawtransaction", thefts[1])
            watcher.wait("alarm", txid=second)
            assert not [each for each in watcher.events if each["event"] == "blind"]
    assert exchange.verdicts(first) == exchange.verdicts(second) == ["unmatched"]
    exchange.mine()


def test_coins_that_were_there_before_are_watched(exchange: WatchedExchange) -> None:
    """Nobody handed in what made the coin, and the theft pays us nothing back."""
    coin = exchange.pay_into_cold()
    exchange.mine(blocks=7)
    for path in exchange.root.glob("chain.sqlite*"):
        path.unlink()
    with watching(exchange) as watcher:
        assert watcher.wait("coins")["coins"] >= 1
        txid = exchange.steal(coin, btc="1.999992")
        theft = exchange.node.rpc("getrawtransaction", txid, True)  # noqa: FBT003 - by place
        assert len(theft["vout"]) == 1
        assert watcher.wait("alarm", txid=txid)["verdict"] == "unmatched"
    exchange.mine()
    with watching(exchange) as watcher:
        assert not [each for each in watcher.events if each["event"] == "coins"]


def test_a_theft_that_waits_of_a_coin_that_was_mined_while_nobody_watched(
    exchange: WatchedExchange,
) -> None:
    """The mempool is listed before the block is searched that makes the coin ours."""
    with watching(exchange) as watcher:
        assert watcher.stop() == 0
    txid = exchange.steal(exchange.pay_into_cold(), btc="1.999992")
    with watching(exchange) as watcher:
        names = [(each["event"], each.get("txid")) for each in watcher.events]
        assert names.index(("alarm", txid)) < names.index(("seeing", None))
    exchange.mine()
