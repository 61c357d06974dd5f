"""A journal on a PostgreSQL server, for a team: many writers, each with a role that only adds.

One role owns the journal and is used to make it; the writers' role may SELECT and INSERT. A store
does not open with a role that could do more: then a stolen service could rewrite history, and
nobody would notice that the roles are not as they were meant. Triggers refuse UPDATE, DELETE and
TRUNCATE to everybody, and an entry that does not continue the chain: a seat belt, which the owner
and every superuser can take off. What protects from them is a checkpoint kept elsewhere.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import conninfo_to_dict

from sekisho.journal.records import ENTRY_MAX_BYTES
from sekisho.journal.store_table import JOURNAL, WAIT_SECONDS, migrate
from sekisho.kernel.errors import BadInputError, WorldError

_PARAMETERS = ("host", "passfile", "port", "sslcert", "sslkey", "sslmode", "sslrootcert")
_HOST = r"(?:[\w.~%-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?"
_PARAMETER = rf"(?:{'|'.join(_PARAMETERS)})=[^&\s]*"
_LOCATION = re.compile(
    rf"postgres(?:ql)?://(?:[\w.~%-]+@)?(?:{_HOST}(?:,{_HOST})*)?/[\w.~%-]+"
    rf"(?:\?{_PARAMETER}(?:&{_PARAMETER})*)?",
    re.ASCII,
)
_HERE = {"localhost", "127.0.0.1", "::1"}

_TURN = sa.text("SELECT pg_advisory_xact_lock(8370462121241953819)")
"""The writers' lock; the number is the first 63 bits of SHA-256 of `sekisho/journal`."""

_CUT_OFF_SECONDS = 30
"""A writer that stops within its turn is cut off by the server, and nothing of it stays."""

_SENTENCES = {
    "08": "the connection was lost; asking again with the same id tells what stands",
    "23": "somebody wrote to it without waiting for a turn; nothing was written",
    "25006": "the server takes no writes; nothing was written",
    "25P03": "the server cut us off; nothing was written",
    "28": "the server does not let this role in",
    "3F000": "there is no journal in this database",
    "40": "the server undid it; nothing was written",
    "42501": "this role may not do that; nothing was written",
    "42P01": "there is no journal in this database",
    "42P06": "something is there already",
    "53": "the server has no room, memory or connections left; nothing was written",
    "55P03": "another writer has held it for too long; nothing was written",
    "57": "the server went away or gave up; asking again with the same id tells what stands",
    "XX001": "the database is damaged; restore it from a copy that verifies",
    "XX002": "the database is damaged; restore it from a copy that verifies",
}

_MORE_THAN_A_WRITER = sa.text("""
SELECT DISTINCT power.what
FROM pg_catalog.pg_roles AS r
CROSS JOIN pg_catalog.pg_class AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_catalog.pg_database AS d ON d.datname = current_database()
CROSS JOIN LATERAL (VALUES
    (r.rolsuper, 'be a superuser'),
    (r.rolcreaterole, 'make roles'),
    (r.rolname IN ('pg_execute_server_program', 'pg_write_server_files'), 'write files there'),
    (r.oid IN (t.relowner, n.nspowner, d.datdba), 'be its owner'),
    (has_schema_privilege(r.oid, n.oid, 'CREATE'), 'put things beside it'),
    (has_table_privilege(r.oid, t.oid, 'UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(r.oid, t.oid, 'UPDATE'), 'change or delete rows'),
    (has_table_privilege(r.oid, t.oid, 'TRIGGER, REFERENCES'), 'hang things on it'),
    (t.relname <> 'journal' AND has_any_column_privilege(r.oid, t.oid, 'INSERT'),
        'write beside it')
) AS power(has, what)
WHERE pg_has_role(CAST(coalesce(CAST(:role AS text), session_user) AS name), r.oid, 'MEMBER')
AND n.nspname = 'sekisho' AND t.relkind IN ('r', 'p', 'v') AND power.has
ORDER BY power.what
""")  # MEMBER: also what the role can do only after SET ROLE

