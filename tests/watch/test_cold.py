"""A cold wallet that moves is shown at once, whatever allows it; its verdict stays what it is."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from gate_scene import HOT, Scene, scene
from rich.console import Console
from watch_at_work import judge, signed, theft, watching
from watch_lookout import coin, lookout, to
from world import cleared, journal_in
from world_coins import outpoint, script_at, spending, stranger
from world_people import NOW

from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.cli import sentry_words
from sekisho.cli.sentry_words import Voice
from sekisho.kernel.finding import Finding
from sekisho.kernel.money import Sat
from sekisho.wallets.records import Tier
from sekisho.watch.cold import cold_moves
from sekisho.watch.flow import Judged
from sekisho.watch.records import VerdictKind

SETTING = scene()


def moves(transaction: Transaction, *, tier: Tier = Tier.COLD) -> list[Finding]:
    """Return what is said of a transaction, where the scene's wallet is of this tier."""
    seen = lookout(SETTING.world, [SETTING.wallet, HOT], SETTING.coins.previous)
    movement = seen.movement(transaction)
    assert movement is not None
    wallets = dict(seen.holdings.book.wallets)
    for wallet_id, each in ((SETTING.wallet.wallet_id, tier), (HOT.wallet_id, Tier.HOT)):
        wallets[wallet_id] = replace(wallets[wallet_id], tier=each)
    return cold_moves(movement, seen.verdict(transaction), wallets)


def test_it_says_which_wallet_and_how_much() -> None:
    [found] = moves(SETTING.unsigned)
    spent_sat = sum(SETTING.funded.outputs[each].amount_sat for each in (0, 1))
    assert (found.code, found.subject) == ("watch.cold_moved", SETTING.wallet.wallet_id)
    assert dict(found.facts) == {
        "spent_sat": str(spent_sat),
        "back_sat": str(SETTING.unsigned.outputs[3].amount_sat),
        "pass_id": SETTING.asked.pass_id,
    }


def test_a_theft_and_what_stays_with_us_are_moves_too() -> None:
    within = TxOut(amount_sat=Sat(39_000_000), script=script_at(HOT))
    for transaction in (theft(SETTING), spending([coin(SETTING, 2)], [within])):
        [found] = moves(transaction)
        assert dict(found.facts)["pass_id"] == "-"


def test_other_wallets_and_what_only_pays_a_cold_one_are_none() -> None:
    assert moves(SETTING.unsigned, tier=Tier.WARM) == moves(SETTING.unsigned, tier=Tier.HOT) == []
    back = TxOut(amount_sat=Sat(1_000), script=script_at(SETTING.wallet))
    assert moves(spending([outpoint(SETTING.lent, 0)], [back])) == []
    assert moves(spending([outpoint(SETTING.hot, 0)], [to(stranger(9), 1_000)])) == []


def at_work(folder: Path, setting: Scene, transaction: Transaction) -> Judged:
    world = cleared(setting.world, setting.asked, setting.unsigned, at=NOW)
    with journal_in(folder, world) as journal:
        return judge(watching(journal, setting), transaction)


@pytest.mark.parametrize("as_json", [True, False])
def test_what_a_pass_allows_is_matched_and_shown_all_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    as_json: bool,
) -> None:
    judged = at_work(tmp_path, SETTING, signed(SETTING))
    assert (judged.verdict.kind, judged.verdict.findings) == (VerdictKind.MATCHED, ())
    assert [each.subject for each in judged.cold] == [SETTING.wallet.wallet_id]
    assert "cold" not in judged.entry.body
    shown = StringIO()
    monkeypatch.setattr(sentry_words, "terminal", lambda: Console(file=shown, width=1_000))
    Voice(as_json=as_json).judged(judged, None, 1, 1)
    first, second = (shown.getvalue() or capsys.readouterr().out).splitlines()
    if as_json:
        assert '"event": "cold_move"' in first
        assert '"event": "verdict"' in second
    else:
        assert f"COLD {judged.verdict.txid}" in first
        assert SETTING.wallet.wallet_id in first
        assert "MATCHED" in second


def test_people_are_told_of_the_first_second_fourth_and_eighth_dust_and_programs_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else strangers would have an alarm scroll away."""
    judged = at_work(tmp_path, SETTING, signed(SETTING))
    found = Finding(
        code="watch.poisoning", subject="1x", facts=(("resembles", "1y"), ("bits", "30.0"))
    )
    dust = replace(judged.verdict, kind=VerdictKind.POISONING, findings=(found,))
    poisoning = replace(judged, verdict=dust, cold=())
    shown = StringIO()
    monkeypatch.setattr(sentry_words, "terminal", lambda: Console(file=shown, width=1_000))
    people, programs = Voice(as_json=False), Voice(as_json=True)
    for _ in range(1_000):
        people.judged(poisoning, None, 1, 1)
        programs.judged(poisoning, None, 1, 1)
    assert len(shown.getvalue().splitlines()) == 10
    assert len(capsys.readouterr().out.splitlines()) == 1_000
