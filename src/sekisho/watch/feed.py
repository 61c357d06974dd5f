"""One node's feed: what was heard, what is proven, and what has to be asked. No I/O.

    1. Subscribe first, then list the mempool and fetch what was not heard: nothing falls between.
    2. A message is lost if its topic's counter says so. A gap in the mempool's own numbers says
       nothing: blocks take transactions out of it silently.
    3. Every transaction that `sequence` says was added must come as `rawtx` too. A topic that
       stays silent while the node's own view moves is dead, whatever its socket says.
    4. Each minute the mempool is listed anyway: whatever else was missed is found then.
    5. On any doubt: list again, fetch the difference, go on. The feed never gives up.
    6. As long as something is in doubt nothing is proven, from the last listing on. Too long, and
       the node is not seen: that is said, and said again when it is over.

Blocks are followed by `block_path`, and do not depend on any message. Time is a number of
milliseconds that only goes forward, so that no clock that jumps can hide a gap.
"""

from collections.abc import Container
from typing import Final

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.finding import Finding, finding
from sekisho.watch.block_path import BlockPath, Blocks
from sekisho.watch.feed_records import (
    Action,
    AskBurial,
    AskListing,
    AskSettings,
    AskTransactions,
    Blind,
    BlockSearched,
    Event,
    Failed,
    Fetched,
    Header,
    Heard,
    Joined,
    Listed,
    Listen,
    Parted,
    Pulse,
    Seeing,
    Settings,
    Trouble,
)
from sekisho.watch.feed_topics import Topics
from sekisho.watch.frames import RAWBLOCK, RAWTX, SEQUENCE, TOPICS, Label, Note
from sekisho.watch.node_check import check_settings, is_unusable, listening

SETTLE_MS: Final = 300
"""From the connection to the node's knowing of the subscription."""
JOIN_MS: Final = 3_000
UNHEARD_MS: Final = 2_000
"""How long a transaction may be in the mempool before its bytes are missed."""
BLIND_MS: Final = 10_000
PROVE_MS: Final = 60_000
POLL_MS: Final = 2_000
"""How often the mempool is listed while a topic is dead."""
RETRY_MS: Final = 1_000
BATCH: Final = 200
NOTICED_MS: Final = 5_000
"""What was lost is noticed by then: a silent topic is, a second after the mempool has moved."""
_UNHEARD_MAX: Final = 100_000
_NEEDED: Final = (RAWTX, SEQUENCE)
"""Without these a transaction can be missed; blocks are found without their topic."""
_NONE: Final = -1


