"""Hand the sieve broken blocks that end where an unreadable page begins, and that begin after one.

Run by test_sieve.py in a process of its own, because a read outside the block ends it.
"""

import ctypes
import gzip
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "src"))

from sekisho.chains.bitcoin.transaction import OutPoint  # noqa: E402 - after the path
from sekisho.kernel.errors import BadInputError  # noqa: E402 - after the path
from sekisho.watch.sieve import Sieve  # noqa: E402 - after the path
from sekisho.watch.sieve_hash import hash_at, secret_of  # noqa: E402 - after the path

PAGE = mmap.PAGESIZE
ROOM = 16 * PAGE


def guarded() -> memoryview:
    """Return memory with an unreadable page on either side."""
    memory = mmap.mmap(-1, ROOM + 2 * PAGE)
    libc = ctypes.CDLL(None, use_errno=True)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (base, base + PAGE + ROOM):
        if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    return memoryview(memory)[PAGE : PAGE + ROOM]


def broken(seeds: list[bytes]) -> Iterator[bytes]:
    """Yield every truncation of the smallest block, with sizes that lie at its end; and others."""
    for size in range(1, len(seeds[0]) + 1):
        yield seeds[0][:size]
        for lie in (b"\xfd", b"\xfe", b"\xff", b"\xfd\xff", b"\xfe\xff\xff", b"\xfc"):
            yield seeds[0][:size] + lie
    random = Random(1)  # noqa: S311 - the same blocks each time
    for _ in range(10_000):
        data = bytearray(random.choice(seeds))
        for _ in range(random.choice((0, 1, 1, 2, 8))):
            place = random.randrange(len(data))
            data[place] = random.choice((0, 1, 0xFC, 0xFD, 0xFE, 0xFF, random.randrange(256)))
        yield bytes(data[: random.choice((len(data), random.randrange(1, len(data))))])


def main() -> None:
    blocks = HERE.parent / "vectors" / "chains" / "blocks"
    seeds = [gzip.decompress((blocks / f"{n}.blk.gz").read_bytes()) for n in (542213, 0, 482683)]
    room = guarded()
    sieve = Sieve(bytes(16))
    sieve.watch_scripts(bytes(size) for size in (*range(80), 1000))
    sieve.watch_outpoints([OutPoint(txid="00" * 32, vout=0)])
    refused = accepted = 0
    for data in broken(seeds):
        for start in (0, ROOM - len(data)):
            place = room[start : start + len(data)]
            place[:] = data
            for scan in (sieve.scan_block, sieve.scan_transaction):
                try:
                    scan(place, "guarded")
                    accepted += 1
                except BadInputError:
                    refused += 1
    secret = secret_of(bytes(16))
    addresses = np.frombuffer(room, np.uint8).ctypes.data
    for size in range(300):  # no byte is left between a key and the page, as there is in a block
        for start in (0, ROOM - size):
            hash_at(addresses + start, size, secret.ctypes.data)
    sys.stdout.write(f"{refused} {accepted}")


main()
