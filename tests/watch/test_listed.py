"""Whose a listed script is, held equal to a dict; and what a list cannot do."""

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from gate_psbts import signed_transaction
from gate_scene import HOT, USUAL, Scene, honest, scene
from gate_tampered_transactions import change, outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from watch_at_work import judge
from watch_lookout import Lookout, after_clearing, codes_of, coin, lookout, to
from world import begin, journal_in, register
from world_coins import STRANGER, outpoint, script_at, spending, stranger, txout
from world_people import NOW

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.passes.records import ChangeAllowance
from sekisho.wallets.records import ChangeRule, ListedScript
from sekisho.watch.flow import open_watch
from sekisho.watch.listed import Listed, each_of
from sekisho.watch.match import match
from sekisho.watch.records import Movement, Verdict, VerdictKind
from sekisho.watch.sieve import Packed, Sieve

SEED = bytes(range(16))
COLD_ID = "cold-1"


def packed(*scripts: bytes) -> Packed:
    data = np.frombuffer(b"".join(scripts), np.uint8)
    return data, np.array([len(each) for each in scripts], np.int64)


def listing(wallet_id: str, *scripts: bytes) -> Listed:
    made = Listed(Sieve(SEED))
    made.add(wallet_id, packed(*scripts))
    return made


# Whose it is -------------------------------------------------------------------------------------

alike = st.builds(
    lambda number, size: bytes([number]) * size, st.integers(0, 2), st.integers(0, 9)
)
step = st.tuples(st.sampled_from(["", "hot", "cold"]), st.lists(alike | st.binary(), max_size=9))


@settings(max_examples=200)
@given(steps=st.lists(step, max_size=8), strangers=st.lists(alike | st.binary(), max_size=9))
def test_as_a_dict_in_any_steps(
    steps: list[tuple[str, list[bytes]]], strangers: list[bytes]
) -> None:
    """A wallet without a name stands for what the sieve watches besides."""
    listed, model = Listed(Sieve(SEED)), dict[bytes, str]()
    for wallet_id, scripts in steps:
        new = {each: wallet_id for each in scripts if each not in model}
        model |= new
        if wallet_id:
            assert list(each_of(packed(*scripts))) == scripts
            assert listed.add(wallet_id, packed(*scripts)) == len(new)
        else:
            listed.sieve.watch_scripts(scripts)
        for each in [*model, *strangers]:
            whose = model.get(each)
            expected = ListedScript(wallet_id=whose, script=each) if whose else None
            assert listed.of(each) == expected
    counts = {name: sum(each == name for each in model.values()) for name in ("hot", "cold")}
    assert dict(listed.counts) == {name: count for name, count in counts.items() if count}


def test_whose_it_is_over_many_segments_and_tables() -> None:
    random = Random(1)  # noqa: S311 - the same scripts each time
    listed, model = Listed(Sieve(SEED)), dict[bytes, str]()
    for number in range(60):
        wallet_id = ("hot", "cold", "warm")[number % 3]
        scripts = [random.randbytes(random.choice((22, 34, 60_000))) for _ in range(200)]
        assert listed.add(wallet_id, packed(*scripts)) == len(scripts)
        model |= dict.fromkeys(scripts, wallet_id)
    assert listed.sieve.end > 3 * 2**26
    for script, wallet_id in model.items():
        assert listed.of(script) == ListedScript(wallet_id=wallet_id, script=script)
        assert listed.of(script[:-1] + bytes([script[-1] ^ 1])) is None


