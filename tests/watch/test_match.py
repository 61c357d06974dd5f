from dataclasses import replace

import pytest
from gate_psbts import signed_transaction
from gate_scene import FEE_SAT, HOT, LOOKALIKE, USUAL, Scene, honest, scene
from gate_tampered_transactions import change, outputs
from watch_cases import CASES, SECOND, Case
from watch_cases_cleared import CLEARED
from watch_lookout import (
    Lookout,
    after_clearing,
    after_seeing,
    beside,
    cheaper,
    codes_of,
    coin,
    lookout,
    said,
    to,
)
from world import World, cleared
from world_coins import payment, spending, stranger

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.kernel.money import Sat
from sekisho.passes.records import AnyInputs, Pass, Replacement
from sekisho.watch.records import ALARMS, SHUTTING, VerdictKind


@pytest.mark.parametrize("case", [*CASES, *CLEARED], ids=lambda case: case.name)
def test_a_movement_that(case: Case) -> None:
    setting = case.setting()
    verdict = case.make(setting)
    expected = sorted(f"watch.{code}" for code in case.codes.split())
    assert (verdict.kind, codes_of(verdict)) == (case.kind, expected)
    assert verdict.pass_id == (setting.asked.pass_id if case.touches else "")


@pytest.mark.parametrize("kind", ["pkh", "sh_wpkh", "sh_sortedmulti", "wpkh", "tr"])
def test_what_was_cleared_unsigned_is_known_again_when_it_is_signed(kind: str) -> None:
    setting = scene(kind)
    signed = signed_transaction(honest(setting).psbt)
    late = setting.asked.expires_at + SECOND
    verdict = said(setting, signed, world=after_clearing(setting), at=late)
    assert (verdict.kind, verdict.findings) == (VerdictKind.MATCHED, ())
    assert said(setting, signed, at=late).kind is VerdictKind.EXPIRED


@pytest.mark.parametrize(("fee_sat", "missing_sat"), [(1, ""), (0, ""), (-1, "1"), (-500, "500")])
def test_what_spends_more_than_it_has_is_never_what_a_pass_allows(
    fee_sat: int, missing_sat: str
) -> None:
    setting = scene()
    left_sat = setting.unsigned.outputs[3].amount_sat + FEE_SAT - fee_sat
    verdict = said(setting, outputs(setting, {3: change(setting, left_sat)}))
    assert verdict.kind is (VerdictKind.DEVIATING if missing_sat else VerdictKind.MATCHED)
    code = "watch.spends_more_than_it_has"
    found = [each for each in verdict.findings if each.code == code]
    assert [dict(each.facts) for each in found] == (
        [{"missing_sat": missing_sat}] if missing_sat else []
    )


def test_there_is_a_case_for_every_verdict() -> None:
    assert {case.kind for case in CASES} == set(VerdictKind) - {VerdictKind.DOUBLE_SPENT}


def test_what_opens_an_incident_and_what_shuts_the_gates() -> None:
    shutting = {"deviating", "unmatched", "reused", "expired"}
    assert {each.value for each in SHUTTING} == shutting
    assert {each.value for each in ALARMS} == {*shutting, "double_spent"}


# Several passes ----------------------------------------------------------------------------------


def test_a_pass_asked_for_again_in_place_of_an_expired_one_reuses_its_anchor() -> None:
    setting = scene()
    later = setting.asked.expires_at + SECOND
    world, again = beside(setting, {}, expires_at=later + 9 * SECOND)
    world = cleared(world, again, setting.unsigned, at=later)
    verdict = said(setting, setting.unsigned, world=world, at=later + 99 * SECOND, view_at=later)
    assert verdict.kind is VerdictKind.UNDETERMINED
    verdict = said(setting, setting.unsigned, world=world, at=later + 99 * SECOND)
    assert (verdict.kind, verdict.pass_id) == (VerdictKind.MATCHED, again.pass_id)
    assert codes_of(verdict) == []


