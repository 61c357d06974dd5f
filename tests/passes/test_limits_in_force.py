"""The limits in force against people who know them: raced, split, replaced.

Every answer is the gate's; the watcher must believe the same.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits_world import (
    BASE,
    DAILY,
    HOUR,
    MOST,
    ONE,
    OTHER,
    base_under,
    codes,
    limit,
    paying,
    policy_with,
    usable,
)
from world import (
    World,
    digest_of,
    filed,
    register,
    transfer_pass,
    under_policy,
    void,
)
from world_coins import STRANGER, funding, outpoint, payment, stranger
from world_people import DAY, NOW, QUORUM_PEOPLE
from world_policy import OPEN_POLICY
from world_power import (
    COINS,
    HOT,
    adopted,
    agreed_by,
    bound,
    child,
    in_force,
    issue,
    name_of,
    powers,
    proposal,
    roster_next,
    spoken,
    standing_pass,
)

from sekisho.passes.policy.documents import policy_document
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import (
    Who,
    Window,
)
from sekisho.passes.records import Decision, Pass, Replacement, SubjectType


def run(order: Sequence[tuple[int, str]]) -> World:
    world = filed(filed(BASE, ONE), OTHER)
    for which, who in order:
        asked = (ONE, OTHER)[which]
        if who == "ask":
            world = spoken(world, asked, Decision.ASK, "aoki")
        else:
            world = spoken(world, asked, Decision.APPROVE, who)
    return world


@settings(max_examples=60)
@given(
    st.permutations([(which, who) for which in (0, 1) for who in ("ask", "baba", "chiba", "endo")])
)
def test_of_two_passes_that_race_for_a_limit_only_the_first_to_be_complete_leaves(
    order: list[tuple[int, str]],
) -> None:
    world = run(order)
    last = [max(place for place, (which, _) in enumerate(order) if which == w) for w in (0, 1)]
    winner = last.index(min(last))
    passes = (ONE, OTHER)
    assert codes(world, passes[winner]) == []
    assert codes(world, passes[1 - winner]) == ["limit_exceeded"]


def test_more_approvals_do_not_bring_the_loser_back() -> None:
    world = agreed_by(agreed_by(BASE, ONE), OTHER)
    world = spoken(world, OTHER, Decision.APPROVE, "doi", "fujii", at=NOW + HOUR)
    assert codes(world, OTHER) == ["limit_exceeded"]


def test_the_loser_may_leave_when_the_window_has_passed_and_people_say_so_again() -> None:
    world = agreed_by(agreed_by(BASE, ONE), OTHER)
    later = NOW + DAY
    again = spoken(world, OTHER, Decision.APPROVE, "doi", at=later)
    assert codes(again, OTHER) == []
    assert usable(again, OTHER, later)
    third = agreed_by(again, paying(60_000, 2), at=later)
    assert codes(third, paying(60_000, 2)) == ["limit_exceeded"]


def test_what_others_do_never_makes_a_pass_good_that_was_not_counted() -> None:
    """A day later somebody else's pass is committed: the loser must not slip in uncounted."""
    world = agreed_by(agreed_by(BASE, ONE), OTHER)
    later = NOW + DAY + HOUR
    small = paying(10_000, 2)
    world = agreed_by(world, small, at=later)
    assert codes(world, small) == []
    assert codes(world, OTHER) == ["limit_exceeded"]
    assert not usable(world, OTHER, later)


def test_a_pass_that_was_voided_still_counts() -> None:
    """It might have been signed before; who wants the room back waits."""
    world = void(agreed_by(BASE, ONE), ONE)
    assert codes(world, ONE) == ["voided"]
    assert codes(agreed_by(world, OTHER), OTHER) == ["limit_exceeded"]


# 1. Good without being counted -------------------------------------------------------------------


def test_a_pass_complete_before_its_wallet_waits_for_one_more_word() -> None:
    """Else any number of passes, approved beforehand, would leave past every limit."""
    bare = under_policy(powers(), DAILY)
    passes = [paying(60_000, number, base=bare) for number in (0, 1)]
    world = bare
    for asked in passes:
        world = agreed_by(world, asked)
    world = register(world, HOT)
    for asked in passes:
        assert codes(world, asked) == ["not_counted"]
        assert not usable(world, asked, NOW)
    world = spoken(world, passes[0], Decision.APPROVE, "doi")
    world = spoken(world, passes[1], Decision.APPROVE, "doi")
    assert [codes(world, each) for each in passes] == [[], ["limit_exceeded"]]


def test_a_policy_that_comes_back_does_not_bring_uncounted_passes() -> None:
    world = adopted(BASE, SubjectType.POLICY, "policy", policy_document(OPEN_POLICY))
    passes = [paying(60_000, number) for number in (0, 1)]  # bound to the daily limit
    for asked in passes:
        world = agreed_by(world, asked)
        assert codes(world, asked) == ["policy_changed"]
    world = adopted(world, SubjectType.POLICY, "policy", policy_document(DAILY))
    assert [codes(world, each) for each in passes] == [["not_counted"]] * 2


def test_a_pass_for_a_roster_to_come_is_not_counted_either() -> None:
    people = roster_next(BASE)
    world, rotation = proposal(BASE, people)
    action = rotation.action
    asked = replace(paying(60_000), roster_digest=getattr(action, "new_digest", ""))
    world = agreed_by(world, asked)
    assert codes(world, asked) == ["other_roster"]
    world = spoken(world, rotation, Decision.APPROVE, *QUORUM_PEOPLE)
    assert in_force(world).roster.version == 2
    assert codes(world, asked) == ["not_counted"]


