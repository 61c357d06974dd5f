"""Files and folders that are there whole or not at all, whoever else writes beside them."""

import stat
from pathlib import Path

import pytest

from sekisho.edges.gates import new_folder
from sekisho.edges.keys import write_whole
from sekisho.kernel.errors import BadInputError


def test_what_others_planted_is_not_written_through(tmp_path: Path) -> None:
    """Whoever fills the folder would name our own files in it."""
    victim = tmp_path / "memory"
    victim.write_bytes(b"precious")
    box = tmp_path / "box"
    box.mkdir()
    for name in ("a.json", ".a.json.new"):
        (box / name).symlink_to(victim)
    write_whole(box / "a.json", b"{}", mode=0o644)
    assert victim.read_bytes() == b"precious"
    assert not (box / "a.json").is_symlink()
    assert (box / "a.json").read_bytes() == b"{}"
    assert stat.S_IMODE((box / "a.json").stat().st_mode) & 0o700 == 0o600
    assert sorted(each.name for each in box.iterdir()) == [".a.json.new", "a.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    for path in (tmp_path / "gone" / "a.json", tmp_path / "a.json"):
        with pytest.raises(BadInputError, match="cannot be"):
            write_whole(path, b"{}", mode=0o644)
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_a_new_folder_takes_no_place_that_is_taken(there: str, tmp_path: Path) -> None:
    path = tmp_path / "gate"
    match there:
        case "file":
            path.touch()
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match="something is there already"), new_folder(path):
        raise RuntimeError("not reached")


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "gate"
    with pytest.raises(BadInputError, match="wrong"):
        make(path, fails=True)
    assert list(path.parent.iterdir()) == []
    make(path)
    assert [each.name for each in path.iterdir()] == ["gate.toml"]


def test_another_that_takes_the_place_meanwhile_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "gate"
    with pytest.raises(BadInputError, match="cannot be made"):
        make(path, meanwhile=path / "theirs")
    assert [each.name for each in tmp_path.rglob("*")] == ["gate", "theirs"]


def make(path: Path, *, fails: bool = False, meanwhile: Path | None = None) -> None:
    with new_folder(path) as unfinished:
        unfinished.mkdir()
        (unfinished / "gate.toml").touch()
        if fails:
            raise BadInputError("it", "is wrong")
        if meanwhile is not None:
            meanwhile.mkdir(parents=True)
