"""One of several processes that record statements at the same moment; the race's test runs it."""

from datetime import datetime
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from sekisho.journal.store import open_journal
from sekisho.passes.flow import open_desk, record_statement
from sekisho.passes.records import SignedApproval


def record_at_once(
    path: Path,
    genesis: str,
    rounds: list[tuple[datetime, list[SignedApproval]]],
    together: Barrier,
    given: "SimpleQueue[tuple[int, bool]]",
) -> None:
    """Record the statements of each round, and put whether its pass was good at the end."""
    with open_journal(path) as journal:
        desk = open_desk(journal, genesis_digest=genesis)
        for number, (now, statements) in enumerate(rounds):
            for each in statements:
                together.wait()
                standing = record_statement(desk, each, now=now)
            given.put((number, not standing.findings))
