import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from random import Random

import pytest
from journal_files import Location, Say, all_at_once, forked, whole
from journal_world import a_draft, chain

from sekisho.journal.store import open_journal

KILLS = 30


def writing(location: Location, story: str, drafts: int) -> Callable[[Say], None]:
    def work(_: Say) -> None:
        with open_journal(location) as store:
            for number in range(drafts):
                store.append(a_draft(number, story=story))

    return work


@pytest.mark.parametrize(("writers", "each"), [(2, 150), (8, 50)])
def test_several_processes_at_once(location: Location, writers: int, each: int) -> None:
    stories = [f"{number}" for number in range(writers)]
    all_at_once(*(writing(location, story, each) for story in stories))
    with open_journal(location) as store:
        entries = whole(store)
    drafts = [(entry.body["story"], entry.body["number"]) for entry in entries]
    assert sorted(drafts) == sorted((s, n) for s in stories for n in range(each))
    for story in stories:  # and what one process wrote stands in the order in which it did
        assert [n for s, n in drafts if s == story] == [*range(each)]


def test_several_processes_write_the_same_drafts(location: Location) -> None:
    """Three copies of one service, restarted: each entry stands once, whoever was first."""
    all_at_once(*(writing(location, "", 60) for _ in range(3)))
    with open_journal(location) as store:
        assert [entry.body["number"] for entry in whole(store)] == [*range(60)]


def test_no_other_program_gets_in_between_looking_and_writing(path: Path) -> None:
    with (
        open_journal(path) as store,
        store._database.writing(),
        closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_several_threads_share_one_store(location: Location) -> None:
    with open_journal(location) as store:
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


def appending(location: Location, first: int) -> Callable[[Say], None]:
    def work(say: Say) -> None:
        with open_journal(location) as store:
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


def test_a_writer_killed_at_random_moments_loses_nothing_it_said_it_had(
    location: Location,
) -> None:
    """Kill -9, many times: every acknowledged entry is there, and nothing half-written stands.

    When nobody else has a file open, whoever opens it next recovers the write-ahead log.
    """
    kill_again_and_again(location)


def test_a_writer_killed_while_others_have_the_file_open_loses_nothing_either(path: Path) -> None:
    """Then the write-ahead log goes on growing, and is checkpointed by writers about to die."""
    with someone_who_has_it_open(path):
        kill_again_and_again(path)


def kill_again_and_again(location: Location) -> None:
    random = Random(20240531)  # noqa: S311 - the same moments again, as far as time allows
    expected = 0
    for life in range(KILLS):
        child, pipe = forked(appending(location, expected + 1))
        with pipe:
            acknowledged = [pipe.readline()] if life % 3 else []
            time.sleep(random.uniform(0, 0.4 if life % 5 == 0 else 0.03))
            os.kill(child, signal.SIGKILL)
            acknowledged += pipe.readlines()
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        with open_journal(location) as store:
            with store._database.writing():
                pass  # a server may still be ending the turn of the one that was killed
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
