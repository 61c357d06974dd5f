"""From a descriptor to a proven wallet by hand: holders sign, a quorum approves."""

import json
from pathlib import Path
from typing import Any

import pytest
from wallet_keys import registered, signed
from world_coins import DESCRIPTORS, wallet_of

from sekisho.cli import run
from sekisho.wallets.key_register import KeyRegister, key_register_bytes
from sekisho.wallets.proof import wallet_keys
from sekisho.wallets.signed_messages import MessageForm

PEOPLE = {"alice": "operations", "bob": "operations", "carol": "security", "dave": "finance"}
WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
KEYS = wallet_keys(WALLET)


class Office:
    """A workspace with a pinned roster, driven from outside."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys
        self.sheet = str(root / "cold-1.sheet")

    def __call__(self, *arguments: str) -> tuple[int, Any]:
        self.capsys.readouterr()
        code = run([*arguments, "--json"])
        return code, json.loads(self.capsys.readouterr().out)

    def here(self, *arguments: str) -> tuple[int, Any]:
        return self(*arguments, "--workspace", str(self.root))

    def signing(self, who: str) -> tuple[str, str, str, str]:
        return ("--key", str(self.root / f"{who}.key"), "--terminal", "desk-1")

    def approved(self, pass_id: str) -> int:
        return [
            self.here("pass", "approve", pass_id, *self.signing(who))[0]
            for who in ("bob", "carol", "dave")
        ][-1]

    def challenge(self, *more: str) -> dict[str, str]:
        """Return the message for each key of the wallet."""
        code, said = self.here(
            "wallets", "challenge", WALLET.descriptor, "--id", "cold-1", "--department",
            "operations", "--change", "internal_branch", "--out", self.sheet, *more,
        )  # fmt: skip
        assert code == 0
        return {each["name"]: each["message"] for each in said["keys"]}

    def prove(self, name: str, signature: str) -> tuple[int, Any]:
        return self("wallets", "prove", self.sheet, "--key", name, "--signature", signature)

    def register(self) -> tuple[int, Any]:
        return self.here("wallets", "register-proven", self.sheet, *self.signing("alice"))


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
    assert run([*made, *people, *quorum, "--workspace", str(root)]) == 0
    office = Office(root, capsys)
    _, adoption = office.here("roster", "adopt", str(roster), *office.signing("alice"))
    office.approved(adoption["pass_id"])
    assert office.here("roster", "pin", adoption["pass"]["genesis_digest"])[0] == 0
    return office


def sign_all(office: Office, messages: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    for key, form in zip(KEYS, MessageForm, strict=True):
        code, said = office.prove(key.name, signed(WALLET, key, messages[key.name], form))
        assert code == 0
    return said


def test_a_wallet_is_registered_with_its_holders_proofs_and_shows_them(office: Office) -> None:
    said = sign_all(office, office.challenge())
    assert said["complete"]
    code, asked = office.register()
    assert code == 0
    assert office.approved(asked["pass_id"]) == 0
    code, shown = office.here("wallets", "show", "cold-1")
    assert code == 0
    assert [each["proven"] for each in shown["keys"]] == [True, True, True]
    assert [each["expression"] for each in shown["keys"]] == [key.expression for key in KEYS]
    assert len(shown["wallet"]["proof"]) == 64
    office.capsys.readouterr()
    assert run(["wallets", "show", "cold-1", "--workspace", str(office.root)]) == 0
    words = office.capsys.readouterr().out
    assert words.count("proven: whoever holds it signed this exchange's challenge") == 3
    assert words.count("nobody has said who holds it") == 3
    code, said = office.here("wallets", "keys")
    assert code == 3
    assert {each["code"] for each in said["findings"]} == {"wallets.key_not_registered"}


def test_a_wallet_without_proofs_says_so_for_every_key(office: Office) -> None:
    code, asked = office.here(
        "wallets", "register", WALLET.descriptor, "--id", "cold-1", "--department", "operations",
        *office.signing("alice"),
    )  # fmt: skip
    assert (code, office.approved(asked["pass_id"])) == (0, 0)
    _, shown = office.here("wallets", "show", "cold-1")
    assert [each["proven"] for each in shown["keys"]] == [False, False, False]
    assert shown["wallet"]["proof"] == "unproven"


def test_what_a_holder_did_not_sign_is_refused_while_they_are_there(office: Office) -> None:
    messages = office.challenge()
    first, second = KEYS[0], KEYS[1]
    form = MessageForm.COMPACT
    for name, signature, why in (
        (first.name, signed(WALLET, second, messages[first.name], form), "is not by key"),
        (first.name, signed(WALLET, first, messages[second.name], form), "is not by key"),
        (first.name, "nonsense", "is not by key"),
        ("00000000/1", signed(WALLET, first, messages[first.name], form), "is no key of wallet"),
    ):
        code, said = office.prove(name, signature)
        assert code == 2
        assert why in said["error"]
    code, said = office.register()
    assert code == 2
    assert all(key.name in said["error"] for key in KEYS)


def test_signatures_over_an_old_challenge_prove_nothing_now(office: Office) -> None:
    old = office.challenge()
    new = office.challenge()
    assert set(old.values()).isdisjoint(new.values())
    key = KEYS[0]
    assert office.prove(key.name, signed(WALLET, key, old[key.name], MessageForm.P2WPKH))[0] == 2
    assert office.prove(key.name, signed(WALLET, key, new[key.name], MessageForm.P2WPKH))[0] == 0


def test_a_challenge_that_this_exchange_never_drew_puts_nothing_in_force(office: Office) -> None:
    messages = office.challenge()
    sheet = json.loads(Path(office.sheet).read_text(encoding="utf-8"))
    old, chosen = sheet["nonce"], "ab" * 32  # the holders signed that one last year
    sheet["nonce"] = chosen
    Path(office.sheet).write_text(json.dumps(sheet), encoding="utf-8")
    sign_all(office, {name: text.replace(old, chosen) for name, text in messages.items()})
    code, asked = office.register()
    if code == 0:
        office.capsys.readouterr()
        assert run(["pass", "show", asked["pass_id"], "--workspace", str(office.root)]) == 0
        told = office.capsys.readouterr().out
        assert told.count("unproven: nobody has shown possession of it") == 3
        office.approved(asked["pass_id"])
    code, said = office.here("wallets", "show", "cold-1")
    assert code == 2
    assert "is not in force" in said["error"]


def test_the_keys_of_a_registered_wallet_are_shown_with_their_holders(office: Office) -> None:
    sign_all(office, office.challenge())
    _, asked = office.register()
    office.approved(asked["pass_id"])
    register = office.root / "register.json"
    register.write_bytes(key_register_bytes(KeyRegister(keys=registered(WALLET))))
    code, asked = office.here(
        "documents", "adopt", "key-register", str(register), *office.signing("alice")
    )
    assert (code, office.approved(asked["pass_id"])) == (0, 0)
    _, shown = office.here("wallets", "show", "cold-1")
    assert [each["holder"] for each in shown["keys"]] == ["holder-1", "holder-2", "holder-3"]
    code, said = office.here("wallets", "keys")
    found = {each["code"] for each in said["findings"]}
    assert code == 3
    assert "wallets.key_holder_departed" in found  # these holders are nobody on this roster
    assert "wallets.key_not_registered" not in found
