"""What an approver reads of a pass before signing: whom it pays, and what to beware of."""

from pathlib import Path

import pytest
from office import OTHER_PAYEE, PAYEE, WALLET, Office, opened
from world_coins import address_at

from sekisho.chains.bitcoin.addresses import address_of, script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.cli import run
from sekisho.wallets.allow_list import AllowedDestination, AllowList, allow_list_bytes


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def made_to_resemble(address: str) -> str:
    """Return a valid address that begins as another one does."""
    script = script_of(address, Network.MAIN, "address")
    return address_of(script[:14] + bytes(len(script) - 14), Network.MAIN) or ""


def screen(office: Office, pass_id: str) -> str:
    """Return what Carol reads of a pass from its bundle."""
    bundle = office.file("pass.bundle")
    assert office("journal", "checkpoint", "--out", office.file("note"))[0] == 0
    assert office("pass", "export", pass_id, "--out", bundle)[0] == 0
    words = " ".join(office.shown(pass_id)["words"]["en"])
    _, roster = office.bare("roster", "digest", office.file("roster.json"))
    signing = (*office.signing("carol", "desk-2"), "--words", words)
    office.capsys.readouterr()
    assert run(["pass", "review", bundle, *signing, "--genesis", roster["digest"]]) == 0
    return office.capsys.readouterr().out


def put_on_the_list(office: Office, address: str) -> None:
    destination = AllowedDestination(
        address=address,
        script=script_of(address, Network.MAIN, "address"),
        label="The bank",
        owner="A bank",
        note="",
        proof=None,
    )
    path = office.root / "allow-list.json"
    path.write_bytes(allow_list_bytes(AllowList(chain=WALLET.chain, destinations=(destination,))))
    office.put_in_force("documents", "adopt", "allow-list", str(path))


@pytest.mark.parametrize("known", ["paid", "listed", "own"])
def test_an_address_made_to_resemble_a_known_one_is_shouted_at_the_approver(
    office: Office, known: str
) -> None:
    ours = address_at(WALLET, 2)
    usual = ours if known == "own" else PAYEE
    false = made_to_resemble(usual)
    if known == "paid":
        office.approved(office.asked()["pass_id"])
    elif known == "listed":
        put_on_the_list(office, PAYEE)
    asked = office.asked(pay=[f"{false}=1", f"{OTHER_PAYEE}=1"])
    told = screen(office, asked["pass_id"])
    assert told.count("LOOKS LIKE") == 1
    paid, _, other = told.partition("Pays 1.00000000 BTC to\n")[2].partition(
        "Pays 1.00000000 BTC to\n"
    )
    assert " ".join(false[at : at + 4] for at in range(0, len(false), 4)) in paid
    assert f"  ! LOOKS LIKE {usual} AND IS ANOTHER ADDRESS\n    (" in paid
    assert " bits: no accident)\n" in paid
    assert "LOOKS LIKE" not in other


def test_an_approver_reads_what_is_listed_and_what_is_our_own(office: Office) -> None:
    put_on_the_list(office, PAYEE)
    ours = address_at(WALLET, 2)
    asked = office.asked(pay=[f"{PAYEE}=1", f"{ours}=2", f"{OTHER_PAYEE}=3"])
    told = screen(office, asked["pass_id"])
    listed, own, other = (
        told.partition(f"Pays {amount}.00000000 BTC to\n")[2].partition("\n\n")[0]
        for amount in (1, 2, 3)
    )
    _, adopted = office("documents", "show")
    (since,) = (each["since"] for each in adopted["in_force"] if each["what"] == "allow_list")
    assert f"  on the allow-list since {since}" in listed
    assert "  our own wallet cold-1" in own
    assert "never paid before" not in own
    for line in ("on the allow-list", "our own wallet"):
        assert line not in other
        assert (line in listed) != (line in own)
    assert "  ! never paid before" in other


def test_an_approver_reads_which_pass_is_replaced(office: Office) -> None:
    first = office.asked()
    second = office.asked("--replaces", first["pass_id"])
    told = screen(office, second["pass_id"])
    assert f"  replaces   pass {first['pass_id']}, and keeps its anchor\n" in told


def test_an_approver_reads_what_the_policy_says_of_a_standing_pass(office: Office) -> None:
    office.new_key("service")
    code, asked = office(
        "pass", "standing", "--wallet", "cold-1", "--issuer", office.file("service.key.pub"),
        "--destinations", "any", "--child-max", "0.5", "--hour-max", "1", "--day-max", "2",
        "--fee-max", "0.06", "--feerate-max", "50", "--purpose", "withdrawals",
        *office.signing("alice"),
    )  # fmt: skip
    assert code == 0, asked
    told = screen(office, asked["pass_id"])
    _, _, policy = told.partition("What the policy in force says:\n")
    assert "✗ quorum: denied" in policy
    assert "The policy says no: quorum." in policy
