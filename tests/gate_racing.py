"""One of several gate processes that are all asked at the same moment; run by the race's test."""

from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from world_people import NOW

from sekisho.gate.flow import check_psbt
from sekisho.journal.store import open_journal
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid


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
    with open_journal(path) as journal:
        for number, each in enumerate(questions):
            together.wait()
            try:
                check_psbt(
                    each.psbt,
                    journal=journal,
                    genesis_digest=each.genesis,
                    pass_digest=each.digest,
                    entry_id=make_ulid(NOW, bytes([runner, number, *bytes(8)])),
                    now=NOW,
                )
            except Refused as refused:
                given.put((number, runner, refused.findings[0].code))
            else:
                given.put((number, runner, "cleared"))