def test_a_million_scripts_take_few_bytes_each_and_no_objects() -> None:
    """22 to 34 bytes of script, 2 of size, 16 to 27 of slots, 2 to 4 of filter."""
    listed, random, count = Listed(Sieve(SEED)), np.random.default_rng(1), 1_000_000
    listed.sieve.expect_scripts(count)
    sizes = np.full(10_000, 22, np.int64)
    for number in range(count // sizes.size):
        wallet_id = ("hot", "cold")[number // 50]
        listed.add(wallet_id, (random.integers(0, 256, int(sizes.sum()), np.uint8), sizes))
    keys = listed.sieve._scripts
    held = sum(each.nbytes for each in keys._segments)
    held += keys.keys.table.slots.nbytes + keys.keys.table.filter.nbytes
    assert listed.counts == {"hot": count // 2, "cold": count // 2}
    assert held <= 45 * count + 2**26  # of the last segment only what is used has memory
    assert len(listed._starts) == 2


# What it cannot do -------------------------------------------------------------------------------


def watcher(setting: Scene, *seen: Transaction) -> Lookout:
    world = after_clearing(setting)
    return lookout(world, [setting.wallet, HOT], [*setting.coins.previous, *seen])


def judged(
    setting: Scene, transaction: Transaction, listed: Listed | None, *seen: Transaction
) -> tuple[Movement, Verdict]:
    lookout_ = watcher(setting, *seen)
    movement = lookout_.movement(transaction, listed=listed)
    assert movement is not None
    return movement, match(movement, lookout_.state)


def thiefs(number: int = 9) -> bytes:
    return script_of(stranger(number), Network.MAIN, "thief")


@pytest.mark.parametrize("wallet_id", [COLD_ID, HOT.wallet_id])
@pytest.mark.parametrize("rule", list(ChangeRule))
def test_a_theft_is_no_less_a_theft_because_its_aim_is_listed(
    wallet_id: str, rule: ChangeRule
) -> None:
    """Whoever can append to the file lists his own script, and then steals to it."""
    setting = scene(transfer={"change": ChangeAllowance(rule=rule, outputs_max=1)})
    theft = spending([coin(setting, 2)], [to(stranger(9), 39_000_000)])
    without = judged(setting, theft, None)
    movement, verdict = judged(setting, theft, listing(wallet_id, thiefs()))
    assert (verdict.kind, verdict.left_sat) == (VerdictKind.UNMATCHED, 39_000_000)
    assert verdict == without[1]
    assert (movement.outputs[0].own, movement.outputs[0].pays) == (None, wallet_id)


def test_what_a_pass_does_not_name_is_not_allowed_because_it_is_listed() -> None:
    """The thief's output, in place of the change or beside it, is a payment not allowed."""
    setting = scene()
    change_sat = setting.unsigned.outputs[3].amount_sat
    less = outputs(setting, {3: change(setting, change_sat - 1_000)})
    for swapped in (
        outputs(setting, {3: to(stranger(9), change_sat)}),
        replace(less, outputs=(*less.outputs, to(stranger(9), 1_000))),
    ):
        without = judged(setting, swapped, None)
        _, verdict = judged(setting, swapped, listing(COLD_ID, thiefs()))
        assert verdict == without[1]
        assert verdict.kind is VerdictKind.DEVIATING
        assert "watch.payment_not_allowed" in codes_of(verdict)


def test_a_theft_beside_a_payment_that_was_made_once_is_not_called_reused() -> None:
    setting = scene()
    payments = setting.unsigned.outputs[:3]
    beside = spending([coin(setting, 2)], [*payments, to(stranger(9), 1_000_000)])
    _, verdict = judged(setting, beside, listing(COLD_ID, thiefs()))
    assert verdict.kind is VerdictKind.UNMATCHED


def test_a_coin_on_a_listed_script_is_ours_when_it_is_spent() -> None:
    setting = scene()
    deposit = spending([outpoint(setting.lent, 0)], [to(stranger(9), 7_000_000)])
    listed = listing(HOT.wallet_id, thiefs())
    movement, verdict = judged(setting, deposit, listed)
    assert (verdict.kind, verdict.wallet_ids) == (VerdictKind.DEPOSIT, (HOT.wallet_id,))
    assert movement.left_sat == 7_000_000
    away = spending([outpoint(deposit, 0)], [txout(STRANGER, 6_990_000)])
    _, verdict = judged(setting, away, listed, deposit)
    assert (verdict.kind, verdict.wallet_ids) == (VerdictKind.UNMATCHED, (HOT.wallet_id,))
    assert (verdict.left_sat, verdict.fee_sat) == (6_990_000, 10_000)
    assert watcher(setting, deposit).movement(away) is None, "nobody but the list knows it"


def test_moving_from_one_listed_script_to_another_is_an_outflow() -> None:
    setting = scene()
    deposit = spending([outpoint(setting.lent, 0)], [to(stranger(9), 7_000_000)])
    within = spending([outpoint(deposit, 0)], [to(stranger(8), 6_990_000)])
    listed = listing(HOT.wallet_id, thiefs(9), thiefs(8))
    _, verdict = judged(setting, within, listed, deposit)
    assert (verdict.kind, verdict.left_sat) == (VerdictKind.UNMATCHED, 6_990_000)
    assert codes_of(verdict) == ["watch.no_pass"]


def test_what_a_descriptor_derives_is_its_wallets_whoever_lists_it() -> None:
    setting = scene()
    own = script_at(setting.wallet, branch=1)
    listed = listing(HOT.wallet_id, own, setting.funded.outputs[0].script)
    movement, verdict = judged(setting, setting.unsigned, listed)
    assert movement == replace(
        judged(setting, setting.unsigned, None)[0],
        outputs=tuple(replace(each, listed=listed.of(each.script)) for each in movement.outputs),
    )
    assert movement.outputs[3].pays == COLD_ID
    assert (verdict.kind, verdict.wallet_ids) == (VerdictKind.MATCHED, (COLD_ID,))


def test_an_unproven_coin_that_shows_a_listed_script_is_not_guessed_about() -> None:
    setting = scene("pkh")
    signed = signed_transaction(honest(setting).psbt)
    away = replace(signed, outputs=(txout(STRANGER, 1),))
    nobody = lookout(begin(), [HOT])
    assert nobody.movement(away) is None
    listed = listing(HOT.wallet_id, setting.funded.outputs[0].script)
    movement = nobody.movement(away, listed=listed)
    assert movement is not None
    assert match(movement, nobody.state).kind is VerdictKind.UNDETERMINED


def test_dust_that_imitates_an_address_is_told_from_a_deposit_by_what_is_listed() -> None:
    setting = scene()
    listed = listing(HOT.wallet_id, thiefs())
    for amount_sat in (1_000, 7_000_000):
        deposit = spending([outpoint(setting.lent, 0)], [to(stranger(9), amount_sat)])
        assert judged(setting, deposit, listed)[1].kind is VerdictKind.DEPOSIT
    assert USUAL in watcher(setting).state.known_addresses


def test_what_leaves_a_listed_script_makes_no_address_known(tmp_path: Path) -> None:
    """Else a list would have any address known that somebody's own coin pays."""
    setting = scene()
    deposit = spending([outpoint(setting.lent, 0)], [to(stranger(9), 7_000_000)])
    away = spending([outpoint(deposit, 0)], [to(stranger(8), 6_990_000)])
    world, listed = after_clearing(setting), listing(HOT.wallet_id, thiefs())
    with journal_in(tmp_path, register(world, HOT)) as journal:
        watch = open_watch(
            journal,
            [*setting.coins.previous, deposit],
            genesis_digest=world.genesis_digest,
            now=NOW,
            listed=listed,
        )
        paid_before = dict(watch.paid_by)
        assert judge(watch, away).verdict.kind is VerdictKind.UNMATCHED
        assert watch.paid_by == paid_before
        stolen = spending([coin(setting, 2)], [to(stranger(8), 39_000_000)])
        judge(watch, stolen)
        assert watch.paid_by.keys() == {*paid_before, stolen.txid}
