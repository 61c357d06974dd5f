"""Durable on a PostgreSQL server, or not at all: settings, crashes, and what its owner can do."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import psycopg
import pytest
import sqlalchemy as sa
from journal_files import Say, as_superuser, fill, forked, insertion, rows_left, tampered, whole
from journal_world import a_draft, chain
from parts.postgresql import Server

from sekisho.journal import store_postgresql
from sekisho.journal.audit import audit
from sekisho.journal.records import ENTRY_MAX_BYTES
from sekisho.journal.store import JournalStore, open_journal
from sekisho.kernel.errors import WorldError

pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]

# Durable, or not at all --------------------------------------------------------------------------


@contextmanager
def set_on_the_server(database: str, name: str, value: str) -> Iterator[None]:
    as_superuser(database, f"ALTER SYSTEM SET {name} = {value}", "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        as_superuser(database, f"ALTER SYSTEM RESET {name}", "SELECT pg_reload_conf()")


def test_a_server_that_does_not_sync_is_not_used(database: str) -> None:
    with set_on_the_server(database, "fsync", "off"):
        give_up = time.monotonic() + 30
        while True:  # the reload is told, not waited for
            try:
                open_journal(database).close()
            except WorldError as error:
                assert "durably" in str(error)  # noqa: PT017 - until it comes
                break
            assert time.monotonic() < give_up


@pytest.mark.parametrize(
    "setting",
    [
        "synchronous_commit = off",
        "default_transaction_isolation = 'repeatable read'",
        "default_transaction_isolation = serializable",
        "search_path = public",
        "statement_timeout = 1",
        "lock_timeout = 1",
        "default_transaction_deferrable = on",
        "lc_messages = 'C'",
        "standard_conforming_strings = off",
        "bytea_output = escape",
    ],
)
def test_what_is_set_for_the_role_does_not_weaken_it(
    database: str, strong: str, setting: str
) -> None:
    as_superuser(database, f"ALTER ROLE strong SET {setting}")
    with open_journal(strong) as store, open_journal(database) as other:
        with store._database.engine.connect() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        for number in range(1, 9):
            (store if number % 2 else other).append(a_draft(number))
        assert whole(store) == [*chain(8)]


def test_a_server_that_only_reads_is_not_used(database: str, strong: str) -> None:
    as_superuser(database, "ALTER ROLE strong SET default_transaction_read_only = on")
    with pytest.raises(WorldError, match="read-only"):
        open_journal(strong)


def waiting_for(database: str, event: str) -> int:
    """Return the process on the server that waits for `event`, once there is one."""
    give_up = time.monotonic() + 30
    with psycopg.connect(database.replace("writer@", "postgres@"), autocommit=True) as connection:
        while time.monotonic() < give_up:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE wait_event = %s", [event]
            ).fetchone()
            if found:
                return int(found[0])
    raise AssertionError(f"nobody waits for {event}")


def test_a_commit_whose_standby_is_not_waited_for_is_not_acknowledged(database: str) -> None:
    said: list[str] = []

    def append() -> None:
        try:
            store.append(a_draft(1))
            said.append("acknowledged")
        except WorldError as error:
            said.append(str(error))

    with open_journal(database) as store:
        with set_on_the_server(database, "synchronous_standby_names", "'elsewhere'"):
            time.sleep(0.2)
            writer = threading.Thread(target=append)
            writer.start()
            as_superuser(database, f"SELECT pg_cancel_backend({waiting_for(database, 'SyncRep')})")
            writer.join()
        assert "perhaps not on its standby" in said[0]
        assert store.append(a_draft(1)) == chain(1)[0], "it stands, and asking again tells"
        assert store.append(a_draft(2)) == chain(2)[1], "and the next is acknowledged"


@contextmanager
def within_a_turn(store: JournalStore) -> Iterator[sa.Connection]:
    with store._database.outside(), store._database.writing() as connection:
        yield connection


def test_a_writer_whose_server_process_ends_within_its_turn(database: str) -> None:
    with open_journal(database) as store, open_journal(database) as other:
        store.append(a_draft(1))

        def cut_off() -> None:
            with within_a_turn(store) as connection:
                own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                connection.exec_driver_sql(insertion(chain(2)[1]))
                as_superuser(database, f"SELECT pg_terminate_backend({own})")

        with pytest.raises(WorldError, match="asking again"):
            cut_off()
        assert rows_left(database) == 1
        assert other.append(a_draft(2)) == chain(2)[1]
        assert store.append(a_draft(3)) == chain(3)[2], "the same store goes on"


def test_a_writer_that_stands_still_within_its_turn_is_cut_off(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_postgresql, "_CUT_OFF_SECONDS", 1)
    with open_journal(database) as still, open_journal(database) as other:

        def stand_still() -> None:
            with within_a_turn(still) as connection:
                connection.exec_driver_sql(insertion(chain(1)[0]))
                assert other.append(a_draft(1, story="other")).seq == 1
                connection.exec_driver_sql("SELECT 1")

        with pytest.raises(WorldError, match="nothing was written"):
            stand_still()
        assert still.append(a_draft(2)).seq == 2
        assert len(whole(other)) == 2


def test_who_writes_without_waiting_for_a_turn_does_not_break_the_chain(database: str) -> None:
    first, second = chain(2)
    with open_journal(database, wait_seconds=0.2) as store:
        with psycopg.connect(database) as rude:
            rude.execute(insertion(first).encode())
            with pytest.raises(WorldError, match="nothing was written"):
                store.append(a_draft(1, story="polite"))
        assert store.append(a_draft(2)) == second
        assert whole(store) == [first, second]


def test_a_server_without_room_for_one_more_says_so(database: str) -> None:
    name = database.partition("@/")[2].partition("?")[0]
    as_superuser(database, f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    with pytest.raises(WorldError, match="too many connections"):
        open_journal(database)


def asking_again(database: str, story: str) -> tuple[int, BinaryIO]:
    """Start a process that appends the drafts of a story, each until it is acknowledged."""

    def work(say: Say) -> None:
        give_up = time.monotonic() + 120
        with open_journal(database) as store:
            number = 0
            while time.monotonic() < give_up:
                try:
                    entry = store.append(a_draft(number, story=story))
                except WorldError:
                    time.sleep(0.02)
                else:
                    say(f"{story} {number} {entry.seq} {entry.hash.hex()}")
                    number += 1

    return forked(work)


def crash_when_all_have_written(server: Server, heard: list[list[bytes]]) -> None:
    wanted = [len(lines) + 8 for lines in heard]
    give_up = time.monotonic() + 60
    while any(len(lines) < least for lines, least in zip(heard, wanted, strict=True)):
        assert time.monotonic() < give_up, "somebody does not get on"
        time.sleep(0.01)
    server.crash()
    server.start()


def test_a_server_that_crashes_again_and_again_keeps_what_it_acknowledged(
    database: str, server: Server
) -> None:
    """Every process of the server is killed while four writers write; each asks again."""
    writers = [asking_again(database, story) for story in "abcd"]
    heard: list[list[bytes]] = [[] for _ in writers]
    listeners = [
        threading.Thread(target=lines.extend, args=(pipe,))
        for lines, (_, pipe) in zip(heard, writers, strict=True)
    ]
    for listener in listeners:
        listener.start()
    try:
        for _ in range(3):
            crash_when_all_have_written(server, heard)
    finally:
        for (child, pipe), listener in zip(writers, listeners, strict=True):
            os.kill(child, signal.SIGKILL)
            listener.join()
            os.waitpid(child, 0)
            pipe.close()
    with open_journal(database) as store:
        stands = [
            f"{each.body['story']} {each.body['number']} {each.seq} {each.hash.hex()}\n".encode()
            for each in whole(store)
        ]
    acknowledged = {line for lines in heard for line in lines}
    assert len(acknowledged) >= 4 * 3 * 8
    assert acknowledged <= set(stands), "nothing is lost"
    assert len(stands) - len(acknowledged) <= len(writers), "one each may be unacknowledged"
    assert len({line.rsplit(b" ", 2)[0] for line in stands}) == len(stands), "nothing stands twice"


# What the owner of the server can do, and what reading makes of it -------------------------------


@pytest.mark.parametrize(
    "place", ["'place ' || seq", "seq + 0.5", "convert_to(seq::text, 'UTF8')", "NULL::bigint"]
)
def test_a_table_that_was_redefined_is_an_error_and_nothing_worse(
    database: str, place: str
) -> None:
    fill(database, 3)
    as_superuser(
        database,
        "ALTER TABLE journal RENAME TO kept",
        f"CREATE VIEW journal AS SELECT {place} AS seq, entry_id, hash, document FROM kept",  # noqa: S608 - ours
        "GRANT SELECT, INSERT ON journal TO writer",
        "REVOKE INSERT ON kept FROM writer",
    )
    with open_journal(database) as store:
        if place.startswith("NULL"):
            assert list(store.rows()) == [], "which every checkpoint tells from the journal"
            return
        with pytest.raises(WorldError):
            list(store.rows())


def test_values_larger_than_any_entry_do_not_fill_the_memory(database: str) -> None:
    fill(database)
    tampered(
        database,
        "ALTER TABLE journal DROP CONSTRAINT journal_entry_id_key, ALTER entry_id TYPE text",
        "UPDATE journal SET document = zeroblob(20000000) WHERE seq = 4",
        "UPDATE journal SET hash = zeroblob(20000000) WHERE seq = 5",
        "UPDATE journal SET entry_id = repeat('x', 20000000) WHERE seq = 6",
    )
    with open_journal(database) as store:
        assert max(len(row.document) for row in store.rows()) == ENTRY_MAX_BYTES + 1
        assert max(len(row.hash) for row in store.rows()) == 33
        assert max(len(row.entry_id) for row in store.rows()) == 27
        found = audit(store.rows(), kept={})
        with pytest.raises(WorldError, match="larger"):
            list(store.entries(after_seq=3))
    assert {(each.code, dict(each.facts)["entries"]) for each in found.findings} == {
        ("journal.entry_unreadable", "4"),
        ("journal.entry_changed", "5"),
        ("journal.entry_id_differs", "6"),
    }
