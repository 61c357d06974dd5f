"""Rosters by hand: who joins, who leaves, whose key is lost, who is suspended, and what counts."""

import json
from pathlib import Path

import pytest
from office import PAYEE, TRIAL, Office, codes, opened

from sekisho.cli import run


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def next_roster(office: Office, *change: str) -> str:
    """Write the next roster and return its file."""
    path = office.file("next.json")
    code, said = office("roster", "next", "--out", path, *change)
    assert code == 0, said
    return path


def people(office: Office) -> dict[str, str]:
    _, said = office("roster", "show")
    return {each["person_id"]: each["department"] for each in said["roster"]["people"]}


def test_somebody_joins_and_somebody_leaves_whose_approval_then_counts_no_more(
    office: Office,
) -> None:
    waiting = office.asked()
    office.approved(waiting["pass_id"], "bob", "carol", "dave")
    assert office.shown(waiting["pass_id"])["state"] == "issued"
    joins = f"--add=frank:finance:{office.new_key('frank')}"
    path = next_roster(office, joins, "--remove", "dave")
    assert people(office).keys() >= {"dave"}, "a file changes nothing"
    code, asked = office("roster", "rotate", path, *office.signing("alice"))
    assert code == 0
    _, told = office.told("pass", "show", asked["pass_id"])
    assert "joins      frank, finance" in told
    assert "leaves     dave, finance" in told
    # The old quorum and the new one: finance is Dave in the old, Frank in the new.
    for who in ("bob", "carol", "dave"):
        office.approve(asked["pass_id"], who)
    assert codes(office.shown(asked["pass_id"])) == {"passes.quorum_missing"}
    code, said = office.approve(asked["pass_id"], "frank")
    assert (code, codes(said)) == (0, set())
    assert people(office) == {
        "alice": "operations", "bob": "operations", "carol": "security", "erin": "security",
        "frank": "finance", "gina": "operations",
    }  # fmt: skip
    said = office.shown(waiting["pass_id"])
    assert (said["state"], codes(said) >= {"passes.quorum_missing"}) == ("asked", True)
    assert {each["code"] for each in said["set_aside"]} == {"passes.approver_not_live"}
    psbt = office.psbt((PAYEE, 150_000_000))
    assert office.gate(waiting["pass_id"], psbt)[0] == 3
    assert office.approve(waiting["pass_id"], "frank")[1]["state"] == "issued"
    assert office.gate(waiting["pass_id"], psbt)[0] == 0
    code, said = office.approve(office.asked()["pass_id"], "dave")
    assert (code, "nobody on the roster" in said["error"]) == (2, True)


def test_nobody_rotates_without_the_quorum_that_is_there(office: Office) -> None:
    mallory, trudy = office.new_key("mallory"), office.new_key("trudy")
    path = next_roster(
        office,
        f"--add=mallory:finance:{mallory}",
        f"--add=trudy:security:{trudy}",
        *("--remove=dave", "--remove=carol"),
    )
    _, asked = office("roster", "rotate", path, *office.signing("alice"))
    for who in ("bob", "mallory", "trudy"):
        office.approve(asked["pass_id"], who)
    said = office.shown(asked["pass_id"])
    assert codes(said) == {"passes.quorum_missing"}
    assert "dave" in people(office)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (["--remove", "nobody"], "nobody"),
        (["--add", "bob:finance:{bob}"], "bob"),
        (["--add", "frank"], "ID:DEPARTMENT:FILE"),
        (["--add-key", "nobody:{bob}"], "nobody"),
        (["--add-key", "carol:{bob}"], "stands twice"),
        (["--remove-key", "bob-key-9"], "bob-key-9"),
        (["--remove-key", "bob-key-1"], "credentials"),
        (["--remove", "dave"], "finance has 0 people, not 1"),
    ],
)
def test_a_next_roster_that_cannot_be_one_is_not_written(
    office: Office, change: list[str], named: str
) -> None:
    path = office.file("next.json")
    given = [each.replace("{bob}", office.file("bob.key.pub")) for each in change]
    code, said = office("roster", "next", "--out", path, *given)
    assert code == 2
    assert named in said["error"], said
    assert not Path(path).exists()


def test_a_lost_key_is_replaced_by_the_wider_quorum_and_by_nobody_else(office: Office) -> None:
    waiting = office.asked()
    office.approved(waiting["pass_id"], "dave")
    (office.root / "dave.key").rename(office.root / "lost.key")
    new = office.new_key("dave-again")
    change = ["--remove-key", "dave-key-1", "--add-key", f"dave:{new}", "--keep-end"]
    path = next_roster(office, *change)
    _, asked = office("roster", "rotate", path, "--lost-keys", *office.signing("gina"))
    assert asked["pass"]["admin"]["subject_type"] == "recovery"
    _, told = office.told("pass", "show", asked["pass_id"])
    assert "gets key   dave, dave-key-2" in told
    assert "loses key  dave, dave-key-1" in told
    for who in ("bob", "carol", "dave-again"):
        office.approve(asked["pass_id"], who)
    assert codes(office.shown(asked["pass_id"])) == {"passes.quorum_missing"}, "one more is needed"
    office.approve(asked["pass_id"], "erin")
    assert codes(office.shown(asked["pass_id"])) == {"passes.quorum_missing"}
    code, said = office.approve(asked["pass_id"], "alice")
    assert (code, codes(said)) == (0, set())
    said = office.shown(waiting["pass_id"])
    assert {each["code"] for each in said["set_aside"]} == {"passes.approver_not_live"}
    office.approved(waiting["pass_id"], "bob", "carol", "dave-again")
    assert office.shown(waiting["pass_id"])["state"] == "issued"


