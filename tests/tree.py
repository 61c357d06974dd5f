"""The project's files, as the tests that hold its rules read them."""

import ast
import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "sekisho"
SHELL_NAMES = {"flow.py", "store.py", "app.py"}
SHELL_FOLDERS = ("cli/", "console/", "edges/", "journal/migrations/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One Python file: where it is under `src/sekisho` (or the root), and what it says."""

    name: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.name.partition("/")[0].removesuffix(".py")

    @property
    def is_pure(self) -> bool:
        last = self.name.rpartition("/")[2]
        shell = last in SHELL_NAMES or last.startswith("store_")
        return not shell and not self.name.startswith(SHELL_FOLDERS)


def module(name: str, text: str) -> Module:
    return Module(name=name, text=text, tree=ast.parse(text))


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is not ignored: what is, or is about to be, in the repository."""
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    return tuple(sorted(_walk(ROOT, [".git", *ignored])))


@cache
def source() -> tuple[Module, ...]:
    """Return every module of the package."""
    return tuple(_modules(SOURCE, SOURCE))


@cache
def all_python() -> tuple[Module, ...]:
    """Return every Python file of ours: the package, its tests, and the benchmarks."""
    return tuple(_modules(ROOT, ROOT))


@cache
def text_of(path: Path) -> str | None:
    """Return what a file says, or None for one that is not text."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        return None


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _modules(folder: Path, base: Path) -> Iterator[Module]:
    for path in files():
        if path.suffix == ".py" and path.is_relative_to(folder):
            yield module(path.relative_to(base).as_posix(), path.read_text(encoding="utf-8"))


def _walk(folder: Path, ignored: list[str]) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if not any(fnmatch.fnmatch(entry.name, each) for each in ignored):
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), ignored)
            else:
                yield Path(entry.path)
