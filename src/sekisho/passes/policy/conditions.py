"""Rules about when, where to and at what cost, and whether pack, price and wallet are good."""

from sekisho.kernel.finding import finding
from sekisho.kernel.money import format_btc, format_jpy
from sekisho.passes.policy.case import Outcome
from sekisho.passes.policy.outcomes import judged, off, passed_over
from sekisho.passes.policy.records import Off, Policy
from sekisho.passes.policy.weigh import Weighed, is_known, moment
from sekisho.wallets.records import UNPROVEN

EFFECTIVE = "effective"
LIFE = "life"
ALLOW_LIST = "allow_list"
LOOK_ALIKE = "look_alike"
FEES = "fees"
PRICE = "price"
WALLET_PROOF = "wallet_proof"


def effective(policy: Policy, seen: Weighed) -> Outcome:
    """Is it the pack's time? A law that has changed needs a pack that was read again.

    A requester may sign any time, so that of the last approval must be in the pack's time too.
    """
    asked_at, approved_at = seen.case.asked_at, seen.case.judged_at
    from_at, until_at = policy.effective_from_at, policy.effective_until_at
    until = "no end" if until_at is None else moment(until_at)
    inputs = (
        ("asked", moment(asked_at)),
        ("approved", moment(approved_at)),
        ("from", moment(from_at)),
        ("until", until),
    )
    why = None
    if min(asked_at, approved_at) < from_at or (
        until_at is not None and max(asked_at, approved_at) >= until_at
    ):
        why = finding(
            "passes.policy_not_effective",
            policy.policy_id,
            asked_at=moment(asked_at),
            approved_at=moment(approved_at),
            effective_from_at=moment(from_at),
            effective_until_at=until,
        )
    return judged(EFFECTIVE, policy.reference, inputs, why)


def life(policy: Policy, seen: Weighed) -> Outcome:
    """Will it have to be used soon, or can it be hoarded?

    Counted from the earliest of the moments at which it began: a pass that is approved today for
    next month would be payable beside all those approved until then.
    """
    rule, case = policy.life, seen.case
    most_seconds = rule.standing_max_seconds if case.standing else rule.transfer_max_seconds
    begins_at = min(case.not_before_at, case.asked_at, case.judged_at)
    lives_seconds = (case.expires_at - begins_at).total_seconds()
    inputs = (
        ("begins", moment(begins_at)),
        ("expires", moment(case.expires_at)),
        ("at most", f"{most_seconds} s"),
    )
    why = None
    if lives_seconds > most_seconds:
        why = finding(
            "passes.life_too_long",
            case.wallet.wallet_id,
            begins_at=moment(begins_at),
            expires_at=moment(case.expires_at),
            most_seconds=most_seconds,
        )
    return judged(LIFE, rule.reference, inputs, why)


def allow_list(policy: Policy, seen: Weighed) -> Outcome:
    """Has everybody who is paid been on the list for long enough?"""
    rule, case = policy.allow_list, seen.case
    if isinstance(rule, Off):
        return off(ALLOW_LIST, rule)
    if case.wallet.tier not in rule.tiers:
        return passed_over(ALLOW_LIST, rule.reference, f"not for {case.wallet.tier} wallets")
    strangers = [each for each in case.destinations if not is_known(policy, case, each)]
    inputs = (
        ("destinations", str(len(case.destinations))),
        ("not listed long enough", ", ".join(each.address for each in strangers) or "none"),
        ("cooling", f"{rule.cooling_seconds} s"),
    )
    if not strangers:
        return judged(ALLOW_LIST, rule.reference, inputs, None)
    first = strangers[0]
    if first.listed_at is None:
        why = finding("passes.destination_not_listed", first.address, others=len(strangers) - 1)
    else:
        why = finding(
            "passes.destination_cooling",
            first.address,
            listed_at=moment(first.listed_at),
            cooling_seconds=rule.cooling_seconds,
            others=len(strangers) - 1,
        )
    return judged(ALLOW_LIST, rule.reference, inputs, why)


