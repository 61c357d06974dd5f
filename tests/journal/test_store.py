import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from journal_files import Location, fill, whole
from journal_world import a_draft, chain, rows_of

from sekisho.journal.entries import seal
from sekisho.journal.records import ENTRY_MAX_BYTES, GENESIS
from sekisho.journal.store import JournalStore, open_journal
from sekisho.journal.store_table import SCHEMA, metadata
from sekisho.kernel.canonical import INTEGER_MAX
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused


def test_what_is_appended_is_chained_and_read_back(store: JournalStore) -> None:
    appended = [store.append(a_draft(number)) for number in range(1, 6)]
    assert tuple(appended) == chain(5)
    assert whole(store) == appended
    assert store.last() == appended[-1]
    assert list(store.entries(after_seq=3)) == appended[3:]
    assert list(store.entries(after_seq=5)) == []
    assert list(store.rows()) == rows_of(chain(5))
    assert [row.seq for row in store.rows(after_seq=3)] == [4, 5]


def test_several_are_appended_in_their_order(store: JournalStore) -> None:
    store.append(a_draft(1))
    assert store.append_all([a_draft(number) for number in range(2, 6)]) == chain(5)[1:]
    assert store.append_all([]) == ()
    assert whole(store) == [*chain(5)]


def test_of_several_those_that_are_there_are_not_written_again(store: JournalStore) -> None:
    store.append_all([a_draft(1), a_draft(2)])
    again = [a_draft(2), a_draft(3), a_draft(3), a_draft(1)]
    assert [entry.seq for entry in store.append_all(again)] == [2, 3, 3, 1]
    assert whole(store) == [*chain(3)]


def test_several_are_appended_all_or_none(store: JournalStore) -> None:
    store.append(a_draft(1))
    other = replace(a_draft(1), actor="somebody else")
    for drafts in ([a_draft(2), other], [a_draft(2), replace(a_draft(2), actor="x"), a_draft(3)]):
        with pytest.raises(Refused) as refused:
            store.append_all(drafts)
        assert [each.code for each in refused.value.findings] == ["journal.id_conflict"]
        assert whole(store) == [*chain(1)]
    with pytest.raises(BadInputError):
        store.append_all([a_draft(2), replace(a_draft(3), kind="No Kind")])
    assert whole(store) == [*chain(1)]


def test_an_empty_journal(store: JournalStore) -> None:
    assert (whole(store), store.last(), store.size()) == ([], None, 0)


def test_more_entries_than_one_page(store: JournalStore) -> None:
    for number in range(1, 301):
        store.append(a_draft(number))
    assert [entry.seq for entry in whole(store)] == [*range(1, 301)]
    assert [row.seq for row in store.rows(after_seq=255)][:3] == [256, 257, 258]


def test_a_second_opening_sees_what_the_first_wrote(
    location: Location, store: JournalStore
) -> None:
    with open_journal(location) as other:
        for number in range(1, 9):
            (store if number % 2 else other).append(a_draft(number))
        assert whole(store) == whole(other) == [*chain(8)]


def test_the_file_is_for_its_owner_only(path: Path) -> None:
    with open_journal(path) as store:
        store.append(a_draft(1))
        for file in path.parent.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file.name


def test_a_reader_left_in_the_middle_keeps_nobody_from_writing(store: JournalStore) -> None:
    store.append(a_draft(1))
    reading = store.entries()
    assert next(reading).seq == 1
    store.append(a_draft(2))
    assert [entry.seq for entry in reading] == [2]


def test_what_is_no_draft_is_refused_and_nothing_is_written(store: JournalStore) -> None:
    for draft in (
        replace(a_draft(1), entry_id="no ulid"),
        a_draft(1, body={"x": "x" * ENTRY_MAX_BYTES}),
        a_draft(1, body={"amount": 1.5}),  # type: ignore[dict-item] # what a caller may get wrong
    ):
        with pytest.raises(BadInputError):
            store.append(draft)
    assert whole(store) == []


def test_the_longest_entry_that_is_taken_can_be_read_at_any_place(store: JournalStore) -> None:
    frame = seal(a_draft(1, body={"x": ""}), seq=INTEGER_MAX, prev_hash=GENESIS)
    room = ENTRY_MAX_BYTES - len(frame.document)
    longest = store.append(a_draft(1, body={"x": "x" * room}))
    with pytest.raises(BadInputError, match="larger"):
        store.append(a_draft(2, body={"x": "x" * (room + 1)}))
    assert whole(store) == [longest]


def test_asking_again_returns_the_entry_that_is_there(store: JournalStore) -> None:
    first, second, third = (store.append(a_draft(number)) for number in (1, 2, 3))
    assert store.append(a_draft(1)) == first
    assert store.append(a_draft(2)) == second
    assert store.append(a_draft(3)) == third
    # What is cut to the second is cut before it is compared.
    assert store.append(replace(a_draft(1), at=a_draft(1).at.replace(microsecond=7))) == first
    assert whole(store) == [first, second, third]


def test_other_content_under_the_same_id_is_refused(store: JournalStore) -> None:
    draft = a_draft(1)
    store.append(draft)
    store.append(a_draft(2))
    for other in (
        replace(draft, body={"number": 2}),
        replace(draft, actor="somebody else"),
        replace(draft, kind="passes.approved"),
        replace(draft, at=a_draft(2).at),
    ):
        with pytest.raises(Refused) as refused:
            store.append(other)
        (found,) = refused.value.findings
        assert (found.code, found.subject) == ("journal.id_conflict", draft.entry_id)
        assert dict(found.facts) == {"seq": "1"}
    assert whole(store) == [*chain(2)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET document = x'00' WHERE seq = 1",
        "UPDATE journal SET seq = 9 WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 2",
        "DELETE FROM journal",
        "INSERT OR REPLACE INTO journal SELECT seq, 'another', hash, x'00' FROM journal",
        "INSERT OR REPLACE INTO journal SELECT 3, entry_id, hash, x'00' FROM journal LIMIT 1",
        "INSERT INTO journal VALUES (4, 'gap', x'00', x'00')",
        "INSERT INTO journal VALUES (0, 'before', x'00', x'00')",
        "INSERT INTO journal VALUES (2, 'again', x'00', x'00')",
    ],
)
def test_the_file_refuses_everything_but_adding_at_its_end(path: Path, statement: str) -> None:
    fill(path, 2)
    with (
        closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="journal"),
    ):
        connection.execute(statement)
    with open_journal(path) as store:
        assert whole(store) == [*chain(2)]


def test_full_synchronisation_and_a_write_ahead_log(path: Path) -> None:
    with open_journal(path) as store, store._database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_the_migrations_lead_to_the_table_that_is_used(store: JournalStore) -> None:
    with store._database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA
    config = Config()
    config.set_main_option("script_location", "sekisho.journal:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]
