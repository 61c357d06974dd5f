"""Files of watched scripts: millions of them, read in seconds, and none of them changed.

All numbers are little-endian. The file begins with `MAGIC` and goes on with sections:

    4 bytes   how many scripts: n, at most 65,536
    4 bytes   their bytes together: m, at most 1 MiB and one script more
    2n bytes  their sizes
    m bytes   the scripts, one after another
    32 bytes  SHA-256 of the 32 bytes that end the section before (of `MAGIC`, in the first
              section), and of all of this section that precedes

The last section has n = m = 0, and 8 bytes with the number of all scripts in place of sizes and
scripts. Nothing follows it. So a section that was changed, left out, put in or moved is noticed,
and so is an end that is missing. A file that has no last section yet may grow: whoever appends to
it writes whole sections, and a watcher reads on. Whoever writes a file can write its sums too:
they tell damage from what was written, and say nothing of who wrote it.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from fcntl import LOCK_EX, flock
from hashlib import sha256
from io import FileIO
from pathlib import Path
from struct import Struct
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sekisho.kernel.errors import BadInputError, WorldError

MAGIC: Final = b"sekisho scripts1"
SCRIPT_SIZE_MAX: Final = 0xFFFE

_COUNT_MAX = 65_536
_SIZE_MAX = 1 << 20
_HEAD, _TOTAL = Struct("<II"), Struct("<Q")
_SUM_SIZE = 32
_NO_FILE = "this is no file of watched scripts"

Packed: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Scripts, one after another, and their sizes."""


