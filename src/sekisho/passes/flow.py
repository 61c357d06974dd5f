"""Asking, approving, rejecting, voiding, issuing: gather, decide, record, act.

Nothing recorded here grants anything. A statement is refused at the door if it would not count, so
that the journal is not filled by strangers; whoever relies on it verifies it again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from sekisho.journal.records import Draft, Entry
from sekisho.journal.store import JournalStore
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused, finding
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import bundle_lines
from sekisho.passes.children import judge_child
from sekisho.passes.documents import (
    approval_digest,
    child_digest,
    pass_bytes,
    pass_digest,
    read_approval,
    read_pass,
)
from sekisho.passes.draft import (
    draft_approval,
    heard_before,
    next_number,
    owner_of_key,
    refuse_idle,
    why_idle,
)
from sekisho.passes.evidence import (
    CHILD_ISSUED,
    PASS_ASKED,
    PASS_ISSUED,
    PASS_STATED,
    Issued,
    Said,
    document_body,
    filed_digest,
    statement_body,
)
from sekisho.passes.fold import follow
from sekisho.passes.life import issued_digest
from sekisho.passes.poisoned import Poisonings
from sekisho.passes.records import (
    Admin,
    Approval,
    Decision,
    Pass,
    Payment,
    SignedApproval,
    SignedChild,
    Transfer,
)
from sekisho.passes.register import ChildHeard, Register
from sekisho.passes.verify import Standing, standing_of, time_findings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Desk:
    """A journal and the register that follows it. Made by `open_desk`."""

    journal: JournalStore
    register: Register
    issued: set[str] = field(default_factory=set)
    """The passes that were handed on to a gate."""
    poisonings: Poisonings = field(default_factory=Poisonings)
    """The addresses that nobody may ask to pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """What signs for a person: a key file, a security key, or a browser's passkey."""

    public_key: bytes
    sign: Callable[[Approval], SignedApproval]
    take_sequence: Callable[[int], int]
    """Returns the credential's next number, at least the one given, and never the same twice."""


def open_desk(journal: JournalStore, *, genesis_digest: str) -> Desk:
    """Return a desk that has followed the journal to its end."""
    desk = Desk(journal=journal, register=Register(genesis_digest=genesis_digest))
    catch_up(desk)
    return desk


def catch_up(desk: Desk) -> None:
    """Take in what was written since, by this desk or by any other."""
    for entry in desk.journal.entries(after_seq=desk.register.seq):
        _take(desk, entry)


def file_document(
    journal: JournalStore, what: str, document: bytes, *, actor: str, now: datetime
) -> str:
    """Record a document and return its digest. It is inert until a quorum puts it in force.

    Raises `Refused` if something else stands under the id that follows from the digest.
    """
    digest = filed_digest(what, document)
    kind, body = document_body(what, parse_canonical(document, what))
    entry_id = make_ulid(_EPOCH, bytes.fromhex(digest)[:10])
    if all((entry.entry_id, entry.body) != (entry_id, body) for entry in journal.entries()):
        journal.append(Draft(entry_id=entry_id, at=now, kind=kind, actor=actor, body=body))
    return digest


def ask(desk: Desk, asked: Pass, *, signer: Signer, now: datetime) -> Standing:
    """Record a pass and its requester's signed statement that they ask for it.

    Raises `BadInputError`, and records nothing, for a pass that nobody could read back.
    """
    digest = file_pass(desk, asked, now=now)
    return state(desk, digest, Decision.ASK, signer=signer, terminal_id=asked.terminal_id, now=now)


def file_pass(desk: Desk, asked: Pass, *, now: datetime) -> str:
    """Record a pass for which its requester will sign, and return its digest.

    Raises `Refused` if it pays an address that strangers brought into our history to be copied.
    """
    document = pass_bytes(asked)
    if read_pass(document, "pass") != asked:
        raise BadInputError("pass", "would be read back as another one")
    if isinstance(asked.action, Transfer):
        _refuse_poisoned(desk, asked.action.payments)
    draft = Draft(
        entry_id=asked.pass_id,
        at=now,
        kind=PASS_ASKED,
        actor=asked.requester,
        body={"pass": parse_canonical(document, "pass")},
    )
    _append(desk, [draft])
    return pass_digest(document)


