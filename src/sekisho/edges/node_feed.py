"""A node followed over ZMQ and RPC: four threads that hear, ask, and hand on what they got.

One listens, and is never kept waiting; one asks the node for its pulse each second; one asks the
questions of the feed; one looks for old coins, which takes minutes. All hand on to one queue, with
the moment at which it was heard. What is decided from it is `watch/feed.py`'s.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeAlias
from urllib.parse import urlsplit

import zmq

from sekisho.edges.node_answers import (
    PULSE,
    SETTINGS,
    read_block,
    read_header,
    read_listing,
    read_pulse,
    read_settings,
    read_transaction,
)
from sekisho.edges.node_coins import SEARCH_TIMEOUT_SECONDS, CoinsFound, find_coins
from sekisho.edges.node_ear import Body, Ear, Known, Strange
from sekisho.edges.node_rpc import Answer, NodeAddress, NodeRefusedError, NodeRPC
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.watch.feed_records import (
    AskBlock,
    AskBurial,
    AskHeader,
    AskListing,
    AskSettings,
    AskTransactions,
    Event,
    Failed,
    Header,
    Listen,
    Question,
)
from sekisho.watch.frames import (
    TOPICS,
)

PULSE_SECONDS = 1
_PULSE_TIMEOUT_SECONDS = 5
_ASK_TIMEOUT_SECONDS = 60
_POLL_MS = 100
_GONE = -5
"""The RPC's code for a transaction or a block that the node does not have."""
_BLOCK_UNREADABLE = -1
"""The RPC's code for a block that was pruned, or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Transactions of the mempool that were asked for, and those that are not there any more."""

    raws: tuple[bytes, ...]
    gone: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockGiven:
    """A block that was asked for; without bytes if the node cannot give it any more."""

    header: Header
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BurialGiven:
    """A block read again, and the headers upon it, as bytes."""

    ask: AskBurial
    data: bytes
    headers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinsNotFound:
    """Coins were looked for, and the node did not say."""

    reason: str


