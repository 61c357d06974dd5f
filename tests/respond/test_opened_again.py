from collections.abc import Iterator
from pathlib import Path

import pytest
from dmm_world import asked_for
from world import journal_in
from world_people import NOW

from sekisho.drills.dmm_2024 import facts
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.respond.flow import INCIDENT_OPENED, open_incident
from sekisho.respond.incident import valued_as
from sekisho.respond.records import Incident
from sekisho.watch.flow import Judged, judge_parsed, open_watch

VALUED = valued_as(
    Sat(450_290_000_000),
    Sat(10_000_000),
    amount_jpy=facts.PUBLISHED_JPY,
    source=facts.PUBLISHED_SOURCE,
    at=facts.DETECTED_AT,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalStore]:
    with journal_in(tmp_path, asked_for()[0]) as opened:
        yield opened


def judged(journal: JournalStore) -> Judged:
    genesis = asked_for()[0].genesis_digest
    watch = open_watch(journal, [facts.funding()], genesis_digest=genesis, now=NOW)
    found = judge_parsed(watch, facts.outflow(), now=NOW)
    assert found is not None
    return found


def opened(journal: JournalStore, *, valued: bool) -> Incident:
    found = judged(journal)
    return open_incident(
        journal,
        found.movement,
        found.verdict,
        recognised=found.entry,
        valuations=[VALUED] if valued else [],
    )


def test_what_is_known_later_neither_opens_a_second_incident_nor_stops_the_search(
    journal: JournalStore,
) -> None:
    first = opened(journal, valued=False)
    again = opened(journal, valued=True)
    assert (again.incident_id, again.loss.valuations) == (first.incident_id, (VALUED,))
    [entry] = [each for each in journal.entries() if each.kind == INCIDENT_OPENED]
    assert entry.body["loss"] == {
        "amount_sat": "450290000000",
        "fee_sat": "10000000",
        "valuations": [],
    }


def test_something_else_under_an_incidents_id_is_no_incident(
    journal: JournalStore, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with journal_in(other, asked_for()[0]) as elsewhere:
        incident_id = opened(elsewhere, valued=False).incident_id
    squatter = Draft(entry_id=incident_id, at=NOW, kind="note.left", actor="x", body={})
    judged(journal)
    journal.append(squatter)
    with pytest.raises(Refused, match="id_conflict"):
        opened(journal, valued=False)
