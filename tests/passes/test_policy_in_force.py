"""The policy in force against people who know it: raced, split, dated ahead and back, swapped.

Every answer is the gate's; the watcher must believe the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import (
    World,
    at_genesis,
    digest_of,
    evidence_of,
    filed,
    record,
    register,
    statement,
    transfer_pass,
    under_policy,
    void,
)
from world_coins import STRANGER, funding, outpoint, payment, stranger
from world_people import DAY, NOW, QUORUM_PEOPLE, roster
from world_policy import OPEN_POLICY
from world_power import (
    COINS,
    HOT,
    LIMITS,
    adopted,
    agreed_by,
    bound,
    child,
    heard,
    in_force,
    issue,
    name_of,
    powers,
    proposal,
    roster_next,
    spoken,
    standing_pass,
    suspended,
)

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.money import Sat
from sekisho.passes.leave import leave_of
from sekisho.passes.policy.documents import policy_document
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import (
    AllowList,
    Bound,
    FirstTime,
    Limit,
    Policy,
    TimeLockStep,
    Who,
    Window,
)
from sekisho.passes.records import Decision, Pass, Quorum, Replacement, SubjectType
from sekisho.passes.verify import standing_of
from sekisho.wallets.allow_list import AllowedDestination, allow_list_bytes
from sekisho.wallets.allow_list import AllowList as Listed
from sekisho.wallets.documents import wallet_document
from sekisho.wallets.records import Tier
from sekisho.watch.credence import weigh

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MOST = 100_000


def limit(scope: Scope, window: Window, most_sat: int = MOST, who: Who = Who.PEOPLE) -> Limit:
    return Limit(
        scope=scope,
        window=window,
        who=who,
        tiers=tuple(Tier),
        most=Bound(size_sat=Sat(most_sat)),
        reference="none",
    )


def policy_with(*limits: Limit, **changes: Any) -> Policy:  # noqa: ANN401 - fields of Policy
    return replace(OPEN_POLICY, version=2, limits=(*limits, *OPEN_POLICY.limits), **changes)


def base_under(policy: Policy) -> World:
    return register(under_policy(powers(), policy), HOT)


DAILY = policy_with(limit(Scope.WALLET, Window.DAY))
BASE = base_under(DAILY)


def paying(
    amount_sat: int,
    number: int = 0,
    *,
    base: World = BASE,
    coin: int | None = None,
    **changes: Any,  # noqa: ANN401 - as `transfer_pass`
) -> Pass:
    """Return a transfer of so much to a stranger of its own, anchored on a coin of its own."""
    usual = {"expires_at": NOW + 30 * DAY, "not_before_at": NOW - 30 * DAY}
    return transfer_pass(
        bound(base),
        HOT,
        [payment(stranger(number), amount_sat)],
        COINS[number if coin is None else coin],
        **usual | changes,
    )


def codes(world: World, asked: Pass) -> list[str]:
    """Return the gate's findings; the watcher must believe the pass exactly if there are none."""
    found = standing_of(in_force(world), digest_of(asked)).findings
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    assert (digest_of(asked) in credence.believed) == (not found)
    return [each.code.removeprefix("passes.") for each in found]


def usable(world: World, asked: Pass, now: datetime) -> bool:
    leave = leave_of(in_force(world), digest_of(asked), now=now)
    assert leave is not None
    return not leave.findings


# 1. Raced ----------------------------------------------------------------------------------------

ONE, OTHER = paying(60_000, 0), paying(60_000, 1)
STEPS = [(0, "ask"), (0, "baba"), (0, "chiba"), (0, "endo")]


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


# 2. Good without being counted -------------------------------------------------------------------


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


# 3. Split ----------------------------------------------------------------------------------------


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


# 4. Anchors --------------------------------------------------------------------------------------


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


# 5. Clocks ---------------------------------------------------------------------------------------


def test_a_requester_who_dates_the_request_ahead_gains_nothing() -> None:
    """A day ahead, the window would begin after everything that left today."""
    world = agreed_by(BASE, ONE)
    ahead = NOW + DAY + HOUR
    world = filed(world, OTHER)
    world = heard(world, statement(world, "aoki", Decision.ASK, OTHER, signed_at=ahead))
    world = spoken(world, OTHER, Decision.APPROVE, *QUORUM_PEOPLE)
    assert not usable(world, OTHER, NOW)
    assert not usable(world, OTHER, ahead)
    found = standing_of(in_force(world), digest_of(OTHER))
    assert [each.code for each in found.set_aside] == ["passes.signed_ahead"]


