"""Several nodes: do they tell the same? The first to speak is believed; all are compared."""

from collections.abc import Sequence
from typing import Final

from sekisho.kernel.finding import Finding, finding
from sekisho.watch.feed import Feed

DISAGREE_MS: Final = 60_000
"""How long two nodes may name different tips: a block crosses the world in seconds."""


class Nodes:
    """Since when nodes disagree. A fold."""

    def __init__(self) -> None:
        self._since_ms: dict[tuple[str, str], int] = {}
        self._said: set[tuple[str, str]] = set()

    def compare(self, feeds: Sequence[Feed], now_ms: int) -> list[Finding]:
        """Return which nodes name different tips for too long; a pair once, until it agrees."""
        found: list[Finding] = []
        for place, first in enumerate(feeds):
            for second in feeds[place + 1 :]:
                pair = (first.node, second.node)
                if not first.tip or not second.tip or first.tip == second.tip:
                    self._since_ms.pop(pair, None)
                    self._said.discard(pair)
                    continue
                since_ms = self._since_ms.setdefault(pair, now_ms)
                if now_ms - since_ms >= DISAGREE_MS and pair not in self._said:
                    self._said.add(pair)
                    found.append(
                        finding(
                            "watch.nodes_disagree", first.node, other=second.node,
                            height=first.height, height_other=second.height,
                        )
                    )  # fmt: skip
        return found
