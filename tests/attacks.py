"""What people try with passes: each a world, the pass in question, and what must come of it.

`ATTACKS` holds functions by name; each returns a `Case` with the exact finding codes against the
pass (none: it is allowed) and the codes of the statements that were set aside. The gate's and the
watcher's verification are both tested on all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from edwards import sign_with_nonce
from world import (
    World,
    approve,
    ask,
    at_genesis,
    begin,
    filed,
    register,
    reject,
    said,
    statement,
    transfer_pass,
    under_policy,
    void,
)
from world_coins import DESCRIPTORS, STRANGER, bytes_of, funding, outpoint, payment, stranger
from world_coins import wallet_of as wallet_record
from world_people import ONE_OF_EACH, key_of, roster
from world_policy import OPEN_POLICY

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.passes.documents import approval_digest
from sekisho.passes.records import (
    Decision,
    Pass,
    Quorum,
    SignedApproval,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A world, the pass in question, and what must come of it."""

    world: World
    asked: Pass
    findings: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()


ATTACKS: dict[str, Callable[[], Case]] = {}


def attack(make: Callable[[], Case]) -> Callable[[], Case]:
    ATTACKS[make.__name__] = make
    return make


WALLET = wallet_record(DESCRIPTORS["wsh_sortedmulti"])
THIEFS = wallet_record(DESCRIPTORS["tr"], name=WALLET.name)
"""The same id and name, and keys of somebody else."""
REPLACEMENT = wallet_record(DESCRIPTORS["wsh_sortedmulti"], gap_limit=9)
BASE = register(begin(), WALLET)
COIN = outpoint(funding(WALLET, 10**8), 0)
PAYMENT = payment(STRANGER, 10_000_000)
ASKED = transfer_pass(BASE, WALLET, [PAYMENT], COIN)
OTHER = transfer_pass(BASE, WALLET, [payment(stranger(1), 5_000)], COIN)
AT_HAND = ask(BASE, ASKED)
"""Asked for, and nobody has approved yet."""
SHORT_OF_SECURITY = approve(AT_HAND, ASKED, by=("baba", "endo"))
ALLOWED = approve(SHORT_OF_SECURITY, ASKED, by=("chiba",))
MISSING = "passes.quorum_missing"
LATE = ASKED.expires_at


def approval(who: str = "chiba", **changes: Any) -> SignedApproval:  # noqa: ANN401 - as `statement`
    return statement(SHORT_OF_SECURITY, who, Decision.APPROVE, ASKED, **changes)


def relabelled(signed: SignedApproval, **changes: Json) -> SignedApproval:
    """Return a statement whose document was changed after it was signed."""
    document = parse_json(signed.document, "approval")
    assert isinstance(document, dict)
    return replace(signed, document=canonical_bytes(document | changes))


def on_short(*signed: SignedApproval, set_aside: tuple[str, ...] = ()) -> Case:
    """Return the case in which the statements do not make up for security's approval."""
    world = said(SHORT_OF_SECURITY, *signed)
    return Case(world=world, asked=ASKED, findings=(MISSING,), set_aside=set_aside)


# 1. What is allowed ------------------------------------------------------------------------------


@attack
def a_full_quorum_is_enough() -> Case:
    return Case(world=ALLOWED, asked=ASKED)


@attack
def more_approvals_do_no_harm() -> Case:
    return Case(world=approve(ALLOWED, ASKED, by=("doi", "fujii")), asked=ASKED)


@attack
def a_statement_filed_twice_is_one_statement() -> Case:
    signed = approval()
    return Case(world=said(SHORT_OF_SECURITY, signed, signed), asked=ASKED)


@attack
def a_statement_signed_again_is_the_same_statement() -> Case:
    signed = approval()
    again = sign_with_nonce(
        bytes_of("signing key of chiba"), approval_digest(signed.document), nonce=2**200 + 1
    )
    world = said(SHORT_OF_SECURITY, signed, replace(signed, signature=again))
    return Case(world=world, asked=ASKED)


@attack
def the_last_second_is_in_time() -> Case:
    signed = approval(signed_at=LATE - timedelta(seconds=1))
    return Case(world=said(SHORT_OF_SECURITY, signed), asked=ASKED)


# 2. Who approves ---------------------------------------------------------------------------------


@attack
def the_requester_does_not_count() -> Case:
    world = approve(AT_HAND, ASKED, by=("aoki", "chiba", "endo"))
    set_aside = ("passes.approved_by_requester",)
    return Case(world=world, asked=ASKED, findings=(MISSING,), set_aside=set_aside)


