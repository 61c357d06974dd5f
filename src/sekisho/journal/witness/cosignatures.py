"""C2SP tlog-cosignature, the Ed25519 kind: who else saw a checkpoint, and when.

A cosignature says that, as of its time, this is the largest history of the log that the witness
saw, and that it only adds to all that it cosigned before (https://c2sp.org/tlog-cosignature). The
witness's name is not in what it signs: a key counts once, whatever it calls itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from sekisho.journal.checkpoints import Checkpoint, open_checkpoint
from sekisho.journal.notes import (
    Note,
    Signature,
    VerifierKey,
    is_by,
    key_id_of,
    parse_note,
    read_vkey_of,
    write_note,
    write_vkey,
)
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.kernel.instants import to_second

_COSIGNATURE = b"\x04"
_TIME_BYTES = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECONDS = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessKey:
    """A witness that somebody has pinned. Another type than a log's key: none passes as both."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, 0x04 and key."""
        return key_id_of(self.name, _COSIGNATURE + self.public_key)

    def __str__(self) -> str:
        return write_vkey(self.name, _COSIGNATURE + self.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSigner:
    """A key that cosigns under a name. It must sign nothing else."""

    name: str
    private_key: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> WitnessKey:
        """The key by which others verify."""
        return WitnessKey(
            name=self.name, public_key=self.private_key.public_key().public_bytes_raw()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """A witness's word, verified: at this time it had seen the checkpoint."""

    witness: WitnessKey
    at: datetime
    signature: Signature
    """The line that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """One checkpoint with the cosignatures of several witnesses."""

    checkpoint: Checkpoint
    cosignatures: tuple[Cosignature, ...]
    note: bytes
    """The log's signature, and those."""


def parse_witness_key(text: str, where: str) -> WitnessKey:
    """Return the witness key that `text` (`<name>+<8 hex>+<base64>`, type 4) writes.

    Raises `BadInputError` as `parse_vkey` does; a log's key (type 1) is none.
    """
    name, public_key = read_vkey_of(text, _COSIGNATURE, where)
    return WitnessKey(name=name, public_key=public_key)


def cosign(data: bytes, log: VerifierKey, signer: WitnessSigner, *, now: datetime) -> bytes:
    """Return the checkpoint note in `data` with a cosignature as of `now` at its end.

    An older one by the same witness is left out. Whether the witness may say so is decided before,
    by `seen.advance`. Raises `BadInputError` and `Refused` as `open_checkpoint` does.
    """
    checkpoint = open_checkpoint(data, log, "checkpoint to be cosigned")
    own = signer.verifier
    at_seconds = (to_second(now) - _EPOCH) // timedelta(seconds=1)
    time = at_seconds.to_bytes(_TIME_BYTES, "big")
    signature = signer.private_key.sign(_message(at_seconds, str(checkpoint)))
    note = parse_note(data, "checkpoint to be cosigned")
    others = [each for each in note.signatures if not is_by(each, own.name, own.key_id)]
    ours = Signature(name=own.name, key_id=own.key_id, signature=time + signature)
    return _read_back(replace(note, signatures=(*others, ours)))


def cosignatures(
    note: Note, witnesses: Sequence[WitnessKey], where: str
) -> tuple[list[Cosignature], list[Finding]]:
    """Return who of `witnesses` cosigned `note`, and what is wrong with it.

    Of each witness the newest is returned, in the order of `witnesses`. A signature that names one
    of them and does not verify is a finding (`journal.note_signature_wrong`), as with a log's.
    """
    found: list[Cosignature] = []
    findings: list[Finding] = []
    for witness in dict.fromkeys(witnesses):
        named = [e for e in note.signatures if is_by(e, witness.name, witness.key_id)]
        true = [e for e in (_verified(each, witness, note.text) for each in named) if e]
        if len(true) < len(named):
            key_id = witness.key_id.hex()
            findings.append(
                finding("journal.note_signature_wrong", where, key=witness.name, key_id=key_id)
            )
        if true:
            found.append(max(true, key=lambda each: each.at))
    return found, findings


def merge_cosignatures(
    notes: Mapping[str, bytes], log: VerifierKey, witnesses: Sequence[WitnessKey]
) -> Cosigned:
    """Return the one checkpoint of all `notes`, with every cosignature of `witnesses`.

    The notes are named by where they came from. What others signed is left out. Raises
    `BadInputError` for what is no checkpoint, and `Refused` with all that is wrong: notes of
    different checkpoints (`journal.cosignature_elsewhere`), one that no witness cosigned
    (`journal.cosignature_missing`), a false signature. Raises `ValueError` for no note at all.
    """
    if not notes:
        raise ValueError("no note to take a cosignature from")
    findings: list[Finding] = []
    newest: dict[WitnessKey, Cosignature] = {}
    opened = {where: open_checkpoint(data, log, where) for where, data in notes.items()}
    first, checkpoint = next(iter(opened.items()))
    for where, data in notes.items():
        note = parse_note(data, where)
        found, wrong = cosignatures(note, witnesses, where)
        findings += wrong
        if note.text != str(checkpoint):
            findings.append(
                finding(
                    "journal.cosignature_elsewhere",
                    where,
                    size=opened[where].size,
                    other_size=checkpoint.size,
                )
            )
        elif not found:
            findings.append(finding("journal.cosignature_missing", where))
        for each in found:
            if each.witness not in newest or each.at > newest[each.witness].at:
                newest[each.witness] = each
    if findings:
        raise Refused(findings)
    signatures = [
        *(e for e in parse_note(notes[first], first).signatures if is_by(e, log.name, log.key_id)),
        *(each.signature for each in newest.values()),
    ]
    return Cosigned(
        checkpoint=checkpoint,
        cosignatures=tuple(newest.values()),
        note=_read_back(Note(text=str(checkpoint), signatures=tuple(signatures))),
    )


def _verified(signature: Signature, witness: WitnessKey, text: str) -> Cosignature | None:
    """Return what the witness signed; None if it did not, or at no time of any calendar."""
    at_seconds = int.from_bytes(signature.signature[:_TIME_BYTES], "big")
    try:
        Ed25519PublicKey.from_public_bytes(witness.public_key).verify(
            signature.signature[_TIME_BYTES:], _message(at_seconds, text)
        )
    except InvalidSignature:
        return None
    if at_seconds > _LAST_SECONDS:
        return None
    at = _EPOCH + timedelta(seconds=at_seconds)
    return Cosignature(witness=witness, at=at, signature=signature)


def _message(at_seconds: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {at_seconds}\n{text}".encode()


def _read_back(note: Note) -> bytes:
    """Return the note's bytes; raises `BadInputError` if nobody could read them again."""
    data = write_note(note)
    if parse_note(data, "cosigned checkpoint") != note:
        raise RuntimeError("a note that cannot be read back")
    return data
