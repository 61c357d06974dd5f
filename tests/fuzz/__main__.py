"""`python -m fuzz --seconds 60 [--target NAME] [--seed 1]`, with PYTHONPATH=tests:src."""

import argparse
import sys
from secrets import randbelow

from fuzz.hunt import hunt, targets


def main() -> int:
    """Hunt on each target; return 1 if one broke its promise."""
    asked = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    asked.add_argument("--seconds", type=float, default=60, help="on each target")
    asked.add_argument("--target", help="only this one")
    asked.add_argument("--seed", type=int, default=randbelow(2**32))
    args = asked.parse_args()
    chosen = [each for each in targets() if args.target in {None, each[0]}]
    if not chosen:
        asked.error(f"no target {args.target!r}; there are {', '.join(t[0] for t in targets())}")
    say(f"seed {args.seed}, {args.seconds:g} s on each of {len(chosen)} targets")
    failed = 0
    for target in chosen:
        report = hunt(target, seconds=args.seconds, seed=args.seed)
        pace = report.executions / report.seconds
        share = report.accepted / report.executions
        say(f"{target[0]:32} {report.executions:9,} runs {pace:9,.0f}/s {share:6.1%} parsed")
        for failure in report.failures:
            failed += 1
            say(f"FAILED on {failure.kept}:\n{failure.why}")
    return 1 if failed else 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
