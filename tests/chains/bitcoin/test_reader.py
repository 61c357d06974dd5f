"""The cursor: what is written is read back, and whatever else there is has an offset."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.reader import Reader, compact_size, var_bytes
from sekisho.kernel.errors import BadInputError

EDGES = [0, 1, 0xFC, 0xFD, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 0x1_0000_0000, 2**64 - 1]


@given(st.sampled_from(EDGES) | st.integers(0, 2**64 - 1))
def test_a_size_is_read_back_as_written(value: int) -> None:
    reader = Reader(compact_size(value), "x")
    assert reader.compact_size() == value
    reader.done()


@pytest.mark.parametrize("value", [-1, 2**64])
def test_what_is_no_size_cannot_be_written(value: int) -> None:
    with pytest.raises(ValueError, match="no size"):
        compact_size(value)


@pytest.mark.parametrize(
    "spelling",
    ["fd0000", "fdfc00", "fe00000000", "feffff0000", "ff0000000000000000", "ffffffffff00000000"],
)
def test_a_size_has_one_spelling(spelling: str) -> None:
    reader = Reader(b"\x00\x00" + bytes.fromhex(spelling) + bytes(9), "block 840000")
    reader.take(2)
    with pytest.raises(BadInputError, match=r"block 840000: byte 2: .* shortest form"):
        reader.compact_size()


@given(st.binary(max_size=600))
def test_a_byte_string_is_read_back_as_written(data: bytes) -> None:
    reader = Reader(var_bytes(data), "x")
    assert reader.var_bytes() == data
    reader.done()


@pytest.mark.parametrize("size", [0xFD, 0x1_0000])
def test_a_long_byte_string_is_read_back_as_written(size: int) -> None:
    data = bytes(size)
    reader = Reader(var_bytes(data), "x")
    assert reader.var_bytes() == data
    reader.done()


def test_integers_are_little_endian() -> None:
    reader = Reader(bytes.fromhex("ff01000080feffffff0100000000000080"), "x")
    assert reader.uint8() == 255
    assert reader.uint32() == 0x8000_0001
    assert reader.int32() == -2
    assert reader.uint64() == 0x8000_0000_0000_0001
    reader.done()


@pytest.mark.parametrize("size", range(9))
def test_every_read_past_the_end_names_where_it_began(size: int) -> None:
    prefix = b"\x00" * 3
    reads: dict[str, tuple[int, Callable[[Reader], object]]] = {
        "take": (9, lambda r: r.take(9)),
        "uint8": (1, Reader.uint8),
        "uint32": (4, Reader.uint32),
        "int32": (4, Reader.int32),
        "uint64": (8, Reader.uint64),
    }
    for name, (wanted, read) in reads.items():
        if wanted <= size:
            continue
        reader = Reader(prefix + bytes(size), "x")
        reader.take(3)
        with pytest.raises(
            BadInputError, match=rf"x: byte 3: {wanted} bytes are missing: only {size}"
        ):
            read(reader)
        assert reader.offset == 3, name


@pytest.mark.parametrize("data", ["", "fd", "fdff", "fe0000", "ff00000000000000"])
def test_a_size_cut_short_is_refused(data: str) -> None:
    for read in (Reader.compact_size, Reader.var_bytes):
        with pytest.raises(BadInputError, match="missing"):
            read(Reader(bytes.fromhex(data), "x"))


@pytest.mark.parametrize("data", ["01", "0500", "fdfd0000", "feffffff7f", "ffffffffffffffffff"])
def test_a_byte_string_longer_than_what_is_left_is_refused(data: str) -> None:
    with pytest.raises(BadInputError, match="missing"):
        Reader(bytes.fromhex(data), "x").var_bytes()


def test_a_lying_count_is_refused_before_anything_is_made_of_it() -> None:
    reader = Reader(compact_size(3) + bytes(80), "x")
    with pytest.raises(BadInputError, match="byte 0: 3 inputs cannot fit in the 80 bytes left"):
        reader.count("inputs", item_size_min=41)
    assert Reader(compact_size(3) + bytes(123), "x").count("inputs", item_size_min=41) == 3


def test_bytes_left_over_are_refused() -> None:
    reader = Reader(b"\x00\x01\x02", "x")
    reader.uint8()
    with pytest.raises(BadInputError, match="byte 1: 2 bytes follow the end"):
        reader.done()
