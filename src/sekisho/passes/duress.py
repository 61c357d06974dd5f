"""Duress: did everybody say freely what they said? Only who holds the openings can tell.

A person who is forced to sign uses a second passphrase. The signature is as good as ever, by the
same credential; only the *mark* in the statement's number is made with another key. Marks are
keyed, so whoever lacks the keys sees seven digits that mean nothing.

A mark needs two keys: the *slot key* that a passphrase opens, and the *count key*, which is
another for each count and the same for both passphrases. From what is left after a use, no
earlier count key can be made again (`Ratchet`): whoever takes the file and hears a passphrase
learns no mark of what was signed before. The keepers make each count key out of the mark key.

1. A credential of the roster has a commitment: 32 bytes, salted, the same for whatever it hides.
2. Its *opening* lies with the keepers of gate and watcher, and nowhere else: salt, meaning, and
   the mark key, which the person's usual marks follow from.
3. A statement is free if its credential commits to nothing, or if the opening opens the
   commitment and the number bears the usual mark. All else holds: also an opening that is missing.
4. While a statement that was surely not free is unsettled, everything is held, as when a keeper
   holds the gate. What was said of the very pass holds it for good.

The work is the same whatever comes of it: one digest for each opening, one mark for each
statement, and comparisons that take the same time for any two values.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.documents import SEQUENCE_MAX
from sekisho.passes.records import Approval, Credential, Roster

FORMAT = "sekisho/openings/v1"
KEY_BYTES = 32
MARKS = 10_000_000
"""A number is its count, followed by a mark of seven digits."""
COUNT_MAX = SEQUENCE_MAX // MARKS - 1
_BITS = 30
"""As many as a count has."""
_SIDES = (b"0", b"1")
_PUBLIC_KEY_MAX_BYTES = 2048


class Meaning(StrEnum):
    """What a commitment hides."""

    MARKED = "marked"
    """A key file: its use is free if the number bears the usual mark."""
    FREE = "free"
    """A passkey or security key for ordinary use: it has no second passphrase."""
    FORCED = "forced"
    """A second passkey or security key, that is used under duress and never else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens one credential's commitment. Secret: for the keepers of gate and watcher."""

    public_key: bytes
    salt: bytes = field(repr=False)
    """32 random bytes: without them nobody can try meanings and keys against the commitment."""
    meaning: Meaning = field(repr=False)
    mark_key: bytes = field(repr=False)
    """32 bytes for a key file, else empty. The key file itself never holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratchet:
    """Makes the key of every count after `count`, and of none before.

    Count keys are the leaves of a binary tree of hashes (Goldreich, Goldwasser, Micali 1986).
    Held is what lies to the right of the way down to `count`: one node for each bit of it that
    is zero, the highest first. Whatever lies on that way or left of it cannot be computed back.
    """

    count: int
    nodes: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """The openings that a keeper was handed, by public key."""

    by_key: Mapping[bytes, Opening] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A statement whose signature the caller has verified, and with which credential."""

    statement_id: str
    """Credential, number, pass and decision: what no two statements share."""
    pass_digest: str
    person_id: str
    credential: Credential
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfree:
    """A statement that was not shown to be free."""

    statement_id: str
    pass_digest: str
    person_id: str
    credential_id: str
    sure: bool
    """It was forced. Else the opening is missing or wrong, and nobody can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What a keeper holds of their own accord, and what they have settled."""

    on: bool = False
    """Everything is held."""
    passes: frozenset[str] = frozenset()
    """These passes are held, by digest."""
    settled: frozenset[str] = frozenset()
    """Statements that were not free, and after which the keeper lets others go on."""


