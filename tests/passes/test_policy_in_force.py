"""The policy in force against people who know it: dated ahead and back, swapped.

Every answer is the gate's; the watcher must believe the same.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest
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
    at_genesis,
    digest_of,
    filed,
    record,
    register,
    statement,
    transfer_pass,
    void,
)
from world_coins import STRANGER, address_at, payment
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
    spoken,
    standing_pass,
    suspended,
)

from sekisho.chains.bitcoin.addresses import address_of, script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.money import Jpy, Sat
from sekisho.passes.adoption import tally_of
from sekisho.passes.policy.documents import policy_document
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import (
    AllowList,
    Bound,
    FirstTime,
    LookAlike,
    Price,
    TimeLockStep,
    Window,
)
from sekisho.passes.records import Claims, Decision, PriceQuote, Quorum, SubjectType
from sekisho.passes.verify import standing_of
from sekisho.wallets.allow_list import AllowedDestination, allow_list_bytes
from sekisho.wallets.allow_list import AllowList as Listed
from sekisho.wallets.documents import wallet_document
from sekisho.wallets.records import Tier

SECOND = timedelta(seconds=1)


# 1. Clocks ---------------------------------------------------------------------------------------


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


# 2. The policy itself ----------------------------------------------------------------------------


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


def test_a_request_dated_back_was_asked_for_when_the_journal_heard_it() -> None:
    """Else the requester chooses the day whose prices count."""
    asked = paying(1)
    world = spoken(filed(BASE, asked), asked, Decision.ASK, "aoki", at=NOW - DAY, heard_at=NOW)
    assert tally_of(in_force(world), digest_of(asked)).asked_at("aoki") == NOW


def test_a_request_dated_back_is_judged_by_the_prices_of_the_day_it_was_heard() -> None:
    """Both account for it: `codes` holds the watcher to what the gate says."""
    rule = Price(sources_min=2, spread_max_bps=1, age_max_seconds=3600, reference="none")
    base = base_under(policy_with(price=rule))
    yesterday = NOW - DAY
    one = PriceQuote(source="one", price_jpy=Jpy(10_000_000), quoted_at=yesterday)
    quotes = (one, replace(one, source="two"))
    asked = paying(1, base=base, claims=Claims(prices=quotes, balances=()))
    back = spoken(filed(base, asked), asked, Decision.ASK, "aoki", at=yesterday, heard_at=NOW)
    assert codes(spoken(back, asked, Decision.APPROVE, *QUORUM_PEOPLE), asked) == [
        "price_sources_too_few"
    ]
    then = spoken(filed(base, asked), asked, Decision.ASK, "aoki", at=yesterday)
    assert codes(spoken(then, asked, Decision.APPROVE, *QUORUM_PEOPLE), asked) == []


def made_to_resemble(address: str) -> str:
    """Return a valid address whose first 24 characters are those of a P2WPKH address."""
    script = script_of(address, Network.MAIN, "address")
    return address_of(script[:14] + bytes(8), Network.MAIN) or ""


@pytest.mark.parametrize("branch", [0, 1])
def test_an_address_made_to_resemble_one_of_our_own_wallets_is_refused(branch: int) -> None:
    """Who sweeps to cold reads the first characters; nobody was ever paid at either address."""
    rule = LookAlike(bits_max=28, reference="none")
    base = base_under(policy_with(look_alike=rule))
    ours = address_at(HOT, 2, branch=branch)
    for address, found in ((made_to_resemble(ours), ["destination_lookalike"]), (ours, [])):
        asked = transfer_pass(bound(base), HOT, [payment(address, 10_000)], COINS[0])
        world = agreed_by(base, asked)
        assert codes(world, asked) == found
        for why in standing_of(in_force(world), digest_of(asked)).findings:
            assert dict(why.facts)["resembles"] == ours
