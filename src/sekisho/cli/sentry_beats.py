"""A sentry and the other watchers: what it says of itself to them, and what it thinks of them."""

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from sekisho.app import Installation, current_time
from sekisho.cli.sentry_coverage import Ledger
from sekisho.cli.sentry_judging import Judging
from sekisho.cli.sentry_words import Voice
from sekisho.cli.watchers import Heart
from sekisho.edges.beat_link import BeatLink, BeatPort
from sekisho.edges.node_feed import monotonic_ms
from sekisho.edges.watchers import WatcherFolder, keep_heard, last_heard, watcher_at_work
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.watch.beat import (
    QUESTION_BYTES,
    Beat,
    Message,
    Questions,
    Sight,
    SignedBeat,
    message_bytes,
    read_message,
    sign_beat,
    signed_beat_document,
)
from sekisho.watch.metrics import Metrics, label
from sekisho.watch.peer import (
    DIFFERING,
    SILENT,
    WATCH_PEER_BACK,
    WATCH_PEER_DIFFERS,
    WATCH_PEER_SILENT,
    Here,
    Peer,
    Trail,
    refused,
)

AGAIN_MS = 60_000
"""What is wrong with a peer is said again after so long, if it had stopped being so."""
LOOKS_MS = 5_000
"""A watcher that did not look for so long says nothing of itself: that is its heart."""
KEEP_MS = 60_000
_HEARD_MAX, _STRANGE_MAX = 64, 4
Record = Callable[[str, dict[str, Json]], None]
"""Writes an entry into the journal, now or as soon as it can be."""


@contextmanager
def beating(
    here: Installation, heart: Heart, voice: Voice, metrics: Metrics
) -> Iterator["Beats | None"]:
    """Hold the watcher's folder and exchange beats; None where no folder was named."""
    if heart.folder is None:
        if heart.port or heart.peers:
            raise BadInputError("--beats", "is needed: the folder that sekisho watch init made")
        yield None
        return
    with watcher_at_work(heart.folder) as watcher:
        beats = Beats(
            watcher,
            genesis_digest=here.pinned_genesis(),
            silent_seconds=heart.silent_seconds,
            voice=voice,
            metrics=metrics,
        )
        reached = dict(each.split("=", 1) for each in heart.peers if "=" in each)
        if len(reached) < len(heart.peers):
            raise BadInputError("--peer", "is ID=http://HOST:PORT, once for each")
        unheard = [each for each in watcher.peers if each.watcher_id not in reached]
        if unheard and not heart.port:
            raise BadInputError(unheard[0].watcher_id, "needs --peer, or --beat-port to come to")
        try:
            for peer_id, url in reached.items():
                beats.go_to(peer_id, url)
            if heart.port:
                beats.serve(heart.port)
            yield beats
        finally:
            beats.close()


