"""A policy pack as a document: TOML as people write it, canonical JSON as a quorum signs it.

Both say the same by the same keys, and reading either is strict. An unknown key, a missing number,
a float, a threshold that can never matter: each is refused with the key that is wrong. Only the
amounts differ: people write `btc`, and the signed form `sat`.
"""

import tomllib
from collections.abc import Callable
from typing import Any, TypeVar, cast

from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.passes.policy.records import (
    AllowList,
    Bound,
    BusinessHours,
    ColdShare,
    Fees,
    FirstTime,
    Isolated,
    Limit,
    LookAlike,
    Off,
    OwnMachineStep,
    Policy,
    Price,
    QuorumStep,
    Single,
    TimeLockStep,
    WalletProof,
)
from sekisho.passes.policy.sense import check_sense
from sekisho.passes.policy.tables import FORMAT, WEEKDAYS, clock, day, read_fields

T = TypeVar("T")
SIZE_MAX_BYTES = 64 * 1024
"""A pack of some hundred rules; TOML readers are not made for megabytes of hostile text."""


def read_pack(toml: bytes, where: str) -> Policy:
    """Return the policy that a TOML file writes.

    Raises `BadInputError` naming the key that is unknown, missing, twice, of the wrong type, or
    that makes no sense beside the others.
    """
    if len(toml) > SIZE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {SIZE_MAX_BYTES} bytes")
    return _sensible(Fields(parse_toml(toml, where), where), where)


def read_policy(document: bytes, where: str) -> Policy:
    """Return the policy in canonical bytes, which must be spelled as `policy_document` does."""
    if len(document) > SIZE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {SIZE_MAX_BYTES} bytes")
    policy = _sensible(Fields(parse_canonical(document, where), where), where)
    if policy_document(policy) != document:
        raise BadInputError(where, "is not spelled as a filed policy is")
    return policy


def policy_digest(document: bytes) -> str:
    """Return the digest that a quorum signs to put these canonical bytes in force: 64 hex."""
    return tagged_digest("policy", document).hex()


def policy_document(policy: Policy) -> bytes:
    """Return the canonical bytes of a policy."""
    offset = policy.utc_offset_minutes
    until_at = policy.effective_until_at
    document: dict[str, Json] = {
        "format": FORMAT,
        "policy_id": policy.policy_id,
        "version": policy.version,
        "title_en": policy.title_en,
        "title_ja": policy.title_ja,
        "utc_offset_minutes": offset,
        "effective_from": day(policy.effective_from_at, offset),
        "effective_until": "" if until_at is None else day(until_at, offset),
        "reference": policy.reference,
        "departments": list(policy.departments),
        "life": {
            "transfer_max_seconds": policy.life.transfer_max_seconds,
            "standing_max_seconds": policy.life.standing_max_seconds,
            "reference": policy.life.reference,
        },
        "quorum": [_quorum(each) for each in policy.quorum],
        "limits": [_limit(each) for each in policy.limits],
        "own_machine": _rules(policy.own_machine, _own_machine),
        "time_lock": _rules(policy.time_lock, _time_lock),
        "allow_list": _rule(policy.allow_list),
        "first_time": _rule(policy.first_time),
        "business_hours": _rule(policy.business_hours),
        "cold_share": _rule(policy.cold_share),
        "look_alike": _rule(policy.look_alike),
        "fees": _rule(policy.fees),
        "price": _rule(policy.price),
        "wallet_proof": _rule(policy.wallet_proof),
        "passkeys": {
            "attested_required": policy.passkeys.attested_required,
            "device_bound_required": policy.passkeys.device_bound_required,
        },
        "witnesses": {
            "needed": policy.witnesses.needed,
            "checkpoint_age_max_seconds": policy.witnesses.checkpoint_age_max_seconds,
        },
        "leases": {
            "age_max_seconds": policy.leases.age_max_seconds,
            "isolated_age_max_seconds": policy.leases.isolated_age_max_seconds,
        },
        "isolated": _isolated(policy.isolated),
    }
    return canonical_bytes(document)


