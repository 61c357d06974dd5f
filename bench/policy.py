"""Policy: whole packs asked about passes, when a hundred thousand movements have left before.

No peer is known that judges the same from signed documents. The history is that of a busy
exchange: withdrawals without people, and transfers by people, some of them asked for twice.
`python bench/policy.py` prints the rows.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from sekisho.kernel.money import Sat
from sekisho.passes.policy.case import Case
from sekisho.passes.policy.documents import read_pack
from sekisho.passes.policy.evaluate import denials, evaluate
from sekisho.passes.policy.history import ISSUER, Committed, History
from sekisho.passes.policy.packs import CASES, shipped_pack, shipped_packs
from sekisho.passes.policy.trials import read_trials

NAME = "policy"
MOVEMENTS = 100_000
ASKED = 20_000
DAYS = 30
BTC = 100_000_000


def measure() -> list[dict[str, Any]]:
    rows = []
    for pack in shipped_packs():
        toml, cases = shipped_pack(pack)
        policy = read_pack(toml, pack)
        base = read_trials(cases, CASES)[0].case
        history = History()
        for movement in movements(base):
            history.commit(movement)
        took_us, waited_us = [], []
        for case in asked(base, history):
            began, started = time.perf_counter_ns(), time.thread_time_ns()
            outcomes = evaluate(policy, case)
            took_us.append((time.thread_time_ns() - started) / 1000)
            waited_us.append((time.perf_counter_ns() - began) / 1000)
            if any(each.rule == "weighing" for each in denials(outcomes)):
                raise RuntimeError("a case of the benchmark could not be weighed")
        rows.append(row(pack, sorted(took_us), sorted(waited_us)))
    return rows


def movements(base: Case) -> Iterator[Committed]:
    """Yield a month of movements before the case, in order."""
    random = Random(2024)  # noqa: S311 - the same history in each run, not secrets
    wallets = sorted(base.wallets)
    for number in range(MOVEMENTS):
        by_people = random.random() < 0.03
        ago = timedelta(days=DAYS) * (MOVEMENTS - number) / MOVEMENTS
        wallet_id = random.choice(wallets) if by_people else "hot-1"
        yield replace(
            base.this,
            digest=f"{number:064x}",
            at=base.asked_at - ago,
            wallet_id=wallet_id,
            key_set=f"keys of {wallet_id}",
            requester=f"person-{random.randrange(5)}" if by_people else f"{ISSUER}standing",
            anchor=f"{random.randrange(number + 1):064x}:0",
            destinations=((f"address-{random.randrange(60_000)}", Sat(random.randrange(1, BTC))),),
        )


def asked(base: Case, history: History) -> Iterator[Case]:
    """Yield passes that are asked about at any moment of the month."""
    random = Random(5)  # noqa: S311 - the same questions in each run, not secrets
    for _ in range(ASKED):
        before = random.randrange(MOVEMENTS + 1)
        ago = timedelta(days=DAYS) * (MOVEMENTS - before) / MOVEMENTS
        wallet = random.choice(list(base.wallets.values()))
        this = replace(
            base.this,
            at=base.judged_at - ago,
            wallet_id=wallet.wallet_id,
            key_set=f"keys of {wallet.wallet_id}",
            requester=f"person-{random.randrange(5)}",
            anchor=f"{random.randrange(MOVEMENTS):064x}:0",
        )
        yield replace(
            base,
            requester=this.requester,
            wallet=wallet,
            asked_at=base.asked_at - ago,
            judged_at=this.at,
            not_before_at=base.not_before_at - ago,
            expires_at=base.expires_at - ago,
            this=this,
            history=history,
            history_before=before,
        )


def row(pack: str, took_us: list[float], waited_us: list[float]) -> dict[str, Any]:
    p99_us, p99_waited_us = (each[len(each) * 99 // 100] for each in (took_us, waited_us))
    status = Path("/proc/self/status").read_text()
    return {
        "name": f"policy.evaluate.{pack}",
        "unit": "us of processor, 99th percentile",
        "ours": round(p99_us, 1),
        "peers": {},
        "ratio": None,
        "runs": len(took_us),
        "peak_rss_mb": round(int(status.split("VmHWM:")[1].split()[0]) / 1024),
        "note": f"every rule of the pack, {MOVEMENTS:,} movements of history; the median is "
        f"{took_us[len(took_us) // 2]:.0f} us. By the clock on the wall, with whatever else this "
        f"machine did, the 99th percentile is {p99_waited_us:.0f} us",
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