def write_scripts(path: Path, scripts: Iterable[bytes]) -> int:
    """Write a file of these scripts, whole or not at all; return how many they are.

    Raises `ValueError` for a script of more than `SCRIPT_SIZE_MAX` bytes, and `WorldError` if the
    disk fails.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(MAGIC)
            total, last = 0, sha256(MAGIC).digest()
            for section in _sections(scripts):
                written, last = _summed(section, last)
                file.write(written)
                total += len(section)
            written = _HEAD.pack(0, 0) + _TOTAL.pack(total)
            file.write(written + sha256(last + written).digest())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return total


def _sections(scripts: Iterable[bytes]) -> Iterator[list[bytes]]:
    section: list[bytes] = []
    size = 0
    for each in scripts:
        if len(each) > SCRIPT_SIZE_MAX:
            raise ValueError(f"a script of {len(each)} bytes: nobody could spend what it is paid")
        section.append(each)
        size += len(each)
        if len(section) == _COUNT_MAX or size >= _SIZE_MAX:
            yield section
            section, size = [], 0
    if section:
        yield section


def append_scripts(path: Path, scripts: Iterable[bytes]) -> int:
    """Add scripts to a file that grows; return how many. They are on the disk before it returns.

    The file is made if it is not there. What somebody left half-written at its end is cut off
    before. Raises `BadInputError` for a file that has its end, or is none of watched scripts, and
    else as `write_scripts` does.
    """
    try:
        with path.open("a+b", buffering=0) as file:
            flock(file, LOCK_EX)  # of two that append, one waits
            number = file.fileno()
            begun = os.pread(number, len(MAGIC), 0)
            if len(begun) < len(MAGIC) and MAGIC.startswith(begun):
                os.ftruncate(number, 0)
                file.write(MAGIC)
            _, end, last = _walk(number, path)
            os.ftruncate(number, end)
            total = 0
            for section in _sections(scripts):
                written, last = _summed(section, last)
                file.write(written)  # at once, so that whoever reads on sees little of it halfway
                total += len(section)
            os.fsync(number)
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from error
    return total


def declared_count(path: Path) -> int:
    """Return how many scripts a file says it has, to make room for; nothing of it is checked yet.

    Never more than its size can hold. Raises `WorldError` if the disk fails.
    """
    try:
        with path.open("rb") as file:
            return _walk(file.fileno(), path, to_append=False)[0]
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from error


def _walk(number: int, path: Path, *, to_append: bool = True) -> tuple[int, int, bytes]:
    """Return how many scripts are in whole sections, where those end, and their last sum.

    Raises `BadInputError` for what nobody may append to.
    """
    total, at, size = 0, len(MAGIC), os.fstat(number).st_size
    if os.pread(number, at, 0) != MAGIC and to_append:
        raise BadInputError(f"{path}: byte 0", _NO_FILE)
    while len(head := os.pread(number, _HEAD.size, at)) == _HEAD.size:
        count, _ = _HEAD.unpack(head)
        try:
            after = at + _HEAD.size + _needed(head, f"{path}: byte {at}")
        except BadInputError:
            if to_append:
                raise
            break
        if after > size or (not count and not to_append):
            break
        if not count:
            raise BadInputError(f"{path}: byte {at}", "the file has its end, and does not grow")
        total, at = total + count, after
    last = sha256(MAGIC).digest() if at == len(MAGIC) else os.pread(number, _SUM_SIZE, at - 32)
    return total, at, last


def read_scripts(path: Path) -> Iterator[Packed]:
    """Yield the scripts of a file, some tens of thousands at a time, each checked before.

    Raises `BadInputError` with the offset of a section that is not as it was written, or where
    the file should end and does not, or ends and should not: only a file that was read to its end
    without one is whole. Raises `WorldError` if the disk fails.
    """
    with closing(ScriptFile(path)) as file:
        while (packed := file.more()) is not None:
            yield packed
        if not file.at:
            raise BadInputError(file.where, _NO_FILE)
        if not file.has_ended:
            within = (
                "within this section" if file.left >= _HEAD.size else "before its last section"
            )
            raise BadInputError(file.where, f"the file ends {within}")


class ScriptFile:
    """A file of watched scripts that is read on as it grows. Nothing is opened before it is read.

    What is there in part is waited for. What is damaged is not passed over: the same place is read
    again until it is as it was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._forget()

    def _forget(self) -> None:
        self.has_ended = False
        """Its last section was read: it does not grow any more."""
        self.at = 0
        """How many bytes were read."""
        self.left = 0
        """How many followed that are no whole section yet, when it was last read."""
        self._total = 0
        self._last = sha256(MAGIC).digest()

    @property
    def where(self) -> str:
        """The place where reading goes on."""
        return f"{self.path}: byte {self.at}"

    def more(self) -> Packed | None:
        """Return the scripts of the next section; None if no whole one is there now.

        Raises `BadInputError` with the place of what is not as it was written, and `WorldError` if
        the disk fails. Either way nothing is lost, and the next call tries again.
        """
        try:
            if self._file is None:
                self._file = FileIO(self.path)
            return self._more(self._file.fileno())
        except OSError as error:
            raise WorldError(f"{self.path}: {error.strerror}") from error

    def begins_anew(self) -> bool:
        """Return whether another file is in its place, or it is shorter than what was read.

        If so, it is read from the beginning from now on. Raises `WorldError` if the disk fails.
        """
        if self._file is None:
            return False
        try:
            before, now = os.fstat(self._file.fileno()), self.path.stat()
        except OSError as error:
            raise WorldError(f"{self.path}: {error.strerror}") from error
        if (before.st_dev, before.st_ino) == (now.st_dev, now.st_ino) and now.st_size >= self.at:
            return False
        self.close()
        self._forget()
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _more(self, number: int) -> Packed | None:
        if not self.at and not self._has_begun(number):
            return None
        self.left = max(os.fstat(number).st_size - self.at, 0)
        if self.has_ended:
            if self.left:
                raise BadInputError(self.where, "something follows the last section")
            return None
        head = os.pread(number, _HEAD.size, self.at)
        if len(head) < _HEAD.size:
            return None
        (count, size), needed = _HEAD.unpack(head), _needed(head, self.where)
        body = os.pread(number, needed, self.at + _HEAD.size)
        if len(body) < needed:
            return None
        written, said = body[:-_SUM_SIZE], body[-_SUM_SIZE:]
        if sha256(self._last + head + written).digest() != said:
            raise BadInputError(self.where, "this section is not as it was written")
        sizes = np.frombuffer(body, "<u2", count).astype(np.int64)
        if sizes.sum() != size:
            raise BadInputError(
                self.where, "the sizes of this section are not those of its scripts"
            )
        if not count and _TOTAL.unpack_from(body) != (self._total,):
            raise BadInputError(
                self.where, f"the file has {self._total} scripts, and says otherwise"
            )
        self._last = said
        self._total += count
        self.at += len(head) + needed
        self.left -= len(head) + needed
        self.has_ended = not count
        if self.has_ended:
            return self._more(number)
        return np.frombuffer(body, np.uint8, size, 2 * count), sizes

    def _has_begun(self, number: int) -> bool:
        """Return whether the file's first bytes are there; raise if they are others."""
        first = os.pread(number, len(MAGIC), 0)
        if not MAGIC.startswith(first):
            raise BadInputError(self.where, _NO_FILE)
        self.at = len(first) if first == MAGIC else 0
        self.left = len(first) - self.at
        return bool(self.at)


def _summed(section: list[bytes], last: bytes) -> tuple[bytes, bytes]:
    """Return a section with its sum, and that sum."""
    sizes = np.fromiter(map(len, section), "<u2", len(section)).tobytes()
    data = b"".join(section)
    written = _HEAD.pack(len(section), len(data)) + sizes + data
    said = sha256(last + written).digest()
    return written + said, said


def _needed(head: bytes, where: str) -> int:
    """Return how many bytes follow a section's head; raise if no section begins so."""
    count, size = _HEAD.unpack(head)
    if count > _COUNT_MAX or size > _SIZE_MAX + SCRIPT_SIZE_MAX or (size and not count):
        raise BadInputError(where, f"no section has {count} scripts of {size} bytes")
    return int((2 * count if count else _TOTAL.size) + size + _SUM_SIZE)
