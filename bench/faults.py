"""Faults at random, on real nodes: `python -m bench.faults --rounds 200 --seed 1`.

Each round moves coins and plays faults among them (`faulted/plan.py`); then the watcher has to say
that it sees everything, and an oracle that reads the chain itself looks whether it did
(`faulted/oracle.py`). The seed and a round's number say what is played; `--only N` plays that
round alone. Counts go to build/faults.json; `python -m bench.faulted.page` writes them into
docs/watch-faults.md.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.faulted import oracle
from bench.faulted.chain import ChainReader, Moved
from bench.faulted.deeds import do
from bench.faulted.journal import JournalReader
from bench.faulted.plan import ACTIONS, NAMES, Round, draw
from bench.faulted.stage import Stage, open_stage

NAME = "faults"
ROUNDS = 200
SEED = 2024
WRITTEN = Path(__file__).parents[1] / "build" / "faults.json"
PATIENCE_SECONDS = 60
QUIET_SECONDS = 4
WRONG_MOST = 50
"""With so much wrong nobody needs more of it."""
Say = Callable[[str], None]


@dataclass(kw_only=True)
class Tally:
    """What was played, and what came of it."""

    seed: int
    rounds: int = 0
    seconds: float = 0.0
    outflows: set[str] = field(default_factory=set)
    deposits: set[str] = field(default_factory=set)
    actions: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    under: dict[str, set[str]] = field(default_factory=dict)
    """The outflows that were first found in a round with a fault, by the fault."""
    verdicts: Counter[str] = field(default_factory=Counter)
    coverage: Counter[str] = field(default_factory=Counter)
    claims: int = 0
    wrong: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return it as build/faults.json holds it."""
        return {
            "seed": self.seed,
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
            "outflows": len(self.outflows),
            "deposits": len(self.deposits),
            "claims": self.claims,
            "actions": {name: self.actions[name] for name in ACTIONS},
            "faults": {
                name: {"played": self.faults[name], "outflows": len(self.under.get(name, ()))}
                for name in NAMES
            },
            "verdicts": dict(sorted(self.verdicts.items())),
            "coverage": dict(sorted(self.coverage.items())),
            "lives": oracle.HAS_LIVES,
            "wrong": self.wrong,
        }


