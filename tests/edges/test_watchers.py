"""A watcher's folder: a key, numbers that never come again, and whom it listens to."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from beat_world import KEY, OSAKA, OTHER_KEY, beat
from hypothesis import given
from hypothesis import strategies as st

from sekisho.edges.beat_link import BeatLink, BeatPort, exchanged
from sekisho.edges.watchers import (
    NUMBERS_AT_ONCE,
    Numbers,
    create_watcher,
    enrol_watcher,
    keep_heard,
    last_heard,
    read_watcher_pub,
    watcher_at_work,
)
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.watch.beat import MESSAGE_MAX_BYTES, KnownWatcher, sign_beat


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_watcher(tmp_path / "tokyo", "tokyo")
    return tmp_path / "tokyo"


def test_it_is_who_its_pub_says_and_listens_to_whom_it_enrolled(folder: Path) -> None:
    enrol_watcher(folder, OSAKA)
    with watcher_at_work(folder) as opened:
        assert opened.known == read_watcher_pub(folder / "watcher.pub")
        assert opened.known.public_key == opened.key.public_key().public_bytes_raw()
        assert opened.peers == (OSAKA,)
        with pytest.raises(WorldError, match="another"), watcher_at_work(folder):
            pass


def test_neither_key_nor_id_is_replaced(folder: Path) -> None:
    enrol_watcher(folder, OSAKA)
    own = read_watcher_pub(folder / "watcher.pub")
    other = OTHER_KEY.public_key().public_bytes_raw()
    for known in (
        OSAKA,
        KnownWatcher(watcher_id="osaka", public_key=other),
        KnownWatcher(watcher_id="tokyo", public_key=other),
        KnownWatcher(watcher_id="nagoya", public_key=own.public_key),
    ):
        with pytest.raises(BadInputError):
            enrol_watcher(folder, known)
    with pytest.raises(BadInputError):
        create_watcher(folder, "tokyo")


@given(runs=st.lists(st.integers(0, 2 * NUMBERS_AT_ONCE + 3), min_size=1, max_size=5))
def test_numbers_go_up_however_often_it_is_killed(
    tmp_path_factory: pytest.TempPathFactory, runs: list[int]
) -> None:
    path = tmp_path_factory.mktemp("numbers") / "number"
    path.write_text("0")
    last = 0
    for count in runs:
        numbers = Numbers(path)  # of a process of its own, which ends without a word
        for _ in range(count):
            number = numbers.take()
            assert last < number <= int(path.read_text())
            last = number


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "9" * 31, " ", "९"])
def test_a_number_that_is_none_is_not_begun_again(folder: Path, text: str) -> None:
    (folder / "number").write_text(text)
    with pytest.raises(BadInputError, match="enrol a new"), watcher_at_work(folder):
        pass


def test_a_number_that_cannot_be_kept_is_not_used(folder: Path) -> None:
    numbers = Numbers(folder / "number")
    (folder / ".number.new").mkdir()
    with pytest.raises(WorldError):
        numbers.take()
    (folder / ".number.new").rmdir()
    assert numbers.take() == 1


def test_what_was_heard_is_kept_and_is_the_others(folder: Path) -> None:
    assert last_heard(folder, OSAKA) is None
    signed = sign_beat(beat(7, b""), KEY)
    keep_heard(folder, signed)
    assert last_heard(folder, OSAKA) == signed
    keep_heard(folder, sign_beat(beat(7, b""), OTHER_KEY))
    with pytest.raises(BadInputError, match="not signed"):
        last_heard(folder, OSAKA)
    (folder / "heard" / "osaka").write_bytes(b"{}")
    with pytest.raises(BadInputError):
        last_heard(folder, OSAKA)


@pytest.fixture
def port() -> Iterator[BeatPort]:
    with closing(BeatPort(0, lambda data: None if data == b"?" else data[::-1])) as opened:
        yield opened


@pytest.mark.enable_socket  # on this machine
def test_a_port_answers_what_fits_and_nothing_else(port: BeatPort) -> None:
    place = ("127.0.0.1", port.port)
    assert exchanged(place, b"abc", timeout_seconds=5) == b"cba"
    for said in (b"?", b"x" * (MESSAGE_MAX_BYTES + 1)):
        with pytest.raises(WorldError, match="nobody looks"):
            exchanged(place, said, timeout_seconds=5)


@pytest.mark.enable_socket  # on this machine
def test_a_link_goes_on_when_nobody_answers(port: BeatPort) -> None:
    heard: list[bytes] = []
    said, done = iter([b"one", b"?", None, b"two"]), threading.Event()
    url = f"http://127.0.0.1:{port.port}"

    def hear(data: bytes) -> None:
        heard.append(data)
        if len(heard) == 2:
            done.set()

    with closing(BeatLink(url, lambda: next(said, None), hear, every_seconds=1)) as link:
        assert done.wait(timeout=60)
        assert heard == [b"eno", b"owt"]
        assert link.failure == ""
