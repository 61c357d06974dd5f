"""Standing passes: what a thief with the issuer's key can do, and what they cannot.

The issuer's service is believed in nothing; everything is counted again from the journal.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from world import (
    World,
    approve,
    digest_of,
    evidence_of,
    record,
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
    standing_world,
    suspended,
    without,
)

from sekisho.chains.bitcoin.addresses import address_of, script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import Sat
from sekisho.passes.children import judge_child
from sekisho.passes.evidence import CHILD_ISSUED, Issued
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
from sekisho.passes.verify import standing_of
from sekisho.wallets.allow_list import AllowedDestination, allow_list_bytes
from sekisho.wallets.allow_list import AllowList as Listed
from sekisho.wallets.records import Tier
from sekisho.watch.credence import weigh

STANDING_WORLD, STANDING = standing_world()
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def first(*payments: Any, **changes: Any) -> SignedChild:  # noqa: ANN401 - as `child`
    return child(STANDING_WORLD, STANDING, 1, *payments, **changes)


def nth(number: int, amount_sat: int = 10_000, **changes: Any) -> SignedChild:  # noqa: ANN401 - as `child`
    return child(STANDING_WORLD, STANDING, number, payment(STRANGER, amount_sat), **changes)


def why_not(world: World, signed: SignedChild, *, now: datetime = NOW) -> list[str] | None:
    """Return what speaks against a child; None if the register has never heard of it.

    The watcher must believe a child exactly if the gate would allow it as it is issued.
    """
    register_ = in_force(world)
    leave = leave_of(register_, name_of(signed), now=now)
    found = (
        None
        if leave is None
        else sorted({each.code.removeprefix("passes.") for each in leave.findings})
    )
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    timeless = None if found is None else set(found) - {"expired", "not_yet_valid"}
    assert (name_of(signed) in credence.children) == (timeless == set())
    return found


def last_answers(signed: Sequence[SignedChild], **world: Any) -> list[list[str] | None]:  # noqa: ANN401 - as `why_not`
    """Issue children one after the other and return what speaks against each."""
    after = issue(STANDING_WORLD, *signed)
    return [why_not(after, each, **world) for each in signed]


# 1. Who issues -----------------------------------------------------------------------------------


def test_what_the_issuer_signed_in_its_limits_may_leave() -> None:
    signed = first()
    world = issue(STANDING_WORLD, signed)
    assert why_not(world, signed) == []
    leave = leave_of(in_force(world), name_of(signed), now=NOW)
    assert leave is not None
    assert leave.transfer.payments == (payment(STRANGER, 10_000),)
    assert leave.transfer.anchor == COINS[1]
    assert (leave.not_before_at, leave.expires_at) == (NOW, NOW + HOUR)


@pytest.mark.parametrize("who", ["mallory", "aoki", "baba"])
def test_nobody_else_issues(who: str) -> None:
    forged = first(key=key_of(who))
    assert why_not(issue(STANDING_WORLD, forged), forged) is None


def test_a_changed_child_bears_no_signature() -> None:
    signed, other = first(), first(payment(stranger(9), 10_000))
    swapped = replace(other, signature=signed.signature)
    assert why_not(issue(STANDING_WORLD, swapped), swapped) is None
    true_one = issue(STANDING_WORLD, swapped, signed)
    assert why_not(true_one, signed) == []  # the forgery used nothing up


def test_every_bit_of_the_signature_counts() -> None:
    signed = first()
    register_ = in_force(STANDING_WORLD)
    for place in range(64):
        bad = bytearray(signed.signature)
        bad[place] ^= 1
        event = Issued(
            seq=999, at=NOW, digest="ab" * 32, signed=replace(signed, signature=bytes(bad))
        )
        assert judge_child(register_, event) == (None, None)


def test_a_child_of_a_transfer_or_of_nothing_is_none() -> None:
    for standing_digest in ("ab" * 32, next(iter(in_force(STANDING_WORLD).passes))):
        signed = first(standing_digest=standing_digest)
        assert why_not(issue(STANDING_WORLD, signed), signed) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"child": {}, "signature": "ab" * 64},
        {"child": None, "signature": "ab" * 64},
        {"child": parse_json(first().document, "child"), "signature": ""},
        {"child": parse_json(first().document, "child"), "signature": "ab" * 63},
        {"child": [], "signature": 7},
    ],
)
def test_what_is_no_child_breaks_nothing(body: Any) -> None:  # noqa: ANN401 - any JSON
    world = record(STANDING_WORLD, CHILD_ISSUED, body)
    assert why_not(issue(world, first()), first()) == []


def test_the_issuers_key_is_nobodys_on_the_roster() -> None:
    key = key_of("fujii").public_key().public_bytes_raw()
    world, asked = standing_world(issuer_key=key)
    codes = [each.code for each in standing_of(in_force(world), digest_of(asked)).findings]
    assert codes == ["passes.issuer_is_a_person"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"genesis_digest": "ab" * 32}, "other_installation"),
        ({"issued_at": NOW - 2 * HOUR}, "child_out_of_time"),
        ({"issued_at": NOW + 31 * DAY}, "child_out_of_time"),
    ],
)
def test_a_child_of_another_place_or_time(changes: dict[str, Any], reason: str) -> None:
    signed = first(**changes)
    found = why_not(issue(STANDING_WORLD, signed), signed)
    assert found is not None
    assert reason in found


def test_a_child_on_another_chain() -> None:
    regtest = address_of(bytes.fromhex("0014" + "11" * 20), Network.REGTEST) or ""
    signed = first(payment(regtest, 10_000, Network.REGTEST), chain=Network.REGTEST.caip2)
    found = why_not(issue(STANDING_WORLD, signed), signed)
    assert found is not None
    assert "other_chain" in found


# 2. Numbers and clocks ---------------------------------------------------------------------------


def test_numbers_follow_each_other() -> None:
    assert last_answers([nth(1), nth(2), nth(3)]) == [[], [], []]


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 2, 4, 3), (10**9,)])
def test_a_gap_is_never_closed(numbers: tuple[int, ...]) -> None:
    """A number that was left out was withheld; from there on nothing is believed to be whole."""
    found = last_answers([nth(number) for number in numbers])
    whole = [number == place for place, number in enumerate(numbers, start=1)]
    until = whole.index(False)
    assert found[:until] == [[]] * until
    assert all("child_number" in (each or ()) for each in found[until:])


def test_a_number_is_used_once() -> None:
    one, other = nth(1), child(STANDING_WORLD, STANDING, 1, payment(stranger(3), 20_000))
    assert last_answers([one, other]) == [[], None]
    assert last_answers([other, one]) == [[], None]
    assert last_answers([one, one, nth(2)]) == [[], [], []]


def test_a_refused_child_uses_its_number_up() -> None:
    refused = nth(1, LIMITS.child_max_sat + 1)
    assert last_answers([refused, nth(1), nth(2)]) == [["child_limit"], None, []]


def test_the_issuers_clock_never_goes_back() -> None:
    assert last_answers([nth(1, issued_at=NOW + MINUTE), nth(2)]) == [
        ["not_yet_valid"],
        ["child_went_back"],
    ]
    same_second = [nth(1), nth(2)]
    assert last_answers(same_second) == [[], []]


def test_so_many_children_and_no_more() -> None:
    world, standing = standing_world(limits=replace(LIMITS, children_max=2))
    signed = [child(world, standing, number, payment(STRANGER, 10)) for number in (1, 2, 3)]
    after = issue(world, *signed)
    assert [why_not(after, each) for each in signed] == [[], [], ["children_max"]]


def test_a_child_grows_old() -> None:
    signed = first()
    world = issue(STANDING_WORLD, signed)
    assert why_not(world, signed, now=NOW - timedelta(seconds=1)) == ["not_yet_valid"]
    assert why_not(world, signed, now=NOW + HOUR - timedelta(seconds=1)) == []
    assert why_not(world, signed, now=NOW + HOUR) == ["expired"]


# 3. Limits ---------------------------------------------------------------------------------------


def test_each_child_has_a_ceiling() -> None:
    most = LIMITS.child_max_sat
    assert last_answers([nth(1, most)]) == [[]]
    assert last_answers([nth(1, most + 1)]) == [["child_limit"]]
    split = first(payment(STRANGER, most), payment(stranger(1), 1))
    assert last_answers([split]) == [["child_limit"]]


def test_an_hour_has_a_ceiling_however_it_is_split() -> None:
    whole = [nth(number, 50_000) for number in (1, 2, 3)]
    assert last_answers(whole) == [[], [], ["child_limit"]]
    split = [nth(number, 10_000) for number in range(1, 12)]
    assert last_answers(split) == [[]] * 10 + [["child_limit"]]
    # Other addresses, other anchors and one anchor for all of them do not help.
    spread = [
        child(STANDING_WORLD, STANDING, number, payment(stranger(number), 50_000), anchor=COINS[5])
        for number in (1, 2, 3)
    ]
    assert last_answers(spread)[2] == ["child_limit"]


def test_an_hour_is_any_hour() -> None:
    after_an_hour = [nth(1, 50_000), nth(2, 50_000), nth(3, 50_000, issued_at=NOW + HOUR)]
    assert last_answers(after_an_hour, now=NOW + HOUR)[2] == []
    almost = NOW + HOUR - timedelta(seconds=1)
    too_soon = [nth(1, 50_000), nth(2, 50_000), nth(3, 50_000, issued_at=almost)]
    assert last_answers(too_soon, now=almost)[2] == ["child_limit"]


def test_a_day_has_a_ceiling() -> None:
    signed = [nth(n, 50_000, issued_at=NOW + (n - 1) * 2 * HOUR) for n in (1, 2, 3, 4)]
    world = issue(STANDING_WORLD, *signed)
    found = [why_not(world, each, now=NOW + n * 2 * HOUR) for n, each in enumerate(signed)]
    assert found == [[], [], [], ["child_limit"]]
    later = [*signed[:3], nth(4, 50_000, issued_at=NOW + DAY)]
    assert why_not(issue(STANDING_WORLD, *later), later[3], now=NOW + DAY) == []


def test_a_clock_set_ahead_moves_nothing_sooner_and_nobody_elses_window() -> None:
    """A thief dates children a day ahead each, so that each has a day of its own."""
    signed = [nth(n, 50_000, issued_at=NOW + (n - 1) * DAY) for n in (1, 2, 3, 4)]
    world = issue(STANDING_WORLD, *signed)
    found = [why_not(world, each) for each in signed]
    assert found == [[]] + [["not_yet_valid"]] * 3
    # Another standing pass of the same wallet goes on as before.
    other = standing_pass(world, automatic={"limits": replace(LIMITS, hour_max_sat=Sat(60_000))})
    world = agreed_by(world, other)
    mine = [child(world, other, number, payment(STRANGER, 50_000)) for number in (1, 2)]
    world = issue(world, *mine)
    assert [why_not(world, each) for each in mine] == [[], ["child_limit"]]


def test_refused_children_count_nothing() -> None:
    found = last_answers([nth(1, 50_001), nth(2, 50_000), nth(3, 50_001), nth(4, 50_000)])
    assert found == [["child_limit"], [], ["child_limit"], []]


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))))
def test_two_issuing_machines_that_race_share_one_count(order: tuple[int, ...]) -> None:
    """Both hold the key, and each believes that it may still move so much."""
    ours = [nth(1, 50_000), nth(2, 50_000)]
    theirs = child(STANDING_WORLD, STANDING, 1, payment(stranger(7), 50_000), anchor=COINS[9])
    every = [*ours, theirs]
    world = issue(STANDING_WORLD, *(every[place] for place in order))
    allowed = [each for each in every if why_not(world, each) == []]
    assert len(allowed) <= 2
    assert not (ours[0] in allowed and theirs in allowed)


def test_the_policy_holds_children_as_well() -> None:
    limits = tuple(
        replace(each, most=Bound(size_sat=Sat(30_000))) for each in OPEN_POLICY.limits[1:]
    )
    policy = replace(OPEN_POLICY, version=2, limits=(OPEN_POLICY.limits[0], *limits))
    base = under_policy(standing_base(), policy)
    standing = standing_pass(base)
    world = agreed_by(base, standing)
    signed = [child(world, standing, 1, payment(STRANGER, 30_001)), child(world, standing, 2)]
    world = issue(world, *signed)
    assert [why_not(world, each) for each in signed] == [["limit_exceeded"], []]


# 4. Destinations ---------------------------------------------------------------------------------


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


# 5. What happens to the standing pass ------------------------------------------------------------


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


# 6. Batches --------------------------------------------------------------------------------------


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
