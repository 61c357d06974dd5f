"""A witness at work: a folder with its key and its memory, and files that people carry.

The memory is on the disk before a cosignature leaves, so whatever happens to the process, nobody
gets cosignatures on two histories.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.journal.audit import Watch, audit
from sekisho.journal.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from sekisho.journal.entries import entry_hash
from sekisho.journal.merkle import leaf_hash
from sekisho.journal.notes import NOTE_MAX_BYTES, VerifierKey, is_key_name, parse_note, parse_vkey
from sekisho.journal.proofs import PROOF_MAX_BYTES
from sekisho.journal.store import open_journal
from sekisho.journal.witness.cosignatures import (
    Cosigned,
    WitnessKey,
    WitnessSigner,
    cosign,
    cosignatures,
    merge_cosignatures,
    parse_witness_key,
)
from sekisho.journal.witness.last_seen import ByEntries, LastSeen
from sekisho.journal.witness.state import Shown, add_checkpoint, parse_shown, seen_of, with_log
from sekisho.journal.witness.store import (
    begin_seen,
    change_seen,
    held,
    read_file,
    read_line,
    read_private_key,
    read_seen,
    replace_file,
    write_new,
    write_private_key,
)
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Refused, finding

_COSIGNATURE_LINES = "\u2014 ".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Where a witness keeps what it has."""

    folder: Path

    @property
    def key_path(self) -> Path:
        """Return where the key is that cosigns, and must sign nothing else."""
        return self.folder / "witness.key"

    @property
    def vkey_path(self) -> Path:
        """Return where the key is by which others verify."""
        return self.folder / "witness.vkey"

    @property
    def seen_path(self) -> Path:
        """Return where the last checkpoint of each log is kept."""
        return self.folder / "last-seen.json"


def begin_witness(witness: Witness, *, name: str) -> WitnessKey:
    """Make a witness with a new key, which knows no log, and return the key for others.

    Raises `BadInputError` for a name that no key can have, and `WorldError` if anything of a
    witness is there already.
    """
    if not is_key_name(name) or not name.isprintable():
        raise BadInputError("witness name", f"{name[:80]!r} is empty or holds a space or a plus")
    for path in (witness.key_path, witness.vkey_path, witness.seen_path):
        if path.exists():
            raise WorldError(f"{path}: is there already")
    try:
        witness.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldError(f"{witness.folder}: cannot be made: {error.strerror}") from error
    signer = WitnessSigner(name=name, private_key=Ed25519PrivateKey.generate())
    write_private_key(witness.key_path, signer.private_key)
    write_new(witness.vkey_path, f"{signer.verifier}\n".encode())
    begin_seen(witness.seen_path, ())
    return signer.verifier


def add_log(witness: Witness, log: VerifierKey) -> None:
    """Let the witness know a log. The first checkpoint that it then sees, it believes.

    Raises `Refused` for a log that it knows already, and for its own key.
    """
    own = read_witness_key(witness.vkey_path)
    change_seen(witness.seen_path, lambda logs: with_log(logs, log, own))


def logs_of(witness: Witness) -> tuple[LastSeen, ...]:
    """Return what the witness saw last of each log. Raises `WorldError` if that is lost."""
    return read_seen(witness.seen_path)


def cosign_checkpoint(
    witness: Witness, shown: Path, *, journal: Path | str | None, now: datetime
) -> tuple[LastSeen, bytes]:
    """Cosign the checkpoint in the file `shown`; return it, and the note with the cosignature.

    The file holds a checkpoint or an add-checkpoint request. With `journal`, its entries are the
    evidence in the place of a proof. Raises `Refused` if the checkpoint does not only add to the
    last one, and `WorldError` if what was last seen is lost or cannot be kept: then nothing
    leaves.
    """
    signer = _signer(witness)
    where = str(shown)
    asked = parse_shown(read_file(shown, PROOF_MAX_BYTES), where)
    entries = _entries(journal, asked, where)
    logs = change_seen(
        witness.seen_path,
        lambda logs: add_checkpoint(logs, asked, signer.verifier, where, entries=entries),
    )
    # Only now: what is cosigned is what this witness will remember.
    seen = seen_of(logs, asked, where)
    return seen, cosign(asked.note, seen.log, signer, now=now)


