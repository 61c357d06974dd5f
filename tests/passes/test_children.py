"""Children: what a thief with the issuer's key can do, and what they cannot.

The issuer's service is believed in nothing; everything is counted again from the journal.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from children_world import HOUR, MINUTE, STANDING, STANDING_WORLD, first, nth, why_not
from world import (
    digest_of,
    record,
    under_policy,
)
from world_coins import STRANGER, payment, stranger
from world_people import DAY, NOW, key_of
from world_policy import OPEN_POLICY
from world_power import (
    COINS,
    LIMITS,
    agreed_by,
    child,
    in_force,
    issue,
    name_of,
    standing_base,
    standing_pass,
    standing_world,
)

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.money import Sat
from sekisho.passes.children import judge_child
from sekisho.passes.evidence import CHILD_ISSUED, Issued
from sekisho.passes.leave import leave_of
from sekisho.passes.policy.records import Bound
from sekisho.passes.records import (
    SignedChild,
)
from sekisho.passes.verify import standing_of


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
