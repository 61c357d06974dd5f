"""A time lock that nobody waited for, and passes taken back after the gate let them through."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from gate_scene import HOT, Scene, scene
from watch_lookout import Lookout, after_clearing, cheaper, codes_of, lookout
from world import World, cleared, under_policy, void
from world_people import NOW
from world_policy import OPEN_POLICY

from sekisho.watch.records import VerdictKind
from sekisho.watch.state import by_anchor

MINUTE = timedelta(minutes=1)
STRICTER = replace(OPEN_POLICY, policy_id="another")


def watcher(setting: Scene, world: World, *, held_until_at: datetime | None = None) -> Lookout:
    seen = lookout(world, [setting.wallet, HOT], setting.coins.previous)
    passes = tuple(replace(each, held_until_at=held_until_at) for each in seen.state.passes)
    state = replace(seen.state, passes=passes, by_anchor=by_anchor(passes))
    return replace(seen, state=state)


@pytest.mark.parametrize(
    ("cleared_after", "seen_after", "kind"),
    [
        (None, -1, VerdictKind.DEVIATING),
        (None, 0, VerdictKind.MATCHED),
        (-1, 5, VerdictKind.DEVIATING),
        (-1, -1, VerdictKind.DEVIATING),
        (0, 0, VerdictKind.MATCHED),
        (1, 5, VerdictKind.MATCHED),
    ],
)
def test_who_goes_before_the_time_lock_ends_is_seen(
    cleared_after: int | None, seen_after: int, kind: VerdictKind
) -> None:
    setting, until = scene(), NOW
    world = setting.world
    if cleared_after is not None:
        world = after_clearing(setting, at=until + cleared_after * MINUTE)
    sees = watcher(setting, world, held_until_at=until)
    sees = replace(sees, state=replace(sees.state, view_at=until + seen_after * MINUTE))
    verdict = sees.verdict(setting.unsigned, at=until + seen_after * MINUTE)
    assert verdict.kind is kind
    assert ("watch.time_locked" in codes_of(verdict)) == (kind is VerdictKind.DEVIATING)


def test_what_was_let_through_under_a_former_policy_is_told_and_no_alarm() -> None:
    setting = scene()
    sees = watcher(setting, under_policy(after_clearing(setting), STRICTER))
    verdict = sees.verdict(setting.unsigned)
    assert verdict.kind is VerdictKind.MATCHED
    assert codes_of(verdict) == ["watch.allowed_before"]


def test_nothing_else_leaves_under_a_pass_of_a_former_policy() -> None:
    setting = scene()
    let_through = after_clearing(setting)
    changed = under_policy(setting.world, STRICTER)
    for world, transaction in (
        (under_policy(let_through, STRICTER), cheaper(setting)),
        (changed, setting.unsigned),
        (cleared(changed, setting.asked, setting.unsigned), setting.unsigned),
        (void(let_through, setting.asked), setting.unsigned),
    ):
        verdict = watcher(setting, world).verdict(transaction)
        assert verdict.kind in {VerdictKind.UNMATCHED, VerdictKind.REUSED}
        assert "watch.pass_not_allowed" in codes_of(verdict)
