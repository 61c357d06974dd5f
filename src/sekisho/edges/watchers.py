"""A watcher's folder, on its own machine: who it is to others, and whom it listens to.

watcher.key    signs its heartbeats; watcher.pub is what others enrol it with
number         up to here its beats may have been numbered
peers/         the watchers that its people enrolled
heard/         the newest beat of each, kept every minute

It lies outside the workspace: whoever puts back an old journal must not put this back as well.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.edges.keys import replace_file, write_new
from sekisho.edges.signing_keys import make_signing_key, read_at_most, read_signing_key
from sekisho.journal.store_files import exclusive
from sekisho.kernel.canonical import INTEGER_MAX, canonical_bytes, parse_canonical
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.fields import Fields
from sekisho.watch.beat import (
    MESSAGE_MAX_BYTES,
    KnownWatcher,
    SignedBeat,
    known_watcher_bytes,
    read_known_watcher,
    read_signed_beat,
    signed_beat_document,
)

WATCHER_PUB = "watcher.pub"
NUMBERS_AT_ONCE = 1_000
"""So many numbers are taken from the disk at once; a crash skips what is left of them."""
_KEY, _NUMBER = "watcher.key", "number"
_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherFolder:
    """A watcher's folder, opened."""

    folder: Path
    known: KnownWatcher
    key: Ed25519PrivateKey = field(repr=False)
    peers: tuple[KnownWatcher, ...]
    """Those that its people enrolled, by id."""
    numbers: "Numbers"


class Numbers:
    """The numbers of a watcher's beats: each is higher than all before it, also after a crash."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = read_at_most(path, 32).decode("ascii", "replace").strip()
        if not text.isdecimal() or int(text) > INTEGER_MAX - NUMBERS_AT_ONCE:
            raise BadInputError(str(path), "is no number; enrol a new watcher with the others")
        self._next = self._taken = int(text)
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return the next number; raises `WorldError` if it could be used again later."""
        with self._lock:
            if self._next == self._taken:
                more = self._taken + NUMBERS_AT_ONCE
                try:
                    replace_file(self._path, str(more).encode(), mode=0o600)
                except OSError as error:
                    reason = f"cannot be written: {error.strerror}"
                    raise WorldError(f"{self._path}: {reason}") from error
                self._taken = more
            self._next += 1
            return self._next


def create_watcher(folder: Path, watcher_id: str) -> KnownWatcher:
    """Make a watcher's folder with a new key. Raises `BadInputError` if anything is there."""
    try:
        for each in (folder, folder / "peers", folder / "heard"):
            each.mkdir(mode=0o700, parents=each is folder)
    except OSError as error:
        raise BadInputError(str(folder), f"cannot be made: {error.strerror}") from error
    known = KnownWatcher(watcher_id=watcher_id, public_key=make_signing_key(folder / _KEY))
    write_new(folder / _NUMBER, b"0", mode=0o600)
    write_new(folder / WATCHER_PUB, known_watcher_bytes(known), mode=0o644)
    return known


def read_watcher_pub(path: Path) -> KnownWatcher:
    """Return what a watcher's `watcher.pub` says; raises `BadInputError` naming the field."""
    document = parse_canonical(read_at_most(path, MESSAGE_MAX_BYTES), str(path))
    return read_known_watcher(Fields(document, str(path)))


def enrol_watcher(folder: Path, known: KnownWatcher) -> None:
    """Have a watcher listen to another; raises `BadInputError` for itself, or an id it has."""
    own = read_watcher_pub(folder / WATCHER_PUB)
    if own.watcher_id == known.watcher_id or own.public_key == known.public_key:
        raise BadInputError(known.watcher_id, "is this very watcher; each has its own id and key")
    write_new(folder / "peers" / known.watcher_id, known_watcher_bytes(known), mode=0o600)


@contextmanager
def watcher_at_work(folder: Path) -> Iterator[WatcherFolder]:
    """Open a watcher's folder, for one process at a time.

    Raises `WorldError` if another has it: two would take each other's numbers.
    """
    known = read_watcher_pub(folder / WATCHER_PUB)
    with exclusive(folder / _NUMBER, _WAIT_SECONDS):
        yield WatcherFolder(
            folder=folder,
            known=known,
            key=read_signing_key(folder / _KEY),
            peers=tuple(read_watcher_pub(path) for path in sorted((folder / "peers").iterdir())),
            numbers=Numbers(folder / _NUMBER),
        )


def keep_heard(folder: Path, signed: SignedBeat) -> None:
    """Keep the newest beat of another watcher; raises `WorldError` if that cannot be done."""
    path = folder / "heard" / signed.beat.watcher_id
    try:
        replace_file(path, canonical_bytes(signed_beat_document(signed)), mode=0o600)
    except OSError as error:
        raise WorldError(f"{path}: cannot be written: {error.strerror}") from error


def last_heard(folder: Path, known: KnownWatcher) -> SignedBeat | None:
    """Return the newest beat that was kept of another watcher, or None before the first.

    Raises `BadInputError` for one that is damaged: without it, one set back would be believed.
    """
    path = folder / "heard" / known.watcher_id
    if not path.exists():
        return None
    data = read_at_most(path, MESSAGE_MAX_BYTES)
    signed = read_signed_beat(parse_canonical(data, str(path)), str(path))
    if not signed.is_by(known.public_key):
        raise BadInputError(str(path), "is not signed by the key that is enrolled")
    return signed
