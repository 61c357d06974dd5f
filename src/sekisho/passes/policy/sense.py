"""Does a pack make sense as a whole? What could never hold, or holds nothing, is refused.

A number that was mistyped by a digit is usually nonsense beside another: a day's limit below that
of one pass, a step that asks for no more than the one before it.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations, groupby
from typing import TypeVar

from sekisho.kernel.errors import BadInputError
from sekisho.passes.policy.records import (
    ANY_PURPOSE,
    Bound,
    BusinessHours,
    FirstTime,
    Life,
    Limit,
    Off,
    OwnMachineStep,
    Policy,
    QuorumStep,
    TimeLockStep,
    Who,
    Window,
)
from sekisho.wallets.records import Level, Tier

Step = TypeVar("Step", QuorumStep, OwnMachineStep, TimeLockStep)
_LONGER = {Window.PASS: 0, Window.HOUR: 1, Window.DAY: 2}


def check_sense(policy: Policy, where: str) -> None:
    """Raise `BadInputError` naming the key that makes no sense beside the others."""
    until_at = policy.effective_until_at
    if until_at is not None and until_at <= policy.effective_from_at:
        raise BadInputError(f"{where}.effective_until", "is not after effective_from")
    _check_quorum(policy, f"{where}.quorum")
    _check_limits(policy.limits, f"{where}.limits")
    if not isinstance(policy.own_machine, Off):
        _check_ascending(policy.own_machine, f"{where}.own_machine")
    if not isinstance(policy.time_lock, Off):
        _check_ascending(policy.time_lock, f"{where}.time_lock")
        _check_holds(policy.time_lock, policy.life, f"{where}.time_lock")
    hours = policy.business_hours
    if isinstance(hours, BusinessHours) and hours.until_minute <= hours.from_minute:
        raise BadInputError(f"{where}.business_hours.until", "is not after from")
    _check_coins(policy, where)
    if isinstance(policy.price, Off):
        for name, bound in bounds_of(policy):
            if bound.size_jpy is not None:
                raise BadInputError(f"{where}.{name}", "counts in yen, and the rule price is off")


def bounds_of(policy: Policy) -> list[tuple[str, Bound]]:
    """Return every size that the pack names, with the table where it stands."""
    found = [(f"quorum[{i}].from", step.least) for i, step in enumerate(policy.quorum)]
    found += [(f"limits[{i}].most", limit.most) for i, limit in enumerate(policy.limits)]
    if not isinstance(policy.own_machine, Off):
        found += [(f"own_machine[{i}].from", s.least) for i, s in enumerate(policy.own_machine)]
    if not isinstance(policy.time_lock, Off):
        found += [(f"time_lock[{i}].from", s.least) for i, s in enumerate(policy.time_lock)]
    if isinstance(policy.first_time, FirstTime):
        found.append(("first_time.most", policy.first_time.most))
    if isinstance(policy.business_hours, BusinessHours):
        found.append(("business_hours.outside_most", policy.business_hours.most))
    return found


def _check_coins(policy: Policy, where: str) -> None:
    """Refuse a size that is known only by what requesters claim: they would claim more coins.

    Steps of a quorum start from 0 for everything, so no claim takes all of them away.
    """
    for name, bound in bounds_of(policy):
        if bound.size_sat is None and not name.startswith("quorum["):
            raise BadInputError(
                f"{where}.{name}",
                "is known only by prices or balances that a requester claims: add btc or sat",
            )


def _check_holds(steps: Sequence[TimeLockStep], life: Life, where: str) -> None:
    for index, step in enumerate(steps):
        if step.hold_seconds >= life.transfer_max_seconds:
            raise BadInputError(
                f"{where}[{index}].hold_seconds", "outlasts life.transfer_max_seconds"
            )


def _check_quorum(policy: Policy, where: str) -> None:
    used: set[str] = set()
    for index, step in enumerate(policy.quorum):
        departments = {department for department, _ in step.people.at_least}
        used |= departments
        if unknown := departments - set(policy.departments):
            raise BadInputError(
                f"{where}[{index}].people", f"{min(unknown)!r} is not one of departments"
            )
        if len(departments) < 2:
            raise BadInputError(f"{where}[{index}].people", "is a quorum of a single department")
    if idle := set(policy.departments) - used:
        raise BadInputError(where, f"never asks the department {min(idle)!r}")
    for tier in Tier:
        for level in Level:
            if not any(_starts(step, tier, level) for step in policy.quorum):
                raise BadInputError(
                    where, f"has no step from 0 for every purpose of {tier} wallets, {level}"
                )
    _check_ascending(policy.quorum, where)


def _starts(step: QuorumStep, tier: Tier, level: Level) -> bool:
    return (
        step.purposes == (ANY_PURPOSE,)
        and tier in step.tiers
        and level in step.levels
        and step.least.size_sat == 0
    )


def _selects(step: Step) -> tuple[tuple[str, ...], ...]:
    """Return for what the step is: steps for the same are compared with each other."""
    if isinstance(step, QuorumStep):
        return (step.purposes, step.tiers, step.levels)
    return (step.tiers,)


def _check_ascending(steps: Sequence[Step], where: str) -> None:
    """Refuse steps for the same wallets that do not rise from one to the next."""
    for (lower, low), (higher, high) in combinations(enumerate(steps), 2):
        if _selects(low) != _selects(high):
            continue
        if not _is_above(low.least, high.least):
            raise BadInputError(f"{where}[{higher}].from", f"is not above that of step {lower}")
        if _asks(high) <= _asks(low):
            raise BadInputError(f"{where}[{higher}]", "asks for no more than the step below it")


def _asks(step: QuorumStep | OwnMachineStep | TimeLockStep) -> int:
    """Return how much a step asks for, in people or in seconds."""
    match step:
        case QuorumStep():
            return sum(number for _, number in step.people.at_least)
        case OwnMachineStep():
            return step.people
        case TimeLockStep():
            return step.hold_seconds


def _is_above(low: Bound, high: Bound) -> bool:
    """Is the one threshold above the other in every unit that both have?"""
    pairs = zip(_units(low), _units(high), strict=True)
    shared = [a < b for a, b in pairs if a is not None and b is not None]
    return all(shared) and (low.size_sat == 0 or bool(shared))


def _units(bound: Bound) -> tuple[int | None, int | None, int | None]:
    return (bound.size_sat, bound.size_jpy, bound.share_bps)


def _check_limits(limits: Sequence[Limit], where: str) -> None:
    for who in Who:
        for tier in Tier:
            if not any(each.who is who and tier in each.tiers for each in limits):
                raise BadInputError(where, f"has none for {who} moving from {tier} wallets")
    numbered = enumerate(limits)
    same = sorted(numbered, key=lambda each: (each[1].scope, each[1].who, each[0]))
    for _, group in groupby(same, key=lambda each: (each[1].scope, each[1].who)):
        _check_windows(list(group), where)


def _check_windows(limits: Iterable[tuple[int, Limit]], where: str) -> None:
    """Refuse limits of one count that cover a wallet twice, or where the longer window is less."""
    for (_, one), (index, other) in combinations(limits, 2):
        if not set(one.tiers) & set(other.tiers):
            continue
        if one.window is other.window:
            raise BadInputError(
                f"{where}[{index}]", "stands beside another for the same count, window and tier"
            )
        short, long = sorted((one, other), key=lambda each: _LONGER[each.window])
        pairs = zip(_units(short.most), _units(long.most), strict=True)
        if any(a is not None and b is not None and b < a for a, b in pairs):
            raise BadInputError(
                f"{where}[{index}].most",
                f"lets less leave in one {long.window} than in one {short.window}",
            )
