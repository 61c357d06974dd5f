"""What the watcher counts of itself, as Prometheus reads it (text format 0.0.4)."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

LATENCY_BOUNDS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000)
PREFIX: Final = "sekisho_watch_"
_ABOUT: Final = {
    "transactions_total": ("counter", "Transactions looked at, each once."),
    "blocks_total": ("counter", "Blocks searched."),
    "verdicts_total": ("counter", "Movements of ours judged, by verdict."),
    "cold_moves_total": ("counter", "Movements that spend coins of a cold wallet."),
    "troubles_total": ("counter", "What was not as it should be with a node, by code."),
    "verdict_seconds": ("histogram", "From a message of the node to the durable verdict."),
    "blind": ("gauge", "1 while it is not proven that everything is seen."),
    "owed_verdicts": ("gauge", "Verdicts that could not be made durable yet."),
    "scripts": ("gauge", "Scripts that are watched."),
    "listed_scripts": ("gauge", "Those of them that files list, by wallet."),
    "tip_height": ("gauge", "Height of the newest block that was searched."),
    "proven_timestamp_seconds": ("gauge", "Until when everything is proven to have been seen."),
    "view_age_seconds": ("gauge", "Age of the view of the journal."),
    "node_sound": ("gauge", "1 while nothing of a node's feed is in doubt."),
    "peer_silent": ("gauge", "1 while another watcher is silent."),
    "peer_findings": ("gauge", "How much is wrong with another watcher."),
    "beats_refused_total": ("counter", "Heartbeats that were forged, or foreign."),
    "node_height": ("gauge", "Height of the tip that a node names."),
}


class Metrics:
    """Counts, and the newest values. A fold over what happened."""

    def __init__(self) -> None:
        self._values: Counter[tuple[str, str]] = Counter()
        self._latencies: Counter[int] = Counter()
        self._latency_us = 0

    def count(self, name: str, label: str = "") -> None:
        """Count one more."""
        self._values[name, label] += 1

    def put(self, name: str, value: int, label: str = "") -> None:
        """Take a value in place of the one before."""
        self._values[name, label] = value

    def took(self, microseconds: int) -> None:
        """Note how long a verdict took."""
        self._latency_us += microseconds
        bounds = (each for each in LATENCY_BOUNDS_MS if microseconds <= 1_000 * each)
        self._latencies[next(bounds, 0)] += 1

    def text(self) -> str:
        """Return the page."""
        lines: list[str] = []
        # A copy, in one step: another thread asks.
        values = dict(self._values)
        for name, (kind, about) in _ABOUT.items():
            lines += [f"# HELP {PREFIX}{name} {about}", f"# TYPE {PREFIX}{name} {kind}"]
            if kind == "histogram":
                lines += self._histogram(name)
            else:
                lines += _rows(name, values)
        return "\n".join([*lines, ""])

    def _histogram(self, name: str) -> list[str]:
        latencies, total_us = dict(self._latencies), self._latency_us
        lines, so_far = [], 0
        for bound in LATENCY_BOUNDS_MS:
            so_far += latencies.get(bound, 0)
            seconds = f"{bound // 1000}.{bound % 1000:03}"
            lines.append(f'{PREFIX}{name}_bucket{{le="{seconds}"}} {so_far}')
        so_far += latencies.get(0, 0)
        lines.append(f'{PREFIX}{name}_bucket{{le="+Inf"}} {so_far}')
        lines.append(f"{PREFIX}{name}_sum {total_us // 1_000_000}.{total_us % 1_000_000:06}")
        lines.append(f"{PREFIX}{name}_count {so_far}")
        return lines


def _rows(name: str, values: Mapping[tuple[str, str], int]) -> list[str]:
    rows = [
        f"{PREFIX}{name}{{{label}}} {value}" if label else f"{PREFIX}{name} {value}"
        for (each, label), value in values.items()
        if each == name
    ]
    return rows or [f"{PREFIX}{name} 0"]


def label(name: str, value: str) -> str:
    """Return a label as the page writes it."""
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{name}="{escaped}"'
