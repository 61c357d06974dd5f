import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journal_files import Say, in_a_child, tampered
from journal_world import a_draft, chain

from sekisho.cli import run
from sekisho.journal.store import open_journal

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace with five entries, and a checkpoint of them kept elsewhere."""
    place = tmp_path / "place"
    assert run(["init", str(place)]) == 0
    with open_journal(place / "journal.sqlite") as store:
        for number in range(1, 6):
            store.append(a_draft(number))
    kept = str(tmp_path / "kept")
    assert run(["journal", "checkpoint", "-w", str(place), "--out", kept]) == 0
    return place


@pytest.fixture
def kept(place: Path) -> str:
    return str(place.parent / "kept")


@pytest.fixture
def journal(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("SEKISHO_LANGUAGE", "en")
    capfd.readouterr()

    def command(*arguments: str) -> tuple[int, str]:
        code = run(["journal", *arguments, "-w", str(place)])
        out, _ = capfd.readouterr()
        return code, out

    return command


def as_json(said: tuple[int, str]) -> tuple[int, dict[str, Any]]:
    return said[0], json.loads(said[1])


def test_an_honest_journal(journal: Command, kept: str) -> None:
    code, said = journal("verify")
    assert code == 0
    assert said.startswith("5 entries, root ")
    assert "rewritten as a whole would not show" in said
    code, said = journal("verify", "--against", kept)
    assert code == 0
    assert "begins with 5 entries that were signed" in said
    assert "--against" not in said
    code, found = as_json(journal("verify", "--against", kept, "--json"))
    assert (code, found["size"], found["agrees_to"], found["findings"]) == (0, 5, 5, [])


def test_a_tampered_journal_is_answered_with_no(
    journal: Command, place: Path, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampered(
        place / "journal.sqlite",
        "UPDATE journal SET document = replace(document, '4502', '4503') WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 5",
    )
    code, said = journal("verify", "--against", kept)
    assert code == 3
    assert "changed after they were written: 2." in said
    assert "5 entries were signed, but only 4 are there" in said
    code, found = as_json(journal("verify", "--against", kept, "--json"))
    assert code == 3
    assert {each["code"] for each in found["findings"]} == {
        "journal.entry_changed",
        "journal.truncated",
    }
    monkeypatch.setenv("SEKISHO_LANGUAGE", "ja")
    assert "書き込み後に変更された台帳の記録: 2。" in journal("verify")[1]
    code, found = as_json(journal("checkpoint", "--json"))
    assert (code, found["answer"]) == (3, "no")


def test_its_own_last_checkpoint_is_always_compared(journal: Command, place: Path) -> None:
    tampered(place / "journal.sqlite", "DELETE FROM journal WHERE seq = 5")
    code, said = journal("verify")
    assert code == 3
    assert "[journal.truncated]" in said


def test_a_proof_is_made_and_checked_without_the_workspace(
    journal: Command, place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    proof = tmp_path / "entry.tlog-proof"
    assert journal("prove", "3", "--out", str(proof)) == (0, f"  ✓ proof written to {proof}\n")
    vkey = (place / "journal.vkey").read_text().strip()
    away = str(tmp_path / "nowhere")
    arguments = ["journal", "verify", "--proof", str(proof), "--vkey", vkey, "-w", away]
    assert run(arguments) == 0
    assert "Entry 3 (passes.asked, 2024-05-31T12:00:03Z" in capfd.readouterr()[0]
    assert run([*arguments, "--json"]) == 0
    found = json.loads(capfd.readouterr()[0])
    assert found["proven"] == json.loads(chain(3)[2].document)
    proof.write_bytes(proof.read_bytes().replace(b"index 2", b"index 3"))
    assert run(arguments) == 3
    assert "[journal.proof_wrong]" in capfd.readouterr()[0]


def test_consistency_is_proven_and_checked(
    journal: Command, place: Path, kept: str, tmp_path: Path
) -> None:
    with open_journal(place / "journal.sqlite") as store:
        store.append(a_draft(6))
    assert journal("checkpoint")[0] == 0
    proof = tmp_path / "proof"
    code, said = journal("prove", "--consistent-with", kept)
    assert code == 0
    assert said.startswith("old 5\n")
    proof.write_text(said)
    code, said = journal("verify", "--proof", str(proof), "--against", kept)
    assert code == 0
    assert "begins with the 5 entries" in said


def test_an_export_is_verified_with_nothing_but_itself(
    journal: Command, kept: str, tmp_path: Path
) -> None:
    code, lines = journal("export")
    assert code == 0
    export = tmp_path / "export.jsonl"
    assert journal("export", "--out", str(export))[0] == 0
    assert export.read_text() == lines
    assert journal("verify", str(export), "--against", kept)[0] == 0
    export.write_text("".join(lines.splitlines(keepends=True)[:4]))
    assert journal("verify", str(export))[0] == 0
    assert journal("verify", str(export), "--against", kept)[0] == 3
    assert journal("verify", str(tmp_path / "missing"))[0] == 2


def test_what_is_there_is_not_overwritten(journal: Command, kept: str) -> None:
    before = Path(kept).read_bytes()
    for arguments in (["checkpoint"], ["prove", "1"], ["export"]):
        assert journal(*arguments, "--out", kept)[0] == 2
    assert Path(kept).read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["prove"],
        ["prove", "1", "--consistent-with", "kept"],
        ["prove", "one"],
        ["export", "--json"],
        ["verify", "--vkey", "nonsense"],
        ["verify", "--against", "missing"],
        ["verify", "--proof", "missing"],
        ["export", "--out", "no/such/folder"],
        ["export", "--out", "."],
    ],
    ids=" ".join,
)
def test_usage_and_bad_input(journal: Command, arguments: list[str]) -> None:
    assert journal(*arguments)[0] == 2


def test_a_workspace_without_its_journal(journal: Command, place: Path) -> None:
    (place / "journal.sqlite").unlink()
    for arguments in (["verify"], ["export"], ["checkpoint"], ["prove", "1"]):
        assert journal(*arguments)[0] == 1
    assert not (place / "journal.sqlite").exists(), "a lost journal is not replaced by a new one"


def test_an_export_that_cannot_be_finished_is_taken_away(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "export.jsonl"

    def export(say: Say) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        say(str(run(["journal", "export", "--out", str(out), "-w", str(place)])))

    assert in_a_child(export) == "1\n"
    assert not out.exists()


def test_a_reader_that_leaves_early(place: Path) -> None:
    with open_journal(place / "journal.sqlite") as store:
        for number in range(6, 9):
            store.append(a_draft(number, body={"text": "x" * 300_000}))
    program = "import sys; from sekisho.cli import run; sys.exit(run(sys.argv[1:]))"
    export = subprocess.Popen(
        [sys.executable, "-c", program, "journal", "export", "-w", str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    if export.stdout is None or export.stderr is None:
        raise RuntimeError("no pipes")
    with export, export.stdout, export.stderr:
        assert export.stdout.readline().startswith(b'{"entry":')
        export.stdout.close()
        said = export.stderr.read().decode()
    assert export.returncode == 1
    assert said == "sekisho: standard output was closed before the end\n"
