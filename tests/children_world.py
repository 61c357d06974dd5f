"""Children of a standing pass, and what speaks against each."""

from datetime import datetime, timedelta
from typing import Any

from world import (
    World,
    evidence_of,
)
from world_coins import STRANGER, payment
from world_people import NOW
from world_power import (
    child,
    in_force,
    name_of,
    standing_world,
)

from sekisho.passes.leave import leave_of
from sekisho.passes.records import (
    SignedChild,
)
from sekisho.watch.credence import weigh

STANDING_WORLD, STANDING = standing_world()

MINUTE = timedelta(minutes=1)

HOUR = timedelta(hours=1)


def first(*payments: Any, **changes: Any) -> SignedChild:  # noqa: ANN401 - as `child`
    return child(STANDING_WORLD, STANDING, 1, *payments, **changes)


def nth(number: int, amount_sat: int = 10_000, **changes: Any) -> SignedChild:  # noqa: ANN401 - as `child`
    return child(STANDING_WORLD, STANDING, number, payment(STRANGER, amount_sat), **changes)


def why_not(world: World, signed: SignedChild, *, now: datetime = NOW) -> list[str] | None:
    """Return what speaks against a child; None if the register has never heard of it.

    The watcher must believe a child exactly if the gate would allow it as it is issued.
    """
    register_ = in_force(world)
    leave = leave_of(register_, name_of(signed), now=now)
    found = (
        None
        if leave is None
        else sorted({each.code.removeprefix("passes.") for each in leave.findings})
    )
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    timeless = None if found is None else set(found) - {"expired", "not_yet_valid"}
    assert (name_of(signed) in credence.children) == (timeless == set())
    return found
