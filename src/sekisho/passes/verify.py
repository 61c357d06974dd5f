"""Is this pass good? Judged from signatures alone, starting at a pinned genesis roster.

What the caller must bring: the genesis digest from its own configuration (never from the journal)
and the time. What comes back names every reason against, never a bare yes.

1. The genesis roster adopted itself, and the roster in force has not expired (`register.py`).
2. The pass binds this genesis, a roster of its chain and the policy in force; somebody asked.
3. Nobody of the roster rejected or voided it.
4. Enough people of each department approved, with credentials that are live: each counts once,
   the requester never.
5. A transfer is from a wallet in force, and the requester's department may ask for it.
6. The policy in force allows it, given everything that was allowed before it (`judge.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.adoption import tally_of, why_not_adopted
from sekisho.passes.assertion import check_public_key
from sekisho.passes.ballots import Ballot, Tally, quorum_findings, statement_findings
from sekisho.passes.judge import case_of, refusals, standing_case
from sekisho.passes.policy.amounts import TIME_LOCK
from sekisho.passes.policy.case import Case, Outcome
from sekisho.passes.policy.conditions import EFFECTIVE, LIFE, WALLET_PROOF
from sekisho.passes.policy.evaluate import evaluate, hold_seconds
from sekisho.passes.policy.history import Committed
from sekisho.passes.policy.people import BUSINESS_HOURS, OWN_MACHINE, QUORUM
from sekisho.passes.policy.records import Policy
from sekisho.passes.records import Admin, Automatic, Pass, SubjectType, Transfer
from sekisho.passes.register import Commitment, InForce, Register
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import ChangeRule, Wallet

ABOUT_PEOPLE = frozenset(
    {EFFECTIVE, LIFE, QUORUM, OWN_MACHINE, BUSINESS_HOURS, TIME_LOCK, WALLET_PROOF}
)
"""The rules that a standing pass is held to itself; all others hold each of its children."""


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
    outcomes: tuple[Outcome, ...] = ()
    """Every rule of the policy in force with what it says; empty where none was asked."""
    adopted: InForce | None = None
    """When an admin pass took effect; None for the others, and while it has not."""
    held_until_at: datetime | None = None
    """The end of the time lock, once the quorum is complete."""
    complete_at: datetime | None = None
    """The moment for which the policy judged it; before that it allows nothing."""


def wallet_in_force(register: Register, wallet_id: str) -> tuple[Wallet | None, list[Finding]]:
    """Return the wallet that a quorum put in force under `wallet_id`, or None and why not."""
    wallet = register.wallets.get(wallet_id)
    if wallet is not None:
        return wallet, []
    reasons = [finding("passes.wallet_not_in_force", wallet_id)]
    for digest, known in register.passes.items():
        action = known.asked.action
        about = (SubjectType.WALLET, wallet_id)
        if isinstance(action, Admin) and (action.subject_type, action.subject_id) == about:
            reasons.extend(why_not_adopted(register, digest))
    return None, reasons


def wallets_in_force(register: Register) -> tuple[Wallet, ...]:
    """Return every wallet that is in force, by id."""
    return tuple(register.wallets[wallet_id] for wallet_id in sorted(register.wallets))


def standing_of(register: Register, digest: str) -> Standing:
    """Return where a pass stands; raises `BadInputError` for one that the register does not know.

    Whether it holds at a given moment is another question: `time_findings`.
    """
    known = register.passes.get(digest)
    if known is None:
        raise BadInputError(f"pass {digest[:16]}", "is not in the journal, or cannot be read")
    heard = tally_of(register, digest)
    if isinstance(known.asked.action, Admin):
        adopted = register.adopted.get(digest)
        return Standing(
            digest=digest,
            asked=known.asked,
            ballots=heard.counting,
            counted=heard.counted,
            findings=() if adopted is not None else tuple(why_not_adopted(register, digest)),
            set_aside=heard.set_aside,
            adopted=adopted,
        )
    standing, _ = judged(register, digest, known.asked, heard)
    if not standing.findings and digest not in register.committed:
        # It became good by something that happened elsewhere, and no limit has counted it.
        why = finding("passes.not_counted", known.asked.pass_id)
        return replace(standing, findings=(why,))
    return standing


def judged(
    register: Register, digest: str, asked: Pass, heard: Tally
) -> tuple[Standing, Committed | None]:
    """Return where a transfer or standing pass stands, and how it would count against limits."""
    findings = _people_findings(register, asked, heard)
    wallet = register.wallets.get(_wallet_id(asked))
    findings.extend(_wallet_findings(register, asked, wallet))
    outcomes: tuple[Outcome, ...] = ()
    this = None
    held_until_at = complete_at = None
    if register.policy is None:
        findings.append(finding("passes.policy_missing", asked.pass_id))
    elif wallet is not None:
        case, outcomes = _outcomes(register, register.policy, digest, wallet=wallet, heard=heard)
        short = any(each.code == "passes.quorum_missing" for each in findings)
        findings.extend(
            each
            for each in refusals(outcomes)
            if not (short and each.code == "passes.policy_quorum_missing")  # once is enough
        )
        this = case.this
        held = timedelta(seconds=hold_seconds(outcomes))
        complete_at = case.judged_at
        held_until_at = complete_at + held if held else None
    standing = Standing(
        digest=digest,
        asked=asked,
        ballots=heard.counting,
        counted=heard.counted,
        findings=tuple(findings),
        set_aside=heard.set_aside,
        outcomes=outcomes,
        held_until_at=None if findings else held_until_at,
        complete_at=complete_at,
    )
    return standing, this


def _people_findings(register: Register, asked: Pass, heard: Tally) -> list[Finding]:
    """Return what is missing before any policy need be asked."""
    return [
        *_binding_findings(register, asked),
        *statement_findings(heard, asked),
        *quorum_findings(heard, register.roster.quorum_transfer),
    ]


def _outcomes(
    register: Register, policy: Policy, digest: str, *, wallet: Wallet, heard: Tally
) -> tuple[Case, tuple[Outcome, ...]]:
    """Return the case that a transfer or standing pass makes, and what every rule says of it."""
    action = register.passes[digest].asked.action
    if isinstance(action, Transfer):
        case = case_of(register, digest, action, wallet=wallet, heard=heard)
        return case, evaluate(policy, case)
    if not isinstance(action, Automatic):
        raise TypeError("an admin pass moves nothing")
    case = standing_case(register, digest, action, wallet=wallet, heard=heard)
    return case, tuple(each for each in evaluate(policy, case) if each.rule in ABOUT_PEOPLE)


def commit_if_complete(register: Register, digest: str) -> None:
    """Count a transfer against limits once its quorum is complete, at its place in the journal."""
    known = register.passes.get(digest)
    if known is None or digest in register.committed:
        return
    if isinstance(known.asked.action, Admin) or _wallet_id(known.asked) not in register.wallets:
        return
    heard = tally_of(register, digest)
    if _people_findings(register, known.asked, heard):
        return  # most statements are not the last one, and asking the policy is dear
    if heard.complete_at is None or heard.complete_at >= known.asked.expires_at:
        return  # it is over before anything could leave under it
    standing, this = judged(register, digest, known.asked, heard)
    if standing.findings or this is None:
        return
    if isinstance(known.asked.action, Transfer):
        commit(register, this)
    else:  # of a standing pass the children count
        register.committed[digest] = Commitment(at=this.at, position=len(register.history))


def commit(register: Register, this: Committed) -> None:
    """Enter a movement into the history."""
    register.committed[this.digest] = Commitment(at=this.at, position=len(register.history))
    register.history.commit(this)
    for address, _ in this.destinations:
        register.known_addresses.add(address)


def time_findings(standing: Standing, *, now: datetime) -> list[Finding]:
    """Return why a pass does not hold at `now`: not yet, still locked, or no longer.

    Expiry is exclusive: at that instant the pass allows nothing any more.
    """
    asked = standing.asked
    findings: list[Finding] = []
    from_at = max(asked.not_before_at, standing.complete_at or asked.not_before_at)
    if now < from_at:
        at = format_instant(from_at)
        findings.append(finding("passes.not_yet_valid", asked.pass_id, not_before_at=at))
    if standing.held_until_at is not None and now < standing.held_until_at:
        at = format_instant(standing.held_until_at)
        findings.append(finding("passes.time_locked", asked.pass_id, held_until_at=at))
    if now >= asked.expires_at:
        at = format_instant(asked.expires_at)
        findings.append(finding("passes.expired", asked.pass_id, expired_at=at))
    return findings


def _wallet_id(asked: Pass) -> str:
    return "" if isinstance(asked.action, Admin) else asked.action.wallet_id


def _binding_findings(register: Register, asked: Pass) -> list[Finding]:
    findings: list[Finding] = []
    if asked.genesis_digest != register.genesis_digest:
        findings.append(
            finding(
                "passes.other_installation", asked.pass_id, genesis_digest=asked.genesis_digest
            )
        )
    if asked.roster_digest not in register.rosters:
        findings.append(finding("passes.other_roster", asked.pass_id))
    if asked.policy_digest != register.policy_digest:
        findings.append(finding("passes.policy_changed", asked.pass_id))
    if asked.terminal_id not in {each.terminal_id for each in register.roster.terminals}:
        findings.append(
            finding("passes.terminal_unknown", asked.requester, terminal_id=asked.terminal_id)
        )
    return findings


def _wallet_findings(register: Register, asked: Pass, wallet: Wallet | None) -> list[Finding]:
    action = asked.action
    if isinstance(action, Admin):
        raise TypeError("an admin pass has no wallet")
    if wallet is None:
        return wallet_in_force(register, action.wallet_id)[1]
    findings: list[Finding] = []
    if action.wallet_digest != wallet_digest(wallet):
        findings.append(finding("passes.wallet_changed", action.wallet_id))
    if wallet.chain != action.chain:
        findings.append(finding("passes.other_chain", asked.pass_id, chain=action.chain))
    people = {person.person_id: person for person in register.roster.people}
    requester = people.get(asked.requester)
    if requester is None or requester.department not in wallet.departments:
        findings.append(
            finding("passes.requester_may_not_ask", asked.requester, wallet_id=wallet.wallet_id)
        )
    if action.change.rule not in {wallet.change_rule, ChangeRule.NONE}:
        findings.append(finding("passes.change_rule_differs", asked.pass_id))
    if isinstance(action, Automatic):
        keys = {
            check_public_key(each.kind, each.public_key, each.credential_id)
            for person in register.roster.people
            for each in person.credentials
        }
        if action.issuer_key in keys:
            findings.append(finding("passes.issuer_is_a_person", asked.pass_id))
        return findings
    replaces = action.replacement.replaces
    if replaces and not _reuses_anchor(register, action):
        # Both could be mined if they did not spend one coin: a replacement that pays twice.
        findings.append(finding("passes.anchor_not_reused", asked.pass_id, replaces=replaces))
    return findings


def _reuses_anchor(register: Register, transfer: Transfer) -> bool:
    """Return whether a pass of the id that a transfer replaces has the same anchor."""
    named = register.named.get(transfer.replacement.replaces, ())
    return any(
        isinstance(action, Transfer) and action.anchor == transfer.anchor
        for action in (register.passes[digest].asked.action for digest in named)
    )
