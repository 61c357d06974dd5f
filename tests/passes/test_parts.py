"""What a requester claims of the world: read strictly, and never more than there can be."""

import pytest

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat
from sekisho.passes.parts import claims_document, read_claims
from sekisho.passes.records import Claims, HeldBalance


def claiming(*amounts_sat: int) -> Claims:
    balances = tuple(
        HeldBalance(wallet_id=f"cold-{number}", amount_sat=Sat(amount_sat))
        for number, amount_sat in enumerate(amounts_sat)
    )
    return Claims(prices=(), balances=balances)


@pytest.mark.parametrize("amounts_sat", [(), (SUPPLY_MAX_SAT,), (SUPPLY_MAX_SAT - 1, 0, 1)])
def test_balances_up_to_the_supply_are_read(amounts_sat: tuple[int, ...]) -> None:
    claims = claiming(*amounts_sat)
    assert read_claims(Fields(claims_document(claims), "claims")) == claims


@pytest.mark.parametrize("amounts_sat", [(SUPPLY_MAX_SAT, 1), (SUPPLY_MAX_SAT // 2 + 1,) * 2])
def test_balances_that_are_together_more_than_the_supply_are_refused(
    amounts_sat: tuple[int, ...],
) -> None:
    document = claims_document(claiming(*amounts_sat))
    with pytest.raises(BadInputError, match=r"claims\.balances: together are more than"):
        read_claims(Fields(document, "claims"))
