"""What keeps to a pass counts only if it is signed."""

from dataclasses import replace
from pathlib import Path

import pytest
from gate_scene import scene
from gate_tampered_transactions import outputs
from watch_at_work import judge, signed, theft, watching
from watch_lookout import cheaper, to
from world import journal_in
from world_coins import stranger

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.watch.records import VerdictKind

KINDS = ("pkh", "sh_wpkh", "wpkh", "sh_sortedmulti", "wsh_sortedmulti", "tr", "miniscript")


def unfinished(whole: Transaction) -> dict[str, Transaction]:
    """Return the transaction with signatures that are missing, of another, or not even that."""
    first, *others = whole.inputs
    bare = tuple(replace(each, script_sig=b"", witness=()) for each in whole.inputs)
    junk = replace(first, script_sig=b"" if first.witness else b"\x01\x07", witness=(b"\x07",))
    return {
        "none": replace(whole, inputs=bare),
        "one missing": replace(whole, inputs=(bare[0], *others)),
        "junk": replace(whole, inputs=(junk, *others)),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_signed_does_not_use_a_pass_up(kind: str, tmp_path: Path) -> None:
    setting = scene(kind)
    whole = signed(setting)
    with journal_in(tmp_path, setting.world) as journal:
        watch = watching(journal, setting)
        for how, each in unfinished(whole).items():
            if kind == "tr" and how == "junk":
                continue  # a witness of one item is a signature
            verdict = judge(watch, each).verdict
            assert verdict.kind is VerdictKind.UNDETERMINED, how
            assert "watch.not_signed" in {each.code for each in verdict.findings}
        assert [each.seen_txids for each in watch.state.passes] == [()]
        assert judge(watch, whole).verdict.kind is VerdictKind.MATCHED
        assert [each.seen_txids for each in watch.state.passes] == [(whole.txid,)]


@pytest.mark.parametrize("kind", ["pkh", "wpkh", "wsh_sortedmulti", "tr"])
def test_signatures_of_another_transaction_are_none(kind: str, tmp_path: Path) -> None:
    setting = scene(kind)
    theirs = signed(setting, cheaper(setting))
    borrowed = replace(setting.unsigned, inputs=theirs.inputs)
    with journal_in(tmp_path, setting.world) as journal:
        watch = watching(journal, setting)
        assert judge(watch, borrowed).verdict.kind is VerdictKind.UNDETERMINED
        assert judge(watch, theirs).verdict.kind is VerdictKind.MATCHED


def test_an_alarm_needs_no_signature(tmp_path: Path) -> None:
    setting = scene()
    deviating = outputs(setting, {0: to(stranger(9), 40_000_000)})
    with journal_in(tmp_path, setting.world) as journal:
        watch = watching(journal, setting)
        assert judge(watch, theft(setting)).verdict.kind is VerdictKind.UNMATCHED
        assert judge(watch, deviating).verdict.kind is VerdictKind.DEVIATING
