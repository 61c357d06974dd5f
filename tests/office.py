"""An exchange in a folder, driven by commands alone: six people, three departments, one wallet.

    office = opened(tmp_path, capsys)          # roster, policy and wallet are in force
    code, said = office("pass", "list")        # a command's exit code and its JSON document
    code, told = office.told("pass", "list")   # the same, for people
    office.ask(...), office.approved(pass_id)

The template is made once by the same commands, and copied for each test.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from gate_psbts import Coins, psbt_of
from world_coins import (
    DESCRIPTORS,
    funding,
    outpoint,
    script_at,
    spending,
    stranger,
    txout,
    wallet_of,
)

from sekisho.app import current_time, installation, new_id
from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.cli import run
from sekisho.journal.records import Draft
from sekisho.kernel.money import Sat

ROOT = Path(__file__).parents[1]
TRIAL = ROOT / "docs" / "trial" / "trial.toml"
PEOPLE = {
    "alice": "operations",
    "bob": "operations",
    "carol": "security",
    "dave": "finance",
    "erin": "security",
    "gina": "operations",
}
"""Carol and Erin are officers."""
OFFICERS = ("carol", "erin")
APPROVERS = ("bob", "carol", "dave")
WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
FUNDING = funding(WALLET, 300_000_000_00, 100_000_000_00)
"""300 and 100 BTC."""
ANCHOR = outpoint(FUNDING, 0)
PAYEE, OTHER_PAYEE = stranger(), stranger(1)
RECOVERY = ("operations=2", "security=2")
"""Without finance: Dave is alone there, and nobody else could replace his key."""


class Office:
    """A workspace driven from outside."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.capsys = root, capsys

    def bare(self, *arguments: str) -> tuple[int, Any]:
        """Run a command that needs no workspace; return its code and its JSON document."""
        self.capsys.readouterr()
        code = run([*arguments, "--json"])
        return code, json.loads(self.capsys.readouterr().out)

    def __call__(self, *arguments: str) -> tuple[int, Any]:
        return self.bare(*arguments, "--workspace", str(self.root))

    def told(self, *arguments: str) -> tuple[int, str]:
        """Run a command as people do; return its code and all that it wrote."""
        self.capsys.readouterr()
        code = run([*arguments, "--workspace", str(self.root)])
        written = self.capsys.readouterr()
        return code, written.out + written.err

    def file(self, name: str) -> str:
        return str(self.root / name)

    def signing(self, who: str, terminal: str = "desk-1") -> tuple[str, str, str, str]:
        return ("--key", self.file(f"{who}.key"), "--terminal", terminal)

    def new_key(self, who: str) -> str:
        """Make a key and return the path of its public part."""
        assert self.bare("roster", "key", self.file(f"{who}.key"), "--no-passphrase")[0] == 0
        return self.file(f"{who}.key.pub")

    def ask(self, who: str = "alice", *more: str, pay: Sequence[str] = ()) -> tuple[int, Any]:
        payments = [f"--pay={each}" for each in pay or (f"{PAYEE}=1.5",)]
        return self(
            "pass", "ask", "--wallet", "cold-1", *payments, "--anchor", str(ANCHOR),
            "--fee-max", "0.001", "--feerate-max", "50", "--purpose", "a test",
            *self.signing(who), *more,
        )  # fmt: skip

    def asked(self, *more: str, pay: Sequence[str] = ()) -> Any:  # noqa: ANN401 - JSON
        code, said = self.ask("alice", *more, pay=pay)
        assert code == 0, said
        return said

    def approve(self, pass_id: str, who: str, *more: str) -> tuple[int, Any]:
        return self("pass", "approve", pass_id, *self.signing(who), *more)

    def approved(self, pass_id: str, *people: str) -> Any:  # noqa: ANN401 - JSON
        """Let people approve; return where the pass stands after the last of them."""
        said: Any = None
        for who in people or APPROVERS:
            code, said = self.approve(pass_id, who)
            assert code == 0, said
        return said

    def shown(self, pass_id: str) -> Any:  # noqa: ANN401 - JSON
        code, said = self("pass", "show", pass_id)
        assert code == 0, said
        return said

    def put_in_force(self, *command: str, by: Sequence[str] = APPROVERS) -> str:
        """Ask for an admin pass as Alice, have it approved, and return its id."""
        code, said = self(*command, *self.signing("alice"))
        assert code == 0, said
        assert self.approved(said["pass_id"], *by)["findings"] == []
        return str(said["pass_id"])

    def adopt_policy(self, *edits: tuple[str, str]) -> None:
        """Put the trial policy in force with some of its text changed."""
        text = TRIAL.read_text(encoding="utf-8")
        for old, new in edits:
            assert old in text
            text = text.replace(old, new, 1)
        path = self.root / "changed.toml"
        path.write_text(text, encoding="utf-8")
        self.put_in_force("policy", "adopt", str(path))

    def entries(self) -> int:
        return int(self("journal", "verify")[1]["size"])

    def write(self, kind: str, body: dict[str, Any]) -> None:
        """Write an entry into the journal, as another part of the installation would."""
        now = current_time()
        with installation(self.root) as here:
            draft = Draft(entry_id=new_id(now), at=now, kind=kind, actor="test", body=body)
            here.journal.append(draft)

    def leased(self, *more: str) -> str:
        """Return the folder of the gate beside the workspace, which has just got a lease."""
        gate, granter = self.root.parent / "gate", self.root.parent / "granter"
        if not gate.exists():
            assert self.bare("lease", "init", str(granter))[0] == 0
            made = ("gate", "init", str(gate), "--id", "gate-1", *more)
            assert self(*made, "--granter", str(granter / "granter.pub"))[0] == 0
            enrol = ("lease", "enrol", str(gate / "gate.pub"), "--granter", str(granter))
            assert self.bare(*enrol)[0] == 0
        request, lease = (str(gate / f"{name}-{self.entries()}") for name in ("request", "lease"))
        for each in (request, lease):
            Path(each).unlink(missing_ok=True)
        assert self.bare("gate", "request", "--gate", str(gate), "--out", request)[0] == 0
        grant = ("lease", "grant", request, "--granter", str(granter), "--out", lease)
        if self(*grant)[0] == 0:
            assert self.bare("gate", "lease", lease, "--gate", str(gate))[0] == 0
        return str(gate)

    def gate(self, name: str, psbt: str, *more: str) -> tuple[int, Any]:
        """Ask the gate as its operator does: under a new checkpoint, with a new lease."""
        assert self("journal", "checkpoint")[0] == 0
        gate = self.leased()
        return self("gate", "check", "--gate", gate, "--pass", name, "--psbt", psbt, *more)

    def psbt(self, *paid: tuple[str, int], name: str = "outflow.psbt") -> str:
        """Write the PSBT of a transaction that pays from the anchor, the rest coming back."""
        path = self.root / name
        path.write_bytes(
            psbt_of(spending_of(*paid), Coins(previous=(FUNDING,), wallets=(WALLET,)))
        )
        return str(path)


