"""A team's journal on a real PostgreSQL server, from the command line: made, filled, verified."""

import json
from pathlib import Path
from typing import Any

import pytest
from journal_files import as_superuser
from parts.postgresql import Server

from sekisho.cli import run

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]
PEOPLE = {"aoki": "operations", "baba": "operations", "chiba": "security", "endo": "finance"}


def test_an_exchange_whose_journal_is_on_a_server(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    admin = f"postgresql://postgres@/postgres?host={server.folder}"
    as_superuser(admin, "CREATE DATABASE story OWNER keeper")
    place = f"/story?host={server.folder}"

    def sekisho(*arguments: str, code: int = 0) -> Any:  # noqa: ANN401 - one JSON document
        assert run([*arguments, "--json"]) == code, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    root = tmp_path / "exchange"
    # Before there is a journal, nothing is made here either.
    assert run(["init", str(root), "--journal", f"postgresql://writer@{place}"]) == 1
    assert not root.exists()
    capsys.readouterr()
    sekisho("journal", "create", f"postgresql://keeper@{place}", "--writer", "writer")
    sekisho("init", str(root), "--network", "regtest", "--journal", f"postgresql://writer@{place}")
    here = ("-w", str(root))
    for who in PEOPLE:
        sekisho("roster", "key", str(tmp_path / who), "--no-passphrase")
    desk = ("--terminal", "desk-1")
    people = [f"--person={who}:{where}:{tmp_path / who}.pub" for who, where in PEOPLE.items()]
    quorum = [f"--quorum={name}=1" for name in sorted(set(PEOPLE.values()))]
    file = str(tmp_path / "roster.json")
    made = sekisho(
        "roster", "new", "--out", file, "--exchange", "Hakone", *people, *quorum, *desk, *here
    )
    asked = sekisho("roster", "adopt", file, f"--key={tmp_path / 'aoki'}", *desk, *here)
    for who in ("baba", "chiba", "endo"):
        sekisho("pass", "approve", asked["pass_id"], f"--key={tmp_path / who}", *desk, *here)
    sekisho("roster", "pin", made["digest"], *here)
    assert sekisho("roster", "show", *here)["roster"]["exchange"] == "Hakone"
    sekisho("journal", "checkpoint", *here)
    assert sekisho("journal", "verify", *here)["size"] == 6
    as_superuser(admin, "DROP DATABASE story WITH (FORCE)")
