"""A pass that replaces another must spend the same coin, or both could be paid."""

import pytest
from world import (
    World,
    approve,
    ask,
    begin,
    digest_of,
    evidence_of,
    register,
    transfer_pass,
    trust_of,
)
from world_coins import DESCRIPTORS, STRANGER, funding, outpoint, payment, wallet_of
from world_people import NOW

from sekisho.passes.records import Pass, Replacement
from sekisho.passes.verify import standing_of
from sekisho.watch.credence import weigh

WALLET = wallet_of(DESCRIPTORS["wpkh"])
COINS = funding(WALLET, 50_000_000, 60_000_000)
BASE = register(begin(), WALLET)
FIRST = transfer_pass(BASE, WALLET, [payment(STRANGER, 10_000_000)], outpoint(COINS, 0))


def replacing(pass_id: str, *, vout: int) -> Pass:
    """Return a pass that says it replaces another, anchored on one of the wallet's coins."""
    return transfer_pass(
        BASE,
        WALLET,
        [payment(STRANGER, 10_000_001)],
        outpoint(COINS, vout),
        transfer={"replacement": Replacement(fee_bump=False, replaces=pass_id)},
    )


def judged(world: World, asked: Pass) -> tuple[list[str], bool]:
    """Return the gate's findings on a pass, and whether the watcher believes it."""
    digest = digest_of(asked)
    found = [each.code for each in standing_of(trust_of(world), digest).findings]
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    return found, digest in credence.believed


def with_first() -> World:
    return approve(ask(BASE, FIRST), FIRST)


def test_the_same_anchor_is_a_replacement() -> None:
    asked = replacing(FIRST.pass_id, vout=0)
    assert judged(approve(ask(with_first(), asked), asked), asked) == ([], True)


@pytest.mark.parametrize("first_is_there", [True, False])
def test_another_anchor_or_nothing_to_replace_is_refused_by_both(*, first_is_there: bool) -> None:
    asked = replacing(FIRST.pass_id, vout=1 if first_is_there else 0)
    world = with_first() if first_is_there else BASE
    assert judged(approve(ask(world, asked), asked), asked) == (
        ["passes.anchor_not_reused"],
        False,
    )


def test_an_admin_pass_of_that_id_is_nothing_to_replace() -> None:
    admin = next(iter(trust_of(BASE).passes.values())).asked
    asked = replacing(admin.pass_id, vout=0)
    assert judged(approve(ask(BASE, asked), asked), asked) == (
        ["passes.anchor_not_reused"],
        False,
    )
