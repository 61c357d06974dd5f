"""A watcher that has read some world's journal and some transactions, without a journal file."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from world import World, entries_of
from world_coins import book_of
from world_people import NOW

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.wallets.coins import Holdings, fold_holdings
from sekisho.wallets.records import Wallet
from sekisho.watch.match import match
from sekisho.watch.movement import reconstruct
from sekisho.watch.records import Movement, Verdict, WatchState
from sekisho.watch.state import fold_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookout:
    """What the watcher knows."""

    holdings: Holdings
    state: WatchState

    def movement(self, transaction: Transaction, *, at: datetime = NOW) -> Movement | None:
        wallet = next(iter(self.holdings.book.wallets.values()))
        return reconstruct(
            transaction,
            outputs=self.holdings.outputs,
            book=self.holdings.book,
            network=network_of_caip2(wallet.chain, "chain"),
            seen_at=at,
            anchors=self.state.by_anchor.keys(),
        )

    def verdict(self, transaction: Transaction, *, at: datetime = NOW) -> Verdict:
        movement = self.movement(transaction, at=at)
        if movement is None:
            raise ValueError("this is not about us")
        return match(movement, self.state)


def lookout(
    world: World,
    wallets: Iterable[Wallet],
    transactions: Iterable[Transaction] = (),
    *,
    now: datetime = NOW,
) -> Lookout:
    """Return the watcher of `world` as it stands at `now`, having seen `transactions`."""
    holdings = fold_holdings(book_of(*wallets), transactions)
    genesis = world.genesis_digest
    state = fold_state(entries_of(world), holdings, genesis_digest=genesis, now=now)
    return Lookout(holdings=holdings, state=state)


def codes_of(verdict: Verdict) -> list[str]:
    """Return the codes of a verdict's findings, in order of the alphabet."""
    return sorted(each.code for each in verdict.findings)
