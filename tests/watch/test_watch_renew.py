"""A watch that goes on reading its journal comes to what one that is opened anew comes to."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from gate_scene import scene
from watch_at_work import judge, signed, theft, watching
from world import World, cleared, journal_in, record, register
from world_coins import DESCRIPTORS, wallet_of
from world_people import NOW

from sekisho.journal.store import JournalStore
from sekisho.kernel.errors import WorldError
from sekisho.watch.flow import Watch, read_again, renew_watch
from sekisho.watch.records import VerdictKind

SECOND = timedelta(seconds=1)
SCENE = scene()


def add(journal: JournalStore, before: World, after: World) -> None:
    """Add to the journal what one world has and the other had not."""
    journal.append_all(after.drafts[len(before.drafts) :])


def same(renewed: Watch, opened: Watch) -> bool:
    first, second = renewed.state, opened.state
    return (first.passes, first.known_addresses, first.view_findings, first.by_anchor) == (
        second.passes,
        second.known_addresses,
        second.view_findings,
        second.by_anchor,
    ) and renewed.recorded == opened.recorded


def test_what_the_gate_let_through_since_is_known(tmp_path: Path) -> None:
    with journal_in(tmp_path, SCENE.world) as journal:
        watch = watching(journal, SCENE)
        assert read_again(watch, now=NOW)
        add(journal, SCENE.world, cleared(SCENE.world, SCENE.asked, SCENE.unsigned))
        assert not read_again(watch, now=NOW)
        assert renew_watch(watch, now=NOW, checkpoint=b"")
        assert read_again(watch, now=NOW)
        judged = judge(watch, signed(SCENE))
        assert (judged.verdict.kind, judged.verdict.findings) == (VerdictKind.MATCHED, ())


def test_after_verdicts_of_its_own_it_is_as_if_opened_anew(tmp_path: Path) -> None:
    with journal_in(tmp_path, SCENE.world) as journal:
        watch = watching(journal, SCENE)
        moved = (SCENE.funded, signed(SCENE), theft(SCENE))
        for each in moved:
            judge(watch, each)
        assert read_again(watch, now=NOW), "of its own entries nothing follows"
        add(journal, SCENE.world, record(SCENE.world, "note.made", {"text": "a"}))
        assert not read_again(watch, now=NOW)
        assert renew_watch(watch, now=NOW, checkpoint=b"")
        assert same(watch, watching(journal, SCENE, *moved))
        assert judge(watch, theft(SCENE)).entry == judge(watch, theft(SCENE)).entry


def test_what_another_watcher_judged_is_known(tmp_path: Path) -> None:
    with journal_in(tmp_path, SCENE.world) as journal:
        first, second = watching(journal, SCENE), watching(journal, SCENE)
        entry = judge(first, theft(SCENE)).entry
        assert read_again(second, now=NOW)
        assert second.recorded[entry.entry_id] == entry


def test_another_wallet_needs_the_transactions_again(tmp_path: Path) -> None:
    with journal_in(tmp_path, SCENE.world) as journal:
        watch = watching(journal, SCENE)
        wallet = replace(wallet_of(DESCRIPTORS["pkh"]), wallet_id="later-1")
        add(journal, SCENE.world, register(SCENE.world, wallet))
        assert not renew_watch(watch, now=NOW, checkpoint=b"")


def test_a_view_is_as_old_as_its_last_reading(tmp_path: Path) -> None:
    with journal_in(tmp_path, SCENE.world) as journal:
        watch = watching(journal, SCENE)
        read_again(watch, now=NOW + 100 * SECOND)
        kind = judge(watch, theft(SCENE), now=NOW + 150 * SECOND).verdict.kind
        assert kind is VerdictKind.UNMATCHED
        kind = judge(watch, theft(SCENE), now=NOW + 161 * SECOND).verdict.kind
        assert kind is VerdictKind.UNDETERMINED


def test_a_journal_that_cannot_be_read_leaves_the_view_to_grow_old(tmp_path: Path) -> None:
    with journal_in(tmp_path, SCENE.world) as journal:
        watch = watching(journal, SCENE)
    (tmp_path / "journal.db").unlink()
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(WorldError):
        read_again(watch, now=NOW + 9 * SECOND)
    assert watch.state.view_at == NOW
