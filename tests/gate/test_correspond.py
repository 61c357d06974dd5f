from dataclasses import replace

import pytest
from btclib_wallet.descriptors import miniscript_solver
from btclib_wallet.psbt.psbt import extract_tx, finalize
from gate_psbts import Coins, psbt_of, signed_psbt, signed_transaction, without
from gate_scene import HOT, Scene, honest, scene, with_fee
from gate_tampered_psbts import FIRST_INPUT, PREVIOUS, claimed
from world import transfer_pass
from world_coins import (
    DESCRIPTORS,
    MULTIPATH,
    STRANGER,
    book_of,
    funding,
    key_expression,
    outpoint,
    payment,
    spending,
    txout,
    wallet_of,
)

from sekisho.chains.bitcoin.signatures import signatures_of
from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.gate.correspond import correspond, signed_vsize
from sekisho.gate.inputs import judge_inputs
from sekisho.gate.outputs import dust_sat
from sekisho.gate.reading import read_psbt
from sekisho.kernel.money import Sat
from sekisho.passes.records import FeeRule, ListedInputs, Transfer


def transfer_of(setting: Scene) -> Transfer:
    action = setting.asked.action
    assert isinstance(action, Transfer)
    return action


def codes(setting: Scene, psbt: bytes, transfer: Transfer) -> list[str]:
    book = book_of(setting.wallet, HOT)
    _, findings = correspond(psbt, transfer, setting.wallet, book, where="PSBT")
    return sorted(each.code for each in findings)


def largest_vsize(setting: Scene) -> int:
    """Return the size by which the gate judges the feerate."""
    read, _ = read_psbt(honest(setting).psbt, "PSBT")
    assert read is not None
    coins, _ = judge_inputs(read, transfer_of(setting), setting.wallet, book_of(setting.wallet))
    vsize = signed_vsize(setting.unsigned, coins, setting.wallet)
    assert vsize is not None
    return vsize


# Sizes -------------------------------------------------------------------------------------------

WITH_CHANGE = [kind for kind in DESCRIPTORS if kind != "one_branch"]
SIGNATURES = {"sh_sortedmulti": 4, "sh_wsh_sortedmulti": 4, "wsh_sortedmulti": 4}


@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_the_size_it_will_have_is_known_before_it_is_signed(kind: str) -> None:
    setting = scene(kind)
    largest = largest_vsize(setting)
    signed = signed_transaction(honest(setting).psbt)
    # A signature is a byte or two shorter than it might be, by chance; nothing else is unknown.
    assert signed.vsize <= largest <= signed.vsize + 3 * SIGNATURES.get(kind, 2)


@pytest.mark.parametrize("kind", WITH_CHANGE)
def test_the_feerate_may_be_the_ceiling_and_no_more(kind: str) -> None:
    fee_sat = 30 * largest_vsize(scene(kind))
    for ceiling, expected in ((30_000, []), (29_999, ["gate.feerate_too_high"])):
        setting = with_fee(scene(kind), fee_sat, feerate_sat_per_kvb=ceiling)
        assert codes(setting, honest(setting).psbt, transfer_of(setting)) == expected


def test_a_size_that_nobody_can_tell_is_refused() -> None:
    # To spend it takes a preimage, of which the descriptor says nothing.
    text = f"wsh(and_v(v:pk({key_expression('alpha')}{MULTIPATH}),sha256({'ab' * 32})))"
    wallet = wallet_of(text)
    funded = funding(wallet, 50_000_000)
    setting = scene()
    asked = transfer_pass(
        setting.registered, wallet, [payment(STRANGER, 49_990_000)], outpoint(funded, 0)
    )
    unsigned = spending([outpoint(funded, 0)], [txout(STRANGER, 49_990_000)])
    psbt = psbt_of(unsigned, Coins(previous=(funded,), wallets=(wallet,)))
    moves = asked.action
    assert isinstance(moves, Transfer)
    _, findings = correspond(psbt, moves, wallet, book_of(wallet), where="PSBT")
    assert [each.code for each in findings] == ["gate.size_unknown"]


# Claims ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more_sat", [-1, 0])
def test_a_lie_about_a_taproot_coin_makes_signatures_that_do_not_hold(more_sat: int) -> None:
    # Why `witness_utxo` may stand alone there: BIP-341 signs the amounts of all inputs.
    setting = scene("tr")
    lone = without(honest(setting).psbt, FIRST_INPUT, PREVIOUS)
    psbt = claimed(more_sat)(lone, setting)
    assert codes(setting, psbt, transfer_of(setting)) == []
    final = finalize(signed_psbt(psbt), solver=miniscript_solver)
    extracted = extract_tx(final, max_fee_rate=None, verify_scripts=False)
    signed = parse_transaction(extracted.serialize(include_witness=True), "signed")
    spent = [setting.coins.spent(each.outpoint) for each in signed.inputs]
    holds = [each.is_signed for each in signatures_of(signed, spent)]
    assert holds == [more_sat == 0] * 2


def test_a_previous_transaction_that_only_a_library_can_read_proves_nothing() -> None:
    setting = scene()
    read, _ = read_psbt(honest(setting).psbt, "PSBT")
    assert read is not None
    cut = replace(read.inputs[0], previous=setting.funded.serialize()[:-1])
    believed = replace(read, inputs=(cut, read.inputs[1]))
    book = book_of(setting.wallet)
    coins, findings = judge_inputs(believed, transfer_of(setting), setting.wallet, book)
    assert [each.index for each in coins] == [1]
    assert [each.code for each in findings] == ["gate.previous_unreadable"]


def test_every_reason_is_given_at_once() -> None:
    setting = scene()
    transfer = replace(
        transfer_of(setting),
        anchor=outpoint(setting.funded, 2),
        inputs=ListedInputs(outpoints=(outpoint(setting.funded, 2),)),
        payments=(payment(STRANGER, 1),),
        fee=FeeRule(fee_max_sat=Sat(1), feerate_max_sat_per_kvb=1),
        transaction=replace(
            transfer_of(setting).transaction, versions=(1,), locktime_min=9, sequence_min=2**32 - 1
        ),
    )
    assert codes(setting, honest(setting).psbt, transfer) == sorted(
        f"gate.{code}"
        for code in (
            "anchor_missing",
            "input_not_allowed",
            "input_not_allowed",
            "payment_missing",
            "payment_not_allowed",
            "payment_not_allowed",
            "payment_not_allowed",
            "fee_too_high",
            "feerate_too_high",
            "version_not_allowed",
            "locktime_not_allowed",
            "sequence_not_allowed",
            "sequence_not_allowed",
        )
    )


# Dust --------------------------------------------------------------------------------------------

DUST = {"pkh": 546, "sh_wpkh": 540, "wpkh": 294, "wsh_sortedmulti": 330, "tr": 330}
"""As Bitcoin Core has it for each kind of script, at 3 sat/vB."""


@pytest.mark.parametrize("kind", DUST)
def test_change_that_no_node_relays_is_refused(kind: str) -> None:
    setting = scene(kind)
    *paid, change = setting.unsigned.outputs
    least_sat = DUST[kind]
    assert dust_sat(change.script) == least_sat
    for amount_sat in (least_sat - 1, least_sat):
        outputs = (*paid, replace(change, amount_sat=Sat(amount_sat)))
        tried = replace(setting, unsigned=replace(setting.unsigned, outputs=outputs))
        found = codes(tried, honest(tried).psbt, transfer_of(tried))
        assert ("gate.change_dust" in found) is (amount_sat < least_sat)
