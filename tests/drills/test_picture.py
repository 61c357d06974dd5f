"""The flow of coins as a picture: what is drawn is what moved."""

import re

import pytest
from drill_world import outcome

from sekisho.drills.dmm_2024.picture import coins_left, pictures
from sekisho.drills.dmm_2024.records import Variant


@pytest.mark.parametrize("variant", Variant)
def test_the_bands_of_the_picture_are_the_amounts(variant: Variant) -> None:
    shown = outcome(variant)
    for picture in pictures(shown):
        spent_sat = sum(each.amount_sat for each in picture.inputs)
        assert spent_sat == 450_300_000_000
        assert sum(each.amount_sat for each in picture.paid) + picture.fee.amount_sat == spent_sat
        assert picture.stays.amount_sat == sum(each.amount_sat for each in coins_left(shown))
        assert (picture.stays.amount_sat, picture.stays_coins) == (20_000_000_000, 20)
        assert [each.name for each in picture.inputs] == [f"#{vout}" for vout in range(21, 30)]
        assert len(picture.allowed) == (variant is Variant.PASS)
        bands = (*picture.inputs, *picture.paid, *picture.allowed, picture.stays, picture.fee)
        for band in bands:
            for x, y in re.findall(r"(-?\d+),(-?\d+)", band.path):
                assert 0 <= int(x) <= picture.width
                assert 0 <= int(y) <= picture.height
