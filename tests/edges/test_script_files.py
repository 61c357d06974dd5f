"""A file of watched scripts comes back as it was written, or is refused with the place."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.edges.script_files import (
    MAGIC,
    SCRIPT_SIZE_MAX,
    declared_count,
    read_scripts,
    write_scripts,
)
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.watch.sieve import Sieve

SCRIPTS = [bytes([number]) * size for number, size in enumerate((22, 25, 0, 34, 23, 1))]
SUM = 32


def listed(path: Path) -> list[bytes]:
    found = []
    for data, sizes in read_scripts(path):
        at = 0
        for size in sizes.tolist():
            found.append(data[at : at + size].tobytes())
            at += size
        assert at == data.size
    return found


def refused(path: Path, raw: bytes) -> str:
    path.write_bytes(raw)
    with pytest.raises(BadInputError) as caught:
        listed(path)
    assert str(caught.value).startswith(f"{path}: byte ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "watched.scripts"


@given(scripts=st.lists(st.binary(max_size=100), max_size=50))
def test_any_scripts_come_back(
    tmp_path_factory: pytest.TempPathFactory, scripts: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("scripts") / "watched"
    assert write_scripts(path, scripts) == len(scripts)
    assert listed(path) == scripts
    assert declared_count(path) == len(scripts)


def test_the_layout_is_as_documented(path: Path) -> None:
    write_scripts(path, [b"\x51", b"\x00\x14" + bytes(20)])
    first = MAGIC + b"\x02\0\0\0\x17\0\0\0\x01\0\x16\0\x51\x00\x14" + bytes(20)
    first_sum = sha256(sha256(MAGIC).digest() + first[len(MAGIC) :]).digest()
    last = bytes(8) + b"\x02" + bytes(7)
    assert path.read_bytes() == first + first_sum + last + sha256(first_sum + last).digest()


def test_more_than_a_section_holds(path: Path) -> None:
    random = Random(1)  # noqa: S311 - the same scripts each time
    scripts = [random.randbytes(3) for _ in range(150_000)]
    scripts += [random.randbytes(SCRIPT_SIZE_MAX) for _ in range(40)]
    write_scripts(path, scripts)
    assert len(list(read_scripts(path))) > 4
    assert listed(path) == scripts


def test_what_was_written_is_watched(path: Path) -> None:
    write_scripts(path, SCRIPTS)
    plain, loaded = Sieve(bytes(16)), Sieve(bytes(16))
    plain.watch_scripts(SCRIPTS)
    loaded.expect_scripts(declared_count(path))
    for data, sizes in read_scripts(path):
        loaded.watch_packed_scripts(data, sizes)
    assert loaded.scripts == len(SCRIPTS)
    assert loaded.watch_scripts(SCRIPTS) == 0


# Damage ------------------------------------------------------------------------------------------


def test_every_byte_that_is_changed_is_noticed(path: Path) -> None:
    write_scripts(path, SCRIPTS)
    raw = path.read_bytes()
    end = len(raw) - 16 - SUM
    for at in range(len(raw)):
        said = refused(path, raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :])
        section = 0 if at < len(MAGIC) else len(MAGIC) if at < end else end
        assert said.startswith(f"byte {section}: ")


def test_every_truncation_is_noticed(path: Path) -> None:
    write_scripts(path, SCRIPTS)
    raw = path.read_bytes()
    reasons = {refused(path, raw[:size]).partition(": ")[2] for size in range(len(raw))}
    assert reasons == {
        "this is no file of watched scripts",
        "the file ends before its last section",
        "the file ends within this section",
    }


def sections(path: Path) -> Iterator[bytes]:
    """Yield the three sections of a file of 70,000 scripts of one byte, the last one empty."""
    write_scripts(path, [b"\x51"] * 70_000)
    raw = path.read_bytes()[len(MAGIC) :]
    for size in (8 + 3 * 65_536 + SUM, 8 + 3 * 4_464 + SUM, 16 + SUM):
        yield raw[:size]
        raw = raw[size:]
    assert not raw


@pytest.mark.parametrize(
    ("order", "wrong"),
    [
        ([1, 0, 2], 0),
        ([0, 2], 1),
        ([1, 2], 0),
        ([0, 0, 1, 2], 1),
        ([0, 1, 1, 2], 2),
        ([2], 0),
        ([0, 1, 2, 2], 3),
        ([0, 1], 2),
    ],
)
def test_sections_that_are_moved_or_missing_are_noticed(
    path: Path, order: list[int], wrong: int
) -> None:
    parts = list(sections(path))
    put = [parts[each] for each in order]
    at = len(MAGIC) + sum(map(len, put[:wrong]))
    assert refused(path, MAGIC + b"".join(put)).startswith(f"byte {at}: ")
    path.write_bytes(MAGIC + b"".join(parts))
    assert len(listed(path)) == 70_000


def summed(*written: bytes) -> bytes:
    """Return a file of these sections, with the sums that they would have."""
    last = sha256(MAGIC).digest()
    raw = MAGIC
    for each in written:
        last = sha256(last + each).digest()
        raw += each + last
    return raw


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ([bytes(8) + b"\x01" + bytes(7)], "byte 16: the file has 0 scripts, and says otherwise"),
        ([b"\x01\0\0\0\x01\0\0\0\x02\0\x51"], "byte 16: the sizes of this section are not those"),
        ([b"\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x51"], "byte 16: no section has 0 scripts of 1"),
        ([b"\xff\xff\xff\xff\0\0\0\0"], "byte 16: no section has 4294967295 scripts"),
        ([b"\x01\0\0\0\xff\xff\xff\xff"], "scripts of 4294967295 bytes"),
        ([b"\x01\0\0\0\0\0\0\0\0\0", bytes(8) + b"\x02" + bytes(7)], "the file has 1 scripts"),
    ],
)
def test_what_nobody_writes_is_refused_though_its_sums_are_right(
    path: Path, written: list[bytes], reason: str
) -> None:
    assert reason in refused(path, summed(*written))


def test_what_follows_is_noticed(path: Path) -> None:
    write_scripts(path, SCRIPTS)
    raw = path.read_bytes()
    assert refused(path, raw + b"\0") == f"byte {len(raw)}: something follows the last section"


def test_a_count_that_lies_makes_no_more_room_than_the_file_could_need(path: Path) -> None:
    path.write_bytes(MAGIC + b"\xff" * 100)
    assert declared_count(path) == 0
    path.write_bytes(b"")
    assert declared_count(path) == 0


# The disk ----------------------------------------------------------------------------------------


def test_a_file_is_written_whole_or_not_at_all(path: Path) -> None:
    write_scripts(path, SCRIPTS)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="65535 bytes"):
        write_scripts(path, [b"\x51", bytes(SCRIPT_SIZE_MAX + 1)])
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_fails_is_no_damage(path: Path) -> None:
    for fails in (lambda: listed(path), lambda: declared_count(path)):
        with pytest.raises(WorldError, match="No such file"):
            fails()
    with pytest.raises(WorldError, match="No such file"):
        write_scripts(path.parent / "nowhere" / "x", SCRIPTS)