class Feed:
    """The fold. Each method takes `now_ms` and returns what is to be done."""

    def __init__(
        self, node: str, *, network: Network, blocks: Blocks, seen: Container[bytes], now_ms: int
    ) -> None:
        self.node = node
        self.path = BlockPath(blocks)
        self.topics = Topics(node)
        self.height = 0
        self.tip = b""
        self.is_blind = False
        self._network = network
        self._blocks = blocks
        self._seen = seen
        self._sound_ms = now_ms
        """The last pulse at which nothing was in doubt."""
        self._gap_ms = now_ms
        """Where the gap began; -1 while there is none."""
        self._doubt_ms = now_ms
        """A listing asked for before this proves nothing; -1 while nothing is in doubt."""
        self._listed_ms = now_ms
        """The last listing of which everything was known, or then fetched."""
        self._usable = False
        self._listen = Listen(addresses=())
        self._listen_ms = now_ms
        self._joined: set[str] = set()
        self._ready_ms = now_ms + JOIN_MS
        """From then on the mempool may be listed."""
        self._asking = False
        self._retry_ms = now_ms
        self._path_retry_ms = now_ms
        self._listing_ms = now_ms
        self._missing: list[bytes] = []
        self._first_number = _NONE
        """The mempool's number at a connection's first listing, until a change is heard of."""
        self._is_new = False
        """No listing was made yet on this connection."""
        self._unheard: dict[bytes, int] = {}
        self._pulse: Pulse | None = None

    @property
    def proven_ms(self) -> int:
        """Up to here everything is proven to have been seen, as far as the node told it.

        What was not listed since is proven once its loss would have been noticed.
        """
        if self._gap_ms != _NONE:
            return self._gap_ms
        return max(self._listed_ms, self._sound_ms - NOTICED_MS)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is in doubt now."""
        return self._gap_ms == _NONE

    @property
    def is_current(self) -> bool:
        """Whether the node is on our network, and knows all blocks that it has heard of."""
        return self._usable and self._pulse is not None and not self._pulse.in_download

    def why(self) -> list[Finding]:
        """Return why not everything is proven to be seen; nothing if it is."""
        node = self.node
        if self.is_sound:
            return []
        found = [finding("watch.node_topic_silent", node, topic=each) for each in self.topics.dead]
        if self._usable:
            found += [
                finding("watch.node_topic_unjoined", node, topic=each)
                for each in _NEEDED
                if each not in self._joined
            ]
            if not self.path.is_there:
                found.append(finding("watch.node_behind", node, height=self.height))
            if self._doubt_ms != _NONE:
                found.append(finding("watch.node_listing", node, left=len(self._missing)))
        return found or [finding("watch.node_unanswered", node)]

    def begin(self) -> list[Action]:
        """Ask for what is needed first."""
        self._asking = True
        return [AskSettings()]

    def take(self, event: Event, now_ms: int) -> list[Action]:
        """Take in what was heard or answered."""
        match event:
            case Heard():
                return self._hear(event, now_ms)
            case Pulse():
                return self._beat(event, now_ms)
            case Joined() | Parted():
                return self._connection(event, now_ms)
            case Settings():
                return self._set_up(event, now_ms)
            case Listed():
                return self._list(event, now_ms)
            case Fetched():
                return self._fetch(now_ms)
            case Header():
                return [*self.path.header(event)]
            case BlockSearched():
                return [*self.path.searched(event.hash)]
            case Failed():
                return self._fail(event, now_ms)

    def tick(self, now_ms: int) -> list[Action]:
        """Notice what did not happen. To be called several times a second."""
        actions: list[Action] = []
        if not self._usable:
            if not self._asking and now_ms >= self._retry_ms:
                actions += self.begin()
            return [*actions, *self._if_blind(now_ms)]
        for name, found in self.topics.silent(now_ms):
            actions += self._dead(name, found, now_ms)
        if self.topics.any_dead and now_ms - self._listen_ms >= PROVE_MS:
            actions += self._listen_again(now_ms)
        actions += self._overdue(now_ms)
        if now_ms >= self._path_retry_ms:
            actions += self.path.again()
        return [*actions, *self._listing_due(now_ms), *self._if_blind(now_ms)]

    def mistrust(self, now_ms: int) -> list[Action]:
        """List again: what is watched has changed, or a message could not be read.

        What was announced and did not come yet is then listed too, or gone.
        """
        self._unheard.clear()
        return self._doubt(now_ms)

    # What was heard ------------------------------------------------------------------------------

    def _connection(self, event: Joined | Parted, now_ms: int) -> list[Action]:
        if isinstance(event, Joined):
            self._joined.add(event.topic)
            self._ready_ms = now_ms + SETTLE_MS
            self._is_new = True
        else:
            self._joined.discard(event.topic)
            self.topics.parted(event.topic)
        return self._doubt(now_ms)

    def _hear(self, heard: Heard, now_ms: int) -> list[Action]:
        actions: list[Action] = []
        missing, spoke_again = self.topics.hear(
            heard.topic, heard.counter, now_ms, messages=heard.messages
        )
        if missing:
            actions.append(Trouble(finding=_missed(self.node, heard.topic, missing)))
        if (missing or spoke_again) and heard.topic != RAWBLOCK:
            actions += self._doubt(now_ms)
        if heard.topic == RAWBLOCK:
            actions += self.path.aim(heard.block_hash)
        if heard.note is not None:
            actions += self._note(heard.note, now_ms)
        return actions

    def _note(self, note: Note, now_ms: int) -> list[Action]:
        match note.label:
            case Label.CONNECTED:
                self.topics.transactions_due(now_ms)
                return [*self.path.aim(note.hash)]
            case Label.DISCONNECTED:
                return []
            case Label.ADDED:
                self.topics.transactions_due(now_ms)
                if note.hash not in self._seen and len(self._unheard) < _UNHEARD_MAX:
                    self._unheard[note.hash] = now_ms
            case Label.REMOVED:
                self._unheard.pop(note.hash, None)
        first, self._first_number = self._first_number, _NONE
        # The first change that was heard of is not the first after the listing: what was between
        # them may have been said before the node knew of the subscription.
        return self._doubt(now_ms) if _NONE < first < note.mempool_sequence else []

    def _overdue(self, now_ms: int) -> list[Action]:
        """Miss the transactions that entered the mempool and whose bytes never came."""
        if not self._unheard:
            return []
        waited = [txid for txid, at in self._unheard.items() if now_ms - at >= UNHEARD_MS]
        for txid in waited:
            del self._unheard[txid]
        count = sum(txid not in self._seen for txid in waited)
        if not count:
            return []
        found = finding("watch.node_unheard", self.node, transactions=count)
        return [Trouble(finding=found), *self._doubt(now_ms)]

    def _beat(self, pulse: Pulse, now_ms: int) -> list[Action]:
        before, self._pulse = self._pulse, pulse
        self.tip, self.height = pulse.tip, pulse.height
        if not self._usable:
            return []
        if before is not None and pulse.uptime_seconds < before.uptime_seconds:
            self._usable = False
            found = _missed(self.node, "rpc", -1)
            return [Trouble(finding=found), *self._doubt(now_ms), *self.begin()]
        actions: list[Action] = []
        for name, found in self.topics.unlisted(pulse.topics):
            actions += self._dead(name, found, now_ms)
        if before is not None and pulse.mempool != before.mempool:
            self.topics.due(SEQUENCE, since_ms=before.asked_ms, now_ms=now_ms)
        if before is not None and pulse.height > before.height and not pulse.in_download:
            self.topics.due(RAWBLOCK, since_ms=before.asked_ms, now_ms=now_ms)
        actions += self.path.aim(pulse.tip)
        return [*actions, *self._prove(pulse)]

    def _dead(self, name: str, found: Finding, now_ms: int) -> list[Action]:
        """Say that a topic is dead; without transactions, or what became of them, one is blind."""
        actions: list[Action] = [Trouble(finding=found), *self._listen_again(now_ms)]
        return actions if name == RAWBLOCK else [*actions, *self._doubt(now_ms), *self._blinded()]

    def _listen_again(self, now_ms: int) -> list[Action]:
        self._listen_ms = now_ms
        self._joined.clear()
        self._ready_ms = now_ms + JOIN_MS
        for topic in TOPICS:
            self.topics.parted(topic)
        return [self._listen, *self._doubt(now_ms)]

    # What was answered ---------------------------------------------------------------------------

    def _set_up(self, settings: Settings, now_ms: int) -> list[Action]:
        self._asking = False
        found = check_settings(settings, node=self.node, network=self._network)
        actions: list[Action] = [Trouble(finding=each) for each in found]
        self._usable = not is_unusable(found)
        if not self._usable:
            self._retry_ms = now_ms + BLIND_MS
            return actions
        self.topics.begin()
        self._pulse = None
        self._listen = Listen(addresses=listening(settings))
        return [*actions, *self._listen_again(now_ms)]

    def _list(self, listed: Listed, now_ms: int) -> list[Action]:
        self._missing = [txid for txid in listed.txids if txid not in self._seen]
        self._listing_ms = listed.asked_ms
        if self._is_new:
            self._first_number, self._is_new = listed.mempool_sequence, False
        return self._fetch(now_ms)

    def _fetch(self, now_ms: int) -> list[Action]:
        """Fetch the next transactions; when there are no more, the mempool is wholly known."""
        batch, self._missing = tuple(self._missing[:BATCH]), self._missing[BATCH:]
        if batch:
            return [AskTransactions(txids=batch)]
        self._asking = False
        self._retry_ms = now_ms
        self._listed_ms = self._listing_ms
        if self._listing_ms >= self._doubt_ms:
            self._doubt_ms = _NONE
        return []

    def _fail(self, failed: Failed, now_ms: int) -> list[Action]:
        if isinstance(failed.ask, AskSettings | AskListing | AskTransactions):
            self._asking = False
            self._retry_ms = now_ms + RETRY_MS
        elif not isinstance(failed.ask, AskBurial):
            self.path.failed()
            self._path_retry_ms = now_ms + RETRY_MS
        return []

    # What is proven ------------------------------------------------------------------------------

    def _doubt(self, now_ms: int) -> list[Action]:
        """Prove nothing before another listing; all since the last one is in doubt."""
        self._doubt_ms = now_ms
        if self._gap_ms == _NONE:
            self._gap_ms = min(self._listed_ms, self._sound_ms)
        return []

    def _listing_due(self, now_ms: int) -> list[Action]:
        every_ms = POLL_MS if self.topics.any_dead else PROVE_MS
        wanted = self._doubt_ms != _NONE or now_ms - self._listed_ms >= every_ms
        if self._asking or not wanted or now_ms < max(self._ready_ms, self._retry_ms):
            return []
        self._asking = True
        return [AskListing()]

    def _prove(self, pulse: Pulse) -> list[Action]:
        """Take a pulse at which nothing is in doubt for the proof that all was seen until then."""
        known = self._doubt_ms == _NONE and self._joined.issuperset(_NEEDED)
        if not known or self.topics.any_dead or not self.path.is_there or pulse.in_download:
            return []
        gap_ms, was_blind = self._gap_ms, self.is_blind
        self._sound_ms, self._gap_ms, self.is_blind = pulse.asked_ms, _NONE, False
        if gap_ms == _NONE:
            return []
        return [Seeing(since_ms=gap_ms, until_ms=pulse.asked_ms, was_blind=was_blind)]

    def _if_blind(self, now_ms: int) -> list[Action]:
        if self.is_blind or now_ms - self._sound_ms < BLIND_MS:
            return []
        return [*self._doubt(now_ms), *self._blinded()]

    def _blinded(self) -> list[Action]:
        if self.is_blind:
            return []
        self.is_blind = True
        return [Blind(since_ms=self.proven_ms)]


def _missed(node: str, topic: str, messages: int) -> Finding:
    if messages < 0:
        return finding("watch.node_restarted", node, topic=topic)
    return finding("watch.node_lost", node, topic=topic, messages=messages)
