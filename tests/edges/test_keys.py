import multiprocessing
import stat
from pathlib import Path

import pytest

from sekisho.edges.keys import load_key, make_key, public_key, take_sequence
from sekisho.kernel.errors import BadInputError

WORDS = "correct horse"


def test_a_key_is_readable_by_its_owner_alone_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    public = make_key(path, WORDS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_key(load_key(path, WORDS)) == public
    assert WORDS.encode() not in path.read_bytes()


@pytest.mark.parametrize("passphrase", ["wrong", "", None])
def test_another_passphrase_opens_nothing(tmp_path: Path, passphrase: str | None) -> None:
    path = tmp_path / "alice.key"
    make_key(path, WORDS)
    with pytest.raises(BadInputError, match="passphrase"):
        load_key(path, passphrase)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make_key(path, None)
    before = path.read_bytes()
    with pytest.raises(BadInputError, match="never overwritten"):
        make_key(path, None)
    assert path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\n", bytes(99)])
def test_what_is_no_key_is_one_clear_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "alice.key"
    path.write_bytes(data)
    with pytest.raises(BadInputError, match=r"alice\.key"):
        load_key(path, None)


def test_no_number_is_taken_twice(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make_key(path, None)
    assert [take_sequence(path, at_least=1) for _ in range(3)] == [1, 2, 3]


def test_a_key_restored_from_a_backup_goes_on_after_what_the_journal_holds(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make_key(path, None)
    assert take_sequence(path, at_least=42) == 42
    assert take_sequence(path, at_least=7) == 43


@pytest.mark.parametrize("count", ["-1", "1e9", "١", "99999999999999999999", "x"])
def test_a_count_that_is_none_stops_signing(tmp_path: Path, count: str) -> None:
    path = tmp_path / "alice.key"
    make_key(path, None)
    (tmp_path / "alice.key.count").write_text(count, encoding="utf-8")
    with pytest.raises(BadInputError, match="is not a count"):
        take_sequence(path, at_least=1)


def take_many(path: Path, taken: "multiprocessing.Queue[list[int]]") -> None:
    taken.put([take_sequence(path, at_least=1) for _ in range(50)])


def test_commands_at_once_take_different_numbers(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    make_key(path, None)
    context = multiprocessing.get_context("fork")
    taken: multiprocessing.Queue[list[int]] = context.Queue()
    workers = [context.Process(target=take_many, args=(path, taken)) for _ in range(4)]
    for worker in workers:
        worker.start()
    numbers = [number for _ in workers for number in taken.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert sorted(numbers) == list(range(1, 201))
