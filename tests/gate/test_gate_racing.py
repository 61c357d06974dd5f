from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from gate_psbts import psbt_of
from gate_racing import Question, answer
from gate_scene import CHANGE_SAT, Scene, scene
from gate_tampered_transactions import change, outputs
from world import World, approve, ask, digest_of, journal_in

from sekisho.journal.store import open_journal
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED, clearances
from sekisho.passes.records import Pass

PASSES = 6
RUNNERS = 2


def question(setting: Scene, asked: Pass, runner: int) -> Question:
    """Return what one gate is asked: each gets another transaction that the pass allows."""
    unsigned = outputs(setting, {3: change(setting, CHANGE_SAT + runner)})
    return Question(
        psbt=psbt_of(unsigned, setting.coins),
        digest=digest_of(asked),
        genesis=setting.world.genesis_digest,
    )


def several_passes(setting: Scene) -> tuple[World, list[Pass]]:
    world, passes = setting.registered, []
    for number in range(PASSES):
        asked = replace(setting.asked, purpose=f"pay what is owed, {number}")
        world = approve(ask(world, asked), asked)
        passes.append(asked)
    return world, passes


def test_of_two_gates_asked_at_once_about_two_transactions_one_says_yes(tmp_path: Path) -> None:
    setting = scene()
    world, passes = several_passes(setting)
    journal_in(tmp_path, world).close()
    path = tmp_path / "journal.db"
    spawned = get_context("spawn")
    together = spawned.Barrier(RUNNERS, timeout=60)
    given: SimpleQueue[tuple[int, int, str]] = spawned.SimpleQueue()
    gates = [
        spawned.Process(
            target=answer,
            args=(
                path,
                [question(setting, each, runner) for each in passes],
                runner,
                together,
                given,
            ),
        )
        for runner in range(RUNNERS)
    ]
    for gate in gates:
        gate.start()
    answers = sorted(given.get() for _ in range(PASSES * RUNNERS))
    for gate in gates:
        gate.join(60)
        assert gate.exitcode == 0
    for number in range(PASSES):
        said = sorted(code for asked, _, code in answers if asked == number)
        assert said == ["cleared", "gate.pass_used"]
    with open_journal(path) as journal:
        kinds = [entry.kind for entry in journal.entries()]
        used = [each.pass_digest for each in clearances(journal.entries())]
    assert sorted(used) == sorted(digest_of(each) for each in passes)
    for runner in range(RUNNERS):
        won = [
            digest_of(passes[at]) for at, by, code in answers if (by, code) == (runner, "cleared")
        ]
        with open_journal(tmp_path / f"gate-{runner}.db") as memory:
            remembered = [each.pass_digest for each in clearances(memory.entries())]
        assert remembered == won, "what was refused is not remembered as let through"
    assert (kinds.count(GATE_CLEARED), kinds.count(GATE_REFUSED)) == (PASSES, PASSES)
