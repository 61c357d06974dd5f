"""A watcher at work beside a real node: what it says, what the journal holds, and thieves.

with watched_exchange(folder) as exchange:      # a node that publishes, with a cold wallet
    with watching(exchange) as watcher:         # `sekisho watch --json` in a process
        txid = exchange.steal(exchange.fund())
        watcher.wait("alarm", txid=txid)
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import zmq
from embit.bip32 import HDKey
from embit.psbt import PSBT
from office import ROOT
from parts.bitcoind import COOKIE, Node, free_port, running
from signer_world import COLD, MINER, PAYEE, Exchange, signing_exchange
from world_coins import bytes_of

from sekisho.watch.frames import TOPICS

PATIENCE_SECONDS = 60.0
FEERATE = 5


def published() -> tuple[dict[str, str], list[str]]:
    """Return an address for each topic, and the node's options that publish there."""
    addresses = {topic: f"tcp://127.0.0.1:{free_port()}" for topic in TOPICS}
    options = [f"-zmqpub{topic}={address}" for topic, address in addresses.items()]
    return addresses, [*options, *(f"-zmqpub{topic}hwm=0" for topic in TOPICS)]


class WatchedExchange(Exchange):
    """An exchange whose node publishes."""

    addresses: dict[str, str]
    change = ""

    def steal(self, *coins: str, btc: str = "1.5") -> str:
        """Have a thief who has the keys send coins away; return the txid."""
        return str(self.node.rpc("sendrawtransaction", self.stolen(*coins, btc=btc)))

    def stolen(
        self, *coins: str, btc: str = "1.5", to: str = PAYEE, feerate: int = FEERATE
    ) -> str:
        """Return the hex of a theft, signed with the cold wallet's own keys and not sent."""
        return self.with_keys(self.built(*coins, btc=btc, to=to, feerate=feerate))

    def built(self, *coins: str, btc: str, to: str = PAYEE, feerate: int = FEERATE) -> str:
        """Return a PSBT that pays out of these coins, the rest coming back."""
        inputs = [
            {"txid": txid, "vout": int(vout)}
            for txid, _, vout in (each.partition(":") for each in coins)
        ]
        # One for all: change that is not sent must not lead beyond the wallet's gap limit.
        self.change = self.change or str(self.node.rpc("getrawchangeaddress", wallet=COLD))
        options = {
            "fee_rate": feerate,
            "add_inputs": False,
            "include_unsafe": True,
            "changeAddress": self.change,
        }
        built: Any = self.node.rpc(
            "walletcreatefundedpsbt", inputs, [{to: Decimal(btc)}], 0, options, wallet=COLD
        )
        return str(built["psbt"])

    def with_keys(self, asked: str) -> str:
        """Return the hex of a PSBT's transaction, signed with the cold wallet's own keys."""
        psbt: Any = PSBT.from_string(asked)
        psbt.sign_with(HDKey.from_seed(bytes.fromhex(bytes_of("cold").hex())))
        final = self.node.rpc("finalizepsbt", psbt.to_string())
        assert final["complete"], final
        return str(final["hex"])

    def verdicts(self, txid: str) -> list[str]:
        """Return the verdicts that the journal holds on a transaction."""
        return [
            str(each.body["verdict"])
            for each in self.entries_of("watch.judged")
            if each.body["txid"] == txid
        ]

    def mine_empty(self, blocks: int) -> None:
        """Mine blocks that hold nothing of what is in the mempool."""
        address = self.node.rpc("getnewaddress", wallet=MINER)
        for _ in range(blocks):
            self.node.rpc("generateblock", address, [])

    def lives(self, txid: str) -> list[dict[str, Any]]:
        """Return every change in the life of a movement that the journal holds."""
        found: list[dict[str, Any]] = []
        for entry in self.entries_of("watch.lives"):
            changes: Any = entry.body["changes"]
            found += [each for each in changes if each["txid"] == txid]
        return found

    def lives_until(self, txid: str, state: str) -> list[dict[str, Any]]:
        """Wait until a movement stands there; return its changes."""
        self.until(lambda: [each["state"] for each in self.lives(txid)][-1:] == [state])
        return self.lives(txid)

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so; fails if it does not become so in time."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < end
            time.sleep(0.1)

    def pay(self, address: str) -> str:
        """Have the miner pay an address; return the txid."""
        options = {"fee_rate": FEERATE}
        sent = self.node.rpc("send", [{address: Decimal("0.1")}], options=options, wallet=MINER)
        return str(sent["txid"])

    def pay_into_cold(self) -> str:
        """Return a new coin of the cold wallet, TXID:VOUT, in a block; nobody is told."""
        address = self.node.rpc("getnewaddress", wallet=COLD)
        options = {"fee_rate": FEERATE, "change_position": 1}
        sent = self.node.rpc("send", [{address: Decimal(2)}], options=options, wallet=MINER)
        self.mine()
        return f"{sent['txid']}:0"

    def caught_up(self) -> None:
        """Wait until the watcher has searched all blocks and stands where the node does."""
        tip, until = self.node.rpc("getbestblockhash"), time.monotonic() + PATIENCE_SECONDS
        while self("watch", "status")[1]["tip_hash"] != tip:
            assert time.monotonic() < until
            time.sleep(0.1)