def test_a_counted_pass_stays_counted_once() -> None:
    world = agreed_by(BASE, ONE)
    world = spoken(world, ONE, Decision.APPROVE, "doi", "fujii", at=NOW + 3 * DAY)
    register_ = in_force(world)
    assert len(register_.history) == 1
    assert register_.committed[digest_of(ONE)].at == NOW


# 2. Split ----------------------------------------------------------------------------------------


def test_many_small_passes_are_one_large_one() -> None:
    world = BASE
    passes = [paying(30_000, number) for number in range(5)]
    for asked in passes:
        world = agreed_by(world, asked)
    assert [codes(world, each) for each in passes] == [[]] * 3 + [["limit_exceeded"]] * 2


@pytest.mark.parametrize("scope", [Scope.WALLET, Scope.KEY_SET, Scope.ALL, Scope.REQUESTER])
@pytest.mark.parametrize("window", [Window.HOUR, Window.DAY])
def test_every_count_holds_against_splitting(scope: Scope, window: Window) -> None:
    limits = (limit(scope, window), *OPEN_POLICY.limits[1:])  # the only one of people's
    base = base_under(replace(OPEN_POLICY, version=2, limits=limits))
    one, two = paying(MOST, 0, base=base), paying(1, 1, base=base)
    world = agreed_by(agreed_by(base, one), two)
    assert [codes(world, each) for each in (one, two)] == [[], ["limit_exceeded"]]


def test_one_destination_in_many_passes_and_in_many_outputs() -> None:
    base = base_under(policy_with(limit(Scope.DESTINATION, Window.DAY)))
    twice = transfer_pass(
        bound(base), HOT, [payment(STRANGER, 60_000), payment(STRANGER, 60_000)], COINS[0]
    )
    assert codes(agreed_by(base, twice), twice) == ["limit_exceeded"]
    again = [
        transfer_pass(bound(base), HOT, [payment(STRANGER, 60_000)], COINS[n], purpose=f"n {n}")
        for n in (0, 1)
    ]
    world = agreed_by(agreed_by(base, again[0]), again[1])
    assert [codes(world, each) for each in again] == [[], ["limit_exceeded"]]


def test_a_second_requester_and_a_second_wallet_share_the_keys_count() -> None:
    base = base_under(policy_with(limit(Scope.KEY_SET, Window.DAY)))
    twin = replace(HOT, wallet_id="hot-2", name="Hot two")
    base = register(base, twin)
    one = paying(60_000, 0, base=base)
    coin = outpoint(funding(twin, 10**8), 0)
    two = transfer_pass(bound(base), twin, [payment(stranger(1), 60_000)], coin, requester="baba")
    world = agreed_by(agreed_by(base, one), two, by=("aoki", "chiba", "endo"))
    assert [codes(world, each) for each in (one, two)] == [[], ["limit_exceeded"]]


def test_children_and_people_share_the_wallets_count() -> None:
    policy = replace(
        OPEN_POLICY,
        version=2,
        limits=(
            limit(Scope.WALLET, Window.DAY, who=Who.AUTOMATIC),
            limit(Scope.WALLET, Window.DAY),
        ),
    )
    base = base_under(policy)
    standing = standing_pass(base)
    world = agreed_by(agreed_by(base, standing), paying(70_000, 0, base=base))
    signed = [child(world, standing, n, payment(stranger(9), 20_000)) for n in (1, 2)]
    world = issue(world, *signed)
    register_ = in_force(world)
    found = [
        [each.code for each in register_.children[digest_of(standing)][n].findings] for n in (1, 2)
    ]
    assert found == [[], ["passes.limit_exceeded"]]
    late = paying(20_000, 1, base=base)
    assert codes(agreed_by(world, late), late) == ["limit_exceeded"]
    assert name_of(signed[0]) in register_.committed


# 3. Anchors --------------------------------------------------------------------------------------


def replacing(amount_sat: int, first: Pass, *, coin: int = 0) -> Pass:
    return paying(
        amount_sat,
        7,
        coin=coin,
        transfer={"replacement": Replacement(fee_bump=False, replaces=first.pass_id)},
    )


def test_a_replaced_anchor_counts_once_and_with_the_largest() -> None:
    second = replacing(90_000, ONE)
    world = agreed_by(agreed_by(BASE, ONE), second)
    assert codes(world, second) == []  # the chain allows one of them: 90,000, and not 150,000
    assert codes(agreed_by(world, paying(10_000, 3)), paying(10_000, 3)) == []
    assert codes(agreed_by(world, paying(10_001, 3)), paying(10_001, 3)) == ["limit_exceeded"]


def test_a_smaller_replacement_gives_no_room_back() -> None:
    world = agreed_by(agreed_by(BASE, ONE), replacing(1_000, ONE))
    assert codes(agreed_by(world, OTHER), OTHER) == ["limit_exceeded"]


def test_another_anchor_is_no_replacement() -> None:
    second = replacing(90_000, ONE, coin=5)
    found = codes(agreed_by(agreed_by(BASE, ONE), second), second)
    assert "anchor_not_reused" in found
