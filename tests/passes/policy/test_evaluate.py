from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from policy_world import (
    BTC,
    after,
    amounting,
    asked_at,
    codes,
    denied,
    like,
    limits_denied,
    ordinary,
    outcome,
    pack,
    paying,
)

from sekisho.kernel.catalogue import catalogue
from sekisho.kernel.money import Jpy, Sat
from sekisho.passes.policy.case import Answer, Case
from sekisho.passes.policy.documents import policy_document, read_policy
from sekisho.passes.policy.evaluate import (
    _answers,
    denials,
    evaluate,
    hold_seconds,
    is_allowed,
)
from sekisho.passes.policy.history import History, Scope
from sekisho.passes.policy.packs import shipped_packs
from sekisho.passes.policy.records import Bound, Fees, FirstTime, Limit, Off, Policy, Who, Window
from sekisho.passes.policy.weigh import weigh
from sekisho.passes.records import NO_CLAIMS, Claims, HeldBalance, PriceQuote
from sekisho.wallets.records import Level, Tier

PACKS = shipped_packs()
STRICT = pack("strict")


def prices(case: Case, *quotes: tuple[str, int, int]) -> Case:
    """Return the case with these sources, prices and ages."""
    made = tuple(
        PriceQuote(
            source=source,
            price_jpy=Jpy(price),
            quoted_at=case.asked_at - timedelta(seconds=age),
        )
        for source, price, age in quotes
    )
    return replace(case, claims=replace(case.claims, prices=made))


@pytest.mark.parametrize("policy_id", PACKS)
def test_all_rules_answer_and_the_ordinary_pass_is_allowed(policy_id: str) -> None:
    outcomes = evaluate(pack(policy_id), ordinary(policy_id))
    assert is_allowed(outcomes)
    assert not denials(outcomes)
    for each in outcomes:
        assert each.answer is Answer.NOT_APPLICABLE or each.reference
        assert (each.finding is not None) == (each.answer is Answer.DENIED)
        assert each.inputs


def test_no_outcomes_are_no_yes() -> None:
    assert not is_allowed(())
    assert hold_seconds(()) == 0


def test_an_error_in_a_rule_means_no() -> None:
    nonsense: Any = "lots"  # what no reader lets through
    fees = Fees(fee_max_sat=nonsense, feerate_max_sat_per_kvb=1, reference="test")
    broken = replace(STRICT, fees=fees)
    assert codes(broken, ordinary("strict")) == {"passes.rule_failed"}
    assert denied(broken, ordinary("strict")) == {"fees"}
    assert len(evaluate(broken, ordinary("strict"))) == len(evaluate(STRICT, ordinary("strict")))


def test_a_case_that_contradicts_itself_is_denied() -> None:
    case = ordinary("strict")
    lying = replace(case, this=replace(case.this, destinations=(("usual", Sat(1)),)))
    assert codes(STRICT, lying) == {"passes.rule_failed"}


def test_empty_tables_are_a_no() -> None:
    empty = replace(STRICT, quorum=(), limits=())
    assert codes(empty, ordinary("strict")) >= {"passes.quorum_unset", "passes.limit_unset"}


def test_what_is_counted_in_yen_needs_a_price() -> None:
    case = replace(ordinary("strict"), claims=NO_CLAIMS)
    assert {"quorum", "price", "limits.day.key_set"} <= denied(STRICT, case)
    no_price = replace(STRICT, price=Off(reason="test"))
    assert "passes.price_not_used" in codes(no_price, ordinary("strict"))


