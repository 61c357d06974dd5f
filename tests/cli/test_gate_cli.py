"""A gate from its making on: leases, freezes, a backup put back, and one without a network."""

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from gate_returns import signed
from office import PAYEE, Office, codes, opened

from sekisho.app import current_time, open_gate
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.cli import run
from sekisho.cli.signer_options import Settings
from sekisho.cli.signer_wiring import gate_of
from sekisho.kernel.finding import Refused


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


@pytest.fixture
def asked(office: Office) -> Any:  # noqa: ANN401 - JSON
    said = office.asked()
    office.approved(said["pass_id"])
    return said


def renewed(office: Office, gate: str, name: str) -> tuple[int, Any]:
    """Ask for the next lease, and give it to the gate if it was granted."""
    folder = Path(gate)
    request, lease = str(folder / f"{name}.request"), str(folder / f"{name}.lease")
    assert office.bare("gate", "request", "--gate", gate, "--out", request)[0] == 0
    granter = str(folder.parent / "granter")
    code, said = office("lease", "grant", request, "--granter", granter, "--out", lease)
    if code == 0:
        assert office.bare("gate", "lease", lease, "--gate", gate)[0] == 0
    return code, said


def test_one_person_freezes_everything_and_a_quorum_lifts_it(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
) -> None:
    psbt = office.psbt((PAYEE, 150_000_000))
    freeze = ("gate", "freeze", "--purpose", "the watcher calls", *office.signing("dave"))
    code, told = office.told(*freeze)
    assert (code, "Order 1 is in force." in told) == (0, True)
    code, said = office.gate(asked["pass_id"], psbt)
    assert (code, codes(said)) == (3, {"gate.frozen"})
    office.put_in_force("gate", "lift", "--purpose", "a false alarm")
    assert office.gate(asked["pass_id"], psbt)[0] == 0


def test_a_wallet_alone_is_frozen(office: Office, asked: Any) -> None:  # noqa: ANN401 - JSON
    psbt = office.psbt((PAYEE, 150_000_000))
    order = ("--purpose", "a test", *office.signing("dave"))
    assert office("gate", "freeze", "--wallet", "another", *order)[0] == 0
    assert office.gate(asked["pass_id"], psbt)[0] == 0
    assert office("gate", "freeze", "--wallet", "cold-1", *order)[0] == 0
    assert codes(office.gate(asked["pass_id"], psbt)[1]) == {"gate.frozen"}


