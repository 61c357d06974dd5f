"""What an admin pass needs before it takes effect, and the effect.

    roster         the admin quorum of the roster in force, and that of the next one
    recovery       the wider recovery quorum, and the next one's admin quorum; only keys change
    suspension     one officer's word; two where it would make a quorum impossible, or too often
    reinstatement  the admin quorum
    a document     the admin quorum, and the document filed and readable under its digest

An admin pass names what it replaces, so of two that race for one place the second finds it taken.
"""

from collections import Counter
from datetime import datetime, timedelta

from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.ballots import (
    Tally,
    incoming,
    quorum_findings,
    statement_findings,
    tally,
)
from sekisho.passes.in_force import document_findings, is_freeze, put_in_force
from sekisho.passes.records import (
    NOBODY,
    Admin,
    Decision,
    Pass,
    SubjectType,
)
from sekisho.passes.register import (
    ALLOW_LIST_ID,
    KEY_REGISTER_ID,
    ORDER_ID,
    PLAN_ID,
    POLICY_ID,
    ROSTER_ID,
    InForce,
    Known,
    Register,
    proposed_roster,
    take_roster,
)
from sekisho.passes.roster import (
    listed_keys,
    read_roster,
    recovery_faults,
    rotation_faults,
)

SUSPENSIONS_MAX = 2
"""How many people one officer may suspend alone within `SUSPENSIONS_WINDOW`."""
SUSPENSIONS_WINDOW = timedelta(hours=24)
_ROSTERS = frozenset({SubjectType.ROSTER, SubjectType.RECOVERY})
_PEOPLE = frozenset({SubjectType.SUSPENSION, SubjectType.REINSTATEMENT})
_ONLY_ID = {
    SubjectType.ROSTER: ROSTER_ID,
    SubjectType.RECOVERY: ROSTER_ID,
    SubjectType.POLICY: POLICY_ID,
    SubjectType.ALLOW_LIST: ALLOW_LIST_ID,
    SubjectType.KEY_REGISTER: KEY_REGISTER_ID,
    SubjectType.PLAN: PLAN_ID,
    SubjectType.ORDER: ORDER_ID,
}
"""Of these there is one in an installation, so they have one id."""


def tally_of(register: Register, digest: str) -> Tally:
    """Return the statements on a pass that count under the roster and policy in force."""
    asked = register.passes[digest].asked
    return tally(register.ballots.get(digest, ()), asked, register.live, register.passkeys)


def why_not_adopted(register: Register, digest: str) -> list[Finding]:
    """Return every reason why an admin pass does not take effect here; empty if it does."""
    asked = register.passes[digest].asked
    admin = asked.action
    if not isinstance(admin, Admin):
        return [finding("passes.not_admin", asked.pass_id)]
    heard = tally_of(register, digest)
    findings = [
        *_binding_findings(register, digest, admin),
        *statement_findings(heard, asked, no_veto=_no_veto(register, asked, admin)),
    ]
    moments = [at for each in heard.counting for at in (each.heard_at, each.approval.signed_at)]
    if moments and max(moments) >= register.roster.expires_at:
        at = format_instant(register.roster.expires_at)
        findings.append(finding("passes.roster_expired", register.roster.exchange, expired_at=at))
    findings.extend(_time_findings(asked, heard.complete_at))
    if admin.subject_type in _ROSTERS:
        findings.extend(_roster_findings(register, digest, admin, heard))
    elif admin.subject_type is SubjectType.SUSPENSION:
        findings.extend(_suspension_findings(register, asked, admin, heard))
    elif admin.subject_type is SubjectType.REINSTATEMENT:
        if admin.subject_id not in register.suspended:
            findings.append(finding("passes.not_suspended", admin.subject_id))
        findings.extend(quorum_findings(heard, register.roster.quorum_admin))
    else:
        if not is_freeze(register, admin):
            findings.extend(quorum_findings(heard, register.roster.quorum_admin))
        findings.extend(document_findings(register, admin))
    return findings


