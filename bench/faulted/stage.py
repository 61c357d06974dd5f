"""One or two nodes, a proxy before the first, a watcher beside them, and its clock.

The stage knows what is on it and when it was: when the watcher was there, and when each
transaction was taken by a node. It does not know what the watcher said of it.
"""

import math
import resource
import signal
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.client import HTTPException
from os import kill
from pathlib import Path

from node_world import Proxy, WatchedExchange, Watcher, beside, watched_exchange
from office import ROOT
from parts.bitcoind import COOKIE, Node, RPCError, free_port
from signer_world import COLD, MINER

from bench.faulted.clock import Clock
from bench.faulted.journal import JournalReader
from bench.faulted.purse import Purse

LISTEN_SECONDS = 0.1
CLAIMS_MOST = 1_200
"""Of two minutes; older ones were compared by then."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the watcher said at a moment of how far it sees; and how long the journal was then."""

    at: float
    proven: int
    now: int
    """Both by its own clock, in seconds."""
    entries: int

    @property
    def is_ahead(self) -> bool:
        """Whether it is of what is to come: the clock was put back a moment ago."""
        return self.proven > self.now


@dataclass(frozen=True, kw_only=True)
class Absence:
    """From when to when no watcher was there, by its clock; and how long the journal was then."""

    since: int
    until: int
    entries: int


@dataclass(frozen=True, kw_only=True)
class Taken:
    """When a node had taken a transaction, by the kernel's clock and by the watcher's."""

    at: float
    second: int
    until: float = math.inf
    """When the node may have forgotten it, having been ended."""


class ClockedWatcher(Watcher):
    """A watcher whose clock the harness may move."""

    def __init__(
        self, exchange: WatchedExchange, clock: Clock, *more: str, spoiled: str = "pass"
    ) -> None:
        runner = (
            f"import sys; sys.path[:0] = [{str(ROOT)!r}]; {spoiled}; "
            "from runpy import run_module; run_module('bench.faulted.clock', run_name='__main__')"
        )
        self.program = ("-c", runner, str(clock.path))
        super().__init__(exchange, *more)


