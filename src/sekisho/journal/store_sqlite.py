"""A journal in a file: SQLite with a write-ahead log and `synchronous=FULL`.

Triggers refuse UPDATE and DELETE: a seat belt against our own bugs, and no protection at all
against whoever owns the file. What protects from them is a checkpoint kept elsewhere (`audit`).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from sekisho.journal.records import ENTRY_MAX_BYTES
from sekisho.journal.store_files import exclusive, sync_folder
from sekisho.journal.store_table import JOURNAL, migrate
from sekisho.kernel.errors import WorldError

_ROW_MAX_BYTES = ENTRY_MAX_BYTES + 4096
"""SQLite refuses to make a larger value, so a tampered file cannot fill the memory."""

_SENTENCES = {
    "SQLITE_BUSY": "another program keeps it locked; nothing was written",
    "SQLITE_LOCKED": "another program keeps it locked; nothing was written",
    "SQLITE_FULL": "the disk is full; nothing was written",
    "SQLITE_READONLY": "it cannot be written to; nothing was written",
    "SQLITE_CANTOPEN": "the file cannot be opened",
    "SQLITE_CORRUPT": "the file is damaged; restore it from a copy that verifies",
    "SQLITE_NOTADB": "the file is no journal",
    "SQLITE_TOOBIG": "it holds a record larger than any entry may be",
    "SQLITE_IOERR": "the disk failed; asking again with the same id tells what stands",
}


class SQLiteDatabase:
    """One file, open. Threads may share it; other processes open their own."""

    # A file's owner can put anything of any type into any column; as bytes all can be looked at.
    rows: "sa.Select[Any]" = sa.select(
        JOURNAL.c.seq,
        sa.cast(JOURNAL.c.entry_id, sa.LargeBinary),
        sa.cast(JOURNAL.c.hash, sa.LargeBinary),
        sa.cast(JOURNAL.c.document, sa.LargeBinary),
    )

    def __init__(self, path: Path, *, wait_seconds: float) -> None:
        self.name = str(path)
        self.engine = _engine(path, wait_seconds)
        self._path = path
        self._wait_seconds = wait_seconds
        with self.outside():
            # Stays open for writing, with whoever holds the writers' lock.
            self._writer = self.engine.connect().execution_options(immediate=True)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Let one writer in at a time, from `BEGIN IMMEDIATE` to the end of the commit."""
        # SQLite's own lock would do, but for one thing: its versions from 3.7.0 to 3.51.2 (so
        # Debian 12's) can lose a commit when a second process checkpoints the write-ahead log
        # while it is being reset (sqlite.org/wal.html, "The WAL-Reset Bug"). Checkpoints run at
        # the end of a commit, so with this lock no two processes are ever in there together.
        with exclusive(self._path, self._wait_seconds), self._writer.begin():
            yield self._writer

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Turn every failure of the database or the disk into a `WorldError`."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise _failure(self._path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()
        self.engine.dispose()


def make_file(path: Path, *, wait_seconds: float) -> None:
    """Make a journal without entries at `path`: it appears whole or not at all.

    Raises `WorldError` if anything already stands there.
    """
    try:
        with TemporaryDirectory(dir=path.parent, prefix=".journal-") as folder:
            unfinished = Path(folder) / path.name
            engine = _engine(unfinished, wait_seconds)
            with engine.connect() as connection, connection.begin():
                migrate(connection)
            engine.dispose()
            unfinished.chmod(0o600)
            path.hardlink_to(unfinished)  # unlike a rename, a link never replaces what is there
            sync_folder(path.parent)
    except FileExistsError as error:
        raise WorldError(f"journal {path}: something is there already") from error
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise _failure(path, error) from error


def _engine(path: Path, wait_seconds: float) -> sa.Engine:
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"timeout": wait_seconds})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    """Set up one connection; what SQLite answers decides, for it may decline in silence."""
    connection.isolation_level = None  # the driver's own BEGIN is late and not IMMEDIATE
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _ROW_MAX_BYTES)
    connection.execute("PRAGMA synchronous = FULL")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    (level,) = connection.execute("PRAGMA synchronous").fetchone()
    if (mode, level) != ("wal", 2):
        raise sqlite3.OperationalError(f"no write-ahead log with full sync here: {mode}, {level}")


def _begin(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _failure(path: Path, error: Exception) -> WorldError:
    """Return the error in the words of someone who has to do something about it."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    name = getattr(cause, "sqlite_errorname", "")
    for begins, sentence in _SENTENCES.items():
        if name.startswith(begins):
            return WorldError(f"journal {path}: {sentence} ({name})")
    return WorldError(f"journal {path}: {cause}")
