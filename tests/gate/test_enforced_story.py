"""A wallet that needs the gate's own key, on a real node: made, spent, frozen, and recovered.

Three holders have wallets on the node, with a private key each; the coordinator's wallet only
watches. Nobody but the gate has the gate's key.
"""

import shutil
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from btclib.ecc import bms
from btclib.key import PrvKeyData
from embit.bip32 import HDKey
from embit.networks import NETWORKS
from parts.bitcoind import RPCError, running
from signer_world import (
    MATURE_BLOCKS,
    MINER,
    NODE_OPTIONS,
    OTHER_PAYEE,
    PAYEE,
    Exchange,
    begin_exchange,
)
from world_coins import bytes_of

from sekisho.wallets.enforced import RECOVERY_BLOCKS_MIN

pytestmark = [
    pytest.mark.bitcoind,
    pytest.mark.xdist_group("bitcoind"),
    pytest.mark.enable_socket,  # the node's RPC, on this machine
]
HOLDERS = ("hana", "ichiro", "jun")
VAULTED = "vaulted"
"""The coordinator's wallet, without any private key."""
BTC = Decimal("1.5")
REGTEST = NETWORKS["regtest"]
PATH = "48h/1h/0h/2h"


class Holder:
    """Somebody with a key of the wallet."""

    def __init__(self, name: str) -> None:
        root = HDKey.from_seed(bytes_of(f"seed of {name}"), version=REGTEST["xprv"])
        self.name, account = name, root.derive(f"m/{PATH}")
        origin = f"[{root.my_fingerprint.hex()}/{PATH}]"
        self.public = origin + account.to_public().to_base58(version=REGTEST["xpub"])
        self.private = origin + account.to_base58(version=REGTEST["xprv"])
        self.first = account.derive("m/0/0").key

    def sign_message(self, message: str) -> str:
        """Return what a device gives for a message, by the first key of its account."""
        secret = int.from_bytes(self.first.secret, "big")
        key = PrvKeyData(secret, "regtest", compressed=True)
        return bms.sign(message.encode(), key).b64encode()


@dataclass(frozen=True, kw_only=True)
class Vault:
    """The wallet and everybody around it."""

    exchange: Exchange
    descriptor: str

    @property
    def gate(self) -> str:
        return str(self.exchange.root.parent / "gate")

    def rpc(self, *call: Any, wallet: str = VAULTED) -> Any:  # noqa: ANN401 - JSON
        return self.exchange.node.rpc(*call, wallet=wallet)

    def fund(self) -> str:
        """Return a new coin of 2 BTC, in a block and observed."""
        address = self.rpc("getnewaddress", "", "bech32")
        options = {"fee_rate": 5, "change_position": 1}
        sent = self.exchange.node.rpc("send", [{address: 2}], options=options, wallet=MINER)
        self.exchange.mine()
        path = self.exchange.root / f"{sent['txid']}.hex"
        path.write_text(self.rpc("gettransaction", sent["txid"], wallet=MINER)["hex"])
        assert self.exchange("wallets", "observe", str(path))[0] == 0
        return f"{sent['txid']}:0"

    def built(self, coin: str, payee: str = PAYEE, *, sequence: int = 0xFFFF_FFFD) -> str:
        """Return a PSBT of the node's own wallet that nobody signed."""
        txid, _, vout = coin.partition(":")
        inputs = [{"txid": txid, "vout": int(vout), "sequence": sequence}]
        options = {"fee_rate": 5, "add_inputs": False, "change_type": "bech32"}
        return str(self.rpc("walletcreatefundedpsbt", inputs, [{payee: BTC}], 0, options)["psbt"])

    def signed(self, psbt: str, holders: Sequence[str]) -> str:
        """Return the PSBT with the signatures of these holders, one after the other."""
        for name in holders:
            said = self.exchange.node.rpc("walletprocesspsbt", psbt, finalize=False, wallet=name)
            psbt = said["psbt"]
        return psbt

    def final(self, psbt: str) -> Any:  # noqa: ANN401 - JSON
        """Return what the node makes of a PSBT: a transaction in hex, if it is complete."""
        return self.exchange.node.rpc("finalizepsbt", psbt)

    def ask(self, name: str, psbt: str, signed: str = "") -> tuple[int, Any]:
        """Ask the gate about a PSBT, or about what came back, under a pass."""
        files = [self.exchange.root / each for each in ("asked.psbt", "signed.psbt")]
        for path, text in zip(files, (psbt, signed), strict=True):
            path.write_bytes(b64decode(text))
        more = ("--signed", str(files[1])) if signed else ()
        asked = ("gate", "check", "--gate", self.gate, "--pass", name, "--psbt", str(files[0]))
        return self.exchange(*asked, *more)

    def cleared(self) -> tuple[str, str]:
        """Return a PSBT that the gate has cleared, and the pass."""
        coin = self.fund()
        asked = self.exchange.pass_for(coin, {PAYEE: "1.5"})
        psbt = self.built(coin)
        code, said = self.ask(asked["pass_id"], psbt)
        assert (code, said["answer"]) == (0, "cleared")
        return psbt, str(asked["pass_id"])


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """One node and one wallet for all of these tests; each has coins and a pass of its own."""
    folder = tmp_path_factory.mktemp("exchange")
    with running(*NODE_OPTIONS) as node:
        exchange = Exchange(folder / "w", node, folder / "seed")
        begin_exchange(exchange)
        node.rpc("createwallet", MINER)
        exchange.mine(MATURE_BLOCKS + 10)
        holders = [Holder(name) for name in HOLDERS]
        descriptor = _made(exchange, holders)
        vault = Vault(exchange=exchange, descriptor=descriptor)
        _import(vault, VAULTED, descriptor, private=False)
        for holder in holders:
            own = descriptor.partition("#")[0].replace(holder.public, holder.private)
            _import(vault, holder.name, own, private=True)
        yield vault


