import base64
from dataclasses import replace

import pytest
from journal_world import OTHER, SIGNER, chain, kept, root_of, signed

from sekisho.journal.merkle import (
    PROOF_MAX,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
)
from sekisho.journal.notes import VerifierKey, sign_note
from sekisho.journal.proofs import (
    PROOF_MAX_BYTES,
    ConsistencyProof,
    InclusionProof,
    open_consistency,
    open_inclusion,
    parse_proof,
    write_consistency,
    write_inclusion,
)
from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

KEY = SIGNER.verifier
STORY = chain(13)
LEAVES = [leaf_hash(entry.hash) for entry in STORY]


def included(seq: int, *, history: tuple[Entry, ...] = STORY) -> InclusionProof:
    leaves = [leaf_hash(entry.hash) for entry in history]
    return InclusionProof(
        index=seq - 1,
        hashes=inclusion_proof(leaves, seq - 1),
        checkpoint=signed(history),
        extra=history[seq - 1].document,
    )


def consistent(old_size: int) -> ConsistencyProof:
    return ConsistencyProof(
        old_size=old_size, hashes=consistency_proof(LEAVES, old_size), checkpoint=signed(STORY)
    )


def code_of(proof: InclusionProof, key: VerifierKey = KEY) -> str:
    with pytest.raises(Refused) as refused:
        open_inclusion(proof, key, "proof")
    (found,) = refused.value.findings
    return found.code


@pytest.mark.parametrize("seq", range(1, 14))
def test_every_entry_is_proven_from_the_file_alone(seq: int) -> None:
    data = write_inclusion(included(seq))
    proof = parse_proof(data, "proof")
    assert isinstance(proof, InclusionProof)
    assert write_inclusion(proof) == data
    entry, checkpoint = open_inclusion(proof, KEY, "proof")
    assert entry == STORY[seq - 1]
    assert (checkpoint.size, checkpoint.root) == (13, root_of(STORY))


def test_the_file_has_the_form_of_the_specification() -> None:
    lines = write_inclusion(included(1)).decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == "index 0"
    assert [len(base64.b64decode(line)) for line in lines[3:7]] == [32] * 4
    assert lines[7:10] == ["", SIGNER.name, "13"]
    assert lines[11] == ""
    assert lines[12].startswith(f"\u2014 {SIGNER.name} ")
    assert lines[13:] == [""]


def test_a_tree_of_one_entry_needs_no_hash() -> None:
    proof = parse_proof(write_inclusion(included(1, history=chain(1))), "proof")
    assert isinstance(proof, InclusionProof)
    assert proof.hashes == ()
    assert open_inclusion(proof, KEY, "proof")[0] == STORY[0]


def test_another_entry_s_document_proves_nothing() -> None:
    assert code_of(replace(included(3), extra=STORY[3].document)) == "journal.proof_wrong"
    forged = STORY[2].document.replace(b"450290000000", b"450290000001")
    assert code_of(replace(included(3), extra=forged)) == "journal.proof_wrong"


def test_another_index_or_path_proves_nothing() -> None:
    proof = included(3)
    for wrong in (
        replace(proof, index=3),
        replace(proof, index=13),
        replace(proof, index=2**62),
        replace(proof, hashes=proof.hashes[1:]),
        replace(proof, hashes=(*proof.hashes, bytes(32))),
        replace(proof, hashes=()),
        replace(proof, checkpoint=signed(chain(12))),
    ):
        assert code_of(wrong) == "journal.proof_wrong"


def test_an_entry_that_calls_itself_by_another_place_proves_nothing() -> None:
    """Whoever holds the log's key could put an old entry at a new place; it shows."""
    history = (*STORY, STORY[2])
    proof = included(14, history=history)
    assert code_of(proof) == "journal.proof_wrong"


