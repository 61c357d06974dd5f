"""Many scenes at random: each shown as it is, and once more with one thing changed.

What was counted of each batch is written down at once, so a run that was cut off goes on where it
was, as long as no line of code is another.
"""

import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random
from typing import Any

from bench.tampered.families import FAMILIES
from bench.tampered.judging import Family, Kind
from bench.tampered.peers import PEERS
from bench.tampered.purses import SCRIPT_TYPES
from bench.tampered.scenes import Batch, Scene, draw_scene, open_batch

BATCH = sum(len(each.kinds) for each in FAMILIES)
"""So many scenes share an office and its wallets: each kind once."""
TRIES_MAX = 2_000
_CORES = 2
_ROOT = Path(__file__).parents[2]
COUNTED = _ROOT / "build" / "tampering"
"""Where the counts of each batch are kept."""
_TOLD_EVERY_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was shown and what was answered.

    Every key is the name of a kind; of honest scenes, that of family and script type.
    """

    shown: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    other_reason: Counter[str] = field(default_factory=Counter)
    """Refused, and not as it should be."""
    honest: Counter[str] = field(default_factory=Counter)
    honest_refused: Counter[str] = field(default_factory=Counter)
    honest_reasons: Counter[str] = field(default_factory=Counter)
    """Family, script type and codes of each honest scene that was refused."""
    for_peers: Counter[str] = field(default_factory=Counter)
    """Shown to the peers too: those in which the PSBT itself differs."""
    peers_refused: Mapping[str, Counter[str]] = field(
        default_factory=lambda: {peer: Counter() for peer in PEERS}
    )
    peers_honest: Counter[str] = field(default_factory=Counter)
    peers_honest_refused: Counter[str] = field(default_factory=Counter)

    def add(self, other: Mapping[str, Any]) -> None:
        """Add the counts of another tally, by field."""
        for name, theirs in other.items():
            ours = getattr(self, name)
            if name == "peers_refused":
                for peer, found in theirs.items():
                    ours[peer].update(found)
            else:
                ours.update(theirs)

    @property
    def accepted(self) -> dict[str, int]:
        """Return how often each kind was let through, where it was."""
        return dict(self.shown - self.refused)


def population(count: int, *, seed: int) -> Tally:
    """Return the answers for `count` tampered scenes and the same scenes untampered.

    Each batch has a seed of its own, so it does not matter how many processes there are.
    """
    sizes = [BATCH] * (count // BATCH) + ([count % BATCH] if count % BATCH else [])
    jobs = {(size, seed * 1_000_003 + number) for number, size in enumerate(sizes)}
    folder = COUNTED / _code_digest()
    folder.mkdir(parents=True, exist_ok=True)
    missing = sorted(job for job in jobs if not _file_of(folder, job).exists())
    begun_at, told_at = time.monotonic(), 0.0
    with ProcessPoolExecutor(_CORES) as pool:
        running = [pool.submit(_written, folder, *job) for job in missing]
        for done, each in enumerate(as_completed(running), start=1):
            each.result()
            now = time.monotonic()
            if now - told_at > _TOLD_EVERY_SECONDS or done == len(running):
                told_at = now
                rate = done * BATCH / (now - begun_at)
                left = len(jobs) - len(missing) + done
                line = f"{left} of {len(jobs)} batches, {rate:.0f} scenes a second"
                print(line, file=sys.stderr, flush=True)
    whole = Tally()
    for job in sorted(jobs):
        whole.add(json.loads(_file_of(folder, job).read_text(encoding="utf-8")))
    return whole


def _written(folder: Path, size: int, seed: int) -> None:
    """Write the answers for one batch down, whole or not at all."""
    tally = answers(size, seed)
    document = json.dumps({each.name: getattr(tally, each.name) for each in fields(tally)})
    path = _file_of(folder, (size, seed))
    unfinished = path.with_suffix(".part")
    unfinished.write_text(document, encoding="utf-8")
    unfinished.replace(path)


def _file_of(folder: Path, job: tuple[int, int]) -> Path:
    size, seed = job
    return folder / f"{seed}-{size}.json"


def _code_digest() -> str:
    """Return what tells this code from any other: counts of two are never added up."""
    hashed = hashlib.sha256()
    for root in ("src", "bench/tampered"):
        for each in sorted((_ROOT / root).rglob("*.py")):
            hashed.update(hashlib.sha256(each.read_bytes()).digest())
    return hashed.hexdigest()[:16]


def answers(size: int, seed: int) -> Tally:
    """Return the answers for one batch, in which no kind is shown twice before all are."""
    random = Random(seed)  # noqa: S311 - the same scenes in each run, not secrets
    batch = open_batch(random)
    tally = Tally()
    for family, each in _dealt(random, size):
        scene = applicable(random, batch, each)
        if scene is None:
            raise RuntimeError(f"no scene is one to which {each.name!r} applies")
        honest = family.honest(scene)
        _show_honest(tally, family, scene, honest)
        attempt = each.tamper(honest, random)
        if attempt == honest:
            raise RuntimeError(f"{each.name!r} changed nothing")
        _show_tampered(tally, family, each, scene, attempt)
    return tally


def _dealt(random: Random, size: int) -> Iterator[tuple[Family[Any], Kind[Any]]]:
    kinds = [(family, each) for family in FAMILIES for each in family.kinds]
    while size > 0:
        yield from random.sample(kinds, k=min(size, len(kinds)))
        size -= len(kinds)


def applicable(
    random: Random,
    batch: Batch,
    kind: Kind[Any],
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


def honest_name(family: Family[Any], script_type: str) -> str:
    """Return what honest scenes are counted under."""
    return f"{family.title}: {script_type}"


def _show_honest(tally: Tally, family: Family[Any], scene: Scene, attempt: Any) -> None:  # noqa: ANN401 - what the family judges
    name = honest_name(family, scene.purse.kind)
    tally.honest[name] += 1
    codes = family.judge(attempt)
    if codes:
        tally.honest_refused[name] += 1
        tally.honest_reasons[f"{name}: {', '.join(sorted(codes))}"] += 1
    if family.is_for_peers:
        for peer, lets_through in PEERS.items():
            tally.peers_honest[peer] += 1
            tally.peers_honest_refused[peer] += not lets_through(attempt.psbt, scene.purse)


def _show_tampered(
    tally: Tally,
    family: Family[Any],
    kind: Kind[Any],
    scene: Scene,
    attempt: Any,  # noqa: ANN401 - what the family judges
) -> None:
    tally.shown[kind.name] += 1
    codes = family.judge(attempt)
    tally.refused[kind.name] += bool(codes)
    tally.other_reason[kind.name] += bool(codes) and not kind.is_refused_rightly(codes)
    if not family.is_for_peers or attempt.psbt == scene.psbt:
        return
    tally.for_peers[kind.name] += 1
    for peer, lets_through in PEERS.items():
        tally.peers_refused[peer][kind.name] += not lets_through(attempt.psbt, scene.purse)
