"""The socket of one topic of a node, and what is handed on of its messages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import zmq
from zmq.utils.monitor import recv_monitor_message

from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.edges.node_answers import block_hash
from sekisho.kernel.errors import BadInputError
from sekisho.watch.feed_records import Heard, Joined, Parted
from sekisho.watch.frames import (
    COUNTER_RANGE,
    RAWBLOCK,
    RAWTX,
    SEQUENCE,
    read_frame,
    read_note,
)

_BURST: Final = 500
"""How many messages of one socket are handed on at once."""
_HEARTBEAT_MS: Final = 2_000
_RAWTX: Final = RAWTX.encode()
Known: TypeAlias = Callable[[bytes], bool]
"""Says whether the transaction whose bytes have this digest was looked at. Any thread may ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A transaction's bytes as `rawtx` told them, or a block's as `rawblock` did."""

    topic: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Strange:
    """A message that is out of form."""

    error: BadInputError


Sound: TypeAlias = Joined | Parted | Heard | Body | Strange


class Ear:
    """The socket of one topic, and what watches its connection."""

    def __init__(self, context: Any, poller: Any, topic: str, address: str) -> None:  # noqa: ANN401 - pyzmq's
        self._topic = topic
        self._socket = context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
        self._socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, 5)
        self._socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, 2)
        self._socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, 2)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 2 * _HEARTBEAT_MS)
        self._socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
        events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        self._monitor = self._socket.get_monitor_socket(events)
        with suppress(zmq.ZMQError):  # no such address: it is never joined, and that is said
            self._socket.connect(address)
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)

    def heard(self, ready: dict[Any, int], is_known: Known) -> Iterator[Sound]:
        """Yield what came: the connection's fate first, so that no count is compared over it.

        A block tells its transactions again, by the thousand. What was looked at before is only
        counted here, so that a new one among them does not wait for the old.
        """
        if self._monitor in ready:
            happened = recv_monitor_message(self._monitor)["event"]
            joined = happened == zmq.EVENT_HANDSHAKE_SUCCEEDED
            yield Joined(topic=self._topic) if joined else Parted(topic=self._topic)
        if self._socket not in ready:
            return
        run, last = 0, 0
        for parts in self._messages():
            counter = _counter_of_known(parts, is_known)
            if run and counter != (last + 1) % COUNTER_RANGE:
                yield Heard(topic=self._topic, counter=last, messages=run)
                run = 0
            if counter is not None:
                run, last = run + 1, counter
                continue
            try:
                yield from _told(parts)
            except BadInputError as error:
                yield Strange(error=error)
        if run:
            yield Heard(topic=self._topic, counter=last, messages=run)

    def _messages(self) -> Iterator[list[bytes]]:
        with suppress(zmq.Again):
            for _ in range(_BURST):
                yield self._socket.recv_multipart(zmq.NOBLOCK)

    def close(self, poller: Any) -> None:  # noqa: ANN401 - pyzmq's
        """Let go of the connection."""
        poller.unregister(self._socket)
        poller.unregister(self._monitor)
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)


def _counter_of_known(parts: Sequence[bytes], is_known: Known) -> int | None:
    """Return the counter of a transaction that was looked at; None for all other messages."""
    if len(parts) != 3 or parts[0] != _RAWTX or not is_known(sha256_twice(parts[1])):
        return None
    try:
        return read_frame(parts).counter
    except BadInputError:
        return None


def _told(parts: Sequence[bytes]) -> Iterator[Sound]:
    """Yield a message's body, where that is to be looked at, and what the feed needs of it."""
    frame = read_frame(parts)
    if frame.topic in {RAWTX, RAWBLOCK}:
        yield Body(topic=frame.topic, data=frame.body)
    yield Heard(
        topic=frame.topic,
        counter=frame.counter,
        block_hash=block_hash(frame.body) if frame.topic == RAWBLOCK else b"",
        note=read_note(frame.body) if frame.topic == SEQUENCE else None,
    )
