"""Hold parsers to their promise: for any bytes a correct parse or `BadInputError`, and soon.

A target is a name, a function from bytes, and seeds. The function may check what it parsed (a
round trip, say): whatever it raises but `BadInputError` is a failure. A failing input is kept in a
file. The input being tried is in a file as well, so that one that kills the process is not lost.
"""

import hashlib
import importlib
import mmap
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic
from types import FrameType
from typing import TypeAlias

from fuzz.corpus import kept_inputs
from fuzz.mutate import INPUT_MAX_BYTES, mutated

from sekisho.kernel.errors import BadInputError

Target: TypeAlias = tuple[str, Callable[[bytes], object], list[bytes]]

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / "build" / "fuzz"
SECONDS_PER_INPUT = 20
"""Generous, as other work may share the machine; what is quadratic takes minutes."""
DEAF_SECONDS_PER_INPUT = 60
"""Compiled code may not hear the alarm; after so much processor time the process is ended."""
MEMORY_BYTES = 1024**3
"""What a target may take beside what was taken before it."""
CORPUS_MAX = 400
FAILURES_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An input that broke the promise, and how."""

    why: str
    kept: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a hunt on one target came to."""

    executions: int
    accepted: int
    """How many inputs were parsed rather than refused: none means that nothing was tested."""
    seconds: float
    failures: tuple[Failure, ...]


class TookTooLongError(BaseException):
    """An input took longer than allowed. No `Exception`, so that no parser swallows it."""


def targets() -> list[Target]:
    """Return all that the `*_targets.py` beside this file offer as `FUZZ_TARGETS`.

    The last seeds of each are what `corpus/` keeps for it.
    """
    found: list[Target] = []
    for path in sorted(HERE.glob("*_targets.py")):
        found += importlib.import_module(f"fuzz.{path.stem}").FUZZ_TARGETS
    names = [name for name, _, _ in found]
    if len(set(names)) != len(names):
        raise ValueError("two fuzz targets have one name")
    return [(name, parse, [*seeds, *kept_inputs(name)]) for name, parse, seeds in found]


def hunt(target: Target, *, seconds: float, seed: int, kept: Path = KEPT) -> Report:
    """Try mutated seeds for some seconds, or until `FAILURES_MAX` different failures."""
    name, parse, seeds = target
    random = Random(f"{seed} {name}")  # noqa: S311 - the same inputs again, not secrets
    untried, corpus = [*reversed(seeds), b""], [b"", *seeds]
    executions = accepted = 0
    failures: dict[str, Failure] = {}
    started = monotonic()
    with _trying(kept / f"{name}.trying") as trying, _limited():
        while monotonic() - started < seconds and len(failures) < FAILURES_MAX:
            is_seed = bool(untried)
            data = untried.pop() if is_seed else mutated(random, corpus)
            executions += 1
            trying[: len(data) + 4] = len(data).to_bytes(4, "big") + data
            why = _broken(parse, data)
            if why and (last_line := why.splitlines()[-1]) not in failures:
                failures[last_line] = _keep(kept, name, data, why)
            if why is None:
                accepted += 1
                if not is_seed and len(corpus) < CORPUS_MAX:
                    corpus.append(data)  # one step from this one is two steps from a seed
    return Report(
        executions=executions,
        accepted=accepted,
        seconds=monotonic() - started,
        failures=tuple(failures.values()),
    )


def _broken(parse: Callable[[bytes], object], data: bytes) -> str | None:
    """Return how `parse` broke its promise, "" if it refused `data`, None if it parsed it."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS_PER_INPUT)
    signal.setitimer(signal.ITIMER_PROF, DEAF_SECONDS_PER_INPUT)
    try:
        parse(data)
    except BadInputError:
        return ""
    except (Exception, TookTooLongError) as error:  # noqa: BLE001 - any other is what we hunt
        where = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"{traceback.format_exc()}\n{type(error).__name__} at {where.filename}:{where.lineno}"
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


def _keep(kept: Path, name: str, data: bytes, why: str) -> Failure:
    path = kept / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}"
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(why, encoding="utf-8", errors="backslashreplace")
    return Failure(why=why, kept=path)


@contextmanager
def _trying(path: Path) -> Iterator[mmap.mmap]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb+") as file:
        file.truncate(INPUT_MAX_BYTES + 4)
        with mmap.mmap(file.fileno(), INPUT_MAX_BYTES + 4) as memory:
            yield memory
    path.unlink(missing_ok=True)


@contextmanager
def _limited() -> Iterator[None]:
    """Bound time and memory while inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGALRM, _ring)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def _ring(_: int, __: FrameType | None) -> None:
    raise TookTooLongError(f"no answer within {SECONDS_PER_INPUT} s")
