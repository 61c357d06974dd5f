"""Several processes record at once: a limit lets one of two passes leave, whoever is faster."""

from collections import Counter
from dataclasses import replace
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from desk_racing import record_at_once
from limits_world import BASE, codes, paying
from world import World, digest_of, filed, journal_in, statement
from world_people import DAY, NOW, QUORUM_PEOPLE

from sekisho.journal.records import Draft
from sekisho.journal.store import open_journal
from sekisho.passes.evidence import PASS_ISSUED
from sekisho.passes.records import Decision, Pass, SignedApproval

ROUNDS, RUNNERS = 4, 2


def statements_on(world: World, asked: Pass, number: int, at: datetime) -> list[SignedApproval]:
    """Return what makes the pass complete, under numbers that nobody else takes."""
    said = [(asked.requester, Decision.ASK), *((who, Decision.APPROVE) for who in QUORUM_PEOPLE)]
    return [
        statement(world, who, decision, asked, sequence=100 + number, signed_at=at)
        for who, decision in said
    ]


def test_of_two_passes_raced_for_a_limit_one_leaves(tmp_path: Path) -> None:
    world = BASE
    rounds: list[list[tuple[datetime, list[SignedApproval]]]] = [[] for _ in range(RUNNERS)]
    passes: list[Pass] = []
    for number in range(ROUNDS * RUNNERS):
        asked, at = paying(60_000, number), NOW + 2 * (number // RUNNERS) * DAY
        world = filed(world, asked)
        passes.append(asked)
        rounds[number % RUNNERS].append((at, statements_on(world, asked, number, at)))
    journal_in(tmp_path, world).close()
    path = tmp_path / "journal.db"
    spawned = get_context("spawn")
    together = spawned.Barrier(RUNNERS, timeout=60)
    given: SimpleQueue[tuple[int, bool]] = spawned.SimpleQueue()
    desks = [
        spawned.Process(
            target=record_at_once, args=(path, world.genesis_digest, each, together, given)
        )
        for each in rounds
    ]
    for desk in desks:
        desk.start()
    good = Counter(number for number, is_good in (given.get() for _ in passes) if is_good)
    for desk in desks:
        desk.join(60)
        assert desk.exitcode == 0
    assert good == dict.fromkeys(range(ROUNDS), 1)
    with open_journal(path) as journal:
        entries = tuple(journal.entries())
    issued = [each.body["pass_digest"] for each in entries if each.kind == PASS_ISSUED]
    drafts = tuple(
        Draft(entry_id=each.entry_id, at=each.at, kind=each.kind, actor=each.actor, body=each.body)
        for each in entries
    )
    # Gate and watcher both read the raced journal: `codes` holds the two equal.
    left = [each for each in passes if not codes(replace(world, drafts=drafts), each)]
    assert sorted(map(digest_of, left)) == sorted(map(str, issued))
    assert len(left) == ROUNDS