def adopt_if_complete(register: Register, digest: str, *, seq: int) -> None:
    """Let an admin pass take effect if nothing is missing any more."""
    known = register.passes.get(digest)
    if known is None or not isinstance(known.asked.action, Admin) or digest in register.adopted:
        return
    if why_not_adopted(register, digest):
        return
    complete_at = tally_of(register, digest).complete_at
    if complete_at is None:
        raise RuntimeError("a quorum without a single statement")
    now = InForce(digest=known.asked.action.new_digest, since_seq=seq, since_at=complete_at)
    register.adopted[digest] = now
    _take_effect(register, known, known.asked.action, now)


def _no_veto(register: Register, asked: Pass, admin: Admin) -> frozenset[str]:
    """Return whom an admin pass suspends, drops, or takes a key from: they cannot stop it."""
    if admin.subject_type is SubjectType.SUSPENSION:
        return frozenset({admin.subject_id})
    new = proposed_roster(register, asked)
    if new is None or not register.genesis_adopted:
        return frozenset()
    kept = listed_keys(new)
    return frozenset(
        owner[0] for name, owner in listed_keys(register.roster).items() if kept.get(name) != owner
    )


def _time_findings(asked: Pass, complete_at: datetime | None) -> list[Finding]:
    """Return whether an admin pass is complete before or after the time that it is for."""
    if complete_at is None:
        return []
    if complete_at < asked.not_before_at:
        at = format_instant(asked.not_before_at)
        return [finding("passes.not_yet_valid", asked.pass_id, not_before_at=at)]
    if complete_at >= asked.expires_at:
        at = format_instant(asked.expires_at)
        return [finding("passes.expired", asked.pass_id, expired_at=at)]
    return []


def _take_effect(register: Register, known: Known, admin: Admin, now: InForce) -> None:
    if admin.subject_type in _ROSTERS:
        document = register.documents["roster", admin.new_digest]
        register.rosters[admin.new_digest] = now.since_seq
        take_roster(register, read_roster(document, "roster"), now.since_seq)
    elif admin.subject_type is SubjectType.SUSPENSION:
        register.suspended[admin.subject_id] = now.since_seq
        register.turned[admin.subject_id] = now.since_seq
        register.suspensions.append((known.asked.requester, now.since_at))
        take_roster(register, register.roster, now.since_seq)
    elif admin.subject_type is SubjectType.REINSTATEMENT:
        del register.suspended[admin.subject_id]
        register.turned[admin.subject_id] = now.since_seq
        take_roster(register, register.roster, now.since_seq)
    else:
        register.in_force[admin.subject_type, admin.subject_id] = now
        put_in_force(register, admin, now, asked_seq=known.seq)


def _binding_findings(register: Register, digest: str, admin: Admin) -> list[Finding]:
    """Return whether the pass was asked for here, and under what is in force now."""
    asked = register.passes[digest].asked
    findings: list[Finding] = []
    if asked.genesis_digest != register.genesis_digest:
        findings.append(
            finding(
                "passes.other_installation", asked.pass_id, genesis_digest=asked.genesis_digest
            )
        )
    if not register.genesis_adopted:
        # Nothing can be put in force before the genesis, which stands in for the roster in force.
        if (admin.subject_type, admin.new_digest) != (
            SubjectType.ROSTER,
            register.genesis_digest,
        ):
            findings.append(finding("passes.genesis_not_adopted", register.genesis_digest))
        if asked.roster_digest != register.genesis_digest:
            findings.append(finding("passes.other_roster", asked.pass_id))
    elif asked.roster_digest != register.roster_digest:
        findings.append(finding("passes.other_roster", asked.pass_id))
    if asked.policy_digest != register.policy_digest:
        findings.append(finding("passes.policy_changed", asked.pass_id))
    if asked.terminal_id not in {each.terminal_id for each in register.roster.terminals}:
        findings.append(
            finding("passes.terminal_unknown", asked.requester, terminal_id=asked.terminal_id)
        )
    only = _ONLY_ID.get(admin.subject_type, admin.subject_id)
    if admin.subject_id != only:
        findings.append(finding("passes.subject_differs", admin.subject_id, expected=only))
    since_seq, current = _current(register, admin)
    if admin.previous_digest != current or since_seq > register.passes[digest].seq:
        findings.append(finding("passes.superseded", asked.pass_id, subject_id=admin.subject_id))
    return findings