@attack
def one_person_twice_counts_once() -> Case:
    two = Quorum(at_least=(*ONE_OF_EACH.at_least[:2], ("security", 2)))
    world = register(under_policy(at_genesis(roster(quorum_transfer=two)), OPEN_POLICY), WALLET)
    asked = transfer_pass(world, WALLET, [PAYMENT], COIN)
    world = approve(ask(world, asked), asked, by=("baba", "chiba", "chiba", "endo"))
    return Case(world=world, asked=asked, findings=(MISSING,))


@attack
def somebody_who_was_removed_counts_no_more() -> Case:
    return on_short(approval("gotoh"), set_aside=("passes.approver_unknown",))


@attack
def another_persons_credential_is_not_ones_own() -> Case:
    one = approval("chiba", credential_id="doi-1", key=key_of("doi"))
    other = approval("chiba", credential_id="doi-1")
    return on_short(one, other, set_aside=("passes.approver_unknown",) * 2)


@attack
def another_persons_key_does_not_sign_for_me() -> Case:
    return on_short(approval(key=key_of("doi")), set_aside=("passes.signature_invalid",))


@attack
def one_department_alone_is_not_enough() -> Case:
    world = approve(AT_HAND, ASKED, by=("chiba", "doi"))
    return Case(world=world, asked=ASKED, findings=(MISSING, MISSING))


@attack
def the_requester_and_a_colleague_are_not_enough() -> Case:
    world = approve(AT_HAND, ASKED, by=("aoki", "baba"))
    set_aside = ("passes.approved_by_requester",)
    return Case(world=world, asked=ASKED, findings=(MISSING, MISSING), set_aside=set_aside)


@attack
def operations_is_missing() -> Case:
    world = approve(AT_HAND, ASKED, by=("chiba", "doi", "endo", "fujii"))
    return Case(world=world, asked=ASKED, findings=(MISSING,))


@attack
def security_is_missing() -> Case:
    return Case(world=SHORT_OF_SECURITY, asked=ASKED, findings=(MISSING,))


@attack
def finance_is_missing() -> Case:
    world = approve(AT_HAND, ASKED, by=("baba", "chiba", "doi"))
    return Case(world=world, asked=ASKED, findings=(MISSING,))


@attack
def nobody_approved() -> Case:
    return Case(world=AT_HAND, asked=ASKED, findings=(MISSING,) * 3)


@attack
def nobody_asked() -> Case:
    world = approve(filed(BASE, ASKED), ASKED)
    return Case(world=world, asked=ASKED, findings=("passes.not_asked",))


@attack
def another_asked_in_the_requesters_name() -> Case:
    world = filed(BASE, ASKED)
    world = said(world, statement(world, "baba", Decision.ASK, ASKED))
    forged = statement(world, "aoki", Decision.ASK, ASKED, key=key_of("baba"))
    world = approve(said(world, forged), ASKED)
    set_aside = ("passes.signature_invalid",)
    return Case(world=world, asked=ASKED, findings=("passes.not_asked",), set_aside=set_aside)


# 3. What was signed ------------------------------------------------------------------------------


@attack
def an_approval_of_another_pass_is_none_of_this() -> Case:
    return on_short(statement(SHORT_OF_SECURITY, "chiba", Decision.APPROVE, OTHER))


@attack
def an_approval_moved_to_this_pass_is_not_signed() -> Case:
    elsewhere = statement(SHORT_OF_SECURITY, "chiba", Decision.APPROVE, OTHER)
    document = parse_json(approval().document, "approval")
    assert isinstance(document, dict)
    moved = relabelled(elsewhere, pass_digest=str(document["pass_digest"]))
    return on_short(moved, set_aside=("passes.signature_invalid",))


@attack
def a_rejection_relabelled_as_approval_is_not_signed() -> Case:
    rejection = statement(SHORT_OF_SECURITY, "chiba", Decision.REJECT, ASKED)
    return on_short(
        relabelled(rejection, decision="approve"), set_aside=("passes.signature_invalid",)
    )


@attack
def an_approval_relabelled_as_rejection_stops_nothing() -> Case:
    world = said(ALLOWED, relabelled(approval(), decision="reject"))
    return Case(world=world, asked=ASKED, set_aside=("passes.signature_invalid",))


@attack
def a_flipped_signature_does_not_count() -> Case:
    signed = approval()
    flipped = replace(signed, signature=signed.signature[:-1] + bytes((signed.signature[-1] ^ 1,)))
    return on_short(flipped, set_aside=("passes.signature_invalid",))


