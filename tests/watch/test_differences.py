from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from gate_psbts import signed_transaction
from gate_scene import FEE_SAT, HOT, Scene, honest, scene, with_fee
from gate_tampered_transactions import TAMPERINGS, Tampering, codes
from watch_lookout import Lookout, codes_of, lookout
from world import cleared, trust_of
from world_coins import DESCRIPTORS, book_of

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.gate.clear import clear
from sekisho.gate.correspond import signed_vsize
from sekisho.gate.inputs import judge_inputs
from sekisho.gate.reading import read_psbt
from sekisho.kernel.finding import Refused
from sekisho.passes.records import Transfer
from sekisho.watch.differences import differences, largest_vsize
from sekisho.watch.records import VerdictKind

WITHOUT_ANCHOR = next(each for each in TAMPERINGS if each.gate == "anchor_missing")
SIGNABLE = [each for each in TAMPERINGS if each.watch and each is not WITHOUT_ANCHOR]


def watching(setting: Scene, *, after_clearing: Transaction | None = None) -> Lookout:
    world = setting.world
    if after_clearing is not None:
        world = cleared(world, setting.asked, after_clearing)
    return lookout(world, [setting.wallet, HOT], setting.coins.previous)


def is_cleared(setting: Scene, psbt: bytes) -> bool:
    try:
        clear(
            psbt,
            pass_digest=honest(setting).digest,
            register=trust_of(setting.world),
            book=book_of(setting.wallet, HOT),
            used=(),
            now=honest(setting).now,
        )
    except Refused:
        return False
    return True


def largest_by_the_gate(setting: Scene, psbt: bytes) -> int:
    """Return the size that the gate judges the feerate by."""
    read, _ = read_psbt(psbt, "PSBT")
    assert read is not None
    transfer = setting.asked.action
    assert isinstance(transfer, Transfer)
    coins, _ = judge_inputs(read, transfer, setting.wallet, book_of(setting.wallet, HOT))
    vsize = signed_vsize(setting.unsigned, coins, setting.wallet)
    assert vsize is not None
    return vsize


# Gate and watcher, who share no check, agree -----------------------------------------------------


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_what_the_gate_clears_is_matched_once_it_is_signed(kind: str, version: int) -> None:
    setting = scene(kind)
    psbt = honest(setting, version=version).psbt
    assert is_cleared(setting, psbt)
    watcher = watching(setting, after_clearing=setting.unsigned)
    verdict = watcher.verdict(signed_transaction(psbt))
    assert (verdict.kind, verdict.pass_id) == (VerdictKind.MATCHED, setting.asked.pass_id)
    assert verdict.findings == ()
    assert (verdict.left_sat, verdict.fee_sat) == (setting_left(setting), FEE_SAT)


def setting_left(setting: Scene) -> int:
    book = book_of(setting.wallet)
    outputs = setting.unsigned.outputs
    return sum(each.amount_sat for each in outputs if book.own(each.script) is None)


@pytest.mark.parametrize("tampering", SIGNABLE, ids=lambda each: each.name)
def test_what_the_gate_refuses_is_an_alarm_once_it_is_signed(tampering: Tampering) -> None:
    attempt = tampering.attempt()
    setting = attempt.scene
    assert not is_cleared(setting, attempt.psbt)
    signed = signed_transaction(attempt.psbt)
    for watcher in (watching(setting), watching(setting, after_clearing=setting.unsigned)):
        verdict = watcher.verdict(signed)
        assert codes_of(verdict) == codes("watch", tampering.watch)
        assert (verdict.kind, verdict.pass_id) == (VerdictKind.DEVIATING, setting.asked.pass_id)


def test_what_leaves_the_anchor_alone_is_an_alarm_of_another_kind() -> None:
    attempt = WITHOUT_ANCHOR.attempt()
    setting = attempt.scene
    assert not is_cleared(setting, attempt.psbt)
    signed = signed_transaction(attempt.psbt)
    verdict = watching(setting).verdict(signed)
    assert (verdict.kind, verdict.pass_id) == (VerdictKind.UNMATCHED, "")
    assert codes_of(verdict) == codes("watch", WITHOUT_ANCHOR.watch)
    again = watching(setting, after_clearing=setting.unsigned).verdict(signed)
    assert (again.kind, again.pass_id) == (VerdictKind.REUSED, setting.asked.pass_id)
    assert codes_of(again) == ["watch.pass_reused"]