def _made(exchange: Exchange, holders: Sequence[Holder]) -> str:
    """Have the gate draw its key, write the descriptor, prove every key, and register it."""
    gate, key = str(exchange.root.parent / "gate"), str(exchange.root.parent / "cosigner.pub")
    new = ("gate", "cosigner", "new", "--gate", gate, "--out", key, "--network", "regtest")
    assert exchange.bare(*new)[0] == 0
    code, said = exchange.bare(
        "wallets", "enforced", "--gate-key", key, "--network", "regtest", "--threshold", "2",
        *(f"--holder={each.public}" for each in holders),
        "--recovery-threshold", "3", "--recovery-blocks", str(RECOVERY_BLOCKS_MIN),
    )  # fmt: skip
    assert code == 0, said
    descriptor, sheet = str(said["descriptor"]), exchange.file("sheet.json")
    code, asked = exchange(
        "wallets", "challenge", descriptor, "--id", "cold-1", "--department", "operations",
        "--change", "internal_branch", "--gap-limit", "50", "--gate-key", key, "--out", sheet,
    )  # fmt: skip
    assert code == 0, asked
    assert exchange.bare("gate", "cosigner", "prove", sheet, "--gate", gate)[0] == 0
    for holder, challenged in zip(holders, asked["keys"][1:], strict=True):
        signature = holder.sign_message(challenged["message"])
        prove = ("wallets", "prove", sheet, "--key", challenged["name"], "--signature", signature)
        assert exchange.bare(*prove)[0] == 0
    exchange.put_in_force("wallets", "register-proven", sheet)
    return descriptor


def _import(vault: Vault, name: str, descriptor: str, *, private: bool) -> None:
    """Have the node keep a wallet with one descriptor, for receiving and for change."""
    rpc = vault.exchange.node.rpc
    rpc("createwallet", name, disable_private_keys=not private, blank=True)
    text = rpc("getdescriptorinfo", descriptor)["checksum"]
    body = descriptor.partition("#")[0]
    imported = {"desc": f"{body}#{text}", "active": True, "timestamp": "now", "range": [0, 50]}
    (said,) = rpc("importdescriptors", [imported], wallet=name)
    assert said["success"], said


def mempool(vault: Vault) -> list[str]:
    found: list[str] = vault.exchange.node.rpc("getrawmempool")
    return found


def test_holders_and_gate_together_spend(vault: Vault) -> None:
    psbt, name = vault.cleared()
    first = vault.signed(psbt, ["hana"])
    code, said = vault.ask(name, psbt, first)
    assert (code, said["complete"]) == (0, False)
    both = vault.signed(first, ["jun"])
    assert not vault.final(both)["complete"]  # the node finds that a key is missing
    code, said = vault.ask(name, psbt, both)
    assert (code, said["complete"]) == (0, True)
    txid = vault.exchange.node.rpc("sendrawtransaction", said["transaction"])
    assert txid == said["txid"]
    vault.exchange.mine()
    assert vault.rpc("gettransaction", txid)["confirmations"] == 1
    history = [each["kind"] for each in vault.exchange.shown(name)["history"]]
    assert history[-3:] == ["gate.returned", "gate.returned", "gate.signed"]


