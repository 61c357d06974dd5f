"""How much is it? What several rules need to know of a case, worked out once.

Sizes are compared in asset units, in yen and as a share of all customers' coins. What cannot be
known is not guessed: a rule that needs it says no.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import SAT_PER_BTC, Jpy, Sat, format_btc, format_jpy
from sekisho.passes.policy.case import Case, Destination
from sekisho.passes.policy.history import Scope, amounts_by_key
from sekisho.passes.policy.records import AllowList, Bound, Off, Policy, Price
from sekisho.wallets.records import Segregation

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A case with its sizes."""

    case: Case
    moved_sat: Sat
    """What this pass pays, to anybody."""
    related_sat: Sat
    """The most that it comes to with what left in the last 24 hours from the same wallet, under
    the same keys, for the same requester, or to the same destinations: splitting does not help."""
    price_jpy: Jpy | None
    """The highest of the claimed prices, if they are good enough."""
    price_flaw: Finding | None
    """Why they are not."""
    customers_sat: Sat | None
    """All customers' coins before the movement, if every wallet of theirs is claimed."""
    customers_flaw: Finding | None
    """Why that is not known."""


def weigh(policy: Policy, case: Case) -> Weighed:
    """Return the case with its sizes. Raises `ValueError` for a case that contradicts itself."""
    paid = tuple((each.address, each.amount_sat) for each in case.destinations)
    if sorted(paid) != sorted(case.this.destinations):
        raise ValueError("what the case pays is not what would be committed")
    price_jpy, price_flaw = _price(policy.price, case)
    customers_sat, customers_flaw = _customers(case)
    return Weighed(
        case=case,
        moved_sat=Sat(sum(amount_sat for _, amount_sat in paid)),
        related_sat=_related(case),
        price_jpy=price_jpy,
        price_flaw=price_flaw,
        customers_sat=customers_sat,
        customers_flaw=customers_flaw,
    )


def counted_sat(case: Case, scope: Scope, key: str, size_sat: Sat, *, after_at: datetime) -> Sat:
    """Return what leaves under one key with this movement, later than `after_at`."""
    return case.history.sum_with_sat(
        scope,
        key,
        size_sat,
        exclusive_anchor=case.this.exclusive_anchor,
        after_at=after_at,
        before=case.history_before,
    )


def unknown(seen: Weighed, *bounds: Bound) -> Finding | None:
    """Return why one of these sizes cannot be compared with anything, or None."""
    if seen.price_flaw is not None and any(each.size_jpy is not None for each in bounds):
        return seen.price_flaw
    if seen.customers_flaw is not None and any(each.share_bps is not None for each in bounds):
        return seen.customers_flaw
    return None


def reaches(seen: Weighed, size_sat: Sat, least: Bound) -> bool:
    """Is the threshold met, in any of its units? Ask `unknown` first; what is unknown is met."""
    return any(
        most is not None and (have is None or have >= most)
        for have, most in _compared(seen, size_sat, least)
    )


def exceeds(seen: Weighed, size_sat: Sat, most: Bound) -> bool:
    """Is the ceiling broken, in any of its units? What is unknown breaks it."""
    return any(
        limit is not None and (have is None or have > limit)
        for have, limit in _compared(seen, size_sat, most)
    )


def is_known(policy: Policy, case: Case, destination: Destination) -> bool:
    """Is the destination ours, or on the allow-list for as long as it must cool?"""
    return destination.own_wallet_id in case.wallets or (
        isinstance(policy.allow_list, AllowList)
        and destination.listed_at is not None
        and (case.asked_at - destination.listed_at).total_seconds()
        >= policy.allow_list.cooling_seconds
    )


def worth(seen: Weighed, size_sat: Sat) -> str:
    """Write a size in every unit that is known, for people."""
    return _worth(size_sat, seen.price_jpy, seen.customers_sat)


@lru_cache(maxsize=1024)  # four rules write the same one
def _worth(size_sat: Sat, price_jpy: Jpy | None, customers_sat: Sat | None) -> str:
    written = f"{format_btc(size_sat)} BTC"
    if price_jpy is not None:
        written += f" = ¥{format_jpy(_ceil(size_sat * price_jpy, SAT_PER_BTC))}"
    if customers_sat:
        written += f" = {percent(_ceil(size_sat * 10_000, customers_sat))}"
    return written


