from dataclasses import replace
from fractions import Fraction

import pytest
from bitcoin_vectors import dmm_outflow, dmm_spent
from gate_psbts import signed_transaction
from gate_scene import honest, scene
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.signatures import signatures_of
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.drills.dmm_2024 import facts
from sekisho.kernel.instants import parse_instant
from sekisho.kernel.money import SAT_PER_BTC, SUPPLY_MAX_SAT, Jpy, Sat
from sekisho.respond.incident import (
    signatures_document,
    summarise_signatures,
    valuation_document,
    valued_as,
    valued_at,
)
from sekisho.respond.records import Signatures

# Who signed --------------------------------------------------------------------------------------


def of_outflow(outflow: Transaction) -> Signatures:
    return summarise_signatures(signatures_of(outflow, dmm_spent()))


def with_witness(place: int, *items: bytes) -> Transaction:
    """Return the outflow with another witness in one input."""
    outflow = dmm_outflow()
    inputs = list(outflow.inputs)
    inputs[place] = replace(inputs[place], witness=items)
    return replace(outflow, inputs=tuple(inputs))


def test_the_keys_that_signed_the_real_outflow_are_the_first_and_the_second_of_three() -> None:
    found = of_outflow(dmm_outflow())
    assert found == Signatures(
        inputs=9, understood=True, threshold=2, keys=3, signed_positions=(0, 1), invalid=0
    )
    assert signatures_document(found) == {
        "inputs": 9,
        "understood": True,
        "threshold": 2,
        "keys": 3,
        "signed_positions": [0, 1],
        "invalid": 0,
    }


def test_a_key_counts_only_if_it_signed_every_input() -> None:
    empty, first, second, script = dmm_outflow().inputs[8].witness
    missing = of_outflow(with_witness(8, empty, first, script))
    assert (missing.signed_positions, missing.invalid) == ((0,), 0)
    damaged = of_outflow(with_witness(8, empty, first, second[:-9] + bytes(8) + b"\x01", script))
    assert damaged.signed_positions == (0,)
    assert damaged.invalid == 2  # by one of the two other keys, and nobody can say by which
    swapped = of_outflow(with_witness(8, empty, *dmm_outflow().inputs[7].witness[1:3], script))
    assert swapped.signed_positions == ()


def test_signatures_over_another_amount_do_not_hold() -> None:
    spent = dmm_spent()
    spent[4] = replace(spent[4], amount_sat=Sat(spent[4].amount_sat + 1))
    found = summarise_signatures(signatures_of(dmm_outflow(), spent))
    assert found.signed_positions == ()
    assert found.invalid == 3


def test_an_input_that_nobody_understands_is_said_to_be_so() -> None:
    found = of_outflow(with_witness(0, b"", b"\x51"))
    assert not found.understood
    assert (found.threshold, found.keys) == (0, 0)
    assert found.signed_positions == ()


def test_of_no_inputs_nothing_is_understood() -> None:
    assert summarise_signatures([]) == Signatures(
        inputs=0, understood=False, threshold=0, keys=0, signed_positions=(), invalid=0
    )


@pytest.mark.parametrize(
    ("kind", "threshold", "keys"),
    [
        ("pkh", 1, 1),
        ("sh_wpkh", 1, 1),
        ("wpkh", 1, 1),
        ("tr", 1, 1),
        ("fixed_sh_wsh_multi", 2, 3),
        ("wsh_sortedmulti", 2, 3),
    ],
)
def test_the_script_says_how_many_must_sign(kind: str, threshold: int, keys: int) -> None:
    setting = scene(kind)
    signed = signed_transaction(honest(setting).psbt)
    spent = [setting.coins.spent(each.outpoint) for each in signed.inputs]
    found = summarise_signatures(signatures_of(signed, spent))
    assert found.understood
    assert (found.inputs, found.threshold, found.keys) == (2, threshold, keys)
    assert found.invalid == 0


# What it is worth --------------------------------------------------------------------------------

AMOUNT_SAT, FEE_SAT = Sat(450_290_000_000), Sat(10_000_000)


def test_the_published_valuation_of_the_outflow() -> None:
    found = valued_as(
        AMOUNT_SAT,
        FEE_SAT,
        amount_jpy=facts.PUBLISHED_JPY,
        source=facts.PUBLISHED_SOURCE,
        at=facts.DETECTED_AT,
    )
    assert valuation_document(found) == {
        "amount_jpy": "48200000000",
        "fee_jpy": "1070421",
        "price_jpy": "10704212",
        "price_source": facts.PUBLISHED_SOURCE,
        "price_at": "2024-05-31T04:26:00Z",
    }


def test_the_market_valuation_of_the_outflow() -> None:
    found = valued_at(
        AMOUNT_SAT,
        FEE_SAT,
        price_jpy=facts.MARKET_JPY,
        source=facts.MARKET_SOURCE,
        at=facts.MARKET_AT,
    )
    # 4,502.9 BTC at 10,801,792 yen are 48,639,389,196.8 yen; the miners' 0.1 BTC 1,080,179.2.
    assert (found.amount_jpy, found.fee_jpy) == (48_639_389_196, 1_080_179)
    assert parse_instant(str(valuation_document(found)["price_at"]), "at") == facts.MARKET_AT


amounts = st.integers(0, SUPPLY_MAX_SAT).map(Sat)
prices = st.integers(0, 10**12).map(Jpy)


@given(amount_sat=amounts, fee_sat=amounts, price_jpy=prices)
def test_each_part_is_rounded_down_by_less_than_a_yen(
    amount_sat: Sat, fee_sat: Sat, price_jpy: Jpy
) -> None:
    found = valued_at(
        amount_sat, fee_sat, price_jpy=price_jpy, source="a market", at=facts.MARKET_AT
    )
    for part_sat, part_jpy in ((amount_sat, found.amount_jpy), (fee_sat, found.fee_jpy)):
        exact = Fraction(part_sat * price_jpy, SAT_PER_BTC)
        assert 0 <= exact - part_jpy < 1


@given(amount_sat=st.integers(1, SUPPLY_MAX_SAT).map(Sat), fee_sat=amounts, amount_jpy=prices)
def test_a_derived_price_never_says_more_than_was_published(
    amount_sat: Sat, fee_sat: Sat, amount_jpy: Jpy
) -> None:
    found = valued_as(
        amount_sat, fee_sat, amount_jpy=amount_jpy, source="a notice", at=facts.DETECTED_AT
    )
    assert found.amount_jpy == amount_jpy
    exact = Fraction(amount_jpy * SAT_PER_BTC, amount_sat)
    assert 0 <= exact - found.price_jpy < 1
    assert found.fee_jpy <= Fraction(fee_sat * amount_jpy, amount_sat)


def test_no_price_follows_from_a_loss_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing was lost"):
        valued_as(Sat(0), Sat(1), amount_jpy=Jpy(1), source="a notice", at=facts.DETECTED_AT)
