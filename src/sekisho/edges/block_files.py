"""Reading blocks from files, whatever their size, in memory for one block.

Three kinds are told apart by their first bytes: `blk*.dat` files of Bitcoin Core (the network's
magic, a length, a block, and so on), the same XORed with the key in `xor.dat` beside them (Core
28 and later), and files that hold one raw block or one raw transaction, binary or in hex.

Block files are read as a node left them: zeros that a node reserved and did not fill are passed
over. Everything else that is not a record is reported, with its place, and reading goes on at the
next record, as Core's own reader does. A length that lies is never believed, nor allocated.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from sekisho.chains.bitcoin.blocks import BLOCK_SIZE_MAX, parse_block
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Finding, finding
from sekisho.watch.raw_block import RawBlock, Wanted

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes of all files."""

BLOCK_SIZE_MIN: Final = 141
"""A header, a count, and the smallest transaction."""

DEFECTS_MAX: Final = 1000
"""So many defects in one file mean that it is no block file, and reading it stops."""

XOR_KEY_SIZE: Final = 8
XOR_KEY_NAME: Final = "xor.dat"

_HEAD_SIZE = 8  # magic and length
_CHUNK_SIZE = 1 << 20
_PROGRESS_SIZE = 1 << 22
_SINGLE_SIZE_MAX = 2 * BLOCK_SIZE_MAX + 65_536
"""Hex of the largest block, and its line ends."""
_BLOCK_FILES = "blk*.dat"
_MAGICS: Final = {network.magic: network for network in Network}
_JUNK: Final = "edges.block_file_junk"
_CUT: Final = "edges.block_record_cut"
_SIZE: Final = "edges.block_record_size"
_TORN: Final = "edges.block_record_torn"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One file, recognised."""

    path: Path
    size: int
    """When it was recognised; what a running node adds later is not read."""
    magic: bytes
    """What begins every record; empty for a file that is one block or transaction."""
    key: bytes
    """What the file is XORed with; empty if it is not."""
    loose: bool
    """Whether it is one transaction."""


class BlockFiles:
    """Files of blocks of one network, in the order given; a folder stands for its `blk*.dat`.

    Looks at the beginning of each file; one that is a single block or transaction is checked
    whole. `xor_key` is for files that are not beside their `xor.dat`. Raises `BadInputError` for a
    path that is no file, a file of no known kind, or one of another network, and `WorldError` if a
    disk fails.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        *,
        network: Network,
        xor_key: bytes | None = None,
        progress: Progress | None = None,
    ) -> None:
        if xor_key is not None and len(xor_key) != XOR_KEY_SIZE:
            raise BadInputError("xor key", f"is not {XOR_KEY_SIZE} bytes")
        self._sources = [
            _recognise(path, network, xor_key) for given in paths for path in _expand(given)
        ]
        self._progress = progress
        self._told = 0
        self._defects: dict[Finding, None] = {}
        self.size = sum(source.size for source in self._sources)
        """The bytes of all files."""

    @property
    def findings(self) -> list[Finding]:
        """What in the files is not a record, as far as they were read: it was not searched."""
        return list(self._defects)

    def read(self, wanted: Wanted) -> Iterator[RawBlock]:
        """Yield the wanted blocks, from the first of the first file.

        Raises `WorldError` if a file cannot be read or has shrunk, and `BadInputError` for one
        with more than `DEFECTS_MAX` defects.
        """
        position = done = 0
        for source in self._sources:
            with _open(source) as file:
                for at, data in self._blocks(source, file, position, wanted):
                    if data:
                        where = f"{source.path} at byte {at}" if source.magic else str(source.path)
                        yield RawBlock(
                            data=data, where=where, position=position, loose=source.loose
                        )
                    position += 1
                    self._tell(done + at)
            done += source.size
            self._tell(done)

    def _tell(self, done: int) -> None:
        """Report progress, but not more often than is of use."""
        if self._progress is not None and (
            done < self._told or done >= min(self._told + _PROGRESS_SIZE, self.size)
        ):
            self._told = done
            self._progress(done, self.size)

    def _blocks(
        self, source: _Source, file: FileIO, first: int, wanted: Wanted
    ) -> Iterator[tuple[int, bytes]]:
        """Yield offset and bytes of each block, no bytes if it is unwanted; note the defects."""
        if not source.magic:
            yield 0, _unhexed(_take(source, file, 0, source.size)) if wanted(first) else b""
            return
        at, position, defects = 0, first, 0
        head = _take(source, file, 0, _HEAD_SIZE)
        while at < source.size:
            size, what = _judge(source, head, at)
            if not what:
                data = _take(source, file, at + _HEAD_SIZE, size) if wanted(position) else b""
                after = at + _HEAD_SIZE + size
                head = _take(source, file, after, _HEAD_SIZE)
                if _follows(source, head, after) or not _torn(source, file, at, size):
                    yield at + _HEAD_SIZE, data
                    at, position = after, position + 1
                    continue
                what = _TORN
            following, empty = _search(source, file, at)
            if not empty:
                defects += 1
                self._note(source, at, following, what=what, declared=size, defects=defects)
            at, head = following, _take(source, file, following, _HEAD_SIZE)

    def _note(
        self, source: _Source, at: int, following: int, *, what: str, declared: int, defects: int
    ) -> None:
        if defects > DEFECTS_MAX:
            raise BadInputError(str(source.path), f"has more than {DEFECTS_MAX} defects")
        self._defects[
            finding(
                what,
                str(source.path),
                offset=at,
                size_bytes=following - at,
                declared_bytes=declared,
            )
        ] = None


