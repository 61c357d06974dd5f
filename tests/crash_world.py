"""Two gates beside one journal, and a pass that is good for one of two transactions.

scene = Scene(tmp_path, capsys)
scene.keep()                               # `begin` leads back to here
for ended in scene.deaths(command): ...    # killed at each change in turn, and once not at all
scene.ask(FIRST, "gate-1")                 # exit code and JSON document
enforced(scene, "gate-1")                  # the command by which that gate signs last
"""

import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from gate_psbts import Coins, psbt_of
from gate_returns import signed
from killed import Ended, killed_at
from office import FUNDING, PAYEE, WALLET, opened, spending_of
from world_coins import (
    DESCRIPTORS,
    bytes_of,
    funding,
    outpoint,
    script_at,
    spending,
    txout,
    wallet_of,
)

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.cli import run
from sekisho.gate.cosigner import cosigner_text, new_cosigner
from sekisho.journal.records import Entry
from sekisho.journal.store import open_journal
from sekisho.kernel.money import Sat
from sekisho.passes.life import clearances

FIRST, OTHER = "first", "other"
"""They differ in the fee."""
UNSIGNED = {
    FIRST: spending_of((PAYEE, 150_000_000), fee_sat=2_000),
    OTHER: spending_of((PAYEE, 150_000_000), fee_sat=3_000),
}
NAMES = {unsigned.txid: name for name, unsigned in UNSIGNED.items()}
ENFORCED = wallet_of(DESCRIPTORS["enforced"], wallet_id="cold-2")
"""It needs alpha, the gate here, and beta, who holds."""


