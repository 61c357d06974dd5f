"""A statement before it is in the journal: whose key it is, under which number, would it count?"""

from datetime import datetime

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.passes.ballots import Ballot, incoming, why_set_aside
from sekisho.passes.evidence import Said
from sekisho.passes.hearing import weighed
from sekisho.passes.records import METHOD_OF, Approval, Credential, Decision, Pass, Person
from sekisho.passes.register import Register, key_of, proposed_roster


def owner_of_key(register: Register, digest: str, public_key: bytes) -> tuple[Person, Credential]:
    """Return whose key it is, on the roster or on the one that the pass proposes."""
    known = register.passes.get(digest)
    proposed = None if known is None else proposed_roster(register, known.asked)
    for roster in (register.roster, proposed):
        for person in () if roster is None else roster.people:
            for credential in person.credentials:
                if credential.public_key == public_key:
                    return person, credential
    raise BadInputError("key", "belongs to nobody on the roster")


def next_number(register: Register, credential: Credential) -> int:
    """Return the least number under which the journal holds no statement of a credential."""
    return register.last_numbers.get(key_of(credential), 0) + 1


def draft_approval(
    register: Register,
    digest: str,
    decision: Decision,
    *,
    person: Person,
    credential: Credential,
    terminal_id: str,
    now: datetime,
    sequence: int,
    words: str = "",
    reason: str = "",
) -> Approval:
    """Return the statement that a person is about to sign with one of their credentials."""
    return Approval(
        pass_digest=digest,
        decision=decision,
        genesis_digest=register.genesis_digest,
        approver=person.person_id,
        sequence=sequence,
        method=METHOD_OF[credential.kind],
        credential_id=credential.credential_id,
        terminal_id=terminal_id,
        words=words,
        reason=reason,
        signed_at=now,
    )


def refuse_idle(register: Register, said: Said, approval: Approval) -> None:
    """Raise `Refused` if the statement could never count; `BadInputError`: it concerns nothing."""
    known = register.passes.get(approval.pass_digest)
    if known is None:
        raise BadInputError(f"pass {approval.pass_digest[:16]}", "is not in the journal")
    reason = _set_aside(register, weighed(register, said, approval), known.asked)
    if reason is not None:
        raise Refused([reason])


def heard_before(register: Register, approval: Approval) -> bool:
    """Return whether a statement is in the journal already: handing it in again says nothing new.

    Its words are the same, and so is its signer, whose signature was verified then and now.
    """
    return any(
        each.genuine and each.approval == approval
        for each in register.ballots[approval.pass_digest]
    )


def why_idle(register: Register, approval: Approval) -> Finding | None:
    """Return why a statement that was recorded does not count, or None.

    It may be what was recorded with it or just before: the same number, another roster.
    """
    asked = register.passes[approval.pass_digest].asked
    for ballot in register.ballots[approval.pass_digest]:
        if ballot.approval == approval:
            return _set_aside(register, ballot, asked)
    return finding("passes.not_heard", approval.approver)


def _set_aside(register: Register, ballot: Ballot, asked: Pass) -> Finding | None:
    live = dict(register.live)
    proposed = proposed_roster(register, asked)
    if proposed is not None:
        theirs = incoming(proposed, live, silent=register.suspended, retired=register.retired)
        live = theirs | live
    return why_set_aside(ballot, asked, live, register.passkeys)
