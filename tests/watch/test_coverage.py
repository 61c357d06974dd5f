from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from feed_world import name

from sekisho.journal.entries import seal
from sekisho.journal.records import GENESIS, Draft, Entry
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import finding
from sekisho.watch.coverage import (
    COVERED_EVERY,
    WATCH_BLIND,
    WATCH_COVERED,
    WATCH_SEEING,
    Coverage,
    blind_body,
    coverage_document,
    coverage_of,
    covered_body,
    first_coverage,
    is_told_due,
    read_coverage,
    seeing_body,
    told,
)
from sekisho.watch.feed_records import Header

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
TIP = Header(hash=name("tip"), prev_hash=name("before"), height=900_000)
MINUTE = timedelta(minutes=1)
SEEN: Coverage = replace(
    first_coverage(NOW), proven_at=NOW + MINUTE, nodes=("tokyo",), headers=(TIP,)
)


def entries(*told: tuple[str, dict[str, Json]]) -> Sequence[Entry]:
    return [
        seal(
            Draft(entry_id=f"{place:026}", at=NOW, kind=kind, actor="watch", body=body),
            seq=place,
            prev_hash=GENESIS,
        )
        for place, (kind, body) in enumerate(told, 1)
    ]


def test_the_file_says_all_that_is_known() -> None:
    data = canonical_bytes(coverage_document(SEEN))
    assert read_coverage(Fields(parse_canonical(data, "file"), "file")) == SEEN


@pytest.mark.parametrize("name", sorted(coverage_document(SEEN)))
def test_a_file_without_one_of_it_is_damaged(name: str) -> None:
    document = {key: each for key, each in coverage_document(SEEN).items() if key != name}
    with pytest.raises(BadInputError):
        read_coverage(Fields(document, "file"))


def test_without_a_word_in_the_journal_nothing_is_known() -> None:
    assert coverage_of([]) is None
    assert coverage_of(entries(("note.made", {}))) is None
    assert coverage_of(entries((WATCH_COVERED, {"from": "yesterday"}))) is None


def test_the_journal_alone_says_how_far_it_was_seen() -> None:
    covered = covered_body(SEEN, TIP, first_height=899_990)
    found = coverage_of(entries((WATCH_COVERED, covered)))
    assert found is not None
    assert (found.since_at, found.proven_at, found.blind) == (NOW, NOW + MINUTE, False)
    assert [each.hash for each in found.headers] == [TIP.hash]
    assert found.nodes == ("tokyo",)


def test_a_blind_interval_stands_with_its_ends() -> None:
    why = [finding("watch.node_unanswered", "tokyo")]
    blind = blind_body(SEEN, TIP, why)
    assert blind["from"] == "2026-11-22T20:01:00Z"
    assert blind["findings_total"] == 1
    later = replace(TIP, height=TIP.height + 3)
    seeing = seeing_body(
        SEEN, later, to_at=NOW + 5 * MINUTE, nodes=("tokyo", "osaka"), complete=True
    )
    assert seeing == {
        "from": "2026-11-22T20:01:00Z",
        "to": "2026-11-22T20:05:00Z",
        "nodes": ["tokyo", "osaka"],
        "blocks": 3,
        "complete": True,
        "tip": {"hash": TIP.hash.hex(), "height": 900_003},
    }
    while_blind = coverage_of(entries((WATCH_BLIND, blind)))
    assert while_blind is not None
    assert (while_blind.blind, while_blind.proven_at) == (True, NOW + MINUTE)
    after = coverage_of(entries((WATCH_BLIND, blind), (WATCH_SEEING, seeing)))
    assert after is not None
    assert (after.blind, after.proven_at, after.since_at) == (
        False,
        NOW + 5 * MINUTE,
        NOW + MINUTE,
    )


def test_of_a_first_sight_no_block_is_counted_as_missed() -> None:
    body = seeing_body(first_coverage(NOW), TIP, to_at=NOW, nodes=(), complete=True)
    assert body["blocks"] == 0


def test_the_journal_is_told_each_hour() -> None:
    assert not is_told_due(SEEN)
    due = replace(SEEN, proven_at=SEEN.told_at + COVERED_EVERY)
    assert is_told_due(due)
    assert not is_told_due(told(due))


def test_what_another_watcher_of_the_journal_saw_is_not_ones_own() -> None:
    ours = {"watcher": "tokyo", **covered_body(SEEN, TIP, first_height=1)}
    theirs = {"watcher": "osaka", **blind_body(replace(SEEN, proven_at=NOW), TIP, [])}
    journal = entries((WATCH_COVERED, ours), (WATCH_BLIND, theirs))
    found = [coverage_of(journal, watcher_id=each) for each in ("tokyo", "osaka", "")]
    assert [each and (each.blind, each.proven_at) for each in found] == [
        (False, SEEN.proven_at),
        (True, NOW),
        None,
    ]
