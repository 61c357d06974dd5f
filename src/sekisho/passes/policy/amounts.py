"""Rules about how much: limits, the time lock, and what stays in cold wallets."""

from datetime import timedelta

from sekisho.kernel.finding import finding
from sekisho.kernel.money import Sat
from sekisho.passes.policy.case import Outcome
from sekisho.passes.policy.history import Scope, amounts_by_key
from sekisho.passes.policy.outcomes import Inputs, allowed, denied, judged, off, passed_over
from sekisho.passes.policy.records import Limit, Off, Policy, Who, Window
from sekisho.passes.policy.weigh import (
    Weighed,
    counted_sat,
    exceeds,
    percent,
    reaches,
    size,
    unknown,
    worth,
)
from sekisho.wallets.records import Segregation, Tier

LIMITS = "limits"
TIME_LOCK = "time_lock"
COLD_SHARE = "cold_share"
_SECONDS = {Window.PASS: 0, Window.HOUR: 3_600, Window.DAY: 86_400}


def limits(policy: Policy, seen: Weighed) -> tuple[Outcome, ...]:
    """Is every limit kept that holds for this wallet? No limit at all is a no."""
    who = Who.AUTOMATIC if seen.case.automatic else Who.PEOPLE
    held = [
        each for each in policy.limits if each.who is who and seen.case.wallet.tier in each.tiers
    ]
    if not held:
        why = finding("passes.limit_unset", seen.case.wallet.wallet_id)
        return (denied(LIMITS, policy.reference, (("who", who),), why),)
    sizes = amounts_by_key(seen.case.this)
    return tuple(_limit(seen, each, sizes) for each in held)


def _limit(seen: Weighed, limit: Limit, sizes: dict[tuple[Scope, str], Sat]) -> Outcome:
    rule = f"{LIMITS}.{limit.window}.{limit.scope}"
    counted = {
        key: _counted(seen, limit, key, size_sat)
        for (scope, key), size_sat in sizes.items()
        if scope is limit.scope
    }
    if not counted:
        return passed_over(rule, limit.reference, "no customers' coins leave")
    key, largest_sat = max(counted.items(), key=lambda each: (each[1], each[0]))
    inputs = (
        (f"{limit.scope}", key or "all customers' assets"),
        ("counted", worth(seen, largest_sat)),
        ("at most", size(limit.most)),
    )
    why = unknown(seen, limit.most)
    if why is None and exceeds(seen, largest_sat, limit.most):
        why = finding(
            "passes.limit_exceeded",
            key or seen.case.wallet.wallet_id,
            scope=limit.scope,
            window=limit.window,
            counted_sat=largest_sat,
            most=size(limit.most),
        )
    return judged(rule, limit.reference, inputs, why)


def _counted(seen: Weighed, limit: Limit, key: str, size_sat: Sat) -> Sat:
    if limit.window is Window.PASS:
        return size_sat
    after_at = seen.case.this.at - timedelta(seconds=_SECONDS[limit.window])
    return counted_sat(seen.case, limit.scope, key, size_sat, after_at=after_at)


def time_lock(policy: Policy, seen: Weighed) -> Outcome:
    """How long must it wait, so that somebody may still cancel it?"""
    rule, case = policy.time_lock, seen.case
    if isinstance(rule, Off):
        return off(TIME_LOCK, rule)
    if case.automatic:
        return passed_over(TIME_LOCK, policy.reference, "children are held by their limits")
    steps = [each for each in rule if case.wallet.tier in each.tiers]
    if not steps:
        return passed_over(TIME_LOCK, policy.reference, f"not for {case.wallet.tier} wallets")
    inputs: Inputs = (
        ("counted", worth(seen, seen.related_sat)),
        ("from", "; ".join(f"{size(each.least)}: {each.hold_seconds} s" for each in steps)),
    )
    why = unknown(seen, *(each.least for each in steps))
    if why is not None:
        return denied(TIME_LOCK, steps[0].reference, inputs, why)
    met = [each for each in steps if reaches(seen, seen.related_sat, each.least)]
    hold_seconds = max((each.hold_seconds for each in met), default=0)
    inputs = (*inputs, ("hold", f"{hold_seconds} s after the last approval"))
    return allowed(TIME_LOCK, steps[0].reference, inputs, hold_seconds=hold_seconds)


def cold_share(policy: Policy, seen: Weighed) -> Outcome:
    """Do enough of customers' coins stay in cold wallets after this, by value?

    All wallets hold one asset here, so a share by value is a share of coins. A movement that does
    not make the share worse is allowed: the way back under the limit must stay open.
    """
    rule = policy.cold_share
    if isinstance(rule, Off):
        return off(COLD_SHARE, rule)
    wallet_id, why = seen.case.wallet.wallet_id, seen.customers_flaw
    held = {each.wallet_id: each.amount_sat for each in seen.case.claims.balances}
    if why is None and held.get(wallet_id, seen.moved_sat) < seen.moved_sat:
        why = finding("passes.balance_too_small", wallet_id, moved_sat=seen.moved_sat)
    if why is not None:
        return denied(COLD_SHARE, rule.reference, (), why)
    before, after = _cold_and_all(seen, rule.unsettled_seconds)
    inputs = (
        ("not cold before", _share(*before)),
        ("not cold after", _share(*after)),
        ("at most", percent(rule.not_cold_max_bps)),
    )
    hot_before, hot_after = before[1] - before[0], after[1] - after[0]
    if hot_after * 10_000 > rule.not_cold_max_bps * after[1] and (
        hot_after * before[1] > hot_before * after[1]
    ):
        why = finding(
            "passes.cold_share_too_low",
            wallet_id,
            not_cold=_share(*after),
            most=percent(rule.not_cold_max_bps),
        )
    return judged(COLD_SHARE, rule.reference, inputs, why)


def _cold_and_all(
    seen: Weighed, unsettled_seconds: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return customers' coins in cold wallets and in all, before and after this movement.

    What left a cold wallet too lately to be in the claims is taken to have become hot.
    """
    case = seen.case
    after_at = case.asked_at - timedelta(seconds=unsettled_seconds)
    cold_before = cold_after = 0
    paid = dict.fromkeys(case.wallets, 0)
    for each in case.destinations:
        if each.own_wallet_id in paid:
            paid[each.own_wallet_id] += each.amount_sat
    all_before = all_after = int(seen.customers_sat or 0)
    for claimed in case.claims.balances:
        wallet = case.wallets[claimed.wallet_id]
        if wallet.segregation is not Segregation.CUSTOMER:
            continue
        spends = wallet.wallet_id == case.this.wallet_id
        left = min(claimed.amount_sat, seen.moved_sat + case.fee_max_sat) if spends else 0
        all_after += paid[wallet.wallet_id] - left
        if wallet.tier is not Tier.COLD:
            continue
        unsettled = case.history.sum_sat(
            Scope.WALLET, wallet.wallet_id, after_at=after_at, before=case.history_before
        )
        cold_before += max(0, claimed.amount_sat - unsettled)
        if spends:
            together = counted_sat(
                case, Scope.WALLET, wallet.wallet_id, seen.moved_sat, after_at=after_at
            )
            left, unsettled = together + case.fee_max_sat, Sat(0)
        cold_after += max(0, claimed.amount_sat - unsettled - left) + paid[wallet.wallet_id]
    return (cold_before, all_before), (cold_after, all_after)


def _share(cold: int, total: int) -> str:
    if total <= 0:
        return "nothing is left"
    share_bps = -(-(total - cold) * 10_000 // total)
    return percent(share_bps)