def test_a_node_is_not_passed_off_as_a_leaf() -> None:
    """The attack that the two prefixes of RFC 9162 are for."""
    inner = node_hash(LEAVES[0], LEAVES[1])
    assert inner != leaf_hash(LEAVES[0] + LEAVES[1])
    proof = included(1)
    assert code_of(replace(proof, hashes=proof.hashes[1:])) == "journal.proof_wrong"


def test_whose_checkpoint_it_is_decides() -> None:
    assert code_of(included(3), OTHER.verifier) == "journal.note_unsigned"
    proof = included(3)
    altered = proof.checkpoint.replace(b"\n13\n", b"\n14\n")
    assert code_of(replace(proof, checkpoint=altered)) == "journal.note_signature_wrong"


def test_a_proof_without_its_entry_is_no_proof_here() -> None:
    data = write_inclusion(replace(included(3), extra=None))
    proof = parse_proof(data, "proof")
    assert isinstance(proof, InclusionProof)
    with pytest.raises(BadInputError, match="extra"):
        open_inclusion(proof, KEY, "proof")
    with pytest.raises(BadInputError):
        open_inclusion(replace(included(3), extra=b"{}"), KEY, "proof")


def test_cosignatures_of_witnesses_do_not_disturb() -> None:
    proof = included(3)
    cosigned = proof.checkpoint + "\u2014 witness.example AAAAAXM=\n".encode()
    assert open_inclusion(replace(proof, checkpoint=cosigned), KEY, "proof")[0] == STORY[2]


@pytest.mark.parametrize("old_size", range(14))
def test_consistency_with_every_older_checkpoint(old_size: int) -> None:
    data = write_consistency(consistent(old_size))
    assert data.startswith(b"old %d\n" % old_size)
    proof = parse_proof(data, "proof")
    assert isinstance(proof, ConsistencyProof)
    assert write_consistency(proof) == data
    older = kept(STORY[:old_size])["a"]
    assert open_consistency(proof, KEY, "proof", older=older).size == 13


def test_consistency_is_not_proven_with_another_history() -> None:
    fork = chain(8, story="fork", after=STORY[:4])
    for older, proof in (
        (kept(fork)["a"], consistent(8)),
        (kept(STORY[:7])["a"], consistent(8)),
        (kept(STORY[:8])["a"], replace(consistent(8), old_size=7)),
        (kept(STORY[:8])["a"], replace(consistent(8), hashes=())),
        (kept(chain(14))["a"], replace(consistent(13), old_size=14)),
    ):
        with pytest.raises(Refused) as refused:
            open_consistency(proof, KEY, "proof", older=older)
        assert [each.code for each in refused.value.findings] == ["journal.consistency_wrong"]


CHECKPOINT = signed(STORY).decode()
HASH = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        f"c2sp.org/tlog-proof@v1\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v2\nindex 0\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 00\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex -1\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex  0\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nextra AAA\nindex 0\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH} \n\n{CHECKPOINT}",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + f"{HASH}\n" * (PROOF_MAX + 1) + f"\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\n{CHECKPOINT}",
        f"c2sp.org/tlog-proof@v1\nindex ０\n\n{CHECKPOINT}",
        f"old\n\n{CHECKPOINT}",
        f"old 01\n\n{CHECKPOINT}",
        f"old 1\n{HASH[:-1]}\n\n{CHECKPOINT}",
        "a" * (PROOF_MAX_BYTES + 1),
    ],
    ids=lambda text: repr(text[:60]),
)
def test_what_is_no_proof_file(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_proof(text.encode(), "proof")


def test_a_checkpoint_inside_that_is_none_is_bad_input() -> None:
    for checkpoint in (b"no note", sign_note("text\n", [SIGNER])):
        with pytest.raises(BadInputError, match="checkpoint"):
            open_inclusion(replace(included(1), checkpoint=checkpoint), KEY, "proof")
        with pytest.raises(BadInputError, match="checkpoint"):
            open_consistency(
                replace(consistent(1), checkpoint=checkpoint),
                KEY,
                "proof",
                older=kept(STORY[:1])["a"],
            )