def test_nor_does_it_empty_anybody_elses_window() -> None:
    """The thief's tiny pass is dated ahead; what people approve now still counts from now."""
    world = agreed_by(BASE, ONE)
    tiny = paying(1, 5)
    world = agreed_by(world, tiny, at=NOW + 2 * DAY, heard_at=NOW)
    assert codes(agreed_by(world, OTHER), OTHER) == ["limit_exceeded"]
    small = paying(30_000, 6)
    world = agreed_by(world, small)
    assert usable(world, small, NOW)  # and nobody has to wait for the thief's future


def test_a_quorum_that_dates_itself_back_leaves_no_window() -> None:
    """What is signed as of yesterday, and written down today, counts from today."""
    world = agreed_by(BASE, ONE, at=NOW - 2 * DAY, heard_at=NOW)
    assert in_force(world).committed[digest_of(ONE)].at == NOW
    later = NOW + 20 * HOUR
    assert codes(agreed_by(world, OTHER, at=later), OTHER) == ["limit_exceeded"]
    assert codes(agreed_by(world, OTHER, at=later - 3 * DAY, heard_at=later), OTHER) == [
        "limit_exceeded"
    ]


@pytest.mark.parametrize("order", list(permutations((-3, 0, 3))))
def test_however_the_clocks_run_the_limit_is_kept_where_it_is_used(order: tuple[int, ...]) -> None:
    """Three passes, each within the limit and no two together, dated three days apart at will."""
    world = BASE
    passes = [paying(60_000, number) for number in range(3)]
    for asked, days in zip(passes, order, strict=True):
        world = agreed_by(world, asked, at=NOW + days * DAY, heard_at=NOW)
    assert sum(usable(world, each, NOW) for each in passes) <= 1


HELD = policy_with(
    time_lock=(
        TimeLockStep(
            tiers=tuple(Tier), least=Bound(size_sat=Sat(1)), hold_seconds=7_200, reference="none"
        ),
    )
)


@pytest.mark.parametrize("signed_at", [NOW - 3 * HOUR, NOW])
def test_a_time_lock_begins_when_the_last_word_is_in_the_journal(signed_at: datetime) -> None:
    """Else a quorum could date itself back past the time in which others may cancel."""
    base = base_under(HELD)
    asked = paying(10_000, base=base)
    world = agreed_by(base, asked, at=signed_at, heard_at=NOW)
    assert codes(world, asked) == []
    assert not usable(world, asked, NOW + 2 * HOUR - SECOND)
    assert usable(world, asked, NOW + 2 * HOUR)
    assert not usable(void(world, asked), asked, NOW + 2 * HOUR)


def test_an_approval_after_the_lock_began_neither_shortens_nor_restarts_it() -> None:
    base = base_under(HELD)
    asked = paying(10_000, base=base)
    world = spoken(agreed_by(base, asked), asked, Decision.APPROVE, "doi", at=NOW + HOUR)
    assert usable(world, asked, NOW + 2 * HOUR)


COOLING = policy_with(
    allow_list=AllowList(tiers=tuple(Tier), cooling_seconds=86_400, reference="none")
)


def with_listed(world: World, *, signed_at: datetime = NOW) -> World:
    """Return the world in which the stranger is listed, by a quorum that dates itself at will."""
    destination = AllowedDestination(
        address=STRANGER,
        script=script_of(STRANGER, Network.MAIN, "address"),
        label="The bank",
        owner="A bank",
        note="",
        proof=None,
    )
    document = allow_list_bytes(Listed(chain=HOT.chain, destinations=(destination,)))
    world = adopted(world, SubjectType.ALLOW_LIST, "allow-list", document, by=())
    (asked,) = (
        each.asked
        for each in in_force(world).passes.values()
        if getattr(each.asked.action, "subject_type", None) is SubjectType.ALLOW_LIST
    )
    return spoken(world, asked, Decision.APPROVE, *QUORUM_PEOPLE, at=signed_at, heard_at=NOW)


@pytest.mark.parametrize("signed_at", [NOW, NOW - 30 * timedelta(minutes=1)])
def test_what_is_listed_cools_from_when_the_journal_heard_it(signed_at: datetime) -> None:
    world = with_listed(base_under(COOLING), signed_at=signed_at)
    asked = transfer_pass(
        bound(world), HOT, [payment(STRANGER, 1)], COINS[0], expires_at=NOW + 9 * DAY
    )
    early = agreed_by(world, asked, at=NOW + DAY - SECOND)
    assert codes(early, asked) == ["destination_cooling"]
    assert codes(agreed_by(world, asked, at=NOW + DAY), asked) == []


