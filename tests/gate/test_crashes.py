"""One pass, one payment, whenever a gate is killed: at each change that it makes to a file.

Real commands, real files, SIGKILL (`killed.py`). After each death the gates are asked again.
"""

import json
import os
import shutil
import signal
import stat
import sys
import time
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path
from random import Random

import pytest
from crash_world import FIRST, OTHER, Scene, enforced, let_through
from journal_files import forked
from killed import Step, trace
from office import codes

from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.cli import run, signer
from sekisho.edges.gates import read_lease
from sekisho.gate.flow import GATE_RETURNED, GATE_SIGNED
from sekisho.gate.memory import GATE_BEGAN, GATE_LEASED
from sekisho.journal.records import Entry
from sekisho.passes.life import GATE_REFUSED


def kinds(entries: list[Entry]) -> list[str]:
    return [each.kind for each in entries]


@pytest.fixture
def scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Scene:
    made = Scene(tmp_path, capsys)
    for gate in ("gate-1", "gate-2"):
        made.make(gate)
    return made


# A PSBT ------------------------------------------------------------------------------------------


def hold_one_pass_to_one_payment(scene: Scene, *, said: bool) -> str:
    """Ask both gates about both transactions, and return which one was let through.

    `said` is whether the first one's yes has come out of a process that died since.
    """
    written = let_through(scene.journal())
    remembered = let_through(scene.memory("gate-1"))
    assert (written, remembered) in [([], []), ([FIRST], []), ([FIRST], [FIRST])]
    assert not said or remembered == [FIRST]
    asked = ((OTHER, "gate-2"), (OTHER, "gate-1"), (FIRST, "gate-1"))
    answers = {question: scene.ask(*question) for question in asked}
    (name,) = {name for (name, _), (code, _) in answers.items() if code == 0}
    assert name == (FIRST if written else OTHER)
    # Yes first: what comes back signed of what was refused shuts the gates.
    for (about, gate), (code, answer) in sorted(answers.items(), key=lambda each: each[1][0]):
        assert about == name or codes(answer) == {"gate.pass_used"}
        if (about, gate) != (OTHER, "gate-1"):
            assert scene.back(about, gate)[0] == code, "nobody broadcasts what was not cleared"
    assert let_through(scene.journal()) == let_through(scene.memory("gate-1")) == [name]
    assert let_through(scene.memory("gate-2")) == ([OTHER] if name == OTHER else [])
    return name


def test_a_gate_that_is_killed_while_it_clears_lets_one_transaction_through(scene: Scene) -> None:
    scene.keep()
    ends = {
        (ended.killed, hold_one_pass_to_one_payment(scene, said=b'"cleared"' in ended.said))
        for ended in scene.deaths(scene.check(FIRST, "gate-1"))
    }
    assert ends == {(True, OTHER), (True, FIRST), (False, FIRST)}


def synced_before_it_was_said(steps: Sequence[Step]) -> None:
    [told] = [at for at, each in enumerate(steps) if each.call == "write" and "pipe" in each.name]
    for name in ("memory.sqlite-wal", "journal.sqlite-wal"):
        written = max(at for at, each in enumerate(steps) if each == Step("pwrite", name))
        assert written < told
        assert steps[written + 1] == Step("sync", name)


def test_what_is_said_was_synced_before(scene: Scene) -> None:
    """A machine that loses its power forgets what was not."""
    scene.keep()
    steps = trace(lambda: run([*scene.check(FIRST, "gate-1"), "--json"])).steps
    synced_before_it_was_said(steps)
    seen = [each for each in steps if each.name in {"seen", ".seen.new", "gate-1"}]
    calls = ["create", "write", "sync", "rename", "sync"]
    names = [".seen.new", ".seen.new", ".seen.new", "seen", "gate-1"]
    assert [*map(Step, calls, names)] == seen[: len(calls)]


def test_a_refusal_is_not_said_before_it_is_remembered(scene: Scene) -> None:
    """Nor does it matter where the process dies: the pass is good for what it allows."""
    scene.keep()
    unsigned = str(scene.path(f"{FIRST}.psbt"))  # signed, it would shut the gate
    wrong = scene.check(FIRST, "gate-1", "--signed", unsigned)
    for ended in scene.deaths(wrong):
        told = kinds(scene.memory("gate-1"))[2:]
        assert told in ([], [GATE_REFUSED])
        assert not ended.said or told
        assert ended.said or ended.killed
    assert hold_one_pass_to_one_payment(scene, said=False) == OTHER