Report = Callable[[dict[str, Json]], None]
"""Tells the keeper, out of band and durably, that something was held, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """What gate or watcher know besides the journal."""

    openings: Openings
    holds: Holds
    report: Report = field(repr=False)


def commitment(opening: Opening) -> bytes:
    """Return the 32 bytes that the roster shows in place of an opening."""
    return tagged_digest("commitment", canonical_bytes(_document(opening)))


def commits(roster: Roster) -> bool:
    """Return whether a roster lists commitments: then nothing is done without a keeper."""
    return any(each.commitment for person in roster.people for each in person.credentials)


def slot_key(mark_key: bytes) -> bytes:
    """Return the 32 bytes that lie behind the usual passphrase. No way leads back from them."""
    return tagged_digest("slot-key", mark_key)


def ratchet_of(mark_key: bytes) -> Ratchet:
    """Return the ratchet of a new key file, which has signed nothing."""
    return Ratchet(count=0, nodes=tuple(_down(_root(mark_key), 0, _BITS)[0].values()))


def turned(ratchet: Ratchet, count: int) -> tuple[Ratchet, bytes]:
    """Return the ratchet after `count`, and the key of that count, which it cannot make again.

    Raises `ValueError` unless `count` lies after the ratchet's own, and no later than `COUNT_MAX`.
    """
    if not ratchet.count < count <= COUNT_MAX:
        raise ValueError(f"{count} is not between {ratchet.count + 1} and {COUNT_MAX}")
    held = dict(zip(zero_bits(ratchet.count), ratchet.nodes, strict=True))
    fork = (ratchet.count ^ count).bit_length() - 1
    passed, key = _down(held[fork], count, fork)
    kept = {bit: node for bit, node in held.items() if bit > fork}
    return Ratchet(count=count, nodes=tuple({**kept, **passed}.values())), key


def zero_bits(count: int) -> list[int]:
    """Return which bits of a count are zero, the highest first: a ratchet has a node for each."""
    return [bit for bit in reversed(range(_BITS)) if not count >> bit & 1]


def number_of(slot: bytes, count_key: bytes, count: int) -> int:
    """Return the number of a `count`-th statement: the count, and the mark under both keys.

    Raises `ValueError` outside 1..`COUNT_MAX`: the number could not be written in a document.
    """
    if not 1 <= count <= COUNT_MAX:
        raise ValueError(f"{count} is not between 1 and {COUNT_MAX}")
    return count * MARKS + _mark(slot, count_key, count)


def marked_number(mark_key: bytes, count: int) -> int:
    """Return the number under which a `count`-th statement is free, as `number_of` does."""
    return number_of(slot_key(mark_key), _count_key(mark_key, count), count)


def count_of(number: int) -> int:
    """Return how many statements a number counts; 0 for one that bears no mark."""
    return number // MARKS


def stated(approval: Approval, credential: Credential) -> Stated:
    """Return what is to be known of a statement that `credential` was verified to have made."""
    name = (approval.credential_id, str(approval.sequence), approval.pass_digest)
    return Stated(
        statement_id=" ".join((*name, approval.decision.value)),
        pass_digest=approval.pass_digest,
        person_id=approval.approver,
        credential=credential,
        number=approval.sequence,
    )


def unfree_statements(statements: Iterable[Stated], openings: Openings) -> tuple[Unfree, ...]:
    """Return the statements that were not shown to be free. The work is the same for each."""
    commitments = {key: commitment(each) for key, each in openings.by_key.items()}
    judged = [(each, *_judge(each, openings, commitments)) for each in statements]
    return tuple(
        Unfree(
            statement_id=each.statement_id,
            pass_digest=each.pass_digest,
            person_id=each.person_id,
            credential_id=each.credential.credential_id,
            sure=opened,
        )
        for each, opened, free in judged
        if not free
    )


def hold_of(
    keeper: Keeper,
    statements: Iterable[Stated],
    digests: frozenset[str],
    *,
    where: str,
    now: datetime,
) -> dict[str, Json] | None:
    """Return the keeper's report if nothing may be done under a pass now, or None if it may.

    `digests` are those of the pass and of the standing pass that it is a child of. The report is
    for the keeper alone; whoever else asks is told that the pass is on hold, and not why.
    """
    holds = keeper.holds
    unfree = unfree_statements(statements, keeper.openings)
    by_keeper = holds.on or not digests.isdisjoint(holds.passes)
    on_this = sum(each.pass_digest in digests for each in unfree)
    unsettled = sum(each.sure and each.statement_id not in holds.settled for each in unfree)
    if not by_keeper and not on_this and not unsettled:
        return None
    return {
        "where": where,
        "at": format_instant(now),
        "passes": [*sorted(digests)],
        "held_by_keeper": by_keeper,
        "statements": [
            {
                "statement_id": each.statement_id,
                "pass_digest": each.pass_digest,
                "person_id": each.person_id,
                "credential_id": each.credential_id,
                "forced": each.sure,
            }
            for each in unfree
        ],
    }


def openings_bytes(openings: Openings) -> bytes:
    """Return a file of openings: canonical, in the order of the public keys."""
    held = sorted(openings.by_key.values(), key=lambda each: each.public_key)
    return canonical_bytes({"format": FORMAT, "openings": [_document(each) for each in held]})


def read_openings(data: bytes, where: str) -> Openings:
    """Return the openings in a file.

    Raises `BadInputError` at the field for an unknown one, a wrong size, or a key that is there
    twice: two openings of one key could not both be right.
    """
    fields = Fields(parse_json(data, where), where)
    fields.choice("format", (FORMAT,))
    read = fields.each("openings", _read_opening, empty=True)
    fields.done()
    return joined(read, where)


def joined(openings: Iterable[Opening], where: str) -> Openings:
    """Return openings by key; raises `BadInputError` for two different ones of one key."""
    by_key: dict[bytes, Opening] = {}
    for each in openings:
        if by_key.setdefault(each.public_key, each) != each:
            raise BadInputError(where, f"opens {each.public_key.hex()[:16]}... in two ways")
    return Openings(by_key=by_key)


def check_openings(roster: Roster, openings: Openings) -> list[Finding]:
    """Return what a keeper must put right. For the keeper alone: others learn nothing of it."""
    findings: list[Finding] = []
    for person in roster.people:
        for each in person.credentials:
            opening = openings.by_key.get(each.public_key)
            name, who = each.credential_id, person.person_id
            if opening is None and each.commitment:
                findings.append(finding("passes.opening_missing", name, person_id=who))
            elif opening is not None and not hmac.compare_digest(
                commitment(opening), each.commitment
            ):
                findings.append(finding("passes.opening_wrong", name, person_id=who))
    return findings


_NO_OPENING = Opening(
    public_key=bytes(KEY_BYTES),
    salt=bytes(KEY_BYTES),
    meaning=Meaning.MARKED,
    mark_key=bytes(KEY_BYTES),
)
"""Stands in where there is none, so that as much is computed."""


def _judge(
    each: Stated, openings: Openings, commitments: Mapping[bytes, bytes]
) -> tuple[bool, bool]:
    """Return whether the opening opens the commitment, and whether the statement is free."""
    public_key = each.credential.public_key
    opening = openings.by_key.get(public_key, _NO_OPENING)
    opened = hmac.compare_digest(commitments.get(public_key, b""), each.credential.commitment)
    count = count_of(each.number)
    mark = _mark(slot_key(opening.mark_key), _count_key(opening.mark_key, count), count)
    usual = hmac.compare_digest(_written(mark), _written(each.number % MARKS))
    marked, free = opening.meaning is Meaning.MARKED, opening.meaning is Meaning.FREE
    return opened, (not each.credential.commitment) | (opened & (free | (marked & usual)))


def _mark(slot: bytes, count_key: bytes, count: int) -> int:
    """Return the mark of a count: seven digits out of HMAC-SHA256 (RFC 2104)."""
    what = b"sekisho/mark/v2\n" + count.to_bytes(8, "big") + count_key
    return int.from_bytes(hmac.digest(slot, what, "sha256"), "big") % MARKS


def _count_key(mark_key: bytes, count: int) -> bytes:
    """Return the key of a count, from the top: as much work for one count as for another."""
    node = _root(mark_key)
    for bit in reversed(range(_BITS)):
        node = hmac.digest(node, _SIDES[count >> bit & 1], "sha256")
    return node


def _root(mark_key: bytes) -> bytes:
    return tagged_digest("count-tree", mark_key)


def _down(node: bytes, count: int, bits: int) -> tuple[dict[int, bytes], bytes]:
    """Return what is passed on the right on the way down to `count`, by bit, and its key."""
    passed: dict[int, bytes] = {}
    for bit in reversed(range(bits)):
        left, right = (hmac.digest(node, side, "sha256") for side in _SIDES)
        if count >> bit & 1:
            node = right
        else:
            passed[bit], node = right, left
    return passed, node


def _written(mark: int) -> bytes:
    return mark.to_bytes(4, "big")


def _document(opening: Opening) -> dict[str, Json]:
    return {
        "public_key": opening.public_key.hex(),
        "salt": opening.salt.hex(),
        "meaning": opening.meaning.value,
        "mark_key": opening.mark_key.hex(),
    }


def _read_opening(fields: Fields) -> Opening:
    meaning = Meaning(fields.choice("meaning", tuple(Meaning)))
    marked = meaning is Meaning.MARKED
    opening = Opening(
        public_key=fields.hex("public_key"),
        salt=fields.hex("salt", size=KEY_BYTES),
        meaning=meaning,
        mark_key=fields.hex("mark_key", size=KEY_BYTES, empty=not marked),
    )
    fields.done()
    if bool(opening.mark_key) is not marked:
        raise fields.fail("mark_key", "does not go with the meaning")
    if len(opening.public_key) > _PUBLIC_KEY_MAX_BYTES:
        raise fields.fail("public_key", "is too long for a public key")
    return opening