def test_a_replacement_pass_is_matched_although_the_first_was_seen() -> None:
    setting = scene()
    paid = (payment(stranger(7), 50_000_000),)
    replaces = Replacement(fee_bump=False, replaces=setting.asked.pass_id)
    world, instead = beside(setting, {"payments": paid, "replacement": replaces})
    other = outputs(setting, {0: to(stranger(7), 50_000_000), 1: None, 2: None})
    world = cleared(world, instead, other)
    seen = (*setting.coins.previous, setting.unsigned)
    verdict = said(setting, other, world=world, seen=seen)
    assert (verdict.kind, verdict.pass_id) == (VerdictKind.MATCHED, instead.pass_id)
    assert codes_of(verdict) == []


def two_anchors(setting: Scene) -> tuple[World, Pass]:
    third = coin(setting, 2)
    return beside(setting, {"anchor": third, "inputs": AnyInputs(inputs_max=3)})


def test_what_one_pass_allows_is_matched_although_it_ends_another() -> None:
    setting = scene()
    world, second = two_anchors(setting)
    both = spending(
        [coin(setting, 0), coin(setting, 2)],
        [
            *setting.unsigned.outputs[:3],
            replace(setting.unsigned.outputs[3], amount_sat=Sat(39_980_000)),
        ],
    )
    verdict = said(setting, both, world=cleared(world, second, both))
    assert (verdict.kind, verdict.pass_id) == (VerdictKind.MATCHED, second.pass_id)
    assert codes_of(verdict) == ["watch.several_passes"]


def test_what_two_passes_allow_together_is_what_neither_allows() -> None:
    setting = scene()
    world, second = two_anchors(setting)
    both = spending(
        [coin(setting, 0), coin(setting, 1), coin(setting, 2)],
        [*setting.unsigned.outputs[:3], *setting.unsigned.outputs[:3]],
    )
    verdict = said(setting, both, world=world)
    assert verdict.kind is VerdictKind.DEVIATING
    assert verdict.pass_id == second.pass_id  # the nearer one: it lists no inputs
    assert codes_of(verdict) == [
        "watch.fee_too_high",
        "watch.feerate_too_high",
        *["watch.payment_not_allowed"] * 3,
        "watch.several_passes",
    ]


# What a verdict says -----------------------------------------------------------------------------


def watching(setting: Scene) -> Lookout:
    return lookout(setting.world, [setting.wallet, HOT], setting.coins.previous)


def theft(setting: Scene) -> Transaction:
    return outputs(setting, {0: to(LOOKALIKE, 40_000_000)})


def test_a_verdict_names_the_wallets_whose_coins_were_spent() -> None:
    setting = scene()
    hot = spending([coin(setting, 2)], [])
    assert watching(setting).verdict(hot).wallet_ids == (setting.wallet.wallet_id,)
    paid = said(setting, setting.funded, seen=())
    assert paid.wallet_ids == (setting.wallet.wallet_id,)


def test_a_look_alike_says_whom_it_resembles_and_how_improbably() -> None:
    verdict = watching(scene()).verdict(theft(scene()))
    [alike] = [each for each in verdict.findings if each.code == "watch.lookalike"]
    assert alike.subject == LOOKALIKE
    facts = dict(alike.facts)
    assert facts["resembles"] == USUAL
    assert (facts["prefix"], facts["suffix"]) == ("5", "2")
    assert 28 <= float(facts["bits"]) <= 40


def test_an_address_that_was_paid_before_is_no_look_alike() -> None:
    setting = scene()
    earlier = spending([coin(setting, 2)], [to(LOOKALIKE, 39_000_000)])
    seen = (*setting.coins.previous, earlier)
    assert "watch.lookalike" not in codes_of(said(setting, theft(setting), seen=seen))


def test_the_order_of_outputs_changes_no_verdict() -> None:
    setting = scene()
    for transaction in (setting.unsigned, theft(setting), cheaper(setting)):
        turned = replace(transaction, outputs=transaction.outputs[::-1])
        first, second = (watching(setting).verdict(each) for each in (transaction, turned))
        assert (first.kind, codes_of(first)) == (second.kind, codes_of(second))


def test_a_replacement_is_no_licence() -> None:
    setting = scene(transfer={"replacement": Replacement(fee_bump=True, replaces="")})
    verdict = after_seeing(setting, setting.unsigned).verdict(theft(setting))
    assert verdict.kind is VerdictKind.DEVIATING
