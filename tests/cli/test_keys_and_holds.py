"""Keys with two passphrases, and the keeper's commands, from outside."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from duress_world import committed, marked, opening_of, openings
from gate_scene import honest
from gate_world import gate_of, lease_for, memory_in, note_at
from journal_world import SIGNER
from world import digest_of
from world_people import NOW

from sekisho.app import installation, new_installation, open_gate
from sekisho.cli import run
from sekisho.edges.gates import MEMORY, create_gate_folder, keep_lease
from sekisho.edges.keepers import open_keeper
from sekisho.edges.keys import Cost, load_key, make_key
from sekisho.edges.workspace import pin_genesis
from sekisho.passes.duress import (
    commitment,
    count_of,
    joined,
    openings_bytes,
    read_openings,
    slot_key,
)

USUAL, FORCED = "correct horse battery", "paper lantern river"


def phrase(path: Path, text: str) -> str:
    path.write_text(f"{text}\n")
    return str(path)


@pytest.fixture
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command itself pays for a guess is held by `tests/edges/test_keys.py`."""
    cheap = partial(make_key, cost=Cost(log2_n=4))
    monkeypatch.setattr("sekisho.cli.roster.make_key", cheap)


@pytest.mark.usefixtures("_cheap")
def test_a_key_with_two_passphrases_and_what_is_handed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "alice.key"
    usual, forced = phrase(tmp_path / "1", USUAL), phrase(tmp_path / "2", FORCED)
    command = ["roster", "key", str(path), "--passphrase-file", usual, "--json"]
    assert run([*command, "--second-passphrase-file", forced]) == 0
    told = json.loads(capsys.readouterr().out)
    handed = tmp_path / "alice.key.openings"
    assert handed.stat().st_mode & 0o077 == 0
    [opening] = read_openings(handed.read_bytes(), "file").by_key.values()
    public = (tmp_path / "alice.key.pub").read_text().split()
    assert public == [told["public_key"], told["commitment"]]
    assert public == [opening.public_key.hex(), commitment(opening).hex()]
    assert load_key(path, USUAL).slot_key == slot_key(opening.mark_key)
    assert load_key(path, FORCED).public_key == opening.public_key
    assert opening.mark_key.hex() not in json.dumps(told)


@pytest.mark.usefixtures("_cheap")
def test_a_typed_second_passphrase_may_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter([USUAL, ""])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(typed))
    assert run(["roster", "key", str(tmp_path / "alice.key")]) == 0
    assert load_key(tmp_path / "alice.key", USUAL).public_key
    assert not list(typed)


@pytest.mark.parametrize("second", ["correct horse batter", "short", USUAL])
def test_no_key_is_made_under_two_passphrases_that_will_not_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], second: str
) -> None:
    path = tmp_path / "alice.key"
    usual, forced = phrase(tmp_path / "1", USUAL), phrase(tmp_path / "2", second)
    command = ["roster", "key", str(path), "--passphrase-file", usual]
    assert run([*command, "--second-passphrase-file", forced]) == 2
    assert "second passphrase" in capsys.readouterr().err
    assert not list(tmp_path.glob("alice*"))


