"""What a fuzzer feeds to the readers of a node's messages and of its answers."""

import json

from fuzz.hunt import Target

from sekisho.chains.bitcoin.networks import Network
from sekisho.edges.node_answers import read_listing, read_settings
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.watch.frames import read_frame, read_note

SETTINGS = [
    {"version": 290402},
    {"initialblockdownload": False, "pruned": False},
    Network.REGTEST.genesis_hash,
    [{"type": "pubrawtx", "address": "tcp://127.0.0.1:28332", "hwm": 0}],
]
LISTING = {"txids": ["ab" * 32], "mempool_sequence": 7}


def message(data: bytes) -> None:
    """A frame's parts are divided by a byte that none of the seeds holds elsewhere."""
    frame = read_frame(data.split(b"|"))
    if frame.topic == "sequence":
        read_note(frame.body)


def answers(data: bytes) -> None:
    """Whatever JSON a node answers is read, or refused in one sentence."""
    try:
        document = json.loads(data, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise BadInputError("answer", "is no JSON") from error
    try:
        if isinstance(document, list) and len(document) == len(SETTINGS):
            read_settings(document)
        else:
            read_listing(document, asked_ms=0)
    except WorldError as error:
        raise BadInputError("answer", str(error)) from error


FUZZ_TARGETS: list[Target] = [
    (
        "watch.frames",
        message,
        [
            b"rawtx|\x01\x02\x03|\x07\x00\x00\x00",
            b"sequence|" + b"h" * 32 + b"C|\x01\x00\x00\x00",
            b"sequence|" + b"h" * 32 + b"A" + bytes(8) + b"|\x01\x00\x00\x00",
        ],
    ),
    (
        "edges.node_answers",
        answers,
        [json.dumps(SETTINGS).encode(), json.dumps(LISTING).encode()],
    ),
]
