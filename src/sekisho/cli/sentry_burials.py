"""A sentry's burials: when a pass's anchor is spent at depth, that is proven and written down.

By the rule of `sekisho scan`: the block is read once more and whole, and the headers upon it. A
whole block takes its time, so that is done beside the thread that judges.
"""

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor

from sekisho.app import current_time
from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.cli.sentry_judging import Judging
from sekisho.edges.node_feed import BurialGiven
from sekisho.kernel.errors import BadInputError
from sekisho.passes.spendings import CONFIRMATIONS_MIN, WATCH_SETTLED, Spending
from sekisho.watch.block_path import Blocks, Place
from sekisho.watch.depth import Link, link_of, work_of
from sekisho.watch.feed_records import AskBurial, Header
from sekisho.watch.flow import record_settled
from sekisho.watch.life_records import Change
from sekisho.watch.raw_block import RawBlock
from sekisho.watch.settle import buried

_HEADERS_MAX = 4 * CONFIRMATIONS_MIN
"""A block may be worth four of those before it, where the difficulty is set anew: so many upon one
of the old ones are worth enough."""


class Burials:
    """The blocks that are deep enough to settle something, one after another."""

    def __init__(self, judging: Judging, blocks: Blocks) -> None:
        self._judging = judging
        self._blocks = blocks
        self._due: dict[bytes, int] = {}
        """The height of each block that holds what may settle a pass."""
        self._asked: AskBurial | None = None
        self._tried_at: Header | None = None
        """The tip under which it was not deep enough, or could not be had."""
        self._heaviest: Link | None = None
        self._reader = ThreadPoolExecutor(max_workers=1)
        self._reading: Future[list[Spending]] | None = None
        self._known = {
            (each.body.get("txid"), each.body.get("block_hash"))
            for each in judging.watch.recorded.values()
            if each.kind == WATCH_SETTLED
        }

    def settled(self, change: Change, spends: Collection[OutPoint]) -> None:
        """Take in that a movement counts as final by the number of blocks."""
        if (change.txid, change.block_hash) in self._known:
            return
        if not self._judging.watch.state.by_anchor.keys().isdisjoint(spends):
            self._due[bytes.fromhex(change.block_hash)] = change.height

    def saw(self, block: bytes) -> None:
        """Take in a block: with the most work of all, it is what others are measured by."""
        if block:
            link = link_of(block)
            if self._heaviest is None or work_of(link) > work_of(self._heaviest):
                self._heaviest = link

    def step(self, ask: Callable[[AskBurial], None] | None) -> None:
        """Go on: write down what was read, and ask for the next block.

        Raises `WorldError` if the journal cannot be written; to be called again then.
        """
        if self._reading is not None and self._reading.done():
            self._write(self._reading)
        if ask is None or self._asked is not None or self._blocks.tip == self._tried_at:
            return
        while self._due:
            block, height = next(iter(self._due.items()))
            upon = self._blocks.upwards(height, _HEADERS_MAX)
            if self._blocks.place(block, height) is Place.IN_CHAIN and upon[:1] == (block,):
                self._asked = AskBurial(hashes=upon)
                ask(self._asked)
                return
            del self._due[block]  # if it comes back, it is settled again

    def given(self, given: BurialGiven) -> None:
        """Take in a block that was asked for."""
        links = [link_of(each) for each in given.headers]
        if self._heaviest is not None:
            links.append(self._heaviest)
        block = given.ask.hashes[0]
        if given.ask != self._asked or link_of(given.data).hash[::-1] != block:
            self.failed()
            return
        raw = RawBlock(data=given.data, where=f"block {block.hex()}", position=0)
        anchors = self._judging.watch.state.by_anchor
        self._reading = self._reader.submit(buried, raw, links, anchors)

    def failed(self) -> None:
        """Take in that the node did not answer: it is asked again at the next block."""
        self._asked, self._tried_at = None, self._blocks.tip

    def close(self) -> None:
        """End."""
        self._reader.shutdown(cancel_futures=True)

    def _write(self, reading: Future[list[Spending]]) -> None:
        try:
            found = reading.result()
        except BadInputError:
            found = []
        record_settled(self._judging.watch, found, now=current_time())
        self._reading = None
        if found and self._asked is not None:
            del self._due[self._asked.hashes[0]]
            self._asked = None
        else:
            self.failed()
