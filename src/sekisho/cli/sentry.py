"""A sentry at its post: follows nodes, judges what moves, and says what it cannot see.

One thread does all that is decided, in the order in which it was heard. Nothing that a node says
or fails to say ends it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue

from sekisho.app import Installation
from sekisho.cli.lists import Lists
from sekisho.cli.sentry_beats import Beats
from sekisho.cli.sentry_coins import CoinSearch
from sekisho.cli.sentry_coverage import Ledger
from sekisho.cli.sentry_judging import Judging
from sekisho.cli.sentry_lives import Chronicle
from sekisho.cli.sentry_process import ended_by_signals, make_way, moment_at
from sekisho.cli.sentry_show import put_metrics, status_of
from sekisho.cli.sentry_words import Voice
from sekisho.edges.node_coins import CoinsFound
from sekisho.edges.node_ear import Body, Strange
from sekisho.edges.node_feed import (
    BlockGiven,
    BurialGiven,
    CoinsNotFound,
    Given,
    NodeLink,
    Post,
    monotonic_ms,
    monotonic_us,
)
from sekisho.edges.node_rpc import NodeAddress
from sekisho.edges.systemd import Notifier
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.duress import Keeper
from sekisho.respond.records import Incident
from sekisho.watch import troubles
from sekisho.watch.feed import Feed
from sekisho.watch.feed_records import (
    Action,
    AskBlock,
    AskTransactions,
    Blind,
    BlockSearched,
    Failed,
    Fetched,
    Listen,
    Seeing,
    Trouble,
)
from sekisho.watch.flow import Judged
from sekisho.watch.frames import RAWTX
from sekisho.watch.metrics import Metrics, label
from sekisho.watch.nodes import Nodes

TICK_MS = 200
FOLLOW_MS = 400
"""A new pass or wallet is taken in within a second."""
RECENT_BLOCKS = 6
SEARCH_BLOCKS = 72
"""How many are kept while old coins are looked for: half a day, and no search takes as long."""
_BURST = 2_000
"""How many posts are taken before a tick has its turn."""


class Sentry:
    """The watcher of one workspace. `run` returns when it was told to stop."""

    def __init__(
        self,
        here: Installation,
        *,
        keeper: Keeper | None,
        voice: Voice,
        metrics: Metrics,
        scripts: Sequence[str] = (),
        beats: Beats | None = None,
    ) -> None:
        self._here = here
        self._voice = voice
        self._metrics = metrics
        self._posts: SimpleQueue[Post | None] = SimpleQueue()
        self._stopping = False
        self._notifier = Notifier()
        self._judging = Judging(here, keeper=keeper, told=self._tell)
        self._coins = CoinSearch(here, self._judging, voice)
        self._lists = Lists(scripts, self._judging.watch.state.book.wallets)
        self._ledger = Ledger(here, watcher_id="" if beats is None else beats.watcher_id)
        self._beats = beats
        self._chronicle = Chronicle(here, self._judging, self._ledger.blocks)
        self._links: dict[str, NodeLink] = {}
        self._feeds: dict[str, Feed] = {}
        self._nodes = Nodes()
        self._recent: deque[BlockGiven] = deque()
        self._search_again: deque[BlockGiven] = deque()
        self._followed_ms = monotonic_ms()
        self._troubles: dict[str, str] = {}

    def follow(self, address: NodeAddress, zmq_addresses: dict[str, str]) -> None:
        """Follow this node too."""
        self._links[address.name] = NodeLink(
            address, self._posts.put, zmq_addresses, self._judging.screen.seen.has
        )
        self._feeds[address.name] = Feed(
            address.name,
            network=self._here.workspace.network,
            blocks=self._ledger.blocks,
            seen=self._judging.screen.seen,
            now_ms=monotonic_ms(),
        )

    def load(self, show: Callable[[int, int], None] | None) -> None:
        """Watch all the scripts that files list by now; `show` is told how many were read."""
        self._trouble(*self._lists.load(self._judging.screen.listed, show))
        self._judging.look_at_coins()
        self._trouble(*self._coins.listed(self._judging.screen.listed.counts))

    def run(self) -> None:
        """Watch, until SIGTERM or SIGINT."""
        make_way()
        with ended_by_signals(lambda: self._posts.put(None)):
            for name, link in self._links.items():
                link.start()
                self._do(self._feeds[name], self._feeds[name].begin())
            self._notifier.tell("READY=1", "STATUS=catching up")
            self._voice.line(
                "started",
                f"Watching by {', '.join(self._links)}.",
                facts={"nodes": [*self._links]},
            )
            while not self._stopping:
                self._tick(self._take_all())
            self._stop()

    # What comes ----------------------------------------------------------------------------------

    def _take_all(self) -> int:
        """Take what came; return the moment up to which everything is taken."""
        wait_seconds = TICK_MS / 1000
        at_ms = 0
        try:
            for _ in range(_BURST):
                post = self._posts.get(timeout=wait_seconds)
                if post is None:
                    self._stopping = True
                    return 0
                self._take(post)
                at_ms, wait_seconds = post.at_us // 1000, 0
        except Empty:
            return monotonic_ms()
        return at_ms

    def _take(self, post: Post) -> None:
        feed, told, now_ms = self._feeds[post.node], post.told, post.at_us // 1000
        match told:
            case Body():
                self._look(feed, told, post.at_us)
            case Strange():
                self._strange(feed, told.error, now_ms)
            case Given():
                self._listed(feed, told, post.at_us)
            case BlockGiven():
                self._search(feed, told, post.at_us)
            case CoinsFound() | CoinsNotFound():
                self._say_all(self._coins.hear(feed.node, told, now_ms))
            case Failed():
                self._once(troubles.node_failed(feed.node, told.reason))
                self._do(feed, feed.take(told, now_ms))
            case BurialGiven():
                pass
            case _:
                self._do(feed, feed.take(told, now_ms))
        self._chronicle.after(post)

    def _look(self, feed: Feed, body: Body, at_us: int) -> None:
        try:
            if body.topic == RAWTX:
                self._metrics.count("transactions_total")
                self._judging.one(body.data, at_us)
            else:
                self._judging.block(body.data, "ZMQ rawblock", at_us)
        except BadInputError as error:
            self._strange(feed, error, at_us // 1000)

    def _listed(self, feed: Feed, given: Given, at_us: int) -> None:
        bad = self._judging.listed(given.raws, at_us)
        self._say_all(troubles.message_bad(feed.node, each) for each in bad)
        actions = feed.take(Fetched(gone=given.gone), at_us // 1000)
        if not any(isinstance(each, AskTransactions) for each in actions):
            self._judging.listing_done(at_us)
        self._do(feed, actions)

    def _strange(self, feed: Feed, error: BadInputError, now_ms: int) -> None:
        self._once(troubles.message_bad(feed.node, error))
        self._do(feed, feed.mistrust(now_ms))

    def _search(self, feed: Feed, given: BlockGiven, at_us: int) -> None:
        header, missing = given.header, not given.data
        self._chronicle.before_block(header)
        if not self._is_searched(feed, given, at_us):  # then it is asked for again
            failed = Failed(ask=AskBlock(header=header), reason="it was not searched")
            self._do(feed, feed.take(failed, at_us // 1000))
            return
        self._ledger.searched(header, missing=missing)
        self._metrics.count("blocks_total")
        if given.data:
            self._search_again.extend(self._recent)
            self._recent.append(given)
            # As long as old coins are looked for, a block may spend one that is found later.
            while len(self._recent) > (RECENT_BLOCKS if self._coins.is_done else SEARCH_BLOCKS):
                self._recent.popleft()
        self._do(feed, feed.take(BlockSearched(hash=header.hash, missing=missing), at_us // 1000))

    def _is_searched(self, feed: Feed, given: BlockGiven, at_us: int) -> bool:
        try:
            if not given.data:
                self._coins.begin_again()
                self._once(troubles.block_missing(feed.node, given.header))
            elif not self._judging.owed:
                self._judging.block(given.data, f"block {given.header.hash.hex()}", at_us)
        except BadInputError as error:
            self._once(troubles.block_unreadable(error))
            return False
        except WorldError as error:
            self._once(troubles.file_unwritten(error))
            return False
        return not self._judging.owed

    # What is done --------------------------------------------------------------------------------

    def _do(self, feed: Feed, actions: Sequence[Action]) -> None:
        link = self._links[feed.node]
        for each in actions:
            match each:
                case Trouble():
                    self._trouble(each.finding)
                case Listen():
                    link.listen(each)
                case Blind():
                    if len(self._feeds) > 1:
                        self._trouble(troubles.node_blind(feed.node))
                case Seeing():
                    gap = max(each.until_ms - each.since_ms, 0)
                    self._voice.line(
                        "node_seen",
                        f"{feed.node}: nothing is in doubt; the gap of {gap} ms is closed.",
                        facts={"node": feed.node, "gap_ms": gap, "was_blind": each.was_blind},
                    )
                    self._troubles.clear()
                case _:
                    link.ask(each)

    def _tell(
        self, judged: Judged, incident: Incident | None, heard_us: int, took_us: int
    ) -> None:
        self._metrics.took(took_us)
        self._metrics.count("verdicts_total", label("verdict", judged.verdict.kind.value))
        for each in judged.cold:
            self._metrics.count("cold_moves_total", label("wallet", each.subject))
        self._voice.judged(judged, incident, heard_us, took_us)

    def _trouble(self, *found: Finding) -> None:
        for each in found:
            self._metrics.count("troubles_total", label("code", each.code))
            self._voice.trouble(each)

    def _once(self, found: Finding) -> None:
        """Say what goes wrong again and again only when it is something else."""
        if self._troubles.get(found.code) != str(found):
            self._troubles[found.code] = str(found)
            self._trouble(found)

    def _say_all(self, found: Iterable[Finding]) -> None:
        for each in found:
            self._once(each)

    # What is due ---------------------------------------------------------------------------------

    def _tick(self, now_ms: int) -> None:
        if not now_ms:
            return
        self._follow_journal(now_ms)
        for feed in self._feeds.values():
            self._do(feed, feed.tick(now_ms))
        self._judging.settle_debts()
        if self._judging.owed:
            self._once(troubles.verdicts_owed(len(self._judging.owed)))
        self._say_all(self._coins.tick(self._feeds.values(), self._links, now_ms))
        self._chronicle.judged("", None)
        self._say_all(self._chronicle.step(self._feeds.values(), self._links))
        self._trouble(*self._lists.follow(self._judging.add_scripts, now_ms))
        if self._lists.is_look_back_due(now_ms) and not self._search_again:
            self._search_again.extend(self._recent)
        self._trouble(*self._nodes.compare(tuple(self._feeds.values()), now_ms))
        self._cover(now_ms)
        if self._beats is not None:
            self._beats.tick(self._ledger, self._judging)
        if self._posts.empty() and self._search_again:
            given = self._search_again.popleft()
            self._judging.block(given.data, f"block {given.header.hash.hex()}", monotonic_us())
            self._chronicle.judged("", given.header)
        self._show(now_ms)

    def _follow_journal(self, now_ms: int) -> None:
        if now_ms - self._followed_ms < FOLLOW_MS and not self._judging.is_behind:
            return  # but what was forgotten to be looked at again must not count as never heard
        self._followed_ms = now_ms
        try:
            if self._judging.follow():
                self._search_again.extend(self._recent)
                for feed in self._feeds.values():
                    self._do(feed, feed.mistrust(now_ms))
        except (WorldError, BadInputError) as error:
            self._once(troubles.journal_unreadable(error))

    def _cover(self, now_ms: int) -> None:
        """Say from when to when not everything was seen."""
        self._trouble(*self._ledger.clock_went_back())
        sound = [each for each in self._feeds.values() if each.is_sound]
        if sound and not self._judging.owed:
            self._stand(sound, now_ms)
            self._chronicle.stand()
        known = self._coins.is_done and not self._judging.is_behind
        if sound and not self._judging.owed and known:
            proven_at = moment_at(max(each.proven_ms for each in sound), now_ms)
            nodes = tuple(each.node for each in sound)
            since_at = self._ledger.coverage.proven_at
            if self._ledger.sees(proven_at, nodes, now_ms):
                since = format_instant(since_at)
                self._voice.line(
                    "seeing",
                    f"Everything is seen. What could be known since {since} was looked at.",
                    facts={"from": since, "to": format_instant(proven_at), "nodes": nodes},
                )
            self._trouble(*self._judging.open_rest())
        elif self._coins.is_late(now_ms) or all(each.is_blind for each in self._feeds.values()):
            why = self.why()
            since = format_instant(self._ledger.coverage.proven_at)
            if self._ledger.blind(why):
                self._voice.line(
                    "blind", f"BLIND since {since}.", style="bold red", facts={"from": since}
                )
                self._trouble(*why)

    def _stand(self, sound: Sequence[Feed], now_ms: int) -> None:
        """Take for the tip what a node says whose blocks are all searched: the highest does."""
        blocks = self._ledger.blocks
        found = [each for each in sound if blocks.can_stand_at(each.tip)]
        if not found or (blocks.tip and blocks.tip.hash in {each.tip for each in found}):
            return
        highest = max(found, key=lambda each: each.height)
        undone = blocks.stand_at(highest.tip)
        if undone and blocks.tip is not None:
            self._trouble(troubles.reorganised(highest.node, blocks.tip, blocks=undone))
            for feed in self._feeds.values():  # what a block gave back may be in its mempool
                self._do(feed, feed.mistrust(now_ms))

    def why(self) -> list[Finding]:
        """Return why not everything is seen."""
        return [
            *self._coins.why(),
            *(found for each in self._feeds.values() for found in each.why()),
        ]

    def _show(self, now_ms: int) -> None:
        """Tell metrics, service manager, and the file that `watch status` reads."""
        ledger = self._ledger
        put_metrics(self._metrics, ledger, self._judging, self._feeds.values())
        seeing = f"seeing by {', '.join(ledger.coverage.nodes)}"
        self._notifier.alive("BLIND" if ledger.is_blind else seeing, now_ms)
        try:
            ledger.save(self._status(), now_ms, whole=self._chronicle.is_whole)
        except WorldError as error:
            self._once(troubles.file_unwritten(error))

    def _status(self) -> dict[str, Json]:
        return status_of(
            self._judging,
            self._feeds.values(),
            findings=(*self.why(), *self._lists.why()),
            peers=[] if self._beats is None else self._beats.status(),
        )

    def _stop(self) -> None:
        """End with everything durable: seeing ends here, and the journal says so."""
        self._notifier.tell("STOPPING=1")
        for link in self._links.values():
            link.stop()
        self._lists.close()
        self._judging.settle_debts()
        self._chronicle.close()
        self._ledger.blind([troubles.stopped("watcher")])
        self._ledger.close(self._status(), whole=self._chronicle.is_whole)
        self._voice.line("stopped", "Stopped. Nothing is watched from here on.")
