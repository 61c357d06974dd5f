"""One of several gate processes that are all asked at the same moment; run by the race's test."""

from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from gate_world import check, gate_of, memory_in, papers_of

from sekisho.journal.store import open_journal
from sekisho.kernel.finding import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A PSBT and the pass it is shown under."""

    psbt: bytes
    digest: str
    genesis: str


def answer(
    path: Path,
    questions: list[Question],
    runner: int,
    together: Barrier,
    given: "SimpleQueue[tuple[int, int, str]]",
) -> None:
    """Put a gate's answer to each question, all gates being asked each one at once."""
    gate = gate_of(questions[0].genesis, gate_id=f"gate-{runner}")
    with open_journal(path) as journal, memory_in(path.parent, gate) as memory:
        for number, each in enumerate(questions):
            papers = papers_of(gate, memory, tuple(journal.rows()), each.digest)
            together.wait()
            try:
                check(
                    each.psbt,
                    gate,
                    memory,
                    papers,
                    journal=journal,
                    number=1 + runner * 1000 + number,
                )
            except Refused as refused:
                given.put((number, runner, refused.findings[0].code))
            else:
                given.put((number, runner, "cleared"))