Told: TypeAlias = (
    Event | Body | Given | BlockGiven | BurialGiven | Strange | CoinsFound | CoinsNotFound
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Something that a node told, and when."""

    node: str
    at_us: int
    told: Told


Hand: TypeAlias = Callable[[Post], None]


def monotonic_us() -> int:
    """Return the microseconds of a clock that only goes forward."""
    return time.monotonic_ns() // 1_000


def monotonic_ms() -> int:
    """Return its milliseconds."""
    return monotonic_us() // 1_000


class NodeLink:
    """One node. `zmq_addresses` says where to hear a topic if not where the node says."""

    def __init__(
        self, address: NodeAddress, hand: Hand, zmq_addresses: dict[str, str], is_known: Known
    ) -> None:
        self.address = address
        self._hand = hand
        self._is_known = is_known
        self._zmq_addresses = zmq_addresses
        self._asks: SimpleQueue[Question | None] = SimpleQueue()
        self._listens: SimpleQueue[Listen] = SimpleQueue()
        self._searches: SimpleQueue[frozenset[bytes] | None] = SimpleQueue()
        self._ended = threading.Event()
        targets = (self._listening, self._pulsing, self._answering, self._searching)
        self._threads = [
            threading.Thread(target=each, name=f"{address.name}-{each.__name__}", daemon=True)
            for each in targets
        ]

    def start(self) -> None:
        """Begin."""
        for each in self._threads:
            each.start()

    def ask(self, ask: Question) -> None:
        """Have a question asked; its answer, or that it failed, is handed on."""
        self._asks.put(ask)

    def find_coins(self, scripts: frozenset[bytes]) -> None:
        """Have the coins on these scripts looked for; what was found is handed on."""
        self._searches.put(scripts)

    def listen(self, listen: Listen) -> None:
        """Listen at other addresses from now on, or at the same ones anew."""
        self._listens.put(listen)

    def stop(self) -> None:
        """End all threads; what is on its way is not waited for long."""
        self._ended.set()
        self._asks.put(None)
        self._searches.put(None)
        for each in self._threads:
            each.join(timeout=2)

    def _post(self, told: Told) -> None:
        self._hand(Post(node=self.address.name, at_us=monotonic_us(), told=told))

    # Listening -----------------------------------------------------------------------------------

    def _listening(self) -> None:
        context = zmq.Context()
        ears: list[Ear] = []
        poller = zmq.Poller()
        try:
            while not self._ended.is_set():
                with suppress(Empty):
                    wanted = self._listens.get_nowait()
                    for each in ears:
                        each.close(poller)
                    ears = [
                        Ear(context, poller, topic, self._reachable(topic, address))
                        for topic, address in wanted.addresses
                    ]
                ready = dict(poller.poll(_POLL_MS)) if ears else {}
                if not ears:
                    self._ended.wait(_POLL_MS / 1000)
                for ear in ears:
                    for told in ear.heard(ready, self._is_known):
                        self._post(told)
        finally:
            for each in ears:
                each.close(poller)
            context.destroy(linger=0)

    def _reachable(self, topic: str, told: str) -> str:
        """Return where to hear a topic; an address that means all of the node's is its host's."""
        given = self._zmq_addresses.get(topic)
        if given is not None:
            return given
        parts = urlsplit(told)
        if parts.scheme == "tcp" and parts.hostname in {"0.0.0.0", "*", "::"}:  # noqa: S104 - read, not bound
            host = self.address.host
            return f"tcp://{f'[{host}]' if ':' in host else host}:{parts.port}"
        return told

    # Asking --------------------------------------------------------------------------------------

    def _pulsing(self) -> None:
        rpc = NodeRPC(self.address, timeout_seconds=_PULSE_TIMEOUT_SECONDS)
        while not self._ended.wait(PULSE_SECONDS):
            asked_ms = monotonic_ms()
            with suppress(WorldError):  # no pulse is what the feed notices
                answers = _all(rpc.batch([(method, ()) for method in PULSE]))
                self._post(read_pulse(answers, asked_ms=asked_ms))
        rpc.close()

    def _answering(self) -> None:
        rpc = NodeRPC(self.address, timeout_seconds=_ASK_TIMEOUT_SECONDS)
        while (ask := self._asks.get()) is not None:
            try:
                self._post(_answer(rpc, ask))
            except Exception as error:  # noqa: BLE001 - a thread that ends would leave its asker waiting
                self._post(Failed(ask=ask, reason=str(error)))
        rpc.close()

    def _searching(self) -> None:
        rpc = NodeRPC(self.address, timeout_seconds=SEARCH_TIMEOUT_SECONDS)
        while (scripts := self._searches.get()) is not None:
            try:
                self._post(find_coins(rpc, scripts))
            except Exception as error:  # noqa: BLE001 - as above
                self._post(CoinsNotFound(reason=str(error)))
        rpc.close()


def _answer(rpc: NodeRPC, ask: Question) -> Told:
    match ask:
        case AskSettings():
            return read_settings(_all(rpc.batch(SETTINGS)))
        case AskListing():
            asked_ms = monotonic_ms()
            return read_listing(rpc.call("getrawmempool", False, True), asked_ms=asked_ms)  # noqa: FBT003 - by place
        case AskTransactions():
            return _given(rpc, ask.txids)
        case AskHeader():
            return read_header(rpc.call("getblockheader", ask.hash.hex()))
        case AskBlock():
            try:
                answer = rpc.call("getblock", ask.header.hash.hex(), 0)
            except NodeRefusedError as error:
                if error.code in {_GONE, _BLOCK_UNREADABLE}:
                    return BlockGiven(header=ask.header, data=b"")
                raise
            return BlockGiven(header=ask.header, data=read_block(answer, ask.header))
        case AskBurial():
            return _burial(rpc, ask)


def _burial(rpc: NodeRPC, ask: AskBurial) -> BurialGiven:
    first, *upon = ask.hashes
    data = read_transaction(rpc.call("getblock", first.hex(), 0))
    answers = rpc.batch([("getblockheader", (each.hex(), False)) for each in upon])
    headers = tuple(read_transaction(each) for each in _all(answers))
    return BurialGiven(ask=ask, data=data, headers=headers)


def _given(rpc: NodeRPC, txids: Sequence[bytes]) -> Given:
    raws, gone = [], []
    answers = rpc.batch([("getrawtransaction", (each.hex(),)) for each in txids])
    for txid, answer in zip(txids, answers, strict=True):
        if not isinstance(answer, NodeRefusedError):
            raws.append(read_transaction(answer))
        elif answer.code == _GONE:
            gone.append(txid)
        else:
            raise answer
    return Given(raws=tuple(raws), gone=tuple(gone))


def _all(answers: list[Answer]) -> list[Json]:
    """Return the answers of a batch; raises the first refusal among them."""
    found: list[Json] = []
    for each in answers:
        if isinstance(each, NodeRefusedError):
            raise each
        found.append(each)
    return found


def zmq_option(text: str) -> tuple[str, str]:
    """Return topic and address of `TOPIC=ADDRESS`; raises `BadInputError` for anything else."""
    topic, _, address = text.partition("=")
    if topic not in TOPICS or urlsplit(address).scheme not in {"tcp", "ipc"}:
        allowed = ", ".join(TOPICS)
        raise BadInputError("--zmq", f"{text[:100]!r} is not TOPIC=tcp://HOST:PORT of {allowed}")
    return topic, address
