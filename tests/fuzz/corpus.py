"""Inputs worth keeping: each reaches lines of ours that neither seeds nor smaller ones reach.

They lie in `corpus/TARGET/`, named by their SHA-256, and are seeds of every hunt from then on.
`python -m fuzz --keep` writes them.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import sekisho

CORPUS = Path(__file__).parent / "corpus"
FILES_MAX = 30
BYTES_MAX = 60 * 1024
"""Of one target's files together: room for two whole bundles, the largest that is read."""
_OURS = str(Path(sekisho.__file__).parent)

Lines: TypeAlias = frozenset[tuple[str, int]]
Parse: TypeAlias = Callable[[bytes], object]


class Reaching:
    """A parser, and what was found on the way: inputs that reached a line as the first."""

    def __init__(self, parse: Parse) -> None:
        self.parse, self.found = parse, list[bytes]()
        self._seen: set[tuple[str, int]] = set()

    def __call__(self, data: bytes) -> object:
        lines: set[tuple[str, int]] = set()
        try:
            return _traced(self.parse, data, lines)
        finally:
            if not lines <= self._seen:
                self._seen |= lines
                self.found.append(data)


def lines_of(parse: Parse, data: bytes) -> Lines:
    """Return the lines of ours that an input reaches, whether it is parsed or refused."""
    lines: set[tuple[str, int]] = set()
    try:
        _traced(parse, data, lines)
    except Exception:  # noqa: BLE001 - what it may raise is the hunt's to say
        return frozenset(lines)
    return frozenset(lines)


def minimised(
    seeds: Iterable[bytes], found: Iterable[bytes], lines: Callable[[bytes], Lines]
) -> list[bytes]:
    """Return those of `found` that add lines to the seeds' and to smaller ones', within bounds."""
    reached = frozenset[tuple[str, int]]().union(*map(lines, seeds))
    kept: list[bytes] = []
    for data in sorted(set(found), key=lambda each: (len(each), each)):
        if len(kept) == FILES_MAX or sum(map(len, kept)) + len(data) > BYTES_MAX:
            break
        there = lines(data)
        if not there <= reached:
            reached |= there
            kept.append(data)
    return kept


def kept_inputs(name: str, corpus: Path = CORPUS) -> list[bytes]:
    """Return what was kept for a target, the same order every time."""
    return [path.read_bytes() for path in sorted((corpus / name).glob("*"))]


def keep_inputs(name: str, inputs: Iterable[bytes], corpus: Path = CORPUS) -> None:
    """Write a target's inputs in place of what was kept."""
    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*"):
        path.unlink()
    for data in inputs:
        (folder / name_of(data)).write_bytes(data)


def name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _traced(parse: Parse, data: bytes, lines: set[tuple[str, int]]) -> object:
    """Parse, and put every line of ours that is run into `lines`."""

    def each_line(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401 - sys.settrace's
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return each_line

    def each_call(frame: FrameType, _: str, __: Any) -> Any:  # noqa: ANN401 - sys.settrace's
        return each_line if frame.f_code.co_filename.startswith(_OURS) else None

    before = sys.gettrace()
    sys.settrace(each_call)
    try:
        return parse(data)
    finally:
        sys.settrace(before)
