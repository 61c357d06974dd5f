"""Tampering: honest transactions of every script type with one thing changed, before signing.

Scenes are drawn at random and built by embit; the pass of each is asked for and approved with
real signatures. What the gate answers is counted by kind, and the same scenes untampered beside
them. The peers are the checks that embit and btclib-wallet make of a PSBT by themselves: they
know of no pass. `make bench ONLY=tampering` shows 20,000, `python -m bench.tampering 1000000` a
million. Counts go to build/tampering.json; `python -m bench.tampered.page` writes them into
docs/tampering.md.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

from bench.tampered.families import FAMILIES, PARTS
from bench.tampered.judging import judged
from bench.tampered.office import Office
from bench.tampered.peers import PEERS
from bench.tampered.population import Tally, population
from bench.tampered.psbts import Output, Plan, made_coin
from bench.tampered.purses import INTERNAL, RECEIVING, SCRIPT_TYPES, Purse, fresh_purse
from bench.tampered.scenes import (
    Attempt,
    Batch,
    Scene,
    draw_scene,
    honest,
    open_batch,
    outpoint_of,
    payment_of,
    signed_vsize,
)
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.money import Sat
from sekisho.passes.records import FeeRule, ListedInputs
from sekisho.wallets.records import ChangeRule

NAME = "tampering"
SHOWN = 20_000
SEED = 2024
WRITTEN = Path(__file__).parents[1] / "build" / "tampering.json"
SMALL_RUNS, LARGE_RUNS = 300, 5
COINS = 500


def measure(shown: int = SHOWN) -> list[dict[str, Any]]:
    tally = population(shown, seed=SEED)
    write_counts(tally)
    return [_tampered_row(tally), _honest_row(tally), _small_row(), _large_row()]


def write_counts(tally: Tally) -> None:
    """Write what was counted, for the page."""
    document = {
        "shown": tally.shown.total(),
        "seed": SEED,
        "kinds": [
            {
                "part": part,
                "name": each.name,
                "what": each.what,
                "codes": sorted(each.codes),
                "shown": tally.shown[each.name],
                "refused": tally.refused[each.name],
                "other_reason": tally.other_reason[each.name],
                "for_peers": tally.for_peers[each.name],
                "peers": {peer: found[each.name] for peer, found in tally.peers_refused.items()},
            }
            for part, kinds in PARTS.items()
            for each in kinds
        ],
        "honest": [
            {
                "title": SCRIPT_TYPES[name].title,
                "shown": tally.honest[name],
                "refused": tally.honest_refused[name],
            }
            for name in SCRIPT_TYPES
        ],
        "honest_reasons": dict(tally.honest_reasons),
        "versions": {"embit": version("embit"), "btclib": version("btclib-wallet")},
        "peers_honest_refused": {peer: tally.peers_honest_refused[peer] for peer in PEERS},
    }
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _tampered_row(tally: Tally) -> dict[str, Any]:
    shown, seen = tally.shown.total(), tally.for_peers.total()
    by_kind = ", ".join(f"{count} of {name!r}" for name, count in tally.accepted.items())
    return _row(
        "gate.tampered_let_through",
        f"of {shown:,}",
        ours=sum(tally.accepted.values()),
        peers={peer: seen - found.total() for peer, found in tally.peers_refused.items()},
        runs=1,
        note=f"{sum(len(each.kinds) for each in FAMILIES)} kinds, one thing changed in each; "
        f"refused {tally.refused.total():,}, for another reason than expected "
        f"{tally.other_reason.total():,}; wrongly accepted: {by_kind or 'none'}. The peers see "
        f"the {seen:,} in which the PSBT itself was changed, and know of no pass",
    )


def _honest_row(tally: Tally) -> dict[str, Any]:
    shown = tally.honest.total()
    reasons = "; ".join(f"{count} {why}" for why, count in tally.honest_reasons.items())
    return _row(
        "gate.honest_refused",
        f"of {shown:,}",
        ours=tally.honest_refused.total(),
        peers={peer: tally.peers_honest_refused[peer] for peer in PEERS},
        runs=1,
        note=f"the same scenes untampered, of {len(SCRIPT_TYPES)} script types; "
        f"wrongly refused: {reasons or 'none'}",
    )


def _row(
    name: str,
    unit: str,
    *,
    ours: float,
    peers: dict[str, float],
    runs: int,
    note: str,
    ratio: float | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "unit": unit,
        "ours": ours,
        "peers": peers,
        "ratio": ratio,
        "runs": runs,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "note": note,
    }


# Speed, on one core ------------------------------------------------------------------------------


def _small_row() -> dict[str, Any]:
    """Return what judging 2 inputs and 2 outputs takes, each scene once."""
    random = Random(SEED)  # noqa: S311 - the same scenes in each run, not secrets
    batch = open_batch(random)
    attempts: list[Attempt] = []
    while len(attempts) < SMALL_RUNS:
        scene = draw_scene(random, batch, list(SCRIPT_TYPES)[len(attempts) % len(SCRIPT_TYPES)])
        if len(scene.plan.coins) == len(scene.plan.outputs) == 2:
            attempts.append(honest(scene))
    ours = sorted(_milliseconds(partial(judged, each)) for each in attempts)
    peers = _peers_milliseconds(attempts)
    median = statistics.median(ours)
    return _row(
        "gate.judged_2x2",
        "ms",
        ours=median,
        peers=peers,
        runs=len(ours),
        ratio=median / max(peers.values()),
        note="2 inputs and 2 outputs, every script type in turn, with a register that is open "
        f"already; 99th percentile {ours[len(ours) * 99 // 100]:.1f} ms, slowest "
        f"{ours[-1]:.1f} ms; aim: under 30 ms. The ratio is to the slower peer's time",
    )


def _large_row() -> dict[str, Any]:
    """Return what judging a consolidation takes, each time with a fresh wallet."""
    random = Random(SEED)  # noqa: S311 - the same scenes in each run, not secrets
    attempts = [honest(consolidation(random, COINS)) for _ in range(LARGE_RUNS)]
    sizes = {len(each.psbt) for each in attempts}
    ours = [_milliseconds(partial(_cleared, each)) / 1000 for each in attempts]
    peers = {peer: took / 1000 for peer, took in _peers_milliseconds(attempts).items()}
    median = statistics.median(ours)
    return _row(
        f"gate.judged_{COINS}_inputs",
        "s",
        ours=median,
        peers=peers,
        runs=len(ours),
        ratio=median / max(peers.values()),
        note=f"{COINS} coins on {COINS} addresses of a 2-of-3 in P2WSH, each with its previous "
        f"transaction, {max(sizes) / 1e6:.1f} MB; slowest {max(ours):.2f} s; aim: under 3 s. The "
        "ratio is to the slower peer's time",
    )


def _peers_milliseconds(attempts: list[Attempt]) -> dict[str, float]:
    return {
        peer: statistics.median(
            _milliseconds(partial(check, each.psbt, each.scene.purse)) for each in attempts
        )
        for peer, check in PEERS.items()
    }


def _cleared(attempt: Attempt) -> None:
    if codes := judged(attempt):
        raise RuntimeError(f"an honest consolidation was refused: {codes}")


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def consolidation(random: Random, count: int) -> Scene:
    """Return a scene that gathers `count` coins, each on an address of its own, on one."""
    purse = _two_of_three(random, count)
    other = fresh_purse(random, "p2wpkh", purse.network)
    purses = {each.kind: each for each in (purse, other)}
    batch = Batch(purses=purses, office=Office([purse.wallet, other.wallet]))
    scene = draw_scene(random, batch, purse.kind)
    coins = tuple(
        made_coin(random, purse, purse.place(RECEIVING, index), random.randint(20_000, 10**7))
        for index in range(count)
    )
    to = purse.place(INTERNAL, 0)
    unpaid = Plan(
        psbt_version=2,
        version=2,
        locktime=0,
        coins=coins,
        sequences=(0xFFFF_FFFD,) * count,
        outputs=(Output(script=to.script, amount_sat=0, place=to),),
        with_previous=(True,) * count,
        with_witness_utxo=(True,) * count,
        sighash=None,
        with_paths=True,
        requires_height=False,
    )
    fee_sat = signed_vsize(unpaid) * 5
    amount_sat = unpaid.spent_sat - fee_sat
    plan = replace(unpaid, outputs=(replace(unpaid.outputs[0], amount_sat=amount_sat),))
    transfer = replace(
        scene.transfer,
        payments=(payment_of(to.script, amount_sat, purse.network),),
        anchor=outpoint_of(coins[0]),
        inputs=ListedInputs(outpoints=tuple(outpoint_of(each) for each in coins)),
        fee=FeeRule(fee_max_sat=Sat(fee_sat), feerate_max_sat_per_kvb=5_000),
        transaction=replace(scene.transfer.transaction, sequence_min=0xFFFF_FFFD, locktime_min=0),
    )
    return replace(scene, plan=plan, payments=(0,), changes=(), transfer=transfer, spare=())


def _two_of_three(random: Random, count: int) -> Purse:
    """Return a 2-of-3 whose gap limit reaches over all of its coins."""
    while True:
        purse = fresh_purse(random, "p2wsh", Network.MAIN)
        if (purse.signers, len(purse.roots)) == (2, 3):
            wallet = replace(purse.wallet, gap_limit=count, change_rule=ChangeRule.INTERNAL_BRANCH)
            return replace(purse, wallet=wallet)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SHOWN), indent=1))
