"""What both sides of the scan watch: random scripts and outpoints, the same for the same count.

Standard library alone, because the peers' environment has nothing of ours.
"""

from collections.abc import Iterator
from random import Random

_SHAPES = (("0014", 20, ""), ("76a914", 20, "88ac"), ("a914", 20, "87"), ("5120", 32, ""))


def random_scripts(count: int) -> Iterator[bytes]:
    """Yield P2WPKH, P2PKH, P2SH and P2TR scripts in turn."""
    random = Random(f"{count} scripts")  # noqa: S311 - the same ones each time
    shapes = [(bytes.fromhex(head), size, bytes.fromhex(tail)) for head, size, tail in _SHAPES]
    for number in range(count):
        head, size, tail = shapes[number % len(shapes)]
        yield head + random.randbytes(size) + tail


def random_outpoints(count: int) -> Iterator[tuple[bytes, int]]:
    """Yield txids in wire order, and output numbers."""
    random = Random(f"{count} outpoints")  # noqa: S311 - the same ones each time
    for _ in range(count):
        yield random.randbytes(32), random.randrange(4)
