import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journal_world import a_draft, chain, signed

from sekisho.cli import run
from sekisho.journal.checkpoints import open_checkpoint
from sekisho.journal.flow import read_vkey
from sekisho.journal.notes import parse_note
from sekisho.journal.store import open_journal

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace with five entries and a checkpoint of them."""
    place = tmp_path / "place"
    assert run(["init", str(place)]) == 0
    add(place, 1, 2, 3, 4, 5)
    return place


@pytest.fixture
def journal(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("SEKISHO_LANGUAGE", "en")

    def command(*arguments: object) -> tuple[int, str]:
        capfd.readouterr()
        code = run(["journal", *map(str, arguments)])
        return code, capfd.readouterr()[0]

    return command


@pytest.fixture
def gate(place: Path, journal: Command, tmp_path: Path) -> Path:
    """The folder of a witness that knows the workspace's journal."""
    folder = tmp_path / "gate"
    assert journal("witness", "init", folder, "--name", "gate.example/w")[0] == 0
    added = journal("witness", "add", "--dir", folder, "--log", place / "journal.vkey")
    assert added[0] == 0
    return folder


def add(place: Path, *numbers: int) -> None:
    with open_journal(place / "journal.sqlite") as store:
        for number in numbers:
            store.append(a_draft(number))
    assert run(["journal", "checkpoint", "-w", str(place)]) == 0


def as_json(said: tuple[int, str]) -> tuple[int, dict[str, Any]]:
    return said[0], json.loads(said[1])


def test_the_way_of_a_checkpoint_to_a_witness_and_back(
    journal: Command, place: Path, gate: Path, tmp_path: Path
) -> None:
    """On a USB stick, as a person carries it."""
    stick = tmp_path / "stick"
    stick.mkdir()
    last = place / "checkpoints" / "last-signed"
    out = stick / "cosigned"
    said = journal("witness", "cosign", last, "--dir", gate, "--out", out)
    assert said == (0, f"  ✓ checkpoint written to {out}\n")
    joining = ("--witness", gate / "witness.vkey", "-w", place)
    assert journal("checkpoint", "--cosignature", out, *joining)[0] == 0
    witnessed = place / "checkpoints" / "witnessed"
    assert witnessed.read_bytes() == out.read_bytes()
    # The journal grows, and the witness wants to see that it only grew.
    add(place, 6, 7)
    code, refused = as_json(journal("witness", "cosign", last, "--dir", gate, "--json"))
    assert (code, refused["answer"]) == (3, "no")
    assert [each["code"] for each in refused["findings"]] == ["journal.proof_needed"]
    proof, second = stick / "proof", stick / "cosigned-2"
    proving = ("prove", "--consistent-with", witnessed, "--out", proof, "-w", place)
    assert journal(*proving)[0] == 0
    assert journal("witness", "check", proof, "--dir", gate)[0] == 0
    code, done = as_json(
        journal("witness", "cosign", proof, "--dir", gate, "--out", second, "--json")
    )
    assert (code, done["cosigned_by"]) == (0, "gate.example/w")
    assert second.read_text() == done["checkpoint"]
    code, joined = as_json(journal("checkpoint", "--cosignature", second, *joining, "--json"))
    assert (code, joined["cosigned_by"]) == (0, ["gate.example/w"])
    key = read_vkey(place / "journal.vkey")
    assert open_checkpoint(witnessed.read_bytes(), key, "witnessed").size == 7
    assert [each.name for each in parse_note(witnessed.read_bytes(), "w").signatures] == [
        key.name,
        "gate.example/w",
    ]
    # And what was seen before is refused from now on.
    code, said_no = journal("witness", "cosign", out, "--dir", gate)
    assert code == 3
    assert "fewer than the 7 that were seen before" in said_no


def test_with_the_workspace_at_hand_no_proof_is_needed(
    journal: Command, place: Path, gate: Path
) -> None:
    assert journal("witness", "cosign", "--dir", gate, "-w", place)[0] == 0
    add(place, 6, 7)
    code, said = journal("witness", "check", "--dir", gate, "-w", place)
    assert (code, said) == (
        0,
        "  ✓ sekisho/exchange/journal, 7 entries: only adds to what was last seen.\n",
    )
    code, checked = as_json(journal("witness", "check", "--dir", gate, "-w", place, "--json"))
    assert (code, checked["checkpoint"]["size"]) == (0, 7)
    assert journal("witness", "cosign", "--dir", gate, "-w", place)[0] == 0
    code, seen = as_json(journal("witness", "check", "--dir", gate, "--json"))
    assert (code, [each["checkpoint"]["size"] for each in seen["logs"]]) == (0, [7])
    assert "7 entries" in journal("witness", "check", "--dir", gate)[1]


