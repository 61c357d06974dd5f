"""Beside a real node: what stays with us, what brings us more than it takes, and dust."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from embit.bip32 import HDKey
from embit.psbt import PSBT
from node_world import FEERATE, WatchedExchange, watched_exchange, watching
from signer_world import COLD, MINER
from world_coins import bytes_of

pytestmark = [
    pytest.mark.bitcoind,
    pytest.mark.xdist_group("bitcoind"),
    pytest.mark.enable_socket,  # the node's RPC and its messages, on this machine
]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedExchange]:
    with watched_exchange(tmp_path_factory.mktemp("exchange")) as opened:
        yield opened


def part(coin: str) -> dict[str, Any]:
    txid, _, vout = coin.partition(":")
    return {"txid": txid, "vout": int(vout)}


def sent(exchange: WatchedExchange, coins: list[str], pay: dict[str, str]) -> str:
    """Send coins of the cold wallet, and of the miner's, exactly so; return the txid."""
    outputs = [{address: Decimal(btc)} for address, btc in pay.items()]
    built = exchange.node.rpc("createpsbt", [part(each) for each in coins], outputs)
    for wallet, signs in ((COLD, False), (MINER, True)):
        built = exchange.node.rpc("walletprocesspsbt", built, signs, wallet=wallet)["psbt"]
    psbt: Any = PSBT.from_string(built)
    psbt.sign_with(HDKey.from_seed(bytes.fromhex(bytes_of("cold").hex())))
    final = exchange.node.rpc("finalizepsbt", psbt.to_string())
    assert final["complete"], final
    return str(exchange.node.rpc("sendrawtransaction", final["hex"]))


def test_what_stays_with_us_needs_a_pass_and_a_cold_wallet_is_shown(
    exchange: WatchedExchange,
) -> None:
    """Consolidation, a sweep to ourselves, a payjoin that brings more: each is judged."""
    first, second, third = (exchange.fund() for _ in range(3))
    cold = [exchange.node.rpc("getnewaddress", wallet=COLD) for _ in range(3)]
    [lent, *_] = exchange.node.rpc("listunspent", wallet=MINER)
    stranger = f"{lent['txid']}:{lent['vout']}"
    more = str(Decimal(str(lent["amount"])) + Decimal("1.9998"))
    with watching(exchange) as watcher:
        consolidated = sent(exchange, [first, second], {cold[0]: "3.9999"})
        swept = sent(exchange, [third], {cold[1]: "1.9999"})
        back = f"{swept}:0"
        joined = sent(exchange, [back, stranger], {cold[2]: more})
        for txid, spent in ((consolidated, 4), (swept, 2), (joined, Decimal("1.9999"))):
            alarm = watcher.wait("alarm", txid=txid)
            codes = {each["code"] for each in alarm["findings"]}
            assert (alarm["verdict"], codes) == ("unmatched", {"watch.moved_within"})
            assert alarm["left_sat"] == "0"
            moved = watcher.wait("cold_move", txid=txid)["finding"]
            assert moved["subject"] == "cold-1"
            assert moved["facts"]["spent_sat"] == str(int(Decimal(spent) * 10**8))
    for txid in (consolidated, swept, joined):
        assert exchange.verdicts(txid) == ["unmatched"]


def test_dust_is_no_alarm(exchange: WatchedExchange) -> None:
    address = exchange.node.rpc("getnewaddress", wallet=COLD)
    with watching(exchange) as watcher:
        options = {"fee_rate": FEERATE}
        pay = [{address: Decimal("0.00000546")}]
        paid = exchange.node.rpc("send", pay, options=options, wallet=MINER)
        assert watcher.wait("verdict", txid=paid["txid"])["verdict"] == "deposit"
        assert watcher.stop() == 0
        assert not [each for each in watcher.events if each["event"] in {"alarm", "cold_move"}]
