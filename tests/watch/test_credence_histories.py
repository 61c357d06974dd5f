"""Histories at random: rosters rotate, people are suspended, policies change, a server reorders.

Whatever came before, gate and watcher allow the same passes and the same children, and see the
same roster, policy and wallets in force.
"""

from collections import Counter

from credence_agreed import agreed
from credence_world import Story
from hypothesis import event, given, settings
from hypothesis import strategies as st
from world_people import NOW

from sekisho.watch.credence import Credence

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)
STEPS = 22


def told(seed: int) -> tuple[Story, Credence]:
    story = Story(seed)
    story.go_on(STEPS)
    return story, agreed(story.evidence, story.world.genesis_digest)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_gate_and_watcher_come_to_one_answer(seed: int) -> None:
    story, credence = told(seed)
    event(f"{len(story.register.rosters)} rosters")
    event(f"suspended somebody: {bool(story.register.suspensions)}")
    event(f"transfers believed: {bool(credence.believed)}")
    event(f"children believed: {bool(credence.children)}")


def test_the_histories_hold_what_they_are_about() -> None:
    """A difference could hide in histories in which nothing ever comes true."""
    met: Counter[str] = Counter()
    for seed in range(8):
        story, credence = told(seed)
        met["rotated"] += len(story.register.rosters) > 1
        met["suspended"] += bool(story.register.suspensions)
        met["believed"] += bool(credence.believed)
        met["doubted"] += bool(credence.doubted)
        met["children"] += bool(credence.children)
        met["adopted a policy again"] += story.register.policy_digest != ""
    assert min(met.values()) > 0
    assert len(met) == 6


def test_the_end_of_a_history_is_judged_at_any_time() -> None:
    story = Story(5)
    story.go_on(STEPS)
    for at in (NOW, story.register.roster.expires_at):
        agreed(story.evidence, story.world.genesis_digest, now=at)
