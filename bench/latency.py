"""From the `sendrawtransaction` of a theft to its durable verdict, beside what others do.

A real node with `checkmempool=0`, a real `sekisho watch` beside it, and a thief with the keys. The
time runs from before the thief's RPC call to the return of the append that made the verdict
durable; both moments are of the clock that all processes of a machine share. The thefts are signed
before. Of a theft that is first seen in a block, the call is the block's `submitblock`.
`make bench ONLY=latency` measures all, and `python -m bench.latency_page` then writes the table of
docs/watch.md. `python -m bench.latency --scripts 10000 --thefts 50 --blocks 2` measures less.
"""

import argparse
import json
import random
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from bench.latency_peers import PeerTimes, notified, polled
from bench.regtest import (
    WALLET,
    Chain,
    Ear,
    Made,
    Purse,
    WatchedExchange,
    Watcher,
    bench_chain,
    observe,
    p,
    passed_on,
    peak_mb,
    watched_workspace,
)
from sekisho.edges.node_feed import monotonic_us
from sekisho.edges.script_files import write_scripts
from sekisho.kernel.canonical import Json

NAME = "latency"
IDLE = "idle"
SIZES = (10_000, 1_000_000, 10_000_000)
THEFTS = 400
BLOCKS = 25
IN_BLOCK = 2
"""Thefts that are first seen inside a block, and as many that arrive while it is published."""
BLOCK_TRANSACTIONS = 4_000
PEER_SIZES = (10_000, 1_000_000)
PEER_THEFTS = 200
PATIENCE_SECONDS = 60
_NO_NEWS = frozenset({"watch.node_lost", "watch.node_unheard", "watch.node_topic_silent"})
"""Nothing is dropped here: whoever says so is wrong."""


@dataclass(slots=True)
class Case:
    """How long the thefts of one case took, in milliseconds."""

    name: str
    scripts: int
    call_to_durable_ms: list[float] = field(default_factory=list)
    call_to_heard_ms: list[float] = field(default_factory=list)
    heard_to_durable_ms: list[float] = field(default_factory=list)
    peak_mb: float = 0
    false_alarms: int = 0
    ready_seconds: float = 0

    def take(self, alarm: dict[str, Any], called_us: int) -> None:
        heard_us, took_us = alarm["heard_us"], alarm["took_us"]
        self.call_to_durable_ms.append((heard_us + took_us - called_us) / 1000)
        self.call_to_heard_ms.append((heard_us - called_us) / 1000)
        self.heard_to_durable_ms.append(took_us / 1000)


def measure(
    sizes: Sequence[int] = SIZES,
    thefts: int = THEFTS,
    blocks: int = BLOCKS,
    peer_sizes: Sequence[int] = PEER_SIZES,
) -> list[dict[str, Any]]:
    cases: list[Case] = []
    with TemporaryDirectory(prefix="sekisho-bench-") as name, bench_chain() as (chain, addresses):
        scene = Scene(Path(name), chain, thefts * len(sizes) + 2 * blocks * IN_BLOCK)
        for scripts in sizes:
            with scene.watched(scripts) as (watcher, idle):
                steal_idly(chain, watcher, scene.thefts(thefts), idle)
                cases.append(idle)
                if scripts == sizes[-1] and blocks:
                    cases += steal_in_blocks(
                        chain, watcher, scene, idle, blocks=blocks, address=addresses["rawtx"]
                    )
    peers = measure_peers(peer_sizes)
    return rows(cases, peers)


