import base64
import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.journal.merkle import (
    EMPTY_ROOT,
    PROOF_MAX,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    proves_consistency,
    proves_inclusion,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "journal"
NOT_A_HASH = "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"

# No two leaves are the same, as no two entries are: else a proof is one of either place.
leaves = st.lists(st.binary(max_size=8), max_size=70, unique=True).map(
    lambda data: [leaf_hash(each) for each in data]
)


def cases(name: str) -> list[Any]:
    found: list[Any] = json.loads((VECTORS / name).read_text())
    return found


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def naive_root(hashes: list[bytes]) -> bytes:
    """The recursive definition of RFC 9162 section 2.1.1, and nothing clever."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = naive_root(hashes[:split]), naive_root(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("case", cases("merkle_inclusion.json"), ids=lambda case: case["file"])
def test_published_inclusion(case: dict[str, Any]) -> None:
    proven = proves_inclusion(
        [decoded(each) for each in case["proof"] or []],
        leaf=decoded(case["leafHash"]),
        index=case["leafIdx"],
        size=case["treeSize"],
        root=decoded(case["root"]),
    )
    assert proven is not case["wantErr"]


@pytest.mark.parametrize("case", cases("merkle_consistency.json"), ids=lambda case: case["file"])
def test_published_consistency(case: dict[str, Any]) -> None:
    proven = proves_consistency(
        [decoded(each) for each in case["proof"] or []],
        old_size=case["size1"],
        old_root=decoded(case["root1"]),
        size=case["size2"],
        root=decoded(case["root2"]),
    )
    if case["file"] == NOT_A_HASH:  # two equal roots of 12 bytes: see SOURCES.md
        assert not proven
    else:
        assert proven is not case["wantErr"]


@pytest.mark.parametrize("case", cases("rekor_inclusion.json"), ids=lambda case: case["file"])
def test_inclusion_in_real_logs_of_millions(case: dict[str, Any]) -> None:
    def proven(leaf_data: bytes, index: int, size: int) -> bool:
        return proves_inclusion(
            [decoded(each) for each in case["hashes"]],
            leaf=leaf_hash(leaf_data),
            index=index,
            size=size,
            root=decoded(case["root"]),
        )

    data, index, size = decoded(case["leaf_data"]), case["index"], case["size"]
    assert proven(data, index, size)
    assert not proven(data + b" ", index, size)
    assert not proven(data, index - 1, size)


@given(leaves)
def test_the_growing_root_is_the_defined_root_at_every_size(hashes: list[bytes]) -> None:
    tree = Frontier()
    for size in range(len(hashes) + 1):
        assert tree.size == size
        assert tree.root() == naive_root(hashes[:size])
        if size < len(hashes):
            tree.append(hashes[size])


def test_the_empty_root_is_the_hash_of_nothing() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(leaves.filter(bool), st.data())
def test_inclusion_is_proven_for_the_leaf_and_for_nothing_else(
    hashes: list[bytes], data: st.DataObject
) -> None:
    size, root = len(hashes), naive_root(hashes)
    index = data.draw(st.integers(0, size - 1))
    leaf = hashes[index]
    proof = inclusion_proof(hashes, index)
    assert len(proof) <= PROOF_MAX
    assert proves_inclusion(proof, leaf=leaf, index=index, size=size, root=root)
    altered = [
        (proof, leaf_hash(b"another leaf"), index, size, root),
        (proof, leaf, index, size, leaf_hash(b"another root")),
        ((*proof, root), leaf, index, size, root),
        ((leaf, *proof), leaf, index, size, root),
        *(((*proof[:at], *proof[at + 1 :]), leaf, index, size, root) for at in range(len(proof))),
        *((_flipped(proof, at), leaf, index, size, root) for at in range(len(proof))),
        *((_cut(proof, at), leaf, index, size, root) for at in range(len(proof))),
        *((proof, leaf, other, size, root) for other in range(-1, size + 1) if other != index),
    ]
    for proof_, leaf_, index_, size_, root_ in altered:
        assert not proves_inclusion(proof_, leaf=leaf_, index=index_, size=size_, root=root_)


@given(leaves, st.data())
def test_consistency_is_proven_for_the_prefix_and_for_nothing_else(
    hashes: list[bytes], data: st.DataObject
) -> None:
    size, root = len(hashes), naive_root(hashes)
    old_size = data.draw(st.integers(0, size))
    old_root = naive_root(hashes[:old_size])
    proof = consistency_proof(hashes, old_size)
    assert len(proof) <= PROOF_MAX
    assert proves_consistency(proof, old_size=old_size, old_root=old_root, size=size, root=root)
    wrong = leaf_hash(b"another root")
    altered = [
        (proof, old_size, wrong, size, root),
        ((*proof, root), old_size, old_root, size, root),
        ((root, *proof), old_size, old_root, size, root),
        *(((*proof[:at], *proof[at + 1 :]), old_size, old_root, size, root)
          for at in range(len(proof))),
        *((_flipped(proof, at), old_size, old_root, size, root) for at in range(len(proof))),
        *((_cut(proof, at), old_size, old_root, size, root) for at in range(len(proof))),
        *((proof, other, old_root, size, root) for other in range(-1, size + 2)
          if other != old_size),
    ]  # fmt: skip
    if old_size > 0:
        altered.append((proof, old_size, old_root, size, wrong))
    for proof_, old_size_, old_root_, size_, root_ in altered:
        assert not proves_consistency(
            proof_, old_size=old_size_, old_root=old_root_, size=size_, root=root_
        )


@given(leaves.filter(lambda hashes: len(hashes) > 1), st.data())
def test_no_proof_joins_two_histories(hashes: list[bytes], data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, len(hashes) - 1))
    old_size = data.draw(st.integers(changed + 1, len(hashes)))
    fork = [*hashes]
    fork[changed] = leaf_hash(b"what did not happen")
    assert not proves_consistency(
        consistency_proof(fork, old_size),
        old_size=old_size,
        old_root=naive_root(hashes[:old_size]),
        size=len(fork),
        root=naive_root(fork),
    )


@pytest.mark.parametrize("index", [-1, 3])
def test_no_inclusion_proof_outside_the_tree(index: int) -> None:
    with pytest.raises(ValueError, match="there is no leaf"):
        inclusion_proof([EMPTY_ROOT] * 3, index)


@pytest.mark.parametrize("old_size", [-1, 4])
def test_no_consistency_proof_from_a_larger_tree(old_size: int) -> None:
    with pytest.raises(ValueError, match="never had"):
        consistency_proof([EMPTY_ROOT] * 3, old_size)


def test_consistency_of_a_chain_of_checkpoints() -> None:
    hashes = [leaf_hash(bytes([number])) for number in range(200)]
    for old_size, size in pairwise([1, 2, 3, 7, 8, 64, 65, 127, 128, 200]):
        assert proves_consistency(
            consistency_proof(hashes[:size], old_size),
            old_size=old_size,
            old_root=naive_root(hashes[:old_size]),
            size=size,
            root=naive_root(hashes[:size]),
        )


def _flipped(proof: tuple[bytes, ...], at: int) -> tuple[bytes, ...]:
    return (*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :])


def _cut(proof: tuple[bytes, ...], at: int) -> tuple[bytes, ...]:
    return (*proof[:at], proof[at][:-1], *proof[at + 1 :])
