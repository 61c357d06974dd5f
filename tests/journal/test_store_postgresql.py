"""What the roles on a PostgreSQL server may do, and how a journal is made there."""

from pathlib import Path

import psycopg
import pytest
from journal_files import as_superuser, fill, insertion, rows_left, whole
from journal_world import a_draft, chain

from sekisho.journal.store import create_journal_on_server, open_journal
from sekisho.kernel.errors import WorldError

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]

DENIED = psycopg.errors.InsufficientPrivilege


def done_as(role: str, database: str, *statements: str) -> None:
    """Do statements as somebody who has the role, in one transaction."""
    with psycopg.connect(database.replace("writer@", f"{role}@")) as connection:
        for statement in statements:
            connection.execute(statement.encode())


# What the roles may do -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sekisho.journal SET document = ''",
        "UPDATE sekisho.journal SET hash = '' WHERE false",
        "DELETE FROM sekisho.journal",
        "TRUNCATE sekisho.journal",
        "DROP TABLE sekisho.journal",
        "DROP SCHEMA sekisho CASCADE",
        "ALTER TABLE sekisho.journal DISABLE TRIGGER ALL",
        "ALTER TABLE sekisho.journal RENAME TO other",
        "DROP TRIGGER journal_is_not_edited ON sekisho.journal",
        "DROP FUNCTION sekisho.journal_refuses() CASCADE",
        "CREATE RULE r AS ON INSERT TO sekisho.journal DO INSTEAD NOTHING",
        "CREATE TABLE sekisho.journal_2 (seq bigint)",
        "UPDATE sekisho.alembic_version SET version_num = '9'",
        "GRANT ALL ON sekisho.journal TO writer WITH GRANT OPTION",
        "SET session_replication_role = replica",
        "SET ROLE keeper",
        "LOCK TABLE sekisho.journal IN ACCESS EXCLUSIVE MODE",
    ],
)
def test_the_writer_s_role_may_do_nothing_but_read_and_add(database: str, statement: str) -> None:
    fill(database, 2)
    if statement.startswith("GRANT"):  # PostgreSQL only warns that nothing was granted
        done_as("writer", database, statement)
    else:
        with pytest.raises(DENIED):
            done_as("writer", database, statement)
    with open_journal(database) as store:
        assert whole(store) == [*chain(2)]


@pytest.mark.parametrize("role", ["keeper", "postgres"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sekisho.journal SET document = ''",
        "UPDATE sekisho.journal SET hash = '' WHERE false",
        "DELETE FROM sekisho.journal WHERE seq = 2",
        "TRUNCATE sekisho.journal",
    ],
)
def test_even_the_owner_has_to_take_the_triggers_off_first(
    database: str, role: str, statement: str
) -> None:
    fill(database, 2)
    with pytest.raises(psycopg.errors.RaiseException, match="not edited"):
        done_as(role, database, statement)
    if role == "postgres":
        with pytest.raises(psycopg.errors.RaiseException, match="not edited"):
            done_as(role, database, "SET session_replication_role = replica", statement)
    assert rows_left(database) == 2


def test_nobody_adds_what_does_not_continue_the_chain(database: str) -> None:
    entries = chain(4)
    fill(database, 2)
    forged = chain(3, story="forged")[2]
    too_long = (
        "INSERT INTO sekisho.journal SELECT 3, 'x', sha256(d), d FROM (SELECT 'd' AS d) AS s"
    )
    for statement in (
        insertion(entries[3]),
        insertion(entries[3], seq=3),
        insertion(entries[2], seq=4),
        insertion(entries[2], seq=0),
        insertion(entries[2], seq=-3),
        insertion(entries[2], hash_=bytes(32)),
        insertion(entries[2], hash_=b""),
        insertion(entries[1]),
        insertion(forged),
        "INSERT INTO sekisho.journal VALUES (3, 'x', '', '')",
        "INSERT INTO sekisho.journal VALUES (3, 'x', NULL, NULL)",
        "INSERT INTO sekisho.journal VALUES (NULL, NULL, NULL, NULL)",
        "INSERT INTO sekisho.journal VALUES (9223372036854775807, 'x', '', '')",
        too_long.replace("'d'", "decode(repeat('61', 1048577), 'hex')"),
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="continue its chain"):
            done_as("writer", database, statement)
    same_id = insertion(entries[2]).replace(entries[2].entry_id, entries[0].entry_id)
    with pytest.raises(psycopg.errors.UniqueViolation):
        done_as("writer", database, same_id)
    done_as("writer", database, insertion(entries[2]), insertion(entries[3]))
    with open_journal(database) as store:
        assert whole(store) == [*entries]


