"""The journal's table at work: rows are added at its end, durably, and never change.

The same on SQLite (`store_sqlite`) and on PostgreSQL (`store_postgresql`): only how one writer at
a time is let in, and how a failure is put into words, differs.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from sekisho.journal.entries import entry_hash, placed, read_row, seal
from sekisho.journal.records import GENESIS, Draft, Entry, Row
from sekisho.journal.store_postgresql import PostgreSQLDatabase, make_schema
from sekisho.journal.store_sqlite import SQLiteDatabase, make_file
from sekisho.journal.store_table import JOURNAL, SCHEMA, WAIT_SECONDS, Database
from sekisho.kernel.canonical import INTEGER_MAX
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Refused, finding

_PAGE_ROWS = 256
_SIZE = sa.select(sa.func.max(JOURNAL.c.seq))
_INSERT = JOURNAL.insert()
_VERSION = sa.text("SELECT version_num FROM alembic_version")


class JournalStore:
    """One journal, open. Threads may share it; other processes open their own.

    Every method raises `WorldError`, with one sentence to act on, when the database is locked,
    full, read-only, damaged or gone; what it was about to do is then not half-done.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        rows, seq = database.rows, JOURNAL.c.seq
        self._page = rows.where(seq > sa.bindparam("after")).order_by(seq).limit(_PAGE_ROWS)
        self._end = rows.order_by(seq.desc()).limit(1)
        self._end_and_same_ids = rows.where(
            (seq == _SIZE.scalar_subquery())
            | JOURNAL.c.entry_id.in_(sa.bindparam("entry_ids", expanding=True))
        ).order_by(seq)
        try:
            self._check_version()
        except BaseException:
            self.close()
            raise

    def append(self, draft: Draft) -> Entry:
        """Write `draft` at the end and return the entry; when this returns, it is on the disk.

        A draft whose id is already there is not written again: if everything else is the same
        too, the entry already there is returned, so a writer that was cut off asks once more and
        knows. Other content under the same id raises `Refused` (`journal.id_conflict`). Raises
        `BadInputError` for a draft that has no place in a journal. After a `WorldError` from a
        failing disk, or a server that went away, the entry stands whole or not at all; asking
        again tells.
        """
        (entry,) = self.append_all([draft])
        return entry

    def append_all(self, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        """Write `drafts` at the end, all or none, in their order; each as `append` does.

        One wait for the disk serves them all.
        """
        if not drafts:
            return ()
        sealed = [seal(each, seq=INTEGER_MAX, prev_hash=GENESIS) for each in drafts]
        with self._database.outside(), self._database.writing() as connection:
            asked = {"entry_ids": [each.entry_id for each in drafts]}
            rows = [_row(found) for found in connection.execute(self._end_and_same_ids, asked)]
            there = {row.entry_id: row for row in rows}
            seq, tip = self._tip(rows[-1]) if rows else (0, GENESIS)
            written: dict[str, Entry] = {}
            for each in sealed:
                if each.entry_id in there:
                    already = self._read(there[each.entry_id])
                    written[each.entry_id] = _same(each, already)
                elif each.entry_id in written:
                    _same(each, written[each.entry_id])
                else:
                    entry = placed(each, seq=seq + 1, prev_hash=tip)
                    written[each.entry_id] = entry
                    seq, tip = entry.seq, entry.hash
            new = [each for each in written.values() if each.entry_id not in there]
            if new:
                connection.execute(_INSERT, [_columns(each) for each in new])
        return tuple(written[each.entry_id] for each in drafts)

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
                raise WorldError(
                    f"journal {self._database.name}: entry {after_seq} is no longer there"
                )
            seq, tip = anchor.seq, self._read(anchor).hash
        for row in rows:
            entry = self._read(row)
            if (entry.seq, entry.prev_hash) != (seq + 1, tip):
                raise self._damaged(f"entry {entry.seq} does not follow entry {seq}")
            seq, tip = entry.seq, entry.hash
            yield entry

    def in_place_of(self, refused: Refused) -> Entry:
        """Return the entry that stands where `append` refused another: it is named by its place.

        Raises `WorldError` if it cannot be read, and `refused` itself if it is about no place.
        """
        for each in refused.findings:
            seq = dict(each.facts).get("seq", "")
            if each.code == "journal.id_conflict" and seq.isdecimal():
                return next(self.entries(after_seq=int(seq) - 1))
        raise refused

    def last(self) -> Entry | None:
        """Return the entry at the end, read strictly; `None` for a journal without entries."""
        with self._database.outside(), self._database.engine.connect() as connection:
            found = connection.execute(self._end).first()
        return None if found is None else self._read(_row(found))

    def size(self) -> int:
        """Return the place of the entry at the end; 0 for a journal without entries."""
        with self._database.outside(), self._database.engine.connect() as connection:
            return connection.execute(_SIZE).scalar() or 0

    def rows(self, after_seq: int = 0) -> Iterator[Row]:
        """Yield the stored rows after place `after_seq` as they are, for an audit.

        Pages are read one by one, so nobody is kept from writing while the caller thinks.
        """
        while True:
            with self._database.outside(), self._database.engine.connect() as connection:
                page = connection.execute(self._page, {"after": after_seq}).all()
            if not page:
                return
            # With the table's own definition changed, a place may be a text, or stand for ever.
            if any(type(found[0]) is not int or found[0] <= after_seq for found in page):
                raise self._damaged(f"what follows entry {after_seq} has no place of its own")
            for found in page:
                yield _row(found)
            after_seq = page[-1][0]

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_version(self) -> None:
        with self._database.outside(), self._database.engine.connect() as connection:
            version = connection.execute(_VERSION).scalar()
        if version != SCHEMA:
            raise WorldError(
                f"journal {self._database.name}: has tables of version {version}, not {SCHEMA}"
            )

    def _tip(self, row: Row) -> tuple[int, bytes]:
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
            f"journal {self._database.name}: {how}; nothing is read from it or added to it until "
            "`sekisho journal verify` has been looked at"
        )


