"""What compiled code of the sieve is built on: reading and writing at addresses.

Places are addresses, plain integers. With arrays and offsets the sieve takes nine times as long:
numba counts references at every call that passes an array, and tests each index for its sign. So
nothing here checks where it reads; the sieve does, before it asks.

Change this file, `siphash.py` or `sieve_hash.py`, and those that import it must be compiled anew:
numba keeps what it compiled until the file itself changes.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]

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


word_at = _reader_of(types.uint64)
"""Eight bytes, little-endian, as are all machines that numba compiles for."""
_uint8 = _reader_of(types.uint8)


def _prefetch(_typing: Any, _address: Any) -> Any:  # noqa: ANN401 - numba's protocol
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's protocol
        pointer, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [pointer, flag, flag, flag])
        called = builder.module.declare_intrinsic("llvm.prefetch", [pointer], function)
        read, keep, data = flag(0), flag(3), flag(1)
        builder.call(called, [builder.inttoptr(arguments[0], pointer), read, keep, data])
        return context.get_dummy_value()

    return types.void(types.int64), generate


def _put_byte(_typing: Any, _address: Any, _value: Any) -> Any:  # noqa: ANN401 - numba's protocol
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's protocol
        byte = ir.IntType(8)
        place = builder.inttoptr(arguments[0], byte.as_pointer())
        builder.store(builder.trunc(arguments[1], byte), place)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _add_product(_typing: Any, _high: Any, _low: Any, _one: Any, _other: Any) -> Any:  # noqa: ANN401 - numba's protocol
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - numba's protocol
        word, wide = ir.IntType(64), ir.IntType(128)
        high, low, one, other = (builder.zext(each, wide) for each in arguments)
        before = builder.or_(builder.shl(high, wide(64)), low)
        after = builder.add(before, builder.mul(one, other))
        halves = builder.trunc(builder.lshr(after, wide(64)), word), builder.trunc(after, word)
        return context.make_tuple(builder, signature.return_type, halves)

    word, pair = types.uint64, cast("Callable[[Any], Any]", types.Tuple)
    return pair((word, word))(word, word, word, word), generate


prefetch = cast("Callable[[int], None]", intrinsic(_prefetch))
"""Ask the processor to bring the cache line at an address; a wrong address does no harm."""
put_byte = cast("Callable[[int, int], None]", intrinsic(_put_byte))
"""Write a byte at an address that the caller owns."""
add_product = cast(
    "Callable[[np.uint64, np.uint64, np.uint64, np.uint64], tuple[np.uint64, np.uint64]]",
    intrinsic(_add_product),
)
"""Return a number of 128 bits, as two words, plus the product of two words, as two words."""


@compiled
def byte_at(at: int) -> int:
    """Return the byte at an address; the caller knows it to be there."""
    return signed(_uint8(at))


@compiled
def address_of(array: Any) -> int:  # noqa: ANN401 - an array of anything
    """Return where an array begins; the caller keeps the array alive."""
    return signed(array.ctypes.data)
