"""ULIDs: the specification's examples, and that they sort by time."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.ulid import check_ulid, make_ulid

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "kernel" / "ulid.json").read_text(encoding="utf-8")
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FROM_CROCKFORD = str.maketrans(
    "0123456789ABCDEFGHJKMNPQRSTVWXYZ", "0123456789abcdefghijklmnopqrstuv"
)

moments = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
randomness = st.binary(min_size=10, max_size=10)


def number_of(ulid: str) -> int:
    """Read a ULID independently of how it was made: Python's own base 32."""
    return int(ulid.translate(FROM_CROCKFORD), 32)


@pytest.mark.parametrize("text", [*VECTORS["canonical"], *VECTORS["rising"]])
def test_the_examples_of_the_specification(text: str) -> None:
    assert check_ulid(text, "here") == text
    number = number_of(text)
    at = EPOCH + timedelta(milliseconds=number >> 80) if number >> 80 < 2**47 else None
    if at is not None:  # the largest ULID is of the year 10889, which no datetime holds
        assert make_ulid(at, (number % 2**80).to_bytes(10, "big")) == text


def test_the_example_with_a_known_time() -> None:
    at = EPOCH + timedelta(milliseconds=VECTORS["time"]["milliseconds"])
    assert make_ulid(at, bytes(10))[:10] == VECTORS["time"]["first_ten"]


def test_the_examples_rise() -> None:
    numbers = [number_of(text) for text in VECTORS["rising"]]
    assert VECTORS["rising"] == sorted(VECTORS["rising"])
    assert numbers == sorted(numbers)
    assert numbers[1:4] == [numbers[0] + 1, numbers[0] + 2, numbers[0] + 3]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["comment"])
def test_refused(case: dict[str, str]) -> None:
    with pytest.raises(BadInputError) as caught:
        check_ulid(case["text"], "entry.id")
    assert caught.value.where == "entry.id"


@given(moments, randomness)
def test_a_ulid_holds_its_time_and_its_randomness(at: datetime, random: bytes) -> None:
    number = number_of(check_ulid(make_ulid(at, random), "here"))
    assert number >> 80 == (at - EPOCH) // timedelta(milliseconds=1)
    assert (number % 2**80).to_bytes(10, "big") == random


@given(moments, moments, randomness, randomness)
def test_they_sort_by_time(at: datetime, later_at: datetime, one: bytes, two: bytes) -> None:
    cut = [
        moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in (at, later_at)
    ]
    ulids = [make_ulid(moment, random) for moment, random in zip(cut, (one, two), strict=True)]
    if cut[0] != cut[1]:
        assert (ulids[0] < ulids[1]) == (cut[0] < cut[1])
    else:
        assert (ulids[0] < ulids[1]) == (one < two)


@given(st.text(alphabet="01789AHIJKLOUVZabz０ ", min_size=24, max_size=28))
def test_there_is_one_spelling(text: str) -> None:
    try:
        check_ulid(text, "here")
    except BadInputError:
        return
    number = number_of(text)
    assert number < 2**128
    assert len(text) == 26
    assert text == text.upper()


@pytest.mark.parametrize(
    ("at", "random"),
    [
        (datetime(2024, 5, 31), bytes(10)),  # noqa: DTZ001 - a naive instant is the point
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), bytes(10)),
        (datetime(2024, 5, 31, tzinfo=UTC), bytes(9)),
        (datetime(2024, 5, 31, tzinfo=UTC), bytes(11)),
    ],
)
def test_what_has_no_ulid(at: datetime, random: bytes) -> None:
    with pytest.raises(ValueError, match=r"ULID|time zone"):
        make_ulid(at, random)
