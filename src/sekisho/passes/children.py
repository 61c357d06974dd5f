"""Standing passes: what the children of one may do, counted again by whoever verifies.

A quorum approved the standing pass: an issuer key, limits, and whom it may pay. Its children are
numbered and signed by that key alone. Nothing that the issuer's service says of its own counters
is believed: they are recomputed here from every child that the journal holds, in its order.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import Sat
from sekisho.passes.documents import child_bytes, read_child
from sekisho.passes.evidence import Issued
from sekisho.passes.judge import child_case, issuer_name, refusals
from sekisho.passes.policy.case import Case
from sekisho.passes.policy.evaluate import evaluate
from sekisho.passes.policy.history import Committed, Scope
from sekisho.passes.policy.records import Off, Policy
from sekisho.passes.policy.weigh import is_known
from sekisho.passes.records import (
    AnyInputs,
    Automatic,
    Child,
    DestinationRule,
    Replacement,
    SignedChild,
    Transfer,
)
from sekisho.passes.register import ChildHeard, Register
from sekisho.passes.verify import commit, standing_of

CLOCKS_APART_MAX = timedelta(minutes=10)
"""So far may the issuer's clock be from the journal's."""
_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


def sign_child(child: Child, key: Ed25519PrivateKey) -> SignedChild:
    """Return the child's canonical bytes with the issuer's signature over their digest.

    Raises `BadInputError` for a child that could not be read back.
    """
    document = child_bytes(child)
    if read_child(document, "child") != child:
        raise BadInputError("child", "would be read back as another one")
    digest = tagged_digest("child", document)
    return SignedChild(document=document, signature=key.sign(digest))


def judge_child(register: Register, event: Issued) -> tuple[ChildHeard | None, Committed | None]:
    """Return a child as the register would take it in, and how it would count against limits.

    None if no issuer of a standing pass signed it, or its number was used before.
    """
    child = _read_issued(register, event)
    known = None if child is None else register.passes.get(child.standing_digest)
    if child is None or known is None or not isinstance(known.asked.action, Automatic):
        return None, None
    automatic = known.asked.action
    family = register.children.get(child.standing_digest, {})
    if not _signed_by(automatic.issuer_key, event.signed) or child.number in family:
        return None, None
    findings = _family_findings(register, child, automatic, at=event.at)
    wallet = register.wallets.get(automatic.wallet_id)
    this = None
    if wallet is None or register.policy is None:
        findings.append(finding("passes.standing_not_allowed", child.standing_digest))
    else:
        case = child_case(register, event.digest, child, wallet=wallet, automatic=automatic)
        findings.extend(_limit_findings(child, automatic, case))
        findings.extend(_destination_findings(register.policy, automatic, case))
        findings.extend(refusals(evaluate(register.policy, case)))
        this = case.this
    heard = ChildHeard(digest=event.digest, child=child, seq=event.seq, findings=tuple(findings))
    return heard, None if findings else this


def hear_child(register: Register, event: Issued) -> None:
    """Take a child of a standing pass in.

    One that its issuer signed uses its number up even when it breaks a limit, so that a gap in
    the numbers always means that something was withheld.
    """
    heard, this = judge_child(register, event)
    if heard is None:
        return
    child = heard.child
    register.children[child.standing_digest][child.number] = heard
    last = register.last_children.get(child.standing_digest, 0)
    register.last_children[child.standing_digest] = max(last, child.number)
    register.child_places[heard.digest] = (child.standing_digest, child.number)
    register.batches[child.standing_digest, child.anchor].append(child.number)
    if this is not None:
        commit(register, this)


def batch_transfer(automatic: Automatic, batch: Sequence[Child]) -> Transfer:
    """Return what one transaction may do that serves all children of `batch`.

    They share one standing pass and one anchor.
    """
    return Transfer(
        chain=automatic.chain,
        wallet_id=automatic.wallet_id,
        wallet_digest=automatic.wallet_digest,
        payments=tuple(payment for each in batch for payment in each.payments),
        anchor=batch[0].anchor,
        inputs=AnyInputs(inputs_max=automatic.inputs_max),
        change=automatic.change,
        transaction=automatic.transaction,
        fee=automatic.fee,
        replacement=Replacement(fee_bump=automatic.fee_bump, replaces=""),
    )


def child_findings(register: Register, heard: ChildHeard, *, now: datetime) -> list[Finding]:
    """Return why a child allows nothing at `now`: its own faults, its standing pass's, its age.

    No child outlives its standing pass: else a thief with the key would date children back.
    """
    child = heard.child
    name = f"{child.standing_digest[:16]}/{child.number}"
    findings = [*heard.findings, *standing_of(register, child.standing_digest).findings]
    action = register.passes[child.standing_digest].asked.action
    if not isinstance(action, Automatic):
        raise TypeError("a child of a pass that is no standing pass")
    until = min(
        child.issued_at + timedelta(seconds=action.limits.child_valid_seconds),
        register.passes[child.standing_digest].asked.expires_at,
    )
    if now < child.issued_at:
        at = format_instant(child.issued_at)
        findings.append(finding("passes.not_yet_valid", name, not_before_at=at))
    if now >= until:
        findings.append(finding("passes.expired", name, expired_at=format_instant(until)))
    return findings


def _read_issued(register: Register, event: Issued) -> Child | None:
    """Return the child that an entry holds, or None if it cannot be read."""
    try:
        return read_child(event.signed.document, f"child {event.digest[:16]}")
    except BadInputError as error:
        register.unreadable.append(
            finding("passes.child_unreadable", error.where, reason=error.reason)
        )
        return None


def _signed_by(key: bytes, signed: SignedChild) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(
            signed.signature, tagged_digest("child", signed.document)
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def _family_findings(
    register: Register, child: Child, automatic: Automatic, *, at: datetime
) -> list[Finding]:
    """Return why a child does not fit its standing pass and its elder siblings.

    `at` is when the journal took it in: a thief with the issuer's key must not choose the hours
    under which children count.
    """
    name = f"{child.standing_digest[:16]}/{child.number}"
    asked = register.passes[child.standing_digest].asked
    family = register.children[child.standing_digest]
    findings: list[Finding] = []
    standing = standing_of(register, child.standing_digest)
    if standing.findings:
        findings.append(finding("passes.standing_not_allowed", child.standing_digest))
    if standing.held_until_at is not None and child.issued_at < standing.held_until_at:
        until = format_instant(standing.held_until_at)
        findings.append(finding("passes.time_locked", name, held_until_at=until))
    if child.genesis_digest != register.genesis_digest:
        findings.append(
            finding("passes.other_installation", name, genesis_digest=child.genesis_digest)
        )
    if child.chain != automatic.chain:
        findings.append(finding("passes.other_chain", name, chain=child.chain))
    last = register.last_children.get(child.standing_digest, 0)
    if child.number != last + 1:
        findings.append(finding("passes.child_number", name, expected=last + 1))
    elif family and child.issued_at < family[last].child.issued_at:
        findings.append(
            finding("passes.child_went_back", name, issued_at=format_instant(child.issued_at))
        )
    if child.number > automatic.limits.children_max:
        findings.append(
            finding("passes.children_max", name, children_max=automatic.limits.children_max)
        )
    in_time = asked.not_before_at <= child.issued_at < asked.expires_at
    if not in_time or abs(at - child.issued_at) > CLOCKS_APART_MAX:
        issued_at = format_instant(child.issued_at)
        findings.append(finding("passes.child_out_of_time", name, issued_at=issued_at))
    return findings


def _limit_findings(child: Child, automatic: Automatic, case: Case) -> list[Finding]:
    """Return which limit of the standing pass a child breaks, together with its siblings."""
    name = f"{child.standing_digest[:16]}/{child.number}"
    limits = automatic.limits
    amount = sum(payment.amount_sat for payment in child.payments)
    findings: list[Finding] = []
    sums = [("child", limits.child_max_sat, Sat(amount))]
    for window, most, length in (
        ("hour", limits.hour_max_sat, _HOUR),
        ("day", limits.day_max_sat, _DAY),
    ):
        before = case.history.sum_sat(
            Scope.REQUESTER,
            issuer_name(child.standing_digest),
            after_at=case.judged_at - length,
            before=case.history_before,
        )
        sums.append((window, most, Sat(before + amount)))
    for window, most, moved in sums:
        if moved > most:
            findings.append(
                finding("passes.child_limit", name, window=window, moved_sat=moved, most_sat=most)
            )
    return findings


def _destination_findings(policy: Policy, automatic: Automatic, case: Case) -> list[Finding]:
    """Return whom a child pays that its standing pass does not let it pay.

    What is listed must have cooled as long as the policy says, whatever wallets that rule is for.
    """
    cools = not isinstance(policy.allow_list, Off)
    return [
        finding("passes.child_destination", each.address, rule=automatic.destinations.value)
        for each in case.destinations
        if not {
            DestinationRule.ANY: True,
            DestinationRule.ALLOW_LIST: each.listed_at is not None
            and (not cools or is_known(policy, case, each)),
            DestinationRule.OWN_WALLETS: bool(each.own_wallet_id),
        }[automatic.destinations]
    ]
