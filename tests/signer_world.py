"""An exchange on regtest whose cold wallet a real node keeps and `sekisho-signer` signs for.

    with signing_exchange(folder) as exchange:
        coin = exchange.fund()                           # a coin of 2 BTC of the cold wallet
        exchange.pass_for(coin, {PAYEE: "1.5"})          # asked, approved, issued
        exchange.send(coin, {PAYEE: Decimal("1.5")})     # through the node, to the signer
        exchange.logged()                                # what the node wrote in its log since

Six people, three departments (`office.py`). The signer behind the gate is `software_signer.py`.
"""

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from decimal import Decimal
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

from office import OFFICERS, PEOPLE, RECOVERY, ROOT, TRIAL, Office
from parts.bitcoind import Node, running
from world_coins import bytes_of, stranger

from sekisho.app import installation, open_gate
from sekisho.chains.bitcoin.networks import Network
from sekisho.cli import run
from sekisho.journal.records import Entry
from sekisho.passes.life import GATE_REFUSED

PAYEE, OTHER_PAYEE = stranger(0, Network.REGTEST), stranger(1, Network.REGTEST)
COLD, MINER = "cold", "miner"
MATURE_BLOCKS = 100
COIN_BTC = Decimal(2)
FEERATE_SAT_PER_VB = 5
NODE_OPTIONS = ("-addresstype=bech32", "-changetype=bech32", "-keypool=20")
"""Without the first two, change goes to P2PKH, which the pass's wallet does not have."""
DELEGATE = [sys.executable, str(Path(__file__).with_name("software_signer.py"))]


class Exchange(Office):
    """A workspace, a node, and the wallet in which they meet."""

    def __init__(self, root: Path, node: Node, seed: Path) -> None:
        self.root, self.node, self.seed = root, node, seed
        self._heard, self._numbers = 0, count()

    def bare(self, *arguments: str) -> tuple[int, Any]:
        """Run a command that needs no workspace; return its code and its JSON document."""
        heard = StringIO()
        with redirect_stdout(heard), redirect_stderr(StringIO()):
            code = run([*arguments, "--json"])
        return code, json.loads(heard.getvalue())

    def fund(self) -> str:
        """Return a new coin of the cold wallet, TXID:VOUT, in a block and observed."""
        address = self.node.rpc("getnewaddress", wallet=COLD)
        outputs = [{address: COIN_BTC}]
        options = {"fee_rate": FEERATE_SAT_PER_VB, "change_position": 1}
        sent = self.node.rpc("send", outputs, options=options, wallet=MINER)
        self.mine()
        path = self.root / f"{sent['txid']}.hex"
        raw = self.node.rpc("gettransaction", sent["txid"], wallet=MINER)["hex"]
        path.write_text(raw, encoding="ascii")
        code, said = self("wallets", "observe", str(path))
        assert (code, said["kept"]) == (0, [sent["txid"]])
        return f"{sent['txid']}:0"

    def mine(self, blocks: int = 1) -> None:
        address = self.node.rpc("getnewaddress", wallet=MINER)
        self.node.rpc("generatetoaddress", blocks, address)

    def pass_for(self, coin: str, pay: Mapping[str, str], *more: str) -> Any:  # noqa: ANN401 - JSON
        """Ask for a pass with this coin as its anchor, have it approved, and return it."""
        code, said = self(
            "pass", "ask", "--wallet", "cold-1", "--anchor", coin,
            *(f"--pay={address}={btc}" for address, btc in pay.items()),
            "--fee-max", "0.0001", "--feerate-max", "20", "--purpose", "a story",
            *self.signing("alice"), *more,
        )  # fmt: skip
        assert code == 0, said
        self.approved(said["pass_id"])
        self.let_the_gate_go_on()
        return said

    def let_the_gate_go_on(self) -> None:
        """Sign a checkpoint of the journal, and give the gate its next lease."""
        asked, lease = (self.root / f"{name}-{next(self._numbers)}" for name in ("asked", "lease"))
        gate, granter = str(self.root.parent / "gate"), str(self.root.parent / "granter")
        for code, said in (
            self("journal", "checkpoint"),
            self.bare("gate", "request", "--gate", gate, "--out", str(asked)),
            self("lease", "grant", str(asked), "--granter", granter, "--out", str(lease)),
            self.bare("gate", "lease", str(lease), "--gate", gate),
        ):
            assert code == 0, said

    def lift(self) -> None:
        """Have a quorum say that it has looked into it, and give the gate its next lease."""
        self.put_in_force("gate", "lift", "--purpose", "looked into")
        self.let_the_gate_go_on()

    def send(
        self, coin: str, payments: Mapping[str, Decimal], *, feerate: int = FEERATE_SAT_PER_VB
    ) -> str:
        """Have the node build, sign and broadcast; return the txid. Raises `RPCError`."""
        txid, _, vout = coin.partition(":")
        options = {"inputs": [{"txid": txid, "vout": int(vout)}], "fee_rate": feerate}
        outputs = [{address: amount} for address, amount in payments.items()]
        sent = self.node.rpc("send", outputs, options=options, wallet=COLD)
        return str(sent["txid"])

    def logged(self) -> str:
        """Return what the node wrote in its debug.log since the last call."""
        log = self.node.log
        new, self._heard = log[self._heard :], len(log)
        return new

    def hostile(self, how: str) -> None:
        """Have the signer behind the gate do something to what it returns; "" for nothing."""
        _write_seed(self.seed, how)

    def refused(self) -> list[str]:
        """Return the codes of the last refusal: the gate's memory has what the journal has."""
        last = self.entries_of(GATE_REFUSED)[-1]
        with open_gate(self.root.parent / "gate") as opened:
            (*_, remembered) = opened.memory.entries()
        assert (remembered.entry_id, remembered.body) == (last.entry_id, last.body)
        findings: Any = last.body["findings"]
        return [each["code"] for each in findings]

    def entries_of(self, kind: str) -> list[Entry]:
        with installation(self.root) as here:
            return [each for each in here.journal.entries() if each.kind == kind]


