"""A real node on regtest for benchmarks, a watched exchange on it, and whoever steals from it.

The node keeps no wallet. Its blocks pay a script that anybody may spend (P2WSH of OP_TRUE), so
that a thousand transactions cost no signature; the exchange's coins are P2WPKH under a key that
the benchmark has, as a thief would. Nothing is signed while time is taken.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import zmq
from embit.bip32 import HDKey
from embit.networks import NETWORKS

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.digests import hash160
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import p2pkh_of, p2wsh_of
from sekisho.chains.bitcoin.sighash import ALL, segwit_digest, signed_parts
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.edges.node_feed import monotonic_us
from sekisho.edges.node_rpc import Call, NodeRefusedError, NodeRPC, node_address
from sekisho.kernel.money import Sat

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from node_world import WatchedExchange, Watcher, published  # noqa: E402 - found by the line above
from parts.bitcoind import COOKIE, Node, running  # noqa: E402 - the same
from signer_world import begin_exchange  # noqa: E402 - the same

__all__ = ["COOKIE", "WatchedExchange", "Watcher"]  # and what follows

WALLET = "cold-1"
FEE_SAT = 1_000
FAN = 1_000
"""So many coins are made of one block's reward."""
MATURE = 100
BATCH = 500
_TRUE = b"\x51"
ANYONE = p2wsh_of(_TRUE)
_SPENT_AT_WILL = (_TRUE,)
_DERIVED, _LISTED = "m/84h/1h/0h", "m/84h/1h/1h"
_FINAL = 0xFFFF_FFFD


@dataclass(frozen=True, slots=True)
class Coin:
    """An output that is there to be spent."""

    outpoint: OutPoint
    output: TxOut


@dataclass(frozen=True, slots=True)
class Made:
    """A transaction that is ready to be sent."""

    txid: str
    raw: str


def transaction(
    coins: Sequence[Coin], outputs: Sequence[TxOut], witnesses: Sequence[tuple[bytes, ...]] = ()
) -> Transaction:
    """Return a transaction; without `witnesses` it spends coins that anybody may spend."""
    shown = witnesses or [_SPENT_AT_WILL] * len(coins)
    return Transaction(
        version=2,
        inputs=tuple(
            TxIn(outpoint=each.outpoint, script_sig=b"", sequence=_FINAL, witness=witness)
            for each, witness in zip(coins, shown, strict=True)
        ),
        outputs=tuple(outputs),
        locktime=0,
    )


def made(each: Transaction) -> Made:
    return Made(txid=each.txid, raw=each.serialize().hex())


def coin_of(each: Transaction, vout: int = 0) -> Coin:
    return Coin(OutPoint(txid=each.txid, vout=vout), each.outputs[vout])


def passed_on(coins: Sequence[Coin]) -> tuple[list[Made], list[Coin]]:
    """Return transactions that each pay a coin on, less a fee, and the coins that they make."""
    sent = [
        transaction(
            [each], [TxOut(amount_sat=Sat(each.output.amount_sat - FEE_SAT), script=ANYONE)]
        )
        for each in coins
    ]
    return [made(each) for each in sent], [coin_of(each) for each in sent]


