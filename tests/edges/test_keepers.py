"""The keeper's folder: private, strict, durable, and apart from what others read."""

import json
import stat
from pathlib import Path

import pytest
from duress_world import opening_of

from sekisho.edges.keepers import (
    create_keeper,
    open_keeper,
    read_holds,
    settle,
    take_openings,
    write_holds,
    write_report,
)
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.passes.duress import Holds, Opening, joined, openings_bytes


def handed_over(path: Path, *openings: Opening) -> Path:
    path.write_bytes(openings_bytes(joined(openings, "test")))
    return path


def report_of(statement_id: str, at: str = "2026-01-15T09:00:00Z") -> dict[str, Json]:
    said: dict[str, Json] = {"statement_id": statement_id, "person_id": "chiba"}
    return {"where": "gate", "at": at, "statements": [said]}


@pytest.fixture
def keeper(tmp_path: Path) -> Path:
    create_keeper(tmp_path / "keeper")
    return tmp_path / "keeper"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def test_a_new_folder_is_its_owners_alone_and_holds_nothing(keeper: Path, workspace: Path) -> None:
    for each in (keeper, *keeper.iterdir()):
        assert not stat.S_IMODE(each.stat().st_mode) & 0o077
    found = open_keeper(keeper, workspace=workspace)
    assert found.holds == Holds()
    assert not found.openings.by_key
    with pytest.raises(BadInputError, match="cannot be made"):
        create_keeper(keeper)


def test_openings_are_taken_in_and_found(keeper: Path, workspace: Path, tmp_path: Path) -> None:
    one = handed_over(tmp_path / "a", opening_of("aoki"))
    two = handed_over(tmp_path / "b", opening_of("baba"), opening_of("aoki"))
    assert take_openings(keeper, one) == take_openings(keeper, one) == 1
    assert take_openings(keeper, two) == 2
    found = open_keeper(keeper, workspace=workspace).openings.by_key.values()
    assert {each.mark_key for each in found} == {
        opening_of(name).mark_key for name in ("aoki", "baba")
    }


def test_another_opening_of_a_key_is_not_taken_in(keeper: Path, tmp_path: Path) -> None:
    """Whoever hands over a second one wants what is said under the first to look forced."""
    take_openings(keeper, handed_over(tmp_path / "a", opening_of("aoki")))
    wrong = Opening(
        public_key=opening_of("aoki").public_key,
        salt=bytes(32),
        meaning=opening_of("aoki").meaning,
        mark_key=bytes(32),
    )
    with pytest.raises(BadInputError, match="in two ways"):
        take_openings(keeper, handed_over(tmp_path / "b", wrong))
    assert len(list((keeper / "openings").iterdir())) == 1


def test_holds_come_back_with_their_reason(keeper: Path) -> None:
    holds = Holds(on=True, passes=frozenset({"aa" * 32}), settled=frozenset({"x 1 y approve"}))
    write_holds(keeper, holds, "quarterly exercise")
    assert read_holds(keeper) == (holds, "quarterly exercise")
    assert not stat.S_IMODE((keeper / "holds.json").stat().st_mode) & 0o077


@pytest.mark.parametrize("name", ["", "openings", "reports", "holds.json"])
@pytest.mark.parametrize("mode", [0o010, 0o004, 0o002])
def test_what_others_may_read_is_not_used(
    keeper: Path, workspace: Path, name: str, mode: int
) -> None:
    path = keeper / name
    path.chmod(path.stat().st_mode | mode)
    with pytest.raises(BadInputError, match="others"):
        open_keeper(keeper, workspace=workspace)


def test_a_folder_inside_the_workspace_is_not_used(workspace: Path, tmp_path: Path) -> None:
    create_keeper(workspace / "keeper")
    link = tmp_path / "elsewhere"
    link.symlink_to(workspace / "keeper")
    for folder in (workspace / "keeper", link):
        with pytest.raises(BadInputError, match="inside the workspace"):
            open_keeper(folder, workspace=workspace)


@pytest.mark.parametrize("name", ["openings", "reports", "holds.json"])
def test_half_a_folder_is_none(keeper: Path, workspace: Path, name: str) -> None:
    """A hold that cannot be read must not be no hold."""
    (keeper / name).rename(keeper.parent / "gone")
    with pytest.raises(BadInputError, match="is no keeper's folder"):
        open_keeper(keeper, workspace=workspace)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format":"sekisho/holds/v1","on":1}', b"\xff"])
def test_holds_that_cannot_be_read_are_bad_input(
    keeper: Path, workspace: Path, data: bytes
) -> None:
    (keeper / "holds.json").write_bytes(data)
    with pytest.raises(BadInputError, match=r"holds\.json"):
        open_keeper(keeper, workspace=workspace)


def test_one_opening_that_cannot_be_read_stops_everything(keeper: Path, workspace: Path) -> None:
    (keeper / "openings" / "more.json").write_bytes(b"no openings")
    with pytest.raises(BadInputError, match=r"more\.json"):
        open_keeper(keeper, workspace=workspace)


def test_a_report_is_there_and_tells_nothing_by_its_size(keeper: Path, workspace: Path) -> None:
    report = open_keeper(keeper, workspace=workspace).report
    report(report_of("chiba-1 70000001 aa approve"))
    report({"where": "gate", "at": "2026-01-15T09:00:00Z", "statements": []})
    files = sorted((keeper / "reports").iterdir())
    assert {each.stat().st_size for each in files} == {4096}
    assert not any(stat.S_IMODE(each.stat().st_mode) & 0o077 for each in files)
    assert sorted(len(json.loads(each.read_bytes())["statements"]) for each in files) == [0, 1]


def test_the_same_report_again_is_one_file(keeper: Path) -> None:
    """A gate that is asked a thousand times fills no disk."""
    for second in range(5):
        write_report(keeper, report_of("x", at=f"2026-01-15T09:00:0{second}Z"))
    assert len(list((keeper / "reports").iterdir())) == 1


def test_a_report_that_cannot_be_written_is_an_error(keeper: Path) -> None:
    (keeper / "reports").rmdir()
    with pytest.raises(WorldError, match="cannot be written"):
        write_report(keeper, report_of("x"))


def test_settling_a_report_settles_what_it_tells_of_and_no_more(keeper: Path) -> None:
    write_holds(keeper, Holds(on=True), "kept")
    write_report(keeper, report_of("chiba-1 70000001 aa approve"))
    [report] = (keeper / "reports").iterdir()
    assert settle(keeper, report) == 1
    holds, reason = read_holds(keeper)
    assert holds == Holds(on=True, settled=frozenset({"chiba-1 70000001 aa approve"}))
    assert reason == "kept"


@pytest.mark.parametrize("data", [b"", b"[]", b'{"statements":[{}]}', b'{"statements":7}'])
def test_what_is_no_report_settles_nothing(keeper: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "report").write_bytes(data)
    with pytest.raises(BadInputError, match="report"):
        settle(keeper, tmp_path / "report")
    assert read_holds(keeper)[0] == Holds()