class Stage:
    """Opened by `open_stage`."""

    def __init__(
        self, exchange: WatchedExchange, other: Node, proxy: Proxy, clock: Clock, *, spoiled: str
    ) -> None:
        self.exchange, self.other, self.proxy, self.clock = exchange, other, proxy, clock
        self.purse = Purse(exchange)
        self.nodes: tuple[Node, ...] = (exchange.node,)
        self.parted = False
        self.watcher: ClockedWatcher | None = None
        self.taken: dict[str, Taken] = {}
        self.sent: set[str] = set()
        """Every transaction that a node ever took."""
        self.absent: list[Absence] = []
        self.claims: deque[Claim] = deque(maxlen=CLAIMS_MOST)
        self.claimed = 0
        self._spoiled = spoiled
        self._metrics_port = 0
        self._gone: tuple[int, int, int] | None = None

    @property
    def main(self) -> Node:
        return self.exchange.node

    def node(self, choice: int) -> Node:
        return self.nodes[choice % len(self.nodes)]

    def watcher_time(self) -> int:
        """Return the seconds of the watcher's clock."""
        return int(time.time()) + self.clock.off_seconds

    # The watcher ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Have a watcher there, if none is."""
        if self.watcher is not None:
            return
        if self._gone is not None:
            since, off, entries = self._gone
            if off == self.clock.off_seconds:  # else nobody can say when that was
                until = self.watcher_time()
                self.absent.append(Absence(since=since, until=until, entries=entries))
            self._gone = None
        self._metrics_port = free_port()
        more = ["--metrics-port", str(self._metrics_port)]
        if len(self.nodes) > 1:
            more += [
                f"--node={name}=http://127.0.0.1:{node.port},{node.folder / COOKIE}"
                for name, node in zip(("tokyo", "osaka"), self.nodes, strict=True)
            ]
        else:
            more += self.proxy.options()
        self.watcher = ClockedWatcher(self.exchange, self.clock, *more, spoiled=self._spoiled)

    def kill(self) -> None:
        """Have no watcher there, at once."""
        if self.watcher is not None:
            self.watcher.kill()
            entries = JournalReader(self.exchange.root / "journal.sqlite").size()
            self._gone = (self.watcher_time(), self.clock.off_seconds, entries)
            self.watcher = None

    def signal(self, number: signal.Signals) -> None:
        """Send the watcher a signal."""
        if self.watcher is not None:
            kill(self.watcher.pid, number)

    def limit_files(self, most_bytes: int | None) -> None:
        """Let no file of the watcher grow beyond this; None: as it likes."""
        if self.watcher is not None:
            soft = resource.RLIM_INFINITY if most_bytes is None else most_bytes
            with suppress(ProcessLookupError):
                resource.prlimit(
                    self.watcher.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY)
                )

    def said(self) -> dict[str, int] | None:
        """Return what the watcher says of itself now; None if it says nothing."""
        if self.watcher is None:
            return None
        address = f"http://127.0.0.1:{self._metrics_port}/metrics"
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                page = answer.read().decode()
        except (OSError, HTTPException):
            return None
        rows = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
        return {
            name.removeprefix("sekisho_watch_"): int(value)
            for name, _, value in rows
            if value.isdigit()
        }

    def sees_all(self) -> bool:
        """Return whether the watcher says that nothing is in doubt now, and knows the tip."""
        said = self.said()
        if said is None or said["blind"] or said["owed_verdicts"]:
            return False
        sound = [value for name, value in said.items() if name.startswith("node_sound")]
        heights = {node.rpc("getblockcount") for node in self.nodes}
        return all(sound) and {said["tip_height"]} == heights

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note what the watcher claims, ten times a second, until the block ends."""
        ended = threading.Event()
        listener = threading.Thread(target=self._listen, args=(ended,), daemon=True)
        listener.start()
        try:
            yield
        finally:
            ended.set()
            listener.join()

    def _listen(self, ended: threading.Event) -> None:
        journal = JournalReader(self.exchange.root / "journal.sqlite")
        while not ended.wait(LISTEN_SECONDS):
            at, said = time.monotonic(), self.said()
            if said is not None and not said["blind"] and said["proven_timestamp_seconds"]:
                proven = said["proven_timestamp_seconds"]
                self.claimed += 1
                now = self.watcher_time()
                claim = Claim(at=at, proven=proven, now=now, entries=journal.size())
                self.claims.append(claim)

    # The nodes -----------------------------------------------------------------------------------

    def send(self, raw: str, node: Node) -> bool:
        """Have a node take a transaction; return whether it did."""
        try:
            txid = node.rpc("sendrawtransaction", raw, 0)
        except RPCError:
            return False
        self.note(txid)
        return True

    def note(self, *txids: str) -> None:
        """Note that a node has these transactions."""
        for txid in txids:
            self.sent.add(txid)
            self.taken[txid] = Taken(at=time.monotonic(), second=self.watcher_time())

    def forget(self, there: Collection[str]) -> None:
        """Forget when those were taken that are not there any more: they may come again."""
        self.taken = {txid: each for txid, each in self.taken.items() if txid in there}

    def mine(self, node: Node, raws: list[str] | None = None) -> bool:
        """Have a node make a block of its mempool, or of these alone; return whether it could."""
        address = self.main.rpc("getnewaddress", wallet=MINER)
        try:
            if raws is None:
                node.rpc("generatetoaddress", 1, address)
            else:
                node.rpc("generateblock", address, raws)
        except RPCError:
            return False
        return True

    def restart(self, node: Node, *, options: tuple[str, ...] = ()) -> None:
        """Start a node that was ended; `options` are for this time alone."""
        ended = time.monotonic()
        self.taken = {
            txid: replace(each, until=min(each.until, ended)) for txid, each in self.taken.items()
        }
        usual, node.options = node.options, (*node.options, *options)
        try:
            node.start()
        finally:
            node.options = usual
        if node is self.main:
            for wallet in (COLD, MINER):
                node.rpc("loadwallet", wallet)

    def share(self) -> None:
        """Tell each node what the other knows, unless they are parted."""
        if len(self.nodes) < 2 or self.parted:
            return
        for one, another in (self.nodes, self.nodes[::-1]):
            _blocks(one, another)
        for one, another in (self.nodes, self.nodes[::-1]):
            known = set(another.rpc("getrawmempool"))
            for txid in one.rpc("getrawmempool"):
                if txid not in known:
                    with suppress(RPCError):
                        another.rpc("sendrawtransaction", one.rpc("getrawtransaction", txid), 0)

    def meet(self, choice: int) -> None:
        """Have parted nodes know of each other again, on the longer of their chains."""
        if not self.parted:
            return
        while len({each.rpc("getblockcount") for each in self.nodes}) < 2:
            self.mine(self.node(choice))
        self.parted = False
        self.share()
        self.mine(self.main)  # of two that spend the same coin, one is over now
        self.share()

    def watch_by(self, nodes: int) -> None:
        """Have the watcher follow one node or two."""
        if len(self.nodes) == nodes and self.watcher is not None:
            return
        self.kill()
        self.nodes = (self.main, self.other)[:nodes]
        self.share()
        self.start()

    def mend(self) -> None:
        """End every fault that lasts."""
        self.signal(signal.SIGCONT)
        self.limit_files(None)
        for topic in self.proxy.addresses:
            self.proxy.late[topic] = 0.0
            self.proxy.drop[topic] = self.proxy.twice[topic] = 0
        self.proxy.mute.clear()
        self.meet(0)
        self.share()
        self.start()


def _blocks(one: Node, another: Node) -> None:
    """Give a node the blocks of another's chain that it does not have."""
    path: list[str] = []
    here = one.rpc("getbestblockhash")
    while not _has(another, here):
        path.append(here)
        here = one.rpc("getblockheader", here)["previousblockhash"]
    for each in reversed(path):
        another.rpc("submitblock", one.rpc("getblock", each, 0))


def _has(node: Node, block: str) -> bool:
    try:
        node.rpc("getblockheader", block)
    except RPCError:
        return False
    return True


@contextmanager
def open_stage(folder: Path, *, spoiled: str = "pass") -> Iterator[Stage]:
    """Open an exchange in an empty folder, with a second node and a watcher to come.

    `spoiled` is Python that the watcher runs first: to see that what it breaks is noticed.
    """
    with watched_exchange(folder) as exchange, beside(exchange) as other:
        proxy = Proxy(exchange.addresses)
        for node in (exchange.node, other):
            node.rpc("gettxoutsetinfo")  # it writes its blocks: without any it could not be killed
        stage = Stage(exchange, other, proxy, Clock(folder / "clock"), spoiled=spoiled)
        try:
            yield stage
        finally:
            stage.kill()
            proxy.close()
