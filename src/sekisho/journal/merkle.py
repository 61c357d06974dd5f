"""The Merkle tree of RFC 9162 section 2.1: roots, and proofs of inclusion and of consistency.

SHA-256, with 0x00 before a leaf's data and 0x01 before a node's two children. Everything here is
arithmetic on hashes; whose root it is, and who signed it, is said by `checkpoints`.
"""

import hashlib
from collections.abc import Iterable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
PROOF_MAX = 63
"""No proof in a tree of fewer than 2**63 leaves is longer (C2SP tlog-witness says the same)."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of one leaf: 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above `left` and `right`: 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows leaf by leaf and can say its root at every size.

    It keeps only the roots of the perfect subtrees, at most one for each power of two, so a
    journal of any length is walked in constant memory.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self.size = 0
        """How many leaves the tree has."""
        self._peaks: list[bytes] = []
        for each in leaf_hashes:
            self.append(each)

    def append(self, leaf: bytes) -> None:
        """Add one leaf's hash at the end."""
        # As in binary counting: each trailing 1 of the old size is a subtree now completed.
        carried, size = leaf, self.size
        while size & 1:
            carried = node_hash(self._peaks.pop(), carried)
            size >>= 1
        self._peaks.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the proof that the leaf at `index` is in the tree: RFC 9162 section 2.1.3.1.

    Raises `ValueError` for an index outside the tree.
    """
    if not 0 <= index < len(leaf_hashes):
        raise ValueError(f"there is no leaf {index} among {len(leaf_hashes)}")
    proof: list[bytes] = []
    start, end = 0, len(leaf_hashes)
    while end - start > 1:
        split = start + _largest_power_below(end - start)
        if index < split:
            proof.append(Frontier(leaf_hashes[split:end]).root())
            end = split
        else:
            proof.append(Frontier(leaf_hashes[start:split]).root())
            start = split
    return tuple(reversed(proof))


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """Return the proof that the first `old_size` leaves are unchanged: RFC 9162 section 2.1.4.1.

    The proof from the empty tree, or to the same tree, is empty. Raises `ValueError` for an old
    size larger than the tree.
    """
    if not 0 <= old_size <= len(leaf_hashes):
        raise ValueError(f"a tree of {len(leaf_hashes)} never had {old_size} leaves")
    if old_size == 0:
        return ()
    proof: list[bytes] = []
    start, end = 0, len(leaf_hashes)
    while old_size != end:
        split = start + _largest_power_below(end - start)
        if old_size <= split:
            proof.append(Frontier(leaf_hashes[split:end]).root())
            end = split
        else:
            proof.append(Frontier(leaf_hashes[start:split]).root())
            start = split
    if start > 0:
        # The old tree's last subtree is not its own root, so the verifier does not know it yet.
        proof.append(Frontier(leaf_hashes[start:end]).root())
    return tuple(reversed(proof))


def proves_inclusion(
    proof: Sequence[bytes], *, leaf: bytes, index: int, size: int, root: bytes
) -> bool:
    """Return whether `proof` shows the leaf hash `leaf` at `index` of the tree of `size`.

    The algorithm of RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or not _well_formed(proof, leaf, root):
        return False
    node, last, found = index, size - 1, leaf
    for hash_ in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(hash_, found)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, hash_)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def proves_consistency(
    proof: Sequence[bytes], *, old_size: int, old_root: bytes, size: int, root: bytes
) -> bool:
    """Return whether `proof` shows that the tree of `size` begins with that of `old_size`.

    The algorithm of RFC 9162 section 2.1.4.2. Every tree begins with the empty one, whose root
    must then be the empty root and whose proof is empty (C2SP tlog-witness).
    """
    if not 0 <= old_size <= size or not _well_formed(proof, old_root, root):
        return False
    if old_size in (0, size):
        begins = EMPTY_ROOT if old_size == 0 else root
        return not proof and old_root == begins and (size > 0 or root == EMPTY_ROOT)
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)  # the old tree is one perfect subtree: its root needs no proof
    if not path:
        return False
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_found = found = path[0]
    for hash_ in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_found, found = node_hash(hash_, old_found), node_hash(hash_, found)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, hash_)
        node, last = node >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root


def _largest_power_below(count: int) -> int:
    """Return the largest power of two smaller than `count`, for a count of at least two."""
    return int(1 << (count - 1).bit_length() - 1)


def _well_formed(proof: Sequence[bytes], *hashes: bytes) -> bool:
    every = (*proof, *hashes)
    return len(proof) <= PROOF_MAX + 1 and all(len(each) == HASH_BYTES for each in every)
