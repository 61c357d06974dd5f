"""Configurations nobody should have, transactions nobody should send: still one clear answer."""

from dataclasses import replace
from pathlib import Path

import pytest
from gate_psbts import signed_transaction
from gate_scene import Attempt, honest, scene
from gate_world import ask_gate
from world import journal_in, register
from world_coins import DESCRIPTORS, wallet_of
from world_people import NOW

from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.journal.store import JournalStore
from sekisho.kernel.finding import FINDINGS_MAX, Refused
from sekisho.kernel.money import Sat
from sekisho.passes.life import GATE_REFUSED
from sekisho.watch.flow import judge_transaction, open_watch
from sekisho.watch.records import VerdictKind


def refusal(attempt: Attempt, journal: JournalStore) -> Refused:
    with pytest.raises(Refused) as caught:
        ask_gate(attempt, journal)
    return caught.value


def test_the_gate_opens_for_no_script_of_two_wallets_and_the_watcher_still_sees(
    tmp_path: Path,
) -> None:
    attempt = honest(scene("wpkh"))
    twin = wallet_of(DESCRIPTORS["one_branch"], wallet_id="zz-twin")
    world = register(attempt.scene.world, twin)
    with journal_in(tmp_path, world) as journal:
        found = refusal(attempt, journal).findings
        assert {each.code for each in found} == {"gate.script_shared"}
        watch = open_watch(
            journal, [attempt.scene.funded], genesis_digest=attempt.genesis, now=NOW
        )
        judged = judge_transaction(
            watch, signed_transaction(attempt.psbt).serialize(), where="movement", now=NOW
        )
        assert judged is not None
        assert judged.verdict.kind is VerdictKind.MATCHED


def test_a_refusal_of_any_size_is_in_the_journal(tmp_path: Path) -> None:
    setting = scene("wpkh")
    extra = tuple([TxOut(amount_sat=Sat(0), script=bytes([0x6A]) + bytes(70))] * 10_000)
    huge = replace(setting.unsigned, outputs=(*setting.unsigned.outputs, *extra))
    attempt = honest(replace(setting, unsigned=huge))
    with journal_in(tmp_path, setting.world) as journal:
        refused = refusal(attempt, journal)
        last = journal.last()
        assert last is not None
        assert last.kind == GATE_REFUSED
        assert last.body["findings_total"] == len(refused.findings) >= 10_000
        written = last.body["findings"]
        assert isinstance(written, list)
        assert len(written) == FINDINGS_MAX


def test_a_theft_of_any_size_is_a_durable_verdict(tmp_path: Path) -> None:
    setting = scene("wpkh")
    extra = tuple([TxOut(amount_sat=Sat(1), script=bytes([0x51]) * 9_000)] * 100)
    huge = replace(setting.unsigned, outputs=(*setting.unsigned.outputs, *extra))
    with journal_in(tmp_path, setting.world) as journal:
        watch = open_watch(
            journal, [setting.funded], genesis_digest=setting.world.genesis_digest, now=NOW
        )
        judged = judge_transaction(watch, huge.serialize(), where="movement", now=NOW)
        assert judged is not None
        assert judged.verdict.kind is VerdictKind.DEVIATING
        assert judged.entry.body["findings_total"] == len(judged.verdict.findings) >= 100