@lru_cache(maxsize=1024)  # every pass is told the same few
def size(bound: Bound) -> str:
    """Write a bound as people read it; a share is one of all customers' coins."""
    parts = []
    if bound.size_sat is not None:
        parts.append(f"{format_btc(bound.size_sat)} BTC")
    if bound.size_jpy is not None:
        parts.append(f"¥{format_jpy(bound.size_jpy)}")
    if bound.share_bps is not None:
        parts.append(percent(bound.share_bps))
    return " / ".join(parts)


@lru_cache(maxsize=1024)
def moment(at: datetime) -> str:
    """Write an instant for people; those of the pack and of one pass are written many times."""
    return format_instant(at)


def percent(share_bps: int) -> str:
    """Write basis points for people: `4.99 %`."""
    return f"{share_bps // 100}.{share_bps % 100:02} %"


def _compared(
    seen: Weighed, size_sat: Sat, bound: Bound
) -> tuple[tuple[int | None, int | None], ...]:
    """Return what there is and what the bound says, unit by unit, in whole numbers only."""
    value = None if seen.price_jpy is None else _ceil(size_sat * seen.price_jpy, SAT_PER_BTC)
    whole, share = seen.customers_sat, bound.share_bps
    return (
        (size_sat, bound.size_sat),
        (value, bound.size_jpy),
        (
            None if whole is None else size_sat * 10_000,
            None if share is None else share * (whole or 0),
        ),
    )


def _ceil(dividend: int, divisor: int) -> int:
    """Divide rounding up: a value that is rounded down could slip under a limit."""
    return -(-dividend // divisor)


def _related(case: Case) -> Sat:
    after_at = case.this.at - DAY
    sums: dict[Scope, int] = {}
    for (scope, key), size_sat in amounts_by_key(case.this).items():
        if scope is not Scope.ALL:
            # Several destinations are one thing that somebody may split, so theirs are added up.
            counted = counted_sat(case, scope, key, size_sat, after_at=after_at)
            sums[scope] = sums.get(scope, 0) + counted
    return Sat(max(sums.values()))


def _price(rule: Price | Off, case: Case) -> tuple[Jpy | None, Finding | None]:
    wallet_id = case.wallet.wallet_id
    if isinstance(rule, Off):
        return None, finding("passes.price_not_used", wallet_id)
    fresh: dict[str, int] = {}
    for quote in case.claims.prices:
        age_seconds = (case.asked_at - quote.quoted_at).total_seconds()
        if 0 <= age_seconds <= rule.age_max_seconds and quote.price_jpy > 0:
            fresh[quote.source] = max(quote.price_jpy, fresh.get(quote.source, 0))
    if len(fresh) < rule.sources_min:
        return None, finding(
            "passes.price_sources_too_few",
            wallet_id,
            sources=len(fresh),
            needed=rule.sources_min,
            age_max_seconds=rule.age_max_seconds,
        )
    low, high = min(fresh.values()), max(fresh.values())
    if (high - low) * 10_000 > rule.spread_max_bps * low:
        return None, finding(
            "passes.price_sources_differ",
            wallet_id,
            low_jpy=low,
            high_jpy=high,
            spread_max=percent(rule.spread_max_bps),
        )
    return Jpy(high), None


def _customers(case: Case) -> tuple[Sat | None, Finding | None]:
    claimed: dict[str, int] = {}
    for balance in case.claims.balances:
        if balance.wallet_id in claimed or balance.wallet_id not in case.wallets:
            return None, finding("passes.balance_unclear", balance.wallet_id)
        claimed[balance.wallet_id] = balance.amount_sat
    customers = [
        each.wallet_id
        for each in case.wallets.values()
        if each.segregation is Segregation.CUSTOMER
    ]
    if missing := [each for each in customers if each not in claimed]:
        return None, finding("passes.balance_missing", min(missing), others=len(missing) - 1)
    return Sat(sum(claimed[each] for each in customers)), None
