"""An exchange with a daily limit, and passes that race for it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from world import (
    World,
    digest_of,
    evidence_of,
    register,
    transfer_pass,
    under_policy,
)
from world_coins import payment, stranger
from world_people import DAY, NOW
from world_policy import OPEN_POLICY
from world_power import (
    COINS,
    HOT,
    bound,
    in_force,
    powers,
)

from sekisho.kernel.money import Sat
from sekisho.passes.leave import leave_of
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import (
    Bound,
    Limit,
    Policy,
    Who,
    Window,
)
from sekisho.passes.records import Pass
from sekisho.passes.verify import standing_of
from sekisho.wallets.records import Tier
from sekisho.watch.credence import weigh

HOUR = timedelta(hours=1)

MOST = 100_000


def limit(scope: Scope, window: Window, most_sat: int = MOST, who: Who = Who.PEOPLE) -> Limit:
    return Limit(
        scope=scope,
        window=window,
        who=who,
        tiers=tuple(Tier),
        most=Bound(size_sat=Sat(most_sat)),
        reference="none",
    )


def policy_with(*limits: Limit, **changes: Any) -> Policy:  # noqa: ANN401 - fields of Policy
    return replace(OPEN_POLICY, version=2, limits=(*limits, *OPEN_POLICY.limits), **changes)


def base_under(policy: Policy) -> World:
    return register(under_policy(powers(), policy), HOT)


DAILY = policy_with(limit(Scope.WALLET, Window.DAY))

BASE = base_under(DAILY)


def paying(
    amount_sat: int,
    number: int = 0,
    *,
    base: World = BASE,
    coin: int | None = None,
    **changes: Any,  # noqa: ANN401 - as `transfer_pass`
) -> Pass:
    """Return a transfer of so much to a stranger of its own, anchored on a coin of its own."""
    usual = {"expires_at": NOW + 30 * DAY, "not_before_at": NOW - 30 * DAY}
    return transfer_pass(
        bound(base),
        HOT,
        [payment(stranger(number), amount_sat)],
        COINS[number if coin is None else coin],
        **usual | changes,
    )


def codes(world: World, asked: Pass) -> list[str]:
    """Return the gate's findings; the watcher must believe the pass exactly if there are none."""
    found = standing_of(in_force(world), digest_of(asked)).findings
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    assert (digest_of(asked) in credence.believed) == (not found)
    return [each.code.removeprefix("passes.") for each in found]


def usable(world: World, asked: Pass, now: datetime) -> bool:
    leave = leave_of(in_force(world), digest_of(asked), now=now)
    assert leave is not None
    return not leave.findings


ONE, OTHER = paying(60_000, 0), paying(60_000, 1)
