import os
import resource
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from journal_files import Location, Say, fill, in_a_child, rows_left, tampered, whole
from journal_world import a_draft, chain

from sekisho.journal.records import GENESIS
from sekisho.journal.store import JournalStore, create_journal, open_journal
from sekisho.kernel.errors import WorldError


def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="there is none"):
        open_journal(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_journal_is_not_made_over_another_file(path: Path) -> None:
    fill(path, 1)
    with pytest.raises(WorldError, match="there already"):
        create_journal(path)
    with open_journal(path) as store:
        assert whole(store) == [*chain(1)]
    with pytest.raises(WorldError, match="No such file"):
        create_journal(path.parent / "no folder" / "journal.sqlite")
    assert {each.name for each in path.parent.iterdir()} <= {
        path.name,
        f"{path.name}-lock",
        f"{path.name}-wal",
        f"{path.name}-shm",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no such table"),
        (b"not a database, but long enough to be taken for the head of one" * 20, "no journal"),
    ],
)
def test_a_file_that_is_no_journal(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(WorldError, match=says):
        open_journal(tmp_path / "file")


def test_a_database_of_another_version(location: Location) -> None:
    tampered(location, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(WorldError, match="version 9999"):
        open_journal(location)


def test_a_damaged_file(path: Path) -> None:
    fill(path, 200)
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(WorldError) as failed, open_journal(path) as store:
        list(store.rows())
    assert "damaged" in str(failed.value)


def test_a_journal_that_another_program_keeps_locked(path: Path) -> None:
    with (
        open_journal(path, wait_seconds=0.05) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with open_journal(path, wait_seconds=0) as reader:
            assert whole(reader) == [], "whoever only reads is not kept out"
        with pytest.raises(WorldError, match="locked"):
            store.append(a_draft(1))
        other.execute("ROLLBACK")
        assert store.append(a_draft(1)) == chain(1)[0]


def test_a_journal_that_another_writer_of_ours_keeps(
    location: Location, store: JournalStore
) -> None:
    with open_journal(location) as other, other._database.writing():
        with pytest.raises(WorldError, match="another writer"):
            store.append(a_draft(1))
        assert whole(store) == [], "readers are not kept out"
    assert store.append(a_draft(1)) == chain(1)[0]


def test_a_journal_that_may_not_be_written() -> None:
    def try_to_append(_: Say) -> None:
        if os.geteuid() == 0:  # whom no permission keeps out
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        with open_journal(path) as store:
            store.append(a_draft(2))

    with TemporaryDirectory() as name:
        path = Path(name) / "journal.sqlite"
        create_journal(path).close()
        fill(path, 1)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        said = in_a_child(try_to_append)
        path.parent.chmod(0o755)
        assert said.startswith("WorldError: ")
        assert "cannot be" in said
        assert rows_left(path) == 1


def test_a_full_disk_leaves_nothing_half_done(path: Path) -> None:
    """The limit on file sizes is the nearest thing to a full disk that needs no rights."""
    fill(path, 3)
    limit = max(each.stat().st_size for each in path.parent.iterdir()) + 8192

    def write_until_full(_: Say) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with open_journal(path) as store:
            for number in range(4, 200):
                store.append(a_draft(number))

    said = in_a_child(write_until_full)
    assert said.startswith("WorldError: ")
    assert "disk" in said
    with open_journal(path) as store:
        written = len(whole(store))
        assert 3 <= written < 199
        for number in range(written, 206):
            store.append(a_draft(number))
        assert whole(store) == [*chain(205)]


def test_a_disk_that_has_room_again_is_used_again(path: Path) -> None:
    """The same process goes on after the failure: no transaction is left open."""
    fill(path, 3)
    limit = max(each.stat().st_size for each in path.parent.iterdir()) + 8192

    def fail_then_go_on(_: Say) -> None:
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        with open_journal(path) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited))
            failed = 0
            for number in range(4, 100):
                try:
                    store.append(a_draft(number))
                except WorldError:
                    failed += 1
                    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
                    store.append(a_draft(number))
            if failed != 1:
                raise RuntimeError(f"failed {failed} times")

    assert in_a_child(fail_then_go_on) == ""
    with open_journal(path) as store:
        assert whole(store) == [*chain(99)]


def test_a_crash_while_a_journal_is_made_leaves_none(tmp_path: Path) -> None:
    """What is not finished has another name, so it is never taken for a journal."""
    target = tmp_path / "journal.sqlite"

    def made_in_part(_: Say) -> None:
        def die(*_: object, **__: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        os.fsync = die  # the folder is synced when all is done
        sa.event.listen(sa.engine.Engine, "commit", die)
        create_journal(target)

    assert in_a_child(made_in_part) == ""
    assert not target.exists()
    with create_journal(target) as store:
        assert store.append(a_draft(1)).prev_hash == GENESIS
