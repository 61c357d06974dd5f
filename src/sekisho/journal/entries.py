"""From a draft to an entry's stored bytes, and from stored bytes back to the entry.

An entry's document is the RFC 8785 form of `actor, at, body, id, kind, prev_hash, seq`. Its hash
is over those very bytes, and each names the hash of the one before: the journal is a chain.
"""

import hashlib
import re
from dataclasses import replace

from sekisho.journal.records import ENTRY_MAX_BYTES, Draft, Entry, Row
from sekisho.kernel.canonical import (
    INTEGER_MAX,
    Json,
    canonical_bytes,
    parse_canonical,
    parse_json,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant
from sekisho.kernel.ulid import check_ulid

_TAGGED = hashlib.sha256(b"sekisho/journal-entry/v1\n")
"""The tag's part of every hash, done once; a test holds it to `kernel.digest`."""

_KIND = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)

FRAME = re.compile(
    rb'\{"actor":.*\},"id":"([0-9A-Z]{26})","kind":"[a-z0-9_.]{1,64}",'
    rb'"prev_hash":"([0-9a-f]{64})","seq":([1-9][0-9]{0,15})\}',
    re.DOTALL,
)
"""What every stored document looks like around its body: groups id, prev_hash, seq.

All that stands after the body has a fixed form, so there is one way to read it, whatever the body
contains, and it is found in time linear in the length. For those who look at every entry there is;
`read_entry` is the strict reader.
"""

_KIND_AT_END = re.compile(
    rb'"kind":"([a-z0-9_.]{1,64})","prev_hash":"[0-9a-f]{64}","seq":[1-9][0-9]{0,15}\}\Z'
)
_TAIL_MAX_BYTES = 256


def kind_of(document: bytes) -> str:
    """Return the kind that the fixed end of a stored document names; empty if it has no such end.

    For those who need only some entries of many: `read_entry` is the strict reader.
    """
    found = _KIND_AT_END.search(document, max(0, len(document) - _TAIL_MAX_BYTES))
    return found[1].decode() if found else ""


def entry_hash(document: bytes) -> bytes:
    """Return `tagged_digest("journal-entry", document)`: 32 bytes.

    The chain and the Merkle tree know an entry by it.
    """
    hashed = _TAGGED.copy()
    hashed.update(document)
    return hashed.digest()


def seal(draft: Draft, *, seq: int, prev_hash: bytes) -> Entry:
    """Return `draft` as the entry at place `seq`, after the entry whose hash is `prev_hash`.

    The entry is read back from its own bytes, so what is sealed can certainly be read again.
    Raises `BadInputError` for an id that is no ULID, a naive instant, a kind or actor out of
    form, and a body that has no canonical form or makes the document too large.
    """
    where = f"journal draft {draft.entry_id[:26]}"
    try:
        document = canonical_bytes(
            {
                "actor": draft.actor,
                "at": format_instant(draft.at),
                "body": draft.body,
                "id": draft.entry_id,
                "kind": draft.kind,
                "prev_hash": prev_hash.hex(),
                "seq": seq,
            }
        )
    except (ValueError, RecursionError) as error:
        raise BadInputError(where, f"cannot be written: {error}") from error
    return _entry(document, parse_json(document, where), where)


def placed(entry: Entry, *, seq: int, prev_hash: bytes) -> Entry:
    """Return what `entry` says as the entry at another place, as `seal` would have.

    `prev_hash` and `seq` are the last keys in canonical order and of fixed form, so the bytes
    before them stay as they are: sealing happens before the lock is held, placing while it is.
    """
    content = entry.document[: -len(_tail(entry.seq, entry.prev_hash))]
    document = content + _tail(seq, prev_hash)
    return replace(
        entry, seq=seq, prev_hash=prev_hash, hash=entry_hash(document), document=document
    )


def read_entry(document: bytes, where: str) -> Entry:
    """Return the entry whose stored bytes are `document`.

    Raises `BadInputError` at `where` for anything that `seal` would not have written.
    """
    if len(document) > ENTRY_MAX_BYTES:  # before anything is made of it
        raise BadInputError(where, f"is larger than {ENTRY_MAX_BYTES} bytes")
    return _entry(document, parse_canonical(document, where), where)


def read_row(row: Row) -> Entry:
    """Return the entry that a stored row holds.

    Raises `BadInputError` naming the row if the document is no entry, or if a column beside it
    (`seq`, `entry_id`, `hash`) says anything else than the document does.
    """
    where = f"journal entry {row.seq}"
    entry = read_entry(row.document, where)
    if entry.hash != row.hash:
        raise BadInputError(where, "was changed after it was written: its hash is another")
    if (entry.seq, entry.entry_id) != (row.seq, row.entry_id):
        raise BadInputError(where, f"holds the document of entry {entry.seq}, {entry.entry_id}")
    return entry


def _entry(document: bytes, parsed: Json, where: str) -> Entry:
    """Return the entry in `document`, which is the canonical form of `parsed`."""
    if len(document) > ENTRY_MAX_BYTES:
        raise BadInputError(where, f"is larger than {ENTRY_MAX_BYTES} bytes")
    fields = Fields(parsed, where)
    entry_id = check_ulid(fields.text("id"), fields.where("id"))
    kind = fields.text("kind")
    if not _KIND.fullmatch(kind):
        raise fields.fail("kind", f"{kind[:64]!r} is not lower-case words joined by dots")
    body = fields.document("body")
    if not isinstance(body, dict):
        raise fields.fail("body", "is not an object")
    entry = Entry(
        seq=fields.integer("seq", at_least=1, at_most=INTEGER_MAX),
        entry_id=entry_id,
        at=fields.instant("at"),
        kind=kind,
        actor=fields.text("actor"),
        body=body,
        prev_hash=fields.hex("prev_hash", size=32),
        hash=entry_hash(document),
        document=document,
    )
    fields.done()
    return entry


def _tail(seq: int, prev_hash: bytes) -> bytes:
    return b',"prev_hash":"%b","seq":%d}' % (prev_hash.hex().encode(), seq)
