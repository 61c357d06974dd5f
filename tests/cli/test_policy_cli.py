"""`sekisho policy`: packs are read, checked and tested from outside."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from policy_world import ordinary, pack, paying, trials

from sekisho.cli import run
from sekisho.cli.policy import put_outcomes
from sekisho.passes.policy.documents import policy_digest, policy_document
from sekisho.passes.policy.evaluate import evaluate
from sekisho.passes.policy.packs import CASES, shipped_pack, shipped_packs
from sekisho.passes.shown import outcomes_json

PACKS = shipped_packs()


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = run(["policy", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def words(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["policy", *arguments])
    return code, capsys.readouterr().out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pack of somebody's own, which began as a copy of jp-psa."""
    toml, cases = shipped_pack("jp-psa")
    (tmp_path / "ours.toml").write_bytes(toml)
    (tmp_path / CASES).write_bytes(cases)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_packs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = answer(capsys, "list")
    assert (code, [each["policy_id"] for each in said["packs"]]) == (0, list(PACKS))
    assert words(capsys, "list")[1].count("\n") == len(PACKS)


@pytest.mark.parametrize("policy_id", PACKS)
def test_show_names_every_rule_and_the_digest_that_a_quorum_signs(
    policy_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = answer(capsys, "show", policy_id)
    document = policy_document(pack(policy_id))
    assert (code, said["document"].encode()) == (0, document)
    assert said["digest"] == policy_digest(document)
    shown = words(capsys, "show", policy_id)[1]
    assert policy_digest(document) in shown
    for rule in ("quorum", "limits.", "cold_share", "wallet_proof", "witnesses"):
        assert f"\n{rule}" in shown


def test_a_file_is_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "ours.toml"
    code, said = answer(capsys, "check", str(file))
    assert (code, said["policy_id"]) == (0, "jp-psa")
    assert said["digest"] in words(capsys, "check", str(file))[1]
    assert said["digest"] == answer(capsys, "show", str(file))[1]["digest"]
    edit(file, "not_cold_max_bps", "not_cold_max")
    code, said = answer(capsys, "check", str(file))
    assert (code, said["where"]) == (2, "ours.toml.cold_share.not_cold_max_bps")


@pytest.mark.parametrize("policy_id", PACKS)
def test_a_shipped_pack_passes_its_own_table(
    policy_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = answer(capsys, "test", policy_id)
    assert (code, said["differ"], said["rules_without_cases"]) == (0, 0, [])
    assert [each["name"] for each in said["cases"]] == [each.name for each in trials(policy_id)]


def test_a_changed_number_shows_which_cases_change(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder / "ours.toml", "not_cold_max_bps = 500", "not_cold_max_bps = 600")
    code, said = answer(capsys, "test", str(folder))
    assert (code, said["differ"]) == (3, 2)
    code, shown = words(capsys, "test", str(folder))
    assert code == 3
    assert "✗ cold to hot above 5 %" in shown
    assert re.search(r"expected +denied by cold_share\s+the pack says +allowed", shown)


def test_a_rule_without_a_case_is_reported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / CASES).read_text(encoding="utf-8")
    head, _, _ = text.partition('[[cases]]\nname = "before the law')
    (folder / CASES).write_text(head, encoding="utf-8")
    code, said = answer(capsys, "test", str(folder))
    assert (code, said["differ"]) == (0, 0)
    assert "cold_share" in said["rules_without_cases"]
    assert "no case sees the rule cold_share say no" in words(capsys, "test", str(folder))[1]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("show", "nothing"), "neither a file nor one of"),
        (("check", "nothing.toml"), "cannot be read"),
        (("test", "nothing"), "no folder with one pack"),
    ],
)
def test_what_is_not_there_is_said(
    arguments: tuple[str, str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = answer(capsys, *arguments)
    assert code == 2
    assert why in said["error"]


def test_two_packs_in_one_folder_are_one_too_many(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "theirs.toml").write_bytes(shipped_pack("strict")[0])
    assert answer(capsys, "test", str(folder))[0] == 2


@pytest.mark.parametrize("columns", ["80", "120"])
@pytest.mark.parametrize("language", ["en", "ja"])
def test_an_explanation_names_every_rule_and_fits(
    columns: str,
    language: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("SEKISHO_LANGUAGE", language)
    case = next(each.case for each in trials("jp-psa") if "beside its usual" in each.name)
    outcomes = evaluate(pack("jp-psa"), case)
    put_outcomes(outcomes)
    shown = capsys.readouterr().out
    for each in outcomes:
        assert f" {each.rule}: " in shown
    assert "The policy says no: first_time, look_alike." in shown
    assert "\x1b" not in shown
    assert max(len(line) for line in shown.splitlines()) <= int(columns)
    said = json.loads(json.dumps(outcomes_json(outcomes)))
    assert not said["allowed"]
    assert [each["rule"] for each in said["rules"]] == [each.rule for each in outcomes]


def test_what_a_stranger_wrote_cannot_speak_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    case = ordinary("jp-psa")
    (only,) = case.destinations
    hostile = paying(case, replace(only, address="\x1b[2Jnew", listed_at=None))
    put_outcomes(evaluate(pack("jp-psa"), hostile))
    assert "\x1b" not in capsys.readouterr().out
