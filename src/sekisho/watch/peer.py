"""Is another watcher alive, does it see, and is its journal ours? A fold over its beats.

1. A beat counts if the key that people pinned signed it, for this installation, in answer to a
   question of ours. Then it was made after that question, whatever any clock says.
2. Its number is above that of each beat that was here before the question. Else its watcher was
   set back, or somebody else has its key too.
3. Silence is counted from the question that was answered last. It is not counted while we were
   away ourselves: whoever slept accuses nobody.
4. Whoever answers must see, but for as long as it may be silent: it begins blind. It must go on
   seeing, and stand where we stand, but for a minute.
5. What it has seen of the journal is the beginning of ours, or becomes it within a minute.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.records import Entry
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.lease import Extent
from sekisho.watch.beat import Beat, KnownWatcher, Sight, SignedBeat
from sekisho.watch.state import VIEW_AGE_MAX_SECONDS

WATCH_PEER_SILENT: Final = "watch.peer_silent"
WATCH_PEER_BACK: Final = "watch.peer_back"
WATCH_PEER_DIFFERS: Final = "watch.peer_differs"
PEER_KINDS: Final = frozenset({WATCH_PEER_SILENT, WATCH_PEER_BACK, WATCH_PEER_DIFFERS})
"""What the journal is told of other watchers."""
SILENT: Final = "watch.peer_silent"
DIFFERING: Final = frozenset(
    {"watch.peer_went_back", "watch.peer_journal_forked", "watch.peer_journal_forgot"}
)
"""What its own signature proves, so that it is worth keeping."""
SILENT_SECONDS: Final = 15
STILL_MS: Final = 30_000
"""How long what it has proven may stand still."""
DIFFERS_MS: Final = 60_000
"""How long two may stand at different blocks, or know different lengths of the journal."""
AWAY_MS: Final = 5_000
"""If we did not look for so long, we were away."""
LOOK_MS: Final = 2_000
"""No more of the time between two looks counts as silence."""
_VIEW_AGE_MAX = timedelta(seconds=VIEW_AGE_MAX_SECONDS)
_WAITING_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where we stand ourselves."""

    tip_hash: str
    tip_height: int
    entries: Sequence[Entry]
    """The journal as far as we have read it. It grows, or another list takes its place."""


class Trail:
    """The root of a journal at one size after another."""

    def __init__(self) -> None:
        self._tree = Frontier()
        self._entries: Sequence[Entry] = ()

    def at(self, entries: Sequence[Entry], size: int) -> Extent:
        """Return how far the first `size` entries go. Fewer than before cost all of them again."""
        if entries is not self._entries or size < self._tree.size:
            self._entries, self._tree = entries, Frontier()
        for entry in entries[self._tree.size : size]:
            self._tree.append(leaf_hash(entry.hash))
        return Extent(size=size, root=self._tree.root().hex())