def _current(register: Register, admin: Admin) -> tuple[int, str]:
    """Return since which place the subject of an admin pass is what it is now, and its digest.

    A pass from before that place is over, even if what it replaces should ever come back.
    """
    if admin.subject_type in _ROSTERS:
        return register.rosters.get(register.roster_digest, 0), register.roster_digest
    if admin.subject_type in _PEOPLE:
        return register.turned.get(admin.subject_id, 0), ""
    now = register.in_force.get((admin.subject_type, admin.subject_id))
    return (0, "") if now is None else (now.since_seq, now.digest)


def _roster_findings(register: Register, digest: str, admin: Admin, heard: Tally) -> list[Finding]:
    """Return why the next roster cannot take the place of the one in force."""
    asked = register.passes[digest].asked
    new = proposed_roster(register, asked)
    if new is None:
        return [finding("passes.document_missing", admin.new_digest, what="roster")]
    findings: list[Finding] = []
    recovery = admin.subject_type is SubjectType.RECOVERY
    if not register.genesis_adopted:
        if new.version != 1 or recovery:
            findings.append(finding("passes.genesis_not_first", admin.new_digest))
        return [*findings, *quorum_findings(heard, new.quorum_admin)]
    old = register.roster
    if new.previous_digest != register.roster_digest:
        findings.append(finding("passes.superseded", asked.pass_id, subject_id=ROSTER_ID))
    findings.extend((recovery_faults if recovery else rotation_faults)(old, new))
    findings.extend(
        finding("passes.credential_id_reused", name, person_id=owner[0])
        for name, owner in listed_keys(new).items()
        if register.ever_listed.get(name, owner) != owner
    )
    if recovery and old.quorum_recovery == NOBODY:
        findings.append(finding("passes.no_recovery_quorum", old.exchange))
    findings.extend(quorum_findings(heard, old.quorum_recovery if recovery else old.quorum_admin))
    theirs = incoming(new, register.live, silent=register.suspended, retired=register.retired)
    own = tally(register.ballots.get(digest, ()), asked, theirs, register.passkeys)
    findings.extend(quorum_findings(own, new.quorum_admin))
    return findings


def _suspension_findings(
    register: Register, asked: Pass, admin: Admin, heard: Tally
) -> list[Finding]:
    """Return why one officer's word is not enough, or concerns nobody."""
    roster = register.roster
    people = {person.person_id: person for person in roster.people}
    findings: list[Finding] = []
    if admin.subject_id not in people or admin.subject_id in register.suspended:
        findings.append(finding("passes.cannot_be_suspended", admin.subject_id))
    if admin.new_digest != register.roster_digest:
        findings.append(finding("passes.other_roster", asked.pass_id))
    officer = people.get(asked.requester)
    if officer is None or not officer.officer:
        findings.append(finding("passes.not_an_officer", asked.requester))
    approvers = {
        ballot.approval.approver
        for ballot in heard.counting
        if ballot.approval.decision is Decision.APPROVE
    }
    second = any(who in people and people[who].officer for who in approvers)
    if second or heard.last_at is None or heard.heard_last_at is None:
        return findings
    if _impossible_without(register, admin.subject_id):
        findings.append(finding("passes.second_officer_needed", admin.subject_id, why="quorum"))
    # The earlier of the two, or else an officer would date each third suspension a day ahead.
    at = min(heard.last_at, heard.heard_last_at)
    if _suspended_by(register, asked.requester, at) >= SUSPENSIONS_MAX:
        findings.append(finding("passes.second_officer_needed", admin.subject_id, why="often"))
    return findings


def _impossible_without(register: Register, person_id: str) -> bool:
    """Return whether a quorum could not be met any more if this person could not approve."""
    roster = register.roster
    people = {each.person.person_id: each.person.department for each in register.live.values()}
    people.pop(person_id, None)
    left = Counter(people.values())
    return any(
        left[department] < count
        for quorum in (roster.quorum_transfer, roster.quorum_admin)
        for department, count in quorum.at_least
    ) or any(
        # Whoever asks does not count, so a quorum of all who are left is none.
        len(people) <= sum(count for _, count in quorum.at_least)
        for quorum in (roster.quorum_transfer, roster.quorum_admin)
    )


def _suspended_by(register: Register, officer: str, at: datetime) -> int:
    return sum(
        who == officer and when > at - SUSPENSIONS_WINDOW for who, when in register.suspensions
    )