def look_alike(policy: Policy, seen: Weighed) -> Outcome:
    """Is there an unknown address that looks like one that is known?"""
    rule, case = policy.look_alike, seen.case
    if isinstance(rule, Off):
        return off(LOOK_ALIKE, rule)
    alike = [
        each
        for each in case.destinations
        if each.resembles and each.resembles_bits > 0 and not is_known(policy, case, each)
    ]
    worst = max(alike, key=lambda each: each.resembles_bits, default=None)
    if worst is None:
        return passed_over(LOOK_ALIKE, rule.reference, "no destination resembles another")
    inputs = (
        ("destination", worst.address),
        ("resembles", worst.resembles),
        ("bits", str(worst.resembles_bits)),
        ("refused from", f"{rule.bits_max} bits"),
    )
    why = None
    if worst.resembles_bits >= rule.bits_max:
        why = finding(
            "passes.destination_lookalike",
            worst.address,
            resembles=worst.resembles,
            bits=worst.resembles_bits,
            bits_max=rule.bits_max,
        )
    return judged(LOOK_ALIKE, rule.reference, inputs, why)


def fees(policy: Policy, seen: Weighed) -> Outcome:
    """Are the pass's own ceilings for fees low enough?"""
    rule, case = policy.fees, seen.case
    if isinstance(rule, Off):
        return off(FEES, rule)
    inputs = (
        ("fee ceiling", f"{format_btc(case.fee_max_sat)} BTC"),
        ("at most", f"{format_btc(rule.fee_max_sat)} BTC"),
        ("feerate ceiling", f"{case.feerate_max_sat_per_kvb:,} sat/kvB"),
        ("at most", f"{rule.feerate_max_sat_per_kvb:,} sat/kvB"),
    )
    why = None
    if case.fee_max_sat > rule.fee_max_sat:
        why = finding(
            "passes.fee_ceiling_too_high",
            case.wallet.wallet_id,
            fee_max_sat=case.fee_max_sat,
            most_sat=rule.fee_max_sat,
        )
    elif case.feerate_max_sat_per_kvb > rule.feerate_max_sat_per_kvb:
        why = finding(
            "passes.feerate_ceiling_too_high",
            case.wallet.wallet_id,
            feerate_max_sat_per_kvb=case.feerate_max_sat_per_kvb,
            most_sat_per_kvb=rule.feerate_max_sat_per_kvb,
        )
    return judged(FEES, rule.reference, inputs, why)


def price(policy: Policy, seen: Weighed) -> Outcome:
    """Do enough sources agree, lately enough, on what a bitcoin costs?"""
    rule, case = policy.price, seen.case
    if isinstance(rule, Off):
        return off(PRICE, rule)
    quotes = ", ".join(
        f"{each.source} ¥{format_jpy(each.price_jpy)} ({moment(each.quoted_at)})"
        for each in case.claims.prices
    )
    used = "none" if seen.price_jpy is None else f"¥{format_jpy(seen.price_jpy)}, the highest"
    inputs = (("quotes", quotes or "none"), ("used", used))
    return judged(PRICE, rule.reference, inputs, seen.price_flaw)


def wallet_proof(policy: Policy, seen: Weighed) -> Outcome:
    """Have the wallet's key holders proven that they have its keys?"""
    rule, wallet = policy.wallet_proof, seen.case.wallet
    if isinstance(rule, Off):
        return off(WALLET_PROOF, rule)
    if wallet.tier not in rule.tiers:
        return passed_over(WALLET_PROOF, rule.reference, f"not for {wallet.tier} wallets")
    why = None
    if wallet.proof == UNPROVEN:
        why = finding("passes.wallet_unproven", wallet.wallet_id, tier=wallet.tier)
    return judged(WALLET_PROOF, rule.reference, (("proof", wallet.proof),), why)