def create_journal(path: Path, *, wait_seconds: float = WAIT_SECONDS) -> JournalStore:
    """Make a journal without entries in a file at `path` and open it.

    It appears whole or not at all. Raises `WorldError` if anything already stands there.
    """
    make_file(path, wait_seconds=wait_seconds)
    return open_journal(path, wait_seconds=wait_seconds)


def create_journal_on_server(location: str, *, writer: str) -> None:
    """Make a journal without entries on PostgreSQL, as the role in `location`, which owns it.

    The role `writer`, which must be there and be another, may then read it and add to it, and
    nobody else may do anything. It appears whole or not at all. Raises `WorldError` if there is
    one already, or if `writer` could still do more, and `BadInputError` for a location that is
    out of form (see `open_journal`).
    """
    make_schema(location, writer=writer)


def open_journal(location: Path | str, *, wait_seconds: float = WAIT_SECONDS) -> JournalStore:
    """Open the journal at `location`: the path of a file, or text that names a server.

    That is `postgresql://role@host:5432/database?sslmode=verify-full`, without a password, which
    is found where libpq looks for it, in `~/.pgpass` for instance. Raises `BadInputError` for a
    text out of that form. Raises `WorldError` if there is no journal, because one that is gone
    must never look like a new one; if what is there cannot be read or has tables of another
    version; and on a server if the role could do more than read and add.
    """
    if isinstance(location, str):
        return JournalStore(PostgreSQLDatabase(location, wait_seconds=wait_seconds))
    if not location.is_file():
        raise WorldError(f"journal {location}: there is none; `sekisho init` makes one")
    return JournalStore(SQLiteDatabase(location, wait_seconds=wait_seconds))


def _columns(entry: Entry) -> dict[str, object]:
    return {
        "seq": entry.seq,
        "entry_id": entry.entry_id,
        "hash": entry.hash,
        "document": entry.document,
    }


def _same(sealed: Entry, already: Entry) -> Entry:
    again = placed(sealed, seq=already.seq, prev_hash=already.prev_hash)
    if again.document != already.document:
        raise Refused([finding("journal.id_conflict", sealed.entry_id, seq=already.seq)])
    return already


def _row(found: Sequence[Any]) -> Row:
    seq, entry_id, hash_, document = found
    return Row(seq, (entry_id or b"").decode(errors="replace"), hash_ or b"", document or b"")