def test_the_watchers_alarm_shuts_the_gate_and_stops_its_leases(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gate beside the journal sees it there; any other gets no lease."""
    psbt = office.psbt((PAYEE, 150_000_000))
    gate = office.leased()
    assert office("journal", "checkpoint")[0] == 0
    with_pass = ("--gate", gate, "--pass", asked["pass_id"], "--psbt", psbt)
    alarm = {"txid": "ab" * 32, "verdict": "unmatched", "pass_id": "", "findings": []}
    office.write("watch.judged", alarm)
    assert renewed(office, gate, "next") == (3, {"answer": "no", "findings": [_stands()]})
    code, said = office("gate", "check", *with_pass)
    assert (code, codes(said)) == (3, {"gate.alarm_stands"}), "it stands beside the journal"
    later = current_time() + timedelta(minutes=15, seconds=5)
    monkeypatch.setattr("sekisho.cli.gate_answers.current_time", lambda: later)
    code, said = office("gate", "check", *with_pass)
    assert (code, codes(said)) == (3, {"gate.lease_expired"})
    monkeypatch.undo()
    office.put_in_force("gate", "lift", "--purpose", "looked at: a test transaction")
    assert renewed(office, gate, "last")[0] == 0


def test_what_a_stranger_can_bring_about_shuts_no_gate(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
) -> None:
    spent = {"txid": "ab" * 32, "verdict": "double_spent", "pass_id": "", "findings": []}
    office.write("watch.judged", spent)
    assert office.gate(asked["pass_id"], office.psbt((PAYEE, 150_000_000)))[0] == 0


def _stands() -> dict[str, Any]:
    from sekisho.kernel.catalogue import findings_json  # noqa: PLC0415 - only here
    from sekisho.kernel.finding import finding  # noqa: PLC0415 - the same

    (found,) = findings_json([finding("watch.alarm_stands", "ab" * 32, verdict="unmatched")])
    assert isinstance(found, dict)
    return found


def test_a_gate_that_was_put_back_from_a_backup_is_locked_until_a_quorum_says_go(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    psbt = office.psbt((PAYEE, 150_000_000))
    gate = office.leased()
    backup = tmp_path / "backup"
    shutil.copytree(gate, backup)
    assert office.gate(asked["pass_id"], psbt)[0] == 0
    assert renewed(office, gate, "after")[0] == 0
    shutil.rmtree(gate)
    shutil.copytree(backup, gate)
    code, said = renewed(office, gate, "restored")
    assert (code, codes(said)) == (3, {"watch.gate_forgot"})
    request = str(Path(gate) / "restored.request")
    office.put_in_force("gate", "restart", request, "--purpose", "everything was looked up")
    assert renewed(office, gate, "going-on")[0] == 0
    # And it knows from the journal that the pass was used.
    other = office.psbt((PAYEE, 150_000_000), name="again.psbt")
    assert office.gate(asked["pass_id"], other)[0] == 0
    bumped = office.psbt((PAYEE, 149_999_999), name="other.psbt")
    assert "gate.pass_used" in codes(office.gate(asked["pass_id"], bumped)[1])


def test_an_isolated_gate_needs_no_workspace(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far = tmp_path / "far"
    far.mkdir()
    assert office.bare("lease", "init", str(tmp_path / "granter"))[0] == 0
    shutil.copy(tmp_path / "granter" / "granter.pub", far)
    genesis = str(asked["pass"]["genesis_digest"])
    monkeypatch.chdir(far)
    made = ("gate", "init", "g", "--id", "gate-9", "--isolated", "--genesis", genesis)
    assert office.bare(*made, "--granter", "granter.pub")[0] == 0
    enrol = ("lease", "enrol", "g/gate.pub", "--granter", str(tmp_path / "granter"))
    assert office.bare(*enrol)[1]["mode"] == "isolated"
    assert office.bare("gate", "request", "--gate", "g", "--out", "request")[0] == 0
    granted = ("lease", "grant", "request", "--granter", str(tmp_path / "granter"))
    assert office(*granted, "--out", "lease")[0] == 0
    assert office.bare("gate", "lease", "lease", "--gate", "g")[0] == 0
    assert office("journal", "checkpoint")[0] == 0
    assert office("pass", "export", asked["pass_id"], "--out", "pass.bundle")[0] == 0
    shutil.copy(office.psbt((PAYEE, 150_000_000)), "good.psbt")
    shutil.copy(office.psbt((PAYEE, 150_000_001), name="bad.psbt"), "bad.psbt")
    check = ("gate", "check", "--gate", "g", "--bundle", "pass.bundle", "--psbt")
    code, said = office.bare(*check, "bad.psbt")
    assert (code, "gate.payment_missing" in codes(said)) == (3, True)
    code, said = office.bare(*check, "good.psbt")
    assert (code, said["pass_digest"]) == (0, asked["digest"])
    assert run([*check, "good.psbt", "--pass", "x"]) == 2, "a bundle or a pass, not both"


def test_the_air_gap_is_crossed_with_a_folder(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    """Carried in and out twice: before the signer, and after it."""
    gate = office.leased("--isolated")
    assert office("journal", "checkpoint")[0] == 0
    box = tmp_path / "box"
    box.mkdir()
    for name, amount_sat in (("good", 150_000_000), ("bad", 150_000_001)):
        exported = ("pass", "export", asked["pass_id"], "--out", str(box / f"{name}.bundle"))
        assert office(*exported)[0] == 0
        shutil.copy(office.psbt((PAYEE, amount_sat), name=name), box / f"{name}.psbt")
    (box / "lost.bundle").write_bytes(b"no bundle")
    inbox = ("gate", "inbox", str(box), "--gate", gate)
    code, said = office.bare(*inbox)
    answers = {name: each["answer"] for name, each in said["answers"].items()}
    assert (code, answers) == (3, {"good": "cleared", "bad": "no", "lost": "no"})
    assert "gate.payment_missing" in codes(json.loads((box / "bad.refused.json").read_text()))
    assert office.bare(*inbox) == (0, {"answers": {}})
    psbt = (box / "good.psbt").read_bytes()
    (box / "good.signed.psbt").write_bytes(signed(psbt))
    code, said = office.bare(*inbox)
    assert (code, said["answers"]["good"]["answer"]) == (0, "signed")
    assert said["answers"]["good"]["complete"]
    raw = json.loads((box / "good.signed.json").read_text())["transaction"]
    assert parse_transaction(bytes.fromhex(raw), "raw").txid == said["answers"]["good"]["txid"]


def test_what_the_signer_changed_is_told_as_what_it_is(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    psbt = office.psbt((PAYEE, 150_000_000))
    other = office.psbt((PAYEE, 150_000_001), name="other.psbt")
    back = tmp_path / "back.psbt"
    back.write_bytes(signed(Path(psbt).read_bytes()))
    assert office.gate(asked["pass_id"], psbt)[0] == 0
    code, said = office.gate(asked["pass_id"], psbt, "--signed", str(back))
    assert (code, said["answer"], said["complete"]) == (0, "signed", True)
    back.write_bytes(signed(Path(other).read_bytes()))
    code, said = office.gate(asked["pass_id"], psbt, "--signed", str(back))
    assert (code, "gate.return_hostile" in codes(said)) == (3, True)


def test_what_was_signed_before_anybody_asked_is_hostile(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    """And after that nothing leaves, and no lease is granted, until a quorum has looked at it."""
    psbt, back = office.psbt((PAYEE, 150_000_000)), tmp_path / "back.psbt"
    back.write_bytes(signed(Path(psbt).read_bytes()))
    code, said = office.gate(asked["pass_id"], psbt, "--signed", str(back))
    assert (code, codes(said)) == (3, {"gate.not_cleared", "gate.return_hostile"})
    code, said = office.gate(asked["pass_id"], psbt)
    assert (code, codes(said)) == (3, {"gate.alarm_stands"})
    gate = str(office.root.parent / "gate")
    code, said = renewed(office, gate, "next")
    assert (code, codes(said)) == (3, {"watch.alarm_stands"})
    office.put_in_force("gate", "lift", "--purpose", "looked at: signed by mistake")
    assert office.gate(asked["pass_id"], psbt)[0] == 0


def test_a_freeze_stops_a_whole_transaction_and_waits_for_no_checkpoint(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    tmp_path: Path,
) -> None:
    psbt, back = office.psbt((PAYEE, 150_000_000)), tmp_path / "back.psbt"
    assert office.gate(asked["pass_id"], psbt)[0] == 0
    back.write_bytes(signed(Path(psbt).read_bytes()))
    freeze = ("gate", "freeze", "--purpose", "the watcher calls", *office.signing("dave"))
    assert office(*freeze)[0] == 0
    gate = str(office.root.parent / "gate")
    with_pass = ("gate", "check", "--gate", gate, "--pass", asked["pass_id"], "--psbt", psbt)
    for more in ((), ("--signed", str(back))):
        code, said = office(*with_pass, *more)
        assert (code, codes(said)) == (3, {"gate.frozen"})
        assert "transaction" not in said


def test_an_inbox_takes_plain_files_alone(office: Office, tmp_path: Path) -> None:
    """Somebody else filled the folder: pipes, links and names that speak to a terminal."""
    gate = office.leased("--isolated")
    box = tmp_path / "box"
    box.mkdir()
    for name in ("pipe", "link", "gone", "\x1b[2Jodd"):
        (box / f"{name}.bundle").write_bytes(b"no bundle")
    os.mkfifo(box / "pipe.psbt")
    (box / "link.psbt").symlink_to("/dev/zero")
    (box / "answered.bundle").write_bytes(b"no bundle")
    (box / "answered.cleared.json").symlink_to(box / "nowhere")
    code, said = office.bare("gate", "inbox", str(box), "--gate", gate)
    answers = {name: each["error"] for name, each in said["answers"].items()}
    assert code == 3
    assert set(answers) == {"pipe", "link", "gone"}
    assert all("no plain file" in each for each in answers.values())


def test_a_gate_beside_the_journal_has_no_inbox(office: Office, tmp_path: Path) -> None:
    gate = office.leased()
    assert office.bare("gate", "inbox", str(tmp_path), "--gate", gate)[0] == 2


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (('mode = "co-located"', 'mode = "open"'), "mode"),
        (('gate = "gate-1"', 'gate = "Gate One"'), "gate"),
        (('mode = "co-located"', 'mode = "co-located"\nlease = "none"'), "lease"),
        (("granter_key", "granter"), "granter_key"),
    ],
)
def test_a_gates_configuration_is_read_strictly(
    office: Office, edit: tuple[str, str], place: str
) -> None:
    gate = Path(office.leased())
    path = gate / "gate.toml"
    path.write_text(path.read_text().replace(*edit, 1))
    code, said = office.bare("gate", "request", "--gate", str(gate), "--out", str(gate / "r"))
    assert (code, place in said["where"] + said["error"]) == (2, True)


def test_no_gate_is_made_where_something_is(office: Office) -> None:
    gate = office.leased()
    granter = str(Path(gate).parent / "granter" / "granter.pub")
    code, _ = office("gate", "init", gate, "--id", "gate-2", "--granter", granter)
    assert code == 2
    assert office.bare("lease", "init", str(Path(gate).parent / "granter"))[0] == 2


def test_somebody_elses_lease_is_not_put_in_the_place_of_the_own(
    office: Office, tmp_path: Path
) -> None:
    gate = office.leased()
    kept = (Path(gate) / "lease").read_bytes()
    for junk, code in ((b"{}", 3), (kept.replace(b"gate-1", b"gate-2"), 3)):
        (tmp_path / "junk").write_bytes(junk)
        assert office.bare("gate", "lease", str(tmp_path / "junk"), "--gate", gate)[0] == code
    assert (Path(gate) / "lease").read_bytes() == kept


def test_a_node_that_asks_about_no_pass_with_a_clock_years_ahead_shuts_no_gate(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert office("journal", "checkpoint")[0] == 0
    settings = Settings(
        workspace=office.root, gate=Path(office.leased()), delegate=("nobody",), keeper=None
    )
    psbt = Path(office.psbt((PAYEE, 150_000_000))).read_bytes()
    with gate_of(settings, Network.MAIN) as gate:
        years_ahead = current_time() + timedelta(days=9_000)
        with monkeypatch.context() as patched:
            patched.setattr("sekisho.cli.signer_wiring.current_time", lambda: years_ahead)
            for each in (psbt, b"no PSBT"):
                with pytest.raises(Refused):
                    gate.decide(each)
        assert gate.decide(psbt).pass_digest == asked["digest"]
    with open_gate(settings.gate) as opened:
        kinds = [each.kind for each in opened.memory.entries()]
    assert kinds[-3:] == ["gate.refused", "gate.refused", "gate.cleared"]


def test_a_freeze_while_the_signer_takes_its_time_stops_the_answer(
    office: Office,
    asked: Any,  # noqa: ANN401 - JSON
) -> None:
    """What came back is judged and written down first; then it is not handed to the node."""
    assert office("journal", "checkpoint")[0] == 0
    settings = Settings(
        workspace=office.root, gate=Path(office.leased()), delegate=("nobody",), keeper=None
    )
    psbt = Path(office.psbt((PAYEE, 150_000_000))).read_bytes()
    with gate_of(settings, Network.MAIN) as gate:
        cleared = gate.decide(psbt)
        assert gate.handed(cleared) == psbt
        assert cleared.pass_digest == asked["digest"]
        gate.verify_return(cleared, signed(psbt))
        freeze = ("gate", "freeze", "--purpose", "the watcher calls", *office.signing("dave"))
        assert office(*freeze)[0] == 0
        assert office("journal", "checkpoint")[0] == 0
        with pytest.raises(Refused) as caught:
            gate.verify_return(cleared, signed(psbt))
    assert [each.code for each in caught.value.findings] == ["gate.frozen"]
    with open_gate(settings.gate) as opened:
        kinds = [each.kind for each in opened.memory.entries()]
    assert kinds[-2:] == ["gate.returned", "gate.refused"]
