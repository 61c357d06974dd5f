"""The journal's table: rows are added at its end, durably, and never change.

SQLite with a write-ahead log and `synchronous=FULL`. Triggers refuse UPDATE and DELETE: a seat
belt against our own bugs, and no protection at all against whoever owns the file. What protects
from them is a checkpoint kept elsewhere (`audit`).
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from sekisho.journal.entries import entry_hash, placed, read_row, seal
from sekisho.journal.records import ENTRY_MAX_BYTES, GENESIS, Draft, Entry, Row
from sekisho.kernel.canonical import INTEGER_MAX
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Refused, finding

SCHEMA = "0001"
"""The version of the tables that this module reads and writes; the newest migration."""

WAIT_SECONDS = 30.0
"""How long to wait for another writer before giving up. A writer holds the lock for under 1 ms."""

_PAGE_ROWS = 256
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

metadata = sa.MetaData()
_JOURNAL = sa.Table(
    "journal",
    metadata,
    sa.Column(
        "seq",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("entry_id", sa.String(26), nullable=False, unique=True),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("seq >= 1", name="journal_seq_from_one"),
)
# A file's owner can put anything of any type into any column; as bytes all of it can be looked at.
_ROWS = sa.select(
    _JOURNAL.c.seq,
    sa.cast(_JOURNAL.c.entry_id, sa.LargeBinary),
    sa.cast(_JOURNAL.c.hash, sa.LargeBinary),
    sa.cast(_JOURNAL.c.document, sa.LargeBinary),
)
_PAGE = (
    _ROWS.where(_JOURNAL.c.seq > sa.bindparam("after")).order_by(_JOURNAL.c.seq).limit(_PAGE_ROWS)
)
_LAST = _ROWS.order_by(_JOURNAL.c.seq.desc()).limit(1)
_LAST_AND_SAME_ID = _ROWS.where(
    (_JOURNAL.c.seq == sa.select(sa.func.max(_JOURNAL.c.seq)).scalar_subquery())
    | (_JOURNAL.c.entry_id == sa.bindparam("entry_id"))
).order_by(_JOURNAL.c.seq)
_SIZE = sa.select(sa.func.max(_JOURNAL.c.seq))
_INSERT = _JOURNAL.insert()
_VERSION = sa.text("SELECT version_num FROM alembic_version")


class JournalStore:
    """One journal, open. Threads may share it; other processes open their own.

    Every method raises `WorldError`, with one sentence to act on, when the database is locked,
    full, read-only, damaged or gone; what it was about to do is then not half-done.
    """

    def __init__(self, path: Path, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._path = path
        self._wait_seconds = wait_seconds
        self._engine = _engine(path, wait_seconds)
        with self._outside():
            # Stays open for writing, with whoever holds the writers' lock.
            self._writer = self._engine.connect()
        try:
            self._check_version()
        except BaseException:
            self.close()
            raise
        self._writer = self._writer.execution_options(immediate=True)

    def append(self, draft: Draft) -> Entry:
        """Write `draft` at the end and return the entry; when this returns, it is on the disk.

        A draft whose id is already there is not written again: if everything else is the same
        too, the entry already there is returned, so a writer that was cut off asks once more and
        knows. Other content under the same id raises `Refused` (`journal.id_conflict`). Raises
        `BadInputError` for a draft that has no place in a journal. After a `WorldError` from a
        failing disk the entry stands whole or not at all; asking again tells.
        """
        sealed = seal(draft, seq=INTEGER_MAX, prev_hash=GENESIS)  # the longest it can be
        with self._outside(), self._writing() as connection:
            asked = {"entry_id": draft.entry_id}
            rows = [_row(found) for found in connection.execute(_LAST_AND_SAME_ID, asked)]
            for row in rows:
                if row.entry_id == draft.entry_id:
                    return _same(sealed, self._read(row))
            seq, tip = self._end(rows[-1]) if rows else (0, GENESIS)
            entry = placed(sealed, seq=seq + 1, prev_hash=tip)
            connection.execute(
                _INSERT,
                {
                    "seq": entry.seq,
                    "entry_id": entry.entry_id,
                    "hash": entry.hash,
                    "document": entry.document,
                },
            )
        return entry

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        """Yield the entries after place `after_seq`, in order, each read strictly.

        Every one is held to its hash and to the entry before it. Raises `WorldError` at the first
        that is not as it was written, or if the journal ends before `after_seq`.
        """
        rows = self.rows(after_seq=max(after_seq - 1, 0))
        seq, tip = 0, GENESIS
        if after_seq > 0:
            anchor = next(rows, None)
            if anchor is None or anchor.seq != after_seq:
                raise WorldError(f"journal {self._path}: entry {after_seq} is no longer there")
            seq, tip = anchor.seq, self._read(anchor).hash
        for row in rows:
            entry = self._read(row)
            if (entry.seq, entry.prev_hash) != (seq + 1, tip):
                raise self._damaged(f"entry {entry.seq} does not follow entry {seq}")
            seq, tip = entry.seq, entry.hash
            yield entry

    def last(self) -> Entry | None:
        """Return the entry at the end, read strictly; `None` for a journal without entries."""
        with self._outside(), self._engine.connect() as connection:
            found = connection.execute(_LAST).first()
        return None if found is None else self._read(_row(found))

    def size(self) -> int:
        """Return the place of the entry at the end; 0 for a journal without entries."""
        with self._outside(), self._engine.connect() as connection:
            return connection.execute(_SIZE).scalar() or 0

    def rows(self, after_seq: int = 0) -> Iterator[Row]:
        """Yield the stored rows after place `after_seq` as they are, for an audit.

        Pages are read one by one, so nobody is kept from writing while the caller thinks.
        """
        while True:
            with self._outside(), self._engine.connect() as connection:
                page = connection.execute(_PAGE, {"after": after_seq}).all()
            if not page:
                return
            # With the table's own definition changed, a place may be a text, or stand for ever.
            if any(type(found[0]) is not int or found[0] <= after_seq for found in page):
                raise self._damaged(f"what follows entry {after_seq} has no place of its own")
            for found in page:
                yield _row(found)
            after_seq = page[-1][0]

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One writer at a time, from `BEGIN IMMEDIATE` to the end of the commit."""
        # SQLite's own lock would do, but for one thing: its versions from 3.7.0 to 3.51.2 (so
        # Debian 12's) can lose a commit when a second process checkpoints the write-ahead log
        # while it is being reset (sqlite.org/wal.html, "The WAL-Reset Bug"). Checkpoints run at
        # the end of a commit, so with this lock no two processes are ever in there together.
        with exclusive(self._path, self._wait_seconds), self._writer.begin():
            yield self._writer

    def _check_version(self) -> None:
        with self._outside():
            version = self._writer.execute(_VERSION).scalar()
            self._writer.rollback()
        if version != SCHEMA:
            raise WorldError(
                f"journal {self._path}: has tables of version {version}, not {SCHEMA}"
            )

    def _end(self, row: Row) -> tuple[int, bytes]:
        """Return place and hash of the last row; nothing is chained to one that was changed."""
        if entry_hash(row.document) != row.hash or not row.document.endswith(
            b',"seq":%d}' % row.seq
        ):
            raise self._damaged(f"entry {row.seq}, the last, was changed after it was written")
        return row.seq, row.hash

    def _read(self, row: Row) -> Entry:
        try:
            return read_row(row)
        except BadInputError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, how: str) -> WorldError:
        return WorldError(
            f"journal {self._path}: {how}; nothing is read from it or added to it until "
            "`sekisho journal verify` has been looked at"
        )

    @contextmanager
    def _outside(self) -> Iterator[None]:
        """Turn every failure of the database or the disk into a `WorldError`."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise _failure(self._path, error) from error


def create_journal(path: Path, *, wait_seconds: float = WAIT_SECONDS) -> JournalStore:
    """Make a journal without entries at `path` and open it.

    It appears whole or not at all. Raises `WorldError` if anything already stands there.
    """
    # Here, because migrations take a quarter of a second that opening a journal need not pay.
    from alembic import command  # noqa: PLC0415 - as said
    from alembic.config import Config  # noqa: PLC0415 - as said

    try:
        with TemporaryDirectory(dir=path.parent, prefix=".journal-") as folder:
            unfinished = Path(folder) / path.name
            engine = _engine(unfinished, wait_seconds)
            with engine.connect() as connection, connection.begin():
                config = Config()
                config.set_main_option("script_location", "sekisho.journal:migrations")
                config.attributes["connection"] = connection
                command.upgrade(config, SCHEMA)
            engine.dispose()
            unfinished.chmod(0o600)
            path.hardlink_to(unfinished)  # unlike a rename, a link never replaces what is there
            sync_folder(path.parent)
    except FileExistsError as error:
        raise WorldError(f"journal {path}: something is there already") from error
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise _failure(path, error) from error
    return open_journal(path, wait_seconds=wait_seconds)


def open_journal(path: Path, *, wait_seconds: float = WAIT_SECONDS) -> JournalStore:
    """Open the journal at `path`.

    Raises `WorldError` if there is none, because a journal that is gone must never look like a new
    one, and if what is there cannot be read or has tables of another version.
    """
    if not path.is_file():
        raise WorldError(f"journal {path}: there is none; `sekisho init` makes one")
    return JournalStore(path, wait_seconds=wait_seconds)


@contextmanager
def exclusive(path: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the lock beside the file at `path`, which the system lets go of if we are killed.

    Raises `WorldError` if others hold it for `wait_seconds`, or if there can be no lock.
    """
    try:
        lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WorldError(f"{path}: cannot be locked: {error.strerror}") from error
    try:
        give_up = time.monotonic() + wait_seconds
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > give_up:
                raise WorldError(
                    f"{path}: another writer has held it for {wait_seconds:g} seconds; "
                    "nothing was written"
                )
            time.sleep(0.001)
        yield
    finally:
        os.close(lock)


def sync_folder(path: Path) -> None:
    """Return when the names in the folder at `path` are on the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


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


def _same(sealed: Entry, already: Entry) -> Entry:
    again = placed(sealed, seq=already.seq, prev_hash=already.prev_hash)
    if again.document != already.document:
        raise Refused([finding("journal.id_conflict", sealed.entry_id, seq=already.seq)])
    return already


def _row(found: sa.Row[int, bytes, bytes, bytes]) -> Row:
    seq, entry_id, hash_, document = found
    return Row(seq, (entry_id or b"").decode(errors="replace"), hash_ or b"", document or b"")


def _failure(path: Path, error: Exception) -> WorldError:
    """Return the error in the words of someone who has to do something about it."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    name = getattr(cause, "sqlite_errorname", "")
    for begins, sentence in _SENTENCES.items():
        if name.startswith(begins):
            return WorldError(f"journal {path}: {sentence} ({name})")
    return WorldError(f"journal {path}: {cause}")
