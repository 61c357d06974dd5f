"""Write build/bench.json into both READMEs, between their markers: `python -m bench.readme`."""

import json
from pathlib import Path
from typing import Any

from bench.__main__ import WRITTEN, number

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
ROOT = Path(__file__).parents[1]
HEADINGS = {
    "README.md": ("what", "ours", "peer", "ratio", "peak memory"),
    "README.ja.md": ("測定", "当プロジェクト", "比較対象", "比", "最大メモリ"),
}


def main() -> None:
    """Put the numbers that were measured last into the pages that people read."""
    rows = json.loads(WRITTEN.read_text(encoding="utf-8"))
    for name, headings in HEADINGS.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        table = "\n".join(lines(headings, rows))
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        if not rest or not after:
            raise RuntimeError(f"{name} has no place for the numbers")
        filled = f"{before}{BEGIN}\n{table}\n{END}{after}"
        path.write_text(filled, encoding="utf-8")


def lines(headings: tuple[str, ...], rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a Markdown table."""
    written = [f"| {' | '.join(headings)} |", "|---|---:|---|---:|---:|"]
    for row in rows:
        peers = ", ".join(
            f"{number(value)} {row['unit']} ({peer})" for peer, value in row["peers"].items()
        )
        ratio = "–" if row["ratio"] is None else f"{number(row['ratio'])}×"
        memory = "–" if row["peak_rss_mb"] is None else f"{number(row['peak_rss_mb'])} MB"
        ours = f"{number(row['ours'])} {row['unit']}"
        written.append(f"| {row['name']} | {ours} | {peers or '–'} | {ratio} | {memory} |")
    return written


if __name__ == "__main__":
    main()
