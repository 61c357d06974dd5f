"""What a fuzzer feeds to the reader of what another watcher says."""

from beat_world import KEY, OSAKA, beat
from fuzz.hunt import Target

from sekisho.watch.beat import Message, message_bytes, read_message, sign_beat

QUESTION = bytes(range(32))
SIGNED = sign_beat(beat(7, QUESTION), KEY)


def message(data: bytes) -> None:
    """Whatever is read as a message is written as it came, and is nobody's unless it is signed."""
    read = read_message(data, "message")
    if message_bytes(read) != data:
        raise ValueError("one message has two spellings")
    said = read.signed
    if said is not None and said != SIGNED and said.is_by(OSAKA.public_key):
        raise ValueError("a changed beat is still signed")


FUZZ_TARGETS: list[Target] = [
    (
        "watch.read_message",
        message,
        [
            message_bytes(Message(question=QUESTION, signed=SIGNED)),
            message_bytes(Message(question=QUESTION, signed=None)),
        ],
    )
]
