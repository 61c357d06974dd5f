"""A watcher that was killed comes back to a full mempool: until it has seen everything again.

A hundred thousand transactions wait in the node's mempool, which the watcher has all heard of;
then it is killed, started again with nothing but its workspace, and timed from the start of its
process to the moment at which it says that everything is seen. `make bench ONLY=restart`, or
`python -m bench.restart 20000` for fewer.
"""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.latency import alarms, false_alarms
from bench.regtest import (
    FAN,
    Chain,
    Purse,
    Watcher,
    bench_chain,
    observe,
    passed_on,
    peak_mb,
    watched_workspace,
)

NAME = "restart"
TRANSACTIONS = 100_000
LONG = 20
"""Transactions that spend one another in a row; nodes relay 25."""
RUNS = 3


def measure(transactions: int = TRANSACTIONS) -> list[dict[str, Any]]:
    options = ("-maxmempool=2000", "-limitdescendantsize=1000", "-limitancestorsize=1000")
    with (
        TemporaryDirectory(prefix="sekisho-bench-") as folder,
        bench_chain(*options) as (chain, _),
    ):
        purse = Purse()
        exchange = watched_workspace(Path(folder), chain, purse)
        coins = chain.fan(RUNS, purse.derived())
        observe(exchange, chain, coins)
        thefts = [purse.stolen(coin, number) for number, coin in enumerate(coins)]
        watcher = Watcher(exchange)
        watcher.wait("seeing")
        fill(chain, transactions)
        lies = false_alarms(watcher)
        took, peaks = [], []
        for each in thefts:
            watcher.kill()
            chain.send([each])  # while nobody looks
            waiting = len(chain.rpc.call("getrawmempool"))  # type: ignore[arg-type]  # a list
            began = time.monotonic()
            watcher = Watcher(exchange)
            watcher.wait("seeing")
            took.append(time.monotonic() - began)
            alarms(watcher, [each.txid])
            peaks.append(peak_mb(watcher.pid))
            lies += false_alarms(watcher)
        watcher.kill()
    return [
        {
            "name": "restart.full_coverage",
            "unit": "s",
            "ours": round(sorted(took)[RUNS // 2], 2),
            "peers": {},
            "ratio": None,
            "runs": RUNS,
            "peak_rss_mb": round(max(peaks)),
            "note": f"target: under 30 s; {waiting:,} transactions in the mempool, a watcher "
            "killed and started again, a theft in between, which was found in each run; false "
            f"alarms of lost messages, filling included: {lies}",
        }
    ]


def fill(chain: Chain, transactions: int) -> None:
    """Have the node take so many transactions into its mempool, in rows that spend one another."""
    coins = chain.fan(-(-transactions // LONG // FAN) * FAN)[: -(-transactions // LONG)]
    for _ in range(LONG):
        sent, coins = passed_on(coins)
        chain.send(sent)


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:2])), indent=1))
