"""Write docs/watch-faults.md from build/faults.json: `python -m bench.faulted.page`."""

import json
from pathlib import Path
from typing import Any

from bench.faulted.plan import LASTING, PARTED

ROOT = Path(__file__).parents[2]
COUNTED = ROOT / "build" / "faults.json"
PAGE = ROOT / "docs" / "watch-faults.md"
ABOUT = """\
# The watcher under faults

Real nodes, a real `sekisho watch`, and a thief who has the keys. Each round moves coins, in a
random order, with a random fault or two among them, at random moments: payments under passes and
their fee bumps, thefts into the mempool and straight into a block, thefts that replace each other,
deposits that are spent before a block has them. When the round is over, the watcher has to say
that it sees everything. Then an oracle reads the chain itself, without a line of the watcher's
code, and compares it with the journal:

- Every outflow in the chain or a mempool has one verdict, of the right kind: a theft an alarm, a
  payment under a pass none. So has every deposit. No verdict stands twice; only one that was
  undetermined is followed by another.
- Every alarm opened one incident, whenever the watcher was killed. Nothing else opened any.
- Ten times a second the watcher is asked how far it claims to have seen everything. Nothing that
  was in a node by then may be judged later than the claim.
- The intervals of `watch.covered`, `watch.blind` and `watch.seeing` adjoin without overlap, and
  none is covered in which no watcher was there.
- Where the watcher tells the life of a movement, what is live is in the chain or a mempool.
- The journal verifies at the end.

```sh
python -m bench.faults --rounds 200 --seed {seed}   # says each round; writes build/faults.json
python -m bench.faults --seed {seed} --only 17      # one round again, alone
python -m bench.faulted.page                      # writes this page from build/faults.json
```

The seed and the number of a round say what is played, and for how long is waited before each step.
How far the machines got in that time they do not say: what a kill interrupts differs.
`tests/watch/test_faults.py` plays some rounds each time, and holds that a watcher which misses
something is caught.
"""
PLAYED = {
    "watcher killed": "SIGKILL at any moment; half of them right after an entry of a theft, a "
    "fifth again while it begins; a third lose `watch.json` as well",
    "watcher stopped a while": "SIGSTOP, up to three seconds",
    "node killed": "the node, by SIGKILL, with its last blocks unwritten or not; begun again",
    "node restarted": "the node ends in order and begins again",
    "evicted": "the node begins again with an empty mempool; what was in it may be sent again",
    "messages dropped": "up to six messages of a topic are lost on their way",
    "messages late": "a topic's messages are up to 2.4 seconds late",
    "messages twice": "up to six messages of a topic come twice",
    "connection cut": "a topic's connection breaks",
    "topic dead": "a topic says nothing, up to seven seconds, while RPC answers",
    "reorganised": "up to six blocks are undone, with thefts in them: to come back, or displaced",
    "displaced": "a block spends what a theft in the mempool spends",
    "disk full": "no file of the watcher may grow (`RLIMIT_FSIZE`), at once or within an entry",
    "clock jumps": "the watcher's clock jumps by a minute to a day, forward or back",
    PARTED: "two nodes do not hear of each other, and each gets blocks and thefts of its own",
}
"""What each fault is, in the words of the page."""


def page(counted: dict[str, Any]) -> str:
    """Return the page for what was counted."""
    lasting = ", ".join(f"“{each}”" for each in LASTING)
    lines = [
        ABOUT.format(seed=counted["seed"]),
        "## What was played",
        "",
        _summary(counted),
        "",
        "| fault | what it is | played | outflows in these rounds |",
        "|---|---|---:|---:|",
        *(
            f"| {name} | {PLAYED[name]} | {each['played']:,} | {each['outflows']:,} |"
            for name, each in counted["faults"].items()
        ),
        "",
        f"Those that last, as {lasting}, go on while coins move. Two may last at once.",
        "",
        "| movement | played |",
        "|---|---:|",
        *(f"| {name} | {count:,} |" for name, count in counted["actions"].items()),
        "",
        *_journal(counted),
    ]
    if counted["wrong"]:
        lines += ["What was wrong:", "", *(f"- {each}" for each in counted["wrong"]), ""]
    return "\n".join(lines)


def _summary(counted: dict[str, Any]) -> str:
    return (
        f"{counted['rounds']:,} rounds with seed {counted['seed']} in "
        f"{counted['seconds'] / 60:.0f} minutes, on two cores that others used as well. "
        f"Of {counted['outflows']:,} outflows and {counted['deposits']:,} deposits, with "
        f"{counted['claims']:,} claims to have seen everything, **{len(counted['wrong'])} were "
        "judged, claimed or recorded wrongly**."
    )


def _journal(counted: dict[str, Any]) -> list[str]:
    held = {**counted["verdicts"], **counted["coverage"]}
    cells = ", ".join(f"{count:,} {name}" for name, count in held.items())
    lives = "were compared as well" if counted["lives"] else "are not told by this version"
    return [f"In the journal at the end: {cells}. The lives of movements {lives}.", ""]


def main() -> None:
    """Write the page from what the last run counted."""
    counted = json.loads(COUNTED.read_text(encoding="utf-8"))
    PAGE.write_text(page(counted), encoding="utf-8")


if __name__ == "__main__":
    main()