@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_both_mean_the_same_size(kind: str) -> None:
    setting = scene(kind)
    psbt = honest(setting).psbt
    signed = signed_transaction(psbt)
    assert largest_vsize(signed) == largest_by_the_gate(setting, psbt) >= signed.vsize


@pytest.mark.parametrize("kind", [kind for kind in DESCRIPTORS if kind != "one_branch"])
def test_a_fee_at_the_ceiling_is_no_alarm_because_signatures_came_out_short(kind: str) -> None:
    vsize = largest_by_the_gate(scene(kind), honest(scene(kind)).psbt)
    setting = with_fee(scene(kind), 30 * vsize, feerate_sat_per_kvb=30_000)
    psbt = honest(setting).psbt
    assert is_cleared(setting, psbt)
    signed = signed_transaction(psbt)
    watcher = watching(setting, after_clearing=setting.unsigned)
    assert watcher.verdict(signed).kind is VerdictKind.MATCHED
    too_much = with_fee(setting, 30 * vsize, feerate_sat_per_kvb=29_999)
    assert not is_cleared(too_much, psbt)
    assert codes_of(watching(too_much).verdict(signed)) == ["watch.feerate_too_high"]


def test_signatures_do_come_out_short() -> None:
    shorter = [
        kind
        for kind in DESCRIPTORS
        if (psbt := honest(scene(kind)).psbt)
        and signed_transaction(psbt).vsize < largest_by_the_gate(scene(kind), psbt)
    ]
    assert len(shorter) > len(DESCRIPTORS) // 2


def test_what_only_looks_like_a_signature_buys_no_feerate() -> None:
    setting = scene("wpkh")
    signed = signed_transaction(honest(setting).psbt)
    for item in (bytes(66), b"\x30" + bytes(65), b"\x30\x3f" + bytes(65), b"\x30\x3c" + bytes(61)):
        first = replace(signed.inputs[0], witness=(item, signed.inputs[0].witness[1]))
        second = replace(signed.inputs[1], witness=())
        shown = replace(signed, inputs=(first, second))
        assert largest_vsize(shown) == shown.vsize


# Differences -------------------------------------------------------------------------------------


def differing(setting: Scene, transaction: Transaction) -> list[Mapping[str, Any]]:
    watcher = watching(setting)
    movement = watcher.movement(transaction)
    assert movement is not None
    [touched] = watcher.state.passes
    found = differences(movement, touched, watcher.state.book)
    return [each.as_json() for each in found]


def test_a_difference_says_how_much_and_to_whom() -> None:
    tampering = next(each for each in TAMPERINGS if "look-alike" in each.name)
    setting = tampering.setting()
    missing, not_allowed = differing(setting, tampering.make(setting))
    assert missing == {
        "code": "watch.payment_missing",
        "subject": "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P",
        "facts": {"amount_sat": "40000000"},
    }
    assert not_allowed == {
        "code": "watch.payment_not_allowed",
        "subject": "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P",
        "facts": {"amount_sat": "40000000"},
    }


def test_payments_to_one_payee_that_are_missing_are_one_sum() -> None:
    setting = scene()
    only_first = replace(setting.unsigned, outputs=setting.unsigned.outputs[:1])
    found = [each for each in differing(setting, only_first) if "missing" in each["code"]]
    assert [each["facts"]["amount_sat"] for each in found] == ["10000000"]


def test_the_feerate_is_said_as_it_was_paid() -> None:
    setting = scene()
    to_miners = replace(setting.unsigned, outputs=setting.unsigned.outputs[:3])
    [rate] = [each["facts"] for each in differing(setting, to_miners) if "rate" in each["code"]]
    tenths = round(30_000_000 * 10 / to_miners.vsize)
    assert rate == {
        "feerate": f"{tenths / 10:,.1f} sat/vB",
        "feerate_max": "200.0 sat/vB",
    }
