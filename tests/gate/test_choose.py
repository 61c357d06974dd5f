"""Which pass a PSBT belongs to, by the coins that it spends. Being chosen allows nothing."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from gate_scene import scene
from world import approve, ask, digest_of, transfer_pass, trust_of, void
from world_coins import STRANGER, funding, outpoint, payment, spending, txout
from world_people import NOW
from world_power import (
    COINS,
    HOT,
    agreed_by,
    bound,
    child,
    in_force,
    issue,
    name_of,
    standing_world,
)

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.gate.choose import choose_pass
from sekisho.gate.records import ReadPSBT
from sekisho.kernel.finding import Refused
from sekisho.passes.records import Pass, Replacement
from sekisho.passes.register import Register

SCENE = scene()
WALLET = SCENE.wallet
COIN, ANOTHER, THIRD = (outpoint(SCENE.funded, each) for each in range(3))


def a_pass(anchor: OutPoint = COIN, *, replaces: str = "", amount_sat: int = 1_000) -> Pass:
    return transfer_pass(
        SCENE.registered,
        WALLET,
        [payment(STRANGER, amount_sat)],
        anchor,
        transfer={"replacement": Replacement(fee_bump=False, replaces=replaces)},
    )


def after(*asked: Pass, voided: Collection[Pass] = ()) -> Register:
    """Return the register after these passes were asked for and approved, and some voided."""
    world = SCENE.registered
    for each in asked:
        world = approve(ask(world, each), each)
    for each in voided:
        world = void(world, each)
    return trust_of(world)


def chosen(
    register: Register, *spent: OutPoint, issued: Collection[Pass] = (), days: int = 0
) -> str:
    """Return the digest of the pass that is chosen, or the codes of the refusal."""
    transaction = spending(spent, [txout(STRANGER, 1_000)])
    read = ReadPSBT(psbt_version=0, modifiable=0, transaction=transaction, inputs=())
    digests = {digest_of(each) for each in issued}
    try:
        return choose_pass(read, register, issued=digests, now=NOW + timedelta(days=days))
    except Refused as refused:
        return " ".join(each.code for each in refused.findings)


NONE, SEVERAL = "gate.no_pass_for_coins", "gate.several_passes_for_coins"


def test_the_pass_whose_anchor_is_spent_is_chosen_whatever_else_is_spent() -> None:
    first, second = a_pass(), a_pass(ANOTHER)
    register = after(first, second)
    both = (first, second)
    assert chosen(register, COIN, issued=both) == digest_of(first)
    assert chosen(register, ANOTHER, THIRD, issued=both) == digest_of(second)
    assert chosen(register, THIRD, COIN, issued=both) == digest_of(first)


@pytest.mark.parametrize(
    ("spent", "issued"), [((THIRD,), True), ((), True), ((COIN,), False)], ids=str
)
def test_where_no_issued_pass_has_a_coin_as_its_anchor_there_is_none(
    spent: tuple[OutPoint, ...], *, issued: bool
) -> None:
    asked = a_pass()
    assert chosen(after(asked), *spent, issued=[asked] if issued else []) == NONE


def test_the_output_beside_the_anchor_is_another_coin() -> None:
    asked = a_pass()
    beside = (replace(COIN, vout=7), outpoint(funding(WALLET, 5, salt="other"), COIN.vout))
    assert [chosen(after(asked), each, issued=[asked]) for each in beside] == [NONE, NONE]


def test_the_anchors_of_two_passes_lead_to_neither() -> None:
    first, second = a_pass(), a_pass(ANOTHER)
    assert chosen(after(first, second), COIN, ANOTHER, issued=[first, second]) == SEVERAL


def test_two_passes_for_one_coin_lead_to_neither() -> None:
    first, second = a_pass(), a_pass(amount_sat=2_000)
    assert chosen(after(first, second), COIN, issued=[first, second]) == SEVERAL
    assert chosen(after(first, second), COIN, issued=[second]) == digest_of(second)


def test_a_replacement_comes_before_what_it_replaces() -> None:
    first = a_pass()
    second = a_pass(replaces=first.pass_id)
    third = a_pass(replaces=second.pass_id, amount_sat=2_000)
    register = after(first, second, third)
    assert chosen(register, COIN, issued=[first, second]) == digest_of(second)
    assert chosen(register, COIN, issued=[first, second, third]) == digest_of(third)


def test_a_pass_that_is_over_is_no_rival_and_is_named_where_it_is_the_only_one() -> None:
    first, second = a_pass(), a_pass(amount_sat=2_000)
    register = after(first, second, voided=[first])
    assert chosen(register, COIN, issued=[first, second]) == digest_of(second)
    assert chosen(register, COIN, issued=[first]) == digest_of(first)
    assert chosen(register, COIN, issued=[second], days=30) == digest_of(second)
    assert chosen(register, COIN, issued=[first, second], days=30) == SEVERAL


def test_a_replacement_that_was_voided_leaves_what_it_would_have_replaced() -> None:
    first = a_pass()
    second = a_pass(replaces=first.pass_id)
    register = after(first, second, voided=[second])
    assert chosen(register, COIN, issued=[first, second]) == digest_of(first)


def test_children_with_one_anchor_are_one_batch_and_with_two_are_two() -> None:
    world, standing = standing_world()
    here = [child(world, standing, number, anchor=COINS[0]) for number in (1, 2)]
    there = child(world, standing, 3, anchor=COINS[1])
    register = in_force(issue(world, *here, there))
    assert chosen(register, COINS[0]) == name_of(here[0])
    assert chosen(register, COINS[1]) == name_of(there)
    assert chosen(register, COINS[2]) == NONE
    assert chosen(register, COINS[0], COINS[1]) == SEVERAL


def test_a_child_that_allows_nothing_does_not_stand_for_one_that_does() -> None:
    world, standing = standing_world()
    beyond = child(world, standing, 1, payment(STRANGER, 10**9), anchor=COINS[0])
    good = child(world, standing, 2, anchor=COINS[0])
    register = in_force(issue(world, beyond, good))
    assert chosen(register, COINS[0]) == name_of(good)
    assert chosen(in_force(issue(world, beyond)), COINS[0]) == name_of(beyond)


def test_a_pass_and_a_child_for_one_coin_lead_to_neither() -> None:
    world, standing = standing_world()
    asked = transfer_pass(bound(world), HOT, [payment(STRANGER, 1_000)], COINS[0])
    world = agreed_by(world, asked)
    one = child(world, standing, 1, anchor=COINS[0])
    assert chosen(in_force(world), COINS[0], issued=[asked]) == digest_of(asked)
    assert chosen(in_force(issue(world, one)), COINS[0], issued=[asked]) == SEVERAL
