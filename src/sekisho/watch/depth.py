"""How deep a block lies: what was built on it, by the headers of the blocks that were read.

1. A header counts if its hash meets the target in its own bits, and stands for the work that this
   takes. Whoever writes headers without doing work writes nothing.
2. Of the branches that grow from one place, the one with the most work is the chain. A block
   beside it is stale: it has no confirmation. Two branches of the same work share only a stem.
3. A confirmation is a block, the first one the block itself, and as much work as the heaviest of
   all blocks that were read. So many cheap headers bury nothing, neither on a real block nor on
   one of their own, as long as real blocks are read beside them.

What is trusted: that the files are those of one's own node. Whether a header's bits are those that
its chain demands, and which blocks are missing, the headers that are there do not tell. Files that
hold nothing but cheap blocks are measured by these. A missing block ends what can be counted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sekisho.chains.bitcoin.blocks import HEADER_SIZE
from sekisho.chains.bitcoin.digests import sha256_twice

_SIZE_MAX: Final = 32
_SIGN: Final = 0x0080_0000


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a header says of its place: two hashes, in the order of the wire, and its target."""

    hash: bytes
    prev_hash: bytes
    bits: int


def link_of(header: bytes) -> Link:
    """Return the link of the block that begins with these bytes."""
    return Link(
        hash=sha256_twice(header[:HEADER_SIZE]),
        prev_hash=header[4:36],
        bits=int.from_bytes(header[72:76], "little"),
    )


def confirmations(links: Iterable[Link], wanted: Collection[bytes]) -> dict[bytes, int]:
    """Return how many confirmations each wanted block has, by its hash; 0 for one that is stale.

    The same block may be there several times, and the blocks may come in any order.
    """
    parents: dict[bytes, bytes] = {}
    works: dict[bytes, int] = {}
    for link in links:
        work = work_of(link)
        if work:
            parents[link.hash] = link.prev_hash
            works[link.hash] = work
    found = dict.fromkeys(wanted, 0)
    wanted_here = parents.keys() & found.keys()
    if not wanted_here:
        return found
    places = _places(parents, works)
    roots = {places[each][0] for each in wanted_here}
    heaviest = max(works.values())
    for tips in _best_tips(places, roots):
        depths = [_depths(tip, parents, works, wanted_here, heaviest) for tip in tips]
        for each in set(depths[0]).intersection(*depths[1:]):
            found[each] = min(depth[each] for depth in depths)
    return found


def _places(
    parents: Mapping[bytes, bytes], works: Mapping[bytes, int]
) -> dict[bytes, tuple[bytes, int]]:
    """Return, for each block, the first hash before it that nobody has, and the work since."""
    places: dict[bytes, tuple[bytes, int]] = {}
    for start in parents:
        branch = []
        here = start
        while here in parents and here not in places:
            branch.append(here)
            here = parents[here]
        root, total = places.get(here, (here, 0))
        for each in reversed(branch):
            total += works[each]
            places[each] = root, total
    return places


def _best_tips(
    places: Mapping[bytes, tuple[bytes, int]], roots: Collection[bytes]
) -> list[list[bytes]]:
    """Return, for each of these roots, the ends of the branches with the most work."""
    most: defaultdict[bytes, int] = defaultdict(int)
    tips: dict[bytes, list[bytes]] = {}
    for block, (root, total) in places.items():
        if root not in roots or total < most[root]:
            continue
        if total > most[root]:
            most[root], tips[root] = total, []
        tips[root].append(block)
    return list(tips.values())


def _depths(
    tip: bytes,
    parents: Mapping[bytes, bytes],
    works: Mapping[bytes, int],
    wanted: Collection[bytes],
    heaviest: int,
) -> dict[bytes, int]:
    """Return the confirmations of the wanted blocks on the branch that ends in `tip`."""
    depths = {}
    here, blocks, total = tip, 0, 0
    while here in parents:
        blocks += 1
        total += works[here]
        if here in wanted:
            depths[here] = min(blocks, total // heaviest)
        here = parents[here]
    return depths


def work_of(link: Link) -> int:
    """Return the hashes that a block takes on average; 0 if its own does not meet its target."""
    target = _target(link.bits)
    if int.from_bytes(link.hash, "little") > target:
        return 0
    return (1 << 256) // (target + 1)


@lru_cache(maxsize=4096)
def _target(bits: int) -> int:
    """Return the target that a header's bits stand for; -1, which nothing meets, if for none.

    As Bitcoin Core's `arith_uint256::SetCompact`: negative, zero and overflown ones are none.
    """
    size, mantissa = bits >> 24, bits & 0x007F_FFFF
    target = mantissa << 8 * (size - 3) if size > 3 else mantissa >> 8 * (3 - size)
    if bits & _SIGN or not target or target.bit_length() > 8 * _SIZE_MAX:
        return -1
    return target