def state(
    desk: Desk,
    digest: str,
    decision: Decision,
    *,
    signer: Signer,
    terminal_id: str,
    now: datetime,
    words: str = "",
    reason: str = "",
) -> Standing:
    """Sign a decision on a pass, record it, and return where the pass now stands.

    Raises `Refused`, and records nothing, if the statement would not count: the requester
    approves, the terminal is unknown, the pass is over. Raises `BadInputError` for a key that is
    nobody's. The pass is issued with the statement that completes its quorum.
    """
    catch_up(desk)
    person, credential = owner_of_key(desk.register, digest, signer.public_key)
    approval = draft_approval(
        desk.register,
        digest,
        decision,
        person=person,
        credential=credential,
        terminal_id=terminal_id,
        now=now,
        words=words,
        reason=reason,
        sequence=signer.take_sequence(next_number(desk.register, credential)),
    )
    return record_statement(desk, signer.sign(approval), now=now)


def record_statement(desk: Desk, signed: SignedApproval, *, now: datetime) -> Standing:
    """Record a statement that was signed here or elsewhere, and return where its pass stands.

    Raises `Refused`, and records nothing, if it would not count. A pass that is complete with it
    is issued.
    """
    (answer,) = record_statements(desk, [signed], now=now)
    if isinstance(answer, Standing):
        return answer
    raise answer


def record_statements(
    desk: Desk, statements: Sequence[SignedApproval], *, now: datetime
) -> list[Standing | Refused | BadInputError]:
    """Record what several people said, with one wait for the disk, and answer each of them.

    The answer is where the pass stands when all of it is recorded, or why the statement does not
    count. One that is refused keeps no other out. Whatever is complete with them is issued.
    """
    # Gather.
    if any(digest not in desk.register.passes for digest in _named(statements)):
        catch_up(desk)
    # Decide.
    answers: dict[int, Standing | Refused | BadInputError] = {}
    heard: dict[int, tuple[SignedApproval, Approval]] = {}
    for place, signed in enumerate(statements):
        said = Said(seq=desk.register.seq + 1, at=now, signed=signed)
        try:
            approval = read_approval(signed.document, "approval")
            refuse_idle(desk.register, said, approval)
        except (Refused, BadInputError) as error:
            answers[place] = error
        else:
            heard[place] = signed, approval
    # Record.
    try:
        _append(
            desk,
            [
                _statement_draft(signed, approval, now=now)
                for signed, approval in heard.values()
                if not heard_before(desk.register, approval)
            ],
        )
    except Refused as conflict:
        if len(statements) == 1:
            return [conflict]
        # One of them is in the journal with another signature: each alone says which.
        return [each for one in statements for each in record_statements(desk, [one], now=now)]
    # Act.
    digests = dict.fromkeys(approval.pass_digest for _, approval in heard.values())
    standings = {digest: standing_of(desk.register, digest) for digest in digests}
    _issue(desk, list(standings.values()), now=now)
    for place, (_, approval) in heard.items():
        idle = why_idle(desk.register, approval)
        answers[place] = standings[approval.pass_digest] if idle is None else Refused([idle])
    return [answers[place] for place in range(len(statements))]


def issue_due(desk: Desk, *, now: datetime) -> list[Standing]:
    """Issue every pass whose quorum is complete and whose time lock has ended; return them."""
    catch_up(desk)
    before = set(desk.issued)
    waiting = [
        standing_of(desk.register, digest)
        for digest in desk.register.committed
        if digest in desk.register.passes and digest not in before
    ]
    _issue(desk, waiting, now=now)
    return [standing_of(desk.register, digest) for digest in sorted(desk.issued - before)]


def record_child(desk: Desk, signed: SignedChild, *, actor: str, now: datetime) -> ChildHeard:
    """Record a child of a standing pass; raises `Refused`, and records nothing, for a bad one.

    The limits are counted again from the journal, whatever the issuer's own counters say.
    """
    catch_up(desk)
    digest = child_digest(signed.document)
    heard, _ = judge_child(
        desk.register, Issued(seq=desk.register.seq + 1, at=now, digest=digest, signed=signed)
    )
    if heard is None:
        raise Refused([finding("passes.child_not_signed", digest[:16])])
    if heard.findings:
        raise Refused(heard.findings)
    _refuse_poisoned(desk, heard.child.payments)
    draft = Draft(
        entry_id=make_ulid(_EPOCH, bytes.fromhex(digest)[:10]),
        at=now,
        kind=CHILD_ISSUED,
        actor=actor,
        body={
            "child": parse_canonical(signed.document, "child"),
            "signature": signed.signature.hex(),
        },
    )
    _append(desk, [draft])
    return heard


