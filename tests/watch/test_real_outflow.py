"""The watcher and the real bytes of 2024-05-31: 4,502.9 BTC, signed, and not as asked for."""

from dataclasses import replace

import pytest
from dmm_world import asked_for, dmm_wallet, registered
from watch_lookout import codes_of, lookout
from world import World
from world_coins import txout

from sekisho.drills.dmm_2024 import facts
from sekisho.watch.records import Verdict, VerdictKind

THIEF = "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P"


def judged(world: World, *, with_funding: bool = True) -> Verdict:
    seen = [facts.funding()] if with_funding else []
    return lookout(world, [dmm_wallet()], seen).verdict(facts.outflow())


def test_with_a_pass_it_deviates_in_everything_but_the_amount() -> None:
    world, asked = asked_for()
    verdict = judged(world)
    assert (verdict.kind, verdict.pass_id) == (VerdictKind.DEVIATING, asked.pass_id)
    assert (verdict.left_sat, verdict.fee_sat) == (450_290_000_000, 10_000_000)
    assert verdict.wallet_ids == ("storage-1",)
    found = {each.code: (each.subject, dict(each.facts)) for each in verdict.findings}
    assert found == {
        "watch.payment_missing": (facts.USUAL_ADDRESS, {"amount_sat": "450290000000"}),
        "watch.payment_not_allowed": (THIEF, {"amount_sat": "450290000000"}),
        "watch.fee_too_high": (
            facts.OUTFLOW_TXID,
            {"fee_sat": "10000000", "fee_max_sat": "1000000"},
        ),
        "watch.feerate_too_high": (
            facts.OUTFLOW_TXID,
            {"feerate": "7,704.2 sat/vB", "feerate_max": "200.0 sat/vB"},
        ),
        "watch.lookalike": (THIEF, found["watch.lookalike"][1]),
    }
    alike = found["watch.lookalike"][1]
    assert alike["resembles"] == facts.USUAL_ADDRESS
    assert (alike["prefix"], alike["suffix"]) == ("5", "2")
    assert float(alike["bits"]) >= 28


def test_without_a_pass_nothing_allowed_it() -> None:
    verdict = judged(registered())
    assert (verdict.kind, verdict.pass_id) == (VerdictKind.UNMATCHED, "")
    assert [str(each) for each in verdict.findings] == [
        f"watch.no_pass: {THIEF} (amount_sat=450290000000)"
    ]


@pytest.mark.parametrize("with_pass", [True, False])
def test_without_the_funding_transaction_people_are_asked(*, with_pass: bool) -> None:
    world = asked_for()[0] if with_pass else registered()
    verdict = judged(world, with_funding=False)
    assert verdict.kind is VerdictKind.UNDETERMINED
    assert codes_of(verdict) == ["watch.previous_unknown"] * 9
    assert verdict.fee_sat is None


def test_what_was_asked_for_would_have_been_matched() -> None:
    world, asked = asked_for()
    outflow = facts.outflow()
    payment, change = 450_290_000_000, 9_800_000
    meant = replace(
        outflow,
        outputs=(txout(facts.USUAL_ADDRESS, payment), txout(facts.WALLET_ADDRESS, change)),
    )
    verdict = lookout(world, [dmm_wallet()], [facts.funding()]).verdict(meant)
    assert (verdict.kind, verdict.pass_id) == (VerdictKind.MATCHED, asked.pass_id)