class Peer:
    """What is known of one other watcher."""

    def __init__(
        self,
        known: KnownWatcher,
        *,
        genesis_digest: str,
        silent_ms: int,
        begun_ms: int,
        last: SignedBeat | None = None,
    ) -> None:
        self.known = known
        self.last = last
        """The newest beat that counted, in this run or an earlier one."""
        self.heard_ms = begun_ms
        """When the question was put that was answered last; before the first, when we began."""
        self._id = known.watcher_id
        self._genesis_digest = genesis_digest
        self._silent_ms = silent_ms
        self._arrived_ms = begun_ms - 1
        self._looking_ms = self._ticked_ms = begun_ms
        self._unheard_ms = 0
        """Since then, without the time in which we did not look."""
        self._was_heard = False
        self._proven_at: datetime | None = None
        self._moved_ms = self._seeing_ms = begun_ms
        self._apart_ms: int | None = None
        self._behind_ms: int | None = None
        self._trail = Trail()
        self._entries: Sequence[Entry] = ()
        self._waiting: deque[tuple[int, Extent]] = deque()
        """What it has seen of the journal and we have not yet compared, with when we heard it."""
        self._proofs: dict[str, Finding] = {}
        """What its own signatures prove, by code."""

    def hear(self, signed: SignedBeat, *, asked_ms: int | None, arrived_ms: int) -> Finding | None:
        """Take a beat; return why it is refused, if it is.

        `asked_ms` is when the question was put that it answers, None if that is none of ours: it
        was said before, or to others, and says nothing of now.
        """
        beat = signed.beat
        if not signed.is_by(self.known.public_key):
            return refused(self._id, "its signature is not by the pinned key")
        if beat.genesis_digest != self._genesis_digest:
            return refused(self._id, "it is of another installation")
        if asked_ms is None:
            return None
        before = None if self.last is None else self.last.beat
        if before is not None and beat.number <= before.number:
            if asked_ms > self._arrived_ms:
                self._prove(
                    finding(
                        "watch.peer_went_back", self._id, number=beat.number, before=before.number
                    )
                )
            return None  # else it was overtaken on its way
        self._proofs.pop("watch.peer_went_back", None)
        self.last, self._arrived_ms, self._was_heard = signed, arrived_ms, True
        self.heard_ms = max(self.heard_ms, asked_ms)
        self._unheard_ms = min(self._unheard_ms, arrived_ms - asked_ms)
        if not (beat.sight.blind or beat.at - beat.sight.view_at > _VIEW_AGE_MAX):
            self._seeing_ms = arrived_ms
        self._take(beat.sight, None if before is None else before.sight, arrived_ms)
        return None

    def _take(self, sight: Sight, before: Sight | None, arrived_ms: int) -> None:
        if self._proven_at is None or sight.proven_at > self._proven_at:
            self._proven_at, self._moved_ms = sight.proven_at, arrived_ms
        if before is not None and sight.journal == before.journal:
            return
        self._behind_ms = None
        if before is not None and sight.journal.size <= before.journal.size:
            size, size_before = sight.journal.size, before.journal.size
            self._prove(
                finding("watch.peer_journal_forgot", self._id, size=size, size_before=size_before)
            )
        if len(self._waiting) < _WAITING_MAX:
            self._waiting.append((arrived_ms, sight.journal))

    def tick(self, here: Here, *, now_ms: int, now: datetime) -> tuple[Finding, ...]:
        """Return what is wrong with it at this moment: nothing, or its silence, or all else."""
        if now_ms - self._ticked_ms > AWAY_MS:
            self._looking_ms = now_ms
        self._unheard_ms += min(now_ms - self._ticked_ms, LOOK_MS)
        self._ticked_ms = now_ms
        found = [] if self.last is None else self._journal(self.last.beat, here, now_ms)
        if self._unheard_ms > self._silent_ms:
            found = [finding("watch.peer_silent", self._id, since_at=self.heard_at(now, now_ms))]
        elif self.last is not None and self._was_heard:
            found += self._sight(self.last.beat, here, now_ms)
        return (*found, *self._proofs.values())

    def heard_at(self, now: datetime, now_ms: int) -> str:
        """Return when it was last known to be alive, by our clock, as an instant is written."""
        return format_instant(now - timedelta(milliseconds=now_ms - self.heard_ms))

    def _sight(self, beat: Beat, here: Here, now_ms: int) -> list[Finding]:
        sight, found = beat.sight, []
        blind = self._arrived_ms - max(self._seeing_ms, self._looking_ms) > self._silent_ms
        still = self._arrived_ms - max(self._moved_ms, self._looking_ms) > STILL_MS
        if blind or still:
            proven, view = format_instant(sight.proven_at), format_instant(sight.view_at)
            found.append(finding("watch.peer_blind", self._id, proven_at=proven, view_at=view))
        if sight.tip_hash == here.tip_hash:
            self._apart_ms = None
            return found
        self._apart_ms = now_ms if self._apart_ms is None else self._apart_ms
        if now_ms - self._apart_ms > DIFFERS_MS:
            height, ours = sight.tip_height, here.tip_height
            found.append(finding("watch.peer_apart", self._id, height=height, height_here=ours))
        return found

    def _journal(self, beat: Beat, here: Here, now_ms: int) -> list[Finding]:
        """Compare what it has seen of the journal with ours, as far as ours goes."""
        size, ours = beat.sight.journal.size, len(here.entries)
        if here.entries is not self._entries:
            self._entries = here.entries
            self._waiting.append((now_ms, beat.sight.journal))
        while self._waiting and self._waiting[0][1].size <= ours:
            _, theirs = self._waiting.popleft()
            if self._trail.at(here.entries, theirs.size) != theirs:
                self._prove(finding("watch.peer_journal_forked", self._id, size=theirs.size))
        if self._waiting and now_ms - self._waiting[0][0] > DIFFERS_MS:
            return [finding("watch.journal_behind_peer", self._id, size=ours, size_there=size)]
        if size >= ours:
            self._behind_ms = None
            return []
        self._behind_ms = now_ms if self._behind_ms is None else self._behind_ms
        if now_ms - self._behind_ms > DIFFERS_MS:
            return [finding("watch.peer_journal_behind", self._id, size=size, size_here=ours)]
        return []

    def _prove(self, found: Finding) -> None:
        self._proofs.setdefault(found.code, found)


def refused(watcher_id: str, reason: str) -> Finding:
    """Say that what claims to be a watcher's beat counts for nothing."""
    return finding("watch.beat_refused", watcher_id, reason=reason)
