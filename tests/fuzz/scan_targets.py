"""What a fuzzer feeds to the scan: blocks to the sieve, and files to their reader."""

import gzip
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzz.hunt import Target

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import OutPoint, parse_transaction
from sekisho.edges.block_files import BlockFiles
from sekisho.kernel.errors import BadInputError
from sekisho.watch.sieve import Scanned, Sieve

BLOCKS = Path(__file__).parents[1] / "vectors" / "chains" / "blocks"
SEEDS = [gzip.decompress((BLOCKS / f"{name}.blk.gz").read_bytes()) for name in (0, 542213, 482683)]
MAGIC = Network.MAIN.magic


def _sieve() -> Sieve:
    made = Sieve(bytes(16))
    for seed in SEEDS:
        parsed = parse_block(seed, "seed").transactions
        made.watch_scripts(out.script for each in parsed for out in each.outputs)
        made.watch_outpoints(spent.outpoint for each in parsed for spent in each.inputs)
    made.watch_outpoints([OutPoint(txid="0" * 64, vout=0)])
    return made


SIEVE = _sieve()


def block(data: bytes) -> None:
    """What the parser accepts, the sieve accepts, with as many transactions."""
    transactions = _read(lambda: len(parse_block(data, "fuzz").transactions))
    _agree(lambda: SIEVE.scan_block(data, "fuzz"), transactions)


def transaction(data: bytes) -> None:
    _agree(
        lambda: SIEVE.scan_transaction(data, "fuzz"),
        _read(lambda: len([parse_transaction(data, "fuzz")])),
    )


def _read(parse: Callable[[], int]) -> int | None:
    try:
        return parse()
    except BadInputError:
        return None


def _agree(scan: Callable[[], Scanned], transactions: int | None) -> None:
    try:
        found = scan()
    except BadInputError:
        if transactions is not None:
            raise AssertionError("the sieve refuses what can be parsed") from None
        raise
    assert transactions in {None, found.transactions}


def file(data: bytes) -> None:
    """What is read of a block file is in it, record by record, in order."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "blk00000.dat"
        path.write_bytes(data)
        files = BlockFiles([path], network=Network.MAIN)
        at = 0
        for raw in files.read(lambda _: True):
            if data.startswith(MAGIC):
                at = data.index(MAGIC + len(raw.data).to_bytes(4, "little") + raw.data, at)
                at += 8 + len(raw.data)


def _framed(blocks: list[bytes]) -> bytes:
    return b"".join(MAGIC + len(each).to_bytes(4, "little") + each for each in blocks)


FUZZ_TARGETS: list[Target] = [
    ("watch.sieve_block", block, SEEDS),
    (
        "watch.sieve_transaction",
        transaction,
        [parse_block(seed, "seed").transactions[-1].serialize() for seed in SEEDS],
    ),
    ("edges.block_files", file, [_framed(SEEDS), _framed(SEEDS[:1]) + bytes(500), SEEDS[1]]),
]
