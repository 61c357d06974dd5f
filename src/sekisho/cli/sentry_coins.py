"""A sentry's search for the coins that were there before it: nothing is proven until it is done.

A transaction that spends a coin that nobody knows, and pays us nothing back, is about nobody. So a
node is asked once for all coins of the wallets that are watched, and again when there are others.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sekisho.app import Installation
from sekisho.cli.sentry_judging import Judging
from sekisho.cli.sentry_words import Voice
from sekisho.edges.node_coins import CoinsFound
from sekisho.edges.node_feed import CoinsNotFound, NodeLink
from sekisho.kernel.digest import document_digest
from sekisho.kernel.errors import WorldError
from sekisho.kernel.finding import Finding
from sekisho.wallets.documents import wallet_digest
from sekisho.watch import troubles
from sekisho.watch.feed import BLIND_MS, Feed
from sekisho.watch.listed import scanned_digest

RETRY_MS: Final = 10_000
AGAIN_MS: Final = 600_000
"""How often coins are looked for again that a node could not prove."""
GIVEN_MS: Final = 2_000
"""How often it is looked whether somebody has handed in what a node could not give."""


class CoinSearch:
    """Which coins were looked for, and which could not be proven."""

    def __init__(self, here: Installation, judging: Judging, voice: Voice) -> None:
        self._here = here
        self._judging = judging
        self._voice = voice
        self._digest = ""
        self._looked: set[bytes] = set()
        self._unproven: dict[str, int] = {}
        self._asked = ""
        """The node that is at it."""
        self._turn = 0
        self._due_ms = self._given_ms = 0
        self._done_ms = 0
        self.is_done = False

    def tick(
        self, feeds: Iterable[Feed], links: Mapping[str, NodeLink], now_ms: int
    ) -> list[Finding]:
        """Ask a node that knows all blocks, if that is due; return what keeps it from being."""
        if self.is_done:
            self._done_ms = now_ms
        try:
            if self._asked or now_ms < self._due_ms:
                self._take_given(now_ms)
            else:
                self._step([each.node for each in feeds if each.is_current], links)
        except WorldError as error:
            return [troubles.file_unwritten(error)]
        return []

    def hear(self, node: str, told: CoinsFound | CoinsNotFound, now_ms: int) -> list[Finding]:
        """Take in what a node found, and say it; return what is wrong with it."""
        self._asked = ""
        self._due_ms = now_ms + RETRY_MS
        if isinstance(told, CoinsNotFound):
            return [troubles.node_failed(node, told.reason)]
        try:
            new = self._judging.learn(told.transactions)
        except WorldError as error:
            return [troubles.node_failed(node, str(error))]
        self._looked |= told.scripts
        self._unproven.update(told.unproven)
        self._due_ms = now_ms + AGAIN_MS if self._unproven else now_ms
        self._voice.line(
            "coins",
            f"{node}: {new} coins were there already, and are watched.",
            facts={"node": node, "coins": new, "unproven": len(told.unproven)},
        )
        return self.why() if told.unproven else []

    def listed(self, counts: Mapping[str, int]) -> list[Finding]:
        """Say how many scripts are listed; return which lists no blocks were searched for.

        Of so many scripts no node is asked: `sekisho scan --scripts` finds their coins.
        """
        found = []
        for wallet_id, count in counts.items():
            facts = {"wallet": wallet_id, "scripts": count}
            self._voice.line("listed", f"{count:,} listed scripts of {wallet_id}.", facts=facts)
            if not self._here.chain.is_searched(scanned_digest(wallet_id)):
                found.append(troubles.listed_unscanned(wallet_id, count))
        return found

    def is_late(self, now_ms: int) -> bool:
        """Return whether it has gone on for so long that one must be told not to see."""
        return not self.is_done and now_ms - self._done_ms >= BLIND_MS

    def begin_again(self) -> None:
        """Search anew: coins were made that nobody saw. Raises `WorldError` if it is not kept."""
        self._here.chain.forget_searches()
        self._digest, self.is_done = "", False
        self._looked = set()

    def why(self) -> list[Finding]:
        """Return why not all coins are known; nothing if they are."""
        if self.is_done:
            return []
        if self._unproven:
            txid, height = next(iter(self._unproven.items()))
            return [troubles.coins_unproven(txid, height, count=len(self._unproven))]
        return [troubles.coins_unsearched(self._asked or "-")]

    def _step(self, nodes: Sequence[str], links: Mapping[str, NodeLink]) -> None:
        digest = self._digest_now()
        if digest != self._digest:
            self._digest = digest
            self.is_done = self._here.chain.is_searched(digest)
        if self.is_done:
            return
        scripts = frozenset(self._judging.watch.state.book.by_script) - self._looked
        if not scripts and not self._unproven:
            self._here.chain.note_search(digest)
            self.is_done = True
            return
        if not nodes:
            return
        if not scripts:  # of some coins nobody had the proof
            scripts, self._looked, self._unproven = frozenset(self._looked), set(), {}
        self._asked = nodes[self._turn % len(nodes)]
        self._turn += 1
        links[self._asked].find_coins(scripts)

    def _take_given(self, now_ms: int) -> None:
        """Take what was handed in by people, in place of what no node could give."""
        if not self._unproven or now_ms - self._given_ms < GIVEN_MS:
            return
        self._given_ms = now_ms
        given = [*self._here.chain.some(self._unproven)]
        self._judging.learn(given)
        for each in given:
            del self._unproven[each.txid]
        if not self._unproven:
            self._due_ms = now_ms

    def _digest_now(self) -> str:
        wallets = self._judging.watch.state.book.wallets.values()
        return document_digest("coin-search", [*sorted(map(wallet_digest, wallets))])