class Watcher:
    """A `sekisho watch --json` in a process of its own."""

    program: tuple[str, ...] = ("-c", "from sekisho.cli import main; main()")
    """What Python runs, before the command's own words."""

    def __init__(self, exchange: WatchedExchange, *more: str) -> None:
        several = any(each.startswith("--node") for each in more)
        nodes = more if several else one_node(exchange.node, *more)
        self._complaints = TemporaryFile()  # noqa: SIM115 - closed by kill()
        self._process = subprocess.Popen(
            [
                sys.executable, *self.program,
                "watch", "--json", "--workspace", str(exchange.root),
                *nodes,
            ],
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip
        self.events: list[dict[str, Any]] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def wait(self, event: str, *, after: int = 0, txid: str = "") -> dict[str, Any]:
        """Return the first such event from number `after` on; fails if none comes in time."""
        return self._first(
            f"{event} {txid}",
            lambda each: each["event"] == event and txid in {"", each.get("txid")},
            after,
            PATIENCE_SECONDS,
        )

    def trouble(self, code: str, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Return the finding of the first such trouble; fails if none comes in time."""
        found = self._first(
            code, lambda each: each.get("finding", {}).get("code") == code, 0, seconds
        )
        return dict(found["finding"])

    def _first(
        self, what: str, wanted: Callable[[dict[str, Any]], bool], after: int, seconds: float
    ) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._process.poll() is None:
            for each in list(self.events)[after:]:
                if wanted(each):
                    return each
            time.sleep(0.01)
        raise AssertionError(f"no {what} in:\n{self.said()}\n{self.complained}")

    def said(self) -> str:
        """What it said last, in short."""
        short = ("event", "txid", "verdict", "gap_ms", "from", "to")
        return "\n".join(
            " ".join(
                [str(each[name]) for name in short if name in each]
                + [
                    str(each.get("finding", {}).get("code", "")),
                    str(each.get("finding", {}).get("facts", "")),
                ]
            )
            for each in self.events[-60:]
        )

    def stop(self) -> int:
        """Have it end in order; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=PATIENCE_SECONDS)
        self._reading.join(timeout=5)
        return code

    def kill(self) -> None:
        """End it at once, and let go of what it wrote to."""
        self._process.kill()
        self._process.wait()
        self._reading.join(timeout=5)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._complaints.close()

    @property
    def complained(self) -> str:
        """What it wrote on its standard error."""
        self._complaints.seek(0)
        return self._complaints.read().decode()

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is not None:
            for line in stream:
                self.events.append(json.loads(line))


def one_node(node: Node, *more: str) -> list[str]:
    cookie = str(node.folder / COOKIE)
    return ["--cookie", cookie, "--rpc", f"http://127.0.0.1:{node.port}", *more]


@contextmanager
def watching(exchange: WatchedExchange, *more: str) -> Iterator[Watcher]:
    """Run a watcher that has seen everything there is, until the block ends."""
    watcher = Watcher(exchange, *more)
    try:
        watcher.wait("seeing")
        yield watcher
    finally:
        watcher.kill()


@contextmanager
def watched_exchange(folder: Path) -> Iterator[WatchedExchange]:
    """Open an exchange whose node publishes, in an empty folder."""
    addresses, options = published()
    with signing_exchange(folder, options=["-checkmempool=0", *options]) as plain:
        exchange = WatchedExchange(plain.root, plain.node, plain.seed)
        exchange.addresses = addresses
        yield exchange


@contextmanager
def beside(exchange: WatchedExchange) -> Iterator[Node]:
    """Run a second node that has the same blocks and publishes as well."""
    _, options = published()
    with running("-checkmempool=0", *options) as other:
        for height in range(1, exchange.node.rpc("getblockcount") + 1):
            block = exchange.node.rpc("getblock", exchange.node.rpc("getblockhash", height), 0)
            assert other.rpc("submitblock", block) is None
        yield other


class Proxy:
    """Stands between node and watcher, message by message: may drop, keep back, say twice, cut."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.addresses = {topic: f"tcp://127.0.0.1:{free_port()}" for topic in addresses}
        self.drop: dict[str, int] = dict.fromkeys(addresses, 0)
        """How many of a topic's next messages are lost."""
        self.twice: dict[str, int] = dict.fromkeys(addresses, 0)
        """How many of a topic's next messages are said twice."""
        self.late: dict[str, float] = dict.fromkeys(addresses, 0.0)
        """By how many seconds a topic's messages are kept back, in their order."""
        self.mute: set[str] = set()
        """Topics of which nothing is forwarded."""
        self.cut: set[str] = set()
        """Topics whose connections are to be cut; they may connect again at once."""
        self._held: deque[tuple[float, str, list[bytes]]] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._forward, args=(addresses,), daemon=True)
        self._thread.start()

    def options(self) -> list[str]:
        return [
            part for topic, at in self.addresses.items() for part in ("--zmq", f"{topic}={at}")
        ]

    def close(self) -> None:
        self._ended.set()
        self._thread.join(timeout=5)

    def _forward(self, addresses: dict[str, str]) -> None:
        context = zmq.Context()
        poller = zmq.Poller()
        hears: dict[Any, str] = {}
        tells = {topic: self._mouth(context, topic) for topic in addresses}
        for topic, address in addresses.items():
            hearing = context.socket(zmq.SUB)
            hearing.setsockopt(zmq.RCVHWM, 0)
            hearing.setsockopt(zmq.SUBSCRIBE, b"")
            hearing.connect(address)
            poller.register(hearing, zmq.POLLIN)
            hears[hearing] = topic
        while not self._ended.is_set():
            for hearing, _ in poller.poll(10 if self._held else 50):
                self._take(hears[hearing], hearing.recv_multipart(), tells)
            for _ in range(len(self._held)):
                due, topic, parts = self._held.popleft()
                if due <= time.monotonic():
                    tells[topic].send_multipart(parts)
                else:
                    self._held.append((due, topic, parts))
            for topic in [each for each in self.cut if each in tells]:
                tells[topic].close(0)
                tells[topic] = self._mouth(context, topic)
                self.cut.discard(topic)
        context.destroy(linger=0)

    def _take(self, topic: str, parts: list[bytes], tells: dict[str, Any]) -> None:
        if self.drop[topic] > 0:
            self.drop[topic] -= 1
            return
        if topic in self.mute:
            return
        times = 2 if self.twice[topic] > 0 else 1
        self.twice[topic] -= times - 1
        before = max((due for due, each, _ in self._held if each == topic), default=0.0)
        for _ in range(times):
            if before or self.late[topic]:
                due = max(before, time.monotonic() + self.late[topic])
                self._held.append((due, topic, parts))
            else:
                tells[topic].send_multipart(parts)

    def _mouth(self, context: Any, topic: str) -> Any:  # noqa: ANN401 - pyzmq's
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            telling = context.socket(zmq.PUB)
            telling.setsockopt(zmq.SNDHWM, 0)
            try:
                telling.bind(self.addresses[topic])
            except zmq.ZMQError:  # the socket before it is still being closed
                telling.close(0)
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return telling


def rivals(exchange: WatchedExchange, *held: str, blocks: int) -> None:
    """Undo the last blocks and mine one more than there were, without what was in them.

    The first of them holds these transactions, as hex.
    """
    node = exchange.node
    height = node.rpc("getblockcount")
    node.rpc("invalidateblock", node.rpc("getblockhash", height - blocks + 1))
    address = node.rpc("getnewaddress", wallet=MINER)
    for number in range(blocks + 1):
        node.rpc("generateblock", address, [] if number else [*held])
