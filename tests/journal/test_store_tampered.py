from pathlib import Path

import pytest
from journal_files import Location, blob, fill, rows_left, tampered
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
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = 4", "entry_changed"),
        ("UPDATE journal SET hash = 'text' WHERE seq = 4", "entry_changed"),
        ("UPDATE journal SET entry_id = 'x' WHERE seq = 4", "entry_id_differs"),
        ("UPDATE journal SET seq = 400 WHERE seq = 4", "entries_missing"),
        ("UPDATE journal SET seq = 100 - seq", "entry_moved"),
        ("DELETE FROM journal WHERE seq = 4", "entries_missing"),
    ],
)
def test_any_stored_thing_changed_is_found_and_is_never_read(
    location: Location, statement: str, code: str
) -> None:
    fill(location)
    tampered(location, statement)
    with open_journal(location) as store:
        found = audit(store.rows(), kept={})
        assert f"journal.{code}" in {each.code for each in found.findings}
        with pytest.raises(WorldError, match="journal verify"):
            list(store.entries())


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE journal SET document = 7 WHERE seq = 4", "entry_unreadable"),
        ("UPDATE journal SET hash = 1000000000000 WHERE seq = 4", "entry_changed"),
        (
            "UPDATE journal SET entry_id = CAST(x'ff' AS TEXT) WHERE seq = 4",
            "entry_id_differs",
        ),
    ],
)
def test_a_thing_of_another_type_is_found_and_is_never_read(
    path: Path, statement: str, code: str
) -> None:
    """What only SQLite lets stand in a column."""
    test_any_stored_thing_changed_is_found_and_is_never_read(path, statement, code)


LOOSENED = (
    "CREATE TABLE copy (seq INTEGER PRIMARY KEY, entry_id, hash, document)",
    "INSERT INTO copy SELECT * FROM journal",
    "DROP TABLE journal",
    "ALTER TABLE copy RENAME TO journal",
)
LOOSENED_ON_A_SERVER = [
    f"ALTER TABLE journal ALTER {column} DROP NOT NULL"
    for column in ("entry_id", "hash", "document")
]


def test_a_column_that_is_null_is_found(location: Location) -> None:
    fill(location)
    tampered(
        location,
        *(LOOSENED if isinstance(location, Path) else LOOSENED_ON_A_SERVER),
        "UPDATE journal SET entry_id = NULL WHERE seq = 2",
        "UPDATE journal SET hash = NULL WHERE seq = 4",
        "UPDATE journal SET document = NULL WHERE seq = 6",
    )
    with open_journal(location) as store:
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
def test_nothing_is_chained_to_a_last_entry_that_was_changed(
    location: Location, statement: str
) -> None:
    fill(location)
    tampered(location, statement)
    with open_journal(location) as store:
        with pytest.raises(WorldError, match="journal verify"):
            store.append(a_draft(10))
        with pytest.raises(WorldError, match="journal verify"):
            store.last()
    assert rows_left(location) == 9


def test_a_journal_that_was_cut_below_what_a_reader_has_seen(location: Location) -> None:
    fill(location)
    tampered(location, "DELETE FROM journal WHERE seq > 6")
    with open_journal(location) as store, pytest.raises(WorldError, match="entry 9 is no longer"):
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
    location: Location, statement: str
) -> None:
    fill(location)
    tampered(location, statement)
    with open_journal(location) as store, pytest.raises(WorldError):
        list(store.entries(after_seq=4))


def test_a_reader_that_resumes_is_held_to_the_entry_it_had_seen(location: Location) -> None:
    """The entry resumed from was replaced, with its hash: the one after no longer follows."""
    fill(location)
    forged = chain(4, story="forged", after=chain(3))[3]
    hash_, document = blob(location, forged.hash), blob(location, forged.document)
    columns = f"entry_id = '{forged.entry_id}', hash = {hash_}, document = {document}"
    tampered(location, f"UPDATE journal SET {columns} WHERE seq = 4")  # noqa: S608 - ours
    with open_journal(location) as store, pytest.raises(WorldError, match="does not follow"):
        list(store.entries(after_seq=4))


def test_a_value_larger_than_any_entry_does_not_fill_the_memory(path: Path) -> None:
    fill(path)
    tampered(path, "UPDATE journal SET document = zeroblob(20000000) WHERE seq = 4")
    with open_journal(path) as store, pytest.raises(WorldError, match="larger than any entry"):
        audit(store.rows(), kept={})
