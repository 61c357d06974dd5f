"""A watcher that has read some world's journal and some transactions, without a journal file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gate_scene import HOT, Scene
from gate_tampered_transactions import change, inputs, outputs
from world import World, approve, ask, cleared, entries_of
from world_coins import book_of, outpoint, txout
from world_people import NOW

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut
from sekisho.passes.records import Pass, Transfer
from sekisho.wallets.coins import Holdings, fold_holdings
from sekisho.wallets.records import Wallet
from sekisho.watch.listed import Listed
from sekisho.watch.match import match
from sekisho.watch.movement import reconstruct
from sekisho.watch.records import Movement, Verdict, WatchState
from sekisho.watch.state import fold_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookout:
    """What the watcher knows."""

    holdings: Holdings
    state: WatchState

    def movement(
        self, transaction: Transaction, *, at: datetime = NOW, listed: Listed | None = None
    ) -> Movement | None:
        wallet = next(iter(self.holdings.book.wallets.values()))
        return reconstruct(
            transaction,
            outputs=self.holdings.outputs,
            book=self.holdings.book,
            network=network_of_caip2(wallet.chain, "chain"),
            seen_at=at,
            anchors=self.state.by_anchor.keys(),
            listed=listed,
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


# A scene, and what becomes of it -----------------------------------------------------------------


def said(
    before: Scene,
    transaction: Transaction,
    *,
    world: World | None = None,
    seen: tuple[Transaction, ...] | None = None,
    at: datetime = NOW,
    view_at: datetime | None = None,
) -> Verdict:
    """Return the verdict on a transaction in a world where `seen` had been seen before."""
    previous = before.coins.previous if seen is None else seen
    watcher = lookout(world or before.world, [before.wallet, HOT], previous, now=view_at or at)
    return watcher.verdict(transaction, at=at)


def after_clearing(before: Scene, *transactions: Transaction, at: datetime = NOW) -> World:
    """Return the world after the gate cleared these; the scene's transaction if none is given."""
    world = before.world
    for each in transactions or (before.unsigned,):
        world = cleared(world, before.asked, each, at=at)
    return world


def after_seeing(
    before: Scene, *earlier: Transaction, clearing: Transaction | None = None
) -> Lookout:
    """Return the watcher that has judged `earlier` to keep to the pass."""
    cleared_too = () if clearing is None else (clearing,)
    watcher = lookout(
        after_clearing(before, before.unsigned, *cleared_too),
        [before.wallet, HOT],
        [*before.coins.previous, *earlier],
    )
    [touched] = watcher.state.passes
    known = replace(touched, seen_txids=tuple(each.txid for each in earlier))
    anchored = {touched.transfer.anchor: (known,)}
    state = replace(watcher.state, passes=(known,), by_anchor=anchored)
    return replace(watcher, state=state)


def cheaper(before: Scene) -> Transaction:
    """Return what else the pass allows: the same payments at less fee."""
    return outputs(before, {3: change(before, before.unsigned.outputs[3].amount_sat + 5_000)})


def with_other_coins(before: Scene) -> Transaction:
    """Return the same payments out of coins of which none is the anchor."""
    left_sat = before.unsigned.outputs[3].amount_sat - 10_000_000
    return inputs(before, coin(before, 1), coin(before, 2), change_sat=left_sat)


def coin(before: Scene, place: int) -> OutPoint:
    return outpoint(before.funded, place)


def transfer_of(asked: Pass) -> Transfer:
    if not isinstance(asked.action, Transfer):
        raise TypeError("moves coins")
    return asked.action


def beside(
    before: Scene,
    transfer: Mapping[str, Any],
    **changes: Any,  # noqa: ANN401 - the fields of Pass, each of its type
) -> tuple[World, Pass]:
    """Return the world with another pass approved beside the scene's, and that pass."""
    action = replace(transfer_of(before.asked), **transfer)
    asked = replace(before.asked, action=action, pass_id="0" * 25 + "2", **changes)
    return approve(ask(before.world, asked), asked), asked


def to(address: str, amount_sat: int) -> TxOut:
    return txout(address, amount_sat)


def ours(before: Scene, amount_sat: int, *, branch: int = 0) -> TxOut:
    return change(before, amount_sat, branch=branch, index=4)
