"""One thing changed in where the change goes."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from embit.descriptor import Descriptor

from bench.tampered.judging import Kind, kind
from bench.tampered.kinds_outputs import NOTE, change_with, has_change, with_outputs
from bench.tampered.psbts import Output, foreign_script
from bench.tampered.purses import INTERNAL, RECEIVING, Place, Purse, fresh_root, place_of
from bench.tampered.scenes import Attempt, Scene
from sekisho.wallets.records import ChangeRule

Choose = Callable[[Scene, Random], Place | bytes | None]

_SINGLE = ("p2pkh", "p2wpkh", "p2sh-p2wpkh", "p2tr")
_MULTI = ("p2sh", "p2wsh", "p2sh-p2wsh")


def _change_to(choose: Choose) -> Callable[[Scene, Random], Attempt]:
    """Return the tampering that sends the first change somewhere else."""

    def tamper(scene: Scene, random: Random) -> Attempt:
        target = choose(scene, random)
        amount_sat = scene.first_change.amount_sat
        if isinstance(target, Place):
            output = Output(script=target.script, amount_sat=amount_sat, place=target)
        else:
            output = Output(script=target or b"", amount_sat=amount_sat)
        return with_outputs(scene, {scene.changes[0]: output})

    return tamper


def _of(scene: Scene, random: Random, text: str) -> Place:
    """Return a script of a descriptor that nobody registered, where change would be."""
    index = random.randrange(scene.purse.wallet.gap_limit)
    return place_of(Descriptor.from_string(text), INTERNAL, index)


def one_key_swapped(purse: Purse, random: Random) -> tuple[Any, ...]:
    """Return the roots of a purse with a stranger's in place of one."""
    roots = list(purse.roots)
    roots[random.randrange(len(roots))] = fresh_root(random)
    return tuple(roots)


def _swapped(scene: Scene, random: Random) -> Place:
    return _of(scene, random, scene.purse.text(one_key_swapped(scene.purse, random)))


def _other_threshold(scene: Scene, random: Random) -> Place:
    signers = scene.purse.signers
    return _of(scene, random, scene.purse.text(signers=signers - 1 if signers > 1 else 2))


def _other_type(scene: Scene, random: Random) -> Place:
    purse = scene.purse
    offered = _MULTI if purse.is_multisignature else _SINGLE
    name = random.choice([each for each in offered if each != purse.kind])
    return _of(scene, random, replace(purse, kind=name).text())


def _other_order(scene: Scene, random: Random) -> Place | None:
    """Return the same keys in an order that the descriptor does not give them."""
    roots = list(scene.purse.roots)
    for _ in range(50):
        random.shuffle(roots)
        text = scene.purse.text(tuple(roots)).replace("sortedmulti", "multi")
        found = _of(scene, random, text)
        if scene.batch.office.book.own(found.script) is None:
            return found
    return None


def _other_branch(scene: Scene, random: Random) -> Place:
    return _of(scene, random, scene.purse.text(branches="<2;3>"))


def _other_account(scene: Scene, random: Random) -> Place:
    """Return the script of another account of the very same devices."""
    roots = tuple(each.derive("m/7h") for each in scene.purse.roots)
    return _of(scene, random, scene.purse.text(roots))


def _unspent_deposit(scene: Scene, random: Random) -> Place:
    purse, spent = scene.purse, {coin.place.script for coin in scene.plan.coins}
    paid_to = {payment.script for payment in scene.transfer.payments}
    places = [purse.place(RECEIVING, index) for index in range(purse.wallet.gap_limit)]
    free = [each for each in places if each.script not in spent | paid_to]
    return random.choice(free or places)


def _deposit_fits(scene: Scene) -> bool:
    used = {coin.place.script for coin in scene.plan.coins}
    used |= {payment.script for payment in scene.transfer.payments}
    purse = scene.purse
    count = purse.wallet.gap_limit
    return has_change(scene) and any(
        purse.place(RECEIVING, index).script not in used for index in range(count)
    )


def _deposits(scene: Scene) -> list[Place]:
    return [coin.place for coin in scene.plan.coins if coin.place.branch == RECEIVING]


def _spent_address(scene: Scene, random: Random) -> Place:
    return random.choice(_deposits(scene))


def _internal_rule(scene: Scene) -> bool:
    return scene.purse.wallet.change_rule is ChangeRule.INTERNAL_BRANCH


def _other_wallet(scene: Scene, random: Random) -> bytes:
    others = [each for each in scene.batch.purses.values() if each is not scene.purse]
    return random.choice(others).place(INTERNAL, 0).script


def _with_our_paths(scene: Scene, random: Random) -> Attempt:
    """Send the change elsewhere, and leave the wallet's own keys and paths beside it."""
    elsewhere = replace(scene.first_change, script=foreign_script(random))
    return with_outputs(scene, {scene.changes[0]: elsewhere})