def test_an_officer_suspends_at_once_and_a_quorum_reinstates(office: Office) -> None:
    waiting = office.asked()
    office.approved(waiting["pass_id"])
    suspend = ("roster", "suspend", "dave", "--reason", "does not answer the telephone")
    code, said = office(*suspend, *office.signing("bob"))
    assert "passes.not_an_officer" in codes(said)
    code, said = office(*suspend, *office.signing("carol"))
    assert (code, codes(said)) == (0, {"passes.second_officer_needed"}), "finance is Dave alone"
    code, said = office.approve(said["pass_id"], "erin")
    assert (code, codes(said)) == (0, set())
    assert office("roster", "show")[1]["suspended"] == ["dave"]
    assert "SUSPENDED" in office.told("roster", "show")[1]
    assert office.shown(waiting["pass_id"])["state"] == "asked"
    code, said = office.approve(office.asked()["pass_id"], "dave")
    assert (code, codes(said)) == (3, {"passes.approver_not_live"})
    reinstate = ("roster", "reinstate", "dave", "--reason", "was on a mountain")
    code, said = office(*reinstate, *office.signing("alice"))
    assert code == 0


def test_whoever_is_reinstated_comes_back_with_a_new_key(office: Office) -> None:
    code, said = office("roster", "suspend", "bob", "--reason", "x", *office.signing("carol"))
    assert (code, codes(said)) == (0, set()), "one officer is enough where a quorum is possible"
    assert office("roster", "show")[1]["suspended"] == ["bob"]
    code, said = office("roster", "suspend", "bob", "--reason", "x", *office.signing("carol"))
    assert codes(said) == {"passes.cannot_be_suspended"}
    code, asked = office(
        "roster", "reinstate", "bob", "--reason", "it was nothing", *office.signing("erin")
    )
    waiting = office.asked()
    assert codes(office.approve(waiting["pass_id"], "bob")[1]) == {"passes.approver_not_live"}
    assert codes(office.approved(asked["pass_id"], "alice", "carol", "dave")) == set()
    assert office("roster", "show")[1]["suspended"] == []
    assert codes(office.approve(waiting["pass_id"], "bob")[1]) == {"passes.approver_not_live"}
    new = office.new_key("bob-again")
    path = next_roster(office, "--remove-key", "bob-key-1", "--add-key", f"bob:{new}")
    _, asked = office("roster", "rotate", path, *office.signing("erin"))
    assert codes(office.approved(asked["pass_id"], "alice", "carol", "dave")) == set()
    assert office.approve(office.asked()["pass_id"], "bob-again")[0] == 0


def test_terminals_quorums_officers_and_witnesses_change_by_rotation_too(
    office: Office, tmp_path: Path
) -> None:
    witness = tmp_path / "witness"
    assert office.bare("journal", "witness", "init", str(witness), "--name", "w.example")[0] == 0
    path = next_roster(
        office,
        *("--terminal=desk-1", "--terminal=desk-3", "--officer=erin"),
        *("--quorum=operations=1", "--quorum=security=2", "--quorum=finance=1"),
        *("--recovery=operations=3", "--recovery=security=2"),
        *("--console=https://sekisho.example", f"--witness={witness / 'witness.vkey'}"),
    )
    _, asked = office("roster", "rotate", path, *office.signing("alice"))
    _, told = office.told("pass", "show", asked["pass_id"])
    for line in (
        "officer    carol may no longer suspend others",
        "terminals  desk-1, desk-2  →  desk-1, desk-3",
        "2 of security",
        "console    none  →  https://sekisho.example",
        "witnesses  none  →  w.example+",
    ):
        assert line in told
    for who in ("bob", "carol", "dave"):
        office.approve(asked["pass_id"], who)
    assert codes(office.shown(asked["pass_id"])) == {"passes.quorum_missing"}, "the new quorum"
    assert codes(office.approve(asked["pass_id"], "erin")[1]) == set()
    code, said = office("roster", "next", "--out", office.file("x.json"), "--officer", "zoe")
    assert (code, "zoe" in said["error"]) == (2, True)


def test_a_next_roster_says_what_changes_before_anybody_signs(office: Office) -> None:
    joins = f"--add=frank:finance:{office.new_key('frank')}"
    code, told = office.told("roster", "next", "--out", office.file("n.json"), joins)
    assert code == 0
    assert "Twelve words to compare by voice" in told
    assert json.loads(Path(office.file("n.json")).read_text(encoding="utf-8"))["version"] == 2


def test_a_genesis_that_nobody_adopted_is_not_pinned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = opened(tmp_path, capsys)
    for arguments, code in (
        (["roster", "pin", "ab" * 32], 3),
        (["roster", "pin", "not a digest"], 2),
    ):
        assert office(*arguments)[0] == code
    bare = tmp_path / "bare"
    assert run(["init", str(bare)]) == 0
    capsys.readouterr()
    for command in (
        ["policy", "adopt", str(TRIAL), *office.signing("alice")],
        ["wallets", "list"],
        ["roster", "show"],
    ):
        assert run([*command, "--workspace", str(bare)]) == 2
        assert "sekisho roster pin" in capsys.readouterr().err
