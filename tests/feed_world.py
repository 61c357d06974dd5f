"""A node in memory, and a feed that follows it: what one says, and what the other asks.

world = FeedWorld()
world.join()                      # set up, connected, listed, proven
world.add(b"a")                   # a transaction enters the mempool, and is told
world.drop("rawtx"); world.add(b"b")
world.later(2_000)                # time passes, with a pulse each second
world.codes                       # of the troubles that were said
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from sekisho.chains.bitcoin.networks import Network
from sekisho.watch.block_path import Blocks
from sekisho.watch.feed import Feed
from sekisho.watch.feed_records import (
    Action,
    AskBlock,
    AskHeader,
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
    Notifier,
    Pulse,
    Seeing,
    Settings,
    Trouble,
)
from sekisho.watch.frames import RAWBLOCK, RAWTX, SEQUENCE, TOPICS, Label, Note

TICK_MS = 200
Done = TypeVar("Done")


def name(what: object) -> bytes:
    return str(what).encode().rjust(32, b"-")


def notifiers(high_water: int = 0) -> tuple[Notifier, ...]:
    return tuple(
        Notifier(topic=topic, address=f"tcp://127.0.0.1:{place}", high_water=high_water)
        for place, topic in enumerate(TOPICS, 28332)
    )


SETTINGS = Settings(
    version=290_402,
    genesis_hash=Network.REGTEST.genesis_hash,
    pruned=False,
    in_download=False,
    notifiers=notifiers(),
)


class FeedWorld:
    """A node, the feed, and the clock."""

    def __init__(self, *, settings: Settings = SETTINGS, blocks: int = 10) -> None:
        self.now_ms = 1_000
        self.settings = settings
        self.mempool: list[bytes] = []
        self.number = 1
        self.counters = dict.fromkeys(TOPICS, 40)
        self.dropping: dict[str, int] = dict.fromkeys(TOPICS, 0)
        self.mute: set[str] = set()
        self.answers = True
        """Whether the RPC does."""
        self.pulses = True
        self.holding = False
        """Whether answers are on their way for long."""
        self.held: list[Event] = []
        self.uptime_seconds = 100
        self.topics = frozenset(TOPICS)
        self.in_download = False
        self.headers: dict[bytes, Header] = {}
        self.tip = bytes(32)
        for _ in range(blocks):
            self._grow(name(f"block {len(self.headers)}"))
        self.seen: set[bytes] = set()
        self.blocks = Blocks()
        self.feed = Feed(
            "node", network=Network.REGTEST, blocks=self.blocks, seen=self.seen, now_ms=self.now_ms
        )
        self.actions: list[Action] = []
        self.searched: list[bytes] = []
        self.do(self.feed.begin())

    # What the node does --------------------------------------------------------------------------

    def add(self, txid: bytes) -> None:
        self.mempool.append(txid)
        self.tell(RAWTX, txid=txid)
        self.note(Label.ADDED, txid)

    def remove(self, txid: bytes) -> None:
        self.mempool.remove(txid)
        self.note(Label.REMOVED, txid)

    def mine(self, what: str, *, on: bytes = b"") -> bytes:
        """Put the whole mempool into a block."""
        if on:
            self.tip = on
        block = self._grow(name(what))
        mined, self.mempool = self.mempool, []
        self.number += len(mined)  # silently
        for txid in [name(f"coinbase of {what}"), *mined]:
            self.tell(RAWTX, txid=txid)
        self.note(Label.CONNECTED, block)
        self.tell(RAWBLOCK, block=block)
        return block

    def note(self, label: Label, what: bytes) -> None:
        numbered = label in {Label.ADDED, Label.REMOVED}
        number = self.number if numbered else 0
        self.number += numbered
        self.tell(SEQUENCE, note=Note(label=label, hash=what, mempool_sequence=number))

    def tell(
        self, topic: str, *, txid: bytes = b"", block: bytes = b"", note: Note | None = None
    ) -> None:
        counter, self.counters[topic] = self.counters[topic], self.counters[topic] + 1
        if self.dropping[topic]:
            self.dropping[topic] -= 1
        elif topic not in self.mute:
            if txid:
                self.seen.add(txid)
            self.hear(Heard(topic=topic, counter=counter, block_hash=block, note=note))

    def restart(self) -> None:
        self.counters = dict.fromkeys(TOPICS, 0)
        self.uptime_seconds = 0
        self.number, self.mempool = 1, []

    # What happens --------------------------------------------------------------------------------

    def join(self) -> None:
        for topic in TOPICS:
            self.hear(Joined(topic=topic))
        self.later(2_000)

    def hear(self, event: Event) -> None:
        self.do(self.feed.take(event, self.now_ms))

    def later(self, milliseconds: int) -> None:
        """Let time pass: several ticks and a pulse each second."""
        until_ms = self.now_ms + milliseconds
        while self.now_ms < until_ms:
            self.now_ms += TICK_MS
            if self.now_ms % 1000 == 0:
                self.uptime_seconds += 1
                if self.pulses:
                    self.hear(self.pulse())
            self.do(self.feed.tick(self.now_ms))

    def pulse(self) -> Pulse:
        return Pulse(
            asked_ms=self.now_ms,
            tip=self.tip,
            height=self.headers[self.tip].height,
            in_download=self.in_download,
            mempool=" ".join(map(str, sorted(self.mempool))),
            topics=self.topics,
            uptime_seconds=self.uptime_seconds,
        )

    def do(self, actions: Sequence[Action]) -> None:
        for each in actions:
            self.actions.append(each)
            match each:
                case Trouble() | Blind() | Seeing() | Listen():
                    pass
                case _ if not self.answers:
                    self.hear(Failed(ask=each, reason="down"))
                case AskSettings():
                    self.hear(self.settings)
                case AskListing():
                    listed = Listed(
                        asked_ms=self.now_ms,
                        txids=tuple(self.mempool),
                        mempool_sequence=self.number,
                    )
                    if self.holding:
                        self.held.append(listed)
                    else:
                        self.hear(listed)
                case AskTransactions():
                    self.seen.update(each.txids)
                    self.hear(Fetched(gone=()))
                case AskHeader():
                    self.hear(self.headers[each.hash])
                case AskBlock():
                    self.searched.append(each.header.hash)
                    self.blocks.add(each.header)
                    self.hear(BlockSearched(hash=each.header.hash))

    # What was said -------------------------------------------------------------------------------

    @property
    def codes(self) -> list[str]:
        """Return the codes of all troubles."""
        return [each.finding.code for each in self.actions if isinstance(each, Trouble)]

    def sound(self) -> bool:
        return self.feed.is_sound

    def of(self, kind: type[Done]) -> list[Done]:
        return [each for each in self.actions if isinstance(each, kind)]

    def _grow(self, block: bytes) -> bytes:
        before = self.headers.get(self.tip)
        height = 0 if before is None else before.height + 1
        self.headers[block] = Header(hash=block, prev_hash=self.tip, height=height)
        self.tip = block
        return block


def published_without(topic: str) -> Settings:
    kept = tuple(each for each in notifiers() if each.topic != topic)
    return replace(SETTINGS, notifiers=kept)
