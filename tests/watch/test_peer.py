"""What one watcher thinks of another: alive, seeing, at the same block, with the same journal."""

from dataclasses import replace
from datetime import timedelta

import pytest
from beat_world import (
    BEGUN_MS,
    ENTRIES,
    KEY,
    NOW,
    OSAKA,
    OTHER_KEY,
    OTHER_TIP,
    SIGHT,
    There,
    beat,
    extent,
)
from hypothesis import given
from hypothesis import strategies as st
from journal_world import chain

from sekisho.journal.records import Entry
from sekisho.watch.beat import Questions, sign_beat
from sekisho.watch.peer import DIFFERS_MS, SILENT_SECONDS, STILL_MS, Trail

MINUTE = DIFFERS_MS // 1_000


# Alive -------------------------------------------------------------------------------------------


def test_one_that_answers_is_well() -> None:
    assert There().goes_on(300) == []


def test_silence_is_noticed_within_the_limit_and_ends_with_a_beat() -> None:
    there = There()
    there.goes_on(30)
    since = there.now
    assert there.later(SILENT_SECONDS).wrong() == []
    [found] = there.later(1).found()
    assert (found.code, dict(found.facts)["since_at"]) == (
        "watch.peer_silent",
        f"{since:%Y-%m-%dT%H:%M:%SZ}",
    )
    assert there.later(600).wrong() == ["peer_silent"]
    assert there.goes_on(3) == []


def test_one_that_never_answered_is_missed_after_the_limit() -> None:
    assert There().later(SILENT_SECONDS).wrong() == []
    assert There().later(SILENT_SECONDS + 1).wrong() == ["peer_silent"]


def test_silence_is_counted_from_the_question_not_from_when_the_answer_came() -> None:
    there = There()
    question = there.ask()
    there.later(10)
    there.hear(sign_beat(beat(1, question), KEY))
    assert there.later(6).wrong() == ["peer_silent"]


def test_whoever_was_away_accuses_nobody_and_takes_nothing_back() -> None:
    there = There()
    there.goes_on(6)
    there.now_ms += 3_600_000
    assert there.wrong() == []
    assert there.later(SILENT_SECONDS + 1).wrong() == ["peer_silent"]
    there.now_ms += 3_600_000
    assert there.wrong() == ["peer_silent"]


# What does not count -----------------------------------------------------------------------------


def test_an_old_beat_said_again_keeps_nobody_alive() -> None:
    there = There()
    signed = sign_beat(beat(1, there.ask()), KEY)
    for _ in range(SILENT_SECONDS + 1):
        assert there.hear(signed) is None
        there.later(1)
    assert there.wrong() == ["peer_silent"]


def test_an_answer_to_somebody_else_keeps_nobody_alive() -> None:
    there = There()
    for number in range(1, SILENT_SECONDS + 2):
        elsewhere = Questions(b"another secret").put(there.now_ms)
        assert there.hear(sign_beat(beat(number, elsewhere), KEY)) is None
        assert there.hear(sign_beat(beat(number, b""), KEY)) is None
        there.later(1)
    assert there.wrong() == ["peer_silent"]


@pytest.mark.parametrize("how", ["forged", "foreign", "changed"])
def test_a_beat_that_is_not_its_own_is_refused_and_keeps_nobody_alive(how: str) -> None:
    there = There()
    for number in range(1, SILENT_SECONDS + 2):
        asked = beat(number, there.ask())
        signed = {
            "forged": sign_beat(asked, OTHER_KEY),
            "foreign": sign_beat(replace(asked, genesis_digest="cd" * 32), KEY),
            "changed": replace(sign_beat(asked, KEY), beat=replace(asked, number=99)),
        }[how]
        found = there.hear(signed)
        assert found is not None
        assert (found.code, found.subject) == ("watch.beat_refused", OSAKA.watcher_id)
        there.later(1)
    assert there.wrong() == ["peer_silent"]
    assert there.peer.last is None


def test_one_that_numbers_again_was_put_back_or_has_a_double() -> None:
    there = There()
    there.beats(50)
    there.later(3)
    there.beats(50)
    assert there.wrong() == ["peer_went_back"]
    there.beats(9)
    assert there.wrong() == ["peer_went_back"]
    there.beats(51)
    assert there.wrong() == []


def test_one_that_numbers_again_while_we_were_not_there_is_noticed() -> None:
    last = sign_beat(beat(50, b""), KEY)
    there = There(last=last)
    there.later(1)
    there.beats(49)
    assert there.wrong() == ["peer_went_back"]
    assert There(last=last).goes_on(3, number=51) == []


def test_a_beat_that_was_overtaken_on_its_way_is_no_double() -> None:
    there = There()
    slow = sign_beat(beat(1, there.ask()), KEY)
    there.later(1)
    there.beats(2)
    there.later(1)
    assert there.hear(slow) is None
    assert there.wrong() == []


# Seeing ------------------------------------------------------------------------------------------


def test_one_that_is_blind_says_so() -> None:
    there = There()
    there.goes_on(3)
    assert there.goes_on(SILENT_SECONDS, blind=True) == []
    assert there.goes_on(6, blind=True) == ["peer_blind"]
    assert there.goes_on(3, blind=False) == []
    assert there.goes_on(SILENT_SECONDS, blind=True) == []


