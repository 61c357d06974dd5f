"""A heartbeat: whose it is, what it answers, and what of it can be read."""

import secrets
from dataclasses import replace

import pytest
from beat_world import GENESIS_DIGEST, KEY, OSAKA, OTHER_KEY, SIGHT, beat
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.watch.beat import (
    MESSAGE_MAX_BYTES,
    QUESTION_BYTES,
    Message,
    Questions,
    known_watcher_bytes,
    message_bytes,
    read_known_watcher,
    read_message,
    sign_beat,
)

QUESTION = bytes(range(32))
SIGNED = sign_beat(beat(7, QUESTION), KEY)
MESSAGE = Message(question=QUESTION, signed=SIGNED)


def document() -> dict[str, Json]:
    found = parse_canonical(message_bytes(MESSAGE), "message")
    assert isinstance(found, dict)
    return found


def test_a_message_is_read_as_it_was_written() -> None:
    for message in (MESSAGE, replace(MESSAGE, signed=None)):
        assert read_message(message_bytes(message), "message") == message
    assert len(message_bytes(MESSAGE)) < MESSAGE_MAX_BYTES // 2


def test_only_its_own_key_signs_a_beat_and_only_these_words() -> None:
    assert SIGNED.is_by(OSAKA.public_key)
    assert not SIGNED.is_by(OTHER_KEY.public_key().public_bytes_raw())
    assert not SIGNED.is_by(b"no key")
    others = (
        replace(SIGNED.beat, number=8),
        replace(SIGNED.beat, question=bytes(32)),
        replace(SIGNED.beat, genesis_digest="cd" * 32),
        replace(SIGNED.beat, sight=replace(SIGHT, blind=True)),
    )
    for other in others:
        assert not replace(SIGNED, beat=other).is_by(OSAKA.public_key)


def leaves(found: Json, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(found, dict):
        return [path]
    return [path, *(each for name in found for each in leaves(found[name], (*path, name)))]


@pytest.mark.parametrize("path", leaves(document())[1:], ids=".".join)
@pytest.mark.parametrize("instead", ["gone", None, "no id!", -1, [], {}, 2**60])
def test_a_message_of_another_form_is_none(path: tuple[str, ...], instead: Json) -> None:
    changed = document()
    inner = changed
    for name in path[:-1]:
        found = inner[name]
        assert isinstance(found, dict)
        inner = found
    if inner[path[-1]] is instead or (path == ("said",) and instead is None):
        return  # no change, and whoever only asks says nothing
    if instead == "gone":
        del inner[path[-1]]
    else:
        inner[path[-1]] = instead
    with pytest.raises(BadInputError):
        read_message(_bytes(changed), "message")


def _bytes(document: Json) -> bytes:
    try:
        return canonical_bytes(document)
    except ValueError:
        return b"{}"


def test_what_is_too_long_or_has_more_is_none() -> None:
    with pytest.raises(BadInputError, match="larger"):
        read_message(b" " * (MESSAGE_MAX_BYTES + 1), "message")
    with pytest.raises(BadInputError):
        read_message(canonical_bytes({**document(), "more": 1}), "message")


@given(now_ms=st.integers(0, 2**62), other=st.binary(min_size=0, max_size=40))
def test_a_question_says_when_it_was_put_and_nobody_makes_one(now_ms: int, other: bytes) -> None:
    questions = Questions(b"secret")
    question = questions.put(now_ms)
    assert len(question) == QUESTION_BYTES
    assert questions.moment_of(question) == now_ms
    assert Questions(b"another").moment_of(question) is None
    assert questions.moment_of(other) is None
    turned = bytes([question[0] ^ 1]) + question[1:]
    assert questions.moment_of(turned) is None


def test_a_watcher_is_put_down_with_a_key_that_only_it_can_sign_for() -> None:
    data = parse_canonical(known_watcher_bytes(OSAKA), "watcher.pub")
    assert read_known_watcher(Fields(data, "watcher.pub")) == OSAKA
    weak = {"watcher": "osaka", "public_key": (b"\x01" + bytes(31)).hex()}
    with pytest.raises(BadInputError, match="only its holder"):
        read_known_watcher(Fields({**weak}, "watcher.pub"))


@given(data=st.binary(max_size=300))
def test_foreign_bytes_are_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(BadInputError):
        read_message(data, "message")


def test_a_beat_that_nobody_asked_for_can_be_written() -> None:
    unasked = sign_beat(beat(1, b""), KEY)
    message = Message(question=secrets.token_bytes(QUESTION_BYTES), signed=unasked)
    assert read_message(message_bytes(message), "message") == message
    assert unasked.beat.genesis_digest == GENESIS_DIGEST