@pytest.mark.parametrize(
    ("quotes", "code"),
    [
        ([("a", 10**7, 1), ("b", 10**7, 1)], "passes.price_sources_too_few"),
        ([("a", 10**7, 1), ("b", 10**7, 1), ("b", 10**7, 1)], "passes.price_sources_too_few"),
        ([("a", 10**7, 1), ("b", 10**7, 1), ("c", 10**7, 601)], "passes.price_sources_too_few"),
        ([("a", 10**7, 1), ("b", 10**7, 1), ("c", 10**7, -1)], "passes.price_sources_too_few"),
        ([("a", 10**7, 1), ("b", 10**7, 1), ("c", 0, 1)], "passes.price_sources_too_few"),
        ([("a", 10**7, 1), ("b", 10**7, 1), ("c", 9_803_921, 1)], "passes.price_sources_differ"),
    ],
    ids=["two", "one-twice", "old", "of-the-future", "nothing", "apart"],
)
def test_a_price_that_is_not_bounded(quotes: list[tuple[str, int, int]], code: str) -> None:
    assert code in codes(STRICT, prices(ordinary("strict"), *quotes))


def test_the_highest_price_counts_and_values_are_rounded_up() -> None:
    case = amounting(ordinary("strict"), 1)
    quotes = [("a", 10_000_000, 1), ("b", 10_000_001, 600), ("c", 9_900_000, 1)]
    used = outcome(STRICT, prices(case, *quotes), "price")
    assert used.answer is Answer.ALLOWED
    assert dict(used.inputs)["used"].startswith("¥10,000,001")
    counted = dict(outcome(STRICT, prices(case, *quotes), "quorum").inputs)["counted"]
    assert counted == "0.00000001 BTC = ¥1 = 0.01 %"


def with_limit(most: Bound, *, scope: Scope = Scope.ALL) -> Policy:
    limits = tuple(
        Limit(
            scope=scope,
            window=Window.PASS,
            who=who,
            tiers=tuple(Tier),
            most=most,
            reference="test",
        )
        for who in Who
    )
    return replace(STRICT, limits=limits)


@pytest.mark.parametrize(
    ("most", "amount"),
    [
        (Bound(size_sat=Sat(5 * BTC)), 5 * BTC),
        (Bound(size_jpy=Jpy(50_000_000)), 5 * BTC),
        (Bound(share_bps=100), 100 * BTC),
        (Bound(size_sat=Sat(9 * BTC), size_jpy=Jpy(50_000_000), share_bps=99), 5 * BTC),
    ],
    ids=["coins", "yen", "share", "the-least-of-three"],
)
def test_a_limit_holds_to_the_last_unit(most: Bound, amount: int) -> None:
    case = ordinary("strict")
    assert not limits_denied(with_limit(most), amounting(case, amount))
    assert limits_denied(with_limit(most), amounting(case, amount + 1)) == {"limits.pass.all"}


def test_balances_that_are_not_clear_are_no_balances() -> None:
    case = ordinary("strict")
    held = case.claims.balances
    for balances, code in (
        ((*held, held[0]), "passes.balance_unclear"),
        ((*held, HeldBalance(wallet_id="other", amount_sat=Sat(1))), "passes.balance_unclear"),
        (held[1:], "passes.balance_missing"),
    ):
        claims = Claims(prices=case.claims.prices, balances=balances)
        assert code in codes(STRICT, replace(case, claims=claims))


def test_no_coins_of_customers_means_that_every_share_is_too_large() -> None:
    case = ordinary("strict")
    nothing = tuple(replace(each, amount_sat=Sat(0)) for each in case.claims.balances)
    empty = replace(case, claims=replace(case.claims, balances=nothing))
    assert "limits.pass.all" in denied(STRICT, empty)


def test_only_what_was_committed_before_counts() -> None:
    case = ordinary("strict")
    later = after(case, like(case, 1_000 * BTC), like(case, 1_000 * BTC, anchor="b:0"))
    assert "limits.day.all" in denied(STRICT, later)
    assert denied(STRICT, replace(later, history_before=0)) == denied(STRICT, case)


def test_the_window_of_a_day_ends_after_a_day() -> None:
    case = amounting(ordinary("strict"), 500 * BTC)
    for ago, expected in ((86_399, {"limits.day.all"}), (86_400, set())):
        movement = replace(
            like(case, 1_600 * BTC, ago_seconds=ago),
            wallet_id="hot-1",
            key_set="hot-keys",
            requester="mori",
            destinations=(("elsewhere", Sat(1_600 * BTC)),),
        )
        assert limits_denied(STRICT, after(case, movement)) == expected


