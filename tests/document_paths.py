"""Changing one field of a document, however deep, as tests of strict readers do."""

from collections.abc import Sequence
from typing import Any

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json

Path = Sequence[str | int]


def changed(document: Json, path: Path, value: Json) -> Json:
    """Return the document with the field at `path` set to `value`."""
    copy, parent = _copy(document, path)
    parent[path[-1]] = value
    return copy


def without(document: Json, path: Path) -> Json:
    """Return the document without the field at `path`."""
    copy, parent = _copy(document, path)
    del parent[path[-1]]
    return copy


def paths_of(document: Json, before: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every field of every object in a document."""
    found: list[tuple[str | int, ...]] = []
    if isinstance(document, dict):
        for name, value in document.items():
            found += [(*before, name), *paths_of(value, (*before, name))]
    if isinstance(document, list):
        for index, value in enumerate(document):
            found += paths_of(value, (*before, index))
    return found


def place(root: str, path: Path) -> str:
    """Return a path as an error names it: `pass.transfer.payments[0].amount_sat`."""
    return root + "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)


def _copy(document: Json, path: Path) -> tuple[Json, Any]:
    copy = parse_json(canonical_bytes(document), "copy")
    parent: Any = copy
    for name in path[:-1]:
        parent = parent[name]
    return copy, parent
