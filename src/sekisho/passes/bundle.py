"""One file from which anybody can verify a pass, offline and years later.

The first line names the pass and holds the journal's checkpoint with its cosignatures; every
further line is a journal entry, from the first to the last that the checkpoint covers. All of them
are there, because what is left out could be the void, the rotation or the suspension that matters;
so the file grows with the journal, and whoever holds one can verify every other pass in it too.

What the reader must bring: the genesis digest that is pinned on their own machine, and the last
checkpoint that they saw, if they saw one. Everything else, the journal's key and its witnesses
included, is in documents that a quorum signed.

1. The entries are chained, and are those that the checkpoint commits to.
2. They are folded from the pinned genesis (`fold.py`).
3. The roster in force names the journal's key and its witnesses; the key signed the checkpoint,
   and as many witnesses cosigned it as the policy in force wants.
4. The checkpoint only adds to the one that was seen last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sekisho.journal.audit import audit
from sekisho.journal.entries import kind_of, read_entry
from sekisho.journal.exports import export_line, export_rows
from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.notes import NOTE_MAX_BYTES, VerifierKey, parse_vkey
from sekisho.journal.records import Entry, Row
from sekisho.journal.witness.cosignatures import Cosignature, parse_witness_key
from sekisho.journal.witness.last_seen import (
    ByEntries,
    LastSeen,
    advance,
    none_seen,
    seen_in,
)
from sekisho.journal.witness.witnessed import witnessed
from sekisho.kernel.canonical import canonical_bytes, parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Refused, finding
from sekisho.passes.evidence import KINDS
from sekisho.passes.fold import follow, why_not_trusted
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED
from sekisho.passes.register import Register

FORMAT = "sekisho/bundle/v1"
WATCH_JUDGED = "watch.judged"
ALARMING = frozenset((WATCH_JUDGED, GATE_REFUSED))
"""The kinds of entries of which some shut gates until a lift."""
_READ = KINDS | {GATE_CLEARED} | ALARMING
BUNDLE_MAX_BYTES = 512 * 1024 * 1024
_HEADER_MAX_BYTES = 4 * NOTE_MAX_BYTES
_FOR_EVER_SECONDS = 10**12
_LONG_AGO_AT = datetime.min.replace(tzinfo=UTC)
_AT_LAST_AT = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A bundle that is what it says. Whether its pass is good, `standing_of` says."""

    pass_digest: str
    register: Register
    seen: LastSeen
    """To be kept: no lower or other checkpoint is believed from now on."""
    cosignatures: tuple[Cosignature, ...]
    as_of_at: datetime
    """The moment for which it was judged."""
    cleared: tuple[Entry, ...]
    """What gates wrote down of what they let through, unread: it grants nothing, and an entry
    that cannot be read must stop gates, not auditors."""
    alarming: tuple[Entry, ...]
    """What watchers judged and gates refused, unread: some of it shuts gates until a lift."""
    leaves: tuple[bytes, ...] = field(repr=False)
    """Of the Merkle tree: one for each entry."""

    def root_at(self, size: int) -> str:
        """Return the root of the tree of the first `size` entries, or nothing if it has fewer."""
        return Frontier(self.leaves[:size]).root().hex() if size <= len(self.leaves) else ""


def bundle_lines(pass_digest: str, note: bytes, rows: Iterable[Row]) -> Iterable[bytes]:
    """Yield the lines of a bundle: `rows` are the journal's, up to the size that `note` signs."""
    header = canonical_bytes(
        {"format": FORMAT, "pass_digest": pass_digest, "checkpoint": note.hex()}
    )
    yield header + b"\n"
    for row in rows:
        yield export_line(row)


