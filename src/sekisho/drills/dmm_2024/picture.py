"""The flow of coins as a picture: where each band begins and ends, in whole pixels.

Coins flow along one axis and lie beside each other across it: from left to right on a wide page,
from top to bottom on a narrow one. The width of a band is its amount; only bands that would be
thinner than a hair are drawn wider than that, and the page says so. What the bands are called is
the page's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from sekisho.chains.bitcoin.transaction import OutPoint, TxOut
from sekisho.drills.dmm_2024.records import Outcome
from sekisho.kernel.money import Sat
from sekisho.passes.records import Transfer

_HAIR = 4
"""The least width at which a band is seen."""

_GAP = 4
"""Between the coins that are spent and those that stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Coins that flow from one place to another: an outline, and where its two ends are."""

    name: str
    amount_sat: Sat
    path: str
    begins: tuple[int, int]
    """The middle of the end where the coins come from, as x and y."""
    ends: tuple[int, int]
    """The middle of the end where they go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A place that coins pass: the wallet, the gate."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything that is drawn, beside its words."""

    wide: bool
    width: int
    height: int
    inputs: tuple[Band, ...]
    stays: Band
    """The coins of the wallet that the transaction left where they were."""
    stays_coins: int
    wallet: Bar
    gate: Bar
    allowed: tuple[Band, ...]
    """What the pass allowed; empty where there was none."""
    paid: tuple[Band, ...]
    fee: Band


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """The measures of one of the two layouts; `along` is where coins flow, `across` beside it."""

    wide: bool
    along: int
    across: int
    thickness: int
    """Of everything that the transaction spends."""
    sources_along: int
    wallet_along: int
    gate_along: int
    ends_along: int
    sources_across: int
    pitch: int
    """From one source to the next."""
    wallet_across: int
    allowed_across: int
    paid_across: int
    fee_across: int


_WALLET_DEPTH = 12
_GATE_DEPTH = 6

_WIDE = _Sheet(
    wide=True,
    along=1000,
    across=536,
    thickness=170,
    sources_along=124,
    wallet_along=320,
    gate_along=640,
    ends_along=712,
    sources_across=72,
    pitch=29,
    wallet_across=136,
    allowed_across=44,
    paid_across=270,
    fee_across=464,
)
_NARROW = _Sheet(
    wide=False,
    along=540,
    across=360,
    thickness=118,
    sources_along=52,
    wallet_along=168,
    gate_along=352,
    ends_along=420,
    sources_across=6,
    pitch=35,
    wallet_across=118,
    allowed_across=8,
    paid_across=214,
    fee_across=348,
)


def pictures(outcome: Outcome) -> tuple[Picture, Picture]:
    """Return the flow of coins for a wide page and for a narrow one."""
    return _picture(outcome, _WIDE), _picture(outcome, _NARROW)


def coins_left(outcome: Outcome) -> tuple[TxOut, ...]:
    """Return what the funding transaction paid to the same script and the outflow left."""
    spent = {each.outpoint for each in outcome.movement.inputs}
    scripts = {each.script for each in outcome.movement.inputs}
    return tuple(
        output
        for vout, output in enumerate(outcome.funding.outputs)
        if output.script in scripts and OutPoint(txid=outcome.funding.txid, vout=vout) not in spent
    )


def _picture(outcome: Outcome, sheet: _Sheet) -> Picture:
    moved = sorted(outcome.movement.inputs, key=lambda each: each.outpoint.vout)
    amounts = [Sat(each.amount_sat or 0) for each in moved]
    whole_sat = Sat(max(1, sum(amounts)))
    left = coins_left(outcome)
    stays = _stays(Sat(sum(each.amount_sat for each in left)), len(moved), whole_sat, sheet)
    paid = [(each.address, each.amount_sat) for each in outcome.movement.outputs]
    return Picture(
        wide=sheet.wide,
        width=sheet.along if sheet.wide else sheet.across,
        height=sheet.across if sheet.wide else sheet.along,
        inputs=_inflow([f"#{each.outpoint.vout}" for each in moved], amounts, whole_sat, sheet),
        stays=stays,
        stays_coins=len(left),
        wallet=_bar(
            sheet,
            along=sheet.wallet_along,
            across=sheet.wallet_across,
            depth=_WALLET_DEPTH,
            width=sheet.thickness + _GAP + _thick(stays.amount_sat, whole_sat, sheet),
        ),
        gate=_bar(
            sheet,
            along=sheet.gate_along,
            across=sheet.paid_across - 14,
            depth=_GATE_DEPTH,
            width=sheet.thickness + 44,
        ),
        allowed=_outflow(_allowed(outcome), whole_sat, sheet, sheet.allowed_across),
        paid=_outflow(paid, whole_sat, sheet, sheet.paid_across),
        fee=_fee(outcome.fee_sat, whole_sat, sheet),
    )


