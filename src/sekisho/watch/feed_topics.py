"""The topics of one node: their counters, and which of them are silent when they should not be."""

from dataclasses import dataclass
from typing import Final

from sekisho.kernel.finding import Finding, finding
from sekisho.watch.frames import COUNTER_RANGE, RAWTX, SEQUENCE, TOPICS, lost_between

SILENT_MS: Final = 3_000
"""How long a topic may owe a message. With a pulse each second, a dead one is known within 5 s."""
LEAD_MS: Final = 1_000
"""How long before a note of `sequence` its `rawtx` may have come."""
_NEVER: Final = -(10**15)
_UNKNOWN: Final = -1


@dataclass(slots=True)
class _Topic:
    counter: int = _UNKNOWN
    heard_ms: int = _NEVER
    due_ms: int = _UNKNOWN
    """Since when a message is owed."""
    dead: bool = False


class Topics:
    """A fold over messages and over what the node's own view says must have been told."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._topics = {each: _Topic() for each in TOPICS}

    @property
    def any_dead(self) -> bool:
        """Whether one is dead without which a transaction can be missed."""
        return self._topics[RAWTX].dead or self._topics[SEQUENCE].dead

    @property
    def dead(self) -> tuple[str, ...]:
        """Which are dead."""
        return tuple(name for name, each in self._topics.items() if each.dead)

    def begin(self) -> None:
        """Forget all: the node was started, or its addresses are others now."""
        self._topics = {each: _Topic() for each in TOPICS}

    def parted(self, topic: str) -> None:
        """Forget the counter of a topic whose connection broke."""
        self._topics[topic].counter = _UNKNOWN
        self._topics[topic].due_ms = _UNKNOWN

    def hear(self, name: str, counter: int, now_ms: int, *, messages: int = 1) -> tuple[int, bool]:
        """Note messages; return how many are missing before them, and whether it was dead.

        `counter` is of the last of them. -1 are missing where the node began to count again.
        """
        topic = self._topics[name]
        first = (counter - messages + 1) % COUNTER_RANGE
        missing = 0 if topic.counter == _UNKNOWN else lost_between(topic.counter, first)
        spoke_again = topic.dead
        topic.counter, topic.heard_ms = counter, now_ms
        topic.due_ms, topic.dead = _UNKNOWN, False
        return missing, spoke_again

    def due(self, name: str, *, since_ms: int, now_ms: int) -> None:
        """Note that something must have been said of a topic since a moment."""
        topic = self._topics[name]
        if topic.heard_ms < since_ms and topic.due_ms == _UNKNOWN:
            topic.due_ms = now_ms

    def transactions_due(self, now_ms: int) -> None:
        """Note that a transaction came, or a block, whose bytes `rawtx` tells just before."""
        self.due(RAWTX, since_ms=now_ms - LEAD_MS, now_ms=now_ms)

    def silent(self, now_ms: int) -> list[tuple[str, Finding]]:
        """Return the topics that owe a message for too long, each once."""
        found = []
        for name, topic in self._topics.items():
            if topic.due_ms != _UNKNOWN and now_ms - topic.due_ms >= SILENT_MS:
                topic.due_ms, topic.dead = _UNKNOWN, True
                found.append((name, finding("watch.node_topic_silent", self._node, topic=name)))
        return found

    def unlisted(self, listed: frozenset[str]) -> list[tuple[str, Finding]]:
        """Return the topics that the node itself says it does not publish any more, each once."""
        found = []
        for name, topic in self._topics.items():
            if name not in listed and not topic.dead:
                topic.dead = True
                found.append((name, finding("watch.node_topic_missing", self._node, topic=name)))
        return found
