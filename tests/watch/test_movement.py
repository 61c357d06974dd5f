from dataclasses import replace

import pytest
from bitcoin_vectors import dmm_funding, dmm_outflow
from gate_psbts import signed_transaction
from gate_scene import FEE_SAT, HOT, USUAL, honest, scene
from gate_tampered_transactions import change, inputs
from watch_lookout import lookout
from world import begin
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    address_at,
    funding,
    outpoint,
    script_at,
    spending,
    txout,
    wallet_of,
)
from world_people import NOW

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint, TxIn, TxOut
from sekisho.kernel.money import Sat
from sekisho.wallets.records import OwnScript
from sekisho.watch.movement import reconstruct, revealed_scripts

FOREIGN = OutPoint(txid="ab" * 32, vout=0)
SILENT = {"tr", "tr_leaves"}
"""Spending by the key of a taproot output reveals nothing of it."""


# Proven by the previous transaction --------------------------------------------------------------


def test_what_left_whom_it_paid_and_what_it_cost() -> None:
    setting = scene()
    watcher = lookout(setting.world, [setting.wallet], [setting.funded])
    movement = watcher.movement(setting.unsigned)
    assert movement is not None
    assert [each.amount_sat for each in movement.inputs] == [50_000_000, 30_000_000]
    owners = [each.own for each in movement.inputs]
    assert [isinstance(each, OwnScript) and each.index for each in owners] == [0, 1]
    assert movement.inputs[0].addresses == (address_at(setting.wallet),)
    paid = [(each.address, each.amount_sat, each.own is not None) for each in movement.outputs]
    assert paid == [
        (USUAL, 40_000_000, False),
        (STRANGER, 5_000_000, False),
        (STRANGER, 5_000_000, False),
        (address_at(setting.wallet, branch=1), 29_980_000, True),
    ]
    assert movement.fee_sat == FEE_SAT
    assert movement.left_sat == 50_000_000
    assert movement.seen_at == NOW


def test_what_goes_to_another_wallet_of_ours_has_not_left() -> None:
    setting = scene()
    watcher = lookout(setting.world, [setting.wallet, HOT], [setting.funded])
    within = replace(setting.unsigned, outputs=(TxOut(amount_sat=Sat(1), script=script_at(HOT)),))
    movement = watcher.movement(within)
    assert movement is not None
    assert movement.left_sat == 0
    assert movement.outputs[0].own is not None
    assert movement.outputs[0].own.wallet_id == HOT.wallet_id


def test_a_script_without_an_address_is_named_by_its_bytes() -> None:
    setting = scene()
    watcher = lookout(setting.world, [setting.wallet], [setting.funded])
    burnt = TxOut(amount_sat=Sat(0), script=b"\x6a\x01\x00")
    movement = watcher.movement(replace(setting.unsigned, outputs=(burnt,)))
    assert movement is not None
    assert movement.outputs[0].address == "script 6a0100"


def test_strangers_among_themselves_are_no_movement() -> None:
    setting = scene()
    watcher = lookout(setting.world, [setting.wallet], [setting.funded, setting.lent])
    between = spending([outpoint(setting.lent, 0), FOREIGN], [txout(STRANGER, 1)])
    assert watcher.movement(between) is None


def test_what_pays_us_is_a_movement() -> None:
    setting = scene()
    watcher = lookout(setting.world, [setting.wallet])
    movement = watcher.movement(setting.funded)
    assert movement is not None
    assert all(each.own is None for each in movement.inputs)
    assert movement.fee_sat is None


def test_a_fee_is_known_only_if_every_coin_is() -> None:
    setting = scene()
    watcher = lookout(setting.world, [setting.wallet], [setting.funded])
    with_foreign = inputs(setting, outpoint(setting.funded, 0), FOREIGN)
    movement = watcher.movement(with_foreign)
    assert movement is not None
    assert [each.amount_sat for each in movement.inputs] == [50_000_000, None]
    assert movement.inputs[1].script is None
    assert movement.fee_sat is None


def test_what_is_proven_stands_against_what_is_revealed() -> None:
    # A stranger shows our script where it has no business: the coin is the stranger's.
    setting = scene("pkh")
    signed = signed_transaction(honest(setting).psbt)
    watcher = lookout(setting.world, [setting.wallet], [setting.lent])
    shown = replace(signed.inputs[0], outpoint=outpoint(setting.lent, 0))
    assert watcher.movement(replace(signed, inputs=(shown,), outputs=())) is None


# Known by what the input reveals -----------------------------------------------------------------


@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_our_coin_is_known_by_what_spending_it_reveals(kind: str) -> None:
    setting = scene(kind)
    signed = signed_transaction(honest(setting).psbt)
    paid_elsewhere = replace(signed, outputs=(txout(STRANGER, 1),))
    watcher = lookout(begin(), [setting.wallet])
    movement = watcher.movement(paid_elsewhere)
    if kind in SILENT:
        assert movement is None
    else:
        assert movement is not None
        assert [each.own and each.own.script for each in movement.inputs] == [
            setting.funded.outputs[0].script,
            setting.funded.outputs[1].script,
        ]
        assert [each.amount_sat for each in movement.inputs] == [None, None]
        assert movement.inputs[0].addresses
        assert movement.fee_sat is None


@pytest.mark.parametrize("kind", sorted(SILENT))
def test_an_anchor_is_not_passed_over_because_it_reveals_nothing(kind: str) -> None:
    setting = scene(kind)
    watcher = lookout(setting.world, [setting.wallet])
    movement = watcher.movement(replace(setting.unsigned, outputs=(txout(STRANGER, 1),)))
    assert movement is not None
    assert all(each.own is None for each in movement.inputs)


def test_the_real_outflow_reveals_its_wallet_without_any_previous_transaction() -> None:
    outflow = dmm_outflow()
    [script] = {each.script for each in dmm_funding().outputs[21:30]}
    assert all(script in revealed_scripts(each) for each in outflow.inputs)


def test_an_input_that_shows_nothing_reveals_nothing() -> None:
    empty = TxIn(outpoint=FOREIGN, script_sig=b"", sequence=0, witness=())
    assert revealed_scripts(empty) == ()
    assert revealed_scripts(replace(empty, script_sig=b"\x61")) == ()
    assert revealed_scripts(replace(empty, script_sig=b"\x4c")) == ()


def test_amounts_come_from_transactions_and_not_from_the_spender() -> None:
    setting = scene()
    other = funding(setting.wallet, 50_000_000, 30_000_000, salt="another")
    watcher = lookout(setting.world, [setting.wallet], [other])
    movement = watcher.movement(replace(setting.unsigned, outputs=(change(setting, 1),)))
    assert movement is not None
    assert [each.amount_sat for each in movement.inputs] == [None, None]


def test_addresses_are_those_of_the_network() -> None:
    wallet = wallet_of(DESCRIPTORS["wpkh"])
    watcher = lookout(begin(), [wallet])
    paid = funding(wallet, 1)
    movement = reconstruct(
        paid,
        outputs={},
        book=watcher.holdings.book,
        network=Network.SIGNET,
        seen_at=NOW,
    )
    assert movement is not None
    assert movement.outputs[0].address.startswith("tb1q")