class Scene:
    """A workspace, and coins of its wallet: every other one on a script that only a file lists."""

    def __init__(self, folder: Path, chain: Chain, coins: int) -> None:
        self._folder, self._chain, self._purse = folder, chain, Purse()
        self._exchange = watched_workspace(folder, chain, self._purse)
        half = -(-coins // 2)
        derived, listed = (
            chain.fan(half, script) for script in (self._purse.derived(), self._purse.listed())
        )
        observe(self._exchange, chain, derived)
        both = [each for pair in zip(derived, listed, strict=True) for each in pair]
        self._thefts = iter([self._purse.stolen(coin, n) for n, coin in enumerate(both)])

    def thefts(self, count: int) -> list[Made]:
        return [next(self._thefts) for _ in range(count)]

    @contextmanager
    def watched(self, scripts: int) -> Iterator[tuple[Watcher, Case]]:
        """Watch a copy of the workspace, with so many scripts in a file."""
        root = self._folder / f"w-{scripts}"
        shutil.copytree(self._exchange.root, root)
        exchange = WatchedExchange(root, self._chain.node, self._exchange.seed)
        listed = self._folder / "scripts"
        write_scripts(listed, (self._purse.listed(), *random_scripts(scripts - 1)))
        case = Case(IDLE, scripts)
        began = time.monotonic()
        watcher = Watcher(exchange, "--scripts", f"{WALLET}={listed}")
        try:
            watcher.wait("seeing")
            case.ready_seconds = time.monotonic() - began
            yield watcher, case
            case.peak_mb = peak_mb(watcher.pid)
            case.false_alarms = false_alarms(watcher)
        finally:
            watcher.kill()
            listed.unlink()
            shutil.rmtree(root)


def random_scripts(count: int) -> Iterator[bytes]:
    """Yield P2WPKH scripts that nobody has."""
    drawn = random.Random(count)  # noqa: S311 - a measurement, to be repeated
    left = count
    while left > 0:
        part = min(left, 100_000)
        data = drawn.randbytes(20 * part)
        yield from (b"\x00\x14" + data[at : at + 20] for at in range(0, 20 * part, 20))
        left -= part


def steal_idly(chain: Chain, watcher: Watcher, thefts: Sequence[Made], case: Case) -> None:
    """Steal one coin after the other, with pauses of their own length between."""
    drawn = random.Random(1)  # noqa: S311 - pauses
    called: dict[str, int] = {}
    for each in thefts:
        called[each.txid] = monotonic_us()
        chain.rpc.call("sendrawtransaction", each.raw)
        time.sleep(drawn.uniform(0.03, 0.09))
    for txid, alarm in alarms(watcher, called).items():
        case.take(alarm, called[txid])
    chain.mine()
    time.sleep(1)


def steal_in_blocks(
    chain: Chain, watcher: Watcher, scene: Scene, idle: Case, *, blocks: int, address: str
) -> tuple[Case, Case]:
    """Have blocks published in which there are thefts, and steal while they are."""
    beside, within = (
        Case(name, idle.scripts, ready_seconds=idle.ready_seconds)
        for name in ("beside a block", "in a block")
    )
    ear = Ear(address)
    coins = chain.fan(BLOCK_TRANSACTIONS)
    for _ in range(blocks):
        sent, coins = passed_on(coins)
        chain.send(sent)
        time.sleep(1)
        hidden, open_ones = scene.thefts(IN_BLOCK), scene.thefts(IN_BLOCK)
        block = block_of(chain, [each.txid for each in sent], [each.raw for each in hidden])
        ear.forget()
        submitting = Thread(target=submit, args=(chain.node, block))
        submitted_us = monotonic_us()
        submitting.start()
        ear.first()
        called: dict[str, int] = {}
        for each in open_ones:
            called[each.txid] = monotonic_us()
            chain.rpc.call("sendrawtransaction", each.raw)
            time.sleep(0.01)
        submitting.join()
        chain.connected()
        for txid, alarm in alarms(watcher, called).items():
            beside.take(alarm, called[txid])
        for alarm in alarms(watcher, [each.txid for each in hidden]).values():
            within.take(alarm, submitted_us)
        time.sleep(1)
    ear.close()
    for case in (within, beside):
        case.peak_mb, case.false_alarms = peak_mb(watcher.pid), false_alarms(watcher)
    return beside, within


def block_of(chain: Chain, txids: Sequence[str], hidden: Sequence[str]) -> str:
    """Return a block of these transactions with the hidden ones spread among them, in hex."""
    inside: list[Json] = [*txids]
    for number, raw in enumerate(hidden):
        inside.insert((number + 1) * len(txids) // (len(hidden) + 1), raw)
    named: Any = chain.rpc.call("getdescriptorinfo", "raw(51)")
    built: Any = chain.rpc.call("generateblock", named["descriptor"], inside, False)  # noqa: FBT003 - by place
    return str(built["hex"])


def submit(node: Any, block: str) -> None:  # noqa: ANN401 - the tests' node
    said = node.rpc("submitblock", block)
    if said is not None:
        raise RuntimeError(f"the block was refused: {said}")


def alarms(watcher: Watcher, txids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return each theft's alarm, when all are there."""
    wanted = set(txids)
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        found = {
            each["txid"]: each
            for each in reversed(list(watcher.events))
            if each["event"] == "alarm" and each["txid"] in wanted
        }
        if len(found) == len(wanted):
            return found
        time.sleep(0.1)
    raise RuntimeError(f"{len(wanted) - len(found)} thefts without an alarm:\n{watcher.said()}")


def false_alarms(watcher: Watcher) -> int:
    """Return how often it was said that messages are missing; none is, ever."""
    codes = [each.get("finding", {}).get("code") for each in list(watcher.events)]
    return sum(code in _NO_NEWS for code in codes)


def measure_peers(sizes: Sequence[int]) -> list[PeerTimes]:
    """Measure what others do at the same machine, one after the other."""
    if not sizes:
        return []
    return [*(notified(each, PEER_THEFTS) for each in sizes), polled(PEER_THEFTS)]


def rows(cases: Sequence[Case], peers: Sequence[PeerTimes]) -> list[dict[str, Any]]:
    """Return the rows: each case at its median, and at its 99th percentile.

    The peers stand beside the first case, which watches as few scripts as they do.
    """
    return [
        _row(case, () if number else peers, percentile)
        for number, case in enumerate(cases)
        for percentile in (50, 99)
    ]


def _row(case: Case, peers: Sequence[PeerTimes], percentile: int) -> dict[str, Any]:
    ours = p(percentile, case.call_to_durable_ms)
    idle = case.name == IDLE
    beside = {each.name: p(percentile, each.took_ms) for each in peers}
    parts = ", ".join(
        f"{what} {p(percentile, times)} ms"
        for what, times in (
            ("from the call to the node's message", case.call_to_heard_ms),
            ("from there to the durable verdict", case.heard_to_durable_ms),
        )
    )
    target = "" if percentile == 50 else f"target: {20 if idle else 100} ms; "
    ready = "; ".join(
        f"{each.name}, ready after {each.ready_seconds:.1f} s, {len(each.took_ms)} thefts, "
        f"{each.peak_mb:.0f} MB"
        for each in peers
    )
    return {
        "name": f"latency.{short(case)}.p{percentile}",
        "unit": "ms",
        "ours": ours,
        "peers": beside,
        "ratio": round(min(beside.values()) / ours, 2) if beside else None,
        "runs": len(case.call_to_durable_ms),
        "peak_rss_mb": round(case.peak_mb),
        "note": f"{target}{len(case.call_to_durable_ms)} thefts, {case.scripts:,} scripts, all "
        f"seen {case.ready_seconds:.1f} s after the start; {parts}; false alarms of lost "
        f"messages: {case.false_alarms}{'; peers: ' * bool(ready)}{ready}",
    }


def short(case: Case) -> str:
    big = case.scripts >= 1_000_000
    size = f"{case.scripts // 1_000_000}m" if big else f"{case.scripts // 1_000}k"
    return f"{case.name.replace(' ', '_')}.{size}"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--scripts", default=",".join(map(str, SIZES)))
    asked.add_argument("--thefts", type=int, default=THEFTS)
    asked.add_argument("--blocks", type=int, default=BLOCKS)
    asked.add_argument("--peers", default=",".join(map(str, PEER_SIZES)), help='"" for none')
    given = asked.parse_args()
    measured = measure(
        [int(each) for each in given.scripts.split(",")],
        given.thefts,
        given.blocks,
        [int(each) for each in given.peers.split(",") if each],
    )
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
