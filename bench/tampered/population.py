"""Many scenes at random: each shown as it is, and once more with one thing changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from random import Random

from bench.tampered.families import FAMILIES
from bench.tampered.judging import Family, Kind
from bench.tampered.peers import PEERS
from bench.tampered.purses import SCRIPT_TYPES
from bench.tampered.scenes import Attempt, Batch, Scene, draw_scene, open_batch

BATCH = 250
"""So many scenes share an office and its wallets."""
TRIES_MAX = 2_000
_CORES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was shown and what was answered. Every key is the name of a kind or a script type."""

    shown: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    other_reason: Counter[str] = field(default_factory=Counter)
    """Refused, and by none of the rules that should."""
    honest: Counter[str] = field(default_factory=Counter)
    honest_refused: Counter[str] = field(default_factory=Counter)
    honest_reasons: Counter[str] = field(default_factory=Counter)
    """Script type and codes of each honest scene that was refused."""
    for_peers: Counter[str] = field(default_factory=Counter)
    """Shown to the peers too: those in which the PSBT itself differs."""
    peers_refused: Mapping[str, Counter[str]] = field(
        default_factory=lambda: {peer: Counter() for peer in PEERS}
    )
    peers_honest_refused: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        for ours, theirs in (
            (self.shown, other.shown),
            (self.refused, other.refused),
            (self.other_reason, other.other_reason),
            (self.honest, other.honest),
            (self.honest_refused, other.honest_refused),
            (self.honest_reasons, other.honest_reasons),
            (self.for_peers, other.for_peers),
            (self.peers_honest_refused, other.peers_honest_refused),
            *((self.peers_refused[peer], other.peers_refused[peer]) for peer in PEERS),
        ):
            ours.update(theirs)

    @property
    def accepted(self) -> dict[str, int]:
        """Return how often each kind was let through, where it was."""
        return dict(self.shown - self.refused)


def population(count: int, *, seed: int) -> Tally:
    """Return the answers for `count` tampered scenes and the same scenes untampered."""
    sizes = [BATCH] * (count // BATCH) + ([count % BATCH] if count % BATCH else [])
    seeds = (seed * 1_000_003 + number for number in range(len(sizes)))
    whole = Tally()
    with ProcessPoolExecutor(_CORES) as pool:
        for part in pool.map(answers, sizes, seeds):
            whole.add(part)
    return whole


def answers(size: int, seed: int) -> Tally:
    """Return the answers for one batch."""
    random = Random(seed)  # noqa: S311 - the same scenes in each run, not secrets
    batch = open_batch(random)
    kinds = [(family, each) for family in FAMILIES for each in family.kinds]
    tally = Tally()
    for family, each in (random.choice(kinds) for _ in range(size)):
        scene = applicable(random, batch, each)
        if scene is None:
            raise RuntimeError(f"no scene is one to which {each.name!r} applies")
        _show_honest(tally, family, scene)
        _show_tampered(tally, family, each, scene, random)
    return tally


def applicable(
    random: Random,
    batch: Batch,
    kind: Kind,
    types: Sequence[str] = tuple(SCRIPT_TYPES),
    *,
    tries: int = TRIES_MAX,
) -> Scene | None:
    """Return a scene of one of some script types to which the kind applies; None if none does."""
    for _ in range(tries):
        scene = draw_scene(random, batch, random.choice(types))
        if kind.applies(scene):
            return scene
    return None


def _show_honest(tally: Tally, family: Family, scene: Scene) -> None:
    name = scene.purse.kind
    attempt = family.honest(scene)
    tally.honest[name] += 1
    codes = family.judge(attempt)
    if codes:
        tally.honest_refused[name] += 1
        tally.honest_reasons[f"{name}: {', '.join(sorted(codes))}"] += 1
    for peer, lets_through in PEERS.items():
        tally.peers_honest_refused[peer] += not lets_through(attempt.psbt, scene.purse)


def _show_tampered(tally: Tally, family: Family, kind: Kind, scene: Scene, random: Random) -> None:
    attempt: Attempt = kind.tamper(scene, random)
    if attempt == family.honest(scene):
        raise RuntimeError(f"{kind.name!r} changed nothing")
    tally.shown[kind.name] += 1
    codes = family.judge(attempt)
    tally.refused[kind.name] += bool(codes)
    tally.other_reason[kind.name] += bool(codes) and not kind.codes & set(codes)
    if attempt.psbt == scene.psbt:
        return
    tally.for_peers[kind.name] += 1
    for peer, lets_through in PEERS.items():
        tally.peers_refused[peer][kind.name] += not lets_through(attempt.psbt, scene.purse)
