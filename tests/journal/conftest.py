from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from journal_files import Location, as_superuser
from journal_log import Log, a_log
from parts.postgresql import Server, running

from sekisho.journal.store import (
    JournalStore,
    create_journal,
    create_journal_on_server,
    open_journal,
)

_numbers = count(1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal in a file."""
    create_journal(tmp_path / "journal.sqlite").close()
    return tmp_path / "journal.sqlite"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One PostgreSQL server for all tests that ask for it: a role that owns, a role that writes.

    The tests that ask are of one group, so that a run in several processes starts one server.
    """
    with running() as started:
        as_superuser(
            f"postgresql://postgres@/postgres?host={started.folder}",
            "CREATE ROLE keeper LOGIN",
            "CREATE ROLE writer LOGIN",
            "CREATE DATABASE template_journal OWNER keeper",
        )
        place = f"postgresql://keeper@/template_journal?host={started.folder}"
        create_journal_on_server(place, writer="writer")
        yield started


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A journal in a PostgreSQL database of its own, as its writer opens it."""
    name = f"journal_{next(_numbers)}"
    other = f"postgresql://postgres@/postgres?host={server.folder}"
    as_superuser(other, f"CREATE DATABASE {name} TEMPLATE template_journal OWNER keeper")
    yield f"postgresql://writer@/{name}?host={server.folder}"
    as_superuser(other, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def strong(database: str) -> Iterator[str]:
    """The journal, opened by another role that writes, and inherits nothing else by itself."""
    as_superuser(
        database,
        "CREATE ROLE strong LOGIN NOINHERIT",
        "GRANT USAGE ON SCHEMA sekisho TO strong",
        "GRANT SELECT, INSERT ON sekisho.journal TO strong",
        "GRANT SELECT ON sekisho.alembic_version TO strong",
    )
    yield database.replace("writer@", "strong@")
    as_superuser(database, "DROP OWNED BY strong", "DROP ROLE strong")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]
        ),
    ]
)
def location(request: pytest.FixtureRequest) -> Location:
    """A journal, in a file and then on a server."""
    found: Location = request.getfixturevalue({"sqlite": "path"}.get(request.param, "database"))
    return found


@pytest.fixture
def store(location: Location) -> Iterator[JournalStore]:
    with open_journal(location, wait_seconds=0.05) as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path, location: Location) -> Log:
    return a_log(tmp_path, location)