def test_killed_at_any_moment_it_lets_one_transaction_through(scene: Scene) -> None:
    """Between the steps, too: wherever the clock happens to find it."""
    scene.keep()
    seed = int.from_bytes(os.urandom(4), "big")
    random = Random(seed)  # noqa: S311 - it is told
    began = time.monotonic()
    child, pipe = forked(lambda _: run(scene.check(FIRST, "gate-1")))
    with pipe:
        os.waitpid(child, 0)
    seconds = time.monotonic() - began
    for life in range(5):
        scene.begin()
        child, pipe = forked(lambda _: run(scene.check(FIRST, "gate-1")))
        with pipe:
            time.sleep(random.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        try:
            hold_one_pass_to_one_payment(scene, said=False)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, life {life}: {error}") from error


# What comes back ---------------------------------------------------------------------------------


def test_a_gate_that_is_killed_while_it_judges_what_came_back_says_the_same_again(
    scene: Scene,
) -> None:
    assert scene.ask(FIRST, "gate-1")[0] == 0
    scene.keep()
    command = scene.check(FIRST, "gate-1", "--signed", str(scene.path(f"{FIRST}.signed")))
    for ended in scene.deaths(command):
        told = kinds(scene.memory("gate-1"))[3:]
        assert told in ([], [GATE_RETURNED])
        assert not ended.said or told
        code, answer = scene.back(FIRST, "gate-1")
        assert (code, answer["complete"]) == (0, True)
        assert not ended.said or json.loads(ended.said) == answer
        assert kinds(scene.memory("gate-1"))[3:] == [*told, GATE_RETURNED]
        assert scene.journal()[-1].kind == GATE_RETURNED
        assert codes(scene.ask(OTHER, "gate-1")[1]) == {"gate.pass_used"}


# The gate's own key, last ------------------------------------------------------------------------


def hidden_in(scene: Scene, signature: bytes) -> list[str]:
    """Return the files that hold a signature, in whatever form a file of ours would."""
    forms = (signature, signature.hex().encode(), b64encode(signature))
    files = (path for path in scene.folder.rglob("*") if path.is_file())
    return [path.name for path in files if any(form in path.read_bytes() for form in forms)]


def test_nothing_is_whole_that_is_not_written_down_as_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed at any moment before, the gate keeps its signature to itself; and gives it again."""
    scene = Scene(tmp_path, capsys)
    command = enforced(scene, "gate-3")
    scene.keep()
    code, whole = scene.office.bare(*command)
    assert (code, whole["complete"]) == (0, True)
    [spent] = parse_transaction(bytes.fromhex(whole["transaction"]), "whole").inputs
    by_holder = scene.path("vault.signed").read_bytes()
    [own] = [each for each in spent.witness if each[:1] == b"0" and each not in by_holder]
    ends = set()
    for ended in scene.deaths(command):
        written = kinds(scene.memory("gate-3"))[3:]
        assert written in ([], [GATE_RETURNED], [GATE_RETURNED, GATE_SIGNED])
        assert not hidden_in(scene, own)
        if ended.said:
            assert GATE_SIGNED in written
            assert scene.journal()[-1].kind == GATE_SIGNED
            assert json.loads(ended.said) == whole
        assert scene.office.bare(*command) == (0, whole)
        assert kinds(scene.memory("gate-3"))[3:] == [*written, GATE_RETURNED, GATE_SIGNED]
        assert scene.journal()[-1].kind == GATE_SIGNED
        ends.add((ended.killed, len(written), bool(ended.said)))
    synced_before_it_was_said(ended.steps)
    assert ends == {(True, 0, False), (True, 1, False), (True, 2, False), (False, 2, True)}


# In front of a signer ----------------------------------------------------------------------------


def test_a_signer_is_asked_only_about_what_is_remembered(scene: Scene) -> None:
    """Killed before, between and after: Core asks again, and gets the same PSBT back."""
    asked, delegate, settings = (scene.path(each) for each in ("asked", "delegate", "signer.toml"))
    answer = scene.path("answer.json")
    back = b64encode(scene.path(f"{FIRST}.signed").read_bytes()).decode()
    answer.write_text(json.dumps({"psbt": back}))
    delegate.write_text(f'#!/bin/sh\necho asked >> "{asked}"\ncat "{answer}"\n')
    delegate.chmod(0o700)
    settings.write_text(
        f"workspace = {json.dumps(str(scene.office.root))}\n"
        f"gate = {json.dumps(str(scene.gate('gate-1')))}\n"
        f"delegate = {json.dumps([str(delegate)])}\n"
    )
    scene.keep()

    device = ("--fingerprint", "00000000", "--chain", "main")
    arguments = ["--config", str(settings), "--stdin", *device]

    def asking(name: str) -> BytesIO:
        return BytesIO(b"signtx " + b64encode(scene.path(f"{name}.psbt").read_bytes()))

    def by_core() -> None:
        sys.argv = ["sekisho-signer", *arguments]
        sys.stdin = TextIOWrapper(asking(FIRST))
        signer.main()

    for ended in scene.deaths(by_core):
        remembered = let_through(scene.memory("gate-1"))
        assert remembered == let_through(scene.journal()) == [FIRST] or not asked.exists()
        if ended.said:
            assert json.loads(ended.said) == {"psbt": back}
            assert GATE_RETURNED in kinds(scene.memory("gate-1"))
        if let_through(scene.journal()) and not asked.exists():
            assert "[gate.pass_used]" in str(signer.respond(arguments, asking(OTHER)))
        assert signer.respond(arguments, asking(FIRST)) == {"psbt": back}
        assert let_through(scene.journal()) == let_through(scene.memory("gate-1")) == [FIRST]


# Leases ------------------------------------------------------------------------------------------


def test_a_lease_is_written_down_before_it_is_of_use(scene: Scene) -> None:
    """Else one that was never written down could be put back when a newer one is held."""
    older = read_lease(scene.gate("gate-1"))
    newer = scene.granted("gate-1")
    scene.keep()
    for ended in scene.deaths(scene.lease("gate-1", newer)):
        taken = kinds(scene.memory("gate-1")).count(GATE_LEASED)
        held = read_lease(scene.gate("gate-1"))
        assert held in (older, newer.read_bytes())
        assert held == older or taken == 2
        assert not ended.said or held != older
        code, answer = scene.ask(FIRST, "gate-1")
        superseded = taken == 2 and held == older
        assert code == (3 if superseded else 0)
        assert not superseded or codes(answer) == {"gate.lease_superseded"}
        assert scene.office.bare(*scene.lease("gate-1", newer))[0] == 0
        assert scene.ask(FIRST, "gate-1")[0] == 0


# A gate's folder ---------------------------------------------------------------------------------


def test_a_gate_is_made_whole_or_not_at_all(scene: Scene) -> None:
    scene.keep()
    new = scene.gate("gate-3")
    for ended in scene.deaths(scene.init("gate-3")):
        if not new.exists():
            assert ended.killed
            assert not ended.said
            assert scene.office.bare(*scene.init("gate-3"))[0] == 0
        assert kinds(scene.memory("gate-3")) == [GATE_BEGAN]
        scene.enrol("gate-3")
        assert scene.ask(FIRST, "gate-3")[0] == 0


# Across an air gap -------------------------------------------------------------------------------


def test_an_inbox_loses_no_answer_and_leaves_none_half_written(scene: Scene) -> None:
    """Two are waiting: one that the gate clears, one that came back; a third is refused."""
    scene.make("gate-3", "--isolated")
    box = scene.folder / "box"
    box.mkdir()
    export = ("pass", "export", scene.pass_id, "--out", str(box / "a.bundle"))
    assert scene.office(*export)[0] == 0
    shutil.copy(scene.path(f"{FIRST}.psbt"), box / "a.psbt")
    inbox = ["gate", "inbox", str(box), "--gate", str(scene.gate("gate-3"))]
    assert scene.office.bare(*inbox)[0] == 0
    shutil.copy(scene.path(f"{FIRST}.signed"), box / "a.signed.psbt")
    for name, about in (("b", FIRST), ("c", OTHER)):
        shutil.copy(box / "a.bundle", box / f"{name}.bundle")
        shutil.copy(scene.path(f"{about}.psbt"), box / f"{name}.psbt")
    scene.keep()
    answers = {"a.signed": "signed", "b.cleared": "cleared", "c.refused": "no"}
    for ended in scene.deaths(inbox):
        before = {path.name: path.read_bytes() for path in box.glob("*.json")}
        remembered = kinds(scene.memory("gate-3"))[3:]
        assert len(remembered) >= len([each for each in before if each[0] in "ac"]) - 1
        assert GATE_RETURNED in remembered or "a.signed.json" not in before
        assert GATE_REFUSED in remembered or "c.refused.json" not in before
        assert ended.killed or len(before) == 4
        assert scene.office.bare(*inbox)[0] in {0, 3}
        for name, answer in answers.items():
            assert json.loads((box / f"{name}.json").read_bytes())["answer"] == answer
        after = {path.name: path.read_bytes() for path in box.glob("*.json")}
        assert {name: after[name] for name in before} == before, "no answer is overwritten"
        assert stat.S_IMODE((box / "b.cleared.json").stat().st_mode) == 0o644
        assert let_through(scene.memory("gate-3")) == [FIRST]
