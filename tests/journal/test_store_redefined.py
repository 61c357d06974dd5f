"""A journal whose very table was redefined: looked at, it says so, and nothing worse happens."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sekisho.journal.records import Draft
from sekisho.journal.store import create_journal, open_journal
from sekisho.kernel.errors import WorldError
from sekisho.kernel.ulid import make_ulid

AT = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = "entry_id, hash, document"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "journal.sqlite"
    with create_journal(made) as store:
        for number in range(3):
            entry_id = make_ulid(AT, bytes([number]) * 10)
            store.append(Draft(entry_id=entry_id, at=AT, kind="a.b", actor="x", body={}))
    return made


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("'place ' || seq", id="a text, after every number there is"),
        pytest.param("seq + 0.5", id="a fraction"),
        pytest.param("CAST(seq AS BLOB)", id="bytes"),
    ],
)
def test_a_place_that_is_no_number(path: Path, place: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("ALTER TABLE journal RENAME TO kept")
        file.execute(f"CREATE VIEW journal AS SELECT {place} AS seq, {COLUMNS} FROM kept")  # noqa: S608 - ours
        file.commit()
    with open_journal(path) as store, pytest.raises(WorldError, match="no place of its own"):
        list(store.rows())
