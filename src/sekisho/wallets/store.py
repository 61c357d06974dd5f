"""The chain as we have seen it: raw transactions that touch our wallets. A cache, never evidence.

Deleting the file loses nothing that a node or block files cannot give again; the journal is the
other truth, and lives elsewhere.
"""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, create_engine, event, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from sekisho.chains.bitcoin.transaction import Transaction, parse_transaction
from sekisho.kernel.errors import WorldError

_METADATA = MetaData()
_TRANSACTIONS = Table(
    "transactions",
    _METADATA,
    Column("txid", String(64), primary_key=True),
    Column("raw", LargeBinary, nullable=False),
)


class ChainStore:
    """The transactions we have seen. Its failures are `WorldError`s naming the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_engine(f"sqlite:///{path}")
        event.listen(self._engine, "connect", _durable)
        try:
            _METADATA.create_all(self._engine)
        except SQLAlchemyError as error:
            raise WorldError(f"{path}: cannot be opened: {error}") from error

    def keep(self, transactions: list[Transaction]) -> None:
        """Keep `transactions`; one that is there already is left as it is."""
        rows = [{"txid": each.txid, "raw": each.serialize()} for each in transactions]
        if not rows:
            return
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_TRANSACTIONS).on_conflict_do_nothing(), rows)
        except SQLAlchemyError as error:
            raise WorldError(f"{self._path}: cannot be written: {error}") from error

    def transactions(self) -> Iterator[Transaction]:
        """Yield every transaction, parsed and checked against the id it is kept under."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(select(_TRANSACTIONS.c.txid, _TRANSACTIONS.c.raw)).all()
        except SQLAlchemyError as error:
            raise WorldError(f"{self._path}: cannot be read: {error}") from error
        for txid, raw in rows:
            transaction = parse_transaction(raw, f"{self._path}: {txid}")
            if transaction.txid != txid:
                raise WorldError(f"{self._path}: what is kept as {txid} is {transaction.txid}")
            yield transaction

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def _durable(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection, untyped
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