_STRANGERS = sa.text("""
SELECT DISTINCT coalesce(r.rolname, 'everybody')
FROM pg_catalog.pg_namespace AS n
LEFT JOIN pg_catalog.pg_class AS t ON t.relnamespace = n.oid
CROSS JOIN LATERAL (
    SELECT grantee FROM aclexplode(n.nspacl) UNION SELECT grantee FROM aclexplode(t.relacl)
) AS granted
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = granted.grantee
WHERE n.nspname = 'sekisho' AND granted.grantee <> n.nspowner
AND r.rolname IS DISTINCT FROM :writer
""")


class PostgreSQLDatabase:
    """One database, open as a writer. Threads may share it; other processes open their own."""

    # Whoever owns the table can redefine its columns; what is larger than any entry is cut one
    # byte above the limit, and then refused, so that it cannot fill the memory.
    rows: "sa.Select[Any]" = sa.select(
        JOURNAL.c.seq,
        sa.func.convert_to(sa.func.left(JOURNAL.c.entry_id, 27), "UTF8", type_=sa.LargeBinary),
        sa.func.substr(JOURNAL.c.hash, 1, 33, type_=sa.LargeBinary),
        sa.func.substr(JOURNAL.c.document, 1, ENTRY_MAX_BYTES + 1, type_=sa.LargeBinary),
    )

    def __init__(self, location: str, *, wait_seconds: float) -> None:
        """Open the journal at `location`; raises as `store.open_journal` says."""
        self.name, self.engine = _engine(location, wait_seconds)
        try:
            with self.outside(), self.engine.connect() as connection:
                _check_powers(self.name, connection, role=None)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Let one writer in at a time, until its transaction is committed and on the disk."""
        with self.engine.connect() as connection:
            connection.info.pop("warning", None)
            with connection.begin():
                # READ COMMITTED: the statement after this one sees what was committed meanwhile,
                # and the lock is let go of only after the commit is on the disk and visible.
                connection.execute(_TURN)
                yield connection
            # The one warning that a commit can give: somebody stopped its waiting for a standby.
            if warning := connection.info.pop("warning", None):
                raise WorldError(
                    f"journal {self.name}: written, but perhaps not on its standby: {warning}"
                )

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Turn every failure of the server, or of the way to it, into a `WorldError`."""
        try:
            yield
        except (sa.exc.SQLAlchemyError, psycopg.Error, OSError) as error:
            raise _failure(self.name, error) from error

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()


def make_schema(location: str, *, writer: str) -> None:
    """Make a journal without entries, as `store.create_journal_on_server` says."""
    name, engine = _engine(location, WAIT_SECONDS)
    role = engine.dialect.identifier_preparer.quote_identifier(writer)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA sekisho")
            migrate(connection)
            for statement in (
                "REVOKE ALL ON SCHEMA sekisho FROM PUBLIC",
                "REVOKE ALL ON ALL TABLES IN SCHEMA sekisho FROM PUBLIC",
                f"GRANT USAGE ON SCHEMA sekisho TO {role}",
                f"GRANT SELECT ON ALL TABLES IN SCHEMA sekisho TO {role}",
                f"GRANT INSERT ON sekisho.journal TO {role}",
            ):
                connection.exec_driver_sql(statement)
            _check_powers(name, connection, role=writer)
            # Default privileges of the owner or of the database give rights without being asked.
            if others := connection.execute(_STRANGERS, {"writer": writer}).scalars().all():
                raise WorldError(f"journal {name}: {', '.join(others)} would get rights on it too")
    except (sa.exc.SQLAlchemyError, psycopg.Error, OSError) as error:
        raise _failure(name, error) from error
    finally:
        engine.dispose()


