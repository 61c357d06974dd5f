"""Write what `make bench ONLY=latency,restart` measured into docs/watch.md, between its markers.

`python -m bench.latency_page` reads build/bench.json.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.__main__ import WRITTEN, number

BEGIN, END = "<!-- latency:begin -->", "<!-- latency:end -->"
PAGE = Path(__file__).parents[1] / "docs" / "watch.md"
PARTS = re.compile(r"(?:node's message|durable verdict) ([\d.]+) ms")
CASES = {
    "idle.10k": "10 thousand scripts, idle",
    "idle.1m": "1 million scripts, idle",
    "idle.10m": "10 million scripts, idle",
    "beside_a_block.10m": "the same, while a block of 4,000 transactions is published",
    "in_a_block.10m": "the same, first seen in that block",
}


def main() -> None:
    """Put the numbers that were measured last into the page."""
    measured = {row["name"]: row for row in json.loads(WRITTEN.read_text(encoding="utf-8"))}
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or not after:
        raise RuntimeError(f"{PAGE} has no place for the numbers")
    table = "\n".join(lines(measured))
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def lines(measured: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, and what the restart took."""
    yield "| | p50 | p99 | until the node told, p99 | from then on, p99 | thefts | peak memory |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for case, title in CASES.items():
        half, most = (measured[f"latency.{case}.p{each}"] for each in (50, 99))
        node, own = PARTS.findall(most["note"])
        yield (
            f"| {title} | {number(half['ours'])} ms | {number(most['ours'])} ms | {node} ms "
            f"| {own} ms | {half['runs']} | {number(half['peak_rss_mb'])} MB |"
        )
    half, most = (measured[f"latency.idle.10k.p{each}"] for each in (50, 99))
    for peer, theirs in half["peers"].items():
        yield f"| {peer} | {number(theirs)} ms | {number(most['peers'][peer])} ms | | | | |"
    yield ""
    yield f"Peers: {half['note'].partition('peers: ')[2]}."
    restart = measured["restart.full_coverage"]
    yield f"Restart: everything is seen again {number(restart['ours'])} s after the start, with"
    yield f"{restart['note'].partition('; ')[2]}."


if __name__ == "__main__":
    main()
