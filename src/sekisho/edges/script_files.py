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
and so is an end that is missing. Whoever writes a file can write its sums too: they tell damage
from what was written, and say nothing of who wrote it.
"""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from io import BufferedReader
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
                sizes = np.fromiter(map(len, section), "<u2", len(section)).tobytes()
                data = b"".join(section)
                written = _HEAD.pack(len(section), len(data)) + sizes + data
                last = sha256(last + written).digest()
                file.write(written + last)
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


def declared_count(path: Path) -> int:
    """Return how many scripts a file says it has, to make room for; nothing of it is checked yet.

    Never more than its size can hold. Raises `WorldError` if the disk fails.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TOTAL.size - _SUM_SIZE))
            return min(int.from_bytes(file.read(_TOTAL.size), "little"), size // 2)
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from error


def read_scripts(path: Path) -> Iterator[Packed]:
    """Yield the scripts of a file, some tens of thousands at a time, each checked before.

    Raises `BadInputError` with the offset of a section that is not as it was written, or where
    the file should end and does not, or ends and should not: only a file that was read to its end
    without one is whole. Raises `WorldError` if the disk fails.
    """
    try:
        with path.open("rb") as file:
            yield from _read(path, file)
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from error


def _read(path: Path, file: BufferedReader) -> Iterator[Packed]:
    if file.read(len(MAGIC)) != MAGIC:
        raise BadInputError(f"{path}: byte 0", "this is no file of watched scripts")
    total, last = 0, sha256(MAGIC).digest()
    while True:
        where = f"{path}: byte {file.tell()}"
        count, size, body, last = _section(file, last, where)
        if not count:
            break
        sizes = np.frombuffer(body, "<u2", count).astype(np.int64)
        if sizes.sum() != size:
            raise BadInputError(where, "the sizes of this section are not those of its scripts")
        total += count
        yield np.frombuffer(body, np.uint8, size, 2 * count), sizes
    if _TOTAL.unpack_from(body) != (total,):
        raise BadInputError(where, f"the file has {total} scripts, and says otherwise")
    end = file.tell()
    if file.read(1):
        raise BadInputError(f"{path}: byte {end}", "something follows the last section")


def _section(file: BufferedReader, last: bytes, where: str) -> tuple[int, int, bytes, bytes]:
    """Read a section; return how many scripts, their bytes, what follows its head, and its sum."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise BadInputError(where, "the file ends before its last section")
    count, size = _HEAD.unpack(head)
    if count > _COUNT_MAX or size > _SIZE_MAX + SCRIPT_SIZE_MAX or (size and not count):
        raise BadInputError(where, f"no section has {count} scripts of {size} bytes")
    needed = (2 * count if count else _TOTAL.size) + size + _SUM_SIZE
    body = file.read(needed)
    if len(body) < needed:
        raise BadInputError(where, "the file ends within this section")
    written, said = body[:-_SUM_SIZE], body[-_SUM_SIZE:]
    if sha256(last + head + written).digest() != said:
        raise BadInputError(where, "this section is not as it was written")
    return count, size, written, said
