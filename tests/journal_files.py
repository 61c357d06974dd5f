"""A journal as tests use it: filled, tampered with, and written to by other processes."""

import os
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, TypeAlias

import psycopg
from journal_world import a_draft

from sekisho.journal.audit import audit
from sekisho.journal.records import Entry
from sekisho.journal.store import JournalStore, open_journal

Say: TypeAlias = Callable[[str], object]
Location: TypeAlias = Path | str
"""A file, or a database on a server."""


def whole(store: JournalStore) -> list[Entry]:
    """Return every entry, having found nothing wrong with the stored bytes."""
    found = audit(store.rows(), kept={})
    assert found.findings == ()
    entries = list(store.entries())
    assert len(entries) == found.size == store.size()
    return entries


def tampered(location: Location, *statements: str) -> None:
    """Do to the journal what its owner can do: the triggers are no protection from them."""
    if isinstance(location, str):
        as_superuser(location, *TAKEN_OFF, *statements)
        return
    with closing(sqlite3.connect(location)) as connection, connection:
        for name in ("journal_is_not_edited", "journal_is_not_cut", "journal_grows_at_its_end"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            connection.execute(statement)


# SQLite has the two functions; here they let one statement tamper with both.
TAKEN_OFF = (
    "ALTER TABLE journal DISABLE TRIGGER USER",
    """
CREATE OR REPLACE FUNCTION sekisho.zeroblob(size integer) RETURNS bytea LANGUAGE sql
AS $$ SELECT decode(repeat('00', size), 'hex') $$
""",
    """
CREATE OR REPLACE FUNCTION sekisho.replace(bytes bytea, old text, new text) RETURNS bytea
LANGUAGE sql AS $$ SELECT convert_to(replace(convert_from(bytes, 'UTF8'), old, new), 'UTF8') $$
""",
)


def blob(location: Location, data: bytes) -> str:
    """Return how bytes are written in a statement."""
    return f"x'{data.hex()}'" if isinstance(location, Path) else f"decode('{data.hex()}', 'hex')"


def as_superuser(location: str, *statements: str) -> None:
    """Do on a server what whoever runs it can do."""
    place = location.replace("writer@", "postgres@")
    with psycopg.connect(place, autocommit=True, options="-c search_path=sekisho") as connection:
        for statement in statements:
            connection.execute(statement.encode())


def rows_left(location: Location) -> int:
    """Return how many rows the journal holds."""
    asked = "SELECT count(*) FROM journal"
    found: tuple[int]
    if isinstance(location, str):
        with psycopg.connect(location, options="-c search_path=sekisho") as server:
            (found,) = server.execute(asked.encode()).fetchall()
    else:
        with closing(sqlite3.connect(location)) as connection:
            (found,) = connection.execute(asked).fetchall()
    return found[0]


def fill(location: Location, count: int = 9) -> None:
    """Append the first drafts of the story."""
    with open_journal(location) as store:
        for number in range(1, count + 1):
            store.append(a_draft(number))


def forked(work: Callable[[Say], object]) -> tuple[int, BinaryIO]:
    """Start `work` in a process of its own; return its id and what it says, line by line."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():  # newer Pythons warn of threads, which the child has none of
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover - another process
        try:
            work(lambda line: os.write(writer, f"{line}\n".encode()))
        except BaseException as error:  # noqa: BLE001 - all of it is told to the parent
            os.write(writer, f"{type(error).__name__}: {error}\n".encode())
        os._exit(0)
    os.close(writer)
    return child, os.fdopen(reader, "rb")


def in_a_child(work: Callable[[Say], object]) -> str:
    """Run `work` in a process of its own and return what it said or raised."""
    child, pipe = forked(work)
    with pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def all_at_once(*works: Callable[[Say], object]) -> None:
    """Run each of `works` in a process of its own, all at the same time; none may raise."""
    children = [forked(work) for work in works]
    for child, pipe in children:
        with pipe:
            assert pipe.read() == b""
        os.waitpid(child, 0)


def insertion(entry: Entry, *, seq: int | None = None, hash_: bytes | None = None) -> str:
    """Return the statement that puts an entry onto a server, by itself or with lies beside it."""
    return (
        "INSERT INTO sekisho.journal VALUES ("  # noqa: S608 - ours
        f"{entry.seq if seq is None else seq}, '{entry.entry_id}', "
        f"decode('{(entry.hash if hash_ is None else hash_).hex()}', 'hex'), "
        f"decode('{entry.document.hex()}', 'hex'))"
    )
