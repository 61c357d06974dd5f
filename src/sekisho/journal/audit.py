"""Where was a history changed, cut, reordered or forked? Rows in, findings out.

What the rows alone can show: a document that no longer hashes to its hash, a column that disagrees
with its document, a missing or misplaced entry, an entry that does not name the one before it.
Whoever owns the file can recompute all of that; what they cannot recompute is a checkpoint that
somebody else kept. Each kept checkpoint is compared with the tree over the stored bytes, and
several of them bound where a fork begins.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from sekisho.journal.checkpoints import Checkpoint
from sekisho.journal.entries import FRAME, entry_hash
from sekisho.journal.merkle import EMPTY_ROOT, Frontier, leaf_hash
from sekisho.journal.records import GENESIS, Row
from sekisho.kernel.finding import Finding, finding

Watch: TypeAlias = Callable[[Iterable[Row], int | None], Iterable[Row]]
"""Passes rows on and shows how far they are; told how many there are, where that is known."""

RUNS_MAX = 20
"""Of one kind of finding so many runs of entries are listed; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a history is, and everything that is wrong with it."""

    size: int
    """How many entries are there."""
    root: bytes
    """The Merkle root over them, in the order in which they are stored."""
    agrees_to: int
    """The size of the largest kept checkpoint that this history begins with; 0 without one."""
    findings: tuple[Finding, ...]


def audit(rows: Iterable[Row], *, kept: Mapping[str, Checkpoint]) -> Audit:
    """Return what the stored `rows` are, and where they are not as they were written.

    `kept` are checkpoints of this log, verified by `open_checkpoint`, under the names by which the
    findings call them. All findings are returned, but of a kind no more than `RUNS_MAX` runs of
    entries: a wholly rewritten file gives a report and not a flood. Memory does not grow with
    the rows.

    Not looked at: whether a document is in canonical form and its body sensible. That is checked
    before an entry is appended, and again by everyone who reads one.
    """
    tree = Frontier()
    walk = _Walk()
    roots = {0: EMPTY_ROOT}
    wanted = {each.size for each in kept.values()}
    for row in rows:
        own = entry_hash(row.document)
        walk.step(row, own)
        tree.append(leaf_hash(own))
        if tree.size in wanted:
            roots[tree.size] = tree.root()
    agreeing = [each.size for each in kept.values() if roots.get(each.size) == each.root]
    agrees_to = max(agreeing, default=0)
    return Audit(
        size=tree.size,
        root=tree.root(),
        agrees_to=agrees_to,
        findings=(*walk.findings(), *_against(kept, roots, size=tree.size, agrees_to=agrees_to)),
    )


class _Walk:
    """Where the audit stands between two rows: what the next one must follow."""

    __slots__ = ("_runs", "_seq", "_suspect", "_tip", "_tip_hex")

    def __init__(self) -> None:
        self._seq = 0
        self._tip: tuple[bytes, ...] = (GENESIS,)
        """The hash of the entry last seen, and the one stored beside it should they differ."""
        self._tip_hex = GENESIS.hex().encode()
        self._suspect = False
        """Whether the entry last seen is not the one that was written there."""
        self._runs: dict[str, _Runs] = {}

    def step(self, row: Row, own: bytes) -> None:
        """Look at one row, whose document hashes to `own`."""
        frame = FRAME.fullmatch(row.document)
        seq = self._seq + 1
        if (
            frame is not None
            and row.seq == seq
            and row.hash == own
            and frame[2] == self._tip_hex
            and int(frame[3]) == seq
            and frame[1].decode() == row.entry_id
        ):
            self._suspect = False
            self._tip = (own,)
        elif row.seq < seq:
            self._note("journal.entry_out_of_order", row.seq)
            return
        else:
            self._suspect = self._look_closer(row, own, frame)
            self._tip = (own, row.hash)
        self._seq = row.seq
        self._tip_hex = own.hex().encode()

    def _look_closer(self, row: Row, own: bytes, frame: re.Match[bytes] | None) -> bool:
        """Note what is wrong with this row; return whether what stands there was written there."""
        gap = row.seq > self._seq + 1
        if gap:
            self._note("journal.entries_missing", self._seq + 1, row.seq - 1)
        if frame is None:
            self._note("journal.entry_unreadable", row.seq)
            return True
        changed = row.hash != own
        moved = int(frame[3]) != row.seq
        if changed:
            self._note("journal.entry_changed", row.seq)
        if moved:
            self._note("journal.entry_moved", row.seq)
        if frame[1].decode() != row.entry_id:
            self._note("journal.entry_id_differs", row.seq)
        # An entry that names another predecessor than the one that stands there is a finding of
        # its own only where this entry and that one are, by themselves, as they should be.
        follows = bytes.fromhex(frame[2].decode()) in self._tip
        if not (follows or gap or changed or moved or self._suspect):
            self._note("journal.chain_broken", row.seq)
        return moved

    def _note(self, code: str, first: int, last: int | None = None) -> None:
        self._runs.setdefault(code, _Runs()).add(first, first if last is None else last)

    def findings(self) -> list[Finding]:
        """Return every finding about the rows by themselves."""
        return [each for code, runs in self._runs.items() for each in runs.findings(code)]


class _Runs:
    """Entries with the same thing wrong: neighbours are said together, and floods are counted."""

    __slots__ = ("_entries", "_last", "_listed", "_runs")

    def __init__(self) -> None:
        self._listed: list[list[int]] = []
        self._runs = 0
        self._entries = 0
        self._last = -1

    def add(self, first: int, last: int) -> None:
        """Add the entries from `first` to `last`."""
        if first != self._last + 1 or not self._runs:
            self._runs += 1
            if self._runs <= RUNS_MAX:
                self._listed.append([first, last])
        elif self._runs <= RUNS_MAX:
            self._listed[-1][1] = last
        self._entries += last - first + 1
        self._last = last

    def findings(self, code: str) -> list[Finding]:
        """Return a finding for each run listed, and one for all that are not."""
        found = []
        listed = 0
        for first, last in self._listed:
            entries = str(first) if first == last else f"{first}-{last}"
            listed += last - first + 1
            found.append(finding(code, "journal", entries=entries, count=last - first + 1))
        if self._runs > RUNS_MAX:
            left = self._entries - listed
            found.append(finding("journal.findings_left_out", "journal", of=code, entries=left))
        return found


def _against(
    kept: Mapping[str, Checkpoint], roots: Mapping[int, bytes], *, size: int, agrees_to: int
) -> list[Finding]:
    """Compare the tree over the rows with what was signed, and what was signed with itself."""
    findings = []
    by_size = sorted(kept.items(), key=lambda pair: pair[1].size)
    beyond = [pair for pair in by_size if pair[1].size > size]
    if beyond:
        name, most = beyond[-1]
        findings.append(finding("journal.truncated", name, size=size, signed_size=most.size))
    differing = [pair for pair in by_size if roots.get(pair[1].size, pair[1].root) != pair[1].root]
    forks = [pair for pair in differing if pair[1].size > agrees_to]
    if forks:
        name, first = forks[0]
        findings.append(
            finding(
                "journal.forked",
                name,
                agrees_to=agrees_to,
                differs_by=first.size,
                checkpoints=len(forks),
            )
        )
    # A checkpoint below one that agrees cannot differ, unless the log signed two histories; nor
    # can two of one size. Either is proof against the holder of the key, to be shown to anybody.
    below = [pair for pair in differing if pair[1].size < agrees_to]
    twins = [
        pair
        for before, pair in pairwise(by_size)
        if before[1].size == pair[1].size and before[1].root != pair[1].root
    ]
    findings.extend(
        finding("journal.two_histories", name, signed_size=each.size)
        for name, each in below + twins
    )
    return findings
