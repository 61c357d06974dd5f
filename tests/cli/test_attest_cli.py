"""A device that asks for attestations, from its policy to the transaction, by commands alone."""

import json
import os
import shutil
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from coldcard import Coldcard, returned
from gate_psbts import with_pair
from gate_returns import signed
from office import PAYEE, WALLET, Office, codes, opened

from sekisho.app import open_gate
from sekisho.chains.bitcoin.networks import Network
from sekisho.cli import gate as gate_command
from sekisho.cli import run
from sekisho.cli.signer_options import Settings
from sekisho.cli.signer_wiring import gate_of
from sekisho.edges.attesters import read_attesters
from sekisho.gate.attest import ATTESTATION_KEY
from sekisho.journal.store import JournalStore
from sekisho.kernel.errors import BadInputError
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED

PAID_SAT = 150_000_000


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


@pytest.fixture
def asked(office: Office) -> Any:  # noqa: ANN401 - JSON
    said = office.asked()
    office.approved(said["pass_id"])
    return said


def policy_path(office: Office) -> Path:
    return office.root.parent / "hsm-policy.json"


def made(office: Office, gate: str, *more: str, amount_max: str = "2") -> tuple[int, Any]:
    return office.bare(
        "gate", "attest", "init", "--gate", gate, "--wallet", "cold-1", "--device-wallet", "cold",
        "--amount-max", amount_max, "--per-period", "3", "--period-minutes", "60",
        "--out", str(policy_path(office)), *more,
    )  # fmt: skip


def device(office: Office) -> Coldcard:
    return Coldcard(policy=policy_path(office).read_bytes(), wallet=WALLET, name="cold")


def kinds(gate: str) -> list[str]:
    with open_gate(Path(gate)) as opened_gate:
        return [each.kind for each in opened_gate.memory.entries()]


