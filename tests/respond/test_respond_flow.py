from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dmm_world import asked_for
from world import journal_in, record
from world_people import NOW

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.drills.dmm_2024 import facts
from sekisho.journal.records import Entry
from sekisho.journal.store import JournalStore, open_journal
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.respond.flow import INCIDENT_OPENED, open_incident
from sekisho.respond.incident import incident_document, valued_as, valued_at
from sekisho.respond.records import Incident, Signatures, Valuation
from sekisho.watch.flow import Judged, judge_parsed, open_watch

AMOUNT_SAT, FEE_SAT = Sat(450_290_000_000), Sat(10_000_000)
VALUATIONS = (
    valued_as(
        AMOUNT_SAT,
        FEE_SAT,
        amount_jpy=facts.PUBLISHED_JPY,
        source=facts.PUBLISHED_SOURCE,
        at=facts.DETECTED_AT,
    ),
    valued_at(
        AMOUNT_SAT,
        FEE_SAT,
        price_jpy=facts.MARKET_JPY,
        source=facts.MARKET_SOURCE,
        at=facts.MARKET_AT,
    ),
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalStore]:
    with journal_in(tmp_path, asked_for()[0]) as opened:
        yield opened


def judged(
    journal: JournalStore, transaction: Transaction, *, seen: tuple[Transaction, ...]
) -> Judged:
    genesis = asked_for()[0].genesis_digest
    watch = open_watch(journal, seen, genesis_digest=genesis, now=NOW)
    found = judge_parsed(watch, transaction, now=NOW)
    assert found is not None
    return found


def opened(
    journal: JournalStore, found: Judged, valuations: tuple[Valuation, ...] = VALUATIONS
) -> Incident:
    return open_incident(
        journal, found.movement, found.verdict, recognised=found.entry, valuations=valuations
    )


def incidents(journal: JournalStore) -> list[Entry]:
    return [each for each in journal.entries() if each.kind == INCIDENT_OPENED]


def test_an_incident_stands_in_the_journal_as_it_is_returned(
    journal: JournalStore, tmp_path: Path
) -> None:
    found = judged(journal, facts.outflow(), seen=(facts.funding(),))
    incident = opened(journal, found)
    with open_journal(tmp_path / "journal.db") as elsewhere:
        [entry] = incidents(elsewhere)
    assert entry.entry_id == incident.incident_id
    assert entry.body == incident_document(incident)
    assert entry.actor == "respond"


def test_what_the_outflow_came_to(journal: JournalStore) -> None:
    _, asked = asked_for()
    found = judged(journal, facts.outflow(), seen=(facts.funding(),))
    incident = opened(journal, found)
    assert (incident.txid, incident.verdict) == (facts.OUTFLOW_TXID, "deviating")
    assert (incident.pass_id, incident.wallet_ids) == (asked.pass_id, ("storage-1",))
    assert incident.findings == found.verdict.findings
    assert incident.signatures == Signatures(
        inputs=9, understood=True, threshold=2, keys=3, signed_positions=(0, 1), invalid=0
    )
    assert (incident.recognised_at, incident.recognised_by) == (
        found.entry.at,
        found.entry.hash.hex(),
    )


def test_what_left_and_what_miners_got_are_never_one_number(journal: JournalStore) -> None:
    found = judged(journal, facts.outflow(), seen=(facts.funding(),))
    document = incident_document(opened(journal, found))
    assert document["loss"] == {
        "amount_sat": "450290000000",
        "fee_sat": "10000000",
        "valuations": [
            {
                "amount_jpy": "48200000000",
                "fee_jpy": "1070421",
                "price_jpy": "10704212",
                "price_source": facts.PUBLISHED_SOURCE,
                "price_at": "2024-05-31T04:26:00Z",
            },
            {
                "amount_jpy": "48639389196",
                "fee_jpy": "1080179",
                "price_jpy": "10801792",
                "price_source": facts.MARKET_SOURCE,
                "price_at": "2024-05-31T04:00:00Z",
            },
        ],
    }
    assert "450300000000" not in str(document)


def test_opening_an_incident_twice_is_opening_it_once(
    journal: JournalStore, tmp_path: Path
) -> None:
    found = judged(journal, facts.outflow(), seen=(facts.funding(),))
    first = opened(journal, found)
    size = journal.size()
    assert opened(journal, found) == first
    with open_journal(tmp_path / "journal.db") as elsewhere:
        again = judged(elsewhere, facts.outflow(), seen=(facts.funding(),))
        assert opened(elsewhere, again) == first
    assert journal.size() == size


def test_a_price_named_later_does_not_change_what_was_recorded(journal: JournalStore) -> None:
    found = judged(journal, facts.outflow(), seen=(facts.funding(),))
    first = opened(journal, found, valuations=())
    size = journal.size()
    again = opened(journal, found)
    assert again == replace(first, loss=replace(first.loss, valuations=VALUATIONS))
    assert journal.size() == size
    [entry] = incidents(journal)
    assert entry.body == incident_document(first)


def test_an_incident_whose_place_is_taken_is_not_said_to_be_recorded(
    journal: JournalStore, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with journal_in(elsewhere, asked_for()[0]) as foretold:
        found = judged(foretold, facts.outflow(), seen=(facts.funding(),))
        taken = opened(foretold, found).incident_id
    same = judged(journal, facts.outflow(), seen=(facts.funding(),))
    note = record(asked_for()[0], "note.made", {"text": "nothing"}).drafts[-1]
    journal.append(replace(note, entry_id=taken))
    with pytest.raises(Refused, match=r"journal\.id_conflict"):
        opened(journal, same)
    assert incidents(journal) == []


def test_two_verdicts_are_two_incidents(journal: JournalStore) -> None:
    outflow = facts.outflow()
    other = replace(outflow, locktime=1)
    ids = {
        opened(journal, judged(journal, each, seen=(facts.funding(),))).incident_id
        for each in (outflow, other)
    }
    assert len(ids) == len(incidents(journal)) == 2


def test_while_a_coin_is_unproven_neither_fee_nor_signers_are_claimed(
    journal: JournalStore,
) -> None:
    found = judged(journal, facts.outflow(), seen=())
    incident = opened(journal, found, valuations=())
    assert incident.loss.fee_sat is None
    assert incident.signatures == Signatures(
        inputs=0, understood=False, threshold=0, keys=0, signed_positions=(), invalid=0
    )
    document = incident_document(incident)
    assert document["loss"] == {"amount_sat": "450290000000", "fee_sat": "", "valuations": []}
