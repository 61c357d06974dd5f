"""What a quorum puts in force by hand: policies explained, allow-lists, key registers."""

from pathlib import Path

import pytest
from office import PAYEE, WALLET, Office, allow_list, codes, opened
from wallet_keys import registered

from sekisho.wallets.key_register import KeyRegister, key_register_bytes

LISTED_ONLY = (
    '[allow_list]\noff = "a trial: there is no list yet"',
    '[allow_list]\ntiers = ["cold"]\ncooling_seconds = 0\nreference = "a test"',
)


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def test_every_rule_of_the_policy_is_explained(office: Office) -> None:
    asked = office.asked()
    code, said = office("policy", "explain", asked["pass_id"])
    assert code == 0
    assert not said["policy"]["allowed"]
    answers = {each["rule"]: each["answer"] for each in said["policy"]["rules"]}
    assert answers["quorum"] == "denied"
    assert answers["time_lock"] == "not_applicable"
    _, told = office.told("policy", "explain", asked["pass_id"])
    assert "✗ quorum: denied" in told
    assert "The policy says no: quorum." in told
    office.approved(asked["pass_id"])
    assert "The policy says yes." in office.told("policy", "explain", asked["pass_id"])[1]
    expensive = office.asked("--fee-max", "0.06")
    assert "✗ fees: denied" in office.told("policy", "explain", expensive["pass_id"])[1]


def test_a_pass_that_moves_nothing_has_no_policy_to_explain(office: Office) -> None:
    _, listed = office("pass", "list")
    admin = next(each for each in listed["passes"] if each["pass"]["kind"] == "admin")
    code, said = office("policy", "explain", admin["pass_id"])
    assert (code, "moves no coins" in said["error"]) == (2, True)


def test_a_new_policy_ends_the_passes_of_the_old_one(office: Office) -> None:
    asked = office.asked()
    office.approved(asked["pass_id"])
    office.adopt_policy(('fee_max = { btc = "0.05" }', 'fee_max = { btc = "0.01" }'))
    said = office.shown(asked["pass_id"])
    assert (said["state"], codes(said)) == ("asked", {"passes.policy_changed"})


def test_approvers_see_what_a_new_policy_changes(office: Office) -> None:
    path = office.root / "changed.toml"
    text = (Path(__file__).parents[2] / "docs" / "trial" / "trial.toml").read_text("utf-8")
    path.write_text(text.replace('most = { btc = "10000" }', 'most = { btc = "20000" }'), "utf-8")
    code, asked = office("policy", "adopt", str(path), *office.signing("alice"))
    assert code == 0
    _, told = office.told("pass", "show", asked["pass_id"])
    assert "changes in what is in force" in told
    changed = [line.split() for line in told.splitlines() if line.startswith(("  -", "  +"))]
    assert changed == [["-", '"sat":', '"1000000000000"'], ["+", '"sat":', '"2000000000000"']]


def test_a_long_document_is_shown_whole_once_and_in_short_after_signing(office: Office) -> None:
    register = office.root / "register.json"
    register.write_bytes(key_register_bytes(KeyRegister(keys=registered(WALLET))))
    _, asked = office(
        "documents", "adopt", "key-register", str(register), *office.signing("alice")
    )
    _, whole = office.told("pass", "show", asked["pass_id"])
    assert whole.count('"holder":') == 3
    _, told = office.told("pass", "approve", asked["pass_id"], *office.signing("bob"))
    assert f"more lines: sekisho pass show {asked['pass_id']}" in told
    assert len(told.splitlines()) < len(whole.splitlines())


def test_only_listed_addresses_are_paid_where_the_policy_says_so(office: Office) -> None:
    office.adopt_policy(LISTED_ONLY)
    refused = office.asked()
    assert "passes.destination_not_listed" in codes(office.approved(refused["pass_id"]))
    listed = allow_list(office, (PAYEE, "関所銀行 払込口"))
    office.put_in_force("documents", "adopt", "allow-list", listed)
    asked = office.asked()
    assert office.approved(asked["pass_id"])["state"] == "issued"
    _, shown = office("documents", "show")
    assert "allow_list" in {each["what"] for each in shown["in_force"]}
    _, told = office.told("documents", "show")
    assert "関所銀行 払込口" in told


def test_a_list_with_names_that_look_alike_is_refused_before_anybody_is_asked(
    office: Office,
) -> None:
    before = office.entries()
    listed = allow_list(office, (PAYEE, "Market Maker"), (office_address(), "Market-Maker"))
    code, said = office("documents", "adopt", "allow-list", listed, *office.signing("alice"))
    assert (code, "look alike" in said["error"]) == (2, True)
    assert office.entries() == before
    for what in ("key-register", "vault", "plan"):
        code, said = office("documents", "adopt", what, listed, *office.signing("alice"))
        assert (code, "format" in said["where"]) == (2, True), said


def office_address() -> str:
    return "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P"


def test_whoever_approves_a_wallet_sees_whose_its_keys_are_and_what_is_wrong(
    office: Office,
) -> None:
    register = office.root / "register.json"
    register.write_bytes(key_register_bytes(KeyRegister(keys=registered(WALLET))))
    office.put_in_force("documents", "adopt", "key-register", str(register))
    _, asked = office(
        "wallets", "register", WALLET.descriptor, "--id", "cold-1", "--department", "operations",
        "--change", "internal_branch", "--name", "Cold wallet again", *office.signing("alice"),
    )  # fmt: skip
    _, told = office.told("pass", "show", asked["pass_id"])
    assert told.count("unproven: nobody has shown possession of it") == 3
    assert "held by holder-1 at site-1, on vendor-1 serial 1" in told
    assert told.count("[wallets.key_holder_departed]") == 3
