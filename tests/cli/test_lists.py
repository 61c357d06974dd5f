"""The files that `--scripts` names: all that they list is watched, or it is said why not."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from office import FUNDING, WALLET, Office, opened
from world_coins import outpoint, script_at, spending, stranger, txout

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.cli import lists, watch_list
from sekisho.cli.lists import Lists
from sekisho.edges.script_files import append_scripts, read_scripts, write_scripts
from sekisho.kernel.errors import BadInputError
from sekisho.watch.listed import Listed, each_of
from sekisho.watch.sieve import Sieve

FEW = [b"\x00\x14" + bytes([number]) * 20 for number in range(5)]
MORE = [b"\x51\x20" + bytes([number]) * 32 for number in range(3)]
IN_FORCE = ("cold-1", "hot-1")


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "deposits.scripts"


@pytest.fixture(name="listed")
def _listed() -> Listed:
    return Listed(Sieve(bytes(16)))


@pytest.fixture(name="lists_of")
def _lists_of() -> Iterator[Callable[..., Lists]]:
    made: list[Lists] = []

    def of(*options: str) -> Lists:
        made.append(Lists(options, IN_FORCE))
        return made[-1]

    yield of
    for each in made:
        each.close()


LIST = Callable[..., Lists]


def is_listed(listed: Listed, scripts: list[bytes], wallet_id: str = "hot-1") -> bool:
    owners = [listed.of(each) for each in scripts]
    return all(each is not None and each.wallet_id == wallet_id for each in owners)


def test_what_a_file_lists_is_watched_and_what_it_lists_later_too(
    path: Path, listed: Listed, lists_of: LIST
) -> None:
    append_scripts(path, FEW)
    write_scripts(path.with_name("whole"), MORE)
    files = lists_of(f"hot-1={path}", f"cold-1={path.with_name('whole')}")
    shown: list[tuple[int, int]] = []
    assert files.load(listed, lambda done, total: shown.append((done, total))) == []
    assert shown == [(5, 8), (8, 8)]
    assert is_listed(listed, FEW)
    assert is_listed(listed, MORE, "cold-1")
    append_scripts(path, [b"\x51", b"\x52"])
    assert files.follow(listed.add, 1_000) == []
    assert is_listed(listed, [b"\x51", b"\x52"])
    assert dict(listed.counts) == {"hot-1": 7, "cold-1": 3}
    assert files.why() == []


def test_a_turn_is_not_longer_than_it_may_be(
    path: Path, listed: Listed, lists_of: LIST, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "BATCH", 3)
    files = lists_of(f"hot-1={path}")
    for each in FEW:
        append_scripts(path, [each])
    turns = [files.follow(listed.add, 0) or listed.sieve.scripts for _ in range(3)]
    assert turns == [3, 5, 5]


def test_what_is_there_in_part_is_waited_for_and_after_a_while_said(
    path: Path, listed: Listed, lists_of: LIST
) -> None:
    append_scripts(path, FEW)
    files = lists_of(f"hot-1={path}")
    files.load(listed, None)
    append_scripts(path, MORE)
    raw = path.read_bytes()
    os.truncate(path, len(raw) - 1)
    assert [len(files.follow(listed.add, ms)) for ms in (5, 9_000, 10_005, 10_200, 99_000)] == [
        0, 0, 1, 0, 0,
    ]  # fmt: skip
    assert [each.code for each in files.why()] == ["watch.scripts_unfinished"]
    path.write_bytes(raw)
    assert files.follow(listed.add, 99_200) == files.why() == []
    assert is_listed(listed, [*FEW, *MORE])


def test_at_the_start_nobody_waits_for_the_rest(
    path: Path, listed: Listed, lists_of: LIST
) -> None:
    append_scripts(path, FEW)
    with path.open("ab") as writing:
        writing.write(b"\x01")
    files = lists_of(f"hot-1={path}")
    assert [each.code for each in files.load(listed, None)] == ["watch.scripts_unfinished"]
    assert is_listed(listed, FEW)


def test_damage_is_said_once_and_what_is_whole_is_watched(
    path: Path, listed: Listed, lists_of: LIST, tmp_path: Path
) -> None:
    append_scripts(path, FEW)
    append_scripts(path, MORE)
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    files = lists_of(f"hot-1={path}", f"hot-1={tmp_path / 'gone'}")
    told = files.load(listed, None)
    assert [each.code for each in told] == ["watch.scripts_unreadable"] * 2
    assert "not as it was written" in str(told[0])
    assert "No such file" in str(told[1])
    assert is_listed(listed, FEW)
    assert files.follow(listed.add, 0) == []
    assert files.why() == told
    path.write_bytes(raw)
    append_scripts(tmp_path / "gone", [b"\x51"])
    assert files.follow(listed.add, 0) == files.why() == []
    assert is_listed(listed, [*FEW, *MORE, b"\x51"])
    path.write_bytes(raw + b"\xff" * 8)
    assert len(files.follow(listed.add, 0)) == 1, "it is said again when it is there again"


def test_another_file_is_said_and_read_and_nothing_is_forgotten(
    path: Path, listed: Listed, lists_of: LIST
) -> None:
    append_scripts(path, FEW)
    files = lists_of(f"hot-1={path}")
    files.load(listed, None)
    write_scripts(path, MORE)
    assert [each.code for each in files.follow(listed.add, 0)] == ["watch.scripts_replaced"]
    assert is_listed(listed, [*FEW, *MORE])
    assert files.follow(listed.add, 0) == []
    os.truncate(path, 20)
    codes = [each.code for each in files.follow(listed.add, 0)]
    assert codes == ["watch.scripts_replaced"]
    assert is_listed(listed, [*FEW, *MORE])


def test_for_what_was_appended_the_last_blocks_are_searched_again_but_not_each_second(
    path: Path, listed: Listed, lists_of: LIST
) -> None:
    append_scripts(path, [])
    files = lists_of(f"hot-1={path}")
    files.load(listed, None)
    due = []
    for ms in range(20_000, 45_000, 1_000):
        if ms < 33_000:
            append_scripts(path, [ms.to_bytes(4, "big")])
        files.follow(listed.add, ms)
        due += [ms] if files.is_look_back_due(ms) else []
    assert due == [20_000, 30_000, 40_000]


@pytest.mark.parametrize("option", ["", "hot-1", "hot-1=", "=file", "warm-1=f", "~hot-1~ab=f"])
def test_a_wallet_that_is_not_in_force_lists_nothing(option: str) -> None:
    with pytest.raises(BadInputError, match="--scripts"):
        Lists([option], IN_FORCE)


# The commands ------------------------------------------------------------------------------------


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def give(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_addresses_and_scripts_are_appended(
    office: Office, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_list, "CHUNK", 2)
    give(monkeypatch, f"{stranger(1)}\n\n  {stranger(2)}  \n5151\n")
    assert office("watch", "list", str(path)) == (0, {"file": str(path), "appended": 3})
    give(monkeypatch, f"{stranger(3)}\n")
    assert "Appended 1 scripts" in office.told("watch", "list", str(path))[1]
    give(monkeypatch, f"{stranger(4)}\nbc1qnonsense\n{stranger(5)}\n")
    code, said = office("watch", "list", str(path))
    assert (code, said["where"]) == (2, "line 2")
    write_end = [script_of(stranger(number), Network.MAIN, "test") for number in (1, 2, 3, 4)]
    write_end.insert(2, b"\x51\x51")
    with closing(Lists([f"hot-1={path}"], IN_FORCE)) as files:
        listed = Listed(Sieve(bytes(16)))
        assert files.load(listed, None) == []
    assert is_listed(listed, write_end)
    assert listed.sieve.scripts == 5


def test_a_scan_finds_what_leaves_a_listed_script(office: Office, path: Path) -> None:
    far = script_at(WALLET, 5_000)
    append_scripts(path, [far])
    paid = spending([outpoint(FUNDING, 7)], [txout(stranger(), 1)])
    deposit = replace(paid, outputs=(replace(paid.outputs[0], script=far),))
    away = spending([outpoint(deposit, 0)], [txout(stranger(9), 1)])
    for name, each in (("deposit", deposit), ("away", away)):
        (office.root / name).write_bytes(each.serialize())
    files = [str(office.root / name) for name in ("away", "deposit")]
    assert office("scan", *files)[1]["movements"] == []
    code, said = office("scan", *files, "--scripts", f"cold-1={path}")
    assert code == 3
    found = {each["txid"]: (each["verdict"], each["wallet_ids"]) for each in said["movements"]}
    assert found == {deposit.txid: ("deposit", ["cold-1"]), away.txid: ("unmatched", ["cold-1"])}
    path.write_bytes(path.read_bytes()[:-1])
    code, said = office("scan", *files, "--scripts", f"cold-1={path}")
    assert "watch.scripts_unfinished" in {each["code"] for each in said["findings"]}


def test_files_of_either_kind_hold_the_same(path: Path) -> None:
    write_scripts(path, FEW)
    assert [each for packed in read_scripts(path) for each in each_of(packed)] == FEW