@contextmanager
def signing_exchange(
    folder: Path, *, gate: bool = True, options: Sequence[str] = ()
) -> Iterator[Exchange]:
    """Open an exchange in an empty folder; without `gate`, the node asks the signer itself.

    `options` are more of the node's own.
    """
    root, seed = folder / "w", folder / "seed.json"
    _write_seed(seed, "")
    delegate = [*DELEGATE, "--seed", str(seed)]
    command = " ".join(delegate)
    if gate:
        command = f"{_installed(folder)} --config {folder / 'signer.toml'}"
        (folder / "signer.toml").write_text(
            f"workspace = {json.dumps(str(root))}\ngate = {json.dumps(str(folder / 'gate'))}\n"
            f"delegate = {json.dumps(delegate)}\n",
            encoding="utf-8",
        )
    with running(f"-signer={command}", *NODE_OPTIONS, *options) as node:
        exchange = Exchange(root, node, seed)
        begin_exchange(exchange)
        node.rpc("createwallet", COLD, disable_private_keys=True, external_signer=True)
        _register(exchange)
        node.rpc("createwallet", MINER)
        exchange.mine(MATURE_BLOCKS + 10)
        yield exchange


def _write_seed(path: Path, hostile: str) -> None:
    path.write_text(json.dumps({"seed": bytes_of("cold").hex(), "hostile": hostile}))


def _installed(folder: Path) -> Path:
    """Write the command `sekisho-signer` as an installer would, from what pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"]["sekisho-signer"].partition(":")
    path = folder / "sekisho-signer"
    path.write_text(f"#!{sys.executable}\nimport {module}\n{module}.{name}()\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def begin_exchange(exchange: Exchange) -> None:
    """Put a roster and the trial policy in force."""
    root = exchange.root
    exchange.bare("init", str(root), "--name", "test", "--network", "regtest")
    people = [f"--person={who}:{where}:{exchange.new_key(who)}" for who, where in PEOPLE.items()]
    code, said = exchange(
        "roster", "new", "--out", exchange.file("roster.json"), "--exchange", "Test", *people,
        "--terminal=desk-1", *(f"--quorum={each}=1" for each in set(PEOPLE.values())),
        *(f"--officer={each}" for each in OFFICERS), *(f"--recovery={each}" for each in RECOVERY),
    )  # fmt: skip
    assert code == 0, said
    code, said = exchange(
        "roster", "adopt", exchange.file("roster.json"), *exchange.signing("alice")
    )
    exchange.approved(said["pass_id"])
    assert exchange("roster", "pin", said["pass"]["genesis_digest"])[0] == 0
    exchange.put_in_force("policy", "adopt", str(TRIAL))
    folder = root.parent
    assert exchange.bare("lease", "init", str(folder / "granter"))[0] == 0
    granter = str(folder / "granter" / "granter.pub")
    code, said = exchange(
        "gate", "init", str(folder / "gate"), "--id", "gate-1", "--granter", granter
    )
    assert code == 0, said
    enrol = ("lease", "enrol", str(folder / "gate" / "gate.pub"))
    assert exchange.bare(*enrol, "--granter", str(folder / "granter"))[0] == 0


def _register(exchange: Exchange) -> None:
    """Register the node's own P2WPKH descriptors as the wallet cold-1."""
    listed = exchange.node.rpc("listdescriptors", wallet=COLD)["descriptors"]
    receive, internal = (
        next(
            each["desc"].partition("#")[0]
            for each in listed
            if each["desc"].startswith("wpkh(") and each["internal"] is inside
        )
        for inside in (False, True)
    )
    assert internal == receive.replace("/0/*", "/1/*")
    exchange.put_in_force(
        "wallets", "register", receive.replace("/0/*", "/<0;1>/*"), "--id", "cold-1",
        "--department", "operations", "--change", "internal_branch", "--gap-limit", "50",
    )  # fmt: skip
