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
from sekisho.passes.policy.evaluate import (
    denials,
    evaluate,
    hold_seconds,
    is_allowed,
)
from sekisho.passes.policy.history import History, Scope
from sekisho.passes.policy.packs import shipped_packs
from sekisho.passes.policy.records import Bound, Fees, Limit, Off, Policy, Who, Window
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
