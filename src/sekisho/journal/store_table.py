"""The journal's table, and what a database has to be able to do to keep it."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

import sqlalchemy as sa

SCHEMA = "0001"
"""The version of the tables that is read and written; the newest migration."""

WAIT_SECONDS = 30.0
"""How long to wait for another writer before giving up. A writer has its turn for some ms."""

metadata = sa.MetaData()
JOURNAL = sa.Table(
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


class Database(Protocol):
    """What keeps a journal: SQLite on one machine, PostgreSQL for a team."""

    @property
    def name(self) -> str:
        """What people know it by; it never holds a secret."""

    @property
    def engine(self) -> sa.Engine:
        """Gives connections for reading."""

    @property
    def rows(self) -> "sa.Select[Any]":
        """The query for all rows as they are found, whatever their owner put into them.

        No value that it gives is much larger than the largest entry.
        """

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Let one writer in at a time, until what it wrote is durable.

        Whoever is let in sees all that earlier writers wrote. Raises `WorldError` for a turn that
        does not come in time, or an end that leaves open whether what was written will last.
        """

    def outside(self) -> AbstractContextManager[None]:
        """Turn every failure of the database into a `WorldError`: one sentence to act on."""

    def close(self) -> None:
        """Let go of every connection."""


def migrate(connection: sa.Connection) -> None:
    """Make the tables, in the transaction that `connection` is in."""
    # Here, because migrations take a quarter of a second that opening a journal need not pay.
    from alembic import command  # noqa: PLC0415 - as said
    from alembic.config import Config  # noqa: PLC0415 - as said

    config = Config()
    config.set_main_option("script_location", "sekisho.journal:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA)
