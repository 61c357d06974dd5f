"""Files that several processes use: a lock that dies with its holder, and names that last."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sekisho.kernel.errors import WorldError


@contextmanager
def exclusive(path: Path, wait_seconds: float) -> Iterator[None]:
    """Hold the lock beside the file at `path`, which the system lets go of if we are killed.

    Raises `WorldError` if others hold it for `wait_seconds`, or if there can be no lock.
    """
    try:
        lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WorldError(f"{path}: cannot be locked: {error.strerror}") from error
    try:
        give_up = time.monotonic() + wait_seconds
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > give_up:
                raise WorldError(
                    f"{path}: another writer has held it for {wait_seconds:g} seconds; "
                    "nothing was written"
                )
            time.sleep(0.001)
        yield
    finally:
        os.close(lock)


def sync_folder(path: Path) -> None:
    """Return when the names in the folder at `path` are on the disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
