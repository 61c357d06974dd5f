"""Every parser of the room under damaged and invented bytes: a correct parse, or a refusal."""

import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from fuzz.bitcoin_targets import FUZZ_TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.kernel.errors import BadInputError

Target = Callable[[bytes], object]
CASES = pytest.mark.parametrize(
    ("target", "seeds"),
    [(target, seeds) for _, target, seeds in FUZZ_TARGETS],
    ids=[name for name, _, _ in FUZZ_TARGETS],
)
# sizes that lie: the longest, the shortest spelled long, one that is just too much
LIES = (b"\xff" * 9, b"\xfe\xff\xff\xff\xff", b"\xfd\x00\x00", b"\xfd\xff\xff", b"\xfc", b"\x00")


def damaged(seed: bytes, data: st.DataObject) -> bytes:
    """The seed after one to four things that happen to bytes."""
    raw = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        match data.draw(st.sampled_from(["cut", "flip", "insert", "drop", "repeat", "lie"])):
            case "cut":
                del raw[at:]
            case "flip" if at < len(raw):
                raw[at] ^= 1 << data.draw(st.integers(0, 7))
            case "insert":
                raw[at:at] = data.draw(st.binary(min_size=1, max_size=8))
            case "drop":
                del raw[at : at + data.draw(st.integers(1, 40))]
            case "repeat":
                raw[at:at] = raw[max(0, at - 41) : at]
            case _:
                lie = data.draw(st.sampled_from(LIES))
                raw[at : at + len(lie)] = lie
    return bytes(raw)


@CASES
def test_seeds_are_read(target: Target, seeds: list[bytes]) -> None:
    assert seeds
    read = 0
    for seed in seeds:
        with suppress(BadInputError):
            target(seed)
            read += 1
    assert read >= len(seeds) // 2  # private keys, among Core's addresses, are refused


@CASES
@settings(max_examples=300)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read(
    target: Target, seeds: list[bytes], data: st.DataObject
) -> None:
    with suppress(BadInputError):
        target(damaged(data.draw(st.sampled_from(seeds)), data))


@CASES
@settings(max_examples=300)
@given(data=st.binary(max_size=300))
def test_invented_bytes_are_refused_or_read(
    target: Target, seeds: list[bytes], data: bytes
) -> None:
    assert seeds
    with suppress(BadInputError):
        target(data)


@pytest.mark.parametrize(
    "size", [b"\xfe\xff\xff\xff\x7f", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"]
)
def test_a_claimed_size_takes_no_memory(size: bytes) -> None:
    one_input = b"\x01" + bytes(31) + b"\x01" + bytes(4)
    claims: list[tuple[Callable[[bytes, str], object], bytes]] = [
        (parse_transaction, bytes(4) + size + bytes(100)),
        (parse_transaction, bytes(4) + one_input + size + bytes(100)),
        (parse_transaction, bytes(4) + one_input + b"\x00" + bytes(4) + size + bytes(100)),
        (parse_block, bytes(80) + size + bytes(100)),
    ]
    for parse, data in claims:
        tracemalloc.start()
        try:
            with pytest.raises(BadInputError):
                parse(data, "x")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 100_000
