"""What a witness has seen of each log that it knows, and what it may cosign next.

The decision is that of C2SP tlog-witness, `add-checkpoint` (https://c2sp.org/tlog-witness); only
the transport is ours. The same document, with one log, is what gate and watcher keep.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sekisho.journal.checkpoints import parse_checkpoint
from sekisho.journal.notes import VerifierKey, parse_note, parse_vkey
from sekisho.journal.proofs import ConsistencyProof, parse_proof
from sekisho.journal.witness.cosignatures import WitnessKey, cosignatures
from sekisho.journal.witness.last_seen import (
    ByEntries,
    ByProof,
    Evidence,
    LastSeen,
    advance,
    none_seen,
    seen_in,
)
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Refused, finding

FORMAT = "sekisho/last-seen/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A checkpoint that somebody wants to be believed, with the proof that came along."""

    note: bytes
    proof: ByProof | None
    """None where only the checkpoint was shown."""


def write_seen(logs: Sequence[LastSeen]) -> bytes:
    """Return the document that `parse_seen` reads; raises `BadInputError` if it could not."""
    written: list[Json] = [{"note": each.note.decode(), "vkey": str(each.log)} for each in logs]
    data = canonical_bytes({"format": FORMAT, "logs": written})
    if parse_seen(data, "what was seen") != tuple(logs):
        raise RuntimeError("what was seen cannot be read back")
    return data


def parse_seen(data: bytes, where: str) -> tuple[LastSeen, ...]:
    """Return what was seen of each log, each signature verified again.

    Raises `BadInputError` at `where` for anything but what `write_seen` wrote: whoever kept it
    must then stop, for something else than a log damaged it.
    """
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (FORMAT,))
    logs = fields.each("logs", _read_log, empty=True)
    fields.done()
    if len({each.log.name for each in logs}) < len(logs):
        raise BadInputError(where, "names a log twice")
    return logs


def parse_shown(data: bytes, where: str) -> Shown:
    """Return what a file shows: a checkpoint, or the body of an add-checkpoint request.

    Raises `BadInputError` at `where` for neither. No signature is verified yet.
    """
    if data.startswith((b"old ", b"c2sp.org/")):
        proof = parse_proof(data, where)
        if not isinstance(proof, ConsistencyProof):
            raise BadInputError(where, "proves one entry; here a checkpoint is needed")
        by_proof = ByProof(old_size=proof.old_size, hashes=proof.hashes)
        return Shown(note=proof.checkpoint, proof=by_proof)
    parse_note(data, where)
    return Shown(note=data, proof=None)


def with_log(logs: Sequence[LastSeen], log: VerifierKey, own: WitnessKey) -> tuple[LastSeen, ...]:
    """Return what is known with one log more, of which nothing was seen.

    Raises `Refused` if there is one of this name already (`journal.log_known`): its last
    checkpoint must not be forgotten; and if its key is the witness's own
    (`journal.witness_is_log`).
    """
    if any(each.log.name == log.name for each in logs):
        raise Refused([finding("journal.log_known", log.name)])
    if log.public_key == own.public_key:
        raise Refused([finding("journal.witness_is_log", log.name, witness=own.name)])
    return (*logs, none_seen(log))


def seen_of(logs: Sequence[LastSeen], shown: Shown, where: str) -> LastSeen:
    """Return the last checkpoint that was seen of the log that `shown` speaks for.

    Raises `BadInputError` at `where` for what is no checkpoint, and `Refused` for a log that
    nobody added (`journal.log_unknown`).
    """
    origin = parse_checkpoint(parse_note(shown.note, where).text, where).origin
    for each in logs:
        if each.log.name == origin:
            return each
    raise Refused([finding("journal.log_unknown", where, origin=origin)])


def add_checkpoint(
    logs: Sequence[LastSeen],
    shown: Shown,
    own: WitnessKey,
    where: str,
    *,
    entries: ByEntries | None = None,
) -> tuple[LastSeen, ...]:
    """Return what is known once `shown` is the last checkpoint of its log.

    `entries` are evidence in the place of a proof, for a witness that can read the journal. Raises
    `BadInputError` at `where` for what cannot be read, and `Refused` otherwise: nothing may be
    cosigned then. The caller makes the result durable before it cosigns.
    """
    # 1. Is it a log that we know (404 of tlog-witness), and did its key sign it (403)?
    seen = seen_of(logs, shown, where)
    seen_size, size = seen.checkpoint.size, seen_in(shown.note, seen.log, where).checkpoint.size
    # 2. Do we know more than we remember? Then our state is an old copy, and would sign forks.
    ours, _ = cosignatures(parse_note(shown.note, where), [own], where)
    if ours and size > seen_size:
        raise Refused([finding("journal.witness_forgot", where, size=size, seen_size=seen_size)])
    # 3. Does it only add to what we saw (409, 422)? Of the same again, and of the first that we
    #    see, the proof is empty.
    evidence: Evidence | None = entries or shown.proof
    if evidence is None:
        if size > seen_size > 0:
            raise Refused([finding("journal.proof_needed", where, size=size, seen_size=seen_size)])
        evidence = ByProof(old_size=seen_size, hashes=())
    now_seen = advance(seen, shown.note, seen.log, evidence, where)
    return tuple(now_seen if each is seen else each for each in logs)


def _read_log(fields: Fields) -> LastSeen:
    where = fields.where("note")
    log = parse_vkey(fields.text("vkey"), fields.where("vkey"))
    note = fields.document("note")
    fields.done()
    if not isinstance(note, str):
        raise BadInputError(where, "is no checkpoint")
    if not note:
        return none_seen(log)
    try:
        seen = seen_in(note.encode(), log, where)
    except Refused as refused:
        raise BadInputError(where, str(refused)) from refused
    if seen.note != note.encode():
        raise BadInputError(where, "holds more than the log's own signature")
    return seen