class Chain:
    """A node's chain, through one connection that stays open."""

    def __init__(self, node: Node) -> None:
        self.node = node
        url = f"http://127.0.0.1:{node.port}"
        self.rpc = NodeRPC(node_address("bench", url, node.folder / COOKIE), timeout_seconds=300)
        self._height = 0
        self.mine(MATURE + 1)
        self._matured = 0
        self._fans: dict[str, bytes] = {}

    def mine(self, blocks: int = 1) -> None:
        address = address_of(ANYONE, Network.REGTEST)
        self.rpc.call("generatetoaddress", blocks, address)
        self._height += blocks

    def connected(self) -> None:
        """Note a block that somebody else made."""
        self._height += 1

    def fan(self, count: int, script: bytes = ANYONE) -> list[Coin]:
        """Return so many new coins, confirmed."""
        made_coins: list[Coin] = []
        while len(made_coins) < count:
            reward = self._reward()
            each_sat = Sat((reward.output.amount_sat - 100 * FEE_SAT) // FAN)
            width = min(FAN, count - len(made_coins))
            fan = transaction([reward], [TxOut(amount_sat=each_sat, script=script)] * width)
            # What is left over of the reward goes to the miner: no limit on fees is asked for.
            self.rpc.call("sendrawtransaction", fan.serialize().hex(), 0)
            self._fans[fan.txid] = fan.serialize()
            made_coins += [coin_of(fan, vout) for vout in range(width)]
        self.mine()
        return made_coins

    def _reward(self) -> Coin:
        """Return the next block's reward that may be spent."""
        self._matured += 1
        if self._height < self._matured + MATURE:
            self.mine(self._matured + MATURE - self._height)
        block: Any = self.rpc.call("getblock", self.rpc.call("getblockhash", self._matured), 2)
        paid = block["tx"][0]
        amount = Sat(int(paid["vout"][0]["value"].replace(".", "")))
        return Coin(OutPoint(txid=paid["txid"], vout=0), TxOut(amount_sat=amount, script=ANYONE))

    def made_by(self, coins: Sequence[Coin]) -> list[bytes]:
        """Return the transactions that made coins of a fan."""
        return [self._fans[txid] for txid in dict.fromkeys(each.outpoint.txid for each in coins)]

    def send(self, transactions: Sequence[Made]) -> None:
        """Have the node take these into its mempool. Raises what it refuses first."""
        for start in range(0, len(transactions), BATCH):
            batch: list[Call] = [
                ("sendrawtransaction", (each.raw,)) for each in transactions[start : start + BATCH]
            ]
            for answer in self.rpc.batch(batch):
                if isinstance(answer, NodeRefusedError):
                    raise answer


class Purse:
    """The keys of the watched wallet, in the hands of a thief."""

    def __init__(self) -> None:
        self._root = HDKey.from_seed(
            b"sekisho bench: nobody's coins..!", NETWORKS["regtest"]["xprv"]
        )
        self._account = self._root.derive(_DERIVED)

    @cached_property
    def xpub(self) -> str:
        return str(self._account.to_public().to_base58(NETWORKS["regtest"]["xpub"]))

    @property
    def descriptor(self) -> str:
        origin = f"{self._root.my_fingerprint.hex()}/84h/1h/0h"
        return f"wpkh([{origin}]{self.xpub}/<0;1>/*)"

    def derived(self) -> bytes:
        """Return a script that the wallet's descriptor derives."""
        return self._script(self._account.derive("m/0/0"))

    def listed(self) -> bytes:
        """Return one that it does not derive: it is watched only if a file lists it."""
        return self._script(self._root.derive(_LISTED))

    def stolen(self, coin: Coin, number: int) -> Made:
        """Return the theft of a coin, signed: to a script of its own."""
        key = self._account.derive("m/0/0")
        if coin.output.script != self._script(key):
            key = self._root.derive(_LISTED)
        public = key.key.get_public_key().sec()
        thief = b"\x00\x14" + hash160(b"thief" + number.to_bytes(4, "big"))
        paid = TxOut(amount_sat=Sat(coin.output.amount_sat - FEE_SAT), script=thief)
        unsigned = transaction([coin], [paid], [()])
        digest = segwit_digest(
            signed_parts(unsigned, [coin.output]), 0, p2pkh_of(hash160(public)), ALL
        )
        signature = key.key.sign(digest).serialize() + bytes([ALL])
        return made(transaction([coin], [paid], [(signature, public)]))

    def _script(self, key: Any) -> bytes:  # noqa: ANN401 - embit's
        return b"\x00\x14" + hash160(key.key.get_public_key().sec())


@contextmanager
def bench_chain(*options: str) -> Iterator[tuple[Chain, dict[str, str]]]:
    """Run a node; yield its chain, and where each topic is published."""
    addresses, publishing = published()
    with running("-checkmempool=0", "-persistmempool=0", *publishing, *options) as node:
        yield Chain(node), addresses


def watched_workspace(folder: Path, chain: Chain, purse: Purse) -> WatchedExchange:
    """Return an exchange in whose workspace the purse's wallet is in force."""
    exchange = WatchedExchange(folder / "w", chain.node, folder / "seed")
    begin_exchange(exchange)
    exchange.put_in_force(
        "wallets", "register", purse.descriptor, "--id", WALLET,
        "--department", "operations", "--change", "internal_branch", "--gap-limit", "50",
    )  # fmt: skip
    return exchange


def observe(exchange: WatchedExchange, chain: Chain, coins: Sequence[Coin]) -> None:
    """Have the workspace keep the transactions that made these coins."""
    for number, raw in enumerate(chain.made_by(coins)):
        path = exchange.root / f"made-{number}.hex"
        path.write_text(raw.hex(), encoding="ascii")
        code, said = exchange("wallets", "observe", str(path))
        if code or not said["kept"]:
            raise RuntimeError(f"not observed: {said}")


class Ear:
    """Hears one topic of the node, as anybody could."""

    def __init__(self, address: str) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")
        self._socket.connect(address)
        time.sleep(0.5)  # until the node knows of it

    def forget(self) -> None:
        """Let go of what was heard until now."""
        while self._socket.poll(200):
            self._socket.recv_multipart()

    def first(self) -> int:
        """Return the moment at which the next message is heard."""
        if not self._socket.poll(60_000):
            raise RuntimeError("the node published nothing")
        return monotonic_us()

    def close(self) -> None:
        self._context.destroy(linger=0)


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has had, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def p(percentile: int, found: Sequence[float]) -> float:
    """Return a percentile, the next higher one where it falls between two."""
    ordered = sorted(found)
    return round(ordered[min(-(-len(ordered) * percentile // 100), len(ordered)) - 1], 2)
