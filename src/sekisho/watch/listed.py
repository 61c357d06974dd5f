"""Scripts that a list names as a wallet's: millions of them, and without power.

A list is no signed document. So a coin on a listed script is ours to judge when it is spent, and a
payment to one is a deposit; but nothing that leaves us comes back by it. It is never change, never
our own, and what is paid to it has left: else whoever can add to the list hides a theft by naming
where the coins go. What is ours with all that follows from it is what a descriptor derives, in a
`ScriptBook`, and that is asked first.

The sieve holds the scripts. It puts them one after another, so a few positions say whose they are.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sekisho.kernel.digest import document_digest
from sekisho.wallets.records import ListedScript, OwnScript
from sekisho.wallets.registry import ScriptBook

if TYPE_CHECKING:  # it compiles kernels, which takes time, and who has no lists needs none
    from sekisho.watch.sieve import Packed, Sieve


class Listed:
    """The listed scripts in a sieve. Whatever else the sieve watches is not listed."""

    def __init__(self, sieve: "Sieve") -> None:
        self.sieve = sieve
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._wallet_ids: list[str] = []
        """By stretch of positions, in order."""
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many scripts are listed, by wallet; each counts for the first that listed it."""
        return self._counts

    def add(self, wallet_id: str, scripts: "Packed") -> int:
        """Watch these scripts as a wallet's too; return how many were not watched before.

        Raises as `Sieve.watch_packed_scripts` does.
        """
        start = self.sieve.end
        new = self.sieve.watch_packed_scripts(*scripts)
        if not new:
            return 0
        self._counts[wallet_id] += new
        if self._ends and self._ends[-1] == start and self._wallet_ids[-1] == wallet_id:
            self._ends[-1] = self.sieve.end
        else:
            self._starts.append(start)
            self._ends.append(self.sieve.end)
            self._wallet_ids.append(wallet_id)
        return new

    def of(self, script: bytes) -> ListedScript | None:
        """Return which wallet lists a script, byte for byte this one; None if none does."""
        position = self.sieve.position_of(script) if self._starts else -1
        place = bisect_right(self._starts, position) - 1
        if place < 0 or position >= self._ends[place]:
            return None
        return ListedScript(wallet_id=self._wallet_ids[place], script=script)


def scanned_digest(wallet_id: str) -> str:
    """Return the name under which it is noted that blocks were scanned for a wallet's lists."""
    return document_digest("listed-scan", wallet_id)


def owner_of(
    script: bytes, book: ScriptBook, listed: Listed | None
) -> OwnScript | ListedScript | None:
    """Return whose script this is when a coin on it is spent: by a descriptor, else by a list."""
    own = book.own(script)
    return listed.of(script) if own is None and listed is not None else own


def each_of(scripts: "Packed") -> Iterator[bytes]:
    """Yield scripts that lie one after another."""
    data, at = scripts[0].tobytes(), 0
    for size in scripts[1].tolist():
        yield data[at : at + size]
        at += size
