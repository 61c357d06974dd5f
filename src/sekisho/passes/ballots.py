"""One statement, heard once: who signed what, and why it may not count.

What says no needs less than what says yes: a rejection or a void counts although it comes late,
from an unnamed terminal, under a number used twice, or from somebody suspended since. Whoever is
suspended already says neither yes nor no.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.words import digest_words
from sekisho.passes.assertion import Assertion
from sekisho.passes.policy.records import Passkeys
from sekisho.passes.records import (
    OWN_MACHINE,
    Approval,
    Credential,
    CredentialKind,
    Decision,
    Pass,
    Person,
    Quorum,
    Roster,
)

SAYS_NO = frozenset({Decision.REJECT, Decision.VOID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """One statement as the journal held it, and the person whose valid signature it bears."""

    seq: int
    """Its place in the journal."""
    heard_at: datetime
    approval: Approval
    signer: Person | None
    """None: of nobody we know."""
    credential: Credential | None
    assertion: Assertion | None
    faults: tuple[Finding, ...]
    """Why the statement could not be believed, or not be counted, when it was heard."""
    silenced: bool = False
    """Its signer was suspended when it was heard: not even their no counts."""

    @property
    def genuine(self) -> bool:
        """Return whether the person it names signed it, for this installation."""
        return self.signer is not None

    @property
    def own_machine(self) -> bool:
        """Return whether it was signed on the approver's own machine, with the words entered."""
        return self.approval.method in OWN_MACHINE and bool(self.approval.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A credential whose statements count now."""

    person: Person
    credential: Credential
    since_seq: int
    """Statements before this place in the journal do not count any more."""


def incoming(
    new: Roster, live: Mapping[str, Live], *, silent: Container[str], retired: Container[str]
) -> dict[str, Live]:
    """Return who may speak for a roster to come: none of the `silent`, with no `retired` key."""
    return {
        credential.credential_id: Live(
            person=person,
            credential=credential,
            since_seq=live[name].since_seq if (name := credential.credential_id) in live else 0,
        )
        for person in new.people
        if person.person_id not in silent
        for credential in person.credentials
        if credential.credential_id not in retired
    }


def same_words(words: str, digest: str) -> bool:
    """Return whether `words` are the twelve of a digest, in English or in Japanese."""
    raw = bytes.fromhex(digest)
    return tuple(words.split()) in {digest_words(raw, "en"), digest_words(raw, "ja")}


def why_set_aside(
    ballot: Ballot, asked: Pass, live: Mapping[str, Live], passkeys: Passkeys
) -> Finding | None:
    """Return why a statement on `asked` does not count, or None if it counts.

    `live` are the credentials of the roster in force, `passkeys` what the policy in force wants of
    a passkey.
    """
    approval = ballot.approval
    who = approval.approver
    if not ballot.genuine:
        return ballot.faults[0]
    if ballot.silenced:
        return finding("passes.approver_not_live", who, credential_id=approval.credential_id)
    if approval.decision in SAYS_NO:
        return None
    if ballot.faults:
        return ballot.faults[0]
    if approval.signed_at >= asked.expires_at:
        return finding("passes.approval_late", who, signed_at=format_instant(approval.signed_at))
    if approval.decision is Decision.APPROVE and who == asked.requester:
        return finding("passes.approved_by_requester", who)
    if approval.words and not same_words(approval.words, approval.pass_digest):
        return finding("passes.words_differ", who)
    counts = live.get(approval.credential_id)
    if counts is None or ballot.seq < counts.since_seq or not _same_hand(ballot, counts):
        return finding("passes.approver_not_live", who, credential_id=approval.credential_id)
    return _passkey_fault(ballot, counts.credential, passkeys)


def _same_hand(ballot: Ballot, counts: Live) -> bool:
    """Return whether the person and the key that count are those that signed."""
    signed = ballot.credential
    return signed is not None and (
        (counts.person.person_id, counts.credential.public_key)
        == (ballot.approval.approver, signed.public_key)
    )


def _passkey_fault(ballot: Ballot, credential: Credential, passkeys: Passkeys) -> Finding | None:
    """Return why the policy does not let this hardware speak, or None."""
    assertion = ballot.assertion
    if assertion is None or credential.kind is CredentialKind.ED25519:
        return None
    who, name = ballot.approval.approver, credential.credential_id
    if not credential.attested and passkeys.attested_required:
        return finding("passes.approval_not_attested", who, credential_id=name)
    portable = assertion.backed_up or not assertion.device_bound
    if portable and passkeys.device_bound_required:
        return finding("passes.approval_backed_up", who, credential_id=name)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The statements on one pass, those that count and those that do not."""

    counting: tuple[Ballot, ...]
    """In the order of the journal."""
    set_aside: tuple[Finding, ...]
    counted: Mapping[str, tuple[str, ...]]
    """The approvers that count, by department, each person once."""
    last_at: datetime | None
    """When the last of them was signed; None while nobody asked or approved."""
    heard_last_at: datetime | None
    """When the last of them was written into the journal."""

    @property
    def complete_at(self) -> datetime | None:
        """Return the later of the two: neither a signer nor a server can be early alone."""
        if self.last_at is None or self.heard_last_at is None:
            return None
        return max(self.last_at, self.heard_last_at)

    def own_machine(self) -> tuple[str, ...]:
        """Return the approvers who signed on a machine of their own, with the words entered."""
        people = (
            ballot.approval.approver
            for ballot in self.counting
            if ballot.approval.decision is Decision.APPROVE and ballot.own_machine
        )
        return tuple(dict.fromkeys(people))

    def asked_at(self, requester: str) -> datetime | None:
        """Return when the requester asked, or None if they did not: signed, and written down.

        Who dates their request back must not be judged by the prices of that day.
        """
        for ballot in self.counting:
            if ballot.approval.decision is Decision.ASK and ballot.approval.approver == requester:
                return max(ballot.approval.signed_at, ballot.heard_at)
        return None


def tally(
    ballots: Iterable[Ballot],
    asked: Pass,
    live: Mapping[str, Live],
    passkeys: Passkeys,
) -> Tally:
    """Return which of the statements on `asked` count, if `live` are the credentials that may."""
    counting: list[Ballot] = []
    set_aside: list[Finding] = []
    counted: dict[str, dict[str, None]] = defaultdict(dict)
    for ballot in ballots:
        reason = why_set_aside(ballot, asked, live, passkeys)
        if reason is not None:
            set_aside.append(reason)
            continue
        counting.append(ballot)
        if ballot.approval.decision is Decision.APPROVE:
            person = live[ballot.approval.credential_id].person
            counted[person.department][person.person_id] = None
    said_yes = [each for each in counting if each.approval.decision not in SAYS_NO]
    return Tally(
        counting=tuple(counting),
        set_aside=tuple(set_aside),
        counted={department: tuple(people) for department, people in counted.items()},
        last_at=max((each.approval.signed_at for each in said_yes), default=None),
        heard_last_at=max((each.heard_at for each in said_yes), default=None),
    )


def statement_findings(
    heard: Tally, asked: Pass, *, no_veto: frozenset[str] = frozenset()
) -> list[Finding]:
    """Return whether somebody said no, or the requester never asked.

    `no_veto` are people whom the pass itself takes something away from: their no stops nothing.
    """
    findings: list[Finding] = []
    if heard.asked_at(asked.requester) is None:
        findings.append(finding("passes.not_asked", asked.pass_id, requester=asked.requester))
    for ballot in heard.counting:
        approval = ballot.approval
        if approval.approver in no_veto:
            continue
        if approval.decision is Decision.REJECT:
            findings.append(finding("passes.rejected", approval.approver, reason=approval.reason))
        if approval.decision is Decision.VOID:
            findings.append(finding("passes.voided", approval.approver, reason=approval.reason))
    return findings


def quorum_findings(heard: Tally, quorum: Quorum) -> list[Finding]:
    """Return which departments have not approved enough."""
    findings: list[Finding] = []
    for department, needed in quorum.at_least:
        approved = len(heard.counted.get(department, ()))
        if approved < needed:
            findings.append(
                finding("passes.quorum_missing", department, approved=approved, needed=needed)
            )
    return findings