class Game:
    """A stage, and an oracle that looks at it after each round."""

    def __init__(self, stage: Stage, tally: Tally, say: Say) -> None:
        self.stage, self.tally, self._say = stage, tally, say
        stage.watch_by(1)
        self.chain = ChainReader(stage.main)
        self.journal = JournalReader(stage.exchange.root / "journal.sqlite")
        self._known: set[str] = set()

    def play(self, script: Round) -> None:
        """Play a round, and have the oracle look."""
        tally, stage = self.tally, self.stage
        began = time.monotonic()
        stage.watch_by(script.nodes)
        stage.purse.replenish()
        stage.share()
        played = [each.name for each in script.steps if do(stage, each)]
        stage.mend()
        moved, wrong = self._settled()
        tally.rounds += 1
        tally.seconds += time.monotonic() - began
        faults = [each for each in played if each in NAMES]
        tally.faults.update(faults)
        tally.actions.update(each for each in played if each in ACTIONS)
        tally.claims = stage.claimed
        self._count(moved, faults)
        stage.forget({each.txid for each in moved})
        self._tell(script, wrong)

    def _settled(self) -> tuple[list[Moved], list[str]]:
        """Wait until the watcher says that it sees all; return what moved, and what is wrong.

        What is wrong has until the watcher claims to have seen this very moment: not longer. How
        a movement lives on may be told later.
        """
        stage, wanted = self.stage, self.stage.watcher_time() + 1
        until = time.monotonic() + PATIENCE_SECONDS
        sees, wrong, quiet = False, ["nothing"], time.monotonic()
        while time.monotonic() < until and (wrong or not sees):
            if time.monotonic() - quiet >= QUIET_SECONDS:
                # A topic that was dead is believed when it speaks, and here nobody else is.
                quiet = time.monotonic()
                stage.mine(stage.main, [])
                stage.share()
            last = stage.claims[-1] if stage.claims else None
            final = last is not None and wanted < last.proven <= last.now
            sees = stage.sees_all()
            moved, found = self._looked()
            wrong = [each for each in found if each not in self._known]
            if sees and final and not any(each.startswith("lives:") for each in wrong):
                break
            time.sleep(0.05)
        self._known.update(wrong)
        if not sees:
            told = "" if stage.watcher is None else stage.watcher.said()
            wrong.append(f"not seeing after {PATIENCE_SECONDS} s: {stage.said()}\n{told}")
        return moved, wrong

    def _looked(self) -> tuple[list[Moved], list[str]]:
        stage, journal = self.stage, self.journal
        moved = self.chain.read(*stage.nodes)
        journal.read_on()
        return moved, [
            *oracle.verdicts(moved, journal, cleared=stage.purse.cleared),
            *oracle.incidents(journal),
            *oracle.claims([*stage.claims], stage.taken, moved, journal),
            *oracle.ahead([*stage.claims]),
            *oracle.intervals(journal),
            *oracle.absences(stage.absent, journal),
            *(oracle.lives(moved, journal) if oracle.HAS_LIVES else ()),
        ]

    def _count(self, moved: Iterable[Moved], faults: Iterable[str]) -> None:
        tally = self.tally
        out = {each.txid for each in moved if each.spends_ours}
        for each in faults:
            tally.under.setdefault(each, set()).update(out - tally.outflows)
        tally.outflows |= out
        tally.deposits |= {each.txid for each in moved if not each.spends_ours}
        judged = {each.body["txid"]: each for each in self.journal.of("watch.judged")}
        tally.verdicts = Counter(each.body["verdict"] for each in judged.values())
        tally.coverage = Counter(
            each.kind for each in self.journal.of(oracle.COVERED, oracle.BLIND, oracle.SEEING)
        )

    def _tell(self, script: Round, wrong: list[str]) -> None:
        tally = self.tally
        pace = tally.seconds / tally.rounds
        self._say(
            f"round {script.number}: {', '.join(each.name for each in script.steps)}; "
            f"{len(tally.outflows)} outflows so far, {pace:.1f} s a round"
        )
        if wrong:
            again = f"python -m bench.faults --seed {tally.seed} --only {script.number}"
            self._say("\n".join([*wrong, str(script), f"again: {again}"]))
            tally.wrong += [f"round {script.number}: {each}" for each in wrong]

    def end(self) -> None:
        """Have the journal verified by the project's own command, and note what it finds."""
        code, said = self.stage.exchange("journal", "verify")
        if code:
            self.tally.wrong.append(f"the journal does not verify: {said}")


def play(
    rounds: Iterable[Round], *, seed: int = SEED, say: Say = lambda _: None, spoiled: str = "pass"
) -> Tally:
    """Play these rounds, and return what came of it. `spoiled` breaks the watcher on purpose."""
    tally = Tally(seed=seed)
    with TemporaryDirectory() as folder, open_stage(Path(folder), spoiled=spoiled) as stage:
        game = Game(stage, tally, say)
        with stage.listening():
            for each in rounds:
                game.play(each)
                if len(tally.wrong) >= WRONG_MOST:
                    break
        game.end()
    return tally


def measure(seed: int = SEED, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Play rounds and return the row of `make bench`."""
    tally = play((draw(seed, each) for each in range(rounds)), seed=seed, say=_print)
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps(tally.document(), indent=1) + "\n", encoding="utf-8")
    faults = ", ".join(f"{count} {name}" for name, count in tally.faults.most_common())
    return [
        {
            "name": "watch.faults_wrong",
            "unit": f"of {len(tally.outflows):,} outflows",
            "ours": len(tally.wrong),
            "peers": {},
            "ratio": None,
            "runs": 1,
            "peak_rss_mb": None,
            "note": f"{tally.rounds} rounds with seed {seed} in {tally.seconds / 60:.1f} minutes; "
            f"{tally.claims:,} claims to see all were compared; faults: {faults}",
        }
    ]


def _print(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Play what was asked for; return 1 if anything was wrong."""
    asked = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--seed", type=int, default=SEED)
    asked.add_argument("--only", type=int, help="play this round alone, and write nothing")
    given = asked.parse_args()
    if given.only is not None:
        tally = play([draw(given.seed, given.only)], seed=given.seed, say=_print)
        return 1 if tally.wrong else 0
    (row,) = measure(given.seed, given.rounds)
    _print(f"{row['ours']} wrong {row['unit']}: {row['note']}")
    return 1 if row["ours"] else 0


if __name__ == "__main__":
    sys.exit(main())
