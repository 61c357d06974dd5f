"""One honest spend and the pass that allows it, to be shown to the gate as it is or tampered with.

The pass allows 0.4 BTC to an address in use and, twice, 0.05 BTC to another, out of two listed
coins of `cold-1`; what is left, less a fee of 20,000 sat, comes back to the internal branch.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from gate_psbts import Coins, psbt_of
from world import World, approve, ask, begin, digest_of, register, transfer_pass
from world_coins import (
    DESCRIPTORS,
    MULTIPATH,
    STRANGER,
    funding,
    key_expression,
    outpoint,
    payment,
    script_at,
    spending,
    txout,
    wallet_of,
)
from world_people import NOW

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.kernel.money import Sat
from sekisho.passes.records import FeeRule, ListedInputs, Pass, Payment, TransactionRule
from sekisho.wallets.records import ChangeRule, Wallet

USUAL = "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P"
"""What the exchange had paid before the outflow of 2024-05-31; the next is what was paid then."""
LOOKALIKE = "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P"
FEE_SAT = 20_000
CHANGE_SAT = 30_000_000 - FEE_SAT

HOT = wallet_of(f"wpkh({key_expression('delta')}{MULTIPATH})", wallet_id="hot-1")
"""Another wallet of ours."""
MALLORY = wallet_of(f"wpkh({key_expression('mallory')}{MULTIPATH})", wallet_id="mallory")
"""Nobody registered it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A wallet, its coins, a pass that was asked for and approved, and what it allows."""

    kind: str
    wallet: Wallet
    registered: World
    """Before the pass was asked for."""
    world: World
    asked: Pass
    coins: Coins
    unsigned: Transaction

    @property
    def funded(self) -> Transaction:
        """What pays the wallet: two listed coins, and one that is not."""
        return self.coins.previous[0]

    @property
    def lent(self) -> Transaction:
        """What pays mallory."""
        return self.coins.previous[1]

    @property
    def hot(self) -> Transaction:
        """What pays our other wallet."""
        return self.coins.previous[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What the gate is asked: may this PSBT be signed under this pass, now?"""

    scene: Scene
    psbt: bytes
    digest: str
    genesis: str
    now: datetime = NOW


def honest(scene: Scene, *, version: int = 0) -> Attempt:
    """Return the attempt that is in order."""
    return Attempt(
        scene=scene,
        psbt=psbt_of(scene.unsigned, scene.coins, version=version),
        digest=digest_of(scene.asked),
        genesis=scene.world.genesis_digest,
    )


def scene(
    kind: str = "wsh_sortedmulti",
    *,
    transfer: Mapping[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 - the fields of Pass, each of its type
) -> Scene:
    """Return the story for a descriptor of some kind; the rest replaces fields of its pass."""
    usual = _usual(kind)
    if not transfer and not changes:
        return usual
    action = {**_transfer(usual.funded), **(transfer or {})}
    asked = _pass(usual.registered, usual.wallet, usual.funded, action, changes)
    return replace(usual, world=approve(ask(usual.registered, asked), asked), asked=asked)


def with_fee(before: Scene, fee_sat: int, *, feerate_sat_per_kvb: int) -> Scene:
    """Return the story with another fee, taken from the change, and just as much allowed."""
    fee = FeeRule(fee_max_sat=Sat(fee_sat), feerate_max_sat_per_kvb=feerate_sat_per_kvb)
    *paid, change = before.unsigned.outputs
    left = replace(change, amount_sat=Sat(change.amount_sat + FEE_SAT - fee_sat))
    allowed = scene(before.kind, transfer={"fee": fee})
    return replace(allowed, unsigned=replace(before.unsigned, outputs=(*paid, left)))


@cache
def exact() -> Scene:
    """Return a story whose pass leaves nothing open: no change, one locktime, one sequence."""
    rule = TransactionRule(
        versions=(2,),
        locktime_min=0,
        locktime_max=0,
        sequence_min=0xFFFF_FFFD,
        sequence_max=0xFFFF_FFFD,
    )
    return scene("one_branch", transfer={"transaction": rule})


def parts(transaction: Transaction) -> tuple[int, Counter[TxIn], Counter[TxOut], int]:
    """Return what a transaction is, but for the order of its inputs and of its outputs."""
    inputs, outputs = Counter(transaction.inputs), Counter(transaction.outputs)
    return transaction.version, inputs, outputs, transaction.locktime


@cache
def _usual(kind: str) -> Scene:
    wallet = wallet_of(DESCRIPTORS[kind])
    funded = funding(wallet, 50_000_000, 30_000_000, 40_000_000)
    lent, hot = funding(MALLORY, 10_000_000), funding(HOT, 10_000_000)
    world = register(register(begin(), wallet), HOT)
    asked = _pass(world, wallet, funded, _transfer(funded), {})
    return Scene(
        kind=kind,
        wallet=wallet,
        registered=world,
        world=approve(ask(world, asked), asked),
        asked=asked,
        coins=Coins(previous=(funded, lent, hot), wallets=(wallet, HOT, MALLORY)),
        unsigned=spending(
            [outpoint(funded, 0), outpoint(funded, 1)],
            [
                txout(USUAL, 40_000_000),
                txout(STRANGER, 5_000_000),
                txout(STRANGER, 5_000_000),
                *_change(wallet),
            ],
        ),
    )


def _payments(wallet: Wallet) -> list[Payment]:
    payments = [payment(USUAL, 40_000_000), payment(STRANGER, 5_000_000)]
    payments.append(payments[1])
    if wallet.change_rule is ChangeRule.NONE:
        payments.append(payment(STRANGER, CHANGE_SAT))
    return payments


def _change(wallet: Wallet) -> list[TxOut]:
    match wallet.change_rule:
        case ChangeRule.NONE:
            return [txout(STRANGER, CHANGE_SAT)]
        case ChangeRule.SAME_ADDRESS:
            script = script_at(wallet)
        case ChangeRule.INTERNAL_BRANCH:
            script = script_at(wallet, branch=1)
    return [TxOut(amount_sat=Sat(CHANGE_SAT), script=script)]


def _transfer(funded: Transaction) -> dict[str, Any]:
    listed: tuple[OutPoint, ...] = (outpoint(funded, 0), outpoint(funded, 1))
    return {
        "inputs": ListedInputs(outpoints=listed),
        "fee": FeeRule(fee_max_sat=Sat(FEE_SAT), feerate_max_sat_per_kvb=200_000),
    }


def _pass(
    world: World,
    wallet: Wallet,
    funded: Transaction,
    action: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> Pass:
    payments = action.get("payments", _payments(wallet))
    anchor = action.get("anchor", outpoint(funded, 0))
    return transfer_pass(world, wallet, payments, anchor, transfer=action, **changes)
