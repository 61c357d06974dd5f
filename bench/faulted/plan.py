"""What is played in a round: drawn from a seed and the round's number, and from nothing else.

A round is a few movements of coins with one or two faults among them, in any order. A fault that
lasts ends in its own round. How long is waited before each step is drawn too, from nothing to a
few seconds: a kill comes in the middle of judging as well as long after it.
"""

from dataclasses import dataclass, replace
from random import Random

SETTING_ROUNDS = 10
"""So many rounds have the same nodes, because another watcher takes seconds to begin."""
REORGANISED_MOST = 6
TOPICS = ("rawtx", "rawblock", "sequence")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that is done, after a wait. `choice` is what it makes of what is there then."""

    name: str
    wait_ms: int = 0
    choice: int = 0
    much: int = 0
    topic: str = ""

    def __str__(self) -> str:
        said = [f"{self.wait_ms:5} ms  {self.name}"]
        said += [f"choice {self.choice}"] if self.choice else []
        said += [f"much {self.much}"] if self.much else []
        return " ".join([*said, self.topic])


@dataclass(frozen=True, kw_only=True)
class Round:
    """What is played, and with how many nodes."""

    number: int
    nodes: int
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        head = f"round {self.number}, watched by {self.nodes} node(s):"
        return "\n".join([head, *(f"  {each}" for each in self.steps)])


ACTIONS = {
    "theft": 5,
    "theft in a block": 3,
    "theft of an unconfirmed deposit": 2,
    "theft replaced by another": 2,
    "honest": 3,
    "fee bump": 2,
    "deposit": 2,
    "mine": 3,
    "said again": 2,
}
"""Movements, with how often each is drawn."""

FAULTS = {
    "watcher killed": 6,
    "watcher stopped a while": 3,
    "node killed": 3,
    "node restarted": 2,
    "evicted": 4,
    "messages dropped": 5,
    "messages late": 3,
    "messages twice": 3,
    "connection cut": 3,
    "topic dead": 4,
    "reorganised": 5,
    "displaced": 3,
    "disk full": 4,
    "clock jumps": 4,
}
"""Faults, with how often each is drawn."""
OF_ONE = frozenset({
    "messages dropped", "messages late", "messages twice", "connection cut", "topic dead",
})  # fmt: skip
"""Those of the proxy, which stands before a single node."""
PARTED = "nodes on different tips"
PARTED_WEIGHT = 6
LASTING = {
    "watcher killed": "watcher started",
    "watcher stopped a while": "watcher goes on",
    "messages late": "messages in time",
    "topic dead": "topic speaks",
    "disk full": "disk has room",
    PARTED: "nodes meet",
}
"""What ends a fault that lasts."""
NAMES = (*FAULTS, PARTED)


def setting_of(seed: int, number: int) -> int:
    """Return by how many nodes the watcher sees in a round."""
    random = Random(f"{seed}/nodes/{number // SETTING_ROUNDS}")  # noqa: S311 - a plan, no secret
    return random.choice((1, 1, 2))


def draw(seed: int, number: int) -> Round:
    """Return the round of this number; the same for the same seed."""
    random = Random(f"{seed}/{number}")  # noqa: S311 - a plan, no secret
    nodes = setting_of(seed, number)
    steps: list[Step] = [_action(random) for _ in range(random.choice((1, 2, 2, 3)))]
    for name in _faults(random, nodes):
        place = random.randint(0, len(steps))
        begin = _fault(random, name)
        if name not in LASTING:
            steps.insert(place, begin)
            continue
        until = random.randint(place, len(steps))
        during = steps[place:until] or [_action(random)]
        wait_ms = _wait(random, long_ms=_lasts(name))
        end = replace(begin, name=LASTING[name], wait_ms=wait_ms)
        steps[place:until] = [begin, *during, end]
    return Round(number=number, nodes=nodes, steps=tuple(steps))


def _faults(random: Random, nodes: int) -> list[str]:
    weights = {name: weight for name, weight in FAULTS.items() if nodes == 1 or name not in OF_ONE}
    if nodes > 1:
        weights[PARTED] = PARTED_WEIGHT
    found: list[str] = []
    for _ in range(random.choice((1, 1, 2))):
        name = random.choices(list(weights), list(weights.values()))[0]
        # Two of a kind at once would end with the first of them.
        if name not in found:
            found.append(name)
    return found


def _action(random: Random) -> Step:
    name = random.choices(list(ACTIONS), list(ACTIONS.values()))[0]
    return Step(
        name=name,
        wait_ms=_wait(random),
        choice=random.randrange(1000),
        much=random.randint(1, 3),
    )


def _fault(random: Random, name: str) -> Step:
    return Step(
        name=name,
        wait_ms=_wait(random),
        choice=random.randrange(1000),
        much=random.randint(1, REORGANISED_MOST),
        topic=random.choice(TOPICS),
    )


def _wait(random: Random, *, long_ms: int = 400) -> int:
    """Return nothing, the time of a verdict, or something longer."""
    return random.randrange(random.choice((1, 40, 40, long_ms)))


def _lasts(name: str) -> int:
    """Return how long the longest of these lasts: a dead topic is noticed after three seconds."""
    return {"topic dead": 7_000, "watcher stopped a while": 3_000}.get(name, 1_500)
