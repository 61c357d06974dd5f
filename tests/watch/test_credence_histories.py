"""Histories at random: rosters rotate, people are suspended, policies change, a server reorders.

Whatever came before, gate and watcher allow the same passes and the same children, and see the
same roster, policy and wallets in force.
"""

from collections import Counter
from dataclasses import replace

from credence_agreed import agreed
from credence_world import Story
from hypothesis import event, given, settings
from hypothesis import strategies as st
from world_people import NOW

from sekisho.passes.adoption import tally_of
from sekisho.passes.fold import fold
from sekisho.passes.judge import case_of
from sekisho.passes.policy.case import Case
from sekisho.passes.policy.history import History
from sekisho.passes.records import Transfer
from sekisho.watch.credence import Credence
from sekisho.watch.credence_cases import case_of_pass
from sekisho.watch.credence_replay import Replay
from sekisho.watch.credence_statements import heeded

NO_HISTORY = History()

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)
STEPS = 22


def told(seed: int) -> tuple[Story, Credence]:
    story = Story(seed)
    story.go_on(STEPS)
    return story, agreed(story.evidence, story.world.genesis_digest)


def test_a_policy_is_asked_the_same_by_both() -> None:
    """The rules are one, so the case that they judge has to be the same to the last word."""
    compared = 0
    for seed in range(100, 108):
        story = Story(seed)
        story.go_on(STEPS)
        gate = fold(story.evidence, genesis_digest=story.world.genesis_digest)
        mine = Replay(story.world.genesis_digest)
        for each in story.evidence.events:
            mine.take(each)
        for digest, known in gate.passes.items():
            action, wallet = known.asked.action, gate.wallets.get("hot-1")
            if not isinstance(action, Transfer) or wallet is None:
                continue
            theirs = case_of(gate, digest, action, wallet=wallet, heard=tally_of(gate, digest))
            hearing = heeded(mine.voices[digest], known.asked, mine.view.posts, mine.view.passkeys)
            ours = case_of_pass(
                mine.view, mine.ledger, digest, known.asked, wallet=wallet, hearing=hearing
            )
            assert without_history(ours) == without_history(theirs)
            compared += 1
    assert compared > 20


def without_history(case: Case) -> Case:
    """Return a case without the names that only one of both gives: key sets and the history."""
    return replace(case, history=NO_HISTORY, this=replace(case.this, key_set=""))


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
