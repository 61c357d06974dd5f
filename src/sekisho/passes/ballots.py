"""Statements, verified once each: who signed what, and why some of them do not count.

A statement counts if a credential of a person of the roster signed exactly these bytes, for this
genesis, from a named terminal, before the pass expired, under a sequence number used for nothing
else. What says no needs less than what says yes: a rejection or a void counts although it comes
late, from an unnamed terminal, or under a number used twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.documents import read_approval
from sekisho.passes.records import (
    Approval,
    Credential,
    Decision,
    Pass,
    Person,
    Roster,
    SignedApproval,
)
from sekisho.passes.sign import signature_holds

SAYS_NO = frozenset({Decision.REJECT, Decision.VOID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """One statement, and the person whose valid signature it bears (None: of nobody we know)."""

    approval: Approval
    signer: Person | None
    fault: Finding | None
    """Why the signature cannot be believed."""
    number_reused: bool
    """The signer used this sequence number for another statement too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballots:
    """All statements, by the digest of the pass that they speak of."""

    by_pass: Mapping[str, tuple[Ballot, ...]]
    unreadable: tuple[Finding, ...]


def verify_ballots(
    statements: Iterable[SignedApproval], roster: Roster, genesis_digest: str
) -> Ballots:
    """Return every statement with its signature checked against `roster`, in the order given."""
    read: list[tuple[SignedApproval, Approval]] = []
    unreadable: list[Finding] = []
    for signed in statements:
        try:
            read.append((signed, read_approval(signed.document, "approval")))
        except BadInputError as error:
            unreadable.append(
                finding("passes.approval_unreadable", error.where, reason=error.reason)
            )
    faults = [_fault(signed, approval, roster, genesis_digest) for signed, approval in read]
    numbered: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    for (signed, approval), fault in zip(read, faults, strict=True):
        if fault is None:
            numbered[approval.approver, approval.sequence].add(signed.document)
    people = {person.person_id: person for person in roster.people}
    by_pass: dict[str, list[Ballot]] = defaultdict(list)
    for (_, approval), fault in zip(read, faults, strict=True):
        by_pass[approval.pass_digest].append(
            Ballot(
                approval=approval,
                signer=people[approval.approver] if fault is None else None,
                fault=fault,
                number_reused=len(numbered[approval.approver, approval.sequence]) > 1,
            )
        )
    return Ballots(
        by_pass={digest: tuple(ballots) for digest, ballots in by_pass.items()},
        unreadable=tuple(unreadable),
    )


def why_set_aside(ballot: Ballot, asked: Pass, roster: Roster) -> Finding | None:
    """Return why a statement on `asked` does not count, or None if it counts."""
    approval = ballot.approval
    if ballot.fault is not None:
        return ballot.fault
    if approval.decision in SAYS_NO:
        return None
    who = approval.approver
    if ballot.number_reused:
        return finding("passes.sequence_reused", who, sequence=approval.sequence)
    if approval.terminal_id not in {terminal.terminal_id for terminal in roster.terminals}:
        return finding("passes.terminal_unknown", who, terminal_id=approval.terminal_id)
    if approval.signed_at >= asked.expires_at:
        return finding("passes.approval_late", who, signed_at=format_instant(approval.signed_at))
    if approval.decision is Decision.APPROVE and who == asked.requester:
        return finding("passes.approved_by_requester", who)
    return None


def _fault(
    signed: SignedApproval, approval: Approval, roster: Roster, genesis_digest: str
) -> Finding | None:
    """Return why this is no statement of a person of the roster for this installation."""
    who = approval.approver
    credential = _credential(roster, approval)
    if credential is None:
        return finding("passes.approver_unknown", who, credential_id=approval.credential_id)
    if not signature_holds(signed, credential.public_key):
        return finding("passes.signature_invalid", who, decision=approval.decision.value)
    if approval.genesis_digest != genesis_digest:
        return finding("passes.other_installation", who, genesis_digest=approval.genesis_digest)
    return None


def _credential(roster: Roster, approval: Approval) -> Credential | None:
    """Return the credential that the approval names, if it is one of its approver's own."""
    for person in roster.people:
        if person.person_id == approval.approver:
            for credential in person.credentials:
                if credential.credential_id == approval.credential_id:
                    return credential
    return None
