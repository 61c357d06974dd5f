"""Where a server is said to be, and what must not be told of it."""

from pathlib import Path

import pytest
from journal_files import as_superuser
from parts.postgresql import Server

from sekisho.journal.store import create_journal_on_server, open_journal
from sekisho.kernel.errors import BadInputError, WorldError

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]

SECRET = "hunter2"


@pytest.mark.parametrize(
    "location",
    [
        "",
        "journal.sqlite",
        "sqlite:///journal.sqlite",
        "host=/tmp dbname=j",
        f"host=/tmp dbname=j password={SECRET}",
        f"postgresql://writer:{SECRET}@localhost/j",
        f"postgresql://:{SECRET}@localhost/j",
        f"postgresql://writer:{SECRET}@/j?host=/tmp",
        f"postgresql://writer:a@{SECRET}@localhost/j",
        f"postgresql://writer:a/{SECRET}@localhost/j",
        f"postgresql://writer:{SECRET}/j",
        f"postgresql://writer:?{SECRET}@localhost/j",
        f"postgresql://localhost/j?password={SECRET}",
        f"postgresql://localhost/j?sslpassword={SECRET}",
        f"postgresql://localhost/j?host=localhost&password={SECRET}",
        f"postgresql://localhost/j?host=localhost password={SECRET}",
        f"postgresql://localhost/j?{SECRET}",
        f"postgresql://localhost/j?options=-c%20x={SECRET}",
        f"postgresql://localhost/%zz{SECRET}",
        "postgresql://localhost",
        "postgresql://localhost/",
        "postgresql:///j",
        "postgresql://writer@/j",
        "postgresql://localhost,/j",
        "postgresql://localhost/j\n",
        "postgresql://db.example/j",
        "postgresql://db.example/j?sslmode=require",
        "postgresql://db.example/j?sslmode=verify-ca",
        "postgresql://localhost,db.example/j",
        "postgresql://localhost/j?host=db.example",
        "postgresql://" + "a" * 100_000 + "!",
        "postgresql://" + "a:1," * 10_000 + "!",
    ],
    ids=range(32),
)
def test_a_location_out_of_form_is_refused_and_not_repeated(location: str) -> None:
    for refused in (
        lambda: open_journal(location),
        lambda: create_journal_on_server(location, writer="writer"),
    ):
        with pytest.raises(BadInputError, match="journal location") as error:
            refused()
        assert SECRET not in str(error.value)
        assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("postgres://127.0.0.1:1/j", "j on 127.0.0.1"),
        ("postgresql://writer@[::1]:1/j", "j on ::1"),
    ],
)
def test_a_server_that_is_not_there_is_named(location: str, name: str) -> None:
    with pytest.raises(WorldError, match=f"^journal {name}: "):
        open_journal(location)


def test_a_wrong_password_is_not_told(
    database: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_superuser(database, "CREATE ROLE locked LOGIN PASSWORD 'right'")
    rules = server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    passfile = tmp_path / "passfile"
    passfile.write_text(f"*:*:*:*:{SECRET}\n")
    passfile.chmod(0o600)
    try:
        rules.write_text(f"local all locked scram-sha-256\n{before}")
        as_superuser(database, "SELECT pg_reload_conf()")
        monkeypatch.setenv("PGPASSWORD", SECRET)
        place = database.replace("writer@", "locked@")
        for location in (place, f"{place}&passfile={passfile}"):
            with pytest.raises(WorldError, match="authentication failed") as error:
                open_journal(location)
            assert SECRET not in str(error.value)
            monkeypatch.delenv("PGPASSWORD", raising=False)
    finally:
        rules.write_text(before)
        as_superuser(database, "SELECT pg_reload_conf()", "DROP ROLE locked")
