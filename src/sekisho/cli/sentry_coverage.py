"""A sentry's ledger: how far all is proven to have been seen, on disk and in the journal."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sekisho.app import Installation, current_time, new_id
from sekisho.edges.watch_file import read_watch_file, write_watch_file
from sekisho.journal.records import Draft
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Finding
from sekisho.watch import troubles
from sekisho.watch.block_path import Blocks
from sekisho.watch.coverage import (
    WATCH_BLIND,
    WATCH_COVERED,
    WATCH_SEEING,
    Coverage,
    as_told,
    blind_body,
    coverage_of,
    covered_body,
    first_coverage,
    is_told_due,
    seeing_body,
    told,
)
from sekisho.watch.feed_records import Header

SAVE_MS = 5_000
_NO_BLOCK = Header(hash=bytes(32), prev_hash=bytes(32), height=0)


class Ledger:
    """The coverage of one workspace's watcher. It begins with what was there before."""

    def __init__(self, here: Installation, *, watcher_id: str = "") -> None:
        self._here = here
        self._who: dict[str, Json] = {"watcher": watcher_id} if watcher_id else {}
        self._saved_ms = 0
        self._saver = ThreadPoolExecutor(max_workers=1)
        self._saving: Future[None] | None = None
        self._unwritten: list[Draft] = []
        """What the journal could not take yet."""
        before = _before(here, watcher_id)
        self.coverage = before or replace(first_coverage(current_time()), blind=True)
        self.blocks = Blocks(self.coverage.headers)
        self._told_height = self._tip.height
        self._is_new = True
        """Nothing was seen since the start."""
        self._hole = False
        """A block since the gap began could not be had."""

    @property
    def is_blind(self) -> bool:
        """Whether the journal says, or should, that seeing ended."""
        return self.coverage.blind or self._is_new

    def searched(self, header: Header, *, missing: bool) -> None:
        """Note a block."""
        if missing:
            self._hole = True
            self.coverage = replace(self.coverage, missing_height=header.height)
        self._saved_ms = 0
        self.blocks.add(header)

    def sees(self, proven_at: datetime, nodes: tuple[str, ...], now_ms: int) -> bool:
        """Note that everything up to a moment was seen; return whether a gap ended by it."""
        ended = self.is_blind
        if ended and proven_at < self.coverage.proven_at:
            return False  # the proof does not reach beyond the beginning of the gap yet
        if ended:
            if self.coverage.told_at < self.coverage.proven_at:
                self._tell()  # what was seen before the gap, by a watcher that was killed
            body = seeing_body(
                self.coverage, self._tip, to_at=proven_at, nodes=nodes, complete=not self._hole
            )
            self.write(WATCH_SEEING, body)
            self._is_new = self._hole = False
            self.coverage = replace(self.coverage, blind=False, told_at=proven_at)
            self._told_height = self._tip.height
            self._saved_ms = 0
        proven_at = max(proven_at, self.coverage.proven_at)
        self.coverage = replace(self.coverage, proven_at=proven_at, nodes=nodes)
        if is_told_due(self.coverage):
            self._tell()
        elif now_ms - self._saved_ms >= SAVE_MS:
            self._flush()
        return ended

    def clock_went_back(self) -> list[Finding]:
        """Begin anew where the clock says that what was proven is still to come.

        What was seen by the clock as it was stands. Nobody is to read from it that what comes when
        the clock says the same again was seen already.
        """
        now = current_time()
        if now >= self.coverage.proven_at:
            return []
        found = [troubles.clock_back("watcher", self.coverage.proven_at, now)]
        if self.coverage.told_at < self.coverage.proven_at:
            self._tell()
        self.write(WATCH_BLIND, blind_body(self.coverage, self._tip, found))
        self.coverage = replace(self.coverage, proven_at=now, told_at=now, blind=True)
        self._saved_ms = 0
        return found

    def blind(self, why: Sequence[Finding]) -> bool:
        """Note that not everything is seen any more; return whether that is new."""
        if self.is_blind:
            return False
        if self.coverage.told_at < self.coverage.proven_at:
            self._tell()
        self.write(WATCH_BLIND, blind_body(self.coverage, self._tip, why))
        self.coverage = replace(self.coverage, blind=True)
        self._saved_ms = 0
        return True

    def save(self, status: dict[str, Json], now_ms: int, *, whole: bool) -> None:
        """Keep how far the watcher has come, if that is due.

        Unless all that the last blocks told is `whole` in the journal, they are searched again.
        Raises `WorldError` if the last time it could not be kept.
        """
        self._flush()
        if now_ms - self._saved_ms < SAVE_MS and self._saved_ms:
            return
        if self._saving is not None:
            if not self._saving.done():
                return
            self._saving.result()
        self._saved_ms = now_ms
        if whole:
            self.coverage = replace(self.coverage, headers=self.blocks.headers())
        # A disk takes its time to keep a file, and no verdict is to wait for it.
        root = self._here.workspace.root
        self._saving = self._saver.submit(write_watch_file, root, self.coverage, status)

    def close(self, status: dict[str, Json], *, whole: bool) -> None:
        """Keep how far the watcher has come, as `save` does, and wait until that is durable."""
        self._flush()
        self._saver.shutdown()
        if whole:
            self.coverage = replace(self.coverage, headers=self.blocks.headers())
        write_watch_file(self._here.workspace.root, self.coverage, status)

    @property
    def _tip(self) -> Header:
        return self.blocks.tip or _NO_BLOCK

    def _tell(self) -> None:
        """Tell the journal that everything was seen since it was last told."""
        tip = self._tip
        first_height = min(self._told_height + 1, tip.height)
        self.write(WATCH_COVERED, covered_body(self.coverage, tip, first_height=first_height))
        self._told_height = tip.height
        self.coverage = told(self.coverage)

    def write(self, kind: str, body: dict[str, Json]) -> None:
        """Write an entry into the journal: now, or as soon as it can be."""
        now, body = current_time(), {**self._who, **body}
        self._unwritten.append(
            Draft(entry_id=new_id(now), at=now, kind=kind, actor="watch", body=body)
        )
        self._saved_ms = 0
        self._flush()

    def _flush(self) -> None:
        """Write what the journal could not take; it stays until it can."""
        with suppress(WorldError):
            while self._unwritten:
                self._here.journal.append(self._unwritten[0])
                self._unwritten.pop(0)


def _before(here: Installation, watcher_id: str) -> Coverage | None:
    """Return how far an earlier watcher came.

    By its file, which is the newer, or by the journal if that is lost. What the journal was told
    is read from the journal: the file may have been kept before, or the journal have been full.
    """
    try:
        kept = read_watch_file(here.workspace.root)
    except BadInputError:
        kept = None  # damaged: the journal knows enough
    told = coverage_of(here.journal.entries(), watcher_id=watcher_id)
    if kept is None:
        return told
    return kept[0] if told is None else as_told(kept[0], told)
