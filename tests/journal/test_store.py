import os
import resource
import signal
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from typing import BinaryIO, TypeAlias

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from journal_world import a_draft, chain, rows_of
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from sekisho.journal.audit import audit
from sekisho.journal.entries import seal
from sekisho.journal.records import ENTRY_MAX_BYTES, GENESIS, Entry
from sekisho.journal.store import SCHEMA, JournalStore, create_journal, metadata, open_journal
from sekisho.kernel.canonical import INTEGER_MAX
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Refused

KILLS = 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_journal(tmp_path / "journal.sqlite").close()
    return tmp_path / "journal.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[JournalStore]:
    with open_journal(path, wait_seconds=0.05) as opened:
        yield opened


def whole(store: JournalStore) -> list[Entry]:
    """Return every entry, having found nothing wrong with the stored bytes."""
    found = audit(store.rows(), kept={})
    assert found.findings == ()
    entries = list(store.entries())
    assert len(entries) == found.size == store.size()
    return entries


def tampered(path: Path, *statements: str) -> None:
    """Do to the file what its owner can do: the triggers are no protection from them."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for name in ("journal_is_not_edited", "journal_is_not_cut", "journal_grows_at_its_end"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            connection.execute(statement)


def rows_left(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM journal").fetchone()
    return int(count)


# Appending and reading -------------------------------------------------------------------------


def test_what_is_appended_is_chained_and_read_back(store: JournalStore) -> None:
    appended = [store.append(a_draft(number)) for number in range(1, 6)]
    assert tuple(appended) == chain(5)
    assert whole(store) == appended
    assert store.last() == appended[-1]
    assert list(store.entries(after_seq=3)) == appended[3:]
    assert list(store.entries(after_seq=5)) == []
    assert list(store.rows()) == rows_of(chain(5))
    assert [row.seq for row in store.rows(after_seq=3)] == [4, 5]


def test_an_empty_journal(store: JournalStore) -> None:
    assert (whole(store), store.last(), store.size()) == ([], None, 0)


def test_more_entries_than_one_page(store: JournalStore) -> None:
    for number in range(1, 301):
        store.append(a_draft(number))
    assert [entry.seq for entry in whole(store)] == [*range(1, 301)]
    assert [row.seq for row in store.rows(after_seq=255)][:3] == [256, 257, 258]


def test_a_second_opening_sees_what_the_first_wrote(path: Path, store: JournalStore) -> None:
    with open_journal(path) as other:
        for number in range(1, 9):
            (store if number % 2 else other).append(a_draft(number))
        assert whole(store) == whole(other) == [*chain(8)]


def test_the_file_is_for_its_owner_only(path: Path, store: JournalStore) -> None:
    store.append(a_draft(1))
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name


def test_a_reader_left_in_the_middle_keeps_nobody_from_writing(store: JournalStore) -> None:
    store.append(a_draft(1))
    reading = store.entries()
    assert next(reading).seq == 1
    store.append(a_draft(2))
    assert [entry.seq for entry in reading] == [2]


def test_what_is_no_draft_is_refused_and_nothing_is_written(store: JournalStore) -> None:
    for draft in (
        replace(a_draft(1), entry_id="no ulid"),
        a_draft(1, body={"x": "x" * ENTRY_MAX_BYTES}),
        a_draft(1, body={"amount": 1.5}),  # type: ignore[dict-item] # what a caller may get wrong
    ):
        with pytest.raises(BadInputError):
            store.append(draft)
    assert whole(store) == []


def test_the_longest_entry_that_is_taken_can_be_read_at_any_place(store: JournalStore) -> None:
    frame = seal(a_draft(1, body={"x": ""}), seq=INTEGER_MAX, prev_hash=GENESIS)
    room = ENTRY_MAX_BYTES - len(frame.document)
    longest = store.append(a_draft(1, body={"x": "x" * room}))
    with pytest.raises(BadInputError, match="larger"):
        store.append(a_draft(2, body={"x": "x" * (room + 1)}))
    assert whole(store) == [longest]


# The same again --------------------------------------------------------------------------------


def test_asking_again_returns_the_entry_that_is_there(store: JournalStore) -> None:
    first, second, third = (store.append(a_draft(number)) for number in (1, 2, 3))
    assert store.append(a_draft(1)) == first
    assert store.append(a_draft(2)) == second
    assert store.append(a_draft(3)) == third
    # What is cut to the second is cut before it is compared.
    assert store.append(replace(a_draft(1), at=a_draft(1).at.replace(microsecond=7))) == first
    assert whole(store) == [first, second, third]


def test_other_content_under_the_same_id_is_refused(store: JournalStore) -> None:
    draft = a_draft(1)
    store.append(draft)
    store.append(a_draft(2))
    for other in (
        replace(draft, body={"number": 2}),
        replace(draft, actor="somebody else"),
        replace(draft, kind="passes.approved"),
        replace(draft, at=a_draft(2).at),
    ):
        with pytest.raises(Refused) as refused:
            store.append(other)
        (found,) = refused.value.findings
        assert (found.code, found.subject) == ("journal.id_conflict", draft.entry_id)
        assert dict(found.facts) == {"seq": "1"}
    assert whole(store) == [*chain(2)]


# Bugs of ours ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET document = x'00' WHERE seq = 1",
        "UPDATE journal SET seq = 9 WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 2",
        "DELETE FROM journal",
        "INSERT OR REPLACE INTO journal SELECT seq, 'another', hash, x'00' FROM journal",
        "INSERT OR REPLACE INTO journal SELECT 3, entry_id, hash, x'00' FROM journal LIMIT 1",
        "INSERT INTO journal VALUES (4, 'gap', x'00', x'00')",
        "INSERT INTO journal VALUES (0, 'before', x'00', x'00')",
        "INSERT INTO journal VALUES (2, 'again', x'00', x'00')",
    ],
)
def test_the_table_refuses_everything_but_adding_at_its_end(
    path: Path, store: JournalStore, statement: str
) -> None:
    store.append(a_draft(1))
    store.append(a_draft(2))
    with (
        closing(sqlite3.connect(path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="journal"),
    ):
        connection.execute(statement)
    assert whole(store) == [*chain(2)]


def test_full_synchronisation_and_a_write_ahead_log(store: JournalStore) -> None:
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_the_migrations_lead_to_the_table_that_is_used(store: JournalStore) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA
    config = Config()
    config.set_main_option("script_location", "sekisho.journal:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


def test_the_table_is_one_that_postgresql_has_too() -> None:
    (table,) = metadata.sorted_tables
    ddl = str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call] # SQLAlchemy's own
    assert "seq BIGINT NOT NULL" in ddl
    assert "entry_id VARCHAR(26) NOT NULL" in ddl
    assert ddl.count("BYTEA NOT NULL") == 2


# A file that somebody else wrote to ------------------------------------------------------------


def fill(path: Path, count: int = 9) -> None:
    with open_journal(path) as store:
        for number in range(1, count + 1):
            store.append(a_draft(number))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (
            "UPDATE journal SET document = replace(document, '4502', '4503') WHERE seq = 4",
            "entry_changed",
        ),
        ("UPDATE journal SET document = '' WHERE seq = 4", "entry_unreadable"),
        ("UPDATE journal SET document = 7 WHERE seq = 4", "entry_unreadable"),
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = 4", "entry_changed"),
        ("UPDATE journal SET hash = 1000000000000 WHERE seq = 4", "entry_changed"),
        ("UPDATE journal SET hash = 'text' WHERE seq = 4", "entry_changed"),
        ("UPDATE journal SET entry_id = 'x' WHERE seq = 4", "entry_id_differs"),
        (
            "UPDATE journal SET entry_id = CAST(x'ff' AS TEXT) WHERE seq = 4",
            "entry_id_differs",
        ),
        ("UPDATE journal SET seq = 400 WHERE seq = 4", "entries_missing"),
        ("UPDATE journal SET seq = 100 - seq", "entry_moved"),
        ("DELETE FROM journal WHERE seq = 4", "entries_missing"),
    ],
)
def test_any_stored_thing_changed_is_found_and_is_never_read(
    path: Path, statement: str, code: str
) -> None:
    fill(path)
    tampered(path, statement)
    with open_journal(path) as store:
        found = audit(store.rows(), kept={})
        assert f"journal.{code}" in {each.code for each in found.findings}
        with pytest.raises(WorldError, match="journal verify"):
            list(store.entries())


def test_a_column_that_is_null_is_found(path: Path) -> None:
    fill(path)
    tampered(
        path,
        "CREATE TABLE copy (seq INTEGER PRIMARY KEY, entry_id, hash, document)",
        "INSERT INTO copy SELECT * FROM journal",
        "UPDATE copy SET entry_id = NULL WHERE seq = 2",
        "UPDATE copy SET hash = NULL WHERE seq = 4",
        "UPDATE copy SET document = NULL WHERE seq = 6",
        "DROP TABLE journal",
        "ALTER TABLE copy RENAME TO journal",
    )
    with open_journal(path) as store:
        found = {(each.code, dict(each.facts)["entries"]) for each in audit(store.rows(), kept={})
                 .findings}  # fmt: skip
    assert found == {
        ("journal.entry_id_differs", "2"),
        ("journal.entry_changed", "4"),
        ("journal.entry_unreadable", "6"),
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET document = replace(document, '4502', '4503') WHERE seq = 9",
        "UPDATE journal SET hash = zeroblob(32) WHERE seq = 9",
        "UPDATE journal SET seq = 400 WHERE seq = 9",
    ],
)
def test_nothing_is_chained_to_a_last_entry_that_was_changed(path: Path, statement: str) -> None:
    fill(path)
    tampered(path, statement)
    with open_journal(path) as store:
        with pytest.raises(WorldError, match="journal verify"):
            store.append(a_draft(10))
        with pytest.raises(WorldError, match="journal verify"):
            store.last()
    assert rows_left(path) == 9


def test_a_journal_that_was_cut_below_what_a_reader_has_seen(path: Path) -> None:
    fill(path)
    tampered(path, "DELETE FROM journal WHERE seq > 6")
    with open_journal(path) as store, pytest.raises(WorldError, match="entry 9 is no longer"):
        list(store.entries(after_seq=9))


def test_a_reader_that_resumes_is_held_to_the_entry_it_had_seen(path: Path) -> None:
    """The entry resumed from was replaced, with its hash: the one after no longer follows."""
    fill(path)
    forged = chain(4, story="forged", after=chain(3))[3]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER journal_is_not_edited")
        connection.execute(
            "UPDATE journal SET entry_id = ?, hash = ?, document = ? WHERE seq = 4",
            (forged.entry_id, forged.hash, forged.document),
        )
    with open_journal(path) as store, pytest.raises(WorldError, match="does not follow"):
        list(store.entries(after_seq=4))


def test_a_value_larger_than_any_entry_does_not_fill_the_memory(path: Path) -> None:
    fill(path)
    tampered(path, "UPDATE journal SET document = zeroblob(20000000) WHERE seq = 4")
    with open_journal(path) as store, pytest.raises(WorldError, match="larger than any entry"):
        audit(store.rows(), kept={})


# A world that fails ----------------------------------------------------------------------------


def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="there is none"):
        open_journal(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_journal_is_not_made_over_another_file(path: Path, store: JournalStore) -> None:
    store.append(a_draft(1))
    with pytest.raises(WorldError, match="there already"):
        create_journal(path)
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


def test_a_database_of_another_version(path: Path) -> None:
    tampered(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(WorldError, match="version 9999"):
        open_journal(path)


def test_a_damaged_file(path: Path) -> None:
    fill(path, 200)
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(WorldError) as failed, open_journal(path) as store:
        list(store.rows())
    assert "damaged" in str(failed.value)


def test_a_journal_that_another_program_keeps_locked(path: Path, store: JournalStore) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(WorldError, match="locked"):
            store.append(a_draft(1))
        other.execute("ROLLBACK")
    assert store.append(a_draft(1)) == chain(1)[0]


def test_a_journal_that_another_writer_of_ours_keeps(path: Path, store: JournalStore) -> None:
    with open_journal(path) as other, other._writing():
        with pytest.raises(WorldError, match="another writer"):
            store.append(a_draft(1))
        assert whole(store) == [], "readers are not kept out"
    assert store.append(a_draft(1)) == chain(1)[0]


Say: TypeAlias = Callable[[str], object]


def forked(work: Callable[[Say], object]) -> tuple[int, BinaryIO]:
    """Start `work` in a process of its own; return its id and what it says, line by line."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():  # newer Pythons warn of threads, which the child has none of
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover - another process
        try:
            work(lambda line: os.write(writer, f"{line}\n".encode()))
        except BaseException as error:  # noqa: BLE001 - all of it is told to the parent
            os.write(writer, f"{type(error).__name__}: {error}\n".encode())
        os._exit(0)
    os.close(writer)
    return child, os.fdopen(reader, "rb")


