"""Small files that must not be lost: keys, checkpoints, and what was last seen of a log.

They are written whole and durably or not at all. What was last seen is kept under a lock, since
two who read the same state would cosign two histories.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sekisho.journal.notes import VerifierKey
from sekisho.journal.store_files import exclusive, sync_folder
from sekisho.journal.witness.last_seen import Evidence, LastSeen, advance
from sekisho.journal.witness.state import Shown, parse_seen, seen_of, write_seen
from sekisho.kernel.canonical import SIZE_MAX_BYTES
from sekisho.kernel.errors import BadInputError, WorldError

KEY_MAX_BYTES = 16 * 1024
_WAIT_SECONDS = 30.0


def begin_seen(path: Path, logs: tuple[LastSeen, ...]) -> None:
    """Make the file that `read_seen` reads. Raises `WorldError` if there is one already."""
    write_new(path, write_seen(logs))


def read_seen(path: Path) -> tuple[LastSeen, ...]:
    """Return what was last seen of each log, as the file at `path` keeps it.

    Raises `WorldError` if it is gone or damaged. That is a reason to stop: whoever starts afresh
    believes the next history that it is shown, whichever it is.
    """
    if not path.exists():
        raise WorldError(
            f"{path}: what was last seen of the journal is gone; put the newest copy back, "
            "for without it another history would be believed"
        )
    try:
        return parse_seen(read_file(path, SIZE_MAX_BYTES), str(path))
    except BadInputError as error:
        raise WorldError(f"{error}; put the newest copy of it back") from error


def change_seen(
    path: Path, change: Callable[[tuple[LastSeen, ...]], tuple[LastSeen, ...]]
) -> tuple[LastSeen, ...]:
    """Keep at `path` what `change` makes of what is kept there, and return it.

    One process at a time. When this returns, it is on the disk; if `change` raises, what was kept
    is kept. Raises `WorldError` as `read_seen` does, and if it cannot be written.
    """
    with held(path):
        before = read_seen(path)
        after = change(before)
        if after != before:
            replace_file(path, write_seen(after))
    return after


def keep_seen(
    path: Path, data: bytes, log: VerifierKey, evidence: Evidence, where: str
) -> LastSeen:
    """Keep the checkpoint note in `data` at `path` as the last one seen of its log; return it.

    For a gate, a watcher or an approver's own machine, which began with `none_seen` of the log, or
    with `seen_in` of a checkpoint that people compared. Raises as `last_seen.advance` does if it
    does not only add to the one kept, and `Refused` (`journal.log_unknown`) for another log: what
    was kept is kept then. Raises `WorldError` as `change_seen` does.
    """
    shown = Shown(note=data, proof=None)

    def change(logs: tuple[LastSeen, ...]) -> tuple[LastSeen, ...]:
        seen = seen_of(logs, shown, where)
        now_seen = advance(seen, data, log, evidence, where)
        return tuple(now_seen if each is seen else each for each in logs)

    return seen_of(change_seen(path, change), shown, where)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep every other process from changing the file at `path`. Raises `WorldError` in time."""
    with exclusive(path, _WAIT_SECONDS):
        yield


def write_private_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Write a key that a program uses by itself: unencrypted, for its owner alone, once."""
    write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Return the key that `write_private_key` wrote, or raise `BadInputError`."""
    where = str(path)
    try:
        private = load_pem_private_key(read_file(path, KEY_MAX_BYTES), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInputError(where, "is no unencrypted private key in PEM form") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BadInputError(where, "is not an Ed25519 key")
    return private


def read_line(path: Path) -> str:
    """Return what a small file of one line says, or raise `BadInputError`."""
    return read_file(path, KEY_MAX_BYTES).decode(errors="replace").removesuffix("\n")


def read_file(path: Path, limit_bytes: int) -> bytes:
    """Return what the file holds; a larger one is cut one byte above the limit, and refused."""
    with opened(path) as file:
        return file.read(limit_bytes + 1)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be read. Raises `BadInputError` if it cannot be."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise BadInputError(str(path), f"cannot be read: {error.strerror}") from error


def write_new(path: Path, data: bytes) -> None:
    """Write a file that was not there before, readable by nobody else, and durable."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        sync_folder(path.parent)
    except OSError as error:
        raise WorldError(f"{path}: cannot be written: {error.strerror}") from error


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file whole: whoever looks, at any moment, sees the old one or the new one."""
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        write_new(unfinished, data)
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise WorldError(f"{path}: cannot be replaced: {error.strerror}") from error