class Beats:
    """A watcher's heart, and its ear for others. `tick` is the sentry's; the rest are threads."""

    def __init__(
        self,
        watcher: WatcherFolder,
        *,
        genesis_digest: str,
        silent_seconds: int,
        voice: Voice,
        metrics: Metrics,
    ) -> None:
        self.watcher_id = watcher.known.watcher_id
        self._watcher = watcher
        self._genesis_digest = genesis_digest
        self._every_seconds = max(silent_seconds // 5, 1)
        self._voice, self._metrics = voice, metrics
        self._questions = Questions(secrets.token_bytes(QUESTION_BYTES))
        self._shown: tuple[int, Sight] | None = None
        self._asked_by: dict[str, bytes] = {}
        """What each peer asked last."""
        self._inbox: deque[tuple[SignedBeat, int]] = deque(maxlen=_HEARD_MAX)
        self._strange: deque[tuple[SignedBeat, int]] = deque(maxlen=_STRANGE_MAX)
        now_ms = monotonic_ms()
        self._peers = {
            each.watcher_id: Peer(
                each,
                genesis_digest=genesis_digest,
                silent_ms=1_000 * silent_seconds,
                begun_ms=now_ms,
                last=last_heard(watcher.folder, each),
            )
            for each in watcher.peers
        }
        self._standing: dict[str, tuple[Finding, ...]] = dict.fromkeys(self._peers, ())
        self._said_ms: dict[tuple[str, str], int] = {}
        self._since: dict[str, str] = {}
        """Since when each peer that is silent is, as it was first said."""
        self._silent_ms = 1_000 * silent_seconds
        self._kept_ms = now_ms
        self._keeping = threading.Lock()
        self._links: dict[str, BeatLink] = {}
        self._port: BeatPort | None = None
        self._trail = Trail()

    def serve(self, port: int) -> None:
        """Let others, and a granter, ask at this port of this machine."""
        self._port = BeatPort(port, self._answered)

    def go_to(self, peer_id: str, url: str) -> None:
        """Go and ask this peer at `url`; raises `BadInputError` for one that is not enrolled."""
        if peer_id not in self._peers:
            raise BadInputError("--peer", f"{peer_id[:60]!r} is not enrolled: sekisho watch enrol")
        self._links[peer_id] = BeatLink(
            url,
            lambda: self._message(self._asked_by.get(peer_id, b"")),
            lambda data: self._went(peer_id, data),
            every_seconds=self._every_seconds,
        )

    def close(self) -> None:
        """Fall silent."""
        for link in self._links.values():
            link.close()
        if self._port is not None:
            self._port.close()

    # In threads of their own ---------------------------------------------------------------------

    def _answered(self, data: bytes) -> bytes | None:
        """Return the answer to a message, from whomever: it holds nothing that is secret."""
        with suppress(BadInputError):
            message = read_message(data, "message")
            self._take(message.signed)
            return self._message(message.question)
        return None

    def _went(self, peer_id: str, data: bytes) -> None:
        with suppress(BadInputError):
            message = read_message(data, "message")
            self._asked_by[peer_id] = message.question
            self._take(message.signed)

    def _take(self, signed: SignedBeat | None) -> None:
        """Keep what was said for the sentry; of what strangers say, the last few.

        What answers no question of the last seconds says nothing of now, and is let go.
        """
        if signed is None:
            return
        now_ms, peer = monotonic_ms(), self._peers.get(signed.beat.watcher_id)
        if peer is None or not signed.is_by(peer.known.public_key):
            self._strange.append((signed, now_ms))
            return
        asked_ms = self._questions.moment_of(signed.beat.question)
        if asked_ms is not None and now_ms - asked_ms <= self._silent_ms:
            self._inbox.append((signed, now_ms))

    def _keep(self, now_ms: int) -> None:
        """Keep what was heard last, if that is due; no verdict is to wait for the disk."""
        if now_ms - self._kept_ms < KEEP_MS or not self._keeping.acquire(blocking=False):
            return
        try:
            self._kept_ms = now_ms
            for peer in self._peers.values():
                if peer.last is not None:
                    keep_heard(self._watcher.folder, peer.last)
        except WorldError:
            return  # it is tried again in a minute; what is lost is an alarm of a number set back
        finally:
            self._keeping.release()

    def _message(self, question: bytes) -> bytes | None:
        """Return a beat that answers `question`; None while the sentry does not look."""
        shown, now_ms = self._shown, monotonic_ms()
        if shown is None or now_ms - shown[0] > LOOKS_MS:
            return None
        try:
            number = self._watcher.numbers.take()
        except WorldError:
            return None
        beat = Beat(
            genesis_digest=self._genesis_digest,
            watcher_id=self.watcher_id,
            number=number,
            question=question,
            at=current_time(),
            sight=shown[1],
        )
        signed = sign_beat(beat, self._watcher.key)
        self._keep(now_ms)
        return message_bytes(Message(question=self._questions.put(now_ms), signed=signed))

    # The sentry's --------------------------------------------------------------------------------

    def tick(self, ledger: Ledger, judging: Judging) -> None:
        """Show how we stand, take what was heard, and say what is wrong with the others."""
        now_ms = monotonic_ms()
        here = self._looked(ledger, judging, now_ms)
        for heard in (self._inbox, self._strange):
            while heard:
                self._hear(*heard.popleft())
        for peer_id, peer in self._peers.items():
            before = self._standing[peer_id]
            self._standing[peer_id] = peer.tick(here, now_ms=now_ms, now=current_time())
            self._compare(peer, before, now_ms, ledger.write)

    def _looked(self, ledger: Ledger, judging: Judging, now_ms: int) -> Here:
        tip, watch = ledger.blocks.tip, judging.watch
        here = Here(
            tip_hash=bytes(32).hex() if tip is None else tip.hash.hex(),
            tip_height=0 if tip is None else tip.height,
            entries=watch.entries,
        )
        sight = Sight(
            proven_at=ledger.coverage.proven_at,
            view_at=watch.state.view_at,
            blind=ledger.is_blind,
            owed=len(judging.owed),
            tip_hash=here.tip_hash,
            tip_height=here.tip_height,
            journal=self._trail.at(watch.entries, len(watch.entries)),
        )
        self._shown = (now_ms, sight)
        return here

    def _hear(self, signed: SignedBeat, arrived_ms: int) -> None:
        beat = signed.beat
        peer = self._peers.get(beat.watcher_id)
        asked_ms = self._questions.moment_of(beat.question)
        if peer is None:
            found: Finding | None = refused(beat.watcher_id, "no such watcher is enrolled")
        else:
            found = peer.hear(signed, asked_ms=asked_ms, arrived_ms=arrived_ms)
        if found is not None:
            self._metrics.count("beats_refused_total")
            self._say(found, arrived_ms)

    def _compare(self, peer: Peer, before: Sequence[Finding], now_ms: int, record: Record) -> None:
        """Say what is new, and write down what is to be shown to others."""
        peer_id, standing = peer.known.watcher_id, self._standing[peer.known.watcher_id]
        codes, codes_before = ({each.code for each in some} for some in (standing, before))
        heard = peer.heard_at(current_time(), now_ms)
        who: dict[str, Json] = {"peer": peer_id}
        for found in standing:
            if found.code in codes_before:
                continue
            self._say(found, now_ms)
            if found.code == SILENT:
                self._since[peer_id] = dict(found.facts)["since_at"]
                record(WATCH_PEER_SILENT, {**who, "from": self._since[peer_id]})
            elif found.code in DIFFERING and peer.last is not None:
                proof = signed_beat_document(peer.last)
                record(WATCH_PEER_DIFFERS, {**who, "finding": found.as_json(), "said": proof})
        if SILENT in codes_before - codes:
            since = self._since[peer_id]
            record(WATCH_PEER_BACK, {**who, "from": since, "to": heard})
            facts = {"peer": peer_id, "from": since, "to": heard}
            text = f"The watcher {peer_id} is heard again. It was silent since {since}."
            self._voice.line("peer_back", text, facts=facts)
            self._said_ms.pop((SILENT, peer_id), None)  # the next silence is news
        named = label("peer", peer_id)
        self._metrics.put("peer_silent", int(SILENT in codes), named)
        self._metrics.put("peer_findings", len(standing), named)

    def _say(self, found: Finding, now_ms: int) -> None:
        """Say it in red, but not the same again and again: strangers may be who makes us."""
        self._metrics.count("troubles_total", label("code", found.code))
        named = (found.code, found.subject if found.subject in self._peers else "")
        said_ms = self._said_ms.get(named)
        if said_ms is None or now_ms - said_ms >= AGAIN_MS:
            self._said_ms[named] = now_ms
            self._voice.trouble(found, alarm=True)

    def status(self) -> list[Json]:
        """Return how each peer stands, for the file that `watch status` reads."""
        now, now_ms = current_time(), monotonic_ms()
        found: list[Json] = []
        for peer_id, peer in self._peers.items():
            last = None if peer.last is None else peer.last.beat
            link = self._links.get(peer_id)
            found.append(
                {
                    "peer": peer_id,
                    "heard": peer.heard_at(now, now_ms),
                    "number": 0 if last is None else last.number,
                    "height": 0 if last is None else last.sight.tip_height,
                    "proven": "" if last is None else format_instant(last.sight.proven_at),
                    "link": "" if link is None else link.failure,
                    "findings": [each.as_json() for each in self._standing[peer_id]],
                }
            )
        return found