def in_a_child(work: Callable[[Say], object]) -> str:
    """Run `work` in a process of its own and return what it said or raised."""
    child, pipe = forked(work)
    with pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def all_at_once(*works: Callable[[Say], object]) -> None:
    """Run each of `works` in a process of its own, all at the same time; none may raise."""
    children = [forked(work) for work in works]
    for child, pipe in children:
        with pipe:
            assert pipe.read() == b""
        os.waitpid(child, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_a_journal_that_may_not_be_written(tmp_path: Path, path: Path) -> None:
    fill(path, 1)
    nobody = 65534

    def try_to_append(_: Say) -> None:
        os.setgroups([])
        os.setgid(nobody)
        os.setuid(nobody)
        with open_journal(path) as store:
            store.append(a_draft(2))

    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and "pytest" in str(folder):
            folder.chmod(0o755)
    path.chmod(0o644)
    assert in_a_child(try_to_append).startswith("WorldError: ")
    path.chmod(0o600)
    assert in_a_child(try_to_append).startswith("WorldError: ")
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


# Several at once -------------------------------------------------------------------------------


def writing(path: Path, story: str, drafts: int) -> Callable[[Say], None]:
    def work(_: Say) -> None:
        with open_journal(path) as store:
            for number in range(drafts):
                store.append(a_draft(number, story=story))

    return work


@pytest.mark.parametrize(("writers", "each"), [(2, 150), (8, 50)])
def test_several_processes_at_once(path: Path, writers: int, each: int) -> None:
    stories = [f"{number}" for number in range(writers)]
    all_at_once(*(writing(path, story, each) for story in stories))
    with open_journal(path) as store:
        entries = whole(store)
    drafts = [(entry.body["story"], entry.body["number"]) for entry in entries]
    assert sorted(drafts) == sorted((s, n) for s in stories for n in range(each))
    for story in stories:  # and what one process wrote stands in the order in which it did
        assert [n for s, n in drafts if s == story] == [*range(each)]


def test_several_processes_write_the_same_drafts(path: Path) -> None:
    """Three copies of one service, restarted: each entry stands once, whoever was first."""
    all_at_once(*(writing(path, "", 60) for _ in range(3)))
    with open_journal(path) as store:
        assert [entry.body["number"] for entry in whole(store)] == [*range(60)]


def test_several_threads_share_one_store(path: Path) -> None:
    with open_journal(path) as store:
        threads = [
            threading.Thread(
                target=lambda story: [
                    store.append(a_draft(number, story=story)) for number in range(30)
                ],
                args=(f"{number}",),
            )
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(whole(store)) == 120


def appending(path: Path, first: int) -> Callable[[Say], None]:
    def work(say: Say) -> None:
        with open_journal(path) as store:
            for number in count(first):
                entry = store.append(a_draft(number))
                say(f"{number} {entry.seq} {entry.hash.hex()}")

    return work


@contextmanager
def someone_who_has_it_open(path: Path) -> Iterator[None]:
    def hold(say: Say) -> None:
        with open_journal(path) as store:
            say(f"there are {store.size()}")
            time.sleep(600)

    child, pipe = forked(hold)
    with pipe:
        assert pipe.readline().startswith(b"there are")
        yield
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("watched", [False, True])
def test_a_writer_killed_at_random_moments_loses_nothing_it_said_it_had(
    path: Path,
    watched: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Kill -9, many times: every acknowledged entry is there, and nothing half-written stands.

    When nobody else has the journal open, whoever opens it next recovers the write-ahead log;
    when somebody has, the log goes on growing and is checkpointed by writers about to be killed.
    """
    random = Random(20240531)  # noqa: S311 - the same moments again, as far as time allows
    expected = 0
    with someone_who_has_it_open(path) if watched else nullcontext():
        for life in range(KILLS):
            child, pipe = forked(appending(path, expected + 1))
            with pipe:
                acknowledged = [pipe.readline()] if life % 3 else []
                time.sleep(random.uniform(0, 0.4 if life % 5 == 0 else 0.03))
                os.kill(child, signal.SIGKILL)
                acknowledged += pipe.readlines()
            _, status = os.waitpid(child, 0)
            assert os.WTERMSIG(status) == signal.SIGKILL
            with open_journal(path) as store:
                entries = whole(store)
                for line in acknowledged:
                    number, seq, hash_ = line.split()
                    assert entries[int(seq) - 1].hash.hex() == hash_.decode()
                    assert entries[int(seq) - 1].body["number"] == int(number)
                # One more at most, written and not acknowledged: its writer asks again, and
                # gets the entry that is there.
                assert len(entries) - expected - len(acknowledged) in {0, 1}
                expected = len(entries)
                if expected:
                    assert store.append(a_draft(expected)) == entries[-1]
                assert entries == [*chain(expected)]
    assert expected > KILLS


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