def desk_of_pass(journal: JournalStore, name: str, *, genesis_digest: str) -> tuple[Desk, str]:
    """Return the desk and the digest of the pass that `name` means.

    That is its id, or the beginning of its digest. Where no genesis is pinned yet, the genesis is
    the one that the pass names itself: so its own adoption can be followed. Raises `BadInputError`
    if none or several are meant.
    """
    found: dict[str, str] = {}
    for entry in journal.entries():
        if entry.kind != PASS_ASKED:
            continue
        document = entry.body.get("pass")
        if isinstance(document, dict):
            digest = filed_pass_digest(document)
            if name == document.get("pass_id") or (
                len(name) >= 8 and digest.startswith(name.lower())
            ):
                found[digest] = str(document.get("genesis_digest"))
    if len(found) != 1:
        how_many = "no pass" if not found else "several passes"
        raise BadInputError(f"pass {name[:64]!r}", f"means {how_many} in the journal")
    ((digest, named),) = found.items()
    return open_desk(journal, genesis_digest=genesis_digest or named), digest


def bundle_of(desk: Desk, digest: str, note: bytes, *, size: int) -> Iterable[bytes]:
    """Return the lines of a pass's bundle, up to a checkpoint that signs `size` entries.

    Raises `Refused` if the pass was asked for after that.
    """
    if _asked_seq(desk.register, digest) > size:
        raise Refused([finding("passes.not_in_checkpoint", digest[:16], signed_size=size)])
    return bundle_lines(digest, note, islice(desk.journal.rows(), size))


def _asked_seq(register: Register, digest: str) -> int:
    """Return the place at which a pass, or a child of a standing pass, came into the journal."""
    if digest in register.passes:
        return register.passes[digest].seq
    standing, number = register.child_places[digest]
    return register.children[standing][number].seq


def filed_pass_digest(document: Json) -> str:
    """Return the digest of a pass as a journal entry's body holds it."""
    return pass_digest(canonical_bytes(document))


def _append(desk: Desk, drafts: Sequence[Draft]) -> None:
    for entry in desk.journal.append_all(drafts):
        if entry.seq > desk.register.seq + 1:
            catch_up(desk)
        elif entry.seq == desk.register.seq + 1:
            _take(desk, entry)


def _refuse_poisoned(desk: Desk, payments: Iterable[Payment]) -> None:
    catch_up(desk)
    found = desk.poisonings.findings(desk.register, payments)
    if found:
        raise Refused(found)


def _take(desk: Desk, entry: Entry) -> None:
    follow(desk.register, entry)
    desk.poisonings.hear(entry)
    digest = issued_digest(entry)
    if digest:
        desk.issued.add(digest)


def _issue(desk: Desk, standings: Sequence[Standing], *, now: datetime) -> None:
    """Record that passes with complete quorums, out of their time locks, went to the gate."""
    due = [
        each.digest
        for each in standings
        if not each.findings
        and not isinstance(each.asked.action, Admin)
        and not time_findings(each, now=now)
        and each.digest not in desk.issued
    ]
    _append(
        desk,
        [
            Draft(
                entry_id=make_ulid(now, bytes.fromhex(digest)[:10]),
                at=now,
                kind=PASS_ISSUED,
                actor="sekisho",
                body={"pass_digest": digest},
            )
            for digest in due
        ],
    )


def _named(statements: Iterable[SignedApproval]) -> Iterator[str]:
    """Yield the digests of the passes that the statements are about, where they can be read."""
    for each in statements:
        with suppress(BadInputError):
            yield read_approval(each.document, "approval").pass_digest


def _statement_draft(signed: SignedApproval, approval: Approval, *, now: datetime) -> Draft:
    return Draft(
        entry_id=make_ulid(approval.signed_at, approval_digest(signed.document)[:10]),
        at=now,
        kind=PASS_STATED,
        actor=approval.approver,
        body=statement_body(signed, parse_canonical(signed.document, "approval")),
    )
