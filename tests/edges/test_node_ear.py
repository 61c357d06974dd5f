"""What is heard of a topic: everything once, and what was looked at before only counted."""

from collections.abc import Iterator, Sequence
from typing import Any

import zmq

from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.edges.node_ear import Body, Ear, Strange
from sekisho.watch.feed_records import Heard
from sekisho.watch.feed_topics import Topics
from sekisho.watch.frames import COUNTER_RANGE, RAWTX

OLD, NEW = b"a transaction that was looked at", b"a transaction that was not"


class Socket:
    """Gives these messages, and then has none."""

    def __init__(self, messages: Sequence[list[bytes]]) -> None:
        self._messages = iter(messages)

    def recv_multipart(self, _flags: int) -> list[bytes]:
        for each in self._messages:
            return each
        raise zmq.Again


def message(body: bytes, counter: int) -> list[bytes]:
    return [b"rawtx", body, (counter % COUNTER_RANGE).to_bytes(4, "little")]


def heard(*messages: list[bytes]) -> Iterator[Any]:
    ear = Ear.__new__(Ear)
    ear._topic, ear._socket, ear._monitor = RAWTX, Socket(messages), object()
    return ear.heard({ear._socket: 1}, lambda digest: digest == sha256_twice(OLD))


def a_run(last: int, messages: int) -> Heard:
    return Heard(topic=RAWTX, counter=last % COUNTER_RANGE, messages=messages)


def test_a_new_one_among_old_ones_is_handed_on_at_its_place() -> None:
    told = [*heard(message(OLD, 7), message(OLD, 8), message(NEW, 9), message(OLD, 10))]
    assert told == [
        a_run(8, 2),
        Body(topic=RAWTX, data=NEW),
        a_run(9, 1),
        a_run(10, 1),
    ]


def test_old_ones_are_not_counted_together_over_a_gap() -> None:
    assert [*heard(message(OLD, 7), message(OLD, 9))] == [a_run(7, 1), a_run(9, 1)]


def test_a_message_out_of_form_is_strange_and_ends_no_hearing() -> None:
    short = [b"rawtx", OLD, b"\x01"]
    told = [*heard(message(OLD, 1), short, [b"rawtx"], [], message(OLD, 2))]
    assert [type(each) for each in told] == [Heard, Strange, Strange, Strange, Heard]


def test_a_run_is_counted_from_its_first_to_its_last() -> None:
    topics = Topics("node")
    topics.hear(RAWTX, COUNTER_RANGE - 2, 0)
    assert topics.hear(RAWTX, 1, 1, messages=3) == (0, False)
    assert topics.hear(RAWTX, 5, 2, messages=2) == (2, False)
    assert topics.hear(RAWTX, 0, 3, messages=1) == (-1, False)
