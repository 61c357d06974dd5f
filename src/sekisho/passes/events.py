"""The history of a pass: what the journal says of it, entry after entry, for people to read.

Nothing here is believed and nothing here grants anything. Entries of the gate and the watcher are
read as they stand: one that lies shows a wrong line, and no check reads any of them. Only what the
register has verified (statements that count, children that the issuer signed) is told as verified.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sekisho.chains.bitcoin.transaction import OutPoint, parse_outpoint
from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json, canonical_bytes
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.money import Sat
from sekisho.passes.ballots import Ballot
from sekisho.passes.documents import pass_digest
from sekisho.passes.evidence import CHILD_ISSUED, PASS_ASKED, PASS_ISSUED, PASS_STATED
from sekisho.passes.judge import issuer_name
from sekisho.passes.life import GATE_CLEARED, GATE_REFUSED
from sekisho.passes.policy.history import Scope
from sekisho.passes.records import Automatic, Transfer
from sekisho.passes.register import ChildHeard, Register
from sekisho.passes.spendings import WATCH_SETTLED, read_spending
from sekisho.passes.verify import Standing

_GATE_RETURNED = "gate.returned"
_GATE_SIGNED = "gate.signed"
_WATCH_JUDGED = "watch.judged"
_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the journal that is about a pass."""

    at: datetime
    """When the journal took it in, by the clock of whoever wrote it."""
    seq: int
    kind: str
    """The entry's own."""
    facts: Mapping[str, Json]
    """What it says; only `unreadable`, with the reason, where it cannot be read. Such an entry
    is shown with every pass: of which one it is, nobody can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the children of a standing pass have used up, counted by the register."""

    children: int
    """The highest number: a child that allows nothing has used its number up, too."""
    children_max: int
    hour_sat: Sat
    hour_max_sat: Sat
    day_sat: Sat
    day_max_sat: Sat


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """By which names the entries of a journal speak of a pass."""

    pass_id: str
    digests: Mapping[str, str]
    """Of the pass, of children, of what is paid together; with the children's numbers."""
    numbers: frozenset[str]
    """Of children: the watcher names them as `ID#1,2`."""
    anchors: frozenset[OutPoint]
    whole: bool
    """Is the pass itself meant, not a child alone?"""
    ballots: Mapping[int, Ballot] = field(default_factory=dict)
    """The statements that count, by the place of their entry."""
    children: Mapping[int, ChildHeard] = field(default_factory=dict)
    """By the place of their entry."""


def events_of(
    entries: Iterable[Entry], standing: Standing, children: Sequence[ChildHeard] = ()
) -> tuple[Event, ...]:
    """Return what the entries say of a pass, and of the `children` issued under it, in order."""
    action = standing.asked.action
    own = {action.anchor} if isinstance(action, Transfer) else set[OutPoint]()
    named = _Named(
        pass_id=standing.asked.pass_id,
        digests={standing.digest: "", **dict(_digests(children))},
        numbers=frozenset(str(each.child.number) for each in children),
        anchors=frozenset(own.union(each.child.anchor for each in children)),
        whole=True,
        ballots={each.seq: each for each in standing.ballots},
        children={each.seq: each for each in children},
    )
    return _events(entries, named)


def events_of_child(
    entries: Iterable[Entry], pass_id: str, heard: ChildHeard, family: Sequence[ChildHeard]
) -> tuple[Event, ...]:
    """Return what the entries say of one child of the standing pass `pass_id`.

    `family` is every child of that pass, in the order of the journal: a transaction that pays
    several of them is recorded under the name of all of them.
    """
    number = str(heard.child.number)
    digests = {
        digest: numbers for digest, numbers in _digests(family) if number in numbers.split(",")
    }
    named = _Named(
        pass_id=pass_id,
        digests=digests,
        numbers=frozenset({number}),
        anchors=frozenset({heard.child.anchor}),
        whole=False,
        children={heard.seq: heard},
    )
    return _events(entries, named)


def usage_of(register: Register, digest: str, automatic: Automatic, *, now: datetime) -> Usage:
    """Return what the children of a standing pass have used up of its limits, as of `now`."""

    def moved_sat(length: timedelta) -> Sat:
        return register.history.sum_sat(
            Scope.REQUESTER,
            issuer_name(digest),
            after_at=now - length,
            before=len(register.history),
        )

    return Usage(
        children=register.last_children.get(digest, 0),
        children_max=automatic.limits.children_max,
        hour_sat=moved_sat(_HOUR),
        hour_max_sat=automatic.limits.hour_max_sat,
        day_sat=moved_sat(_DAY),
        day_max_sat=automatic.limits.day_max_sat,
    )


def _digests(children: Sequence[ChildHeard]) -> Iterator[tuple[str, str]]:
    """Yield the digests under which children are recorded, each with their numbers.

    The gate records a batch, the sound children of one anchor, under the digest of their digests
    (`leave.py`): of those that were there when it was asked, which later ones joined.
    """
    batches: dict[OutPoint, list[ChildHeard]] = {}
    for each in children:
        yield each.digest, str(each.child.number)
        if not each.findings:
            batch = batches.setdefault(each.child.anchor, [])
            batch.append(each)
            digests = "".join(f"{member.digest}\n" for member in batch)
            numbers = ",".join(str(member.child.number) for member in batch)
            yield tagged_digest("batch", digests.encode()).hex(), numbers


