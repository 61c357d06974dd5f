"""What of the journal reads foreign bytes."""

from io import BytesIO

from fuzz.hunt import Target
from journal_world import OTHER, SIGNER, chain, kept, rows_of, signed

from sekisho.journal.audit import audit
from sekisho.journal.checkpoints import open_checkpoint, parse_checkpoint
from sekisho.journal.entries import read_entry
from sekisho.journal.exports import LINE_MAX_BYTES, export_line, export_rows
from sekisho.journal.merkle import consistency_proof, inclusion_proof, leaf_hash
from sekisho.journal.notes import parse_note, parse_vkey, sign_note, signed_wrongly
from sekisho.journal.proofs import (
    ConsistencyProof,
    InclusionProof,
    open_consistency,
    open_inclusion,
    parse_proof,
    write_consistency,
    write_inclusion,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

STORY = chain(5)
LEAVES = [leaf_hash(entry.hash) for entry in STORY]
KEY = SIGNER.verifier
NOTE = signed(STORY)
INCLUSION = write_inclusion(
    InclusionProof(
        index=2, hashes=inclusion_proof(LEAVES, 2), checkpoint=NOTE, extra=STORY[2].document
    )
)
CONSISTENCY = write_consistency(
    ConsistencyProof(old_size=3, hashes=consistency_proof(LEAVES, 3), checkpoint=NOTE)
)
EXPORT = b"".join(export_line(row) for row in rows_of(STORY))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadInputError("text", "is not UTF-8") from error


def _must(holds: bool) -> None:  # noqa: FBT001 - a condition, as of an assertion
    if not holds:
        raise ValueError("what was parsed is not what was given")


def read_note(data: bytes) -> None:
    note = parse_note(data, "note")
    _must(data.startswith(note.text.encode() + b"\n\xe2\x80\x94 "))
    if not signed_wrongly(note, KEY, "note"):
        _must(note.text == str(kept(STORY)["a"]))  # nothing else was ever signed


def read_vkey(data: bytes) -> None:
    _must(str(parse_vkey(_text(data), "key")) == _text(data).removesuffix("\n"))


def read_checkpoint(data: bytes) -> None:
    text = _text(data)
    _must(str(parse_checkpoint(text, "checkpoint")) == text)


def verify_checkpoint(data: bytes) -> None:
    try:
        checkpoint = open_checkpoint(data, KEY, "checkpoint")
    except Refused:
        return
    _must(checkpoint == kept(STORY)["a"])


def verify_proof(data: bytes) -> None:
    proof = parse_proof(data, "proof")
    if isinstance(proof, ConsistencyProof):
        _must(write_consistency(proof) == data)
    else:
        _must(write_inclusion(proof) == data)
    try:
        if isinstance(proof, ConsistencyProof):
            open_consistency(proof, KEY, "proof", older=kept(STORY[:3])["a"])
        else:
            entry, _ = open_inclusion(proof, KEY, "proof")
            _must(entry in STORY)
    except Refused:
        pass


def read_document(data: bytes) -> None:
    _must(read_entry(data, "entry").document == data)


def verify_export(data: bytes) -> None:
    file = BytesIO(data)
    rows = export_rows(iter(lambda: file.readline(LINE_MAX_BYTES), b""))
    found = audit(rows, kept=kept(STORY[:4], STORY))
    if not found.findings:
        _must(data == EXPORT or (found.size > 5 and data.startswith(EXPORT)))
        return
    raise BadInputError("export", "has findings")


FUZZ_TARGETS: list[Target] = [
    ("journal.parse_note", read_note, [NOTE, sign_note("a\n\nb\n", [OTHER, OTHER])]),
    ("journal.parse_vkey", read_vkey, [str(KEY).encode(), f"{KEY}\n".encode()]),
    ("journal.parse_checkpoint", read_checkpoint, [str(kept(STORY)["a"]).encode()]),
    ("journal.open_checkpoint", verify_checkpoint, [NOTE]),
    ("journal.proofs", verify_proof, [INCLUSION, CONSISTENCY]),
    ("journal.read_entry", read_document, [STORY[0].document, STORY[4].document]),
    ("journal.export", verify_export, [EXPORT]),
]
