"""The journal at work: what the commands do. Gather, decide, record, act."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.journal.audit import Audit, Watch, audit
from sekisho.journal.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from sekisho.journal.entries import entry_hash
from sekisho.journal.exports import LINE_MAX_BYTES, export_line, export_rows
from sekisho.journal.merkle import EMPTY_ROOT, consistency_proof, inclusion_proof, leaf_hash
from sekisho.journal.notes import (
    NOTE_MAX_BYTES,
    SignerKey,
    VerifierKey,
    is_key_name,
    parse_vkey,
)
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
from sekisho.journal.records import Entry, Row
from sekisho.journal.store import create_journal, open_journal
from sekisho.journal.witness.store import (
    held,
    opened,
    read_file,
    read_line,
    read_private_key,
    replace_file,
    write_new,
    write_private_key,
)
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Finding, Refused, finding


def begin_log(
    *, journal: Path | str, key: Path, vkey: Path, last_signed: Path, origin: str
) -> None:
    """Make a log named `origin`: its key, an empty journal, and the signed checkpoint of nothing.

    From then on there is always a last signed checkpoint, so one that is missing is a reason to
    stop and not to start afresh. On a server the owner's role has made the journal, and it must
    be empty still. Raises `BadInputError` for an origin that no key can have, and `WorldError` if
    any of the files is already there or the journal on the server is not as said.
    """
    if not is_key_name(origin) or not origin.isprintable():
        raise BadInputError("log name", f"{origin[:80]!r} is empty or holds a space or a plus")
    for path in (journal, key, vkey, last_signed):
        if isinstance(path, Path) and path.exists():
            raise WorldError(f"{path}: is there already")
    if isinstance(journal, str):
        with open_journal(journal) as store:
            if store.size():
                raise WorldError("the journal on the server is there already, with entries in it")
    signer = SignerKey(name=origin, private_key=Ed25519PrivateKey.generate())
    write_private_key(key, signer.private_key)
    write_new(vkey, f"{signer.verifier}\n".encode())
    if isinstance(journal, Path):
        create_journal(journal).close()
    last_signed.parent.mkdir(exist_ok=True)
    write_new(last_signed, sign_checkpoint(size=0, root=EMPTY_ROOT, signer=signer))


def read_vkey(path: Path) -> VerifierKey:
    """Return the verifier key in the file at `path`, or raise `BadInputError`."""
    return parse_vkey(read_line(path), str(path))


def verify_journal(
    journal: Path | str, *, key: VerifierKey, against: Sequence[Path], watch: Watch
) -> Audit:
    """Return what the journal is and everything that is wrong with it.

    `against` are files with kept checkpoints. One that `key` did not sign is a finding like any
    other, and the rest is looked at all the same. Raises `BadInputError` for one that is no
    checkpoint.
    """
    kept, findings = _kept(against, key)
    with open_journal(journal) as store:
        found = audit(watch(store.rows(), store.size()), kept=kept)
    return replace(found, findings=(*findings, *found.findings))


def verify_export(
    export: Path, *, key: VerifierKey | None, against: Sequence[Path], watch: Watch
) -> Audit:
    """Return the same as `verify_journal`, for a file that `export_journal` wrote."""
    kept, findings = _kept(against, key)
    with opened(export) as file:
        found = audit(watch(export_rows(_lines(file)), None), kept=kept)
    return replace(found, findings=(*findings, *found.findings))


def verify_proof(
    path: Path, *, key: VerifierKey, against: Sequence[Path]
) -> tuple[Entry | Checkpoint, Checkpoint]:
    """Return what the proof in the file at `path` proves, and the checkpoint that it is part of.

    That is an entry, or, for a consistency proof, the one older checkpoint in `against`. Raises
    `BadInputError` for what cannot be read, and `Refused` for what proves nothing.
    """
    proof = parse_proof(read_file(path, PROOF_MAX_BYTES), str(path))
    if isinstance(proof, InclusionProof):
        if against:
            raise BadInputError(str(path), "proves an entry; it takes no other checkpoint")
        return open_inclusion(proof, key, str(path))
    if len(against) != 1:
        raise BadInputError(str(path), "proves consistency with one older checkpoint; name it")
    older = open_checkpoint(read_file(against[0], NOTE_MAX_BYTES), key, str(against[0]))
    return older, open_consistency(proof, key, str(path), older=older)


def export_journal(journal: Path | str, sink: BinaryIO, *, watch: Watch) -> Audit:
    """Write every stored row to `sink` as it is, a line each, and return what they are.

    A tampered journal is written out too, since it is evidence; the findings say so.
    """

    def written(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            sink.write(export_line(row))
            yield row

    with open_journal(journal) as store:
        return audit(written(watch(store.rows(), store.size())), kept={})


def checkpoint_journal(
    journal: Path | str, *, key: Path, vkey: Path, last_signed: Path, watch: Watch
) -> bytes:
    """Sign and return the checkpoint of the journal as it is now, and keep it as `last_signed`.

    A log must never sign what is inconsistent with what it signed before (C2SP tlog-checkpoint),
    so the whole journal is audited against the last one; any finding raises `Refused` and nothing
    is signed. Raises `WorldError` if the last one is not there, and `BadInputError` for keys that
    cannot be read or do not belong together.
    """
    signer = _signer(key, read_vkey(vkey))
    with held(last_signed):
        note, last = _last_signed(last_signed, signer.verifier)
        with open_journal(journal) as store:
            found = audit(
                watch(store.rows(), store.size()), kept={"the last one that was signed": last}
            )
        if found.findings:
            raise Refused(found.findings)
        if found.size > last.size:
            note = sign_checkpoint(size=found.size, root=found.root, signer=signer)
            # Recorded before anybody sees it: else a crash could make us forget what we signed.
            replace_file(last_signed, note)
    return note


def prove_inclusion(journal: Path | str, *, seq: int, vkey: Path, last_signed: Path) -> bytes:
    """Return the tlog-proof of the entry at place `seq`, under the last signed checkpoint.

    Raises `Refused` if that checkpoint does not cover the entry yet (`journal.entry_not_covered`)
    or if the journal is not what the checkpoint says.
    """
    key = read_vkey(vkey)
    note, last = _last_signed(last_signed, key)
    if not 1 <= seq <= last.size:
        raise Refused([finding("journal.entry_not_covered", "journal", seq=seq, size=last.size)])
    leaves = _leaves(journal, last)
    with open_journal(journal) as store:
        document = next(store.rows(after_seq=seq - 1)).document
    proof = InclusionProof(
        index=seq - 1,
        hashes=inclusion_proof(leaves, seq - 1),
        checkpoint=note,
        extra=document,
    )
    open_inclusion(proof, key, "proof just made")
    return write_inclusion(proof)


def prove_consistency(journal: Path | str, *, older: Path, vkey: Path, last_signed: Path) -> bytes:
    """Return the proof that the last signed checkpoint only added to the one in file `older`.

    Raises `Refused` if it did not, or if either was not signed by the log's key.
    """
    key = read_vkey(vkey)
    old = open_checkpoint(read_file(older, NOTE_MAX_BYTES), key, str(older))
    note, last = _last_signed(last_signed, key)
    if old.size > last.size:
        raise Refused(
            [finding("journal.truncated", str(older), size=last.size, signed_size=old.size)]
        )
    proof = ConsistencyProof(
        old_size=old.size,
        hashes=consistency_proof(_leaves(journal, last), old.size),
        checkpoint=note,
    )
    open_consistency(proof, key, "proof just made", older=old)
    return write_consistency(proof)


def _leaves(journal: Path | str, last: Checkpoint) -> list[bytes]:
    """Return the leaf hashes under `last`, having found the journal to be what `last` says."""
    leaves: list[bytes] = []

    def collected(rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            leaves.append(leaf_hash(entry_hash(row.document)))
            yield row

    with open_journal(journal) as store:
        found = audit(
            collected(islice(store.rows(), last.size)), kept={"the last one that was signed": last}
        )
    if found.findings:
        raise Refused(found.findings)
    return leaves


def _kept(
    paths: Sequence[Path], key: VerifierKey | None
) -> tuple[dict[str, Checkpoint], list[Finding]]:
    kept: dict[str, Checkpoint] = {}
    findings: list[Finding] = []
    for path in paths:
        if key is None:
            raise BadInputError(str(path), "cannot be verified without the log's verifier key")
        try:
            kept[str(path)] = open_checkpoint(read_file(path, NOTE_MAX_BYTES), key, str(path))
        except Refused as refused:
            findings.extend(refused.findings)
    return kept, findings


def _last_signed(path: Path, key: VerifierKey) -> tuple[bytes, Checkpoint]:
    if not path.exists():
        raise WorldError(
            f"{path}: the last signed checkpoint is gone; put a kept copy back, "
            "for without it two histories could be signed"
        )
    note = read_file(path, NOTE_MAX_BYTES)
    return note, open_checkpoint(note, key, str(path))


def _signer(path: Path, vkey: VerifierKey) -> SignerKey:
    private = read_private_key(path)
    signer = SignerKey(name=vkey.name, private_key=private)
    if signer.verifier != vkey:
        raise BadInputError(str(path), f"is not the key that {vkey} verifies")
    return signer


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LINE_MAX_BYTES):
        yield line