def test_a_request_dated_ahead_cools_nothing() -> None:
    world = with_listed(base_under(COOLING))
    asked = transfer_pass(
        bound(world), HOT, [payment(STRANGER, 1)], COINS[0], expires_at=NOW + 9 * DAY
    )
    world = filed(world, asked)
    world = heard(world, statement(world, "aoki", Decision.ASK, asked, signed_at=NOW + DAY))
    world = spoken(world, asked, Decision.APPROVE, *QUORUM_PEOPLE)
    assert not usable(world, asked, NOW)
    assert not usable(world, asked, NOW + DAY)


# 6. The policy itself ----------------------------------------------------------------------------


def test_without_a_policy_nothing_leaves() -> None:
    bare = register(at_genesis(roster()), HOT)
    asked = paying(1, base=bare)
    assert asked.policy_digest == ""
    assert codes(agreed_by(bare, asked), asked) == ["policy_missing"]


def test_a_pass_that_binds_no_policy_or_another_allows_nothing() -> None:
    for digest in ("", "ab" * 32):
        asked = replace(paying(1), policy_digest=digest)
        assert codes(agreed_by(BASE, asked), asked) == ["policy_changed"]


def test_a_policy_changed_under_a_pass_ends_it() -> None:
    world = agreed_by(BASE, ONE)
    looser = policy_document(policy_with(limit(Scope.WALLET, Window.DAY, 10 * MOST)))
    world = adopted(world, SubjectType.POLICY, "policy", looser)
    assert codes(world, ONE) == ["policy_changed"]
    back = adopted(world, SubjectType.POLICY, "policy", policy_document(DAILY))
    assert codes(back, ONE) == []  # and it was counted when it was allowed
    assert codes(agreed_by(back, OTHER), OTHER) == ["limit_exceeded"]


def test_another_wallet_under_the_id_ends_it() -> None:
    world = agreed_by(BASE, ONE)
    before = in_force(world).in_force[SubjectType.WALLET, HOT.wallet_id].digest
    world = register(world, replace(HOT, gap_limit=8), previous_digest=before)
    assert codes(world, ONE) == ["wallet_changed"]


def test_a_stricter_quorum_of_the_policy_holds_beside_the_rosters() -> None:
    strict = replace(
        OPEN_POLICY.quorum[0],
        people=Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 2))),
    )
    base = base_under(replace(OPEN_POLICY, version=2, quorum=(strict,)))
    asked = paying(1, base=base)
    world = agreed_by(base, asked)
    assert codes(world, asked) == ["policy_quorum_missing"]
    assert codes(spoken(world, asked, Decision.APPROVE, "doi"), asked) == []
    assert codes(suspended(spoken(world, asked, Decision.APPROVE, "doi"), "chiba"), asked) == [
        "policy_quorum_missing"
    ]


def test_an_address_is_as_new_as_it_was_when_the_pass_was_counted() -> None:
    """Its own payment does not make it known: who leaves later is still missed."""
    rule = FirstTime(
        new_for_seconds=86_400, most=Bound(size_sat=Sat(50_000)), extra_people=1, reference="none"
    )
    base = base_under(policy_with(first_time=rule))
    asked = paying(10_000, base=base)
    world = agreed_by(base, asked)
    assert codes(world, asked) == ["people_too_few"]
    world = spoken(world, asked, Decision.APPROVE, "doi")
    assert codes(world, asked) == []
    assert codes(suspended(world, "doi", by="fujii"), asked) == ["people_too_few"]
    again = replace(asked, purpose="to the same address, a week later")
    world = agreed_by(world, again, at=NOW + 7 * DAY)
    assert codes(world, again) == []


def test_a_limit_that_cannot_be_counted_is_a_no() -> None:
    """A share of all customers' coins, and nobody said what there is."""
    share = replace(
        limit(Scope.WALLET, Window.DAY), most=Bound(size_sat=Sat(10**8), share_bps=10_000)
    )
    base = base_under(policy_with(share))
    asked = paying(1, base=base)
    assert codes(agreed_by(base, asked), asked) == ["balance_missing"]


def test_wallets_and_policies_that_are_filed_are_not_in_force() -> None:
    thief = replace(HOT, wallet_id="hot-3", name="Hot three")
    world = record(BASE, "wallet.filed", {"wallet": wallet_document(thief)})
    asked = transfer_pass(bound(world), thief, [payment(STRANGER, 1)], COINS[0])
    assert codes(agreed_by(world, asked), asked) == ["wallet_not_in_force"]


def test_the_limits_of_a_standing_pass_are_not_the_policys() -> None:
    assert LIMITS.day_max_sat > MOST
    standing = standing_pass(BASE)
    world = agreed_by(BASE, standing)
    signed = [child(world, standing, n, payment(STRANGER, 50_000)) for n in (1, 2)]
    world = issue(world, *signed)
    found = in_force(world).children[digest_of(standing)]
    assert [found[n].findings for n in (1, 2)] == [(), ()]
