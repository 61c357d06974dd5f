"""What was confirmed and is displaced: when it is an alarm, and when nothing is lost."""

from dataclasses import replace

import pytest
from feed_world import name
from gate_scene import HOT, scene
from watch_lookout import coin, lookout, to
from world_coins import STRANGER, outpoint, script_at, spending, stranger, txout

from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.kernel.money import Sat
from sekisho.watch.double_spend import Thought, double_spent
from sekisho.watch.life_records import Change, State
from sekisho.watch.records import ALARMS, VerdictKind

SCENE = scene()
WATCHER = lookout(SCENE.world, [SCENE.wallet, HOT], SCENE.coins.previous)
PASS = SCENE.asked.pass_id
OTHER_PASS = "0" * 25 + "9"
BY = name("by").hex()
WAS = Change(txid=BY, state=State.CONFIRMED, block_hash=name("block").hex(), height=7)
OURS = script_at(SCENE.wallet, branch=0, index=0)
OURS_TOO = script_at(SCENE.wallet, branch=0, index=1)


def thought(transaction: Transaction, kind: VerdictKind, pass_id: str = "") -> Thought:
    movement = WATCHER.movement(transaction)
    assert movement is not None
    return Thought(movement=movement, kind=kind, pass_id=pass_id)


def paying(*amounts: tuple[bytes, int]) -> Transaction:
    """Return a deposit: a stranger's coin to these scripts, and change."""
    outputs = [TxOut(amount_sat=Sat(amount), script=script) for script, amount in amounts]
    return spending([outpoint(SCENE.lent, 0)], [*outputs, txout(STRANGER, 1_000)])


OUTFLOW = thought(SCENE.unsigned, VerdictKind.MATCHED, PASS)
ELSEWHERE = spending([coin(SCENE, 0)], [to(stranger(9), 39_000_000)])
DEPOSIT = thought(paying((OURS, 500), (OURS, 700), (OURS_TOO, 90)), VerdictKind.DEPOSIT)


@pytest.mark.parametrize(
    ("kind", "pass_id", "lost"),
    [
        (VerdictKind.MATCHED, PASS, False),
        (VerdictKind.REPLACEMENT, PASS, False),
        (VerdictKind.MATCHED, OTHER_PASS, True),
        (VerdictKind.DEVIATING, PASS, True),
        (VerdictKind.EXPIRED, PASS, True),
        (VerdictKind.UNMATCHED, "", True),
        (VerdictKind.UNDETERMINED, "", True),
    ],
)
def test_an_outflow_is_made_up_for_by_its_own_pass_alone(
    kind: VerdictKind, pass_id: str, *, lost: bool
) -> None:
    by = thought(ELSEWHERE, kind, pass_id)
    assert (double_spent(OUTFLOW, WAS, by_txid=BY, by=by) is not None) is lost


@pytest.mark.parametrize(
    ("amounts", "lost"),
    [
        (((OURS, 1_200), (OURS_TOO, 90)), False),
        (((OURS, 1_200), (OURS_TOO, 91)), False),
        (((OURS, 1_200),), True),
        (((OURS, 1_199), (OURS_TOO, 5_000)), True),
    ],
)
def test_a_deposit_is_made_up_for_by_as_much_to_the_same_scripts(
    amounts: tuple[tuple[bytes, int], ...], *, lost: bool
) -> None:
    by = thought(paying(*amounts), VerdictKind.DEPOSIT)
    assert (double_spent(DEPOSIT, WAS, by_txid=BY, by=by) is not None) is lost


def test_what_is_not_about_us_makes_up_for_nothing() -> None:
    for displaced, lost_sat, wallets in (
        (OUTFLOW, 50_000_000, ("cold-1",)),
        (DEPOSIT, 1_290, ("cold-1",)),
    ):
        verdict = double_spent(displaced, WAS, by_txid=BY, by=None)
        assert verdict is not None
        assert verdict.kind is VerdictKind.DOUBLE_SPENT
        assert verdict.kind in ALARMS
        assert (verdict.left_sat, verdict.wallet_ids) == (lost_sat, wallets)
        assert verdict.pass_id == displaced.pass_id
        [found] = verdict.findings
        assert dict(found.facts) == {
            "amount_sat": str(lost_sat),
            "block": WAS.block_hash,
            "height": "7",
            "by": BY,
        }


@pytest.mark.parametrize("kind", [*sorted(ALARMS), VerdictKind.POISONING])
def test_what_nobody_wanted_to_last_is_no_second_alarm(kind: VerdictKind) -> None:
    assert double_spent(replace(OUTFLOW, kind=kind), WAS, by_txid=BY, by=None) is None


def test_what_nobody_could_judge_is_one() -> None:
    unsure = replace(OUTFLOW, kind=VerdictKind.UNDETERMINED, pass_id="")
    by = thought(ELSEWHERE, VerdictKind.MATCHED)  # no pass is the same as no pass
    assert double_spent(unsure, WAS, by_txid=BY, by=by) is not None
