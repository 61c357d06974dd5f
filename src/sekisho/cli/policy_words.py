"""A policy pack in words, rule by rule, as `sekisho policy show` prints it."""

from collections.abc import Iterable, Sequence

from sekisho.kernel.money import format_btc
from sekisho.passes.policy.records import (
    AllowList,
    BusinessHours,
    ColdShare,
    Fees,
    FirstTime,
    LookAlike,
    Off,
    Policy,
    Price,
    Single,
    WalletProof,
)
from sekisho.passes.policy.tables import WEEKDAYS, clock
from sekisho.passes.policy.weigh import percent, size

Rows = Sequence[tuple[str, str]]


def rules_of(policy: Policy) -> Iterable[tuple[str, Rows]]:
    """Yield each rule of a pack with its numbers in words."""
    yield (
        "life",
        [
            ("transfer, at most", f"{policy.life.transfer_max_seconds} s"),
            ("standing pass, at most", f"{policy.life.standing_max_seconds} s"),
            ("answers to", policy.life.reference),
        ],
    )
    for step in policy.quorum:
        people = ", ".join(f"{name} {number}" for name, number in step.people.at_least)
        yield (
            "quorum",
            [
                ("purposes", ", ".join(step.purposes)),
                ("wallets", f"{', '.join(step.tiers)}; {', '.join(step.levels)}"),
                ("from", size(step.least)),
                ("people", people),
                ("answers to", step.reference),
            ],
        )
    for limit in policy.limits:
        yield (
            f"limits.{limit.window}.{limit.scope}",
            [
                ("who", limit.who),
                ("wallets", ", ".join(limit.tiers)),
                ("at most", size(limit.most)),
                ("answers to", limit.reference),
            ],
        )
    yield from _steps(policy)
    for name in (
        "allow_list",
        "first_time",
        "business_hours",
        "cold_share",
        "look_alike",
        "fees",
        "price",
        "wallet_proof",
    ):
        yield name, _rule(getattr(policy, name))
    yield from _proof(policy)


def _proof(policy: Policy) -> Iterable[tuple[str, Rows]]:
    yield (
        "passkeys",
        [
            ("attested", _yes(required=policy.passkeys.attested_required)),
            ("device-bound", _yes(required=policy.passkeys.device_bound_required)),
        ],
    )
    yield (
        "witnesses",
        [
            ("needed", str(policy.witnesses.needed)),
            ("checkpoint", f"at most {policy.witnesses.checkpoint_age_max_seconds} s old"),
        ],
    )


def _steps(policy: Policy) -> Iterable[tuple[str, Rows]]:
    if isinstance(policy.own_machine, Off):
        yield "own_machine", [("off", policy.own_machine.reason)]
    else:
        for own in policy.own_machine:
            wallets, least = ", ".join(own.tiers), size(own.least)
            yield (
                "own_machine",
                [
                    ("wallets", wallets),
                    ("from", least),
                    ("people", str(own.people)),
                    ("answers to", own.reference),
                ],
            )
    if isinstance(policy.time_lock, Off):
        yield "time_lock", [("off", policy.time_lock.reason)]
    else:
        for lock in policy.time_lock:
            wallets, least = ", ".join(lock.tiers), size(lock.least)
            yield (
                "time_lock",
                [
                    ("wallets", wallets),
                    ("from", least),
                    ("hold", f"{lock.hold_seconds} s"),
                    ("answers to", lock.reference),
                ],
            )


def _rule(rule: Single | Off) -> Rows:
    match rule:
        case Off():
            return [("off", rule.reason)]
        case AllowList():
            wallets = ", ".join(rule.tiers) or "none; it only says who is known"
            numbers = [("required of", wallets), ("cooling", f"{rule.cooling_seconds} s")]
        case FirstTime():
            numbers = [
                ("new for", f"{rule.new_for_seconds} s"),
                ("at most", size(rule.most)),
                ("more people", str(rule.extra_people)),
            ]
        case BusinessHours():
            days = ", ".join(WEEKDAYS[each] for each in rule.weekdays)
            numbers = [
                ("hours", f"{days}, {clock(rule.from_minute)} to {clock(rule.until_minute)}"),
                ("outside, at most", size(rule.most)),
                ("outside, more people", str(rule.extra_people)),
            ]
        case ColdShare():
            numbers = [
                ("not cold, at most", percent(rule.not_cold_max_bps)),
                ("unsettled for", f"{rule.unsettled_seconds} s"),
            ]
        case LookAlike():
            numbers = [("refused from", f"{rule.bits_max} bits")]
        case Fees():
            numbers = [
                ("fee, at most", f"{format_btc(rule.fee_max_sat)} BTC"),
                ("feerate, at most", f"{rule.feerate_max_sat_per_kvb:,} sat/kvB"),
            ]
        case Price():
            numbers = [
                ("sources", f"at least {rule.sources_min}"),
                ("apart", f"at most {percent(rule.spread_max_bps)}"),
                ("age", f"at most {rule.age_max_seconds} s"),
            ]
        case WalletProof():
            numbers = [("required of", ", ".join(rule.tiers))]
    return [*numbers, ("answers to", rule.reference)]


def _yes(*, required: bool) -> str:
    return "required" if required else "not required"