def _events(entries: Iterable[Entry], named: _Named) -> tuple[Event, ...]:
    found: list[Event] = []
    for entry in entries:
        read = _READERS.get(entry.kind)
        if read is None:
            continue
        try:
            facts = read(entry, Fields(entry.body, f"journal entry {entry.seq}"), named)
        except BadInputError as error:
            facts = {"unreadable": str(error)}
        if facts is not None:
            found.append(Event(at=entry.at, seq=entry.seq, kind=entry.kind, facts=facts))
    return tuple(found)


_Facts = dict[str, Json] | None
"""What an entry says of the pass; None where it is about another."""


def _asked(entry: Entry, fields: Fields, named: _Named) -> _Facts:
    document = fields.document("pass")
    if not isinstance(document, dict):
        raise fields.fail("pass", "is not an object")
    if not named.whole or document.get("pass_id") != named.pass_id:
        return None
    digest = pass_digest(canonical_bytes(document))
    return {"actor": entry.actor} if digest in named.digests else None


def _stated(entry: Entry, _: Fields, named: _Named) -> _Facts:
    ballot = named.ballots.get(entry.seq)
    if ballot is None:
        return None
    return {"decision": ballot.approval.decision.value, "approver": ballot.approval.approver}


def _child(entry: Entry, _: Fields, named: _Named) -> _Facts:
    heard = named.children.get(entry.seq)
    if heard is None:
        return None
    payments = heard.child.payments
    return {
        "number": heard.child.number,
        "child": heard.digest,
        "amount_sat": str(sum(each.amount_sat for each in payments)),
        "destinations": len({each.script for each in payments}),
        "anchor": str(heard.child.anchor),
        "sound": not heard.findings,
        "findings": list(dict.fromkeys(each.code for each in heard.findings)),
    }


def _issued(_: Entry, fields: Fields, named: _Named) -> _Facts:
    return _of_digest(fields, named)


def _cleared(_: Entry, fields: Fields, named: _Named) -> _Facts:
    said = _of_digest(fields, named)
    return None if said is None else {**said, "txid": fields.hex("txid", size=32).hex()}


def _refused(_: Entry, fields: Fields, named: _Named) -> _Facts:
    said = _of_digest(fields, named)
    return None if said is None else {**said, "findings": _codes(fields)}


def _returned(_: Entry, fields: Fields, named: _Named) -> _Facts:
    said = _of_digest(fields, named)
    if said is None:
        return None
    txid = fields.hex("txid", size=32).hex()
    return {**said, "txid": txid, "complete": fields.boolean("complete")}


def _signed(_: Entry, fields: Fields, named: _Named) -> _Facts:
    said = _of_digest(fields, named)
    return None if said is None else {**said, "txid": fields.hex("txid", size=32).hex()}


def _judged(_: Entry, fields: Fields, named: _Named) -> _Facts:
    pass_id, _separator, numbers = fields.text("pass_id", empty=True).partition("#")
    ours = named.whole if not numbers else not named.numbers.isdisjoint(numbers.split(","))
    if pass_id != named.pass_id or not ours:
        return None
    return {
        "children": numbers,
        "txid": fields.hex("txid", size=32).hex(),
        "verdict": fields.text("verdict"),
        "findings": _codes(fields),
    }


def _settled(entry: Entry, fields: Fields, named: _Named) -> _Facts:
    texts = fields.texts("anchors")
    anchors = {parse_outpoint(each, fields.where("anchors")) for each in texts}
    spent = sorted(str(each) for each in anchors & named.anchors)
    if not spent:
        return None
    spending = read_spending(entry)
    return {
        "anchors": [*spent],
        "txid": spending.txid,
        "block_hash": spending.block_hash,
        "confirmations": spending.confirmations,
    }


def _of_digest(fields: Fields, named: _Named) -> _Facts:
    """Return the children that an entry names with its digest; None where it names none of ours.

    A refusal without a pass names nothing.
    """
    digest = fields.hex("pass_digest", size=32, empty=True).hex()
    numbers = named.digests.get(digest)
    return None if numbers is None else {"children": numbers}


def _codes(fields: Fields) -> list[Json]:
    """Return the codes of an entry's findings, each once."""
    codes = fields.each("findings", lambda each: each.text("code"), empty=True)
    return list(dict.fromkeys(codes))


_READERS: Mapping[str, Callable[[Entry, Fields, _Named], _Facts]] = {
    PASS_ASKED: _asked,
    PASS_STATED: _stated,
    PASS_ISSUED: _issued,
    CHILD_ISSUED: _child,
    GATE_CLEARED: _cleared,
    GATE_REFUSED: _refused,
    _GATE_RETURNED: _returned,
    _GATE_SIGNED: _signed,
    _WATCH_JUDGED: _judged,
    WATCH_SETTLED: _settled,
}
