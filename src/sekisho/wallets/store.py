"""The chain as we have seen it: raw transactions that touch our wallets. A cache, never evidence.

What is deleted here a node or block files can give again, and until they have, the watcher does
not know those coins. The journal is the other truth, and lives elsewhere.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import (
    URL,
    Column,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    cast,
    create_engine,
    delete,
    event,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sekisho.chains.bitcoin.transaction import Transaction, parse_transaction
from sekisho.kernel.errors import BadInputError, WorldError

_METADATA = MetaData()
_TRANSACTIONS = Table(
    "transactions",
    _METADATA,
    Column("txid", String(64), primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)
_SEARCHES = Table("searches", _METADATA, Column("digest", String(64), primary_key=True))
# A file's owner can put anything of any type into a column; as bytes all of it can be looked at.
_ROWS = select(cast(_TRANSACTIONS.c.txid, LargeBinary), cast(_TRANSACTIONS.c.raw, LargeBinary))

_PAGE = 500
"""So many are asked for at once."""


class ChainStore:
    """The transactions we have seen. Its failures are `WorldError`s naming the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_engine(URL.create("sqlite", database=str(path)))
        event.listen(self._engine, "connect", _durable)
        try:
            _METADATA.create_all(self._engine)
        except SQLAlchemyError as error:
            raise _failure(path, "opened", error) from error

    def keep(self, transactions: list[Transaction]) -> None:
        """Keep `transactions`; one that is there already is left as it is."""
        rows = [{"txid": each.txid, "raw": each.serialize()} for each in transactions]
        if not rows:
            return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_TRANSACTIONS).on_conflict_do_nothing(), rows)
        except SQLAlchemyError as error:
            raise _failure(self._path, "written", error) from error

    def transactions(self) -> Iterator[Transaction]:
        """Yield every transaction, parsed and checked against the id it is kept under.

        Raises `WorldError` for a row that is not as it was written: the file can be deleted.
        """
        yield from self._read(_ROWS)

    def some(self, txids: Iterable[str]) -> Iterator[Transaction]:
        """Yield those of these transactions that are here, as `transactions` does."""
        wanted = sorted(set(txids))
        for at in range(0, len(wanted), _PAGE):
            yield from self._read(_ROWS.where(_TRANSACTIONS.c.txid.in_(wanted[at : at + _PAGE])))

    def _read(self, query: Select[bytes, bytes]) -> Iterator[Transaction]:
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(query).all()
        except SQLAlchemyError as error:
            raise _failure(self._path, "read", error) from error
        for key, raw in rows:
            txid = (key or b"").decode(errors="replace")
            try:
                transaction = parse_transaction(raw or b"", f"transaction {txid[:64]!r}")
            except BadInputError as error:
                raise WorldError(f"{self._path}: is damaged: {error}") from error
            if transaction.txid != txid:
                raise WorldError(
                    f"{self._path}: is damaged: {transaction.txid} is kept as {txid[:64]!r}"
                )
            yield transaction

    def note_search(self, digest: str) -> None:
        """Note that a node was asked for all coins of the wallets with this digest."""
        try:
            with self._engine.begin() as connection:
                row = {"digest": digest}
                connection.execute(insert(_SEARCHES).on_conflict_do_nothing(), [row])
        except SQLAlchemyError as error:
            raise _failure(self._path, "written", error) from error

    def forget_searches(self) -> None:
        """Note that coins are there now which no search that was noted can have found."""
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(_SEARCHES))
        except SQLAlchemyError as error:
            raise _failure(self._path, "written", error) from error

    def is_searched(self, digest: str) -> bool:
        """Return whether that was noted: what it found is here then, or was spent."""
        asked = select(_SEARCHES.c.digest).where(_SEARCHES.c.digest == digest)
        try:
            with self._engine.connect() as connection:
                return connection.execute(asked).first() is not None
        except SQLAlchemyError as error:
            raise _failure(self._path, "read", error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def _durable(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection, untyped
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _failure(path: Path, what: str, error: SQLAlchemyError) -> WorldError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return WorldError(f"{path}: cannot be {what}: {cause}")