def _judge(source: _Source, head: bytes, at: int) -> tuple[int, str]:
    """Return the size that a record's head declares, and what is wrong with it, if anything."""
    if len(head) < _HEAD_SIZE or not head.startswith(source.magic):
        return 0, _JUNK
    size = int.from_bytes(head[len(source.magic) :], "little")
    if not BLOCK_SIZE_MIN <= size <= BLOCK_SIZE_MAX:
        return size, _SIZE
    if size > source.size - at - _HEAD_SIZE:
        return size, _CUT
    return size, ""


def _follows(source: _Source, head: bytes, at: int) -> bool:
    """Return whether a record may be followed by this: another one, reserved space, or the end."""
    return head.startswith(source.magic) or _reserved(head, source.key, at)


def _reserved(data: bytes, key: bytes, at: int) -> bool:
    """Return whether this is space that a node reserved: zeros.

    A node reserves them as they are, and so they look like the key when they are XORed; a tool
    that copies a file may have XORed them.
    """
    zeros = bytes(len(data))
    return data in {zeros, _xored(zeros, key, at)}


def _torn(source: _Source, file: FileIO, at: int, size: int) -> bool:
    """Return whether a record is no block: an interrupted write, and the next record within it.

    Asked only of a record that something strange follows, because it takes long.
    """
    data = _take(source, file, at + _HEAD_SIZE, size)
    return bool(_why_not(parse_block, data, ""))


def _search(source: _Source, file: FileIO, start: int) -> tuple[int, bool]:
    """Return where the next record begins after `start`, else the end of the file.

    Also returns whether all that was passed over is reserved space.
    """
    at = start
    empty = True
    while True:
        data = _take(source, file, at, _CHUNK_SIZE)
        found = data.find(source.magic, 1 if at == start else 0)
        while found >= 0 and _judge(source, data[found : found + _HEAD_SIZE], at + found)[1]:
            found = data.find(source.magic, found + 1)
        empty = empty and _reserved(data if found < 0 else data[:found], source.key, at)
        if found >= 0:
            return at + found, empty
        if at + len(data) == source.size:
            return source.size, empty
        at += len(data) - _HEAD_SIZE + 1  # a record's head may lie across two chunks


# Reading and unmasking ---------------------------------------------------------------------------


def _open(source: _Source) -> FileIO:
    try:
        return FileIO(source.path)
    except OSError as error:
        raise WorldError(f"{source.path}: {error.strerror}") from error


