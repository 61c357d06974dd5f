from collections.abc import Sequence
from dataclasses import replace

import pytest
from feed_world import name
from world import begin, entries_of, record

from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.watch.life_records import (
    WATCH_LIVES,
    Change,
    State,
    lives_body,
    read_changes,
    told_lives,
)
from sekisho.watch.state import WATCH_JUDGED

A, B, BLOCK = (name(each).hex() for each in "ABX")
SEEN = Change(txid=A, state=State.SEEN)
CONFIRMED = Change(txid=A, state=State.CONFIRMED, block_hash=BLOCK, height=7)
DISPLACED = Change(txid=A, state=State.DISPLACED, block_hash=BLOCK, height=8, by_txid=B)


def journal(*bodies: dict[str, Json], judged: Sequence[str] = (A,)) -> tuple[Entry, ...]:
    world = begin()
    for txid in judged:
        world = record(world, WATCH_JUDGED, {"txid": txid, "verdict": "deposit"})
    for body in bodies:
        world = record(world, WATCH_LIVES, body)
    return entries_of(world)


def test_changes_are_read_back_as_they_were_written() -> None:
    changes = (SEEN, CONFIRMED, DISPLACED)
    assert read_changes(journal(lives_body(changes))[-1]) == changes


def test_the_last_change_counts_and_where_it_was_confirmed_is_not_forgotten() -> None:
    entries = journal(lives_body([SEEN, CONFIRMED]), lives_body([DISPLACED]))
    told = told_lives(entries)[A]
    assert (told.last, told.confirmed, told.told_at) == (DISPLACED, CONFIRMED, entries[-1].at)


def test_of_what_was_never_judged_nothing_is_said() -> None:
    assert told_lives(journal(lives_body([SEEN]), judged=())) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"txid": "ab"},
        {"state": "safe"},
        {"state": 1},
        {"height": -2},
        {"height": -1},
        {"block_hash": ""},
        {"block_hash": BLOCK.upper()},
        {"by_txid": "x"},
        {"more": 1},
    ],
    ids=str,
)
def test_an_entry_that_is_out_of_form_says_nothing(wrong: dict[str, Json]) -> None:
    change: dict[str, Json] = {
        "txid": A,
        "state": "confirmed",
        "block_hash": BLOCK,
        "height": 7,
        "by_txid": "",
    }
    assert lives_body([CONFIRMED]) == {"changes": [change]}
    body: dict[str, Json] = {"changes": [{**change, **wrong}]}
    entries = journal(lives_body([SEEN]), body, {}, {"changes": 1})
    with pytest.raises(BadInputError):
        read_changes(entries[-3])
    assert told_lives(entries)[A].last == SEEN


def test_a_block_goes_with_its_height() -> None:
    for wrong in (replace(SEEN, height=3), replace(DISPLACED, block_hash="")):
        with pytest.raises(BadInputError):
            read_changes(journal(lives_body([wrong]))[-1])
