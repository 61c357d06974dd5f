"""Asking, approving, rejecting, voiding, replacing: what is refused, and in which words."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from office import ANCHOR, FUNDING, PAYEE, Office, codes, opened
from world_coins import outpoint

from sekisho.app import current_time
from sekisho.cli import run
from sekisho.drills.dmm_2024.facts import outflow

DESCRIPTOR = (
    "sh(wsh(multi(2,022a3ec327cd0b967b53e25439d6ab05a57e55ba82c3cdf03c94b83106711d43ff,"
    "03e8b76584f2a41aadd97e461721875a7ced12ab0ba9266181eae68e95bc03e190,"
    "028228f84daf8d397fcf252af0114c53db7a354c7ffcf293e8a6997cb1b253ac8f)))"
)
A_TEST = 'reference = "a test"\n'
USUAL = "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P"


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def test_from_asked_to_cleared_and_no_sooner(office: Office) -> None:
    asked = office.asked()
    assert asked["state"] == "asked"
    assert len(asked["words"]["en"]) == len(asked["words"]["ja"]) == 12
    psbt = office.psbt((PAYEE, 150_000_000))
    check = (asked["pass_id"], psbt)
    for who, state in (("bob", "asked"), ("carol", "asked"), ("dave", "issued")):
        assert office.gate(*check)[0] == 3
        code, said = office.approve(asked["pass_id"], who)
        assert (code, said["state"]) == (0, state)
    assert office.gate(*check)[0] == 0
    assert office.shown(asked["pass_id"])["state"] == "signed_live"
    other = office.psbt((PAYEE, 150_000_001), name="other.psbt")
    code, said = office.gate(asked["pass_id"], other)
    assert code == 3
    assert {"gate.payment_missing", "gate.pass_used"} <= codes(said)


def test_the_requester_cannot_approve(office: Office) -> None:
    asked = office.asked()
    before = office.entries()
    code, said = office.approve(asked["pass_id"], "alice")
    assert code == 3
    assert codes(said) == {"passes.approved_by_requester"}
    assert office.entries() == before


def test_whoever_may_not_ask_asks_for_nothing_that_counts(office: Office) -> None:
    _, asked = office.ask("dave")
    office.approved(asked["pass_id"], "alice", "carol")
    said = office.shown(asked["pass_id"])
    assert said["state"] == "asked"
    assert "passes.requester_may_not_ask" in codes(said)


def test_one_rejection_stops_a_pass_and_its_reason_is_shown(office: Office) -> None:
    asked = office.asked()
    reject = ("pass", "reject", asked["pass_id"], *office.signing("carol"))
    assert office(*reject)[0] == 2, "a rejection says why"
    assert office(*reject, "--reason", "unknown payee")[0] == 0
    office.approved(asked["pass_id"], "bob", "dave")
    assert office.shown(asked["pass_id"])["state"] == "rejected"
    _, told = office.told("pass", "show", asked["pass_id"])
    assert "unknown payee" in told
    psbt = office.psbt((PAYEE, 150_000_000))
    code, said = office.gate(asked["pass_id"], psbt)
    assert code == 3
    assert "passes.rejected" in codes(said)


def test_an_approver_takes_an_issued_pass_back(office: Office) -> None:
    asked = office.asked()
    assert office.approved(asked["pass_id"])["state"] == "issued"
    void = ("pass", "void", asked["pass_id"], *office.signing("dave"))
    assert office(*void, "--reason", "the customer called")[1]["state"] == "voided"
    psbt = office.psbt((PAYEE, 150_000_000))
    code, said = office.gate(asked["pass_id"], psbt)
    assert code == 3
    assert "passes.voided" in codes(said)


def test_a_replacement_keeps_the_anchor(office: Office) -> None:
    first = office.asked()
    office.approved(first["pass_id"])
    other_coin = str(outpoint(FUNDING, 1))
    strayed = office.asked("--replaces", first["pass_id"], "--anchor", other_coin)
    said = office.approved(strayed["pass_id"])
    assert "passes.anchor_not_reused" in codes(said)
    second = office.asked("--replaces", first["pass_id"])
    assert second["pass"]["transfer"]["anchor"] == str(ANCHOR)
    assert office.approved(second["pass_id"])["state"] == "issued"
    unknown = office.asked("--replaces", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert "passes.anchor_not_reused" in codes(unknown)


def test_a_locked_pass_is_issued_when_its_time_has_come(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.adopt_policy(
        (
            '[time_lock]\noff = "a trial: nobody wants to wait"\n',
            '[[time_lock]]\ntiers = ["cold"]\nfrom = { btc = "1" }\nhold_seconds = 600\n' + A_TEST,
        )
    )
    asked = office.asked()
    said = office.approved(asked["pass_id"])
    assert (said["state"], codes(said)) == ("approved", set())
    assert said["held_until_at"]
    psbt = office.psbt((PAYEE, 150_000_000))
    check = (asked["pass_id"], psbt)
    assert codes(office.gate(*check)[1]) == {"passes.time_locked"}
    assert office("pass", "issue")[1] == {"issued": []}
    assert "No pass is waiting" in office.told("pass", "issue")[1]
    later = current_time() + timedelta(seconds=601)
    monkeypatch.setattr("sekisho.cli.passes.current_time", lambda: later)
    monkeypatch.setattr("sekisho.cli.gate_answers.current_time", lambda: later)
    assert office("pass", "issue")[1] == {"issued": [asked["pass_id"]]}
    assert office.shown(asked["pass_id"])["state"] == "issued"
    assert office.gate(*check)[0] == 0


def test_prices_and_balances_are_in_what_people_sign(office: Office) -> None:
    asked = office.asked("--price", "bank-a=10,704,212", "--price", "bank-b=10801792")
    claims = asked["pass"]["claims"]
    assert [(each["source"], each["price_jpy"]) for each in claims["prices"]] == [
        ("bank-a", "10704212"),
        ("bank-b", "10801792"),
    ]
    assert claims["balances"] == [{"wallet_id": "cold-1", "amount_sat": "40000000000"}]
    _, told = office.told("pass", "show", asked["pass_id"])
    assert "¥10,704,212 a bitcoin by bank-a" in told
    assert "holds      cold-1: 400.00000000 BTC by its own account" in told
    for wrong in ("10704212", "bank=", "bank=1.5", "bank=0"):
        code, said = office.ask("alice", "--price", wrong)
        assert (code, "price" in said["error"]) == (2, True), said


def test_words_that_are_not_this_passs_are_not_signed(office: Office) -> None:
    asked = office.asked()
    before = office.entries()
    code, said = office.approve(asked["pass_id"], "bob", "--words", "abandon " * 12)
    assert code == 2
    assert "do not approve" in said["error"]
    assert office.entries() == before
    words = " ".join(asked["words"]["ja"])
    code, said = office.approve(asked["pass_id"], "bob", "--words", words)
    assert code == 0
    assert said["statements"][-1]["words_entered"]


def test_above_the_threshold_somebody_compares_words_on_their_own_machine(office: Office) -> None:
    office.adopt_policy(
        (
            '[own_machine]\noff = "a trial: every key here is a file on one machine"\n',
            '[[own_machine]]\ntiers = ["cold"]\nfrom = { btc = "1" }\npeople = 1\n' + A_TEST,
        )
    )
    asked = office.asked()
    said = office.approved(asked["pass_id"])
    assert (said["state"], codes(said)) == ("asked", {"passes.own_machine_missing"})
    words = " ".join(asked["words"]["en"])
    code, said = office.approve(asked["pass_id"], "erin", "--words", words)
    assert (code, said["state"]) == (0, "issued")


def test_a_strangers_key_signs_nothing(office: Office) -> None:
    asked = office.asked()
    office.new_key("mallory")
    before = office.entries()
    code, said = office.approve(asked["pass_id"], "mallory")
    assert code == 2
    assert "nobody on the roster" in said["error"]
    assert office.entries() == before


def test_a_terminal_that_the_roster_does_not_name_approves_nothing(office: Office) -> None:
    asked = office.asked()
    before = office.entries()
    at = office.signing("bob", terminal="kitchen")
    code, said = office("pass", "approve", asked["pass_id"], *at)
    assert (code, codes(said)) == (3, {"passes.terminal_unknown"})
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
        ("--purpose", "p\u0430yment", "purpose"),
        ("--replaces", "the last one", "replaces"),
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
    _, wallets = office("wallets", "list")
    before = office.entries()
    code, said = office(
        "wallets", "register", wallets["wallets"][0]["descriptor"], "--id", "cold-2",
        "--department", "operations", *office.signing("alice"),
    )  # fmt: skip
    assert code == 2
    assert "another wallet" in said["error"]
    assert office.entries() == before


def test_a_purpose_that_looks_like_markup_is_listed_as_it_was_written(office: Office) -> None:
    assert office.ask("alice", "--purpose", "to [red]x[/nobody]")[0] == 0
    assert "[/nobody]" in office.told("pass", "list")[1].replace("\n", "")


def test_a_japanese_purpose_is_as_good_as_any(office: Office) -> None:
    typed = "日次集約（コールド→ホット）　６月１日分 "
    kept = "日次集約（コールド→ホット）　6月1日分"
    assert office.asked("--purpose", typed)["pass"]["purpose"] == kept


def test_a_theft_is_not_passed_over_because_nobody_saw_the_coins_come(
    office: Office, tmp_path: Path
) -> None:
    office.put_in_force(
        "wallets", "register", DESCRIPTOR, "--id", "cold-2", "--department", "operations"
    )
    stolen = tmp_path / "stolen.hex"
    stolen.write_text(outflow().serialize().hex())
    code, said = office("scan", str(stolen))
    assert (code, [each["verdict"] for each in said["movements"]]) == (3, ["undetermined"])


def test_whoever_approves_a_wallet_sees_its_descriptor_and_address(office: Office) -> None:
    _, wallet = office(
        "wallets", "register", DESCRIPTOR, "--id", "cold-2", "--department", "operations",
        *office.signing("alice"),
    )  # fmt: skip
    _, told = office.told("pass", "show", wallet["pass_id"])
    assert "sh(wsh(multi(2,022a3ec327cd" in told
    assert "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD is its first" in told
    assert "unproven" in told


def test_without_a_policy_nothing_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = opened(tmp_path, capsys, policy=False)
    said = office.approved(office.asked()["pass_id"])
    assert (said["state"], codes(said)) == ("asked", {"passes.policy_missing"})
    assert "sekisho policy adopt" in json.dumps(said)


def test_a_pass_is_found_by_its_digest_too_and_never_by_a_guess(office: Office) -> None:
    asked = office.asked()
    assert office.shown(asked["digest"][:12])["pass_id"] == asked["pass_id"]
    for name in (asked["digest"][:4], "no such pass", ""):
        assert office("pass", "show", name)[0] == 2


def test_the_only_id_is_the_id(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = office.told(
        "pass", "ask", "--wallet", "cold-1", "--pay", f"{PAYEE}=1", "--fee-max", "0.001",
        "--feerate-max", "50", "--purpose", "x", *office.signing("alice"), "--only-id",
    )  # fmt: skip
    assert code == 0
    assert run(["pass", "show", told.strip(), "--workspace", str(office.root)]) == 0
    assert str(ANCHOR) in capsys.readouterr().out, "the largest coin is the anchor"