def test_from_the_policy_to_the_transaction(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    gate = office.leased()
    code, said = made(office, gate)
    assert (code, said["amount_max_sat"], said["period_minutes"]) == (0, "200000000", 60)
    psbt, out = office.psbt((PAYEE, PAID_SAT)), tmp_path / "attested.psbt"
    assert device(office).asked(Path(psbt).read_bytes()) == "missing attestation"
    code, said = office.gate(asked["pass_id"], psbt, "--attested", str(out))
    assert (code, said["answer"]) == (0, "cleared")
    (told,) = said["attested"]
    assert (told["output"], told["amount_sat"]) == (0, str(PAID_SAT))
    assert out.read_bytes().count(bytes.fromhex(told["attestation"])) == 1
    assert device(office).asked(out.read_bytes()) == ""
    back = tmp_path / "back.psbt"
    back.write_bytes(returned(out.read_bytes()))
    code, said = office.gate(asked["pass_id"], psbt, "--signed", str(back))
    assert (code, said["answer"], said["complete"]) == (0, "signed", True)
    # The same again in the same bytes, and never over what is there.
    again = tmp_path / "again.psbt"
    assert office.gate(asked["pass_id"], psbt, "--attested", str(again))[0] == 0
    assert again.read_bytes() == out.read_bytes()
    assert office.gate(asked["pass_id"], psbt, "--attested", str(again))[0] == 2


def test_what_is_told_to_people(office: Office, asked: Any, tmp_path: Path) -> None:  # noqa: ANN401 - JSON
    gate = office.leased()
    office.capsys.readouterr()
    command = (
        "gate", "attest", "init", "--gate", gate, "--wallet", "cold-1", "--device-wallet", "1",
        "--amount-max", "1.5", "--per-period", "3", "--period-minutes", "90",
        "--out", str(policy_path(office)),
    )  # fmt: skip
    assert run(list(command)) == 0
    told = office.capsys.readouterr().out
    policy = ("gate", "attest", "policy", str(policy_path(office)), "--gate", gate)
    code, said = office.bare(*policy, "--wallet", "cold-1")
    assert code == 0
    for each in (said["address"], said["device_hash"], "1.50000000", "3.00000000", "90 minutes"):
        assert each in told
    assert run([*policy, "--wallet", "cold-1"]) == 0
    assert said["device_hash"] in office.capsys.readouterr().out
    psbt, out = office.psbt((PAYEE, PAID_SAT)), str(tmp_path / "attested.psbt")
    assert office("journal", "checkpoint")[0] == 0
    check = ("gate", "check", "--gate", office.leased(), "--pass", asked["pass_id"])
    code, told = office.told(*check, "--psbt", psbt, "--attested", out)
    assert (code, "1 outputs, 1.50000000 BTC" in told) == (0, True)


def test_the_key_is_the_owners_alone_and_is_made_once(office: Office) -> None:
    gate = office.leased()
    assert made(office, gate)[0] == 0
    own = Path(gate) / "attest" / "cold-1"
    assert stat.S_IMODE((own / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert (own / "policy.json").read_bytes() == policy_path(office).read_bytes()
    before = (own / "key").read_bytes()
    assert made(office, gate)[0] == 2, "the policy is there"
    policy_path(office).unlink()
    assert made(office, gate)[0] == 2, "the key is there"
    assert (own / "key").read_bytes() == before
    (attester,) = read_attesters(Path(gate))
    assert attester.secret.hex() not in repr(attester)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--wallet", "../elsewhere"),
        ("--device-wallet", "x" * 21),
        ("--amount-max", "0.1.2"),
        ("--period-minutes", "4321"),
        ("--network", "signet"),
    ],
)
def test_what_is_no_setting_leaves_nothing_behind(office: Office, option: str, value: str) -> None:
    gate = office.leased()
    assert made(office, gate, option, value)[0] == 2
    assert list((Path(gate) / "attest").glob("*")) == []
    assert not policy_path(office).exists()


def test_a_policy_without_caps_is_not_even_made(office: Office) -> None:
    gate = office.leased()
    code, said = made(office, gate, amount_max="0")
    assert (code, codes(said)) == (3, {"gate.device_policy_open"})
    assert read_attesters(Path(gate)) == ()


def test_above_the_cap_nothing_is_attested_and_the_pass_is_not_used(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    gate, psbt, out = office.leased(), office.psbt((PAYEE, PAID_SAT)), tmp_path / "out.psbt"
    assert made(office, gate, amount_max="1.49999999")[0] == 0
    code, said = office.gate(asked["pass_id"], psbt, "--attested", str(out))
    assert (code, codes(said)) == (3, {"gate.device_amount_over"})
    assert not out.exists()
    assert (GATE_CLEARED in kinds(gate), kinds(gate)[-1]) == (False, GATE_REFUSED)
    # Another policy is on the device now.
    document = json.loads(policy_path(office).read_text())
    document["rules"][0]["max_amount"] = PAID_SAT
    higher = tmp_path / "higher.json"
    higher.write_text(json.dumps(document))
    judge = ("gate", "attest", "policy", str(higher), "--gate", gate, "--wallet", "cold-1")
    assert office.bare(*judge)[1]["pinned"] is False
    assert office.gate(asked["pass_id"], psbt)[0] == 3, "it was only looked at"
    assert office.bare(*judge, "--pin")[1]["pinned"] is True
    assert office.gate(asked["pass_id"], psbt, "--attested", str(out))[0] == 0
    assert out.exists()


def test_a_field_for_the_device_that_is_there_already_is_refused_before_anything_else(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
) -> None:
    gate, psbt = office.leased(), Path(office.psbt((PAYEE, PAID_SAT)))
    psbt.write_bytes(with_pair(psbt.read_bytes(), 2, ATTESTATION_KEY, b"a" * 65))
    assert made(office, gate)[0] == 0
    code, said = office.gate(asked["pass_id"], str(psbt))
    assert (code, codes(said)) == (3, {"gate.device_attestation_there"})
    assert GATE_CLEARED not in kinds(gate)


def test_an_open_policy_is_refused_and_never_pinned(office: Office, tmp_path: Path) -> None:
    gate = office.leased()
    assert made(office, gate)[0] == 0
    document = json.loads(policy_path(office).read_text())
    document["rules"].append({})
    open_policy = tmp_path / "open.json"
    open_policy.write_text(json.dumps(document))
    judge = ("gate", "attest", "policy", str(open_policy), "--gate", gate, "--wallet", "cold-1")
    code, said = office.bare(*judge, "--pin")
    assert (code, codes(said), len(said["findings"])) == (3, {"gate.device_policy_open"}, 6)
    assert (Path(gate) / "attest/cold-1/policy.json").read_bytes() == (
        policy_path(office).read_bytes()
    )
    assert office.bare(*judge[:-1], "hot-1")[0] == 2, "no key for that wallet"


def test_a_policy_that_somebody_edited_in_the_gates_folder_shuts_the_wallet(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
) -> None:
    gate, psbt = office.leased(), office.psbt((PAYEE, PAID_SAT))
    assert made(office, gate)[0] == 0
    pinned = Path(gate) / "attest/cold-1/policy.json"
    good = pinned.read_text()
    pinned.write_text(good.replace('"must_log": true', '"must_log": false'))
    code, said = office.gate(asked["pass_id"], psbt)
    assert (code, codes(said)) == (3, {"gate.device_policy_open"})
    for bad in ("{}}", good.replace("notes", "unknown")):
        pinned.write_text(bad)
        assert office.gate(asked["pass_id"], psbt)[0] == 2
    pinned.unlink()
    assert office.gate(asked["pass_id"], psbt)[0] == 2
    assert GATE_CLEARED not in kinds(gate)


def test_a_key_of_another_kind_is_no_attester(office: Office) -> None:
    gate = office.leased()
    assert made(office, gate)[0] == 0
    key = Path(gate) / "attest/cold-1/key"
    for other in ((Path(gate) / "gate.key").read_bytes(), b"no key", b"x" * 5000):
        key.write_bytes(other)
        with pytest.raises(BadInputError):
            read_attesters(Path(gate))


def test_without_a_key_there_is_nothing_to_write(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.psbt"
    psbt = office.psbt((PAYEE, PAID_SAT))
    code, said = office.gate(asked["pass_id"], psbt, "--attested", str(out))
    assert (code, said["where"], out.exists()) == (2, "--attested", False)


# The crash ---------------------------------------------------------------------------------------


def dies_at(monkeypatch: pytest.MonkeyPatch, name: str, owner: object) -> None:
    """Have the process killed the moment that something is called."""

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(owner, name, die)


@pytest.mark.parametrize("where", ["before the record", "after the record"])
def test_a_gate_that_is_killed_has_given_nothing_that_it_does_not_remember(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    gate, psbt, out = office.leased(), office.psbt((PAYEE, PAID_SAT)), tmp_path / "out.psbt"
    assert made(office, gate)[0] == 0
    assert office("journal", "checkpoint")[0] == 0
    gate = office.leased()
    child = os.fork()
    if child == 0:
        if where == "before the record":
            dies_at(monkeypatch, "append", JournalStore)
        else:
            dies_at(monkeypatch, "write_new", gate_command)
        run(
            ["gate", "check", "--gate", gate, "--pass", asked["pass_id"], "--psbt", psbt,
             "--attested", str(out), "--workspace", str(office.root)]
        )  # fmt: skip
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert not out.exists()
    assert (GATE_CLEARED in kinds(gate)) == (where == "after the record")
    assert office.gate(asked["pass_id"], psbt, "--attested", str(out))[0] == 0
    assert device(office).asked(out.read_bytes()) == ""


# The other doors ---------------------------------------------------------------------------------


def test_the_air_gap_carries_the_attested_psbt_out(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    gate = office.leased("--isolated")
    assert made(office, gate)[0] == 0
    assert office("journal", "checkpoint")[0] == 0
    box = tmp_path / "box"
    box.mkdir()
    for name, amount_sat in (("good", PAID_SAT), ("bad", PAID_SAT + 1), ("taken", PAID_SAT)):
        assert (
            office("pass", "export", asked["pass_id"], "--out", str(box / f"{name}.bundle"))[0]
            == 0
        )
        shutil.copy(office.psbt((PAYEE, amount_sat), name=name), box / f"{name}.psbt")
    (box / "taken.attested.psbt").write_bytes(b"somebody else's")
    inbox = ("gate", "inbox", str(box), "--gate", gate)
    code, said = office.bare(*inbox)
    answers = {name: each["answer"] for name, each in said["answers"].items()}
    assert (code, answers) == (3, {"good": "cleared", "bad": "no", "taken": "no"})
    assert not (box / "bad.attested.psbt").exists()
    assert (box / "taken.attested.psbt").read_bytes() == b"somebody else's"
    carried = (box / "good.attested.psbt").read_bytes()
    assert device(office).asked(carried) == ""
    # An answer that was cut off between the two files is given again.
    (box / "good.cleared.json").unlink()
    assert office.bare(*inbox)[1]["answers"]["good"]["answer"] == "cleared"
    (box / "good.signed.psbt").write_bytes(returned(carried))
    code, said = office.bare(*inbox)
    assert (code, said["answers"]["good"]["complete"]) == (0, True)


def test_the_signer_behind_a_node_is_handed_the_attested_psbt(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
) -> None:
    assert office("journal", "checkpoint")[0] == 0
    gate_folder = office.leased()
    assert made(office, gate_folder)[0] == 0
    settings = Settings(
        workspace=office.root, gate=Path(gate_folder), delegate=("nobody",), keeper=None
    )
    psbt = Path(office.psbt((PAYEE, PAID_SAT))).read_bytes()
    with gate_of(settings, Network.MAIN) as gate:
        cleared = gate.decide(psbt)
        assert cleared.pass_digest == asked["digest"]
        handed = gate.handed(cleared)
        assert device(office).asked(handed) == ""
        gate.verify_return(cleared, returned(handed))
        gate.verify_return(cleared, signed(psbt))
