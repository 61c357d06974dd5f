"""Standing passes and batches: where children go, and what ends them all.

The issuer's service is believed in nothing; everything is counted again from the journal.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from children_world import HOUR, MINUTE, STANDING, STANDING_WORLD, first, nth, why_not
from world import (
    World,
    approve,
    digest_of,
    register,
    under_policy,
    void,
)
from world_coins import STRANGER, address_at, payment, stranger
from world_people import DAY, NOW, key_of
from world_policy import OPEN_POLICY
from world_power import (
    COINS,
    HOT,
    ISSUER,
    LIMITS,
    adopted,
    agreed_by,
    child,
    in_force,
    issue,
    name_of,
    proposal,
    roster_next,
    spoken,
    standing_base,
    standing_pass,
    suspended,
    without,
)

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import Sat
from sekisho.passes.leave import leave_of
from sekisho.passes.policy.records import AllowList, Bound, TimeLockStep
from sekisho.passes.records import (
    Automatic,
    Decision,
    DestinationRule,
    Pass,
    SignedChild,
    SubjectType,
)
from sekisho.wallets.allow_list import AllowedDestination, allow_list_bytes
from sekisho.wallets.allow_list import AllowList as Listed
from sekisho.wallets.records import Tier

# 1. Destinations ---------------------------------------------------------------------------------


def listed(world: World, *addresses: str, at: datetime = NOW) -> World:
    destinations = tuple(
        AllowedDestination(
            address=each,
            script=script_of(each, Network.MAIN, "address"),
            label=f"Customer {number} of the bank",
            owner="A bank",
            note="",
            proof=None,
        )
        for number, each in enumerate(addresses)
    )
    document = allow_list_bytes(Listed(chain=HOT.chain, destinations=destinations))
    return adopted(world, SubjectType.ALLOW_LIST, "allow-list", document, at=at)


def standing_for(rule: DestinationRule, base: World) -> tuple[World, Pass]:
    asked = standing_pass(base, automatic={"destinations": rule})
    return agreed_by(base, asked), asked


def test_a_standing_pass_to_the_allow_list_pays_nobody_else() -> None:
    world, standing = standing_for(DestinationRule.ALLOW_LIST, listed(standing_base(), STRANGER))
    good = child(world, standing, 1)
    both = child(world, standing, 2, payment(STRANGER, 1_000), payment(stranger(1), 1_000))
    world = issue(world, good, both)
    assert why_not(world, good) == []
    assert why_not(world, both) == ["child_destination"]
    taken_off = listed(world, stranger(1))
    third = child(world, standing, 3)
    assert why_not(issue(taken_off, third), third) == ["child_destination"]


def test_what_was_listed_must_cool_whatever_wallets_the_policy_names() -> None:
    rule = AllowList(tiers=(Tier.COLD,), cooling_seconds=86_400, reference="none")
    base = under_policy(standing_base(), replace(OPEN_POLICY, version=2, allow_list=rule))
    world, standing = standing_for(DestinationRule.ALLOW_LIST, listed(base, STRANGER))
    hot, later = child(world, standing, 1), NOW + DAY
    cooled = child(world, standing, 2, issued_at=later)
    world = issue(world, hot, cooled)
    assert why_not(world, hot) == ["child_destination"]
    assert why_not(world, cooled, now=later) == []
    # A list that is dated back has not been in the journal for longer.
    backdated = standing_for(DestinationRule.ALLOW_LIST, base)
    world = listed(backdated[0], STRANGER)
    assert why_not(issue(world, child(world, backdated[1], 1)), child(world, backdated[1], 1)) == [
        "child_destination"
    ]


def test_a_standing_pass_to_own_wallets_pays_no_stranger() -> None:
    world, standing = standing_for(DestinationRule.OWN_WALLETS, standing_base())
    home = child(world, standing, 1, payment(address_at(HOT, 2), 10_000))
    away = child(world, standing, 2, payment(address_at(HOT, 2), 1_000), payment(STRANGER, 1_000))
    beyond = child(world, standing, 3, payment(address_at(HOT, HOT.gap_limit), 1_000))
    world = issue(world, home, away, beyond)
    assert [why_not(world, each) for each in (home, away, beyond)] == [
        [],
        ["child_destination"],
        ["child_destination"],
    ]


# 2. What happens to the standing pass ------------------------------------------------------------


def test_nothing_leaves_before_people_allowed_it() -> None:
    asked = standing_pass(standing_base())
    early = child(standing_base(), asked, 1)
    world = agreed_by(issue(standing_base(), early), asked, by=("baba", "chiba"))
    short = child(world, asked, 1)
    world = issue(world, short)
    assert why_not(world, short) == ["quorum_missing", "standing_not_allowed"]
    world = approve(world, asked, by=("endo",))
    # A child from before the quorum stays refused for ever; the next one is good.
    assert why_not(world, short) == ["standing_not_allowed"]
    following = child(world, asked, 2)
    assert why_not(issue(world, following), following) == []


def test_a_voided_standing_pass_has_no_children_any_more() -> None:
    signed, following = nth(1), nth(2)
    world = void(issue(STANDING_WORLD, signed), STANDING)
    assert why_not(world, signed) == ["voided"]
    assert why_not(issue(world, following), following) == ["standing_not_allowed", "voided"]


def test_a_rotation_that_takes_an_approver_takes_the_children() -> None:
    world = issue(STANDING_WORLD, nth(1))
    people = without(in_force(world).roster.people, "chiba")
    world, asked = proposal(world, roster_next(world, people=people))
    world = spoken(world, asked, Decision.APPROVE, "baba", "doi", "endo")
    assert why_not(world, nth(1)) == ["quorum_missing"]
    assert why_not(suspended(issue(STANDING_WORLD, nth(1)), "chiba"), nth(1)) == ["quorum_missing"]


def test_under_another_policy_people_must_allow_it_again() -> None:
    world = issue(STANDING_WORLD, nth(1))
    world = under_policy(world, replace(OPEN_POLICY, version=2))
    assert why_not(world, nth(1)) == ["policy_changed"]
    following = nth(2)
    assert why_not(issue(world, following), following) == [
        "policy_changed",
        "standing_not_allowed",
    ]


def test_another_registration_of_its_wallet_ends_it() -> None:
    world = issue(STANDING_WORLD, nth(1))
    before = in_force(world).in_force[SubjectType.WALLET, HOT.wallet_id].digest
    world = register(world, replace(HOT, gap_limit=7), previous_digest=before)
    assert why_not(world, nth(1)) == ["wallet_changed"]


def test_a_time_lock_holds_the_first_children_back() -> None:
    step = TimeLockStep(
        tiers=tuple(Tier), least=Bound(size_sat=Sat(1)), hold_seconds=7_200, reference="none"
    )
    base = under_policy(standing_base(), replace(OPEN_POLICY, version=2, time_lock=(step,)))
    asked = standing_pass(base)
    world = agreed_by(base, asked)
    early = child(world, asked, 1)
    in_time = child(world, asked, 2, issued_at=NOW + 2 * HOUR)
    world = issue(world, early, in_time)
    assert why_not(world, early) == ["time_locked"]
    assert why_not(world, in_time, now=NOW + 2 * HOUR) == []


def test_no_child_outlives_its_standing_pass() -> None:
    """A thief who gets the key later dates children back to when it was good for something."""
    ends_at = NOW + 30 * MINUTE
    asked = standing_pass(standing_base(), expires_at=ends_at)
    world = agreed_by(standing_base(), asked)
    last = ends_at - timedelta(seconds=1)
    signed = child(world, asked, 1, issued_at=last)
    late = child(world, asked, 2, issued_at=ends_at)
    world = issue(world, signed, late)
    assert why_not(world, signed, now=last) == []
    assert why_not(world, signed, now=ends_at) == ["expired"]
    assert why_not(world, late, now=ends_at) == ["child_out_of_time", "expired"]
    leave = leave_of(in_force(world), name_of(signed), now=last)
    assert leave is not None
    assert leave.expires_at == ends_at


# 3. Batches --------------------------------------------------------------------------------------


def batch_of(
    world: World, signed: SignedChild, *, now: datetime = NOW
) -> tuple[str, int, list[str]]:
    leave = leave_of(in_force(world), name_of(signed), now=now)
    assert leave is not None
    return leave.digest, len(leave.transfer.payments), [each.code for each in leave.findings]


def test_children_with_one_anchor_are_one_transaction() -> None:
    signed = [nth(number, anchor=COINS[0]) for number in (1, 2, 3)]
    alone = nth(4, anchor=COINS[1])
    world = issue(STANDING_WORLD, *signed, alone)
    found = {batch_of(world, each)[:2] for each in signed}
    assert len(found) == 1
    assert {count for _, count in found} == {3}
    assert batch_of(world, alone)[1] == 1
    leave = leave_of(in_force(world), name_of(signed[1]), now=NOW)
    assert leave is not None
    assert leave.pass_id == f"{STANDING.pass_id}#1,2,3"


def test_a_refused_child_is_in_no_batch_and_spoils_none() -> None:
    good = [nth(1, anchor=COINS[0]), nth(3, anchor=COINS[0])]
    refused = nth(2, LIMITS.child_max_sat + 1, anchor=COINS[0])
    world = issue(STANDING_WORLD, good[0], refused, good[1])
    assert [batch_of(world, each)[1:] for each in good] == [(2, []), (2, [])]
    assert "passes.child_limit" in batch_of(world, refused)[2]
    forged = nth(4, anchor=COINS[0], key=key_of("mallory"))
    assert batch_of(issue(world, forged), good[0]) == batch_of(world, good[0])


def test_a_batch_holds_while_all_of_it_holds() -> None:
    signed = [nth(1, anchor=COINS[0]), nth(2, anchor=COINS[0], issued_at=NOW + 30 * MINUTE)]
    world = issue(STANDING_WORLD, *signed)
    for each in signed:
        assert "passes.not_yet_valid" in batch_of(world, each)[2]
        assert batch_of(world, each, now=NOW + 30 * MINUTE)[2] == []
        assert "passes.expired" in batch_of(world, each, now=NOW + HOUR)[2]
        leave = leave_of(in_force(world), name_of(each), now=NOW)
        assert leave is not None
        assert (leave.not_before_at, leave.expires_at) == (NOW + 30 * MINUTE, NOW + HOUR)


def test_the_same_children_in_another_batch_are_another_leave() -> None:
    one = issue(STANDING_WORLD, nth(1, anchor=COINS[0]))
    two = issue(one, nth(2, anchor=COINS[0]))
    assert batch_of(one, nth(1, anchor=COINS[0]))[0] != batch_of(two, nth(1, anchor=COINS[0]))[0]


def test_children_of_two_standing_passes_are_never_one_batch() -> None:
    other = standing_pass(STANDING_WORLD, automatic={"limits": replace(LIMITS, children_max=7)})
    world = agreed_by(STANDING_WORLD, other)
    mine = nth(1, anchor=COINS[0])
    theirs = child(world, other, 1, anchor=COINS[0])
    world = issue(world, mine, theirs)
    assert batch_of(world, mine)[1] == batch_of(world, theirs)[1] == 1


def test_a_child_that_cannot_be_read_back_is_not_signed() -> None:
    with pytest.raises(BadInputError):
        nth(0)
    with pytest.raises(BadInputError):
        first(payment(STRANGER, 0))


def test_a_standing_pass_by_itself_lets_nothing_leave() -> None:
    assert isinstance(STANDING.action, Automatic)
    assert leave_of(in_force(STANDING_WORLD), digest_of(STANDING), now=NOW) is None
    assert ISSUER.public_key().public_bytes_raw() == STANDING.action.issuer_key