@attack
def an_approval_for_another_installation_does_not_count() -> Case:
    return on_short(approval(genesis_digest="ab" * 32), set_aside=("passes.other_installation",))


@attack
def a_rejection_for_another_installation_stops_nothing() -> Case:
    signed = statement(ALLOWED, "doi", Decision.REJECT, ASKED, genesis_digest="ab" * 32)
    set_aside = ("passes.other_installation",)
    return Case(world=said(ALLOWED, signed), asked=ASKED, set_aside=set_aside)


@attack
def a_statement_that_nobody_can_read_is_as_if_it_were_not_there() -> Case:
    document = relabelled(approval(), reason="two\nlines").document
    signed = SignedApproval(
        document=document, signature=key_of("chiba").sign(approval_digest(document))
    )
    return on_short(signed)


@attack
def an_unreadable_statement_uses_up_no_number() -> Case:
    signed = approval()
    document = relabelled(signed, terminal_id="Desk 1").document
    odd = SignedApproval(
        document=document, signature=key_of("chiba").sign(approval_digest(document))
    )
    return Case(world=said(SHORT_OF_SECURITY, odd, signed), asked=ASKED)


@attack
def a_number_used_twice_approves_nothing() -> Case:
    signed = approval()
    number = _sequence_of(signed)
    other = statement(SHORT_OF_SECURITY, "chiba", Decision.APPROVE, OTHER, sequence=number)
    return on_short(other, signed, set_aside=("passes.sequence_reused",))


@attack
def a_number_used_twice_asks_for_nothing() -> Case:
    asking = statement(filed(BASE, ASKED), "aoki", Decision.ASK, ASKED)
    again = statement(BASE, "aoki", Decision.ASK, OTHER, sequence=_sequence_of(asking))
    world = approve(said(filed(BASE, ASKED), again, asking), ASKED)
    return Case(
        world=world,
        asked=ASKED,
        findings=("passes.not_asked",),
        set_aside=("passes.sequence_reused",),
    )


@attack
def a_number_used_twice_still_says_no() -> Case:
    approving = approval("doi")
    rejecting = statement(ALLOWED, "doi", Decision.REJECT, ASKED, sequence=_sequence_of(approving))
    return Case(
        world=said(ALLOWED, approving, rejecting),
        asked=ASKED,
        findings=("passes.rejected",),
    )


@attack
def an_unnamed_terminal_approves_nothing() -> Case:
    return on_short(approval(terminal_id="desk-9"), set_aside=("passes.terminal_unknown",))


@attack
def a_late_approval_does_not_count() -> Case:
    return on_short(approval(signed_at=LATE), set_aside=("passes.approval_late",))


# 4. What says no ---------------------------------------------------------------------------------


@attack
def one_rejection_stops_it() -> Case:
    return Case(world=reject(ALLOWED, ASKED), asked=ASKED, findings=("passes.rejected",))


@attack
def one_void_stops_it() -> Case:
    return Case(world=void(ALLOWED, ASKED), asked=ASKED, findings=("passes.voided",))


@attack
def the_requester_may_take_it_back() -> Case:
    world = void(ALLOWED, ASKED, by="aoki")
    return Case(world=world, asked=ASKED, findings=("passes.voided",))


@attack
def an_approver_may_think_again() -> Case:
    world = reject(ALLOWED, ASKED, by="chiba")
    return Case(world=world, asked=ASKED, findings=("passes.rejected",))


@attack
def no_counts_even_late_and_from_anywhere() -> Case:
    late = statement(ALLOWED, "doi", Decision.REJECT, ASKED, signed_at=LATE + timedelta(days=9))
    away = statement(ALLOWED, "fujii", Decision.VOID, ASKED, terminal_id="desk-9")
    findings = ("passes.rejected", "passes.voided")
    return Case(world=said(ALLOWED, late, away), asked=ASKED, findings=findings)


@attack
def no_needs_a_real_signature() -> Case:
    forged = statement(ALLOWED, "doi", Decision.VOID, ASKED, key=key_of("mallory"))
    stranger_ = statement(ALLOWED, "mallory", Decision.VOID, ASKED)
    set_aside = ("passes.signature_invalid", "passes.approver_unknown")
    return Case(world=said(ALLOWED, forged, stranger_), asked=ASKED, set_aside=set_aside)


def _sequence_of(signed: SignedApproval) -> int:
    document = parse_json(signed.document, "approval")
    assert isinstance(document, dict)
    number = document["sequence"]
    assert isinstance(number, int)
    return number