def _engine(location: str, wait_seconds: float) -> tuple[str, sa.Engine]:
    """Return what people know the database by, and what gives connections to it."""
    asked = _parse(location)
    settings = {
        "search_path": "sekisho,pg_temp",
        "synchronous_commit": "on",
        "lock_timeout": max(1, round(wait_seconds * 1000)),
        # A commit that was sent is waited for: cut short, it would be done and not durable.
        "statement_timeout": 0,
        "idle_in_transaction_session_timeout": _CUT_OFF_SECONDS * 1000,
    }
    engine = sa.create_engine(
        "postgresql+psycopg://",
        connect_args=asked
        | {
            "application_name": "sekisho",
            "connect_timeout": 10,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
            # What a standby shows is late: whoever reads there does not see the latest refusal.
            "target_session_attrs": "read-write",
            # Said by the client, they stand over what the server sets for the role or database.
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        },
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        use_native_hstore=False,
        hide_parameters=True,
    )
    name = f"{asked['dbname']} on {asked['host']}"
    sa.event.listen(engine, "connect", lambda opened, record: _prepare(name, opened, record))
    return name, engine


def _parse(location: str) -> dict[str, Any]:
    """Return the parameters in `location`, or raise `BadInputError`, which repeats none of it.

    A password has no place there: it would end in configuration, in lists of processes, and, by a
    slip of the pen such as an @ inside it, in error messages as the name of a host.
    """
    where = "journal location"
    found: dict[str, Any] = {}
    with suppress(psycopg.Error):
        found = conninfo_to_dict(location) if _LOCATION.fullmatch(location) else {}
    if not found:
        raise BadInputError(
            where,
            "is not postgresql://ROLE@HOST:PORT/DATABASE?NAME=VALUE without a password and with "
            f"no other names than {', '.join(_PARAMETERS)}",
        )
    hosts = str(found.get("host", "")).split(",")
    if "" in hosts:
        raise BadInputError(where, "names no host; a folder with a socket is ?host=/FOLDER")
    here = all(host in _HERE or host.startswith("/") for host in hosts)
    if not here and found.get("sslmode") != "verify-full":
        raise BadInputError(where, "is another machine: it needs sslmode=verify-full")
    return found


def _prepare(
    name: str, connection: "psycopg.Connection[Any]", record: sa.pool.ConnectionPoolEntry
) -> None:
    """Set up one connection; what the server answers decides, for it may decline."""

    def remember(said: psycopg.errors.Diagnostic) -> None:
        if said.severity_nonlocalized == "WARNING":
            record.info["warning"] = said.message_primary

    connection.add_notice_handler(remember)
    # Neither setting can be left to trust: without either, what was acknowledged can be lost.
    found = connection.execute(
        "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
    ).fetchone()
    connection.rollback()
    if found != ("on", "on"):
        raise WorldError(
            f"journal {name}: the server does not write durably: "
            f"synchronous_commit and fsync are {found}"
        )


def _check_powers(name: str, connection: sa.Connection, *, role: str | None) -> None:
    """Raise `WorldError` if the role, by default our own, could do more than read and add."""
    found = connection.execute(_MORE_THAN_A_WRITER, {"role": role}).scalars().all()
    if found:
        raise WorldError(
            f"journal {name}: the writer's role could {', '.join(found)}; it may read and add only"
        )


def _failure(name: str, error: Exception) -> WorldError:
    """Return the error in the words of someone who has to do something about it."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    code = getattr(cause, "sqlstate", None) or ""
    for begins, sentence in _SENTENCES.items():
        if code.startswith(begins):
            return WorldError(f"journal {name}: {sentence} ({code})")
    if not code and isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return WorldError(f"journal {name}: {_SENTENCES['08']}")
    said = cause.diag.message_primary if code and isinstance(cause, psycopg.Error) else str(cause)
    return WorldError(f"journal {name}: {' '.join((said or code).split())}")
