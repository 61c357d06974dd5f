"""The command line from outside: exit codes, one clear sentence, one JSON document."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sekisho.cli import run
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.bundle import open_bundle
from sekisho.passes.verify import standing_of

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


def test_the_drill_says_who_approved_with_what_and_what_the_policy_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = answer(capsys, "drill", "dmm-2024", "--out", str(tmp_path))
    assert code == 0
    assert [tuple(each.values()) for each in said["approvals"]] == [
        (*each, f"2024-05-31T03:{minute}:00Z")
        for minute, each in (
            ("05", ("operations-lead", "operations", "webauthn-browser", "approval-desk", False)),
            ("10", ("security-officer", "security", "ed25519-key-file", "review-machine", True)),
            ("15", ("finance-controller", "finance", "webauthn-browser", "approval-desk", False)),
        )
    ]
    policy = said["policy"]
    assert policy["id"] == "jp-psa"
    assert len(policy["digest"]) == 64
    assert policy["held_until_at"] == "2024-05-31T04:15:00Z"
    assert {each["answer"] for each in policy["outcomes"]} == {"allowed", "not_applicable"}
    lock = next(each for each in policy["outcomes"] if each["rule"] == "time_lock")
    assert lock["hold_seconds"] == 3600
    assert "GL16 II-2-2-4-2" in lock["reference"]


def bundle_of(drilled: Path) -> tuple[Path, str]:
    """Return the drill's bundle, and the genesis that its workspace has pinned."""
    configuration = tomllib.loads((drilled / "workspace" / "sekisho.toml").read_text())
    return drilled / "pass.bundle", configuration["genesis_digest"]


def test_the_command_that_the_drill_gives_verifies_its_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = answer(capsys, "drill", "--out", str(tmp_path))
    (program, *arguments) = said["bundle"]["verify"]
    assert program == "sekisho"
    assert said["bundle"]["file"] in said["files"]
    code, found = answer(capsys, *arguments)
    assert (code, found["answer"]) == (0, "good")
    assert found["pass_id"] == said["pass"]["pass_id"]
    assert found["entries"] == said["journal"]["entries"]
    arguments[-1] = "00" * 32
    assert run([*arguments, "--json"]) == 3, "from another genesis it leads nowhere"


@pytest.mark.parametrize("part", range(4))
def test_with_any_byte_changed_the_bundle_is_refused(drilled: Path, part: int) -> None:
    """Every byte of the drill's own bundle, once: its lowest bit, so that digits stay digits.

    Nothing signs the first line's `format` and `pass_digest`, nor the newlines and the hashes
    beside the entries; these are refused as well. No line hashes the first one, so there each of
    the eight bits is changed. What no bit away does is below: another pass's digest.
    """
    path, genesis = bundle_of(drilled)
    data = bytearray(path.read_bytes())
    header = data.index(b"\n") + 1

    def good() -> bool:
        try:
            opened = open_bundle(
                bytes(data), genesis_digest=genesis, seen=None, now=None, where="x"
            )
            return not standing_of(opened.register, opened.pass_digest).findings
        except (BadInputError, Refused):
            return False

    assert good()
    for at in range(part, len(data), 4):
        for bit in range(8 if at < header else 1):
            data[at] ^= 1 << bit
            assert not good(), f"byte {at} of {len(data)}, bit {bit}"
            data[at] ^= 1 << bit
    assert good()


def test_a_bundle_with_the_name_of_another_pass_in_it_is_that_passes(drilled: Path) -> None:
    """Whoever verifies it is told which pass it was: nobody signs which one is meant."""
    path, genesis = bundle_of(drilled)
    data = path.read_bytes()
    meant = open_bundle(data, genesis_digest=genesis, seen=None, now=None, where="x")
    others = set(meant.register.passes) - {meant.pass_digest}
    assert others
    for other in others:
        changed = data.replace(meant.pass_digest.encode(), other.encode(), 1)
        opened = open_bundle(changed, genesis_digest=genesis, seen=None, now=None, where="x")
        assert opened.pass_digest == other
        assert opened.seen == meant.seen


def test_the_bundle_is_refused_with_a_line_left_out(drilled: Path) -> None:
    path, genesis = bundle_of(drilled)
    lines = path.read_bytes().splitlines(keepends=True)
    for left_out in range(len(lines)):
        path_of = path.with_name("shorter.bundle")
        path_of.write_bytes(b"".join(lines[:left_out] + lines[left_out + 1 :]))
        assert run(["pass", "verify", str(path_of), "--genesis", genesis]) in {2, 3}


def test_without_a_pass_the_outflow_is_unmatched(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = answer(capsys, "drill", "dmm-2024", "--variant", "no-pass")
    assert code == 0
    assert said["gate"]["verdict"] == "refused"
    assert [each["code"] for each in said["gate"]["findings"]] == ["gate.no_pass"]
    assert said["watch"]["verdict"] == "unmatched"
    assert said["loss"]["amount_sat"] == 450_290_000_000
    assert said["files"] == []
    assert said["approvals"] == []
    assert said["bundle"] is None
    assert (said["policy"]["id"], said["policy"]["outcomes"]) == ("jp-psa", [])


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
    assert "pass verify" not in told, "nothing was kept"
    for said in {
        "en": ("passkey in the browser", "own machine, key file", "Policy jp-psa", "13:15 JST"),
        "ja": ("ブラウザーのパスキー", "自身の端末、鍵ファイル", "ポリシー jp-psa", "13:15 JST"),
    }[spoken]:
        assert (said in told) == (variant == "pass")
    stands_in = {"en": "no security device", "ja": "セキュリティ機器ではない"}[spoken]
    assert (stands_in in " ".join(told.split())) == (variant == "pass")


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
        (
            ["gate", "check", "--gate", "/no", "--pass", "x", "--psbt", "/nowhere.psbt"],
            "/nowhere.psbt",
        ),
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
