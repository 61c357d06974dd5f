"""Is this pass good? Judged from signatures alone, starting at a pinned genesis roster.

What the caller must bring: the genesis digest from its own configuration (never from the journal)
and the time. What comes back names every reason against, never a bare yes. That a document has the
digest under which it is filed is checked here too: the evidence may be an enemy's.

1. The genesis roster is the document whose digest is pinned; its own quorum adopted it, and it has
   not expired.
2. Every statement is verified once (`ballots.py`).
3. The pass binds this genesis and this roster, and the requester asked for it.
4. Nobody of the roster rejected or voided it.
5. Enough people of each department approved: each counts once, the requester never.
6. A transfer is from a wallet that admin passes put in force the same way, and the requester's
   department may ask for it.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.ballots import Ballot, Ballots, verify_ballots, why_set_aside
from sekisho.passes.documents import pass_digest, read_pass
from sekisho.passes.evidence import Evidence
from sekisho.passes.records import Admin, Decision, Pass, Roster, SubjectType, Transfer
from sekisho.passes.roster import read_roster, roster_digest
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import ChangeRule, Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a genesis digest leads to. To rely on one, get it from `establish_trust`."""

    genesis_digest: str
    roster: Roster
    ballots: Ballots = field(repr=False)
    passes: Mapping[str, Pass] = field(repr=False)
    """Every pass that can be read, by digest; none of them is thereby allowed."""
    wallets: Mapping[str, Wallet] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a pass stands: what was asked, who counted, and everything that speaks against it."""

    digest: str
    asked: Pass
    ballots: tuple[Ballot, ...]
    """The statements that count, in the order of the journal."""
    counted: Mapping[str, tuple[str, ...]]
    """The approvers that count, by department."""
    findings: tuple[Finding, ...]
    """Reasons why the pass allows nothing. Empty means that people have allowed it."""
    set_aside: tuple[Finding, ...]
    """Statements that do not count, each with its reason. They never block a good pass."""


def establish_trust(
    evidence: Evidence, *, genesis_digest: str, now: datetime
) -> tuple[Trust | None, tuple[Finding, ...]]:
    """Return what the pinned genesis leads to, or None and every reason why it leads nowhere."""
    if genesis_digest not in evidence.rosters:
        return None, (finding("passes.genesis_missing", genesis_digest),)
    try:
        trust = genesis_candidate(evidence, genesis_digest)
    except BadInputError as error:
        return None, (finding("passes.roster_unreadable", error.where, reason=error.reason),)
    roster = trust.roster
    findings: list[Finding] = []
    if roster.version != 1:
        findings.append(finding("passes.genesis_not_first", genesis_digest))
    if now >= roster.expires_at:
        at = format_instant(roster.expires_at)
        findings.append(finding("passes.roster_expired", roster.exchange, expired_at=at))
    adopted, reasons = _adopted(trust, SubjectType.ROSTER, "roster", previous_digest="")
    if genesis_digest not in adopted:
        findings.append(finding("passes.genesis_not_adopted", genesis_digest))
        findings.extend(reasons)
    return (None, tuple(findings)) if findings else (trust, ())


def genesis_candidate(evidence: Evidence, genesis_digest: str) -> Trust:
    """Return what a roster would lead to if it were pinned and adopted: to show, never to rely on.

    Before the genesis is adopted, this is how its own adoption is followed. Raises `BadInputError`
    if the evidence holds no such roster or it cannot be read.
    """
    document = evidence.rosters.get(genesis_digest)
    if document is None or roster_digest(document) != genesis_digest:
        raise BadInputError(f"roster {genesis_digest[:16]}", "is not in the journal")
    roster = read_roster(document, "genesis roster")
    return Trust(
        genesis_digest=genesis_digest,
        roster=roster,
        ballots=verify_ballots(evidence.approvals, roster, genesis_digest),
        passes=_readable(evidence),
        wallets=evidence.wallets,
    )


def wallet_in_force(trust: Trust, wallet_id: str) -> tuple[Wallet | None, tuple[Finding, ...]]:
    """Return the wallet that admin passes put in force under `wallet_id`, or None and why not.

    Each registration replaces the one whose digest it names; two that replace the same one are a
    fork, and then no wallet is in force.
    """
    current = ""
    seen: set[str] = set()
    while True:
        adopted, reasons = _adopted(trust, SubjectType.WALLET, wallet_id, previous_digest=current)
        if len(adopted) > 1 or adopted & seen:
            return None, (finding("passes.wallet_forked", wallet_id),)
        if not adopted:
            break
        current = adopted.pop()
        seen.add(current)
    wallet = trust.wallets.get(current)
    if wallet is None or wallet.wallet_id != wallet_id or wallet_digest(wallet) != current:
        return None, (finding("passes.wallet_not_in_force", wallet_id), *reasons)
    return wallet, ()


def wallets_in_force(trust: Trust) -> tuple[Wallet, ...]:
    """Return every wallet that is in force, by id."""
    ids = {wallet.wallet_id for wallet in trust.wallets.values()}
    found = (wallet_in_force(trust, wallet_id)[0] for wallet_id in sorted(ids))
    return tuple(wallet for wallet in found if wallet is not None)


def standing_of(trust: Trust, digest: str) -> Standing:
    """Return where the pass with this digest stands; raises `BadInputError` if there is none."""
    asked = trust.passes.get(digest)
    if asked is None:
        raise BadInputError(f"pass {digest[:16]}", "is not in the journal, or cannot be read")
    ballots: list[Ballot] = []
    set_aside: list[Finding] = []
    for ballot in trust.ballots.by_pass.get(digest, ()):
        reason = why_set_aside(ballot, asked, trust.roster)
        if reason is None:
            ballots.append(ballot)
        else:
            set_aside.append(reason)
    counted = _counted(ballots)
    findings = [
        *_binding_findings(asked, trust),
        *_statement_findings(ballots, asked),
        *_quorum_findings(counted, asked, trust.roster),
    ]
    if isinstance(asked.action, Transfer):
        findings.extend(_wallet_findings(trust, asked, asked.action))
    return Standing(
        digest=digest,
        asked=asked,
        ballots=tuple(ballots),
        counted=counted,
        findings=tuple(findings),
        set_aside=tuple(set_aside),
    )


def time_findings(asked: Pass, *, now: datetime) -> list[Finding]:
    """Return why the pass does not hold at `now`: not yet, or no longer. Expiry is exclusive."""
    findings: list[Finding] = []
    if now < asked.not_before_at:
        at = format_instant(asked.not_before_at)
        findings.append(finding("passes.not_yet_valid", asked.pass_id, not_before_at=at))
    if now >= asked.expires_at:
        at = format_instant(asked.expires_at)
        findings.append(finding("passes.expired", asked.pass_id, expired_at=at))
    return findings


def _readable(evidence: Evidence) -> dict[str, Pass]:
    passes: dict[str, Pass] = {}
    for digest, document in evidence.passes.items():
        try:
            if pass_digest(document) == digest:
                passes[digest] = read_pass(document, f"pass {digest[:16]}")
        except BadInputError:
            continue  # as if it had never been asked; whoever names it is told
    return passes


def _adopted(
    trust: Trust, subject_type: SubjectType, subject_id: str, *, previous_digest: str
) -> tuple[set[str], list[Finding]]:
    """Return what quorums put in force right after `previous_digest`, and what speaks against."""
    adopted: set[str] = set()
    reasons: list[Finding] = []
    for digest, asked in trust.passes.items():
        action = asked.action
        if (
            isinstance(action, Admin)
            and action.subject_type is subject_type
            and action.subject_id == subject_id
            and action.previous_digest == previous_digest
        ):
            findings = standing_of(trust, digest).findings
            reasons.extend(findings)
            if not findings:
                adopted.add(action.new_digest)
    return adopted, reasons


def _counted(ballots: list[Ballot]) -> dict[str, tuple[str, ...]]:
    """Return who counts, by department, each person once."""
    counted: dict[str, dict[str, None]] = defaultdict(dict)
    for ballot in ballots:
        if ballot.approval.decision is Decision.APPROVE and ballot.signer is not None:
            counted[ballot.signer.department][ballot.signer.person_id] = None
    return {department: tuple(people) for department, people in counted.items()}


def _binding_findings(asked: Pass, trust: Trust) -> list[Finding]:
    findings: list[Finding] = []
    if asked.genesis_digest != trust.genesis_digest:
        findings.append(
            finding(
                "passes.other_installation", asked.pass_id, genesis_digest=asked.genesis_digest
            )
        )
    if asked.roster_digest != trust.genesis_digest:
        findings.append(finding("passes.other_roster", asked.pass_id))
    if asked.policy_digest:
        findings.append(finding("passes.policy_unknown", asked.pass_id))
    if asked.terminal_id not in {each.terminal_id for each in trust.roster.terminals}:
        findings.append(
            finding("passes.terminal_unknown", asked.requester, terminal_id=asked.terminal_id)
        )
    return findings


def _statement_findings(ballots: list[Ballot], asked: Pass) -> list[Finding]:
    findings: list[Finding] = []
    said = [(ballot.approval.decision, ballot.approval) for ballot in ballots]
    if (Decision.ASK, asked.requester) not in [(each, by.approver) for each, by in said]:
        findings.append(finding("passes.not_asked", asked.pass_id, requester=asked.requester))
    for decision, approval in said:
        if decision is Decision.REJECT:
            findings.append(finding("passes.rejected", approval.approver, reason=approval.reason))
        if decision is Decision.VOID:
            findings.append(finding("passes.voided", approval.approver, reason=approval.reason))
    return findings


def _quorum_findings(
    counted: Mapping[str, tuple[str, ...]], asked: Pass, roster: Roster
) -> list[Finding]:
    transfer = isinstance(asked.action, Transfer)
    quorum = roster.quorum_transfer if transfer else roster.quorum_admin
    findings: list[Finding] = []
    for department, needed in quorum.at_least:
        approved = len(counted.get(department, ()))
        if approved < needed:
            findings.append(
                finding("passes.quorum_missing", department, approved=approved, needed=needed)
            )
    return findings


def _wallet_findings(trust: Trust, asked: Pass, transfer: Transfer) -> list[Finding]:
    wallet, reasons = wallet_in_force(trust, transfer.wallet_id)
    if wallet is None:
        return list(reasons)
    findings: list[Finding] = []
    if transfer.wallet_digest != wallet_digest(wallet):
        findings.append(finding("passes.wallet_changed", transfer.wallet_id))
    if wallet.chain != transfer.chain:
        findings.append(finding("passes.other_chain", asked.pass_id, chain=transfer.chain))
    people = {person.person_id: person for person in trust.roster.people}
    requester = people.get(asked.requester)
    if requester is None or requester.department not in wallet.departments:
        findings.append(
            finding("passes.requester_may_not_ask", asked.requester, wallet_id=wallet.wallet_id)
        )
    if transfer.change.rule not in {wallet.change_rule, ChangeRule.NONE}:
        findings.append(finding("passes.change_rule_differs", asked.pass_id))
    replaces = transfer.replacement.replaces
    if replaces and not _reuses_anchor(trust, transfer):
        # Both could be mined if they did not spend one coin: a replacement that pays twice.
        findings.append(finding("passes.anchor_not_reused", asked.pass_id, replaces=replaces))
    return findings


def _reuses_anchor(trust: Trust, transfer: Transfer) -> bool:
    """Return whether a pass of the id that a transfer replaces has the same anchor."""
    return any(
        isinstance(each.action, Transfer) and each.action.anchor == transfer.anchor
        for each in trust.passes.values()
        if each.pass_id == transfer.replacement.replaces
    )
