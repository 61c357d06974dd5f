"""SipHash-1-3 for compiled code, and the reading of memory that it and the sieve are built on.

Places are addresses, plain integers. With arrays and offsets the sieve takes nine times as long:
numba counts references at every call that passes an array, and tests each index for its sign. So
nothing here checks where it reads; the sieve does, before it asks.

Change this file and `sieve_kernel.py` must be compiled anew: numba keeps what it compiled until
the file itself changes, not those it imports.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]

signed = cast("Callable[[Any], int]", np.int64)
"""To a signed integer: numba makes a float of a signed and an unsigned one."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile with numba on first use, keep the result on disk, and run without the GIL."""
    try:
        return cast("_Function", njit(cache=True, nogil=True)(function))
    except RuntimeError:  # nowhere to keep it, as on a read-only disk: compile in every process
        return cast("_Function", njit(nogil=True)(function))


def _reader_of(value: Any) -> Callable[[int], Any]:  # noqa: ANN401 - a numba type
    """Return a compiled read of a `value` at an address, at any alignment."""

    def read(_typing: Any, _address: Any) -> Any:  # noqa: ANN401 - numba's protocol
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's protocol
            pointer = context.get_value_type(value).as_pointer()
            return builder.load(builder.inttoptr(arguments[0], pointer), align=1)

        return value(types.int64), generate

    return cast("Callable[[int], Any]", intrinsic(read))


_word = _reader_of(types.uint64)  # little-endian, as are all machines that numba compiles for
_uint8 = _reader_of(types.uint8)


@compiled
def byte_at(at: int) -> int:
    """Return the byte at an address; the caller knows it to be there."""
    return signed(_uint8(at))


@compiled
def address_of(array: Any) -> int:  # noqa: ANN401 - an array of anything
    """Return where an array begins; the caller keeps the array alive."""
    return signed(array.ctypes.data)


@compiled
def _rotate(value: np.uint64, bits: int) -> np.uint64:
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@compiled
def _sip_round(
    v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    v0 += v1
    v2 += v3
    v1 = _rotate(v1, 13) ^ v0
    v3 = _rotate(v3, 16) ^ v2
    v0 = _rotate(v0, 32)
    v2 += v1
    v0 += v3
    v1 = _rotate(v1, 17) ^ v2
    v3 = _rotate(v3, 21) ^ v0
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@compiled
def siphash_at(at: int, size: int, sip0: np.uint64, sip1: np.uint64) -> np.uint64:
    """Return SipHash-1-3 of `size` bytes at an address; the caller knows them to be there.

    A keyed hash, so that nobody without the key can write scripts that collide and make the
    watcher slow; the variant that CPython and Rust use for the same reason.
    """
    v0 = sip0 ^ np.uint64(0x736F6D6570736575)
    v1 = sip1 ^ np.uint64(0x646F72616E646F6D)
    v2 = sip0 ^ np.uint64(0x6C7967656E657261)
    v3 = sip1 ^ np.uint64(0x7465646279746573)
    rest = size & 7
    for place in range(at, at + size - rest, 8):
        word = _word(place)
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3 ^ word)
        v0 ^= word
    last = np.uint64(size & 0xFF) << np.uint64(56)
    if size >= 8 and rest > 0:  # the last eight bytes at once, without those already taken
        last |= _word(at + size - 8) >> np.uint64(8 * (8 - rest))
    elif rest > 0:
        for each in range(rest):
            last |= np.uint64(byte_at(at + each)) << np.uint64(8 * each)
    v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3 ^ last)
    v0 ^= last
    v2 ^= np.uint64(0xFF)
    for _ in range(3):
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3


@compiled
def siphash(data: Bytes, sip0: np.uint64, sip1: np.uint64) -> np.uint64:
    """Return SipHash-1-3 of all of `data`."""
    return siphash_at(address_of(data), data.size, sip0, sip1)
