"""A journal's file as tests use it: filled, tampered with, and written to by other processes."""

import os
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, TypeAlias

from journal_world import a_draft

from sekisho.journal.audit import audit
from sekisho.journal.records import Entry
from sekisho.journal.store import JournalStore, open_journal

Say: TypeAlias = Callable[[str], object]


def whole(store: JournalStore) -> list[Entry]:
    """Return every entry, having found nothing wrong with the stored bytes."""
    found = audit(store.rows(), kept={})
    assert found.findings == ()
    entries = list(store.entries())
    assert len(entries) == found.size == store.size()
    return entries


def tampered(path: Path, *statements: str) -> None:
    """Do to the file what its owner can do: the triggers are no protection from them."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for name in ("journal_is_not_edited", "journal_is_not_cut", "journal_grows_at_its_end"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            connection.execute(statement)


def rows_left(path: Path) -> int:
    """Return how many rows the file holds."""
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM journal").fetchone()
    return int(count)


def fill(path: Path, count: int = 9) -> None:
    """Append the first drafts of the story."""
    with open_journal(path) as store:
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
