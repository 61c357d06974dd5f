"""`python -m fuzz --seconds 60 [--target NAME] [--seed 1] [--keep]`, with PYTHONPATH=tests:src."""

import argparse
import sys
from secrets import randbelow

from fuzz.corpus import Reaching, keep_inputs, kept_inputs, lines_of, minimised
from fuzz.hunt import Report, Target, hunt, targets


def main() -> int:
    """Hunt on each target; return 1 if one broke its promise."""
    asked = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    asked.add_argument("--seconds", type=float, default=60, help="on each target")
    asked.add_argument("--target", help="only this one")
    asked.add_argument("--seed", type=int, default=randbelow(2**32))
    asked.add_argument(
        "--keep", action="store_true", help="in corpus/, what reaches lines of its own"
    )
    args = asked.parse_args()
    chosen = [each for each in targets() if args.target in {None, each[0]}]
    if not chosen:
        asked.error(f"no target {args.target!r}; there are {', '.join(t[0] for t in targets())}")
    say(f"seed {args.seed}, {args.seconds:g} s on each of {len(chosen)} targets")
    failed = 0
    for target in chosen:
        look = hunt_and_keep if args.keep else hunt
        report = look(target, seconds=args.seconds, seed=args.seed)
        pace = report.executions / report.seconds
        share = report.accepted / report.executions
        say(f"{target[0]:32} {report.executions:9,} runs {pace:9,.0f}/s {share:6.1%} parsed")
        for failure in report.failures:
            failed += 1
            say(f"FAILED on {failure.kept}:\n{failure.why}")
    return 1 if failed else 0


def hunt_and_keep(target: Target, *, seconds: float, seed: int) -> Report:
    """Hunt, slower, and keep the inputs that reach lines which no seed reaches."""
    name, parse, seeds = target
    reaching, before = Reaching(parse), kept_inputs(name)
    report = hunt((name, reaching, seeds), seconds=seconds, seed=seed)
    written_by_hand = [each for each in seeds if each not in before]
    found = [*before, *reaching.found]
    kept = minimised(written_by_hand, found, lambda data: lines_of(parse, data))
    keep_inputs(name, kept)
    say(f"{name:32} {len(kept):9,} kept {sum(map(len, kept)):9,} bytes")
    return report


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
