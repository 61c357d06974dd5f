"""Follow a journal: each entry, in its order, changes the register or does not."""

from datetime import datetime

from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.adoption import adopt_if_complete, why_not_adopted
from sekisho.passes.children import hear_child
from sekisho.passes.evidence import (
    Asked,
    Drawn,
    Event,
    Evidence,
    Filed,
    Issued,
    Said,
    entry_unreadable,
    read_event,
)
from sekisho.passes.hearing import hear_said
from sekisho.passes.records import NO_ROSTER, Admin, SubjectType
from sekisho.passes.register import Register, hear_asked, hear_filed
from sekisho.passes.verify import commit_if_complete


def follow(register: Register, entry: Entry) -> None:
    """Take in one journal entry. What cannot be read is noted, and is as if it were not there."""
    try:
        event = read_event(entry)
    except BadInputError as error:
        register.unreadable.append(entry_unreadable(entry, error))
        event = None
    if event is not None:
        take_in(register, event)
    register.seq = entry.seq


def take_in(register: Register, event: Event) -> None:
    """Take in one event, at its place."""
    match event:
        case Filed():
            hear_filed(register, event)
        case Asked():
            hear_asked(register, event)
        case Said():
            ballot = hear_said(register, event)
            if ballot is not None and ballot.genuine:
                adopt_if_complete(register, ballot.approval.pass_digest, seq=event.seq)
                commit_if_complete(register, ballot.approval.pass_digest)
        case Issued():
            hear_child(register, event)
        case Drawn():
            register.nonces[event.core_digest].add(event.nonce)


def fold(evidence: Evidence, *, genesis_digest: str) -> Register:
    """Return the register that a genesis leads to, whether or not it was ever adopted.

    Before the genesis is adopted, this is how its own adoption is followed; to rely on a register,
    get it from `establish_trust`.
    """
    register = Register(genesis_digest=genesis_digest)
    register.unreadable.extend(evidence.unreadable)
    for event in evidence.events:
        take_in(register, event)
        register.seq = event.seq
    return register


def establish_trust(
    evidence: Evidence, *, genesis_digest: str, now: datetime
) -> tuple[Register | None, tuple[Finding, ...]]:
    """Return what the pinned genesis leads to, or None and every reason why it leads nowhere."""
    register = fold(evidence, genesis_digest=genesis_digest)
    findings = why_not_trusted(register, now=now)
    return (None, tuple(findings)) if findings else (register, ())


def why_not_trusted(register: Register, *, now: datetime) -> list[Finding]:
    """Return every reason why nothing that a register holds may be relied on at `now`."""
    genesis = register.genesis_digest
    if ("roster", genesis) not in register.documents:
        return [finding("passes.genesis_missing", genesis)]
    if register.roster is NO_ROSTER:
        return [each for each in register.unreadable if each.code == "passes.roster_unreadable"]
    findings: list[Finding] = []
    if not register.genesis_adopted:
        findings.append(finding("passes.genesis_not_adopted", genesis))
        for digest, known in register.passes.items():
            action = known.asked.action
            if (
                isinstance(action, Admin)
                and action.subject_type is SubjectType.ROSTER
                and action.new_digest == genesis
            ):
                findings.extend(why_not_adopted(register, digest))
    if now >= register.roster.expires_at:
        at = format_instant(register.roster.expires_at)
        findings.append(finding("passes.roster_expired", register.roster.exchange, expired_at=at))
    return findings
