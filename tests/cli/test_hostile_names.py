"""What other people wrote, shown on a terminal: it is text, and does nothing there."""

import json
from pathlib import Path

import pytest

from sekisho.cli import run


def test_a_name_in_a_roster_file_cannot_speak_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["roster", "key", str(tmp_path / "a.key"), "--no-passphrase"]) == 0
    public_key = (tmp_path / "a.key.pub").read_text().split()[0]
    rest = {"handle": "", "device": "", "attested": False, "commitment": "00" * 32}
    credential = {"credential_id": "c", "kind": "ed25519", "public_key": public_key, **rest}
    person = {
        "person_id": "p",
        "name": "p",
        "department": "a",
        "officer": False,
        "credentials": [credential],
    }
    roster = {
        "format": "sekisho/roster/v1",
        "version": 1,
        "previous_digest": "",
        "exchange": "x",
        "created": "2026-01-01T00:00:00Z",
        "expires": "2027-01-01T00:00:00Z",
        "departments": ["a"],
        "people": [person],
        "terminals": [{"terminal_id": "t", "name": "t"}],
        "quorum": {"transfer": {"\x1b[2J\x1b]0;owned\x07": "x"}, "admin": {"a": 1}},
    }
    path = tmp_path / "roster.json"
    path.write_text(json.dumps(roster))
    for arguments in (["roster", "digest", str(path)], ["roster", "digest", str(path), "--json"]):
        capsys.readouterr()
        assert run(arguments) == 2
        said = capsys.readouterr()
        assert "\x1b" not in said.err + said.out
        assert "\\x1b[2J" in said.err


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"\xff\xfe\n"])
def test_a_passphrase_file_without_a_passphrase_makes_no_key(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phrase = tmp_path / "phrase"
    phrase.write_bytes(content)
    key = tmp_path / "a.key"
    assert run(["roster", "key", str(key), "--passphrase-file", str(phrase)]) == 2
    assert str(phrase) in capsys.readouterr().err
    assert not key.exists()


def test_a_journal_cut_together_with_its_last_checkpoint_does_not_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "w"
    assert run(["init", str(root)]) == 0
    assert run(["journal", "verify", "--workspace", str(root)]) == 0
    (root / "checkpoints" / "last-signed").unlink()
    capsys.readouterr()
    assert run(["journal", "verify", "--workspace", str(root)]) == 2
    assert "last-signed" in capsys.readouterr().err