def check_checkpoint(witness: Witness, shown: Path, *, journal: Path | str | None) -> LastSeen:
    """Return the checkpoint in the file `shown`, if the witness would cosign it; change nothing.

    Raises as `cosign_checkpoint` does.
    """
    where = str(shown)
    own = read_witness_key(witness.vkey_path)
    asked = parse_shown(read_file(shown, PROOF_MAX_BYTES), where)
    entries = _entries(journal, asked, where)
    logs = add_checkpoint(logs_of(witness), asked, own, where, entries=entries)
    return seen_of(logs, asked, where)


def publish_witnessed(
    journal: Path | str,
    *,
    vkey: Path,
    last_signed: Path,
    published: Path,
    cosigned: Sequence[Path],
    witnesses: Sequence[WitnessKey],
    watch: Watch,
) -> Cosigned:
    """Join the cosignatures in the files `cosigned`, and keep the note at `published`.

    A file holds a cosigned checkpoint, or only the lines that a witness answered with, which are
    then for the last signed checkpoint. Cosignatures on the same checkpoint that were published
    before stay. Raises `Refused` with every reason why not: a file for another checkpoint, a false
    cosignature or none by `witnesses`, a checkpoint lower than the one published, or one that the
    journal does not begin with.
    """
    log = parse_vkey(read_line(vkey), str(vkey))
    signed = read_file(last_signed, NOTE_MAX_BYTES)
    notes = {str(path): _as_note(read_file(path, NOTE_MAX_BYTES), signed) for path in cosigned}
    with held(published):
        joined = merge_cosignatures(notes, log, witnesses)
        kept = {
            str(last_signed): open_checkpoint(signed, log, str(last_signed)),
            str(cosigned[0]): joined.checkpoint,
        }
        if published.exists():
            before = read_file(published, NOTE_MAX_BYTES)
            kept[str(published)] = open_checkpoint(before, log, str(published))
            earlier, _ = cosignatures(parse_note(before, str(published)), witnesses, "published")
            if joined.checkpoint == kept[str(published)] and earlier:
                joined = merge_cosignatures({**notes, str(published): before}, log, witnesses)
            _refuse_lower(joined.checkpoint, kept[str(published)], str(cosigned[0]))
        with open_journal(journal) as store:
            found = audit(watch(store.rows(), store.size()), kept=kept)
        if found.findings:
            raise Refused(found.findings)
        if published.exists():
            replace_file(published, joined.note)
        else:
            write_new(published, joined.note)
    return joined


def witness_keys(given: Sequence[str]) -> list[WitnessKey]:
    """Return the witness keys that are given as such, or as files that hold them."""
    return [
        read_witness_key(Path(each)) if Path(each).is_file() else parse_witness_key(each, each)
        for each in given
    ]


def read_witness_key(path: Path) -> WitnessKey:
    """Return the witness key in the file at `path`, or raise `BadInputError`."""
    return parse_witness_key(read_line(path), str(path))


def _refuse_lower(checkpoint: Checkpoint, published: Checkpoint, where: str) -> None:
    if checkpoint.size < published.size:
        raise Refused(
            [
                finding(
                    "journal.checkpoint_lower",
                    where,
                    size=checkpoint.size,
                    seen_size=published.size,
                )
            ]
        )


def _as_note(data: bytes, signed: bytes) -> bytes:
    return signed + data if data.startswith(_COSIGNATURE_LINES) else data


def _entries(journal: Path | str | None, asked: Shown, where: str) -> ByEntries | None:
    """Return the leaf hashes that the checkpoint covers, from the documents as they are stored."""
    if journal is None:
        return None
    size = parse_checkpoint(parse_note(asked.note, where).text, where).size
    with open_journal(journal) as store:
        rows = islice(store.rows(), min(size, store.size()))
        return ByEntries(leaf_hashes=[leaf_hash(entry_hash(row.document)) for row in rows])


def _signer(witness: Witness) -> WitnessSigner:
    own = read_witness_key(witness.vkey_path)
    signer = WitnessSigner(name=own.name, private_key=read_private_key(witness.key_path))
    if signer.verifier != own:
        raise BadInputError(str(witness.key_path), f"is not the key that {own} verifies")
    return signer