def open_bundle(
    data: bytes, *, genesis_digest: str, seen: LastSeen | None, now: datetime | None, where: str
) -> Opened:
    """Return what a bundle leads to, from the genesis that is pinned here.

    With `now`, the checkpoint must be as fresh as the policy in force wants, and the roster must
    not have expired: what a gate asks. Without, the bundle is judged as of the last moment that it
    holds: what an auditor asks, years later.

    Raises `BadInputError` at `where` for what is no bundle, and `Refused` with every reason for
    one that is not to be believed.
    """
    pass_digest, note, lines = _parts(data, where)
    leaves, entries = _chained(lines, where)
    register = Register(genesis_digest=genesis_digest)
    for entry in entries:
        follow(register, entry)
    latest_at = max((entry.at for entry in entries), default=_LONG_AGO_AT)
    untrusted = why_not_trusted(register, now=now or latest_at)
    if untrusted:
        raise Refused(untrusted)
    log = _journal_key(register)
    cosigned = _witnessed(register, log, note, now=now, where=where)
    as_of_at = now or max((latest_at, *(each.at for each in cosigned)))
    checkpoint = seen_in(note, log, where)
    if checkpoint.checkpoint.size != len(leaves):
        raise Refused(
            [
                finding(
                    "passes.bundle_incomplete",
                    where,
                    entries=len(leaves),
                    signed_size=checkpoint.checkpoint.size,
                )
            ]
        )
    if pass_digest not in register.passes and pass_digest not in register.child_places:
        size = checkpoint.checkpoint.size
        raise Refused([finding("passes.not_in_checkpoint", pass_digest[:16], signed_size=size)])
    return Opened(
        pass_digest=pass_digest,
        register=register,
        seen=advance(seen or none_seen(log), note, log, ByEntries(leaf_hashes=leaves), where),
        cosignatures=cosigned,
        as_of_at=as_of_at,
        cleared=tuple(each for each in entries if each.kind == GATE_CLEARED),
        alarming=tuple(each for each in entries if each.kind in ALARMING),
        leaves=tuple(leaves),
    )


def named_pass(data: bytes, where: str) -> str:
    """Return the digest of the pass that a bundle names; raises `BadInputError` for no bundle."""
    return _parts(data, where)[0]


def _parts(data: bytes, where: str) -> tuple[str, bytes, Sequence[bytes]]:
    """Return the digest of the pass, the checkpoint's note, and the lines of the entries."""
    if len(data) > BUNDLE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {BUNDLE_MAX_BYTES} bytes")
    lines = [line + b"\n" for line in data.split(b"\n")[:-1]]
    if not lines or len(lines[0]) > _HEADER_MAX_BYTES or not data.endswith(b"\n"):
        raise BadInputError(where, "is no bundle: its first line is missing, or its last is cut")
    fields = Fields(parse_canonical(lines[0][:-1], f"{where}, line 1"), f"{where}, line 1")
    fields.choice("format", (FORMAT,))
    digest = fields.hex("pass_digest", size=32).hex()
    note = fields.hex("checkpoint")
    fields.done()
    return digest, note, lines[1:]


def _chained(lines: Sequence[bytes], where: str) -> tuple[list[bytes], list[Entry]]:
    """Return every line's leaf hash, and the entries that may give power, or say what was used.

    The last one is with them.

    Every entry is chained to the one before and hashed as it says; all of that is looked at before
    any entry is read, so that a changed byte is found at once.
    """
    rows: list[Row] = []
    for number, (line, row) in enumerate(zip(lines, export_rows(lines), strict=True), start=1):
        if row.seq != number or export_line(row) != line:
            place = f"{where}, line {number + 1}"
            raise BadInputError(place, "is not spelled as an export spells an entry")
        rows.append(row)
    wrong = audit(rows, kept={}).findings
    if wrong:
        raise Refused(wrong)
    told = [
        read_entry(row.document, f"{where}, line {row.seq + 1}")
        for row in rows
        if kind_of(row.document) in _READ or row is rows[-1]
    ]
    return [leaf_hash(row.hash) for row in rows], told


def _journal_key(register: Register) -> VerifierKey:
    """Return the key of the journal, as the roster in force names it."""
    if not register.roster.journal_key:
        raise Refused([finding("passes.journal_key_missing", register.roster.exchange)])
    return parse_vkey(register.roster.journal_key, "roster.journal_key")


def _witnessed(
    register: Register, log: VerifierKey, note: bytes, *, now: datetime | None, where: str
) -> tuple[Cosignature, ...]:
    """Return who cosigned the checkpoint, which are as many as the policy in force wants."""
    witnesses = [parse_witness_key(each, "roster.witnesses") for each in register.roster.witnesses]
    rule = None if register.policy is None else register.policy.witnesses
    needed = 0 if rule is None else rule.needed
    if needed and 2 * needed <= len(witnesses):
        # Two histories could have as many witnesses each: docs/model, TOO_FEW_WITNESSES.
        raise Refused(
            [finding("passes.witnesses_too_few", where, needed=needed, witnesses=len(witnesses))]
        )
    age_max_seconds = rule.checkpoint_age_max_seconds if rule and now else _FOR_EVER_SECONDS
    found = witnessed(
        note,
        log,
        witnesses,
        needed,
        now=now or _AT_LAST_AT,
        age_max_seconds=age_max_seconds,
        where=where,
    )
    return found.cosignatures
