"""Proof files that a stranger verifies offline, with the log's key and nothing else.

Inclusion: C2SP tlog-proof@v1 (https://c2sp.org/tlog-proof), whose `extra` line carries the entry's
stored document, so that the file says not only *that* something was written but *what*.
Consistency: the body of a C2SP tlog-witness `add-checkpoint` request, as a witness takes it.
"""

import base64
from dataclasses import dataclass

from sekisho.journal.checkpoints import Checkpoint, open_checkpoint, parse_size
from sekisho.journal.entries import read_entry
from sekisho.journal.merkle import (
    HASH_BYTES,
    PROOF_MAX,
    leaf_hash,
    proves_consistency,
    proves_inclusion,
)
from sekisho.journal.notes import NOTE_MAX_BYTES, VerifierKey, parse_base64
from sekisho.journal.records import ENTRY_MAX_BYTES, Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused, finding

PROOF_MAX_BYTES = 2 * ENTRY_MAX_BYTES + NOTE_MAX_BYTES
"""An entry in base64, the hashes, and a checkpoint with all its cosignatures."""

_INCLUSION = "c2sp.org/tlog-proof@v1"
_CONSISTENCY = "old "


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """A tlog-proof as it was read or made; `open_inclusion` says what it proves."""

    index: int
    """Counts from zero; the journal's `seq` counts from one."""
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    """The signed note, byte for byte."""
    extra: bytes | None
    """The entry's stored document, in ours. Not trusted: it must hash to the leaf."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyProof:
    """A proof that a later checkpoint only added to an older one."""

    old_size: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


def write_inclusion(proof: InclusionProof) -> bytes:
    """Return the proof as a tlog-proof@v1 file."""
    lines = [_INCLUSION]
    if proof.extra is not None:
        lines.append(f"extra {base64.b64encode(proof.extra).decode()}")
    lines.append(f"index {proof.index}")
    return _with_checkpoint(lines, proof.hashes, proof.checkpoint)


def write_consistency(proof: ConsistencyProof) -> bytes:
    """Return the proof as the body of an add-checkpoint request."""
    return _with_checkpoint([f"{_CONSISTENCY}{proof.old_size}"], proof.hashes, proof.checkpoint)


def parse_proof(data: bytes, where: str) -> InclusionProof | ConsistencyProof:
    """Return the proof in `data`, whichever of the two it is. Nothing is verified yet.

    Raises `BadInputError` at `where` for anything else, and above `PROOF_MAX_BYTES`.
    """
    if len(data) > PROOF_MAX_BYTES:
        raise BadInputError(where, f"is larger than {PROOF_MAX_BYTES} bytes")
    head, separator, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise BadInputError(where, f"is not ASCII at byte {error.start}") from error
    if not separator or not checkpoint:
        raise BadInputError(where, "has no empty line with a checkpoint after it")
    if lines[0].startswith(_CONSISTENCY):
        old_size = parse_size(lines[0].removeprefix(_CONSISTENCY), f"{where}, old size")
        hashes = _parse_hashes(lines[1:], where)
        return ConsistencyProof(old_size=old_size, hashes=hashes, checkpoint=checkpoint)
    if lines[0] != _INCLUSION:
        raise BadInputError(where, f"begins neither with {_INCLUSION} nor with an old size")
    del lines[0]
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = parse_base64(lines.pop(0).removeprefix("extra "), f"{where}, extra line")
    if not lines or not lines[0].startswith("index "):
        raise BadInputError(where, "has no index line")
    index = parse_size(lines.pop(0).removeprefix("index "), f"{where}, index")
    hashes = _parse_hashes(lines, where)
    return InclusionProof(index=index, hashes=hashes, checkpoint=checkpoint, extra=extra)


def open_inclusion(
    proof: InclusionProof, key: VerifierKey, where: str
) -> tuple[Entry, Checkpoint]:
    """Return the entry proven to stand in the log of `key`, and the checkpoint that says so.

    The steps of tlog-proof, "Verifying". Raises `BadInputError` at `where` for what cannot be
    read, and `Refused` for what is read and proves nothing.
    """
    # 1. The leaf: our application's record is the entry's own hash, computed from its document.
    if proof.extra is None:
        raise BadInputError(where, "has no extra line with the entry's document")
    entry = read_entry(proof.extra, f"{where}, extra line")
    # 2. The checkpoint's origin and the log's own signature.
    checkpoint = open_checkpoint(proof.checkpoint, key, f"{where}, checkpoint")
    # 3. Witnesses' cosignatures come with the witnesses; those here are ignored, as by the note.
    # 4. The inclusion, and that the entry calls itself by the place it is proven to stand at.
    included = proves_inclusion(
        proof.hashes,
        leaf=leaf_hash(entry.hash),
        index=proof.index,
        size=checkpoint.size,
        root=checkpoint.root,
    )
    if not included or entry.seq != proof.index + 1:
        raise Refused([finding("journal.proof_wrong", where, seq=entry.seq, size=checkpoint.size)])
    return entry, checkpoint


def open_consistency(
    proof: ConsistencyProof, key: VerifierKey, where: str, *, older: Checkpoint
) -> Checkpoint:
    """Return the later checkpoint, which is proven to have only added to `older`.

    Raises `BadInputError` and `Refused` as `open_inclusion` does.
    """
    checkpoint = open_checkpoint(proof.checkpoint, key, f"{where}, checkpoint")
    consistent = proves_consistency(
        proof.hashes,
        old_size=older.size,
        old_root=older.root,
        size=checkpoint.size,
        root=checkpoint.root,
    )
    if not consistent or proof.old_size != older.size:
        raise Refused(
            [
                finding(
                    "journal.consistency_wrong",
                    where,
                    old_size=older.size,
                    size=checkpoint.size,
                )
            ]
        )
    return checkpoint


def _with_checkpoint(lines: list[str], hashes: tuple[bytes, ...], checkpoint: bytes) -> bytes:
    encoded = [base64.b64encode(each).decode() for each in hashes]
    return "\n".join([*lines, *encoded, "", ""]).encode() + checkpoint


def _parse_hashes(lines: list[str], where: str) -> tuple[bytes, ...]:
    if len(lines) > PROOF_MAX:
        raise BadInputError(where, f"has more than {PROOF_MAX} hashes")
    hashes = []
    for number, line in enumerate(lines, start=1):
        hashes.append(parse_base64(line, f"{where}, hash {number}"))
        if len(hashes[-1]) != HASH_BYTES:
            raise BadInputError(f"{where}, hash {number}", "is not 32 bytes")
    return tuple(hashes)