def _take(source: _Source, file: FileIO, at: int, size: int) -> bytes:
    """Return up to `size` bytes at an offset of the file, as they were before they were XORed.

    Less only at the end that the file had when it was recognised.
    """
    size = min(size, source.size - at)
    try:
        file.seek(at)
        data = file.read(size)
    except OSError as error:
        raise WorldError(f"{source.path}: {error.strerror}") from error
    if data is None or len(data) != size:
        raise WorldError(f"{source.path}: was cut while it was read")
    return _xored(data, source.key, at)


def _xored(data: bytes, key: bytes, at: int) -> bytes:
    """Return data that lies at an offset of a file, XORed with the key that repeats from 0."""
    if not key:
        return data
    turn = at % len(key)
    turned = key[turn:] + key[:turn]
    whole = len(data) // len(key) * len(key)
    plain = np.empty(len(data), np.uint8)
    words = np.frombuffer(data, np.uint64, whole // len(key))
    np.bitwise_xor(words, np.frombuffer(turned, np.uint64), out=plain[:whole].view(np.uint64))
    plain[whole:] = [a ^ b for a, b in zip(data[whole:], turned, strict=False)]
    return plain.tobytes()


# Recognising files -------------------------------------------------------------------------------


def _expand(path: Path) -> list[Path]:
    """Return a file as it is, and a folder as its block files, in the node's order."""
    if path.is_dir():
        paths = sorted(path.glob(_BLOCK_FILES))
        if not paths:
            raise BadInputError(str(path), "is a folder without blk*.dat files")
        return paths
    if not path.is_file():
        raise BadInputError(str(path), "is not a file" if path.exists() else "does not exist")
    return [path]


def _recognise(path: Path, network: Network, xor_key: bytes | None) -> _Source:
    """Return what kind of file this is; raises `BadInputError` if it is none, or could be two."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(size if size <= _SINGLE_SIZE_MAX else _HEAD_SIZE)
        key = _key_beside(path) if xor_key is None else xor_key
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from error
    if not data:
        raise BadInputError(str(path), "is empty")
    framed_key = _framed_key(path, data[:_HEAD_SIZE], network, key)
    single = _unhexed(data)
    no_transaction = _why_not(parse_transaction, single, "read as a transaction")
    no_block = _why_not(parse_block, single, "read as a block")
    if sum((framed_key is not None, not no_transaction, not no_block)) > 1:
        raise BadInputError(str(path), "can be read in two ways: as blocks and as a transaction")
    if framed_key is not None:
        magic = network.magic
        return _Source(path=path, size=size, magic=magic, key=framed_key, loose=False)
    if no_transaction and no_block:
        hint = f" (is its {XOR_KEY_NAME} missing?)" if path.match(_BLOCK_FILES) else ""
        reasons = f"{no_transaction}; {no_block}"
        raise BadInputError(str(path), f"begins with no block record{hint}; {reasons}")
    return _Source(path=path, size=size, magic=b"", key=b"", loose=not no_transaction)


def _framed_key(path: Path, head: bytes, network: Network, key: bytes) -> bytes | None:
    """Return the key of a file of records, empty for a plain one; None if it is not one."""
    if path.match(_BLOCK_FILES) and not any(head):
        return key  # a node has reserved the file and not written to it
    for each in (b"", key):
        found = _MAGICS.get(_xored(head, each, 0)[:4])
        if found is network:
            return each
        if found is not None:
            raise BadInputError(str(path), f"holds blocks of {found}, not of {network}")
    return None


def _key_beside(path: Path) -> bytes:
    """Return the key that a node keeps beside its block files; empty if there is none."""
    beside = path.with_name(XOR_KEY_NAME)
    if not beside.is_file():
        return b""
    with beside.open("rb") as file:
        key = file.read(XOR_KEY_SIZE + 1)
    if len(key) != XOR_KEY_SIZE:
        raise BadInputError(str(beside), f"is not {XOR_KEY_SIZE} bytes")
    return key


def _unhexed(data: bytes) -> bytes:
    """Return what hex text says, whitespace left out; bytes that are no hex text as they are."""
    try:
        return bytes.fromhex(b"".join(data.split()).decode("ascii"))
    except ValueError:
        return data


def _why_not(parse: Callable[[bytes, str], object], data: bytes, where: str) -> str:
    try:
        parse(data, where)
    except BadInputError as error:
        return str(error)
    return ""