MORE = {
    "a superuser": ("ALTER ROLE strong SUPERUSER", "superuser"),
    "a maker of roles": ("ALTER ROLE strong CREATEROLE", "make roles"),
    "the owner's role": ("GRANT keeper TO strong", "be its owner"),
    "UPDATE": ("GRANT UPDATE ON sekisho.journal TO strong", "change or delete"),
    "UPDATE of a column": ("GRANT UPDATE (hash) ON sekisho.journal TO strong", "change or delete"),
    "DELETE for all": ("GRANT DELETE ON sekisho.journal TO PUBLIC", "change or delete"),
    "TRUNCATE": ("GRANT TRUNCATE ON sekisho.journal TO strong", "change or delete"),
    "TRIGGER": ("GRANT TRIGGER ON sekisho.journal TO strong", "hang things"),
    "all data": ("GRANT pg_write_all_data TO strong", "change or delete"),
    "files": ("GRANT pg_write_server_files TO strong", "write files"),
    "the schema": ("GRANT CREATE ON SCHEMA sekisho TO strong", "put things beside"),
    "the version": ("GRANT INSERT ON sekisho.alembic_version TO strong", "write beside it"),
}


@pytest.mark.parametrize(("granted", "says"), MORE.values(), ids=MORE.keys())
def test_a_role_that_could_do_more_is_not_used(
    database: str, strong: str, granted: str, says: str
) -> None:
    with open_journal(strong) as store:
        store.append(a_draft(1))
    as_superuser(database, granted)
    with pytest.raises(WorldError, match=f"could .*{says}"):
        open_journal(strong)


def test_a_role_that_only_reads_may_audit(database: str, strong: str) -> None:
    fill(database, 2)
    as_superuser(database, "REVOKE INSERT ON sekisho.journal FROM strong")
    with open_journal(strong) as store:
        assert whole(store) == [*chain(2)]
        with pytest.raises(WorldError, match="this role may not"):
            store.append(a_draft(3))


# Making one --------------------------------------------------------------------------------------


@pytest.fixture
def empty(database: str) -> str:
    """A database without a journal, as its owner opens it."""
    as_superuser(database, "DROP SCHEMA sekisho CASCADE")
    return database.replace("writer@", "keeper@")


def nothing_in(database: str) -> bool:
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT to_regnamespace('sekisho')").fetchone()
    return found == (None,)


def test_a_journal_is_made_once(empty: str, database: str) -> None:
    create_journal_on_server(empty, writer="writer")
    fill(database, 2)
    with pytest.raises(WorldError, match="there already"):
        create_journal_on_server(empty, writer="writer")
    with open_journal(database) as store:
        assert whole(store) == [*chain(2)]


@pytest.mark.parametrize("writer", ["keeper", "postgres", "nobody", 'x" SUPERUSER; --', ""])
def test_a_journal_is_not_made_for_whom_it_should_not(empty: str, writer: str) -> None:
    with pytest.raises(WorldError):
        create_journal_on_server(empty, writer=writer)
    assert nothing_in(empty)


@pytest.mark.parametrize("whom", ["PUBLIC", "strong", "writer"])
@pytest.mark.parametrize("what", ["TABLES", "SCHEMAS"])
def test_a_journal_is_not_made_where_defaults_give_rights_away(
    strong: str, empty: str, whom: str, what: str
) -> None:
    given = f"ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT ALL ON {what} TO {whom}"
    as_superuser(empty.replace("keeper@", "postgres@"), given)
    if whom == "PUBLIC":  # taken back, and then as it should be
        create_journal_on_server(empty, writer="writer")
        with pytest.raises(DENIED):
            done_as("strong", strong.replace("strong@", "writer@"), "DELETE FROM sekisho.journal")
        return
    with pytest.raises(WorldError, match=r"writer's role could|strong would get rights"):
        create_journal_on_server(empty, writer="writer")
    assert nothing_in(empty)


def test_who_may_make_nothing_makes_none(empty: str) -> None:
    with pytest.raises(WorldError, match="may not"):
        create_journal_on_server(empty.replace("keeper@", "writer@"), writer="keeper")
    assert nothing_in(empty)


def test_a_journal_that_is_not_there(empty: str, database: str, tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="no journal in this database"):
        open_journal(database)
    assert nothing_in(empty)
    with pytest.raises(WorldError, match="does not exist"):
        open_journal(database.replace("/journal_", "/nowhere_"))
    with pytest.raises(WorldError, match="No such file"):
        open_journal(f"postgresql://writer@/j?host={tmp_path}")