def test_one_that_answers_and_proves_nothing_new_is_blind() -> None:
    there = There()
    there.goes_on(3)
    assert there.goes_on(STILL_MS // 1_000, proven_at=there.now) == []
    assert there.goes_on(3, proven_at=there.sight.proven_at) == ["peer_blind"]
    assert there.goes_on(3, proven_at=there.sight.proven_at - timedelta(hours=1)) == ["peer_blind"]
    assert there.goes_on(3) == []


def test_one_whose_view_of_the_journal_is_old_is_blind() -> None:
    there = There()
    there.goes_on(3)
    old = there.now - timedelta(minutes=2)
    assert there.goes_on(SILENT_SECONDS + 6, view_at=old) == ["peer_blind"]
    assert there.goes_on(3) == []


def test_clocks_that_differ_change_nothing() -> None:
    there = There()
    for _ in range(40):
        there.later(3)
        wrong = there.now + timedelta(days=400)
        sight = replace(SIGHT, proven_at=wrong, view_at=wrong)
        there.number += 1
        there.hear(sign_beat(beat(there.number, there.ask(), sight, at=wrong), KEY))
    assert there.wrong() == []


def test_different_blocks_are_borne_for_a_minute() -> None:
    there = There()
    assert there.goes_on(MINUTE, tip_hash=OTHER_TIP) == []
    assert there.goes_on(6, tip_hash=OTHER_TIP) == ["peer_apart"]
    there.tip_hash = OTHER_TIP
    assert there.goes_on(3) == []
    there.tip_hash = "33" * 32
    assert there.goes_on(MINUTE) == []


# The journal -------------------------------------------------------------------------------------


def test_the_one_may_have_read_further_than_the_other() -> None:
    there = There()
    assert there.goes_on(9, journal=extent(ENTRIES[:12])) == []
    there.entries += ENTRIES[10:15]
    assert there.goes_on(9, journal=extent(ENTRIES[:13])) == []
    there.entries += ENTRIES[15:]
    assert there.goes_on(9, journal=extent(ENTRIES)) == []


def other(count: int) -> tuple[Entry, ...]:
    """Return a journal that is ours for eight entries."""
    return chain(count, story="other", after=ENTRIES[:8])


@pytest.mark.parametrize("size", [9, 10, 12])
def test_a_journal_that_forked_is_found_as_soon_as_ours_goes_as_far(size: int) -> None:
    there = There()
    there.goes_on(3, journal=extent(other(size)))
    there.entries += ENTRIES[10:12]
    [found] = [each for each in there.found() if each.code.endswith("forked")]
    assert dict(found.facts) == {"size": str(size)}
    assert "peer_journal_forked" in there.goes_on(300, journal=extent(ENTRIES[:12]))


def test_a_journal_of_ours_that_another_took_the_place_of_is_compared_again() -> None:
    there = There()
    assert there.goes_on(9) == []
    there.entries = list(other(10))
    assert there.goes_on(3) == ["peer_journal_forked"]


def test_a_journal_that_forgot_is_shown() -> None:
    there = There()
    there.entries += ENTRIES[10:]
    there.goes_on(3, journal=extent(ENTRIES[:15]))
    [found] = (there.goes_on(3, journal=extent(ENTRIES[:12])), there.found())[1]
    assert found.code == "watch.peer_journal_forgot"
    assert dict(found.facts) == {"size": "12", "size_before": "15"}


def test_what_it_had_seen_before_we_began_again_is_not_forgotten() -> None:
    last = sign_beat(beat(50, b"", replace(SIGHT, journal=extent(ENTRIES[:10]))), KEY)
    there = There(last=last)
    there.number = 50
    assert there.goes_on(3, journal=extent(ENTRIES[:9])) == ["peer_journal_forgot"]


def test_one_that_reads_no_further_is_behind() -> None:
    there = There()
    there.goes_on(3)
    there.entries += ENTRIES[10:11]
    assert there.goes_on(MINUTE) == []
    assert there.goes_on(6) == ["peer_journal_behind"]
    assert there.goes_on(3, journal=extent(ENTRIES[:11])) == []


def test_if_we_are_shown_less_than_it_is_we_say_so() -> None:
    there = There()
    assert there.goes_on(MINUTE, journal=extent(ENTRIES[:12])) == []
    assert there.goes_on(6) == ["journal_behind_peer"]
    there.entries += ENTRIES[10:12]
    assert there.goes_on(3) == []


@given(sizes=st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_a_trail_says_the_root_at_any_size(sizes: list[int]) -> None:
    trail = Trail()
    for size in sizes:
        assert trail.at(ENTRIES, size) == extent(ENTRIES[:size])


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 6), st.booleans(), st.integers(0, 2)), min_size=1, max_size=40
    )
)
def test_it_is_silent_if_and_only_if_no_question_of_the_last_seconds_was_answered(
    steps: list[tuple[int, bool, int]],
) -> None:
    """Against a model: the newest question that was answered, and the moment."""
    there, newest_ms = There(), BEGUN_MS
    for seconds, answers, late in steps:
        question, asked_ms = there.ask(), there.now_ms
        there.later(seconds)
        there.later(late)
        if answers:
            there.number += 1
            there.hear(sign_beat(beat(there.number, question, at=NOW), KEY))
            newest_ms = max(newest_ms, asked_ms)
        silent = there.now_ms - newest_ms > 1_000 * SILENT_SECONDS
        assert ("peer_silent" in there.wrong()) == silent
