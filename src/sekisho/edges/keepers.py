"""A keeper's folder: what the gate's or the watcher's keeper has beside the journal.

openings/    what was handed over of each key file and passkey (`passes/duress.py`)
holds.json   what the keeper holds of their own accord, why, and what they have settled
reports/     one file for each thing that was held, with the reason: read here and nowhere else

It lies outside the workspace, on the gate's or the watcher's own machine, and only its owner may
read it: the workspace is exported, shown and backed up, and must hold nothing of this.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path

from sekisho.edges.keys import replace_file, write_new
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import document_digest
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.fields import Fields
from sekisho.passes.duress import (
    Holds,
    Keeper,
    Opening,
    Openings,
    joined,
    openings_bytes,
    read_openings,
)

HOLDS = "holds.json"
HOLDS_FORMAT = "sekisho/holds/v1"
_FILE_MAX_BYTES = 8 * 1024 * 1024
_REPORT_BLOCK_BYTES = 4096
"""Reports are filled up to so much, so that their size does not tell what stands in them."""
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_keeper(folder: Path) -> None:
    """Make an empty keeper's folder. Raises `BadInputError` if there is anything already."""
    try:
        for each in (folder, folder / "openings", folder / "reports"):
            each.mkdir(mode=0o700)
    except OSError as error:
        raise BadInputError(str(folder), f"cannot be made: {error.strerror}") from error
    write_new(folder / HOLDS, _holds_bytes(Holds(), ""), mode=0o600)


def open_keeper(folder: Path, *, workspace: Path) -> Keeper:
    """Return what the folder holds.

    Raises `BadInputError` if it lies inside the workspace, if others may read or write it, or if
    any part cannot be read: a keeper who half knows would let through what must be held.
    """
    if folder.resolve().is_relative_to(workspace.resolve()):
        raise BadInputError(str(folder), "lies inside the workspace, where others read it")
    return Keeper(
        openings=read_folder(folder),
        holds=read_holds(folder)[0],
        report=lambda document: write_report(folder, document),
    )


def read_folder(folder: Path) -> Openings:
    """Return all openings in a keeper's folder; raises `BadInputError` as `open_keeper` does."""
    _check_private(folder)
    found: list[Opening] = []
    for path in _files(folder / "openings"):
        found.extend(read_openings(_read(path), str(path)).by_key.values())
    return joined(found, str(folder))


def take_openings(folder: Path, source: Path) -> int:
    """Keep a copy of the openings in `source`, and return how many the folder now has.

    The file that was handed over is the caller's to delete.
    """
    held = read_folder(folder)
    new = read_openings(_read(source), str(source))
    both = joined([*held.by_key.values(), *new.by_key.values()], str(source))
    document = openings_bytes(new)
    name = document_digest("openings-file", parse_json(document, str(source)))[:32]
    path = folder / "openings" / f"{name}.json"
    if not path.exists():
        write_new(path, document, mode=0o600)
    return len(both.by_key)


def read_holds(folder: Path) -> tuple[Holds, str]:
    """Return what the keeper holds, and the reason that they wrote down for themselves."""
    _check_private(folder)
    path = folder / HOLDS
    fields = Fields(parse_json(_read(path), str(path)), str(path))
    fields.choice("format", (HOLDS_FORMAT,))
    holds = Holds(
        on=fields.boolean("on"),
        passes=frozenset(fields.texts("passes", empty=True)),
        settled=frozenset(fields.texts("settled", empty=True)),
    )
    reason = fields.text("reason", empty=True)
    fields.done()
    return holds, reason


def write_holds(folder: Path, holds: Holds, reason: str) -> None:
    """Put `holds` in place of what the keeper held until now; durable when this returns."""
    _check_private(folder)
    path = folder / HOLDS
    try:
        replace_file(path, _holds_bytes(holds, reason), mode=0o600)
    except OSError as error:
        raise WorldError(f"{path}: cannot be written: {error.strerror}") from error


def settle(folder: Path, report: Path) -> int:
    """Let others go on after what a report tells of, and return how many statements it settles.

    The pass that was itself approved in this way stays held for good.
    """
    fields = Fields(parse_json(_read(report), str(report)), str(report))
    ids = fields.each("statements", lambda each: each.text("statement_id"), empty=True)
    holds, reason = read_holds(folder)
    write_holds(folder, replace(holds, settled=holds.settled | set(ids)), reason)
    return len(ids)


def write_report(folder: Path, document: dict[str, Json]) -> None:
    """Leave a report for the keeper, durably; the same one again, but for its time, is one file.

    Raises `WorldError` if it cannot be written: then nothing may be answered either.
    """
    told = {name: value for name, value in document.items() if name != "at"}
    path = folder / "reports" / f"{document_digest('hold-report', told)[:32]}.json"
    data = canonical_bytes(document)
    filled = data + b" " * (-len(data) % _REPORT_BLOCK_BYTES)
    try:
        replace_file(path, filled, mode=0o600)
    except OSError as error:
        raise WorldError(f"{path}: cannot be written: {error.strerror}") from error


def _holds_bytes(holds: Holds, reason: str) -> bytes:
    return canonical_bytes(
        {
            "format": HOLDS_FORMAT,
            "on": holds.on,
            "passes": [*sorted(holds.passes)],
            "settled": [*sorted(holds.settled)],
            "reason": reason,
        }
    )


def _check_private(folder: Path) -> None:
    """Raise unless folder and files are the caller's alone."""
    try:
        for each in (folder, folder / "openings", folder / "reports", folder / HOLDS):
            found = each.lstat()
            if found.st_uid != os.getuid() or stat.S_ISLNK(found.st_mode):
                raise BadInputError(str(each), "is not this user's own")
            if found.st_mode & _FOR_OTHERS:
                raise BadInputError(str(each), "may be read by others; take that right away")
    except OSError as error:
        reason = f"is no keeper's folder: {error.strerror}"
        raise BadInputError(str(folder), reason) from error


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise BadInputError(str(folder), f"cannot be read: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_MAX_BYTES + 1)
    except OSError as error:
        raise BadInputError(str(path), f"cannot be read: {error.strerror}") from error
    if len(data) > _FILE_MAX_BYTES:
        raise BadInputError(str(path), f"is larger than {_FILE_MAX_BYTES} bytes")
    return data
