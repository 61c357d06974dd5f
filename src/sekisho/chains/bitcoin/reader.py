"""A cursor over foreign bytes: forward only, never past the end, and never fooled by a count.

Every error is a `BadInputError` whose place is the offset at which the wrong thing begins, in the
bytes that the caller handed over: "block 840000: byte 1234: ...".
"""

import struct

from sekisho.kernel.errors import BadInputError

_UINT16 = struct.Struct("<H")
_UINT32 = struct.Struct("<I")
_INT32 = struct.Struct("<i")
_UINT64 = struct.Struct("<Q")


class Reader:
    """Reads little-endian integers, CompactSizes and byte strings from `data`, in order."""

    __slots__ = ("_data", "_end", "_where", "offset")

    def __init__(self, data: bytes, where: str) -> None:
        self._data = data
        self._end = len(data)
        self._where = where
        self.offset = 0
        """Where the next read begins."""

    def fail(self, reason: str, *, at: int) -> BadInputError:
        """Return the error for the byte `at`; the caller raises it."""
        return BadInputError(f"{self._where}: byte {at}", reason)

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes; raises `BadInputError` if there are fewer."""
        start = self.offset
        stop = start + size
        if stop > self._end:
            raise self._ends_early(size)
        self.offset = stop
        return self._data[start:stop]

    def uint8(self) -> int:
        """Return the next byte as an integer."""
        offset = self.offset
        if offset >= self._end:
            raise self._ends_early(1)
        self.offset = offset + 1
        return self._data[offset]

    def uint32(self) -> int:
        """Return the next four bytes as an unsigned integer."""
        return self._integer(_UINT32)

    def int32(self) -> int:
        """Return the next four bytes as a signed integer."""
        return self._integer(_INT32)

    def uint64(self) -> int:
        """Return the next eight bytes as an unsigned integer."""
        return self._integer(_UINT64)

    def compact_size(self) -> int:
        """Return a CompactSize, which must be written in its shortest form."""
        offset = self.offset
        if offset >= self._end:
            raise self._ends_early(1)
        first = self._data[offset]
        self.offset = offset + 1
        if first < 0xFD:
            return first
        if first == 0xFD:
            value, least = self._integer(_UINT16), 0xFD
        elif first == 0xFE:
            value, least = self._integer(_UINT32), 0x1_0000
        else:
            value, least = self._integer(_UINT64), 0x1_0000_0000
        if value < least:
            raise self.fail(f"the size {value} is not written in its shortest form", at=offset)
        return value

    def count(self, what: str, *, item_size_min: int) -> int:
        """Return a CompactSize that counts items, none of them smaller than `item_size_min`.

        Raises `BadInputError` for more than the bytes that remain could hold, so that a lying
        count costs nothing.
        """
        offset = self.offset
        value = self.compact_size()
        if value * item_size_min > self._end - self.offset:
            left = self._end - self.offset
            raise self.fail(f"{value} {what} cannot fit in the {left} bytes left", at=offset)
        return value

    def var_bytes(self) -> bytes:
        """Return a byte string that is preceded by its CompactSize length."""
        start = self.offset
        size = self._data[start] if start < self._end else 0xFF
        if size < 0xFD:  # nearly all of them; the two calls below would double the parse time
            start += 1
        else:
            size = self.compact_size()
            start = self.offset
        stop = start + size
        if stop > self._end:
            self.offset = start
            raise self._ends_early(size)
        self.offset = stop
        return self._data[start:stop]

    def span(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` to `stop`, both already read past."""
        return self._data[start:stop]

    def done(self) -> None:
        """Raise `BadInputError` if any byte was not read."""
        if self.offset != self._end:
            left = self._end - self.offset
            raise self.fail(f"{left} bytes follow the end", at=self.offset)

    def _integer(self, layout: struct.Struct) -> int:
        start = self.offset
        stop = start + layout.size
        if stop > self._end:
            raise self._ends_early(layout.size)
        self.offset = stop
        value: int = layout.unpack_from(self._data, start)[0]
        return value

    def _ends_early(self, wanted: int) -> BadInputError:
        left = self._end - self.offset
        return self.fail(f"{wanted} bytes are missing: only {left} are left", at=self.offset)


def compact_size(value: int) -> bytes:
    """Write a CompactSize in its shortest form; raises `ValueError` outside 64 bits."""
    if 0 <= value < 0xFD:
        return bytes((value,))
    if 0xFD <= value <= 0xFFFF:
        return b"\xfd" + _UINT16.pack(value)
    if 0xFFFF < value <= 0xFFFF_FFFF:
        return b"\xfe" + _UINT32.pack(value)
    if 0xFFFF_FFFF < value < 2**64:
        return b"\xff" + _UINT64.pack(value)
    raise ValueError(f"{value} is no size")


def var_bytes(data: bytes) -> bytes:
    """Write a byte string preceded by its CompactSize length."""
    return compact_size(len(data)) + data
