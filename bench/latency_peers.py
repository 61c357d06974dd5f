"""What others do to learn of a theft: the node's own wallet with `walletnotify`, and polling.

Each has a node of its own, so that nothing of one is paid for by another. Neither makes anything
durable, nor knows what was allowed; both only say that a coin of ours moved.
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.regtest import COOKIE, Chain, Coin, Made, Purse, bench_chain, peak_mb
from sekisho.edges.node_feed import monotonic_us

POLL_SCRIPTS = 10_000
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class PeerTimes:
    """How long one of them took, in milliseconds from the call."""

    name: str
    scripts: int
    took_ms: list[float]
    peak_mb: float
    ready_seconds: float
    """Until it watched these scripts."""


def notified(scripts: int, thefts: int) -> PeerTimes:
    """Measure a watch-only descriptor wallet in the node, that runs a command for each theft.

    The command is the least there is: the shell writes the moment down. It is told nothing of
    what was allowed, and of scripts only those that one descriptor derives.
    """
    with TemporaryDirectory(prefix="sekisho-bench-") as folder:
        told, script = Path(folder) / "told", Path(folder) / "tell"
        told.touch()
        script.write_text(f'echo "$1 $(date +%s%N)" >> {told}\n', encoding="ascii")
        command = f"-walletnotify=sh {script} %s"
        with bench_chain(command, "-keypool=1") as (chain, _):
            purse = Purse()
            ready_seconds = imported(chain, purse, scripts)
            coins = chain.fan(thefts, purse.derived())
            time.sleep(3)  # each of these is told as well

            def heard() -> dict[str, int]:
                # The shell has the time of day; the same moment by the clock that we use:
                shift_us = time.time_ns() // 1_000 - monotonic_us()
                # The first time: a block that confirms it is told as well.
                lines = reversed(told.read_text(encoding="ascii").splitlines())
                return {
                    txid: int(at) // 1_000 - shift_us
                    for txid, at in (line.split() for line in lines if len(line.split()) == 2)
                }

            took_ms = stolen(chain, purse, coins, heard)
            return PeerTimes(
                name=f"walletnotify, {scripts:,} scripts",
                scripts=scripts,
                took_ms=took_ms,
                peak_mb=node_peak_mb(chain),
                ready_seconds=ready_seconds,
            )


def imported(chain: Chain, purse: Purse, scripts: int) -> float:
    """Have the node watch the purse's first so many scripts; return the seconds that it took."""
    chain.rpc.call("createwallet", "watched", True, True)  # noqa: FBT003 - no keys, and blank
    bare: Any = chain.rpc.call("getdescriptorinfo", f"wpkh({purse.xpub}/0/*)")
    request = {
        "desc": bare["descriptor"],
        "timestamp": "now",
        "range": [0, scripts - 1],
        "active": False,
    }
    began = time.monotonic()
    (said,) = chain.node.rpc("importdescriptors", [request], wallet="watched")
    if not said["success"]:
        raise RuntimeError(f"not imported: {said}")
    return time.monotonic() - began


def polled(thefts: int) -> PeerTimes:
    """Measure a client that lists the mempool every two seconds, and fetches what is new."""
    with TemporaryDirectory(prefix="sekisho-bench-") as folder, bench_chain() as (chain, _):
        purse = Purse()
        coins = chain.fan(thefts, purse.derived())
        watched = Path(folder) / "watched"
        drawn = random.Random(2)  # noqa: S311 - scripts that nobody has
        scripts = [f"0014{drawn.randbytes(20).hex()}" for _ in range(POLL_SCRIPTS)]
        spendable = [each.outpoint.serialize().hex() for each in coins]
        watched.write_text("\n".join([*scripts, *spendable]), encoding="ascii")
        url = f"http://127.0.0.1:{chain.node.port}"
        cookie = str(chain.node.folder / COOKIE)
        said = Path(folder) / "said"
        began = time.monotonic()
        with (
            said.open("wb") as out,
            subprocess.Popen(
                [sys.executable, "-m", "bench.peers.poll_mempool", url, cookie, str(watched)],
                stdout=out,
            ) as client,
        ):
            time.sleep(2)
            ready_seconds = time.monotonic() - began

            def heard() -> dict[str, int]:
                lines = said.read_text(encoding="ascii").splitlines()
                return {txid: int(at) for txid, at in (line.split() for line in lines)}

            try:
                took_ms = stolen(chain, purse, coins, heard)
                return PeerTimes(
                    name="mempool polled every 2 s",
                    scripts=POLL_SCRIPTS,
                    took_ms=took_ms,
                    peak_mb=peak_mb(client.pid),
                    ready_seconds=ready_seconds,
                )
            finally:
                client.kill()


def stolen(
    chain: Chain, purse: Purse, coins: Sequence[Coin], heard: Callable[[], dict[str, int]]
) -> list[float]:
    """Steal these coins with pauses between, and return how long it took until that was heard."""
    thefts: list[Made] = [purse.stolen(coin, number) for number, coin in enumerate(coins)]
    drawn = random.Random(3)  # noqa: S311 - pauses
    called: dict[str, int] = {}
    for each in thefts:
        called[each.txid] = monotonic_us()
        chain.rpc.call("sendrawtransaction", each.raw)
        time.sleep(drawn.uniform(0.05, 0.15))
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        found = {txid: at for txid, at in heard().items() if txid in called}
        if len(found) == len(called):
            return [(found[txid] - called[txid]) / 1000 for txid in called]
        if time.monotonic() > until:
            raise RuntimeError(f"{len(called) - len(found)} thefts were not heard of")
        time.sleep(0.2)


def node_peak_mb(chain: Chain) -> float:
    """Return the most memory that the node has had."""
    pid = int((chain.node.folder / "regtest" / "bitcoind.pid").read_text(encoding="ascii"))
    return peak_mb(pid)