def _stays(amount_sat: Sat, place: int, whole_sat: Sat, sheet: _Sheet) -> Band:
    """Return the band of the coins that stay: into the wallet, beside those that are spent."""
    return _band(
        sheet,
        name="",
        amount_sat=amount_sat,
        along=(sheet.sources_along, sheet.wallet_along),
        across=(
            sheet.sources_across + place * sheet.pitch,
            sheet.wallet_across + sheet.thickness + _GAP,
        ),
        width=_thick(amount_sat, whole_sat, sheet),
    )


def _fee(fee_sat: Sat, whole_sat: Sat, sheet: _Sheet) -> Band:
    """Return the band of the fee, which leaves at the edge of all that is spent."""
    return _band(
        sheet,
        name="",
        amount_sat=fee_sat,
        along=(sheet.wallet_along + _WALLET_DEPTH, sheet.ends_along),
        across=(sheet.wallet_across + sheet.thickness - _HAIR, sheet.fee_across),
        width=_thick(fee_sat, whole_sat, sheet),
    )


def _allowed(outcome: Outcome) -> list[tuple[str, Sat]]:
    if outcome.standing is None or not isinstance(outcome.standing.asked.action, Transfer):
        return []
    return [(each.address, each.amount_sat) for each in outcome.standing.asked.action.payments]


def _inflow(
    names: Sequence[str], amounts: Sequence[Sat], whole_sat: Sat, sheet: _Sheet
) -> tuple[Band, ...]:
    """Return a band for each coin, from its own place to its place in the wallet's stack."""
    edges = [0, *accumulate(amounts)]
    return tuple(
        _band(
            sheet,
            name=name,
            amount_sat=amount_sat,
            along=(sheet.sources_along, sheet.wallet_along),
            across=(
                sheet.sources_across + place * sheet.pitch,
                sheet.wallet_across + edges[place] * sheet.thickness // whole_sat,
            ),
            width=_thick(amount_sat, whole_sat, sheet),
        )
        for place, (name, amount_sat) in enumerate(zip(names, amounts, strict=True))
    )


def _outflow(
    payments: Sequence[tuple[str, Sat]], whole_sat: Sat, sheet: _Sheet, ends_across: int
) -> tuple[Band, ...]:
    """Return a band for each payment, stacked where they leave the wallet and where they end."""
    edges = [0, *accumulate(amount_sat for _, amount_sat in payments)]
    offsets = [edge * sheet.thickness // whole_sat for edge in edges]
    return tuple(
        _band(
            sheet,
            name=name,
            amount_sat=amount_sat,
            along=(sheet.wallet_along + _WALLET_DEPTH, sheet.ends_along),
            across=(sheet.wallet_across + offset, ends_across + offset),
            width=_thick(amount_sat, whole_sat, sheet),
        )
        for (name, amount_sat), offset in zip(payments, offsets, strict=False)
    )


def _thick(amount_sat: Sat, whole_sat: Sat, sheet: _Sheet) -> int:
    """Return the width of an amount, rounded to the nearest pixel, and never less than a hair."""
    return max(_HAIR, (2 * amount_sat * sheet.thickness + whole_sat) // (2 * whole_sat))


def _band(
    sheet: _Sheet,
    *,
    name: str,
    amount_sat: Sat,
    along: tuple[int, int],
    across: tuple[int, int],
    width: int,
) -> Band:
    """Return a band that leaves and arrives straight, and bends in between."""
    (start, end), (here, there) = along, across
    bend = (start + end) // 2
    corners = [
        *((start, here), (bend, here), (bend, there), (end, there)),
        *(
            (end, there + width),
            (bend, there + width),
            (bend, here + width),
            (start, here + width),
        ),
    ]
    first, a, b, c, far, d, e, f = (_place(sheet, *corner) for corner in corners)
    path = f"M{_xy(first)} C{_xy(a)} {_xy(b)} {_xy(c)} L{_xy(far)} C{_xy(d)} {_xy(e)} {_xy(f)} Z"
    return Band(
        name=name,
        amount_sat=amount_sat,
        path=path,
        begins=_place(sheet, start, here + width // 2),
        ends=_place(sheet, end, there + width // 2),
    )


def _bar(sheet: _Sheet, *, along: int, across: int, depth: int, width: int) -> Bar:
    x, y = _place(sheet, along, across)
    across_x, across_y = (depth, width) if sheet.wide else (width, depth)
    return Bar(x=x, y=y, width=across_x, height=across_y)


def _place(sheet: _Sheet, along: int, across: int) -> tuple[int, int]:
    return (along, across) if sheet.wide else (across, along)


def _xy(place: tuple[int, int]) -> str:
    return f"{place[0]},{place[1]}"
