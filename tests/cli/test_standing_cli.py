"""Standing passes by hand: a service issues numbered children, and one transaction pays many."""

from pathlib import Path
from typing import Any

import pytest
from office import ANCHOR, OTHER_PAYEE, PAYEE, Office, codes, opened

LIMITS = ("--child-max", "0.5", "--hour-max", "1", "--day-max", "2")


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def ask(office: Office, *more: str, destinations: str = "any") -> dict[str, str]:
    """Ask for a standing pass whose children the service issues."""
    if not (office.root / "service.key").exists():
        office.new_key("service")
    code, said = office(
        "pass", "standing", "--wallet", "cold-1", "--issuer", office.file("service.key.pub"),
        "--destinations", destinations, *LIMITS, "--fee-max", "0.001", "--feerate-max", "50",
        "--purpose", "withdrawals", *office.signing("alice"), *more,
    )  # fmt: skip
    assert code == 0, said
    return {"id": said["pass_id"], "digest": said["digest"]}


def child(office: Office, name: str, *pay: str, key: str = "service") -> tuple[int, Any]:
    payments = [f"--pay={each}" for each in pay]
    at = ("--anchor", str(ANCHOR), "--key", office.file(f"{key}.key"))
    code, said = office("pass", "child", name, *payments, *at)
    return code, said


def test_children_that_share_an_anchor_are_paid_by_one_transaction(office: Office) -> None:
    standing = ask(office)
    code, said = child(office, standing["id"], f"{PAYEE}=0.4")
    assert code == 3, "nobody has approved it yet"
    office.approved(standing["id"])
    code, first = child(office, standing["id"], f"{PAYEE}=0.4")
    assert (code, first["number"], first["amount_sat"]) == (0, 1, "40000000")
    code, second = child(office, standing["id"], f"{OTHER_PAYEE}=0.3")
    assert (code, second["number"]) == (0, 2)
    one = office.psbt((PAYEE, 40_000_000), name="one.psbt")
    code, said = office.gate(f"{standing['id']}#1", one)
    assert (code, "gate.payment_missing" in codes(said)) == (3, True), "all of them or none"
    batch = office.psbt((PAYEE, 40_000_000), (OTHER_PAYEE, 30_000_000))
    code, said = office.gate(f"{standing['id']}#2", batch)
    assert (code, said["answer"]) == (0, "cleared")
    again = office.gate(first["child"][:16], batch)
    assert (again[0], again[1]["txid"]) == (0, said["txid"])
    _, told = office.told("pass", "show", standing["id"])
    assert "without people, numbered" in told
    assert "0.50000000 BTC each, 1.00000000 an hour, 2.00000000 a day" in told


def test_the_limits_of_a_standing_pass_are_counted_for_its_children_together(
    office: Office,
) -> None:
    standing = ask(office)
    office.approved(standing["id"])
    before = office.entries()
    code, said = child(office, standing["id"], f"{PAYEE}=0.6")
    assert (code, codes(said)) == (3, {"passes.child_limit"})
    assert office.entries() == before, "and its number is not used up"
    for _ in range(2):
        assert child(office, standing["id"], f"{PAYEE}=0.5")[0] == 0
    code, said = child(office, standing["id"], f"{PAYEE}=0.1")
    assert (code, codes(said)) == (3, {"passes.child_limit"})


def test_nobody_but_the_service_issues_children(office: Office) -> None:
    standing = ask(office)
    office.approved(standing["id"])
    office.new_key("mallory")
    for key in ("mallory", "alice"):
        code, said = child(office, standing["id"], f"{PAYEE}=0.1", key=key)
        assert (code, codes(said)) == (3, {"passes.child_not_signed"})
    transfer = office.asked()
    code, _ = child(office, transfer["pass_id"], f"{PAYEE}=0.1")
    assert code == 2


def test_a_persons_key_issues_nothing(office: Office) -> None:
    standing = ask(office, "--issuer", office.file("bob.key.pub"))
    assert "passes.issuer_is_a_person" in codes(office.approved(standing["id"]))


def test_children_may_be_kept_to_own_wallets_and_to_the_list(office: Office) -> None:
    for rule in ("own_wallets", "allow_list"):
        standing = ask(office, destinations=rule)
        office.approved(standing["id"])
        code, said = child(office, standing["id"], f"{PAYEE}=0.1")
        assert (code, codes(said)) == (3, {"passes.child_destination"})


def test_a_voided_standing_pass_stops_the_children_that_are_out(office: Office) -> None:
    standing = ask(office)
    office.approved(standing["id"])
    assert child(office, standing["id"], f"{PAYEE}=0.4")[0] == 0
    psbt = office.psbt((PAYEE, 40_000_000))
    void = ("pass", "void", standing["id"], "--reason", "the service was taken over")
    assert office(*void, *office.signing("carol"))[0] == 0
    code, said = office.gate(f"{standing['id']}#1", psbt)
    assert (code, "passes.voided" in codes(said)) == (3, True)
    assert child(office, standing["id"], f"{PAYEE}=0.1")[0] == 3


@pytest.mark.parametrize("number", ["9", "x", "-1", "", "٣"])
def test_a_child_that_is_not_there_is_bad_input(office: Office, number: str) -> None:
    standing = ask(office)
    psbt = office.psbt((PAYEE, 40_000_000))
    code, said = office.gate(f"{standing['id']}#{number}", psbt)
    assert (code, "no child of that number" in said["error"]) == (2, True)
