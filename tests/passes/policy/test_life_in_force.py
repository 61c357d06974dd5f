"""How long an approved pass lives, from the journal to the gate and to the watcher."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from world import World, digest_of, evidence_of, register, transfer_pass, under_policy
from world_coins import payment, stranger
from world_people import DAY, NOW
from world_policy import OPEN_POLICY
from world_power import (
    COINS,
    HOT,
    LIMITS,
    agreed_by,
    bound,
    child,
    in_force,
    issue,
    name_of,
    powers,
    standing_pass,
)

from sekisho.kernel.money import Sat
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import Bound, Life, Limit, Policy, Who, Window
from sekisho.passes.records import Pass
from sekisho.passes.verify import standing_of, time_findings
from sekisho.wallets.records import Tier
from sekisho.watch.credence import weigh

SECOND = timedelta(seconds=1)
MOST = 100_000


def living(transfer: timedelta, standing: timedelta = 366 * DAY) -> Policy:
    """Return a policy with these lives, and a limit of a day for each wallet."""
    life = Life(
        transfer_max_seconds=int(transfer.total_seconds()),
        standing_max_seconds=int(standing.total_seconds()),
        reference="none",
    )
    limit = Limit(
        scope=Scope.WALLET,
        window=Window.DAY,
        who=Who.PEOPLE,
        tiers=tuple(Tier),
        most=Bound(size_sat=Sat(MOST)),
        reference="none",
    )
    return replace(OPEN_POLICY, version=2, life=life, limits=(limit, *OPEN_POLICY.limits))


def base_under(policy: Policy) -> World:
    return register(under_policy(powers(), policy), HOT)


def codes(world: World, asked: Pass, now: datetime) -> list[str]:
    """Return the gate's findings; the watcher believes the pass exactly if it was allowed."""
    standing = standing_of(in_force(world), digest_of(asked))
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=now)
    assert (digest_of(asked) in credence.believed) == (not standing.findings)
    findings = [*standing.findings, *time_findings(standing, now=now)]
    return [each.code.removeprefix("passes.") for each in findings]


def allowed_children(world: World, standing: Pass) -> list[bool]:
    """Return of each batch of children whether the watcher takes it to be allowed."""
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    grants = [each for each in credence.grants if each.signed_digest == digest_of(standing)]
    return [each.allowed for each in grants]


@pytest.mark.parametrize("life", [DAY, 3 * DAY])
@pytest.mark.parametrize("for_later", [False, True], ids=["at-once", "for-later"])
def test_passes_of_many_days_are_not_payable_at_once(life: timedelta, *, for_later: bool) -> None:
    """In one window (1 + life / window) times the limit at most, and never a hoard."""
    world = base_under(living(life))
    last_at = NOW + 6 * DAY
    hoard: list[Pass] = []
    for number in range(6):
        at = NOW + number * DAY + number * SECOND
        asked = transfer_pass(
            bound(world),
            HOT,
            [payment(stranger(number), MOST)],
            COINS[number],
            not_before_at=last_at - DAY if for_later else at,
            expires_at=last_at if for_later else at + life,
        )
        world = agreed_by(world, asked, at=at)
        hoard.append(asked)
    now = last_at - DAY + timedelta(minutes=1)
    good = [each for each in hoard if not codes(world, each, now)]
    assert 0 < len(good) <= life / DAY
    for each in hoard:
        if each not in good:
            assert {"life_too_long", "expired"} & set(codes(world, each, now))


@pytest.mark.parametrize(("more", "expected"), [(0 * SECOND, []), (SECOND, ["life_too_long"])])
def test_a_standing_pass_has_a_life_of_its_own(more: timedelta, expected: list[str]) -> None:
    base = base_under(living(DAY, standing=31 * DAY))
    asked = standing_pass(base, not_before_at=NOW, expires_at=NOW + 31 * DAY + more)
    world = agreed_by(base, asked)
    found = standing_of(in_force(world), digest_of(asked)).findings
    assert [each.code.removeprefix("passes.") for each in found] == expected
    world = issue(world, child(world, asked, 1, payment(stranger(9), 20_000)))
    assert allowed_children(world, asked) == [not expected]


@pytest.mark.parametrize("too_short", [False, True])
def test_a_child_lives_no_longer_than_a_transfer(*, too_short: bool) -> None:
    valid = timedelta(seconds=LIMITS.child_valid_seconds)
    base = base_under(living(valid - SECOND if too_short else valid))
    standing = standing_pass(base)
    world = agreed_by(base, standing)
    signed = child(world, standing, 1, payment(stranger(9), 20_000))
    world = issue(world, signed)
    heard = in_force(world).children[digest_of(standing)][1]
    found = ["passes.life_too_long"] if too_short else []
    assert [each.code for each in heard.findings] == found
    assert (name_of(signed) in in_force(world).committed) is not too_short
    assert allowed_children(world, standing) == [not too_short]