def _split(scene: Scene, _: Random) -> Attempt:
    change = scene.first_change
    half_sat = change.amount_sat // 2
    return with_outputs(scene, change_with(scene, -half_sat), replace(change, amount_sat=half_sat))


def _unasked(scene: Scene, _: Random) -> Attempt:
    place = scene.plan.coins[0].place
    back_sat = scene.plan.fee_sat // 3
    return with_outputs(scene, {}, Output(script=place.script, amount_sat=back_sat, place=place))


def _change_matters(scene: Scene) -> bool:
    room_sat = scene.transfer.fee.fee_max_sat - scene.plan.fee_sat
    return has_change(scene) and scene.first_change.amount_sat > room_sat


_SENT: tuple[Kind[Attempt], ...] = tuple(
    kind(f"change {name}", what, codes, _change_to(choose), applies=applies)
    for name, what, codes, choose, applies in (
        (
            "with one key swapped",
            "change goes to the wallet's own policy with one key of a stranger",
            "payment_not_allowed",
            _swapped,
            has_change,
        ),
        (
            "with another threshold",
            "change goes to the same keys, of which fewer (or more) must sign",
            "payment_not_allowed",
            _other_threshold,
            lambda s: has_change(s) and s.purse.is_multisignature,
        ),
        (
            "in another script type",
            "change goes to the same keys in a script of another type",
            "payment_not_allowed",
            _other_type,
            has_change,
        ),
        (
            "with keys in another order",
            "change goes to the same keys in an order that the descriptor does not give them",
            "payment_not_allowed",
            _other_order,
            lambda s: has_change(s) and s.purse.is_multisignature,
        ),
        (
            "on another branch",
            "change goes to a branch that the descriptor does not have",
            "payment_not_allowed",
            _other_branch,
            has_change,
        ),
        (
            "in another account",
            "change goes to another account of the very same devices",
            "payment_not_allowed",
            _other_account,
            has_change,
        ),
        (
            "one beyond the gap limit",
            "change goes to the first index beyond the gap limit",
            "payment_not_allowed",
            lambda s, _: s.own_script(INTERNAL, s.purse.wallet.gap_limit),
            has_change,
        ),
        (
            "far beyond the gap limit",
            "change goes to the last index there is, where nobody would look for it",
            "payment_not_allowed",
            lambda s, _: s.own_script(INTERNAL, 2**31 - 1),
            has_change,
        ),
        (
            "to a deposit address",
            "change goes to a customer's deposit address of the same wallet",
            "own_output_not_listed",
            _unspent_deposit,
            _deposit_fits,
        ),
        (
            "to the address spent",
            "change goes to the deposit address it came from, where the rule is the internal one",
            "own_output_not_listed",
            _spent_address,
            lambda s: has_change(s) and _internal_rule(s) and bool(_deposits(s)),
        ),
        (
            "to another wallet of ours",
            "change goes to another registered wallet",
            "own_output_not_listed",
            _other_wallet,
            has_change,
        ),
        (
            "burnt",
            "change goes into an OP_RETURN",
            "payment_not_allowed",
            lambda _, random: NOTE + b"\x04" + random.randbytes(4),
            has_change,
        ),
        (
            "to whoever takes it",
            "change goes to a script that anybody can spend",
            "payment_not_allowed",
            lambda *_: b"\x51",
            has_change,
        ),
    )
)
"""The change goes somewhere else, whole."""

CHANGE: tuple[Kind[Attempt], ...] = (
    *_SENT,
    kind(
        "change with our paths beside it",
        "change goes to a stranger, with the wallet's own keys and paths written beside it",
        "payment_not_allowed",
        _with_our_paths,
        applies=lambda s: has_change(s) and s.plan.with_paths,
    ),
    kind(
        "change that wraps around",
        "change is larger by 2**63 satoshi, and the fee below nothing",
        "spends_more_than_it_has psbt_unreadable",
        lambda scene, _: with_outputs(scene, change_with(scene, 2**63)),
        applies=has_change,
    ),
    kind(
        "change once too often",
        "change comes back in one output more than allowed",
        "change_too_often",
        _split,
        applies=lambda s: has_change(s) and len(s.changes) == s.transfer.change.outputs_max,
    ),
    kind(
        "change where none is allowed",
        "a third of the fee comes back, where the pass allows no change",
        "own_output_not_listed",
        _unasked,
        applies=lambda s: s.transfer.change.rule is ChangeRule.NONE,
    ),
    kind(
        "change left to miners",
        "the change is left out, and miners get it",
        "fee_too_high",
        lambda scene, _: with_outputs(scene, {scene.changes[0]: None}),
        applies=_change_matters,
    ),
)
