"""Beside a real node: deposit scripts that are listed while the watcher runs."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_world import WatchedExchange, watched_exchange, watching
from signer_world import COLD

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.edges.script_files import append_scripts

pytestmark = [
    pytest.mark.bitcoind,
    pytest.mark.xdist_group("bitcoind"),
    pytest.mark.enable_socket,  # the node's RPC and its messages, on this machine
]
WATCHED_SECONDS = 1
"""What is appended is watched by then."""
FAR = 400
"""Beyond the gap limit of the wallet, and within what the node's own wallet knows."""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedExchange]:
    with watched_exchange(tmp_path_factory.mktemp("exchange")) as opened:
        opened.node.rpc("keypoolrefill", 2 * FAR, wallet=COLD)
        yield opened


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "deposits.scripts"


def deposit_address(exchange: WatchedExchange, index: int) -> str:
    listed = exchange.node.rpc("listdescriptors", wallet=COLD)["descriptors"]
    [plain] = [
        each["desc"] for each in listed if each["desc"][:5] == "wpkh(" and not each["internal"]
    ]
    return str(exchange.node.rpc("deriveaddresses", plain, [FAR + index, FAR + index])[0])


def script(address: str) -> bytes:
    return script_of(address, Network.REGTEST, "test")


def coin_of(exchange: WatchedExchange, txid: str, address: str) -> str:
    raw = exchange.node.rpc("getrawtransaction", txid, 1)
    [vout] = [each["n"] for each in raw["vout"] if each["scriptPubKey"].get("address") == address]
    return f"{txid}:{vout}"


def test_what_is_listed_meanwhile_is_watched(exchange: WatchedExchange, path: Path) -> None:
    first, second, late = (deposit_address(exchange, number) for number in range(3))
    append_scripts(path, [script(first)])
    with watching(exchange, f"--scripts=cold-1={path}") as watcher:
        assert watcher.wait("listed")["scripts"] == 1
        append_scripts(path, [script(second)])
        time.sleep(WATCHED_SECONDS)
        coins = []
        for address in (first, second):
            txid = exchange.pay(address)
            assert watcher.wait("verdict", txid=txid)["verdict"] == "deposit"
            coins.append(coin_of(exchange, txid, address))
        for coin in coins:
            alarm = watcher.wait("alarm", txid=exchange.steal(coin, btc="0.05"))
            assert (alarm["verdict"], alarm["wallet_ids"]) == ("unmatched", ["cold-1"])

        early = exchange.pay(late)  # before anybody lists it
        coin = coin_of(exchange, early, late)
        exchange.mine()
        exchange.caught_up()
        append_scripts(path, [script(late)])
        assert watcher.wait("verdict", txid=early)["verdict"] == "deposit"
        assert watcher.stop() == 0
    assert exchange("watch", "status")[1]["listed"] == {"cold-1": 3}
    assert exchange.entries_of("watch.judged")[-1].body["verdict"] == "deposit"
    with watching(exchange, f"--scripts=cold-1={path}") as watcher:
        txid = exchange.steal(coin, btc="0.05")
        assert watcher.wait("alarm", txid=txid)["verdict"] == "unmatched"
    exchange.mine()


def test_a_file_that_is_damaged_is_a_trouble_until_it_is_whole(
    exchange: WatchedExchange, path: Path
) -> None:
    address, other = (deposit_address(exchange, number) for number in (10, 11))
    append_scripts(path, [script(other)])
    with watching(exchange, f"--scripts=cold-1={path}") as watcher:
        before = path.stat().st_size
        with path.open("ab") as writing:
            writing.write(b"\xff" * 8)
        found = watcher.trouble("watch.scripts_unreadable")
        assert found["subject"] == str(path)
        txid = exchange.pay(other)
        assert watcher.wait("verdict", txid=txid)["wallet_ids"] == ["cold-1"]
        os.truncate(path, before)
        append_scripts(path, [script(address)])
        time.sleep(WATCHED_SECONDS)
        txid = exchange.pay(address)
        watcher.wait("verdict", txid=txid)
        path.unlink()
        append_scripts(path, [script(other)])
        watcher.trouble("watch.scripts_replaced")
        txid = exchange.pay(address)
        assert watcher.wait("verdict", txid=txid)["verdict"] == "deposit"
    exchange.mine()
