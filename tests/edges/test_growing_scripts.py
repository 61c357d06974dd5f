"""A file of watched scripts that grows is read on: nothing is lost, nothing believed early."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.edges.script_files import (
    MAGIC,
    ScriptFile,
    append_scripts,
    declared_count,
    read_scripts,
    write_scripts,
)
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.watch.listed import each_of

FEW = [b"\x00\x14" + bytes([number]) * 20 for number in range(5)]
MORE = [b"\x51\x20" + bytes([number]) * 32 for number in range(3)]


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "deposits.scripts"


@pytest.fixture(name="file")
def _file(path: Path) -> Iterator[ScriptFile]:
    opened = ScriptFile(path)
    yield opened
    opened.close()


def now(file: ScriptFile) -> list[bytes]:
    """Return what can be read on now."""
    found: list[bytes] = []
    while (packed := file.more()) is not None:
        found += each_of(packed)
    return found


@given(steps=st.lists(st.lists(st.binary(max_size=60), max_size=8), max_size=6))
def test_what_is_appended_is_read_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[bytes]]
) -> None:
    path = tmp_path_factory.mktemp("scripts") / "growing"
    append_scripts(path, [])
    total = 0
    with closing(ScriptFile(path)) as file:
        for step in steps:
            assert append_scripts(path, step) == len(step)
            assert now(file) == step
            total += len(step)
            assert declared_count(path) == total
        assert (file.left, file.has_ended) == (0, False)


@given(cuts=st.lists(st.integers(0, 400), max_size=8))
def test_however_the_writing_is_cut_nothing_is_read_twice_or_early(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("scripts")
    path = folder / "growing"
    append_scripts(folder / "whole", FEW)
    append_scripts(folder / "whole", MORE)
    raw = (folder / "whole").read_bytes()
    first = len(MAGIC) + 8 + 2 * len(FEW) + sum(map(len, FEW)) + 32
    found: list[bytes] = []
    with path.open("wb", buffering=0) as writing, closing(ScriptFile(path)) as file:
        for cut in [*sorted(min(each, len(raw)) for each in cuts), len(raw)]:
            writing.write(raw[writing.tell() : cut])
            found += now(file)
            assert found == (FEW if cut >= first else []) + (MORE if cut == len(raw) else [])
            begun = len(MAGIC) if cut < first else first if cut < len(raw) else len(raw)
            assert file.left == (cut - begun if cut >= len(MAGIC) else cut)


def test_what_was_left_halfway_is_cut_off_by_who_appends_next(
    path: Path, file: ScriptFile
) -> None:
    append_scripts(path, FEW)
    whole = path.stat().st_size
    append_scripts(path, MORE)
    for size in (whole + 1, whole + 8, path.stat().st_size - 1):
        os.truncate(path, size)
        assert now(file) == (FEW if size == whole + 1 else [])
        assert file.left == size - whole
        if size == whole + 1:
            append_scripts(path, MORE)
            os.truncate(path, path.stat().st_size - 1)
    append_scripts(path, MORE)
    assert now(file) == MORE
    for size in range(len(MAGIC)):
        path.write_bytes(MAGIC[:size])
        append_scripts(path, MORE)
        assert declared_count(path) == len(MORE)


def test_a_damaged_place_is_read_again_until_it_is_whole(path: Path, file: ScriptFile) -> None:
    append_scripts(path, FEW)
    assert now(file) == FEW
    at = path.stat().st_size
    append_scripts(path, MORE)
    raw = path.read_bytes()
    damaged = bytearray(raw)
    damaged[at + 20] ^= 1
    with path.open("r+b", buffering=0) as writing:
        writing.write(damaged)
        for _ in range(3):
            with pytest.raises(BadInputError, match=f"byte {at}: this section is not as it was"):
                now(file)
        writing.seek(0)
        writing.write(raw)
    assert now(file) == MORE


def test_a_section_that_no_file_can_have_is_not_waited_for(path: Path, file: ScriptFile) -> None:
    append_scripts(path, FEW)
    assert now(file) == FEW
    with path.open("ab") as writing:
        writing.write(b"\xff" * 8)
    with pytest.raises(BadInputError, match="no section has 4294967295 scripts"):
        now(file)
    with pytest.raises(BadInputError, match="no section has 4294967295 scripts"):
        append_scripts(path, MORE)


def test_a_section_of_another_file_does_not_go_on_from_this_one(
    path: Path, file: ScriptFile, tmp_path: Path
) -> None:
    append_scripts(path, FEW)
    assert now(file) == FEW
    append_scripts(tmp_path / "other", MORE)
    with path.open("ab") as writing:
        writing.write((tmp_path / "other").read_bytes()[len(MAGIC) :])
    with pytest.raises(BadInputError, match="this section is not as it was written"):
        now(file)


def test_a_file_that_has_its_end_grows_no_more(path: Path, file: ScriptFile) -> None:
    write_scripts(path, FEW)
    assert now(file) == FEW
    assert file.has_ended
    with pytest.raises(BadInputError, match="the file has its end"):
        append_scripts(path, MORE)
    with path.open("ab") as writing:
        writing.write(b"\0")
    with pytest.raises(BadInputError, match="something follows the last section"):
        now(file)


def test_a_file_without_an_end_is_not_whole(path: Path) -> None:
    append_scripts(path, FEW)
    with pytest.raises(BadInputError, match="the file ends before its last section"):
        list(read_scripts(path))


def test_another_file_in_its_place_is_read_from_the_beginning(
    path: Path, file: ScriptFile
) -> None:
    assert not file.begins_anew()
    append_scripts(path, [*FEW, *MORE])
    assert now(file) == [*FEW, *MORE]
    assert not file.begins_anew()
    write_scripts(path, MORE)
    assert file.begins_anew()
    assert now(file) == MORE
    os.truncate(path, len(MAGIC))
    assert file.begins_anew()
    assert now(file) == []
    assert not file.begins_anew()
    append_scripts(path, FEW)
    assert now(file) == FEW


def test_what_is_no_file_of_scripts_is_said(path: Path, file: ScriptFile) -> None:
    path.write_bytes(b"bc1q" * 8)
    for reads in (lambda: now(file), lambda: append_scripts(path, FEW)):
        with pytest.raises(BadInputError, match="byte 0: this is no file of watched scripts"):
            reads()
    assert path.read_bytes() == b"bc1q" * 8


def test_a_file_that_is_not_there_yet_is_looked_for_again(path: Path, file: ScriptFile) -> None:
    with pytest.raises(WorldError, match="No such file"):
        now(file)
    append_scripts(path, FEW)
    assert now(file) == FEW
    path.unlink()
    with pytest.raises(WorldError, match="No such file"):
        file.begins_anew()
    append_scripts(path, MORE)
    assert file.begins_anew()
    assert now(file) == MORE
    with pytest.raises(WorldError, match="No such file"):
        append_scripts(path.parent / "nowhere" / "x", FEW)