def test_without_the_gate_all_the_holders_move_nothing(vault: Vault) -> None:
    coin = vault.fund()
    for sequence in (0xFFFF_FFFD, RECOVERY_BLOCKS_MIN - 1):
        stolen = vault.signed(vault.built(coin, OTHER_PAYEE, sequence=sequence), HOLDERS)
        assert not vault.final(stolen)["complete"]
    early = vault.final(
        vault.signed(vault.built(coin, OTHER_PAYEE, sequence=RECOVERY_BLOCKS_MIN), HOLDERS)
    )
    assert early["complete"]
    with pytest.raises(RPCError, match="non-BIP68-final"):
        vault.exchange.node.rpc("sendrawtransaction", early["hex"])
    assert mempool(vault) == []


def test_what_the_holders_signed_beside_the_pass_stays_unsigned_by_the_gate(vault: Vault) -> None:
    """Every holder was deceived. At a wallet that is advisory the coins would be gone."""
    psbt, name = vault.cleared()
    txid = vault.exchange.node.rpc("decodepsbt", psbt)["tx"]["vin"][0]["txid"]
    hostile = vault.signed(vault.built(f"{txid}:0", OTHER_PAYEE), HOLDERS)
    code, said = vault.ask(name, psbt, hostile)
    assert code == 3
    assert "gate.return_hostile" in {each["code"] for each in said["findings"]}
    assert not vault.final(hostile)["complete"]
    vault.exchange.lift()


def test_a_freeze_after_the_holders_signed_still_stops_it(vault: Vault) -> None:
    psbt, name = vault.cleared()
    both = vault.signed(psbt, ["hana", "ichiro"])
    exchange = vault.exchange
    freeze = ("gate", "freeze", "--purpose", "the watcher calls", *exchange.signing("carol"))
    assert exchange(*freeze)[0] == 0
    assert exchange("journal", "checkpoint")[0] == 0
    code, said = vault.ask(name, psbt, both)
    assert (code, {each["code"] for each in said["findings"]}) == (3, {"gate.frozen"})
    assert not vault.final(both)["complete"]
    lift = ("gate", "lift", "--purpose", "looked into", *exchange.signing("alice"))
    code, said = exchange(*lift)
    assert code == 0, said
    exchange.approved(said["pass_id"])
    exchange.let_the_gate_go_on()
    assert vault.ask(name, psbt, both)[1]["complete"]


def test_the_gate_clears_nothing_that_would_leave_by_the_recovery(vault: Vault) -> None:
    coin = vault.fund()
    asked = vault.exchange.pass_for(coin, {PAYEE: "1.5"})
    code, said = vault.ask(asked["pass_id"], vault.built(coin, sequence=RECOVERY_BLOCKS_MIN))
    assert (code, {each["code"] for each in said["findings"]}) == (3, {"gate.opens_recovery"})


def test_people_are_told_what_the_wallet_needs(vault: Vault) -> None:
    _, listed = vault.exchange("wallets", "list")
    (wallet,) = listed["wallets"]
    assert wallet["level"] == "enforced"
    assert listed["balance_sat_by_level"] == {
        "enforced": wallet["balance_sat"],
        "advisory": "0",
    }
    _, shown = vault.exchange("wallets", "show", "cold-1")
    assert [each["proven"] for each in shown["keys"]] == [True] * 4


def test_when_the_gate_is_lost_the_recovery_opens_in_time(vault: Vault) -> None:
    """The last story: the gate's folder, and with it its key, is gone for good."""
    coin = vault.fund()
    shutil.rmtree(Path(vault.gate))
    psbt = vault.built(coin, sequence=RECOVERY_BLOCKS_MIN)
    assert not vault.final(vault.signed(psbt, ["hana", "jun"]))["complete"]  # it takes all three
    recovered = vault.final(vault.signed(psbt, HOLDERS))
    vault.exchange.mine(RECOVERY_BLOCKS_MIN - 2)
    with pytest.raises(RPCError, match="non-BIP68-final"):
        vault.exchange.node.rpc("sendrawtransaction", recovered["hex"])
    vault.exchange.mine()
    txid = vault.exchange.node.rpc("sendrawtransaction", recovered["hex"])
    vault.exchange.mine()
    assert vault.rpc("gettransaction", txid)["confirmations"] == 1
