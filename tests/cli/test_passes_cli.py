"""Asking and approving by hand: what is refused, in which words, and that nothing is recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from sekisho.cli import run
from sekisho.drills.dmm_2024.facts import outflow

PEOPLE = {"alice": "operations", "bob": "operations", "carol": "security", "dave": "finance"}
DESCRIPTOR = (
    "sh(wsh(multi(2,022a3ec327cd0b967b53e25439d6ab05a57e55ba82c3cdf03c94b83106711d43ff,"
    "03e8b76584f2a41aadd97e461721875a7ced12ab0ba9266181eae68e95bc03e190,"
    "028228f84daf8d397fcf252af0114c53db7a354c7ffcf293e8a6997cb1b253ac8f)))"
)
ANCHOR = "c03acb80562302248f8be621e765315345a85cd3856bf49583e97b0428342908:29"
USUAL = "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P"


class Office:
    """A workspace with a pinned roster and a wallet in force, driven from outside."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys

    def __call__(self, *arguments: str) -> tuple[int, Any]:
        self.capsys.readouterr()
        code = run([*arguments, "--workspace", str(self.root), "--json"])
        return code, json.loads(self.capsys.readouterr().out)

    def signing(self, who: str) -> tuple[str, str, str, str]:
        return ("--key", str(self.root / f"{who}.key"), "--terminal", "desk-1")

    def ask(self, who: str = "alice", *more: str) -> tuple[int, Any]:
        return self(
            "pass", "ask", "--wallet", "cold-1", "--pay", f"{USUAL}=1.5", "--anchor", ANCHOR,
            "--fee-max", "0.001", "--feerate-max", "50", "--purpose", "a test",
            *self.signing(who), *more,
        )  # fmt: skip

    def entries(self) -> int:
        return int(self("journal", "verify")[1]["size"])


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    root = tmp_path / "w"
    assert run(["init", str(root), "--name", "test"]) == 0
    people: list[str] = []
    for who, department in PEOPLE.items():
        key = root / f"{who}.key"
        assert run(["roster", "key", str(key), "--no-passphrase"]) == 0
        people += ["--person", f"{who}:{department}:{key}.pub"]
    roster = root / "roster.json"
    quorum = [f"--quorum={each}=1" for each in ("operations", "security", "finance")]
    made = ["roster", "new", "--out", str(roster), "--exchange", "Test", "--terminal", "desk-1"]
    assert run([*made, *people, *quorum]) == 0
    here = Office(root, capsys)
    _, adoption = here("roster", "adopt", str(roster), *here.signing("alice"))
    for who in ("bob", "carol", "dave"):
        assert here("pass", "approve", adoption["pass_id"], *here.signing(who))[0] == 0
    digest = adoption["pass"]["genesis_digest"]
    assert here("roster", "pin", digest)[0] == 0
    _, wallet = here(
        "wallets", "register", DESCRIPTOR, "--id", "cold-1", "--department", "operations",
        *here.signing("alice"),
    )  # fmt: skip
    for who in ("bob", "carol", "dave"):
        assert here("pass", "approve", wallet["pass_id"], *here.signing(who))[0] == 0
    return here


def test_from_asked_to_issued_and_no_sooner(office: Office) -> None:
    code, asked = office.ask()
    assert (code, asked["state"]) == (0, "asked")
    assert len(asked["words"]["en"]) == len(asked["words"]["ja"]) == 12
    for who, state in (("bob", "asked"), ("carol", "asked"), ("dave", "issued")):
        code, said = office("pass", "approve", asked["pass_id"], *office.signing(who))
        assert (code, said["state"]) == (0, state)


def test_the_requester_cannot_approve(office: Office) -> None:
    _, asked = office.ask()
    before = office.entries()
    code, said = office("pass", "approve", asked["pass_id"], *office.signing("alice"))
    assert code == 3
    assert [each["code"] for each in said["findings"]] == ["passes.approved_by_requester"]
    assert office.entries() == before