def test_a_journal_that_was_rewritten_is_not_cosigned(
    journal: Command, place: Path, gate: Path
) -> None:
    assert journal("witness", "cosign", "--dir", gate, "-w", place)[0] == 0
    add(place, 6)
    for each in place.glob("journal.sqlite*"):
        each.rename(place / f"old-{each.name}")
    assert run(["init", str(place.parent / "other")]) == 0
    (place.parent / "other" / "journal.sqlite").rename(place / "journal.sqlite")
    with open_journal(place / "journal.sqlite") as store:
        for number in range(1, 7):
            store.append(a_draft(number, story="fork"))
    code, refused = as_json(journal("witness", "cosign", "--dir", gate, "-w", place, "--json"))
    assert code == 3
    assert [each["code"] for each in refused["findings"]] == ["journal.entries_differ"]


def test_a_new_witness_says_what_to_do(journal: Command, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    code, said = journal("witness", "init", folder, "--name", "auditor.example/w")
    vkey = (folder / "witness.vkey").read_text().strip()
    assert code == 0
    assert vkey in said
    assert "no log yet" in journal("witness", "check", "--dir", folder)[1]
    assert journal("witness", "init", folder, "--name", "auditor.example/w")[0] == 1
    code, made = as_json(
        journal("witness", "init", tmp_path / "v", "--name", "b.example", "--json")
    )
    assert (code, made["vkey"]) == (0, (tmp_path / "v" / "witness.vkey").read_text().strip())


def test_a_lost_memory_is_an_error_and_no_new_beginning(
    journal: Command, place: Path, gate: Path
) -> None:
    (gate / "last-seen.json").unlink()
    for arguments in (["cosign"], ["check"]):
        assert journal("witness", *arguments, "--dir", gate, "-w", place)[0] == 1
    assert not (gate / "last-seen.json").exists()


def test_an_answer_that_cannot_be_written_can_be_asked_for_again(
    journal: Command, place: Path, gate: Path, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("something else")
    assert journal("witness", "cosign", "--dir", gate, "-w", place, "--out", taken)[0] == 2
    assert taken.read_text() == "something else"
    last = place / "checkpoints" / "last-signed"
    out = tmp_path / "cosigned"
    assert journal("witness", "cosign", last, "--dir", gate, "--out", out)[0] == 0


def test_a_log_that_is_not_known(journal: Command, gate: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign").write_bytes(signed(chain(3)))
    code, refused = as_json(
        journal("witness", "cosign", tmp_path / "foreign", "--dir", gate, "--json")
    )
    assert code == 3
    assert [each["code"] for each in refused["findings"]] == ["journal.log_unknown"]


NOT_UNDERSTOOD = [
    ["witness", "cosign", "--dir", "GATE"],
    ["witness", "cosign", "missing", "--dir", "GATE"],
    ["witness", "cosign", "--dir", "nowhere", "-w", "PLACE"],
    ["witness", "cosign", "GATE/witness.vkey", "--dir", "GATE"],
    ["witness", "check", "--dir", "GATE", "-w", "nowhere"],
    ["witness", "add", "--dir", "GATE", "--log", "GATE/witness.vkey"],
    ["witness", "add", "--dir", "GATE", "--log", "missing"],
    ["witness", "init", "w", "--name", "two words"],
    ["checkpoint", "--cosignature", "PLACE/checkpoints/last-signed", "-w", "PLACE"],
    ["checkpoint", "--witness", "GATE/witness.vkey", "-w", "PLACE"],
    [
        "checkpoint",
        "--cosignature",
        "missing",
        "--witness",
        "GATE/witness.vkey",
        "-w",
        "PLACE",
    ],
    ["checkpoint", "--cosignature", "GATE/witness.vkey", "--witness", "no key", "-w", "PLACE"],
]


def test_usage_and_bad_input(journal: Command, place: Path, gate: Path) -> None:
    for arguments in NOT_UNDERSTOOD:
        given = [e.replace("GATE", str(gate)).replace("PLACE", str(place)) for e in arguments]
        assert journal(*given)[0] == 2, arguments


def test_a_checkpoint_that_nobody_cosigned_is_not_published(
    journal: Command, place: Path, gate: Path
) -> None:
    last = place / "checkpoints" / "last-signed"
    code, refused = as_json(
        journal(
            "checkpoint", "--cosignature", last, "--witness", gate / "witness.vkey", "-w", place,
            "--json",
        )
    )  # fmt: skip
    assert code == 3
    assert [each["code"] for each in refused["findings"]] == ["journal.cosignature_missing"]
    assert not (place / "checkpoints" / "witnessed").exists()
