"""The children of standing passes as the watcher counts them, and the batches they are paid in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest
from credence_agreed import agreed
from credence_cast import COINS, HOT, ISSUER, automatic_from
from world import (
    World,
    approve,
    ask,
    begin,
    digest_of,
    entries_of,
    evidence_of,
    filed,
    record,
    register,
    said,
    statement,
    transfer_pass,
    under_policy,
    void,
)
from world_coins import address_at, payment, stranger
from world_people import NOW, QUORUM_PEOPLE, key_of
from world_policy import OPEN_POLICY

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.money import Sat
from sekisho.passes.children import sign_child
from sekisho.passes.documents import child_digest
from sekisho.passes.evidence import CHILD_ISSUED
from sekisho.passes.fold import fold
from sekisho.passes.leave import leave_of
from sekisho.passes.life import GATE_CLEARED
from sekisho.passes.policy.records import Bound, TimeLockStep
from sekisho.passes.records import (
    Automatic,
    Child,
    Decision,
    DestinationRule,
    Pass,
    SignedChild,
)
from sekisho.wallets.records import Tier
from sekisho.watch.credence import Credence, Grant
from sekisho.watch.state import weigh_entries

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ANCHOR, OTHER = COINS[0], COINS[1]


@cache
def standing(rule: DestinationRule = DestinationRule.ANY) -> tuple[World, Pass]:
    """Return a world in which people allowed a standing pass: 15,000 each, 30,000 an hour."""
    return standing_in(register(begin(), HOT), rule)


def standing_in(world: World, rule: DestinationRule = DestinationRule.ANY) -> tuple[World, Pass]:
    usual = transfer_pass(world, HOT, [payment(stranger(1), 5_000)], ANCHOR)
    asked = replace(usual, action=automatic_from(HOT, rule))
    return approve(ask(world, asked), asked), asked


def child(
    number: int,
    *,
    anchor: OutPoint = ANCHOR,
    amount_sat: int = 10_000,
    to: str = stranger(1),
    at: datetime = NOW,
    asked: Pass | None = None,
) -> Child:
    of = asked or standing()[1]
    return Child(
        standing_digest=digest_of(of),
        number=number,
        chain=HOT.chain,
        anchor=anchor,
        payments=(payment(to, amount_sat),),
        genesis_digest=of.genesis_digest,
        issued_at=at,
    )


def issued(world: World, *children: Child | SignedChild) -> World:
    for each in children:
        signed = sign_child(each, ISSUER) if isinstance(each, Child) else each
        document = parse_json(signed.document, "child")
        body = {"child": document, "signature": signed.signature.hex()}
        at = each.issued_at if isinstance(each, Child) else NOW
        world = record(world, CHILD_ISSUED, body, at=at)
    return world


def numbers_of(world: World) -> tuple[list[int], Credence]:
    """Return the numbers of the children that are believed, and everything else."""
    credence = agreed(evidence_of(world), world.genesis_digest)
    gate = fold(evidence_of(world), genesis_digest=world.genesis_digest)
    found = [gate.child_places[digest][1] for digest in credence.children]
    return sorted(found), credence


CASES: dict[str, tuple[Sequence[Child | SignedChild], list[int]]] = {
    "one after another": ([child(1), child(2, at=NOW + MINUTE)], [1, 2]),
    "up to the hour's limit": ([child(1), child(2), child(3)], [1, 2, 3]),
    "above the hour's limit": (
        [child(1), child(2), child(3), child(4, amount_sat=600)],
        [1, 2, 3],
    ),
    "again after exactly an hour": (
        [child(1), child(2), child(3), child(4, at=NOW + HOUR)],
        [1, 2, 3, 4],
    ),
    "a second before the hour is over": (
        [child(1), child(2), child(3), child(4, at=NOW + HOUR - timedelta(seconds=1))],
        [1, 2, 3],
    ),
    "above the day's limit": (
        [child(n, at=NOW + ((n - 1) // 2) * HOUR, amount_sat=15_000) for n in range(1, 6)],
        [1, 2, 3, 4],
    ),
    "too much at once": ([child(1, amount_sat=15_001), child(2)], [2]),
    "after a gap": ([child(1), child(3), child(4)], [1, 4]),
    "a number twice": ([child(1), child(1, to=stranger(2)), child(2)], [1, 2]),
    "from the second on": ([child(2), child(3)], [3]),
    "back in time": ([child(1, at=NOW + MINUTE), child(2)], [1]),
    "more than there may be": (
        [child(n, amount_sat=1_000) for n in range(1, 8)],
        [1, 2, 3, 4, 5, 6],
    ),
    "after the standing pass": ([child(1, at=NOW + 30 * HOUR)], []),
    "before the standing pass": ([child(1, at=NOW - 30 * HOUR)], []),
    "by another key": ([sign_child(child(1), key_of("mallory")), child(1)], [1]),
    "for another installation": ([replace(child(1), genesis_digest="ab" * 32), child(2)], [2]),
    "of no standing pass": ([replace(child(1), standing_digest="ab" * 32), child(1)], [1]),
}


@pytest.mark.parametrize("name", CASES)
def test_children_are_counted_again(name: str) -> None:
    children, believed = CASES[name]
    assert numbers_of(issued(standing()[0], *children))[0] == believed


def test_sweeps_pay_own_wallets_and_nobody_else() -> None:
    world, asked = standing(DestinationRule.OWN_WALLETS)
    own = child(1, to=address_at(HOT, index=3), asked=asked)
    assert numbers_of(issued(world, own, child(2, asked=asked)))[0] == [1]
    world, asked = standing(DestinationRule.ALLOW_LIST)
    assert numbers_of(issued(world, child(1, asked=asked)))[0] == []


def test_no_child_is_issued_while_the_standing_pass_is_locked() -> None:
    step = TimeLockStep(
        tiers=tuple(Tier), least=Bound(size_sat=Sat(1)), hold_seconds=600, reference="none"
    )
    world = under_policy(begin(), replace(OPEN_POLICY, time_lock=(step,)))
    world, asked = standing_in(register(world, HOT))
    early = child(1, at=NOW + 9 * MINUTE, asked=asked)
    assert numbers_of(issued(world, early))[0] == []
    assert numbers_of(issued(world, replace(early, issued_at=NOW + 10 * MINUTE)))[0] == [1]


def test_a_standing_pass_that_was_never_counted_has_no_children() -> None:
    """Its statements were written before it was: nothing was complete when it was asked for."""
    before = register(begin(), HOT)
    asked = standing()[1]
    said_first = [statement(before, "aoki", Decision.ASK, asked)]
    said_first += [statement(before, who, Decision.APPROVE, asked) for who in QUORUM_PEOPLE]
    world = filed(said(before, *said_first), asked)
    early = issued(world, child(1))
    assert numbers_of(early)[0] == []
    also = statement(world, "doi", Decision.APPROVE, asked)
    assert numbers_of(issued(said(world, also), child(1)))[0] == [1]
    assert numbers_of(issued(said(early, also), child(2)))[0] == [2], "the first came too early"


def test_who_voids_the_standing_pass_ends_all_that_is_not_paid() -> None:
    world = issued(standing()[0], child(1))
    [grant] = batches(numbers_of(world)[1])
    assert grant.allowed
    numbers, credence = numbers_of(issued(void(world, standing()[1]), child(2)))
    assert numbers == []
    assert not any(each.allowed for each in credence.grants)


# Batches -----------------------------------------------------------------------------------------


def batches(credence: Credence) -> list[Grant]:
    return [each for each in credence.grants if each.digest != each.signed_digest]


def test_children_with_one_anchor_are_one_payment_as_the_gate_sees_it() -> None:
    children = [child(1), child(2, anchor=OTHER), child(3, at=NOW + MINUTE, amount_sat=5_000)]
    world = issued(standing()[0], *children)
    both, alone = sorted(
        batches(numbers_of(world)[1]), key=lambda each: -len(each.transfer.payments)
    )
    gate = fold(evidence_of(world), genesis_digest=world.genesis_digest)
    for grant, of in ((both, children[2]), (alone, children[1])):
        signed = sign_child(of, ISSUER)
        leave = leave_of(gate, child_digest(signed.document), now=NOW + MINUTE)
        assert leave is not None
        assert not leave.findings
        assert (grant.digest, grant.pass_id) == (leave.digest, leave.pass_id)
        assert grant.transfer == leave.transfer
        assert (grant.not_before_at, grant.expires_at) == (leave.not_before_at, leave.expires_at)
        assert grant.allowed
    assert [each.amount_sat for each in both.transfer.payments] == [Sat(10_000), Sat(5_000)]


def test_a_child_that_allows_nothing_is_in_no_batch() -> None:
    world = issued(standing()[0], child(1), child(2, amount_sat=15_001), child(3))
    grants = batches(numbers_of(world)[1])
    assert {each.pass_id.partition("#")[2]: each.allowed for each in grants} == {
        "1,3": True,
        "2": False,
    }


def test_a_child_that_comes_later_makes_no_theft_of_what_was_signed() -> None:
    """What the gate let through of a batch is honoured as it was then, and nothing else is."""
    world = issued(standing()[0], child(1))
    [before] = batches(numbers_of(world)[1])
    let_through = cleared_batch(world, before)
    credence = weigh_entries(
        entries_of(issued(let_through, child(2))), genesis_digest=world.genesis_digest, now=NOW
    )
    then, now = sorted(batches(credence), key=lambda each: len(each.transfer.payments))
    honoured = frozenset({"cd" * 32})
    assert (then.digest, then.allowed, then.honoured) == (before.digest, False, honoured)
    assert (now.allowed, now.honoured) == (True, frozenset())
    forged = cleared_batch(void(world, standing()[1]), before)
    credence = weigh_entries(entries_of(forged), genesis_digest=world.genesis_digest, now=NOW)
    assert not any(each.honoured or each.allowed for each in credence.grants)


def cleared_batch(world: World, grant: Grant) -> World:
    body = {"pass_digest": grant.digest, "txid": "ab" * 32, "transaction_digest": "cd" * 32}
    return record(world, GATE_CLEARED, {**body})


def test_the_standing_pass_is_what_it_says() -> None:
    action = standing()[1].action
    assert isinstance(action, Automatic)
    assert (action.limits.hour_max_sat, action.limits.day_max_sat) == (30_000, 60_000)
