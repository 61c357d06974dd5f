"""Money is whole, and written in one way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import (
    SAT_PER_BTC,
    SUPPLY_MAX_SAT,
    Jpy,
    Sat,
    format_btc,
    format_feerate,
    format_jpy,
    parse_btc,
    parse_sat,
    parse_whole,
    value_floor_jpy,
)

NOT_WHOLE = [
    "",
    " ",
    "-1",
    "+1",
    "01",
    "00",
    "1 ",
    " 1",
    "1\n",
    "1.0",
    "1e3",
    "1E3",
    "1_000",
    "1,000",
    "0x10",
    "NaN",
    "１２",  # full-width digits: str.isdigit() says yes, and int() would read them
    "²",
    "٣",
    "一",
    "1" * 79,
    "9" * 1_000_000,
]

amounts = st.integers(0, SUPPLY_MAX_SAT).map(Sat)


@pytest.mark.parametrize("text", NOT_WHOLE)
def test_not_a_whole_amount(text: str) -> None:
    for parse in (parse_whole, parse_sat):
        with pytest.raises(BadInputError) as caught:
            parse(text, "here.amount_sat")
        assert caught.value.where == "here.amount_sat"
        assert len(str(caught.value)) < 300


@given(st.integers(0, 2**256))
def test_every_amount_that_an_account_can_hold_has_one_spelling(amount: int) -> None:
    assert parse_whole(str(amount), "here") == amount


@given(st.text(alphabet="0123456789+-., _eE１²", max_size=12))
def test_a_whole_amount_is_read_only_in_its_one_spelling(text: str) -> None:
    try:
        assert str(parse_whole(text, "here")) == text
    except BadInputError:
        assert not (text.isascii() and text.isdigit()) or text != str(int(text))


def test_no_more_than_all_bitcoin() -> None:
    assert parse_sat("2100000000000000", "here") == SUPPLY_MAX_SAT
    with pytest.raises(BadInputError, match="more than all bitcoin"):
        parse_sat("2100000000000001", "here")


@given(amounts)
def test_bitcoin_round_trip_with_and_without_commas(amount_sat: Sat) -> None:
    written = format_btc(amount_sat)
    assert parse_btc(written, "here") == amount_sat
    assert parse_btc(written.replace(",", ""), "here") == amount_sat


@pytest.mark.parametrize(
    ("text", "amount_sat"),
    [
        ("4502.9", 450_290_000_000),
        ("4,502.9", 450_290_000_000),
        ("0.1", 10_000_000),
        ("0", 0),
        ("0.00000001", 1),
        ("1", SAT_PER_BTC),
        ("21,000,000", SUPPLY_MAX_SAT),
        ("21000000.00000000", SUPPLY_MAX_SAT),
    ],
)
def test_what_people_write(text: str, amount_sat: int) -> None:
    assert parse_btc(text, "here") == amount_sat


@pytest.mark.parametrize(
    "text",
    [
        *(text for text in NOT_WHOLE if text not in {"1.0", "1,000"}),
        "1.123456789",
        "1.",
        ".1",
        "1.2.3",
        "-0.1",
        "1e-3",
        "¥1",
        "1 BTC",
        "21000000.00000001",
        "21,000,001",
        "4502,9",  # a decimal comma: read as thousands, it would be ten times the money
        "0,500",
        "1,50",
        "1,5000",
        ",1",
        "1,",
        "1,,000",
        "1.000,5",
        "1.1,1",
        "1000,000",
        "１.５",
    ],
)
def test_not_an_amount_of_bitcoin(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_btc(text, "here")


def test_written_for_people() -> None:
    assert format_btc(450_290_000_000) == "4,502.90000000"
    assert format_btc(-1) == "-0.00000001"
    assert format_jpy(48_200_000_000) == "48,200,000,000"


@given(amounts, st.integers(0, 10**9).map(Jpy))
def test_value_is_rounded_down_by_less_than_a_yen(amount_sat: Sat, price_jpy: Jpy) -> None:
    left_over = amount_sat * price_jpy - value_floor_jpy(amount_sat, price_jpy=price_jpy) * (
        SAT_PER_BTC
    )
    assert 0 <= left_over < SAT_PER_BTC


def test_the_value_of_the_dmm_outflow_at_the_derived_price_of_its_hour() -> None:
    price_jpy = Jpy(10_800_000)
    assert value_floor_jpy(Sat(450_290_000_000), price_jpy=price_jpy) == 48_631_320_000


@pytest.mark.parametrize(
    ("fee_sat", "vsize", "written"),
    [
        (10_000_000, 1298, "7,704.2 sat/vB"),  # the outflow of 2024-05-31
        (200_000, 1000, "200.0 sat/vB"),
        (0, 1, "0.0 sat/vB"),
        (49, 1000, "0.0 sat/vB"),
        (50, 1000, "0.1 sat/vB"),
    ],
)
def test_a_feerate_is_written_as_people_write_it(fee_sat: int, vsize: int, written: str) -> None:
    assert format_feerate(fee_sat, vsize) == written
