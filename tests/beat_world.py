"""Two watchers in memory: what the one says, and what the other thinks of it.

there = There()
there.beats(7, sight(proven=3))       # its beat number 7, in answer to a question of just now
there.later(10)
there.wrong()                         # codes of what is wrong with it
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from journal_world import chain

from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.records import Entry
from sekisho.kernel.finding import Finding
from sekisho.passes.lease import Extent
from sekisho.watch.beat import Beat, KnownWatcher, Questions, Sight, SignedBeat, sign_beat
from sekisho.watch.peer import SILENT_SECONDS, Here, Peer

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
GENESIS_DIGEST = "ab" * 32
KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
OSAKA = KnownWatcher(watcher_id="osaka", public_key=KEY.public_key().public_bytes_raw())
ENTRIES = chain(20)
TIP, OTHER_TIP = "11" * 32, "22" * 32
BEGUN_MS = 1_000_000


def extent(entries: tuple[Entry, ...]) -> Extent:
    tree = Frontier(leaf_hash(each.hash) for each in entries)
    return Extent(size=len(entries), root=tree.root().hex())


SIGHT = Sight(
    proven_at=NOW,
    view_at=NOW,
    blind=False,
    owed=0,
    tip_hash=TIP,
    tip_height=900_000,
    journal=extent(ENTRIES[:10]),
)


def beat(number: int, question: bytes, sight: Sight = SIGHT, *, at: datetime = NOW) -> Beat:
    return Beat(
        genesis_digest=GENESIS_DIGEST,
        watcher_id=OSAKA.watcher_id,
        number=number,
        question=question,
        at=at,
        sight=sight,
    )


class There:
    """Another watcher, as this one sees it; and a clock of seconds."""

    def __init__(self, *, last: SignedBeat | None = None) -> None:
        self.now_ms = BEGUN_MS
        self.questions = Questions(b"s" * 32)
        self.entries: list[Entry] = list(ENTRIES[:10])
        self.tip_hash = TIP
        self.sight = SIGHT
        self.number = 0
        self.peer = Peer(
            OSAKA,
            genesis_digest=GENESIS_DIGEST,
            silent_ms=1_000 * SILENT_SECONDS,
            begun_ms=self.now_ms,
            last=last,
        )

    @property
    def now(self) -> datetime:
        """What our clock shows."""
        return NOW + timedelta(milliseconds=self.now_ms - BEGUN_MS)

    def ask(self) -> bytes:
        """Put a question now."""
        return self.questions.put(self.now_ms)

    def hear(self, signed: SignedBeat) -> Finding | None:
        """Take what arrives now."""
        return self.peer.hear(
            signed,
            asked_ms=self.questions.moment_of(signed.beat.question),
            arrived_ms=self.now_ms,
        )

    def beats(self, number: int = 0, **sight: Any) -> Finding | None:  # noqa: ANN401 - of Sight
        """Have it answer a question of just now, with the next number unless one is given."""
        self.number = number or self.number + 1
        self.sight = replace(self.sight, **sight)
        return self.hear(sign_beat(beat(self.number, self.ask(), self.sight, at=self.now), KEY))

    def goes_on(self, seconds: int, **sight: Any) -> list[str]:  # noqa: ANN401 - of Sight
        """Have it live for so long, a beat each three seconds; return what is wrong at the end."""
        for _ in range(0, seconds, 3):
            self.later(3)
            self.beats(**{"proven_at": self.now, "view_at": self.now, **sight})
        return self.wrong()

    def later(self, seconds: int) -> "There":
        """Let time pass, while this watcher goes on looking."""
        for _ in range(seconds):
            self.now_ms += 1_000
            self.wrong()
        return self

    def found(self) -> tuple[Finding, ...]:
        """Return what is wrong with it."""
        here = Here(tip_hash=self.tip_hash, tip_height=900_000, entries=self.entries)
        return self.peer.tick(here, now_ms=self.now_ms, now=self.now)

    def wrong(self) -> list[str]:
        """Return the codes of what is wrong with it."""
        return [each.code.removeprefix("watch.") for each in self.found()]
