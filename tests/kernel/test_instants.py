"""An instant has one spelling."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant, parse_instant, to_second

TOKYO = timezone(timedelta(hours=9))
moments = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - strategies want them naive
    max_value=datetime(2199, 12, 31),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


@given(moments)
def test_every_moment_is_read_back(at: datetime) -> None:
    assert parse_instant(format_instant(at), "here") == at.replace(microsecond=0)


@given(st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", fullmatch=True))
def test_what_is_read_is_written_the_same(text: str) -> None:
    try:
        at = parse_instant(text, "here")
    except BadInputError:
        return
    assert format_instant(at) == text
    assert at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-05-31T04:26:00",
        "2024-05-31T04:26:00z",
        "2024-05-31t04:26:00Z",
        "2024-05-31 04:26:00Z",
        "2024-05-31T04:26:00+00:00",
        "2024-05-31T13:26:00+09:00",
        "2024-05-31T04:26:00-00:00",
        "2024-05-31T04:26:00.0Z",
        "2024-05-31T04:26Z",
        "2024-05-31",
        "20240531T042600Z",
        "2024-5-31T04:26:00Z",
        "2024-05-31T04:26:00Z\n",
        " 2024-05-31T04:26:00Z",
        "+2024-05-31T04:26:00Z",
        "-2024-05-31T04:26:00Z",
        "12024-05-31T04:26:00Z",
        "２０２４-05-31T04:26:00Z",
        "٢٠٢٤-05-31T04:26:00Z",
        "2016-12-31T23:59:60Z",  # a leap second that did happen
        "2024-05-31T04:26:61Z",
        "2024-05-31T24:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-00-10T00:00:00Z",
        "2024-13-10T00:00:00Z",
        "2024-06-31T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "x" * 1_000_000,
    ],
)
def test_refused_with_an_error_of_ours(text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_instant(text, "pass.expires_at")
    assert caught.value.where == "pass.expires_at"
    assert len(str(caught.value)) < 200


def test_the_outflow_in_two_zones_is_one_instant() -> None:
    in_tokyo = datetime(2024, 5, 31, 13, 26, 59, 999_999, tzinfo=TOKYO)
    assert format_instant(in_tokyo) == "2024-05-31T04:26:59Z"
    assert to_second(in_tokyo) == datetime(2024, 5, 31, 4, 26, 59, tzinfo=UTC)


class NoIdea(tzinfo):
    """A zone that does not say: such a datetime is as naive as one without a zone."""

    def utcoffset(self, _: datetime | None) -> None:
        return None

    def dst(self, _: datetime | None) -> None:
        return None

    def tzname(self, _: datetime | None) -> str:
        return "?"


@pytest.mark.parametrize("zone", [None, NoIdea()])
def test_a_naive_datetime_is_not_guessed_at(zone: tzinfo | None) -> None:
    naive = datetime(2024, 5, 31, 4, 26, tzinfo=zone)
    for use in (format_instant, to_second):
        with pytest.raises(ValueError, match="no time zone"):
            use(naive)


@pytest.mark.parametrize("year", ["0001", "1969", "2200", "9999"])
def test_nothing_is_read_that_days_could_not_be_added_to(year: str) -> None:
    """A date at an end of the calendar, signed once, would stop every count of hours for ever."""
    with pytest.raises(BadInputError, match="is not between 1970 and 2199"):
        parse_instant(f"{year}-06-01T00:00:00Z", "here")
