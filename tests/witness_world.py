"""Witnesses that tests share, and what people bring to them: always the same bytes."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from journal_world import NOON, SIGNER, signed

from sekisho.journal.merkle import consistency_proof, leaf_hash
from sekisho.journal.notes import parse_note
from sekisho.journal.proofs import ConsistencyProof, write_consistency
from sekisho.journal.records import Entry
from sekisho.journal.witness.cosignatures import WitnessSigner, cosign

LOG = SIGNER.verifier
GATE, WATCHER, AUDITOR = (
    WitnessSigner(
        name=f"{who}.example/witness",
        private_key=Ed25519PrivateKey.from_private_bytes(who[:1].encode() * 32),
    )
    for who in ("gate", "watch", "auditor")
)
KEYS = [GATE.verifier, WATCHER.verifier, AUDITOR.verifier]


def cosigned(note: bytes, *signers: WitnessSigner, now: datetime = NOON) -> bytes:
    """Return the note with a cosignature by each of `signers`."""
    for signer in signers:
        note = cosign(note, LOG, signer, now=now)
    return note


def lines_of(note: bytes) -> list[bytes]:
    """Return the signature lines of a note."""
    return note.rpartition(b"\n\n")[2].splitlines(keepends=True)


def text_of(note: bytes) -> str:
    """Return what a note says."""
    return parse_note(note, "note").text


def leaves_of(entries: tuple[Entry, ...]) -> list[bytes]:
    """Return the leaf hash of each entry."""
    return [leaf_hash(entry.hash) for entry in entries]


def request(entries: tuple[Entry, ...], old_size: int) -> bytes:
    """Return the add-checkpoint request of a log with these entries."""
    return write_consistency(
        ConsistencyProof(
            old_size=old_size,
            hashes=consistency_proof(leaves_of(entries), old_size),
            checkpoint=signed(entries),
        )
    )
