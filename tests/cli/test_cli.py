"""The command line from outside: exit codes, one clear sentence, one JSON document."""

import json
from pathlib import Path
from typing import Any

import pytest

from sekisho.cli import run

OUTFLOW = "975ec405ac9dc9fa5ab8009d94d6a1fe31dff8a8127ea90d023104e52754e4d7"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Return a command's exit code and the JSON document that it wrote."""
    code = run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a drill has written."""
    out = tmp_path_factory.mktemp("drill")
    assert run(["drill", "dmm-2024", "--out", str(out)]) == 0
    return out / "dmm-2024"


def test_the_drill_stops_and_catches_the_real_outflow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = answer(capsys, "drill", "dmm-2024", "--out", str(tmp_path))
    assert code == 0
    assert said["drill"] == "dmm-2024"
    assert said["txid"] == OUTFLOW
    assert said["gate"]["verdict"] == "refused"
    assert [each["code"] for each in said["gate"]["findings"]] == [
        "gate.payment_not_allowed",
        "gate.lookalike",
        "gate.payment_missing",
        "gate.fee_too_high",
        "gate.feerate_too_high",
    ]
    assert said["gate"]["honest_verdict"] == "cleared"
    assert said["watch"]["verdict"] == "deviating"
    assert {each["code"] for each in said["watch"]["findings"]} == {
        "watch.payment_missing",
        "watch.payment_not_allowed",
        "watch.fee_too_high",
        "watch.feerate_too_high",
        "watch.lookalike",
    }
    assert said["watch"]["latency_ms"] > 0
    assert said["watch"]["signatures"] == {
        "inputs": 9,
        "understood": True,
        "threshold": 2,
        "keys": 3,
        "signed_positions": [0, 1],
        "invalid": 0,
    }
    loss = said["loss"]
    assert loss["amount_sat"] == 450_290_000_000
    assert loss["fee_sat"] == 10_000_000
    assert loss["jpy"] == 48_200_000_000
    assert loss["price_jpy"] == 10_704_212
    assert loss["price_at"] == "2024-05-31T04:26:00Z"
    assert "DMM Bitcoin notice" in loss["price_source"]
    assert loss["beside"][0]["price_jpy"] == 10_801_792
    assert said["incident"]["id"]
    assert all(Path(path).exists() for path in said["files"])


def test_without_a_pass_the_outflow_is_unmatched(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = answer(capsys, "drill", "dmm-2024", "--variant", "no-pass")
    assert code == 0
    assert said["gate"]["verdict"] == "refused"
    assert [each["code"] for each in said["gate"]["findings"]] == ["gate.no_pass"]
    assert said["watch"]["verdict"] == "unmatched"
    assert said["loss"]["amount_sat"] == 450_290_000_000
    assert said["files"] == []


@pytest.mark.parametrize("spoken", ["en", "ja"])
@pytest.mark.parametrize("variant", ["pass", "no-pass"])
def test_the_story_is_told_whole_in_both_languages(
    spoken: str, variant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drill", "--variant", variant, "--lang", spoken]) == 0
    told = capsys.readouterr().out
    assert "4,502.90000000 BTC" in told
    assert "48,200,000,000" in told
    assert "?)" not in told, "a finding's sentence misses a fact"


def test_a_drill_deletes_nothing_that_no_drill_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "dmm-2024" / "precious"
    precious.parent.mkdir()
    precious.write_text("mine")
    assert run(["drill", "--out", str(tmp_path)]) == 2
    assert "no drill wrote it" in capsys.readouterr().err
    assert precious.read_text() == "mine"


def test_a_drill_replaces_what_an_earlier_one_left(drilled: Path) -> None:
    assert run(["drill", "--out", str(drilled.parent)]) == 0
    assert (drilled / "index.html").exists()


def test_the_drill_leaves_a_workspace_that_commands_can_use(
    drilled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = str(drilled / "workspace")
    code, said = answer(capsys, "journal", "verify", "--workspace", workspace)
    assert code == 0
    assert said["findings"] == []
    # Its roster was for 2024 and has expired, so today nothing may leave under it.
    code, said = answer(capsys, "wallets", "list", "--workspace", workspace)
    assert code == 3
    assert [each["code"] for each in said["findings"]] == ["passes.roster_expired"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["init"], "directory"),
        (["drill", "mt-gox"], "mt-gox"),
        (["wallets", "list", "--workspace", "/nowhere"], "/nowhere"),
        (["gate", "check", "--pass", "x", "--psbt", "/nowhere.psbt"], "/nowhere.psbt"),
        (["scan", "--no-such-option"], "--no-such-option"),
        (["no-such-command"], "no-such-command"),
    ],
)
def test_bad_input_is_one_clear_sentence_and_exit_code_2(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert named.lower() in captured.err.lower()
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_bad_input_is_one_json_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = answer(capsys, "wallets", "list", "--workspace", "/nowhere")
    assert code == 2
    assert "/nowhere" in said["error"]


def test_no_workspace_is_made_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "w")]) == 0
    before = (tmp_path / "w" / "journal.key").read_bytes()
    assert run(["init", str(tmp_path / "w")]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (tmp_path / "w" / "journal.key").read_bytes() == before


def test_help_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "drill" in capsys.readouterr().out