def test_whoever_may_not_ask_asks_for_nothing_that_counts(office: Office) -> None:
    _, asked = office.ask("dave")
    for who in ("alice", "carol"):
        office("pass", "approve", asked["pass_id"], *office.signing(who))
    _, said = office("pass", "show", asked["pass_id"])
    assert said["state"] == "asked"
    assert "passes.requester_may_not_ask" in {each["code"] for each in said["findings"]}


def test_one_rejection_stops_a_pass(office: Office) -> None:
    _, asked = office.ask()
    office(
        "pass", "reject", asked["pass_id"], "--reason", "unknown payee", *office.signing("carol")
    )
    for who in ("bob", "dave"):
        office("pass", "approve", asked["pass_id"], *office.signing(who))
    _, said = office("pass", "show", asked["pass_id"])
    assert said["state"] == "rejected"


def test_words_that_are_not_this_passs_are_not_signed(office: Office) -> None:
    _, asked = office.ask()
    before = office.entries()
    code, said = office(
        "pass", "approve", asked["pass_id"], "--words", "abandon " * 12, *office.signing("bob")
    )
    assert code == 2
    assert "do not approve" in said["error"]
    assert office.entries() == before
    words = " ".join(asked["words"]["ja"])
    code, _ = office("pass", "approve", asked["pass_id"], "--words", words, *office.signing("bob"))
    assert code == 0


def test_a_strangers_key_signs_nothing(office: Office) -> None:
    _, asked = office.ask()
    assert run(["roster", "key", str(office.root / "mallory.key"), "--no-passphrase"]) == 0
    before = office.entries()
    code, said = office("pass", "approve", asked["pass_id"], *office.signing("mallory"))
    assert code == 2
    assert "nobody on the roster" in said["error"]
    assert office.entries() == before


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--pay", "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7Q=1", "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7Q"),
        ("--pay", f"{USUAL}=1,5", "1,5"),
        ("--pay", f"{USUAL}=0", "pays nothing"),
        ("--pay", f"{USUAL}=21000001", "more than all bitcoin"),
        ("--pay", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx=1", "testnet"),
        ("--fee-max", "-1", "-1"),
        ("--anchor", "nowhere:0", "--anchor"),
        ("--purpose", "a\x1b[2Jb", "purpose"),
    ],
)
def test_a_request_that_is_not_right_is_named_and_records_nothing(
    office: Office, option: str, value: str, named: str
) -> None:
    before = office.entries()
    code, said = office.ask("alice", option, value)
    assert code == 2, said
    assert named in said["error"]
    assert office.entries() == before


def test_a_wallet_with_another_wallets_scripts_is_refused(office: Office) -> None:
    before = office.entries()
    code, said = office(
        "wallets", "register", DESCRIPTOR, "--id", "cold-2", "--department", "operations",
        *office.signing("alice"),
    )  # fmt: skip
    assert code == 2
    assert "another wallet" in said["error"]
    assert office.entries() == before


def test_a_purpose_that_looks_like_markup_is_listed_as_it_was_written(office: Office) -> None:
    assert office.ask("alice", "--purpose", "to [red]x[/nobody]")[0] == 0
    office.capsys.readouterr()
    assert run(["pass", "list", "--workspace", str(office.root)]) == 0
    assert "[/nobody]" in office.capsys.readouterr().out.replace("\n", "")


def test_a_theft_is_not_passed_over_because_nobody_saw_the_coins_come(
    office: Office, tmp_path: Path
) -> None:
    stolen = tmp_path / "stolen.hex"
    stolen.write_text(outflow().serialize().hex())
    code, said = office("scan", str(stolen))
    assert (code, [each["verdict"] for each in said["movements"]]) == (3, ["undetermined"])


def test_whoever_approves_a_wallet_sees_its_descriptor_and_address(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    _, listed = office("pass", "list")
    wallet = next(each for each in listed["passes"] if "cold-1" in each["pass"]["purpose"])
    assert run(["pass", "show", wallet["pass_id"], "--workspace", str(office.root)]) == 0
    told = capsys.readouterr().out
    assert "sh(wsh(multi(2,022a3ec327cd" in told
    assert "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD is its first" in told
    assert "unproven" in told