def test_a_destination_that_is_paid_twice_in_one_pass_is_added_up() -> None:
    case = ordinary("strict")
    (only,) = case.destinations
    half = replace(only, amount_sat=Sat(601 * BTC))
    assert "limits.day.destination" in denied(STRICT, paying(case, half, half))


@pytest.mark.parametrize("utc_hour", [0, 1, 7, 8])
def test_business_hours_are_those_of_the_packs_own_clock(utc_hour: int) -> None:
    case = ordinary("strict")
    at = case.asked_at.replace(hour=utc_hour, minute=0)
    away = {"business_hours"} if utc_hour in {0, 8} else set()
    assert denied(STRICT, prices_at(asked_at(case, at))) == away


def prices_at(case: Case) -> Case:
    return prices(case, ("a", 10**7, 0), ("b", 10**7, 0), ("c", 10**7, 0))


def test_the_people_of_one_department_do_not_stand_for_another() -> None:
    case = replace(
        ordinary("strict"),
        approved_by={"security": ("a", "b", "c", "d"), "finance": ("e",)},
        own_machine=("a", "b"),
    )
    assert "quorum" in denied(STRICT, case)


def test_an_own_machine_of_somebody_who_did_not_approve_does_not_count() -> None:
    case = replace(ordinary("strict"), own_machine=("stranger", "tanaka"))
    assert "own_machine" in denied(STRICT, case)


def test_every_code_of_a_policy_has_its_words() -> None:
    case = ordinary("strict")
    worst = replace(
        amounting(case, 9_000 * BTC),
        approved_by={},
        own_machine=(),
        claims=NO_CLAIMS,
        fee_max_sat=Sat(BTC),
        history=History(),
    )
    assert codes(STRICT, worst) <= set(catalogue())


def test_a_later_step_never_takes_away_what_an_earlier_one_asks() -> None:
    case = amounting(ordinary("strict"), 100 * BTC)
    people = {"executive": ("a",), "finance": ("b",), "operations": ("c",), "security": ("d",)}
    advisory = replace(case, wallet=replace(case.wallet, level=Level.ADVISORY))
    enough = replace(advisory, approved_by=people | {"security": ("d", "e")})
    assert "quorum" not in denied(STRICT, enough)
    assert "quorum" in denied(STRICT, replace(advisory, approved_by=people))


def holding(case: Case, **held_btc: int) -> Case:
    """Return the case with other balances: `cold_1=9_600`."""
    balances = tuple(
        replace(each, amount_sat=Sat(held_btc[each.wallet_id.replace("-", "_")] * BTC))
        for each in case.claims.balances
    )
    return replace(case, claims=replace(case.claims, balances=balances))


def from_hot(case: Case, amount: int) -> Case:
    hot = case.wallets["hot-1"]
    moved = amounting(case, amount)
    return replace(moved, wallet=hot, this=replace(moved.this, wallet_id="hot-1"))


def test_the_way_back_under_the_limit_is_open_and_the_way_further_is_not() -> None:
    policy, case = pack("jp-psa"), ordinary("jp-psa")
    too_hot = holding(case, cold_1=8_000, hot_1=2_000, company_1=0)
    assert "cold_share" not in denied(policy, from_hot(too_hot, 50 * BTC))
    assert "cold_share" in denied(policy, amounting(too_hot, 50 * BTC))


def test_what_just_left_another_cold_wallet_counts_as_hot() -> None:
    case = ordinary("strict")
    (only,) = case.destinations
    to_hot = replace(only, address="hot-address", own_wallet_id="hot-1")
    case = paying(case, replace(to_hot, amount_sat=Sat(30 * BTC)))
    assert "cold_share" not in denied(STRICT, case)
    for ago_seconds, expected in ((600, True), (21_601, False)):
        other = replace(like(case, 25 * BTC, ago_seconds=900 + ago_seconds), wallet_id="cold-2")
        assert ("cold_share" in denied(STRICT, after(case, other))) is expected


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
