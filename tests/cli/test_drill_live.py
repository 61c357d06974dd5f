"""Act two on a real node: played where there is one, said in a line where there is none."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from parts.bitcoind import find

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.signatures import signatures_of
from sekisho.cli import drill_live, run
from sekisho.drills.dmm_2024 import facts
from sekisho.drills.dmm_2024.live import REWARDS, live_funding, live_theft
from sekisho.edges import regtest_node
from sekisho.edges.regtest_node import find_node

CALLED = "BITCOIND"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = run(["drill", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def nowhere(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv(CALLED, raising=False)


def pretending(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Have a program stand where the node is looked for."""
    program = folder / "bitcoind"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv(CALLED, str(program))


@pytest.mark.parametrize(("spoken", "said"), [("en", "have bitcoind on PATH"), ("ja", "PATH に")])
def test_without_a_node_the_drill_says_how_to_have_it_live(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoken: str,
    said: str,
) -> None:
    nowhere(monkeypatch, tmp_path)
    assert run(["drill", "--live", "--lang", spoken]) == 0
    assert said in capsys.readouterr().out
    code, document = answer(capsys, "--live")
    assert (code, document["live"]["played"]) == (0, False)
    assert document["watch"]["verdict"] == "deviating", "the rest is played as ever"


def test_nobody_who_did_not_ask_for_it_is_told_of_nodes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere(monkeypatch, tmp_path)
    code, document = answer(capsys)
    assert (code, "live" in document) == (0, False)


@pytest.mark.enable_socket  # it looks for free ports of this machine
@pytest.mark.parametrize(
    ("script", "said"), [("exit 7", "exit code 7"), ("exec sleep 60", "did not answer within")]
)
def test_a_node_that_does_not_work_spoils_no_drill(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    script: str,
    said: str,
) -> None:
    pretending(monkeypatch, tmp_path, script)
    monkeypatch.setattr(regtest_node, "START_SECONDS", 1)
    code, document = answer(capsys, "--live")
    assert code == 0
    assert said in document["live"]["why"]


def test_what_was_started_is_ended_on_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(drill_live, "find_node", lambda: ("bitcoind",))

    def ended(_command: tuple[str, ...]) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(drill_live, "regtest_node", ended)
    with pytest.raises(KeyboardInterrupt):
        drill_live.play_live()
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_node_is_found_by_its_name_in_bitcoind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere(monkeypatch, tmp_path)
    assert find_node() == ()
    pretending(monkeypatch, tmp_path, "exit 0")
    assert find_node() == (str(tmp_path / "bitcoind"),)


def test_the_theft_has_the_shape_of_the_real_one() -> None:
    funding = live_funding([f"{number:064x}" for number in range(1, REWARDS + 1)])
    theft, real, real_funding = live_theft(funding), facts.outflow(), facts.funding()
    spent = [funding.outputs[each.outpoint.vout] for each in theft.inputs]
    assert [each.outpoint.vout for each in theft.inputs] == [
        each.outpoint.vout for each in real.inputs
    ]
    assert [each.amount_sat for each in spent] == [
        real_funding.outputs[each.outpoint.vout].amount_sat for each in real.inputs
    ]
    assert (theft.outputs, theft.version, theft.locktime) == (
        real.outputs,
        real.version,
        real.locktime,
    )
    signed = signatures_of(theft, spent)
    assert {tuple(key.state for key in each.keys) for each in signed} == {
        ("valid", "valid", "absent")
    }
    assert Network.REGTEST.caip2 != Network.MAIN.caip2


@pytest.mark.bitcoind
@pytest.mark.xdist_group("bitcoind")
@pytest.mark.enable_socket  # the node's RPC, on this machine
def test_the_thief_broadcasts_and_the_alarm_is_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = find()
    assert program is not None
    monkeypatch.setattr(drill_live, "find_node", lambda: program.command)
    code, document = answer(capsys, "--live")
    live = document["live"]
    assert code == 0
    assert live["played"], live
    assert (live["inputs"], live["amount_sat"]) == (9, 450_290_000_000)
    assert (live["verdict"], len(live["incident"])) == ("unmatched", 26)
    assert 0 < live["in_node_us"] < live["broadcast_to_alarm_us"]
