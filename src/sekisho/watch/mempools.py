"""What is in each node's mempool, of the transactions that somebody asks about.

A node tells each change with a number, and lists all that is in it before a number. Whatever
comes first, the state at the end is the same: a change is held to a later listing, and a listing
to a later change.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

NOTES_KEPT: Final = 10_000
"""Of each node's changes the newest; what is judged or listed after them is held to them."""


@dataclass(slots=True)
class _Mempool:
    holds: dict[str, int] = field(default_factory=dict)
    """Each transaction, with a number that only grows from one that enters to the next."""
    notes: "OrderedDict[str, tuple[int, bool]]" = field(default_factory=OrderedDict)
    """The last changes: the mempool's own number, and whether the transaction entered."""
    listed: int = -1
    """The number before which all is known; -1 while it was never listed."""


class Mempools:
    """All nodes' mempools. What enters last is the newest, whichever node told it."""

    def __init__(self) -> None:
        self._nodes: defaultdict[str, _Mempool] = defaultdict(_Mempool)
        self._believed: frozenset[str] = frozenset()
        self._numbers = count(1)

    @property
    def is_listed(self) -> bool:
        """Whether any node that counts has told all that is in its mempool."""
        return any(each.listed >= 0 for each in self._counting())

    def entered(self, txid: str) -> int:
        """Return the number with which it last entered a mempool that counts; 0 if in none."""
        return max((each.holds.get(txid, 0) for each in self._counting()), default=0)

    def believe(self, nodes: frozenset[str]) -> bool:
        """Count these nodes alone; where there is none, what each last said stands.

        Return whether these are others than before.
        """
        others, self._believed = nodes != self._believed, nodes
        return others

    def saw(self, node: str, txid: str) -> None:
        """Take in that a node, or any where none is named, has a transaction in its mempool.

        A node that said since that it left is not believed to.
        """
        for each in [node] if node else [*self._nodes]:
            if self._nodes[each].notes.get(txid, (0, True))[1]:
                self._enter(each, txid)

    def change(self, node: str, txid: str, number: int, *, into: bool, known: bool) -> None:
        """Take in that a transaction entered, or left; one that is not known is noted alone."""
        mempool = self._nodes[node]
        if number < mempool.listed:
            return
        mempool.notes[txid] = (number, into)
        mempool.notes.move_to_end(txid)
        if len(mempool.notes) > NOTES_KEPT:
            mempool.notes.popitem(last=False)
        if known and into:
            self._enter(node, txid)
        elif known:
            mempool.holds.pop(txid, None)

    def listed(
        self, node: str, txids: Collection[bytes], number: int, known: Iterable[str]
    ) -> set[str]:
        """Take in all that was in a mempool before the change of a number.

        Return which of the known transactions entered or left by it; all of them the first time.
        """
        mempool = self._nodes[node]
        known = {*known, *mempool.holds}
        changed = set() if mempool.listed >= 0 else known
        mempool.listed = number
        while mempool.notes and next(iter(mempool.notes.values()))[0] < number:
            mempool.notes.popitem(last=False)
        for txid in known:
            noted, into = mempool.notes.get(txid, (-1, False))
            is_in = into if noted >= number else bytes.fromhex(txid) in txids
            if is_in is not (txid in mempool.holds):
                changed.add(txid)
                if is_in:
                    self._enter(node, txid)
                else:
                    del mempool.holds[txid]
        return changed

    def mined(self, txid: str) -> None:
        """Take in that a transaction is in a block: nodes do not say that it left."""
        for each in self._nodes.values():
            each.holds.pop(txid, None)

    def parted(self, node: str) -> None:
        """Take in that a node is not heard: its numbers may begin anew."""
        mempool = self._nodes[node]
        mempool.notes.clear()
        mempool.listed = min(mempool.listed, 0)

    def _enter(self, node: str, txid: str) -> None:
        self._nodes[node].holds[txid] = next(self._numbers)

    def _counting(self) -> list[_Mempool]:
        believed = [mempool for node, mempool in self._nodes.items() if node in self._believed]
        return believed or list(self._nodes.values())
