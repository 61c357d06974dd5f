"""Keys of small order, second spellings and points off the curve: none is one person's alone."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.ed25519_keys import check_ed25519_key
from sekisho.kernel.errors import BadInputError

FIELD = 2**255 - 19
SMALL_ORDER_Y = (
    0,
    1,
    FIELD - 1,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    FIELD - 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_that_somebody_made_is_a_key(seed: bytes) -> None:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert check_ed25519_key(public, "key") == public


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", SMALL_ORDER_Y)
def test_small_orders_and_their_second_spellings_are_none(y: int, sign: int) -> None:
    for spelled in {y, y + FIELD} - {each for each in (y + FIELD,) if each >= 2**255}:
        key = (spelled | sign << 255).to_bytes(32, "little")
        with pytest.raises(BadInputError, match="only its holder"):
            check_ed25519_key(key, "key")


def test_half_of_all_numbers_are_no_point() -> None:
    assert 70 < sum(is_a_point(y) for y in range(2, 202)) < 130


def is_a_point(y: int) -> bool:
    try:
        return bool(check_ed25519_key(y.to_bytes(32, "little"), "key"))
    except BadInputError as error:
        assert error.reason == "is no point of edwards25519"  # noqa: PT017 - the other answer
        return False


@pytest.mark.parametrize("size", [0, 31, 33])
def test_other_sizes_are_none(size: int) -> None:
    with pytest.raises(BadInputError, match="is not 32 bytes"):
        check_ed25519_key(bytes(size), "key")