def test_a_trial_key_says_so_and_takes_no_passphrase(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "alice.key"
    usual = phrase(tmp_path / "1", USUAL)
    command = ["roster", "key", str(path), "--no-passphrase"]
    assert run([*command, "--passphrase-file", usual]) == 2
    assert run([*command, "--json"]) == 0
    told = capsys.readouterr()
    assert "for trials only" in told.err
    said = json.loads(told.out)
    assert (said["commitment"], said["openings_file"]) == ("", "")
    assert (tmp_path / "alice.key.pub").read_text() == f"{said['public_key']}\n"
    assert not (tmp_path / "alice.key.openings").exists()


class Office:
    """A workspace whose journal is the world's, and a keeper with everybody's openings."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str], *, forced: bool) -> None:
        self.root, self.keeper, self.capsys = root / "workspace", root / "keeper", capsys
        setting = committed()
        self.digest = digest_of(setting.asked)
        world = marked(setting.world, forced=[("chiba", self.digest)] if forced else [])
        workspace = new_installation(self.root, name="test", network="mainnet")
        with installation(self.root) as here:
            for draft in world.drafts:
                here.journal.append(draft)
        pin_genesis(workspace, world.genesis_digest)
        workspace.vkey_path.write_text(f"{SIGNER.verifier}\n")
        self.gate, self.gate_id = root / "gate", gate_of(world.genesis_digest)
        create_gate_folder(self.gate, self.gate_id)
        memory_in(self.gate, self.gate_id).close()
        (self.gate / "gate-1.db").rename(self.gate / MEMORY)
        (root / "psbt").write_bytes(honest(setting).psbt)
        (root / "handed").write_bytes(openings_bytes(openings()))
        self.psbt = str(root / "psbt")
        assert self.hold("new") == 0
        assert self.hold("take", str(root / "handed")) == 0

    def hold(self, verb: str, *more: str) -> int:
        return run(["gate", "hold", verb, str(self.keeper), *more])

    def check(self, *more: str) -> tuple[int, Any]:
        """Ask the gate, which has a lease, under a checkpoint of the journal as it is."""
        self.capsys.readouterr()
        with installation(self.root) as here, open_gate(self.gate) as gate:
            note = note_at(here.journal.rows())
            here.workspace.witnessed_checkpoint_path.write_bytes(note)
            keep_lease(self.gate, lease_for(self.gate_id, gate.memory))
        place = ["--pass", self.digest, "--psbt", self.psbt, "--workspace", str(self.root)]
        code = run(["gate", "check", "--gate", str(self.gate), *place, "--json", *more])
        return code, json.loads(self.capsys.readouterr().out)

    def page(self) -> Any:  # noqa: ANN401 - a JSON document
        """Return what `pass show` says to whoever asks."""
        self.capsys.readouterr()
        assert run(["pass", "show", self.digest, "--workspace", str(self.root), "--json"]) == 0
        return json.loads(self.capsys.readouterr().out)

    def exported(self) -> list[tuple[int, Any]]:
        """Return the journal as it is exported, less hashes, signatures and marks."""
        self.capsys.readouterr()
        assert run(["journal", "export", "--workspace", str(self.root)]) == 0
        lines = self.capsys.readouterr().out.splitlines()
        return [(len(each), _seen(json.loads(each))) for each in lines]

    def kept(self) -> tuple[int, Any]:
        return self.check("--keeper", str(self.keeper))

    def shown(self) -> Any:  # noqa: ANN401 - a JSON document
        self.capsys.readouterr()
        assert self.hold("show", "--workspace", str(self.root), "--json") == 0
        return json.loads(self.capsys.readouterr().out)


@pytest.fixture
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("gate_answers", "people"):
        monkeypatch.setattr(f"sekisho.cli.{module}.current_time", lambda: NOW)


@pytest.mark.usefixtures("_now")
def test_a_keeper_holds_and_lets_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    office = Office(tmp_path, capsys, forced=False)
    for more in ([], ["--pass", office.digest]):
        assert office.hold("on", *more, "--reason", "an exercise") == 0
        code, said = office.kept()
        assert (code, [each["code"] for each in said["findings"]]) == (3, ["gate.on_hold"])
        assert "exercise" not in json.dumps(said)
        assert office.shown()["reason"] == "an exercise"
        assert office.hold("off", *more) == 0
    assert office.kept()[0] == 0


@pytest.mark.usefixtures("_now")
@pytest.mark.parametrize("forced", [False, True])
def test_a_gate_without_its_keeper_is_on_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, forced: bool
) -> None:
    """Whoever leaves the option out does not open the gate, whatever was said."""
    office = Office(tmp_path, capsys, forced=forced)
    code, said = office.check()
    assert (code, [each["code"] for each in said["findings"]]) == (3, ["gate.on_hold"])


@pytest.mark.usefixtures("_now")
def test_the_answer_under_duress_is_the_answer_on_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("usual", "duress"):
        (tmp_path / name).mkdir()
    usual = Office(tmp_path / "usual", capsys, forced=False)
    usual.hold("on")
    duress = Office(tmp_path / "duress", capsys, forced=True)
    assert duress.kept() == usual.kept()
    assert duress.page() == usual.page()
    assert duress.exported() == usual.exported()
    [report] = duress.shown()["reports"]
    assert '"person_id":"chiba"' in Path(report).read_text(encoding="utf-8")
    assert duress.hold("settle", report) == 0
    assert duress.kept()[0] == 3, "what was approved under duress stays held"
    settled = open_keeper(duress.keeper, workspace=duress.root).holds.settled
    assert len(settled) == 1


@pytest.mark.usefixtures("_now")
def test_show_names_an_opening_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = Office(tmp_path, capsys, forced=False)
    for each in (office.keeper / "openings").iterdir():
        each.unlink()
    (tmp_path / "handed").write_bytes(openings_bytes(joined([opening_of("aoki")], "test")))
    assert office.hold("take", str(tmp_path / "handed")) == 0
    findings = office.shown()["findings"]
    assert {each["code"] for each in findings} == {"passes.opening_missing"}
    assert len(findings) == 5


@pytest.mark.usefixtures("_now")
def test_a_keepers_folder_in_the_workspace_answers_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = Office(tmp_path, capsys, forced=False)
    office.keeper.rename(office.root / "keeper")
    code, said = office.check("--keeper", str(office.root / "keeper"))
    assert code == 2
    assert "inside the workspace" in said["error"]


def test_a_pass_is_held_by_its_whole_digest(tmp_path: Path) -> None:
    keeper = str(tmp_path / "keeper")
    assert run(["gate", "hold", "new", keeper]) == 0
    for wrong in ("abc", "A" * 64, "g" * 64):
        assert run(["gate", "hold", "on", keeper, "--pass", wrong]) == 2


def _seen(value: Any) -> Any:  # noqa: ANN401 - a JSON document
    """Return what an export says, with everything random in it taken out."""
    if isinstance(value, list):
        return [_seen(each) for each in value]
    if isinstance(value, dict):
        return {
            name: count_of(each) if name == "sequence" else _seen(each)
            for name, each in value.items()
            if name not in {"signature", "hash", "prev_hash", "id"}
        }
    return value
