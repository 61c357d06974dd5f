"""Money is a whole number of an asset's smallest unit, and never a float.

Inside Python it is an `int` of any size (2**256 wei fits). In every document and every database
column it is a decimal string, because 64-bit integers cannot hold wei (docs/adr/0002).
"""

import re
from typing import NewType

from sekisho.kernel.errors import BadInputError

Sat = NewType("Sat", int)
"""Satoshi. 1 BTC = 100_000_000 sat."""

Jpy = NewType("Jpy", int)
"""Yen. There is nothing smaller."""

Wei = NewType("Wei", int)
"""Wei. 1 ether = 10**18 wei."""

SAT_PER_BTC = 100_000_000

SUPPLY_MAX_SAT = Sat(21_000_000 * SAT_PER_BTC)
"""No Bitcoin amount is larger; `MAX_MONEY` of the consensus rules."""

_WHOLE = re.compile(r"0|[1-9][0-9]{0,77}")  # 2**256 has 78 digits
_BTC = re.compile(r"(0|[1-9][0-9]{0,7}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,2})(?:\.([0-9]{1,8}))?")


def parse_whole(text: str, where: str) -> int:
    """Return the amount that `text` writes: decimal digits, no sign, no leading zero.

    Raises `BadInputError` at `where` for anything else, and for numbers above 78 digits.
    """
    if not _WHOLE.fullmatch(text):
        raise BadInputError(where, f"{text[:80]!r} is not a whole amount in decimal digits")
    return int(text)


def parse_sat(text: str, where: str) -> Sat:
    """Return an amount of satoshi; raises `BadInputError` also above the supply."""
    amount = parse_whole(text, where)
    if amount > SUPPLY_MAX_SAT:
        raise BadInputError(where, f"{amount} sat is more than all bitcoin that can exist")
    return Sat(amount)


def parse_btc(text: str, where: str) -> Sat:
    """Return the satoshi that a person's `text` such as "4,502.9" means, exactly or not at all.

    A comma stands between groups of three digits and nowhere else: where it is the decimal sign,
    "4502,9" means 4502.9, and reading it as 45029 would be ten times the money.
    """
    found = _BTC.fullmatch(text)
    if found is None:
        raise BadInputError(where, f"{text[:80]!r} is not an amount of bitcoin such as 1.25")
    whole, fraction = found.group(1).replace(",", ""), found.group(2) or ""
    return parse_sat(str(int(whole) * SAT_PER_BTC + int(fraction.ljust(8, "0"))), where)


def format_btc(amount_sat: int) -> str:
    """Write satoshi as bitcoin for people: "4,502.90000000"."""
    sign = "-" if amount_sat < 0 else ""
    whole, rest = divmod(abs(amount_sat), SAT_PER_BTC)
    return f"{sign}{whole:,}.{rest:08d}"


def format_jpy(amount_jpy: int) -> str:
    """Write yen for people: "48,200,000,000"."""
    return f"{amount_jpy:,}"


def format_feerate(fee_sat: int, vsize: int) -> str:
    """Write a feerate as people do, "7,704.2 sat/vB", rounded to the nearest tenth."""
    tenths = (20 * fee_sat + vsize) // (2 * vsize)
    return f"{tenths // 10:,}.{tenths % 10} sat/vB"


def value_floor_jpy(amount_sat: Sat, *, price_jpy: Jpy) -> Jpy:
    """Return what `amount_sat` is worth at `price_jpy` a bitcoin, rounded down to the yen."""
    return Jpy(amount_sat * price_jpy // SAT_PER_BTC)
