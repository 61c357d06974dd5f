"""How long a pass may live, and rules that are off."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from policy_world import (
    BTC,
    amounting,
    asked_at,
    codes,
    denied,
    limits_denied,
    ordinary,
    outcome,
    pack,
    paying,
)

from sekisho.kernel.money import Jpy, Sat
from sekisho.passes.policy.case import Answer
from sekisho.passes.policy.documents import policy_document, read_policy
from sekisho.passes.policy.evaluate import (
    _answers,
    evaluate,
    is_allowed,
)
from sekisho.passes.policy.packs import shipped_packs
from sekisho.passes.policy.records import Bound, FirstTime, Off, Policy
from sekisho.passes.policy.weigh import weigh
from sekisho.passes.records import NO_CLAIMS, Claims
from sekisho.wallets.records import Tier

PACKS = shipped_packs()
STRICT = pack("strict")


def test_a_pack_ends_at_the_very_second() -> None:
    policy = pack("jp-psa")
    until_at = policy.effective_until_at
    assert until_at is not None
    for at, expected in ((until_at, True), (until_at - timedelta(seconds=1), False)):
        assert ("effective" in denied(policy, asked_at(ordinary("jp-psa"), at))) is expected


def test_a_request_that_is_dated_back_does_not_outlive_a_pack() -> None:
    policy, case = pack("jp-psa"), ordinary("jp-psa")
    until_at, from_at = policy.effective_until_at, policy.effective_from_at
    assert until_at is not None
    for judged_at, expected in (
        (until_at, True),
        (until_at + timedelta(days=400), True),
        (until_at - timedelta(seconds=1), False),
        (from_at - timedelta(seconds=1), True),
        (from_at, False),
    ):
        assert ("effective" in denied(policy, replace(case, judged_at=judged_at))) is expected


@pytest.mark.parametrize("policy_id", PACKS)
def test_a_life_begins_at_the_earliest_of_its_beginnings(policy_id: str) -> None:
    policy, case = pack(policy_id), ordinary(policy_id)
    most = timedelta(seconds=policy.life.transfer_max_seconds)
    later, second = timedelta(days=40), timedelta(seconds=1)
    for begins in ("asked_at", "judged_at", "not_before_at"):
        moments: dict[str, Any] = dict.fromkeys(
            ("asked_at", "judged_at", "not_before_at"), case.asked_at + later
        )
        moments[begins] = case.asked_at
        lasting = replace(case, **moments, expires_at=case.asked_at + most)
        longer = replace(lasting, expires_at=lasting.expires_at + second)
        assert "life" not in denied(policy, lasting)
        assert "life" in denied(policy, longer)
        assert "passes.life_too_long" in codes(policy, longer)


@pytest.mark.parametrize("policy_id", PACKS)
def test_a_standing_pass_and_its_children_have_lives_of_their_own(policy_id: str) -> None:
    policy, case = pack(policy_id), ordinary(policy_id)
    standing_most = timedelta(seconds=policy.life.standing_max_seconds)
    long = replace(case, expires_at=case.asked_at + standing_most)
    assert "life" in denied(policy, long)
    assert "life" in denied(policy, replace(long, automatic=True))
    assert "life" not in denied(policy, replace(long, standing=True))
    longer = replace(long, expires_at=long.expires_at + timedelta(seconds=1), standing=True)
    assert "life" in denied(policy, longer)


@pytest.mark.parametrize("policy_id", PACKS)
def test_hoarded_passes_are_no_more_than_the_windows_that_their_life_touches(
    policy_id: str,
) -> None:
    """In a year of one pass a day, those good at one instant were approved within one life."""
    policy, case = pack(policy_id), ordinary(policy_id)
    at, good = case.asked_at, 0
    for day in range(365):
        approved_at = at - timedelta(days=day)
        hoarded = replace(
            case, asked_at=approved_at, judged_at=approved_at, not_before_at=approved_at,
            expires_at=at + timedelta(seconds=1),
        )  # fmt: skip
        good += "life" not in denied(policy, hoarded)
    assert good == 1


@pytest.mark.parametrize("policy_id", PACKS)
def test_no_claim_of_coins_or_prices_takes_a_bound_away(policy_id: str) -> None:
    policy, case = pack(policy_id), amounting(ordinary(policy_id), 1_000 * BTC)
    rich = tuple(
        replace(each, amount_sat=Sat(each.amount_sat * 1_800)) for each in case.claims.balances
    )
    cheap = tuple(replace(each, price_jpy=Jpy(1)) for each in case.claims.prices)
    liar = replace(case, own_machine=(), claims=Claims(prices=cheap, balances=rich))
    assert "own_machine" in denied(policy, liar)
    assert outcome(policy, liar, "time_lock").hold_seconds > 0
    assert limits_denied(policy, amounting(liar, 9_000 * BTC))


def test_a_rule_that_says_nothing_says_no() -> None:
    seen = weigh(STRICT, ordinary("strict"))
    (silent,) = _answers("silent", lambda _policy, _seen: (), STRICT, seen)
    assert silent.answer is Answer.DENIED


CAN_BE_OFF = (
    "own_machine",
    "time_lock",
    "allow_list",
    "first_time",
    "business_hours",
    "cold_share",
    "look_alike",
    "fees",
    "price",
    "wallet_proof",
)


def test_a_rule_that_is_off_says_why_and_nothing_else() -> None:
    case, reason = ordinary("hk-sfc"), "the board decided so"
    changes: dict[str, Any] = dict.fromkeys(CAN_BE_OFF, Off(reason=reason))
    policy = replace(pack("hk-sfc"), **changes)
    document = policy_document(policy)
    assert read_policy(document, "policy") == policy
    for name in CAN_BE_OFF:
        said = outcome(policy, case, name)
        assert (said.answer, said.inputs) == (Answer.NOT_APPLICABLE, (("why not", reason),))
    assert is_allowed(evaluate(policy, case))


def test_a_step_for_other_wallets_asks_nothing_of_this_one() -> None:
    case = ordinary("strict")
    own = tuple(replace(each, tiers=(Tier.HOT,)) for each in _steps(STRICT.own_machine))
    lock = tuple(replace(each, tiers=(Tier.HOT,)) for each in _steps(STRICT.time_lock))
    policy = replace(STRICT, own_machine=own, time_lock=lock)
    nobody = replace(case, own_machine=())
    assert denied(policy, nobody) == set()
    assert denied(STRICT, nobody) == {"own_machine"}


def _steps(steps: tuple[Any, ...] | Off) -> tuple[Any, ...]:
    assert isinstance(steps, tuple)
    return steps


def test_more_people_are_counted_only_when_the_quorum_itself_is_known() -> None:
    case = replace(ordinary("strict"), claims=NO_CLAIMS)
    (only,) = case.destinations
    new = paying(case, replace(only, listed_at=None, first_time=True, amount_sat=Sat(1)))
    in_coins = replace(STRICT, first_time=replace_most(STRICT, Bound(size_sat=Sat(BTC))))
    assert "first_time" in denied(in_coins, new)


def replace_most(policy: Policy, most: Bound) -> FirstTime:
    assert isinstance(policy.first_time, FirstTime)
    return replace(policy.first_time, most=most)
