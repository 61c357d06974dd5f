"""What gate and watcher saw of the journal before: an old one put back is refused."""

import shutil
from pathlib import Path

import pytest
from office import PAYEE, Office, codes, opened


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path / "exchange", capsys)


def test_a_journal_from_before_a_void_is_not_put_back(office: Office, tmp_path: Path) -> None:
    """The gate's folder lies elsewhere: it keeps what it saw, and its lease says how much."""
    asked = office.asked()
    office.approved(asked["pass_id"])
    psbt = office.psbt((PAYEE, 150_000_000))
    assert office("journal", "checkpoint")[0] == 0
    old = tmp_path / "old"
    shutil.copytree(office.root, old)
    void = ("pass", "void", asked["pass_id"], *office.signing("carol"), "--reason", "leaked")
    assert office(*void)[0] == 0
    code, said = office.gate(asked["pass_id"], psbt)
    assert (code, codes(said)) == (3, {"passes.voided"})
    gate = office.root.parent / "gate"
    kept = (gate / "seen").read_bytes()
    shutil.rmtree(office.root)
    shutil.copytree(old, office.root)
    check = ("--pass", asked["pass_id"], "--psbt", psbt)
    code, said = office("gate", "check", "--gate", str(gate), *check)
    assert (code, codes(said)) == (3, {"journal.checkpoint_lower"})
    assert (gate / "seen").read_bytes() == kept
    # Without what was seen, the lease still says that there was more.
    (gate / "seen").unlink()
    code, said = office("gate", "check", "--gate", str(gate), *check)
    assert (code, codes(said)) == (3, {"gate.journal_behind"})


def test_a_watcher_remembers_too(office: Office, tmp_path: Path) -> None:
    seen = tmp_path / "watcher-saw"
    block = tmp_path / "nothing.dat"
    block.write_bytes(b"")
    assert office("journal", "checkpoint")[0] == 0
    old = (office.root / "checkpoints" / "last-signed").read_bytes()
    office.asked()
    assert office("journal", "checkpoint")[0] == 0
    assert office("scan", str(block), "--seen", str(seen))[0] != 3
    (office.root / "checkpoints" / "last-signed").write_bytes(old)
    code, said = office("scan", str(block), "--seen", str(seen))
    assert (code, codes(said)) == (3, {"journal.checkpoint_lower"})
