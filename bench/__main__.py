"""Measure Sekisho beside its peers: `python -m bench [--only scan,journal]`.

Each module here with a `NAME` and a `measure()` gives rows; they are shown as a table and written
to build/bench.json. A measurement that cannot be made is an error, never a missing row.
"""

import argparse
import importlib
import json
import os
import pkgutil
import platform
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.table import Table

import bench

FIELDS = ("name", "unit", "ours", "peers", "ratio", "runs", "peak_rss_mb", "note")
WRITTEN = Path(__file__).parents[1] / "build" / "bench.json"


def main() -> int:
    """Measure what was asked for; return 1 if a measurement failed, 2 for an unknown name."""
    offered = measurements()
    asked = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    asked.add_argument("--only", help=f"some of {','.join(offered)}; all of them without it")
    only = asked.parse_args().only
    names = only.split(",") if only else list(offered)
    if unknown := [name for name in names if name not in offered]:
        asked.error(f"there is no {', '.join(unknown)}; there are {', '.join(offered)}")
    console = Console(width=None if sys.stdout.isatty() else 110)
    console.print(machine())
    rows: list[dict[str, Any]] = []
    failed = []
    for name in names:
        console.print(f"measuring {name} ...")
        with console.status("this takes a few minutes"):
            try:
                rows += checked(offered[name].measure())
            except Exception:  # noqa: BLE001 - the others are still worth measuring
                failed.append(name)
                traceback.print_exc()
    WRITTEN.parent.mkdir(exist_ok=True)
    kept = with_before(rows) if only else rows
    WRITTEN.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(table(rows))
    for row in rows:
        console.print(f"[bold]{row['name']}[/]: {row['note']}.", highlight=False)
    if failed:
        console.print(f"[bold red]not measured: {', '.join(failed)}[/]")
    return 1 if failed else 0


def measurements() -> dict[str, ModuleType]:
    """Return the modules of this package that measure something, by name."""
    found = {}
    for each in pkgutil.iter_modules(bench.__path__):
        if not each.ispkg and each.name != "__main__":
            module = importlib.import_module(f"bench.{each.name}")
            if hasattr(module, "NAME") and hasattr(module, "measure"):
                found[module.NAME] = module
    return found


def checked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows if each has all that a reader of build/bench.json expects."""
    for row in rows:
        if set(row) != set(FIELDS):
            raise RuntimeError(f"a row has the fields {sorted(row)}, not {sorted(FIELDS)}")
    return rows


def with_before(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return these rows among those that were written before, each in the place of its name."""
    before = json.loads(WRITTEN.read_text(encoding="utf-8")) if WRITTEN.exists() else []
    newest = {row["name"]: row for row in (*before, *rows)}
    return list(newest.values())


def table(rows: list[dict[str, Any]]) -> Table:
    shown = Table(title="Sekisho beside its peers (medians)")
    for heading in ("what", "unit", "ours", "peer", "theirs", "ratio", "runs", "peak MB"):
        name = heading in {"what", "unit", "peer"}
        shown.add_column(heading, justify="left" if name else "right", overflow="fold")
    for row in rows:
        peers = list(row["peers"].items())
        shown.add_row(
            row["name"],
            row["unit"],
            number(row["ours"]),
            "\n".join(peer for peer, _ in peers) or "-",
            "\n".join(number(value) for _, value in peers) or "-",
            "-" if row["ratio"] is None else f"{number(row['ratio'])} x",
            str(row["runs"]),
            "-" if row["peak_rss_mb"] is None else number(row["peak_rss_mb"]),
        )
    return shown


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def machine() -> str:
    """Return what this was measured on, and how busy that is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GB, Python "
        f"{platform.python_version()}, load {load}. Whatever else runs here makes the numbers "
        "worse, and differently each time: compare the columns of one table, not two tables."
    )


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