def parse_toml(toml: bytes, where: str) -> Json:
    """Return what a TOML file holds; raises `BadInputError` at `where` if it is none.

    Dates and floats may still be in it. They have no reader in `Fields`, so each is refused there.
    """
    try:
        document: Any = tomllib.loads(toml.decode())
    except UnicodeDecodeError as error:
        raise BadInputError(where, f"is not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(where, f"is not TOML: {str(error)[:200]}") from error
    return cast(Json, document)


def _sensible(fields: Fields, where: str) -> Policy:
    policy = read_fields(fields)
    check_sense(policy, where)
    return policy


def _bound(bound: Bound) -> Json:
    document: dict[str, Json] = {}
    if bound.size_sat is not None:
        document["sat"] = str(bound.size_sat)
    if bound.size_jpy is not None:
        document["jpy"] = str(bound.size_jpy)
    if bound.share_bps is not None:
        document["share_bps"] = bound.share_bps
    return document


def _quorum(step: QuorumStep) -> Json:
    return {
        "purposes": list(step.purposes),
        "tiers": list(step.tiers),
        "levels": list(step.levels),
        "from": _bound(step.least),
        "people": dict(step.people.at_least),
        "reference": step.reference,
    }


def _limit(limit: Limit) -> Json:
    return {
        "scope": limit.scope.value,
        "window": limit.window.value,
        "who": limit.who.value,
        "tiers": list(limit.tiers),
        "most": _bound(limit.most),
        "reference": limit.reference,
    }


def _own_machine(step: OwnMachineStep) -> Json:
    return {
        "tiers": list(step.tiers),
        "from": _bound(step.least),
        "people": step.people,
        "reference": step.reference,
    }


def _time_lock(step: TimeLockStep) -> Json:
    return {
        "tiers": list(step.tiers),
        "from": _bound(step.least),
        "hold_seconds": step.hold_seconds,
        "reference": step.reference,
    }


def _rules(steps: tuple[T, ...] | Off, written: Callable[[T], Json]) -> Json:
    return {"off": steps.reason} if isinstance(steps, Off) else [written(each) for each in steps]


def _isolated(rule: Isolated | Off) -> Json:
    if isinstance(rule, Off):
        return {"off": rule.reason}
    return {"least": {"sat": str(rule.least_sat)}, "reference": rule.reference}


def _rule(rule: Single | Off) -> Json:
    match rule:
        case Off():
            return {"off": rule.reason}
        case AllowList():
            numbers: dict[str, Json] = {
                "tiers": list(rule.tiers),
                "cooling_seconds": rule.cooling_seconds,
            }
        case FirstTime():
            numbers = {
                "new_for_seconds": rule.new_for_seconds,
                "most": _bound(rule.most),
                "extra_people": rule.extra_people,
            }
        case BusinessHours():
            numbers = {
                "weekdays": [WEEKDAYS[each] for each in rule.weekdays],
                "from": clock(rule.from_minute),
                "until": clock(rule.until_minute),
                "outside_most": _bound(rule.most),
                "outside_extra_people": rule.extra_people,
            }
        case ColdShare():
            numbers = {
                "not_cold_max_bps": rule.not_cold_max_bps,
                "unsettled_seconds": rule.unsettled_seconds,
            }
        case LookAlike():
            numbers = {"bits_max": rule.bits_max}
        case Fees():
            numbers = {
                "fee_max": {"sat": str(rule.fee_max_sat)},
                "feerate_max_sat_per_kvb": rule.feerate_max_sat_per_kvb,
            }
        case Price():
            numbers = {
                "sources_min": rule.sources_min,
                "spread_max_bps": rule.spread_max_bps,
                "age_max_seconds": rule.age_max_seconds,
            }
        case WalletProof():
            numbers = {"tiers": list(rule.tiers)}
    return numbers | {"reference": rule.reference}
