"""What people read of the gate's answer, and what programs do."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from gate_returns import signed
from office import ANCHOR, OTHER_PAYEE, PAYEE, Office, allow_list, codes, opened
from rich.cells import cell_len
from rich.text import Text

from sekisho.app import open_gate
from sekisho.cli import run
from sekisho.cli.gate_account import wrapped
from sekisho.gate.account import Told

MARKS = {"✓": "yes", "✗": "no", "–": "not_looked_at"}


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


@pytest.fixture
def asked(office: Office) -> Any:  # noqa: ANN401 - JSON
    said = office.asked()
    office.approved(said["pass_id"])
    assert office("journal", "checkpoint")[0] == 0
    return said


def answered(office: Office, asked: Any, psbt: str, *more: str) -> tuple[int, list[str]]:  # noqa: ANN401 - JSON
    """Ask the gate under a new checkpoint, with a new lease, as people do."""
    assert office("journal", "checkpoint")[0] == 0
    with_pass = ("--gate", office.leased(), "--pass", asked["pass_id"], "--psbt", psbt)
    code, told = office.told("gate", "check", *with_pass, *more)
    return code, told.splitlines()


def check(office: Office, asked: Any, psbt: str, *more: str) -> tuple[int, list[str]]:  # noqa: ANN401 - JSON
    """Return the exit code, and the lines that people read."""
    code, lines = answered(office, asked, psbt, *more)
    assert max(map(cell_len, lines)) <= 100
    assert lines == [line.rstrip() for line in lines]
    return code, lines


def steps(lines: list[str]) -> dict[int, str]:
    """Return the state of each step that the lines show."""
    heads = [line.split() for line in lines if line[:3].strip() in MARKS and line.startswith(" ")]
    return {int(head[1]): MARKS[head[0]] for head in heads}


def test_a_yes_is_told_step_by_step_and_ends_with_the_verdict(office: Office, asked: Any) -> None:  # noqa: ANN401 - JSON
    code, lines = check(office, asked, office.psbt((PAYEE, 150_000_000)))
    assert code == 0
    assert lines[0] == "Before the PSBT is looked at"
    assert steps(lines) == dict.fromkeys(range(1, 21), "yes")
    last = " ".join(lines[lines.index("", -5) :])
    assert "Cleared: every step says yes." in last
    assert "is what the pass allows, and nothing more." in last
    assert f" ✓ 18 Payments         1.50000000 BTC to {PAYEE}" in lines


def test_a_no_begins_and_ends_with_what_says_no(office: Office, asked: Any) -> None:  # noqa: ANN401 - JSON
    code, lines = check(office, asked, office.psbt((OTHER_PAYEE, 150_000_000)))
    assert code == 3
    verdict = "Refused: 1 of 20 steps say no (18). Nothing may be signed or sent."
    assert lines[0] == lines[-1] == verdict
    others = lines.index("The other steps")
    assert steps(lines[:others]) == {18: "no"}
    assert steps(lines[others:]) == dict.fromkeys(set(range(1, 21)) - {18}, "yes")
    red = " ".join(line.strip() for line in lines[:others])
    assert "[gate.payment_not_allowed]" in red
    assert "→ Do not sign. Call the requester on a number you already know" in red
    assert "Keeps out: 4,502.9 BTC to an address that looks like the usual one" in red


def test_a_gate_without_a_lease_says_what_it_did_not_look_at(office: Office, asked: Any) -> None:  # noqa: ANN401 - JSON
    gate = Path(office.leased())
    (gate / "lease").unlink()
    with_pass = ("--pass", asked["pass_id"], "--psbt", office.psbt((PAYEE, 150_000_000)))
    code, told = office.told("gate", "check", "--gate", str(gate), *with_pass)
    found = steps(told.splitlines())
    assert (code, found[2]) == (3, "no")
    assert {number for number, state in found.items() if state == "not_looked_at"} == {4, 5, 6, 7}
    assert told.count("Not looked at: step 2 comes first.") == 4


def test_in_japanese(office: Office, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401 - JSON
    monkeypatch.setenv("SEKISHO_LANGUAGE", "ja")
    code, lines = check(office, asked, office.psbt((PAYEE, 150_000_000)))
    assert (code, lines[0]) == (0, "PSBT を見る前に")
    assert f" ✓ 18 送付とおつり    1.50000000 BTC を {PAYEE} へ" in lines
    assert any(line.startswith("通過: すべての手順を満たしています。") for line in lines)
    code, lines = check(office, asked, office.psbt((OTHER_PAYEE, 150_000_000), name="bad.psbt"))
    assert code == 3
    assert lines[0] == lines[-1]
    assert lines[0].startswith("拒否: 全 20 手順のうち 2 件が満たされていません（手順 18, 20）。")


def test_what_came_back_is_told_too(office: Office, asked: Any, tmp_path: Path) -> None:  # noqa: ANN401 - JSON
    psbt, back = office.psbt((PAYEE, 150_000_000)), tmp_path / "back.psbt"
    other = office.psbt((PAYEE, 150_000_001), name="other.psbt")
    back.write_bytes(signed(Path(psbt).read_bytes()))
    assert check(office, asked, psbt)[0] == 0
    code, lines = check(office, asked, psbt, "--signed", str(back))
    seen = {**dict.fromkeys((21, 22, 23, 24), "yes"), 25: "not_looked_at"}
    assert (code, steps(lines)) == (0, seen)
    assert "may be sent" in lines[-1]
    back.write_bytes(signed(Path(psbt).read_bytes(), by=["alpha"]))
    assert check(office, asked, psbt, "--signed", str(back))[1][-1].startswith("Signed so far")
    back.write_bytes(signed(Path(other).read_bytes()))
    code, lines = check(office, asked, psbt, "--signed", str(back))
    assert (code, steps(lines)[23]) == (3, "no")
    assert lines[0].startswith("Refused: 2 of 5 steps say no (21, 23).")


# For programs ------------------------------------------------------------------------------------

KEYS = {"step", "title", "keeps_out", "state", "evidence", "findings"}


def holds(said: Any) -> dict[int, str]:  # noqa: ANN401 - JSON
    """Hold the form of the steps in a document, and return the state of each."""
    both = {"en", "ja"}
    for each in said["steps"]:
        assert set(each) == KEYS
        assert set(each["title"]) == set(each["keeps_out"]) == both
        assert each["state"] in MARKS.values()
        assert (each["state"] == "no") == bool(each["findings"])
        for one in each["evidence"]:
            assert set(one) == {"name", "facts", "says"}
            assert set(one["says"]) == both
            assert all(isinstance(fact, str) for fact in one["facts"].values())
    told = {found["code"] for each in said["steps"] for found in each["findings"]}
    assert told == codes(said)
    return {each["step"]: each["state"] for each in said["steps"]}


def test_a_document_has_the_steps_with_facts_and_findings(office: Office, asked: Any) -> None:  # noqa: ANN401 - JSON
    code, said = office.gate(asked["pass_id"], office.psbt((OTHER_PAYEE, 150_000_000)))
    states = holds(said)
    assert (code, said["answer"], states[18]) == (3, "no", "no")
    code, said = office.gate(asked["pass_id"], office.psbt((PAYEE, 150_000_000), name="good"))
    assert (code, holds(said)) == (0, dict.fromkeys(range(1, 21), "yes"))
    (payment, _) = said["steps"][17]["evidence"]
    assert payment["name"] == "payment"
    assert payment["facts"] == {"amount_sat": "150000000", "address": PAYEE}
    assert payment["says"]["en"] == f"1.50000000 BTC to {PAYEE}"


def test_the_inbox_writes_the_steps_beside_its_answer(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    gate = office.leased("--isolated")
    box = tmp_path / "box"
    box.mkdir()
    for name, address in (("good", PAYEE), ("bad", OTHER_PAYEE)):
        exported = ("pass", "export", asked["pass_id"], "--out", str(box / f"{name}.bundle"))
        assert office(*exported)[0] == 0
        shutil.copy(office.psbt((address, 150_000_000), name=name), box / f"{name}.psbt")
    office.capsys.readouterr()
    assert run(["gate", "inbox", str(box), "--gate", gate]) == 3
    told = office.capsys.readouterr().out.splitlines()
    assert {"bad: no, by step 18", "good: cleared"} <= set(told)
    assert holds(json.loads((box / "bad.refused.json").read_text()))[18] == "no"
    assert holds(json.loads((box / "good.cleared.json").read_text()))[20] == "yes"


def test_children_and_the_allow_list_are_named(office: Office) -> None:
    listed = allow_list(office, (PAYEE, "関所銀行 払込口"))
    office.put_in_force("documents", "adopt", "allow-list", listed)
    code, standing = office(
        "pass", "standing", "--wallet", "cold-1", "--issuer", office.new_key("service"),
        "--destinations", "any", "--child-max", "0.5", "--hour-max", "1", "--day-max", "2",
        "--fee-max", "0.001", "--feerate-max", "50", "--purpose", "withdrawals",
        *office.signing("alice"),
    )  # fmt: skip
    assert code == 0, standing
    office.approved(standing["pass_id"])
    paid = (f"--pay={PAYEE}=0.4", "--anchor", str(ANCHOR), "--key", office.file("service.key"))
    assert office("pass", "child", standing["pass_id"], *paid)[0] == 0
    code, said = office.gate(f"{standing['pass_id']}#1", office.psbt((PAYEE, 40_000_000)))
    told = {each["step"]: each["evidence"] for each in said["steps"]}
    assert (code, holds(said)[11]) == (0, "yes")
    assert told[11][0]["facts"]["children"] == "1"
    assert told[13][-1]["name"] == "child_limits"
    assert told[18][0]["facts"]["label"] == "関所銀行 払込口"


# The answer does not wait for its account --------------------------------------------------------


def test_an_account_that_fails_changes_no_answer(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> tuple[Told, ...]:
        raise KeyError("a sentence")

    monkeypatch.setattr("sekisho.cli.gate_answers.account_of", fails)
    good = office.psbt((PAYEE, 150_000_000))
    bad = office.psbt((OTHER_PAYEE, 150_000_000), name="bad.psbt")
    code, lines = answered(office, asked, good)
    assert code == 0
    assert "The steps cannot be told: this is a fault of Sekisho's." in " ".join(lines)
    assert any(line.startswith("Cleared:") for line in lines)
    code, lines = answered(office, asked, bad)
    assert (code, "Refused." in lines) == (3, True)
    assert any("[gate.payment_not_allowed]" in line for line in lines)
    code, said = office.gate(asked["pass_id"], bad)
    assert (code, said["answer"], said["steps"]) == (3, "no", [])
    with open_gate(Path(office.leased())) as gate:
        kinds = [each.kind for each in gate.memory.entries()]
    assert kinds.count("gate.cleared") == 1
    assert kinds.count("gate.refused") == 2


# Lines -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 10, [""]),
        ("one two three", 9, ["one two", "three"]),
        ("one two", 7, ["one two"]),
        ("abcdefghij klm", 4, ["abcd", "efgh", "ij", "klm"]),
        ("あいうえお。", 10, ["あいうえ", "お。"]),
        ("あい（うえ）お", 8, ["あい（う", "え）お"]),
        ("金額 1.5 BTC を送付", 9, ["金額 1.5", "BTC を送", "付"]),
    ],
)
def test_lines_break_where_people_break_them(text: str, width: int, lines: list[str]) -> None:
    assert [line.plain for line in wrapped(Text(text), width)] == lines
