"""What of the journal reads foreign bytes."""

from io import BytesIO

from fuzz.hunt import Target
from journal_world import NOON, OTHER, SIGNER, chain, kept, rows_of, signed
from witness_world import GATE, KEYS, WATCHER, cosigned, request

from sekisho.journal.audit import audit
from sekisho.journal.checkpoints import open_checkpoint, parse_checkpoint
from sekisho.journal.entries import read_entry
from sekisho.journal.exports import LINE_MAX_BYTES, export_line, export_rows
from sekisho.journal.merkle import consistency_proof, inclusion_proof, leaf_hash
from sekisho.journal.notes import (
    VerifierKey,
    parse_note,
    parse_vkey,
    sign_note,
    signed_wrongly,
)
from sekisho.journal.proofs import (
    ConsistencyProof,
    InclusionProof,
    open_consistency,
    open_inclusion,
    parse_proof,
    write_consistency,
    write_inclusion,
)
from sekisho.journal.witness.cosignatures import cosignatures, parse_witness_key
from sekisho.journal.witness.last_seen import none_seen, seen_in
from sekisho.journal.witness.state import add_checkpoint, parse_seen, parse_shown, write_seen
from sekisho.journal.witness.witnessed import witnessed
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused

STORY = chain(5)
LEAVES = [leaf_hash(entry.hash) for entry in STORY]
KEY = SIGNER.verifier
KEY_ELSEWHERE = VerifierKey(name="elsewhere.example/log", public_key=OTHER.verifier.public_key)
NOTE = signed(STORY)
INCLUSION = write_inclusion(
    InclusionProof(
        index=2, hashes=inclusion_proof(LEAVES, 2), checkpoint=NOTE, extra=STORY[2].document
    )
)
CONSISTENCY = write_consistency(
    ConsistencyProof(old_size=3, hashes=consistency_proof(LEAVES, 3), checkpoint=NOTE)
)
COSIGNED = cosigned(NOTE, GATE, WATCHER)
SEEN = (seen_in(signed(STORY[:3]), KEY, "seen"), none_seen(KEY_ELSEWHERE))
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


def read_witness_key(data: bytes) -> None:
    text = _text(data)
    _must(str(parse_witness_key(text, "key")) == text.removesuffix("\n"))


def verify_cosignatures(data: bytes) -> None:
    found, _ = cosignatures(parse_note(data, "note"), KEYS, "note")
    for each in found:
        _must(each.witness in (GATE.verifier, WATCHER.verifier) and each.at == NOON)
    try:
        shown = witnessed(data, KEY, KEYS, 2, now=NOON, age_max_seconds=60, where="note")
    except Refused:
        return
    _must(shown.checkpoint == kept(STORY)["a"])


def show_to_a_witness(data: bytes) -> None:
    shown = parse_shown(data, "shown")
    try:
        logs = add_checkpoint(SEEN, shown, GATE.verifier, "shown")
    except Refused:
        return
    _must(logs[0].checkpoint in kept(STORY[:3], STORY).values())  # the log never signed more


def read_memory(data: bytes) -> None:
    _must(write_seen(parse_seen(data, "seen")) == data)


FUZZ_TARGETS: list[Target] = [
    ("journal.parse_note", read_note, [NOTE, sign_note("a\n\nb\n", [OTHER, OTHER])]),
    ("journal.parse_vkey", read_vkey, [str(KEY).encode(), f"{KEY}\n".encode()]),
    ("journal.parse_checkpoint", read_checkpoint, [str(kept(STORY)["a"]).encode()]),
    ("journal.open_checkpoint", verify_checkpoint, [NOTE]),
    ("journal.proofs", verify_proof, [INCLUSION, CONSISTENCY]),
    ("journal.read_entry", read_document, [STORY[0].document, STORY[4].document]),
    ("journal.export", verify_export, [EXPORT]),
    ("journal.parse_witness_key", read_witness_key, [str(KEYS[0]).encode()]),
    ("journal.cosignatures", verify_cosignatures, [COSIGNED]),
    ("journal.witness", show_to_a_witness, [request(STORY, 3), NOTE, signed(STORY[:3])]),
    ("journal.last_seen", read_memory, [write_seen(SEEN), write_seen(())]),
]
