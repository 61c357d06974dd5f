"""One thing changed in which coins are spent."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from embit.descriptor import Descriptor

from bench.tampered.judging import Kind, kind
from bench.tampered.kinds_change import one_key_swapped
from bench.tampered.kinds_outputs import change_with, edited
from bench.tampered.psbts import Coin, made_coin, psbt_of
from bench.tampered.purses import INTERNAL, RECEIVING, Purse, fresh_root
from bench.tampered.scenes import Attempt, Scene, outpoint_of, with_plan, with_psbt
from sekisho.passes.records import AnyInputs, ListedInputs

Choose = Callable[[Scene, Random], Coin]


def _unregistered(purse: Purse, roots: tuple[Any, ...]) -> Purse:
    """Return a purse of the same script type, of which nobody registered anything."""
    return replace(
        purse, roots=roots, descriptor=Descriptor.from_string(purse.text(roots)), _places={}
    )


def _amount(random: Random) -> int:
    return random.randint(50_000, 10**8)


def _strangers(scene: Scene, random: Random) -> Coin:
    purse = _unregistered(scene.purse, tuple(fresh_root(random) for _ in scene.purse.roots))
    return made_coin(random, purse, purse.place(RECEIVING, 0), _amount(random))


def _look_alike(scene: Scene, random: Random) -> Coin:
    purse = _unregistered(scene.purse, one_key_swapped(scene.purse, random))
    return made_coin(random, purse, purse.place(RECEIVING, 0), _amount(random))


def _other_wallets(scene: Scene, random: Random) -> Coin:
    others = [each for each in scene.batch.purses.values() if each is not scene.purse]
    purse = random.choice(others)
    return made_coin(random, purse, purse.place(RECEIVING, 0), _amount(random))


def _beyond_gap(scene: Scene, random: Random) -> Coin:
    place = scene.purse.place(random.choice((RECEIVING, INTERNAL)), scene.purse.wallet.gap_limit)
    return made_coin(random, scene.purse, place, _amount(random))


def _spare(scene: Scene, random: Random) -> Coin:
    return random.choice(scene.spare)


def _again(scene: Scene, random: Random) -> Coin:
    return random.choice(scene.plan.coins)


def _added(choose: Choose) -> Callable[[Scene, Random], Attempt]:
    """Return the tampering that spends one coin more; with change, its amount comes back."""

    def tamper(scene: Scene, random: Random) -> Attempt:
        plan, coin = scene.plan, choose(scene, random)
        more = change_with(scene, coin.amount_sat) if scene.changes else {}
        return with_plan(
            scene,
            coins=(*plan.coins, coin),
            sequences=(*plan.sequences, plan.sequences[0]),
            with_previous=(*plan.with_previous, True),
            with_witness_utxo=(*plan.with_witness_utxo, coin.purse.is_segwit),
            outputs=edited(scene, more),
        )

    return tamper


def _exchanged(scene: Scene, at: int, coin: Coin) -> Attempt:
    """Return the attempt that spends another coin in one place, fully documented."""
    plan = scene.plan
    previous = [*plan.with_previous]
    previous[at] = True
    coins = [*plan.coins]
    coins[at] = coin
    return with_plan(scene, coins=tuple(coins), with_previous=tuple(previous))


def _anchor_at(scene: Scene) -> int:
    anchor = scene.transfer.anchor
    return [outpoint_of(coin) for coin in scene.plan.coins].index(anchor)


def _other_anchor(scene: Scene, random: Random) -> Attempt:
    at = _anchor_at(scene)
    before = scene.plan.coins[at]
    return _exchanged(scene, at, made_coin(random, scene.purse, before.place, before.amount_sat))


def _sibling(scene: Scene, random: Random) -> Attempt:
    at = random.choice(_with_siblings(scene))
    coin = scene.plan.coins[at]
    others = [place for place in range(len(coin.previous.vout)) if place != coin.vout]
    return _exchanged(scene, at, replace(coin, vout=random.choice(others)))


def _with_siblings(scene: Scene) -> list[int]:
    return [at for at, coin in enumerate(scene.plan.coins) if len(coin.previous.vout) > 1]


def _without(scene: Scene, at: int) -> Attempt:
    plan = scene.plan

    def cut(all_of_them: tuple[Any, ...]) -> tuple[Any, ...]:
        return all_of_them[:at] + all_of_them[at + 1 :]

    return with_plan(
        scene,
        coins=cut(plan.coins),
        sequences=cut(plan.sequences),
        with_previous=cut(plan.with_previous),
        with_witness_utxo=cut(plan.with_witness_utxo),
    )


def _others_worth_the_fee(scene: Scene) -> list[int]:
    """Return the coins besides the anchor without which the outputs are more than the inputs."""
    fee_sat, anchor_at = scene.plan.fee_sat, _anchor_at(scene)
    return [
        at
        for at, coin in enumerate(scene.plan.coins)
        if coin.amount_sat > fee_sat and at != anchor_at
    ]


def _left_out(scene: Scene, random: Random) -> Attempt:
    return _without(scene, random.choice(_others_worth_the_fee(scene)))


def _renamed(scene: Scene, random: Random) -> Attempt:
    """Name another transaction in an outpoint, and leave everything beside it as it was."""
    coin = random.choice(_documented(scene))
    psbt = psbt_of(scene.plan)
    named = coin.txid[::-1] if coin.txid[::-1] in psbt else coin.txid
    return with_psbt(scene, psbt.replace(named, random.randbytes(32)))


def _no_such_output(scene: Scene, random: Random) -> Attempt:
    at = random.choice([at for at, given in enumerate(scene.plan.with_previous) if given])
    coin = scene.plan.coins[at]
    plan = replace(scene.plan, with_witness_utxo=(False,) * len(scene.plan.coins))
    coins = [*plan.coins]
    coins[at] = replace(coin, vout=len(coin.previous.vout) + random.randint(0, 9))
    return with_psbt(scene, psbt_of(replace(plan, coins=tuple(coins))))


def _documented(scene: Scene) -> list[Coin]:
    plan = scene.plan
    return [coin for coin, given in zip(plan.coins, plan.with_previous, strict=True) if given]


def _all_documented(scene: Scene) -> bool:
    return all(scene.plan.with_previous)


def _is_full(scene: Scene) -> bool:
    rule = scene.transfer.inputs
    return isinstance(rule, AnyInputs) and len(scene.plan.coins) == rule.inputs_max


INPUTS: tuple[Kind[Attempt], ...] = (
    kind(
        "stranger's coin added",
        "a stranger's coin is spent too",
        "input_not_ours",
        _added(_strangers),
    ),
    kind(
        "coin of a look-alike added",
        "a coin is spent too that lies on the wallet's policy with one key of a stranger",
        "input_not_ours",
        _added(_look_alike),
    ),
    kind(
        "coin of another wallet added",
        "a coin of another registered wallet is spent too",
        "input_not_ours",
        _added(_other_wallets),
    ),
    kind(
        "coin beyond the gap limit added",
        "a coin is spent too that lies beyond the wallet's gap limit",
        "input_not_ours",
        _added(_beyond_gap),
    ),
    kind(
        "unlisted coin added",
        "a coin of the wallet is spent too that the pass does not list",
        "input_not_allowed",
        _added(_spare),
        applies=lambda scene: isinstance(scene.transfer.inputs, ListedInputs),
    ),
    kind(
        "one coin too many",
        "one coin more is spent than the pass allows",
        "inputs_too_many",
        _added(_spare),
        applies=_is_full,
    ),
    kind(
        "coin spent twice",
        "the same coin stands in two inputs",
        "input_twice psbt_unreadable",
        _added(_again),
    ),
    kind(
        "another anchor",
        "a coin of the same amount is spent in place of the anchor",
        "anchor_missing",
        _other_anchor,
    ),
    kind(
        "anchor left out",
        "the anchor is not spent",
        "anchor_missing",
        lambda scene, _: _without(scene, _anchor_at(scene)),
        applies=lambda scene: len(scene.plan.coins) > 1,
    ),
    kind(
        "coin left out",
        "a coin is not spent, and the outputs are as they were",
        "spends_more_than_it_has",
        _left_out,
        applies=lambda scene: bool(_others_worth_the_fee(scene)),
    ),
    kind(
        "neighbour of a coin",
        "another output of the transaction that made a coin is spent",
        "input_not_ours",
        _sibling,
        applies=lambda scene: bool(_with_siblings(scene)),
    ),
    kind(
        "outpoint of another transaction",
        "an outpoint names another transaction than the one given with it",
        "previous_differs",
        _renamed,
        applies=lambda scene: bool(_documented(scene)),
    ),
    kind(
        "output that does not exist",
        "an outpoint names an output that its transaction does not have",
        "previous_has_no_output",
        _no_such_output,
        applies=_all_documented,
    ),
)