class Scene:
    """A folder with all of it. Files are by name in the workspace, gates beside it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.kept = folder / "now", folder / "kept"
        self.folder.mkdir()
        self.office = opened(self.folder, capsys)
        said = self.office.asked()
        self.pass_id = str(said["pass_id"])
        self.genesis = str(said["pass"]["genesis_digest"])
        self.office.approved(self.pass_id)
        for name, unsigned in UNSIGNED.items():
            psbt = psbt_of(unsigned, Coins(previous=(FUNDING,), wallets=(WALLET,)))
            self.path(f"{name}.psbt").write_bytes(psbt)
            self.path(f"{name}.signed").write_bytes(signed(psbt))
        assert self.office("journal", "checkpoint")[0] == 0
        assert self.office.bare("lease", "init", str(self.gate("granter")))[0] == 0

    def path(self, name: str) -> Path:
        return self.office.root / name

    def gate(self, name: str) -> Path:
        return self.folder / name

    def init(self, name: str, *more: str) -> list[str]:
        granter = str(self.gate("granter") / "granter.pub")
        made = ("gate", "init", str(self.gate(name)), "--id", name, "--granter", granter)
        return [*made, "--genesis", self.genesis, *more]

    def make(self, name: str, *more: str) -> None:
        """Make a gate, and give it a lease."""
        assert self.office.bare(*self.init(name, *more))[0] == 0
        self.enrol(name)

    def enrol(self, name: str) -> None:
        """Have a gate enrolled with the granter, and give it its first lease."""
        granter = ("--granter", str(self.gate("granter")))
        enrolled = ("lease", "enrol", str(self.gate(name) / "gate.pub"), *granter)
        assert self.office.bare(*enrolled)[0] == 0
        assert self.office.bare(*self.lease(name, self.granted(name)))[0] == 0

    def granted(self, gate: str) -> Path:
        """Return the next lease of a gate, which it has not taken yet."""
        number = len(self.memory(gate))
        request, lease = (self.folder / f"{gate}-{number}.{each}" for each in ("request", "lease"))
        asked = ("gate", "request", "--gate", str(self.gate(gate)), "--out", str(request))
        assert self.office.bare(*asked)[0] == 0
        granter = ("--granter", str(self.gate("granter")))
        assert self.office("lease", "grant", str(request), *granter, "--out", str(lease))[0] == 0
        return lease

    def lease(self, gate: str, path: Path) -> list[str]:
        return ["gate", "lease", str(path), "--gate", str(self.gate(gate))]

    def check(self, name: str, gate: str, *more: str) -> list[str]:
        """Return the command that asks a gate about a transaction."""
        return [
            *("gate", "check", "--gate", str(self.gate(gate)), "--pass", self.pass_id),
            *("--psbt", str(self.path(f"{name}.psbt")), *more),
            *("--workspace", str(self.office.root)),
        ]

    def ask(self, name: str, gate: str, *more: str) -> tuple[int, Any]:
        return self.office.bare(*self.check(name, gate, *more))

    def back(self, name: str, gate: str) -> tuple[int, Any]:
        """Ask a gate about the transaction as it came back, signed."""
        return self.ask(name, gate, "--signed", str(self.path(f"{name}.signed")))

    def memory(self, gate: str) -> list[Entry]:
        return entries_in(self.gate(gate) / "memory.sqlite")

    def journal(self) -> list[Entry]:
        return entries_in(self.path("journal.sqlite"))

    def keep(self) -> None:
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.folder, self.kept)

    def begin(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)

    def deaths(self, command: list[str] | Callable[[], object]) -> Iterator[Ended]:
        """Yield each end of a process: killed at its first change, at its second, and so on.

        The last one survived. Each begins anew. One that leaves what another left is skipped.
        """
        seen: set[tuple[str, bytes]] = set()
        work = command if callable(command) else lambda: run([*command, "--json"])
        for change in count(1):
            self.begin()
            ended = killed_at(change, work)
            found = (self._state(), ended.said)
            if found not in seen or not ended.killed:
                yield ended
            if not ended.killed:
                return
            seen.add(found)

    def _state(self) -> str:
        """Return what stands on the disk: without locks, what SQLite makes anew, and what lies in
        a folder that is not finished."""
        digest = sha256()
        for path in sorted(self.folder.rglob("*")):
            *parents, name = path.relative_to(self.folder).parts
            data = path.read_bytes() if path.is_file() else b""
            anew = ("-shm", "-lock") if data else ("-shm", "-lock", "-wal")
            if name.endswith(anew) or any(each.startswith(".") for each in parents):
                continue
            label = "." if path.is_dir() and name.startswith(".") else str(path)
            digest.update(f"{label}\n{len(data)}\n".encode() + data)
        return digest.hexdigest()


def enforced(scene: Scene, gate: str) -> list[str]:
    """Make a gate with a key of its own, and have it clear a PSBT of a wallet that needs the key.

    Return the command that shows it the PSBT as the holder signed it.
    """
    office, funded = scene.office, funding(ENFORCED, 200_000_000)
    key, coin = new_cosigner(bytes_of("seed of alpha"), Network.MAIN), outpoint(funded, 0)
    public, hexed = scene.path("gate-key.pub"), scene.path("funded.hex")
    public.write_text(f"{key.expression}\n")
    office.put_in_force(
        *("wallets", "register", ENFORCED.descriptor, "--id", ENFORCED.wallet_id),
        *("--department", "operations", "--change", "internal_branch"),
        *("--gate-key", str(public)),
    )
    hexed.write_text(funded.serialize().hex())
    assert office("wallets", "observe", str(hexed))[0] == 0
    code, asked = office(
        *("pass", "ask", "--wallet", ENFORCED.wallet_id, f"--pay={PAYEE}=1.5"),
        *("--anchor", str(coin), "--fee-max", "0.001", "--feerate-max", "50"),
        *("--purpose", "a test", *office.signing("alice")),
    )
    assert code == 0, asked
    office.approved(asked["pass_id"])
    assert office("journal", "checkpoint")[0] == 0
    scene.make(gate)
    (scene.gate(gate) / "cosigner.key").write_text(cosigner_text(key))
    paid, change = txout(PAYEE, 150_000_000), script_at(ENFORCED, branch=1)
    unsigned = spending([coin], [paid, TxOut(amount_sat=Sat(49_998_000), script=change)])
    psbt = psbt_of(unsigned, Coins(previous=(funded,), wallets=(ENFORCED,)))
    files = {"vault.psbt": psbt, "vault.signed": signed(psbt, by=["beta"])}
    for name, data in files.items():
        scene.path(name).write_bytes(data)
    check = [
        *("gate", "check", "--gate", str(scene.gate(gate)), "--pass", str(asked["pass_id"])),
        *("--psbt", str(scene.path("vault.psbt")), "--workspace", str(office.root)),
    ]
    assert office.bare(*check)[0] == 0
    return [*check, "--signed", str(scene.path("vault.signed"))]


def entries_in(path: Path) -> list[Entry]:
    with open_journal(path) as journal:
        return list(journal.entries())


def let_through(entries: list[Entry]) -> list[str]:
    """Return the names of the transactions that were cleared, as it is written there."""
    return [NAMES[each.txid] for each in clearances(entries)]
