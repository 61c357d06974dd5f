from pathlib import Path

import pytest
from journal_world import OTHER, chain, signed
from witness_world import LOG, leaves_of

from sekisho.journal.records import Entry
from sekisho.journal.witness.last_seen import ByEntries, LastSeen, none_seen, seen_in
from sekisho.journal.witness.store import begin_seen, keep_seen, read_seen
from sekisho.kernel.errors import WorldError
from sekisho.kernel.finding import Refused

STORY = chain(9)
FORK = chain(9, story="fork", after=STORY[:4])


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "last-seen.json"
    begin_seen(path, (none_seen(LOG),))
    return path


def show(path: Path, history: tuple[Entry, ...], *, shown: bytes = b"") -> LastSeen:
    evidence = ByEntries(leaf_hashes=leaves_of(history))
    return keep_seen(path, shown or signed(history), LOG, evidence, "bundle")


def test_a_gate_keeps_the_newest_checkpoint_that_it_was_shown(kept: Path) -> None:
    for size in (0, 3, 3, 8):
        seen = show(kept, STORY[:size])
        assert (seen.checkpoint.size, read_seen(kept)) == (size, (seen,))
    before = kept.read_bytes()
    for history, code in ((STORY[:7], "checkpoint_lower"), (FORK, "two_histories")):
        with pytest.raises(Refused, match=code):
            show(kept, history)
    with pytest.raises(Refused, match="entries_differ"):
        show(kept, FORK, shown=signed(STORY))
    with pytest.raises(Refused, match="note_unsigned"):
        show(kept, STORY, shown=signed(STORY, signer=OTHER))
    assert kept.read_bytes() == before


def test_a_gate_begins_with_what_people_compared(tmp_path: Path) -> None:
    path = tmp_path / "last-seen.json"
    begin_seen(path, (seen_in(signed(STORY[:6]), LOG, "compared"),))
    with pytest.raises(Refused, match="two_histories"):
        show(path, FORK)
    assert show(path, STORY).checkpoint.size == 9
    with pytest.raises(WorldError, match="File exists"):
        begin_seen(path, (none_seen(LOG),))


def test_a_checkpoint_of_a_log_that_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "last-seen.json"
    begin_seen(path, ())
    with pytest.raises(Refused, match="log_unknown"):
        show(path, STORY)


def test_what_was_kept_and_is_gone_is_an_error(kept: Path) -> None:
    kept.unlink()
    with pytest.raises(WorldError, match="is gone"):
        show(kept, STORY)
    assert not kept.exists()


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WorldError):
        show(tmp_path / "nowhere" / "last-seen.json", STORY)
