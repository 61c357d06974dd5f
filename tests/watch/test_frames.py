import pytest

from sekisho.kernel.errors import BadInputError
from sekisho.watch.frames import COUNTER_RANGE, Label, lost_between, read_frame, read_note

HASH = bytes(range(32))


def test_a_message_is_topic_body_and_counter() -> None:
    frame = read_frame([b"rawtx", b"\x01\x02", (258).to_bytes(4, "little")])
    assert (frame.topic, frame.body, frame.counter) == ("rawtx", b"\x01\x02", 258)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"rawtx", b"\x01"],
        [b"rawtx", b"\x01", bytes(4), b""],
        [b"hashtx", b"\x01", bytes(4)],
        [b"\xff", b"\x01", bytes(4)],
        [b"rawtx", b"", bytes(4)],
        [b"rawtx", b"\x01", bytes(8)],
        [b"rawblock", bytes(79), bytes(4)],
        [b"rawtx", bytes(4_000_001), bytes(4)],
    ],
)
def test_what_is_no_message_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(BadInputError):
        read_frame(parts)


@pytest.mark.parametrize("label", [Label.ADDED, Label.REMOVED])
def test_a_note_on_a_transaction_has_a_number(label: Label) -> None:
    note = read_note(HASH + label.encode() + (7).to_bytes(8, "little"))
    assert (note.label, note.hash, note.mempool_sequence) == (label, HASH, 7)


@pytest.mark.parametrize("label", [Label.CONNECTED, Label.DISCONNECTED])
def test_a_note_on_a_block_has_none(label: Label) -> None:
    note = read_note(HASH + label.encode())
    assert (note.label, note.hash, note.mempool_sequence) == (label, HASH, 0)


@pytest.mark.parametrize(
    "body",
    [b"", HASH, HASH + b"X", HASH + b"\xff", HASH + b"A", HASH + b"C" + bytes(8), HASH + b"A" * 8],
)
def test_what_is_no_note_is_refused(body: bytes) -> None:
    with pytest.raises(BadInputError):
        read_note(body)


@pytest.mark.parametrize(
    ("before", "counter", "lost"),
    [
        (0, 1, 0),
        (5, 8, 2),
        (COUNTER_RANGE - 1, 0, 0),
        (COUNTER_RANGE - 1, 3, 3),
        (700, 0, -1),
        (700, 699, -1),
        (700, 700, -1),
    ],
)
def test_what_is_lost_between_two_counters(before: int, counter: int, lost: int) -> None:
    assert lost_between(before, counter) == lost
