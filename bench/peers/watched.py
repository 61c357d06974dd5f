"""What both sides of the scan watch: random scripts and outpoints, the same for the same count.

Standard library alone, because the peers' environment has nothing of ours.
"""

from collections.abc import Iterator
from random import Random

_TURNS = 4_096
"""So many of each are drawn at once, because a draw for each takes longer than all else."""
_SHAPES = (("0014", 20, ""), ("76a914", 20, "88ac"), ("a914", 20, "87"), ("5120", 32, ""))


def random_scripts(count: int) -> Iterator[bytes]:
    """Yield P2WPKH, P2PKH, P2SH and P2TR scripts in turn."""
    random = Random(f"{count} scripts")  # noqa: S311 - the same ones each time
    shapes = [(bytes.fromhex(head), size, bytes.fromhex(tail)) for head, size, tail in _SHAPES]
    turn = sum(size for _, size, _ in shapes)
    for first in range(0, count, _TURNS * len(shapes)):
        drawn, at = random.randbytes(_TURNS * turn), 0
        for number in range(min(count - first, _TURNS * len(shapes))):
            head, size, tail = shapes[number % len(shapes)]
            yield head + drawn[at : at + size] + tail
            at += size


def random_outpoints(count: int) -> Iterator[tuple[bytes, int]]:
    """Yield txids in wire order, and output numbers."""
    random = Random(f"{count} outpoints")  # noqa: S311 - the same ones each time
    for _ in range(count):
        yield random.randbytes(32), random.randrange(4)
