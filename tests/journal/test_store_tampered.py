import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from journal_files import fill, rows_left, tampered
from journal_world import a_draft, chain

from sekisho.journal.audit import audit
from sekisho.journal.store import open_journal
from sekisho.kernel.errors import WorldError


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (
            "UPDATE journal SET document = replace(document, '4502', '4503') WHERE seq = 4",
            "entry_changed",
        ),
        ("UPDATE journal SET document = '' WHERE seq = 4", "entry_unreadable"),
        ("UPDATE journal SET document = 7 WHERE seq = 4", "entry_unreadable"),
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = 4", "entry_changed"),
        ("UPDATE journal SET hash = 1000000000000 WHERE seq = 4", "entry_changed"),
        ("UPDATE journal SET hash = 'text' WHERE seq = 4", "entry_changed"),
        ("UPDATE journal SET entry_id = 'x' WHERE seq = 4", "entry_id_differs"),
        (
            "UPDATE journal SET entry_id = CAST(x'ff' AS TEXT) WHERE seq = 4",
            "entry_id_differs",
        ),
        ("UPDATE journal SET seq = 400 WHERE seq = 4", "entries_missing"),
        ("UPDATE journal SET seq = 100 - seq", "entry_moved"),
        ("DELETE FROM journal WHERE seq = 4", "entries_missing"),
    ],
)
def test_any_stored_thing_changed_is_found_and_is_never_read(
    path: Path, statement: str, code: str
) -> None:
    fill(path)
    tampered(path, statement)
    with open_journal(path) as store:
        found = audit(store.rows(), kept={})
        assert f"journal.{code}" in {each.code for each in found.findings}
        with pytest.raises(WorldError, match="journal verify"):
            list(store.entries())


def test_a_column_that_is_null_is_found(path: Path) -> None:
    fill(path)
    tampered(
        path,
        "CREATE TABLE copy (seq INTEGER PRIMARY KEY, entry_id, hash, document)",
        "INSERT INTO copy SELECT * FROM journal",
        "UPDATE copy SET entry_id = NULL WHERE seq = 2",
        "UPDATE copy SET hash = NULL WHERE seq = 4",
        "UPDATE copy SET document = NULL WHERE seq = 6",
        "DROP TABLE journal",
        "ALTER TABLE copy RENAME TO journal",
    )
    with open_journal(path) as store:
        found = {(each.code, dict(each.facts)["entries"]) for each in audit(store.rows(), kept={})
                 .findings}  # fmt: skip
    assert found == {
        ("journal.entry_id_differs", "2"),
        ("journal.entry_changed", "4"),
        ("journal.entry_unreadable", "6"),
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET document = replace(document, '4502', '4503') WHERE seq = 9",
        "UPDATE journal SET hash = zeroblob(32) WHERE seq = 9",
        "UPDATE journal SET seq = 400 WHERE seq = 9",
    ],
)
def test_nothing_is_chained_to_a_last_entry_that_was_changed(path: Path, statement: str) -> None:
    fill(path)
    tampered(path, statement)
    with open_journal(path) as store:
        with pytest.raises(WorldError, match="journal verify"):
            store.append(a_draft(10))
        with pytest.raises(WorldError, match="journal verify"):
            store.last()
    assert rows_left(path) == 9


def test_a_journal_that_was_cut_below_what_a_reader_has_seen(path: Path) -> None:
    fill(path)
    tampered(path, "DELETE FROM journal WHERE seq > 6")
    with open_journal(path) as store, pytest.raises(WorldError, match="entry 9 is no longer"):
        list(store.entries(after_seq=9))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM journal WHERE seq = 4",
        "UPDATE journal SET document = replace(document, '4502', '4503') WHERE seq = 4",
        "UPDATE journal SET hash = zeroblob(32) WHERE seq = 4",
    ],
)
def test_a_reader_does_not_resume_from_an_entry_that_was_changed(
    path: Path, statement: str
) -> None:
    fill(path)
    tampered(path, statement)
    with open_journal(path) as store, pytest.raises(WorldError):
        list(store.entries(after_seq=4))


def test_a_reader_that_resumes_is_held_to_the_entry_it_had_seen(path: Path) -> None:
    """The entry resumed from was replaced, with its hash: the one after no longer follows."""
    fill(path)
    forged = chain(4, story="forged", after=chain(3))[3]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER journal_is_not_edited")
        connection.execute(
            "UPDATE journal SET entry_id = ?, hash = ?, document = ? WHERE seq = 4",
            (forged.entry_id, forged.hash, forged.document),
        )
    with open_journal(path) as store, pytest.raises(WorldError, match="does not follow"):
        list(store.entries(after_seq=4))


def test_a_value_larger_than_any_entry_does_not_fill_the_memory(path: Path) -> None:
    fill(path)
    tampered(path, "UPDATE journal SET document = zeroblob(20000000) WHERE seq = 4")
    with open_journal(path) as store, pytest.raises(WorldError, match="larger than any entry"):
        audit(store.rows(), kept={})
