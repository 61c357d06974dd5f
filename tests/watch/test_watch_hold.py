"""The watcher under duress: undetermined, as under an ordinary hold, and the keeper knows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from duress_world import Told, committed, marked, public
from gate_scene import Scene
from watch_at_work import signed, theft
from world import World, cleared, digest_of, journal_in
from world_people import NOW

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.journal.records import Entry
from sekisho.passes.duress import Holds
from sekisho.watch.flow import Judged, judge_parsed, open_watch
from sekisho.watch.records import VerdictKind


@pytest.fixture(scope="module")
def setting() -> Scene:
    return committed()


@pytest.fixture(scope="module")
def past_the_gate(setting: Scene) -> World:
    """The transaction was cleared, before anybody's word was doubted."""
    return cleared(setting.world, setting.asked, setting.unsigned)


@pytest.fixture(scope="module")
def free(past_the_gate: World) -> World:
    return marked(past_the_gate)


@pytest.fixture(scope="module")
def forced(past_the_gate: World, setting: Scene) -> World:
    return marked(past_the_gate, forced=[("chiba", digest_of(setting.asked))])


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    return (tmp_path / str(number) for number in range(9))


def seen(
    folder: Path, world: World, told: Told | None, transaction: Transaction | None = None
) -> tuple[Judged, tuple[Entry, ...]]:
    """Return what the watcher says of the scene's transaction, and the journal afterwards."""
    folder.mkdir()
    setting = committed()
    journal = journal_in(folder, world)
    watch = open_watch(
        journal,
        setting.coins.previous,
        genesis_digest=world.genesis_digest,
        now=NOW,
        keeper=None if told is None else told.keeper(),
    )
    judged = judge_parsed(watch, transaction or signed(setting), now=NOW)
    assert judged is not None
    entries = tuple(journal.entries())
    journal.close()
    return judged, entries


def test_what_was_approved_freely_is_matched(folders: Iterator[Path], free: World) -> None:
    told = Told()
    judged, _ = seen(next(folders), free, told)
    assert judged.verdict.kind is VerdictKind.MATCHED
    assert not told.reports


def test_without_a_keeper_nothing_is_matched_while_the_roster_has_commitments(
    folders: Iterator[Path], free: World, forced: World
) -> None:
    """The verdict is that of an ordinary hold, whatever was said."""
    usual, _ = seen(next(folders), free, Told(holds=Holds(on=True)))
    for world in (free, forced):
        judged, _ = seen(next(folders), world, None)
        assert judged.verdict.kind is VerdictKind.UNDETERMINED
        assert judged.verdict == usual.verdict


def test_what_was_approved_under_duress_is_not_matched_and_the_keeper_knows(
    folders: Iterator[Path], forced: World
) -> None:
    told = Told()
    judged, _ = seen(next(folders), forced, told)
    assert judged.verdict.kind is VerdictKind.UNDETERMINED
    assert [each.code for each in judged.verdict.findings] == ["watch.on_hold"]
    assert told.forced() == {"chiba"}
    assert told.reports[0]["txid"] == judged.verdict.txid


def test_an_observer_cannot_tell_it_from_an_ordinary_hold(
    folders: Iterator[Path], free: World, forced: World
) -> None:
    ordinary, duress = Told(holds=Holds(on=True)), Told()
    usual, usual_entries = seen(next(folders), free, ordinary)
    judged, entries = seen(next(folders), forced, duress)
    assert judged.verdict == usual.verdict
    assert public(entries) == public(usual_entries)
    assert [each.entry_id for each in entries] == [each.entry_id for each in usual_entries]
    assert len(duress.reports) == len(ordinary.reports) == 1
    assert duress.forced() == {"chiba"} != ordinary.forced()


def test_a_hold_makes_no_theft_harmless(folders: Iterator[Path], forced: World) -> None:
    """What no pass allows is the alarm that it always was."""
    stolen = theft(committed())
    judged, _ = seen(next(folders), forced, Told(), stolen)
    without, _ = seen(next(folders), forced, None, stolen)
    assert judged.verdict == without.verdict
    assert judged.verdict.kind is VerdictKind.UNMATCHED


def test_once_settled_the_pass_itself_stays_unmatched(
    folders: Iterator[Path], forced: World
) -> None:
    told = Told()
    seen(next(folders), forced, told)
    held = told.reports[0]["statements"]
    assert isinstance(held, list)
    ids = frozenset(str(each["statement_id"]) for each in held if isinstance(each, dict))
    judged, _ = seen(next(folders), forced, Told(holds=Holds(settled=ids)))
    assert judged.verdict.kind is VerdictKind.UNDETERMINED