def spending_of(*paid: tuple[str, int], fee_sat: int = 2_000) -> Transaction:
    """Return the unsigned transaction that pays each address from the anchor, with change."""
    outputs = [txout(address, amount) for address, amount in paid]
    held = FUNDING.outputs[0].amount_sat
    left = Sat(held - sum(amount for _, amount in paid) - fee_sat)
    change = TxOut(amount_sat=left, script=script_at(WALLET, branch=1))
    return spending([ANCHOR], [*outputs, change])


def codes(said: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Return the codes of a document's findings."""
    return {each["code"] for each in said["findings"]}


def allow_list(office: Office, *labels: tuple[str, str]) -> str:
    """Write an allow-list of addresses with their labels; return its file."""
    path = office.root / "allow-list.json"
    destinations = [
        {
            "address": address,
            "script": script_of(address, Network.MAIN, "address").hex(),
            "label": label,
            "owner": "関所銀行株式会社",
            "note": "",
            "proof": None,
        }
        for address, label in labels
    ]
    document = {"format": "sekisho/allow-list/v1", "chain": WALLET.chain}
    path.write_text(json.dumps(document | {"destinations": destinations}), encoding="utf-8")
    return str(path)


@cache
def _template() -> Path:
    root = Path(tempfile.mkdtemp(prefix="sekisho-office-")) / "w"
    _quietly("init", str(root), "--name", "test")
    people = []
    for who, department in PEOPLE.items():
        _quietly("roster", "key", str(root / f"{who}.key"), "--no-passphrase")
        people += ["--person", f"{who}:{department}:{root / who}.key.pub"]
    roster = str(root / "roster.json")
    _quietly(
        "roster", "new", "--out", roster, "--exchange", "Test", *people,
        *("--terminal=desk-1", "--terminal=desk-2"),
        *(f"--quorum={each}=1" for each in ("operations", "security", "finance")),
        *(f"--officer={each}" for each in OFFICERS),
        *(f"--recovery={each}" for each in RECOVERY), "--workspace", str(root),
    )  # fmt: skip
    return root


def _quietly(*arguments: str) -> None:
    if run([*arguments, "--json"]) != 0:
        raise RuntimeError(" ".join(arguments))


def opened(folder: Path, capsys: pytest.CaptureFixture[str], *, policy: bool = True) -> Office:
    """Return a copy of the office in which roster, policy and wallet are in force."""
    root = _template()
    if not (root / "ready").exists():
        _furnish(Office(root, capsys))
    ready = root if policy else root.with_name("without-policy")
    shutil.copytree(ready, folder / "w")
    return Office(folder / "w", capsys)


def _furnish(office: Office) -> None:
    root = office.root
    code, said = office("roster", "adopt", office.file("roster.json"), *office.signing("alice"))
    assert code == 0, said
    office.approved(said["pass_id"])
    assert office("roster", "pin", said["pass"]["genesis_digest"])[0] == 0
    office.put_in_force(
        "wallets", "register", WALLET.descriptor, "--id", "cold-1",
        "--department", "operations", "--change", "internal_branch",
    )  # fmt: skip
    (root / "funding.hex").write_text(FUNDING.serialize().hex())
    assert office("wallets", "observe", office.file("funding.hex"))[0] == 0
    shutil.copytree(root, root.with_name("without-policy"))
    office.put_in_force("policy", "adopt", str(TRIAL))
    (root / "ready").touch()
