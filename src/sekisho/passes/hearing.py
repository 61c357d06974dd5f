"""Hearing a statement: who signed it, at this place of the journal, and what is wrong with it.

A pass is judged again at each statement, and a journal forgets nothing. So nobody is heard without
end: neither one who repeats themselves, nor one who signs with keys of their own making.
"""

from datetime import timedelta
from functools import lru_cache

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.assertion import Assertion, verify_statement
from sekisho.passes.ballots import Ballot
from sekisho.passes.documents import read_approval
from sekisho.passes.evidence import Said
from sekisho.passes.records import METHOD_OF, Approval, Credential, Person, SignedApproval
from sekisho.passes.register import Register, key_of, proposed_roster

AHEAD_MAX = timedelta(minutes=10)
"""So far ahead of the journal's may an approver's clock be."""
STRANGERS_MAX = 300
"""So many statements by people of the proposed roster alone are heard on its pass."""
REPEATS_MAX = 20
"""So often one credential is heard with one decision on one pass."""
FORGERIES_MAX = 100
"""So many statements that nobody signed are kept of one pass, for people to see."""


def hear_said(register: Register, event: Said) -> Ballot | None:
    """Verify a statement and keep it; None if it cannot be read or was heard before."""
    try:
        approval = read_approval(event.signed.document, "approval")
    except BadInputError as error:
        register.unreadable.append(
            finding("passes.approval_unreadable", error.where, reason=error.reason)
        )
        return None
    ballot = weighed(register, event, approval)
    if ballot.credential is not None:
        key = key_of(ballot.credential)
        number = (key, approval.sequence)
        if register.numbers.get(number) == event.signed.document:
            return None  # the same statement again, perhaps signed again
        register.numbers.setdefault(number, event.signed.document)
        last = register.last_numbers.get(key, 0)
        register.last_numbers[key] = max(last, approval.sequence)
        if ballot.assertion is not None:
            seen = register.counters.get(key, 0)
            register.counters[key] = max(seen, ballot.assertion.sign_count)
    return ballot if _kept(register, ballot) else None


def _kept(register: Register, ballot: Ballot) -> bool:
    """Keep a statement, unless its signer has said the same often enough.

    A pass is judged again at each one, and a journal forgets nothing: else one insider could make
    it unreadable for ever by repeating themselves.
    """
    said, digest = ballot.approval, ballot.approval.pass_digest
    name = None if ballot.credential is None else key_of(ballot.credential)
    heard = (digest, name, None if name is None else said.decision)
    register.heard[heard] += 1
    if register.heard[heard] > (FORGERIES_MAX if name is None else REPEATS_MAX):
        return False
    if name is not None and name[0] not in register.ever_listed:
        # Whoever can write files a roster of their own keys, and signs with each of them.
        strangers = (digest, None, said.decision)
        register.heard[strangers] += 1
        if register.heard[strangers] > STRANGERS_MAX:
            return False
    register.ballots[digest].append(ballot)
    return True


def weighed(register: Register, event: Said, approval: Approval) -> Ballot:
    """Return the statement with every fault that it has at this place of the journal."""
    who, name = approval.approver, approval.credential_id
    owner = _owner(register, approval)
    if owner is None:
        fault = finding("passes.approver_unknown", who, credential_id=name)
        return _ballot(event, approval, faults=(fault,))
    person, credential = owner
    if approval.genesis_digest != register.genesis_digest:
        fault = finding("passes.other_installation", who, genesis_digest=approval.genesis_digest)
        return _ballot(event, approval, faults=(fault,))
    assertion = _verified(event.signed, credential, register.roster.console_origin)
    if assertion is None or approval.method is not METHOD_OF[credential.kind]:
        fault = finding("passes.signature_invalid", who, decision=approval.decision.value)
        return _ballot(event, approval, faults=(fault,))
    faults: list[Finding] = []
    key = key_of(credential)
    held = register.numbers.get((key, approval.sequence), event.signed.document)
    if held != event.signed.document:
        faults.append(finding("passes.sequence_reused", who, sequence=approval.sequence))
    if approval.terminal_id not in {each.terminal_id for each in register.roster.terminals}:
        faults.append(finding("passes.terminal_unknown", who, terminal_id=approval.terminal_id))
    if approval.signed_at > event.at + AHEAD_MAX:
        at = format_instant(approval.signed_at)
        faults.append(finding("passes.signed_ahead", who, signed_at=at))
    seen = register.counters.get(key, 0)
    if (seen or assertion.sign_count) and assertion.sign_count <= seen:
        faults.append(
            finding(
                "passes.counter_went_back", who, credential_id=name, count=assertion.sign_count
            )
        )
    return Ballot(
        seq=event.seq,
        heard_at=event.at,
        approval=approval,
        signer=person,
        credential=credential,
        assertion=assertion,
        faults=tuple(faults),
        silenced=person.person_id in register.suspended,
    )


@lru_cache(maxsize=1024)
def _verified(
    signed: SignedApproval, credential: Credential, console_origin: str
) -> Assertion | None:
    """Verify each statement once, though it is looked at before and after it is written down."""
    return verify_statement(signed, credential, console_origin=console_origin)


def _ballot(event: Said, approval: Approval, *, faults: tuple[Finding, ...]) -> Ballot:
    return Ballot(
        seq=event.seq,
        heard_at=event.at,
        approval=approval,
        signer=None,
        credential=None,
        assertion=None,
        faults=faults,
    )


def _owner(register: Register, approval: Approval) -> tuple[Person, Credential] | None:
    """Return person and credential that a statement names, of the roster or of the proposed one.

    The people of a proposed roster speak on the pass that proposes it, and on nothing else.
    """
    rosters = [register.roster]
    known = register.passes.get(approval.pass_digest)
    proposed = None if known is None else proposed_roster(register, known.asked)
    if proposed is not None:
        rosters.append(proposed)
    for roster in rosters:
        for person in roster.people:
            if person.person_id == approval.approver:
                for credential in person.credentials:
                    if credential.credential_id == approval.credential_id:
                        return person, credential
    return None
