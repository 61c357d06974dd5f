"""Tampering: honest transactions of every script type with one thing changed.

Before signing, after signing, and in what a gate is shown beside the PSBT. Scenes are drawn at
random and built by embit; the pass of each is asked for and approved with real signatures. What
the gate answers is counted by kind, and the same scenes untampered beside them. The peers are the
checks that embit and btclib-wallet make of a PSBT by themselves: they know of no pass.
`make bench ONLY=tampering` shows 20,000, `python -m bench.tampering 1000000` a million. Counts
go to build/tampering.json; `python -m bench.tampered.page` writes them into docs/tampering.md.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

from bench.tampered.families import FAMILIES
from bench.tampered.journals import NOW
from bench.tampered.judging import Codes, judged
from bench.tampered.office import Office
from bench.tampered.peers import PEERS
from bench.tampered.population import Tally, honest_name, population
from bench.tampered.psbts import Output, Plan, made_coin
from bench.tampered.purses import INTERNAL, RECEIVING, SCRIPT_TYPES, Purse, fresh_purse
from bench.tampered.returns import Return, honest_return, judged_return
from bench.tampered.scenes import (
    Attempt,
    Batch,
    Form,
    Scene,
    Way,
    draw_scene,
    honest,
    open_batch,
    outpoint_of,
    payment_of,
    signed_vsize,
)
from sekisho.chains.bitcoin.networks import Network
from sekisho.gate.clear import recall
from sekisho.gate.returned import judge_return
from sekisho.kernel.money import Sat
from sekisho.passes.leave import leave_of
from sekisho.passes.records import FeeRule, ListedInputs
from sekisho.wallets.records import ChangeRule

NAME = "tampering"
SHOWN = 20_000
SEED = 2024
WRITTEN = Path(__file__).parents[1] / "build" / "tampering.json"
SMALL_RUNS, LARGE_RUNS = 300, 5
COINS = 500
_SMALL = "2 inputs and 2 outputs, every script type in turn, processor time"


def measure(shown: int = SHOWN) -> list[dict[str, Any]]:
    tally = population(shown, seed=SEED)
    write_counts(tally)
    return [
        _tampered_row(tally),
        _honest_row(tally),
        _small_row(),
        _small_returned_row(),
        *_large_rows(),
    ]


def write_counts(tally: Tally) -> None:
    """Write what was counted, for the page."""
    document = {
        "shown": tally.shown.total(),
        "seed": SEED,
        "kinds": [
            {
                "family": family.title,
                "part": part,
                "name": each.name,
                "what": each.what,
                "codes": sorted(each.codes),
                "must": sorted(each.must),
                "shown": tally.shown[each.name],
                "refused": tally.refused[each.name],
                "other_reason": tally.other_reason[each.name],
                "for_peers": tally.for_peers[each.name],
                "peers": {peer: found[each.name] for peer, found in tally.peers_refused.items()},
            }
            for family in FAMILIES
            for part, kinds in family.parts.items()
            for each in kinds
        ],
        "honest": [
            {
                "family": family.title,
                "title": about.title,
                "shown": tally.honest[honest_name(family, script_type)],
                "refused": tally.honest_refused[honest_name(family, script_type)],
            }
            for family in FAMILIES
            for script_type, about in SCRIPT_TYPES.items()
        ],
        "honest_reasons": dict(tally.honest_reasons),
        "versions": {"embit": version("embit"), "btclib": version("btclib-wallet")},
        "peers_honest": {peer: tally.peers_honest[peer] for peer in PEERS},
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
        note=f"{_kinds_by_family()}, one thing changed in each; "
        f"refused {tally.refused.total():,}, for another reason than expected "
        f"{tally.other_reason.total():,}; wrongly accepted: {by_kind or 'none'}. The peers see "
        f"the {seen:,} in which the PSBT itself was changed, and know of no pass",
    )


def _kinds_by_family() -> str:
    return ", ".join(f"{len(each.kinds)} kinds {each.title}" for each in FAMILIES)


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
        f"wrongly refused: {reasons or 'none'}. The peers see the "
        f"{max(tally.peers_honest.values()):,} before signing",
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
    attempts = [honest(each) for each in _small_scenes()]
    ours = sorted(_milliseconds(partial(_passed, judged, each)) for each in attempts)
    peers = _peers_milliseconds(attempts)
    median = statistics.median(ours)
    return _row(
        "gate.judged_2x2",
        "ms",
        ours=median,
        peers=peers,
        runs=len(ours),
        ratio=median / max(peers.values()),
        note=f"{_SMALL}, with a register that is open already; {_slowest(ours)}; aim: under 30 "
        "ms. The ratio is to the slower peer's time",
    )


def _small_returned_row() -> dict[str, Any]:
    """Return what judging the same takes once it is signed."""
    attempts = [honest_return(each) for each in _small_scenes()]
    ours = sorted(_milliseconds(partial(_passed, judged_return, each)) for each in attempts)
    return _row(
        "gate.returned_2x2",
        "ms",
        ours=statistics.median(ours),
        peers={},
        runs=len(ours),
        note=f"{_SMALL}, as they come back from signers in each form, with what was cleared "
        f"recalled first; {_slowest(ours)}",
    )


def _small_scenes() -> list[Scene]:
    random = Random(SEED)  # noqa: S311 - the same scenes in each run, not secrets
    batch = open_batch(random)
    scenes: list[Scene] = []
    while len(scenes) < SMALL_RUNS:
        scene = draw_scene(random, batch, list(SCRIPT_TYPES)[len(scenes) % len(SCRIPT_TYPES)])
        if len(scene.plan.coins) == len(scene.plan.outputs) == 2:
            scenes.append(scene)
    return scenes


def _slowest(sorted_ms: Sequence[float]) -> str:
    at_99 = sorted_ms[len(sorted_ms) * 99 // 100]
    return f"99th percentile {at_99:.1f} ms, slowest {sorted_ms[-1]:.1f} ms"


def _large_rows() -> list[dict[str, Any]]:
    """Return what judging a consolidation takes before and after signing, with fresh wallets."""
    random = Random(SEED)  # noqa: S311 - the same scenes in each run, not secrets
    scenes = [consolidation(random, COINS) for _ in range(LARGE_RUNS)]
    attempts = [honest(each) for each in scenes]
    ours = [_milliseconds(partial(_passed, judged, each)) / 1000 for each in attempts]
    peers = {peer: took / 1000 for peer, took in _peers_milliseconds(attempts).items()}
    median = statistics.median(ours)
    others = [consolidation(random, COINS) for _ in range(LARGE_RUNS)]
    returned = [_returned_seconds(honest_return(each)) for each in others]
    size_mb = max(len(each.psbt) for each in attempts) / 1e6
    what = f"{COINS} coins on {COINS} addresses of a 2-of-3 in P2WSH"
    return [
        _row(
            f"gate.judged_{COINS}_inputs",
            "s",
            ours=median,
            peers=peers,
            runs=len(ours),
            ratio=median / max(peers.values()),
            note=f"{what}, each with its previous transaction, {size_mb:.1f} MB; slowest "
            f"{max(ours):.2f} s; aim: under 3 s. The ratio is to the slower peer's time",
        ),
        _row(
            f"gate.returned_{COINS}_inputs",
            "s",
            ours=statistics.median(returned),
            peers={},
            runs=len(returned),
            note=f"{what}, as two key holders sign it: {2 * COINS:,} signatures, of which the "
            f"gate makes final scripts and runs them; slowest {max(returned):.2f} s; aim: under "
            "4 s",
        ),
    ]


def _returned_seconds(attempt: Return) -> float:
    """Return what `judge_return` alone takes."""
    register = attempt.scene.batch.office.register
    leave = leave_of(register, attempt.digest, now=NOW)
    if leave is None:
        raise RuntimeError("a scene without leave")
    cleared = recall(attempt.psbt, leave, used=attempt.used)
    wallet, book = register.wallets[cleared.wallet_id], register.book()
    started = time.process_time()
    found = judge_return(cleared, attempt.returned, wallet=wallet, book=book)
    took_seconds = time.process_time() - started
    if not found.complete:
        raise RuntimeError("a consolidation that is not complete")
    return took_seconds


def _peers_milliseconds(attempts: list[Attempt]) -> dict[str, float]:
    return {
        peer: statistics.median(
            _milliseconds(partial(check, each.psbt, each.scene.purse)) for each in attempts
        )
        for peer, check in PEERS.items()
    }


def _passed(judge: Callable[[Any], Codes], attempt: Any) -> None:  # noqa: ANN401 - what it judges
    if codes := judge(attempt):
        raise RuntimeError(f"an honest scene was refused: {codes}")


def _milliseconds(work: Callable[[], object]) -> float:
    """Return the processor time that something takes."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


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
    way = Way(form=Form.FILED, psbt_version=2, by=(0, 1))
    return replace(
        scene, plan=plan, payments=(0,), changes=(), transfer=transfer, spare=(), way=way
    )


def _two_of_three(random: Random, count: int) -> Purse:
    """Return a 2-of-3 whose gap limit reaches over all of its coins."""
    while True:
        purse = fresh_purse(random, "p2wsh", Network.MAIN)
        if (purse.signers, len(purse.roots)) == (2, 3):
            wallet = replace(purse.wallet, gap_limit=count, change_rule=ChangeRule.INTERNAL_BRANCH)
            return replace(purse, wallet=wallet)


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else SHOWN), indent=1))
