"""At a watcher's port: what others say is kept for the sentry, and strangers crowd nobody out."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from beat_world import GENESIS_DIGEST, KEY, OSAKA, OTHER_KEY, SIGHT, beat

from sekisho.cli.sentry_beats import LOOKS_MS, Beats
from sekisho.cli.sentry_words import Voice
from sekisho.edges.node_feed import monotonic_ms
from sekisho.edges.watchers import create_watcher, enrol_watcher, watcher_at_work
from sekisho.watch.beat import Message, SignedBeat, message_bytes, read_message, sign_beat
from sekisho.watch.metrics import Metrics

QUESTION = os.urandom(32)


@pytest.fixture
def tokyo(tmp_path: Path) -> Iterator[Beats]:
    create_watcher(tmp_path / "tokyo", "tokyo")
    enrol_watcher(tmp_path / "tokyo", OSAKA)
    with watcher_at_work(tmp_path / "tokyo") as folder:
        beats = Beats(
            folder,
            genesis_digest=GENESIS_DIGEST,
            silent_seconds=15,
            voice=Voice(as_json=True),
            metrics=Metrics(),
        )
        beats._shown = (monotonic_ms(), SIGHT)
        yield beats


def asked(tokyo: Beats, signed: SignedBeat | None = None) -> Message:
    """Return what is answered to a question, said with a beat or without."""
    data = tokyo._answered(message_bytes(Message(question=QUESTION, signed=signed)))
    assert data is not None
    return read_message(data, "answer")


def test_an_answer_holds_the_question_and_a_number_of_its_own(tokyo: Beats) -> None:
    first, second = (asked(tokyo).signed for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.beat.question == second.beat.question == QUESTION
    assert (first.beat.number, second.beat.number) == (1, 2)
    assert (first.beat.watcher_id, first.beat.sight) == ("tokyo", SIGHT)


def test_a_watcher_that_does_not_look_is_silent(tokyo: Beats) -> None:
    message = message_bytes(Message(question=QUESTION, signed=None))
    tokyo._shown = (monotonic_ms() - LOOKS_MS - 1, SIGHT)
    assert tokyo._answered(message) is None
    tokyo._shown = None
    assert tokyo._answered(message) is None


def test_strangers_crowd_nobody_out(tokyo: Beats) -> None:
    question = asked(tokyo).question
    genuine = sign_beat(beat(1, question), KEY)
    asked(tokyo, genuine)
    old = tokyo._questions.put(monotonic_ms() - 60_000)
    for number in range(1, 200):
        asked(tokyo, sign_beat(beat(number, question), OTHER_KEY))
        asked(tokyo, sign_beat(beat(number, old), KEY))
        asked(tokyo, sign_beat(beat(number, QUESTION), KEY))
    assert [signed for signed, _ in tokyo._inbox] == [genuine]
    assert len(tokyo._strange) < 10


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"null", b"[" * 3_000])
def test_what_is_no_message_is_not_answered(tokyo: Beats, data: bytes) -> None:
    assert tokyo._answered(data) is None
