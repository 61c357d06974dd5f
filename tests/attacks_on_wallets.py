"""What people try with the documents behind a pass: wallets, rosters, chains, terminals.

As `attacks.py`, from which the cases are.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attacks import (
    ALLOWED,
    ASKED,
    BASE,
    COIN,
    MISSING,
    PAYMENT,
    REPLACEMENT,
    THIEFS,
    WALLET,
    Case,
)
from world import (
    World,
    admin_pass,
    approve,
    ask,
    at_genesis,
    begin,
    filed,
    record,
    register,
    reject,
    transfer_pass,
    under_policy,
    void,
    wallet_pass,
)
from world_coins import DESCRIPTORS, fixed_key, funding, outpoint, payment, stranger, wallet_of
from world_people import ONE_OF_EACH, QUORUM_PEOPLE, roster
from world_policy import OPEN_POLICY

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import Json
from sekisho.passes.evidence import PASS_ASKED, PASS_STATED, ROSTER_FILED, WALLET_FILED
from sekisho.passes.records import ChangeAllowance, Pass, Quorum, SubjectType
from sekisho.wallets.documents import wallet_digest, wallet_document
from sekisho.wallets.records import ChangeRule, Wallet

WALLET_ATTACKS: dict[str, Callable[[], Case]] = {}
NOT_IN_FORCE = "passes.wallet_not_in_force"


def attack(make: Callable[[], Case]) -> Callable[[], Case]:
    WALLET_ATTACKS[make.__name__] = make
    return make


def filed_wallet(world: World, wallet: Wallet) -> World:
    return record(world, WALLET_FILED, {"wallet": wallet_document(wallet)})


def allowed_in(world: World, **changes: Any) -> tuple[World, Pass]:  # noqa: ANN401 - as `transfer_pass`
    """Return the world after a quorum approved a pass with these changes."""
    asked = transfer_pass(world, WALLET, [PAYMENT], COIN, **changes)
    return approve(ask(world, asked), asked), asked


def case(world: World, *findings: str, **changes: Any) -> Case:  # noqa: ANN401 - as `transfer_pass`
    world, asked = allowed_in(world, **changes)
    return Case(world=world, asked=asked, findings=findings)


def replaced(world: World, wallet: Wallet, before: Wallet = WALLET) -> World:
    return register(world, wallet, previous_digest=wallet_digest(before))


# 1. What the pass itself says --------------------------------------------------------------------


@attack
def a_pass_of_another_installation() -> Case:
    return case(BASE, "passes.other_installation", genesis_digest="ab" * 32)


@attack
def a_pass_under_another_roster() -> Case:
    return case(BASE, "passes.other_roster", roster_digest="ab" * 32)


@attack
def a_pass_under_a_policy_that_nobody_knows() -> Case:
    return case(BASE, "passes.policy_changed", policy_digest="ab" * 32)


@attack
def a_pass_asked_from_an_unnamed_terminal() -> Case:
    return case(BASE, "passes.terminal_unknown", terminal_id="desk-9")


@attack
def a_pass_asked_by_another_department() -> Case:
    world, asked = BASE, transfer_pass(BASE, WALLET, [PAYMENT], COIN, requester="chiba")
    world = approve(ask(world, asked), asked, by=("aoki", "doi", "endo"))
    return Case(world=world, asked=asked, findings=("passes.requester_may_not_ask",))


@attack
def a_pass_asked_by_nobody_of_the_roster() -> Case:
    findings = ("passes.not_asked", "passes.requester_may_not_ask")
    return replace(
        case(BASE, *findings, requester="mallory"), set_aside=("passes.approver_unknown",)
    )


@attack
def a_pass_on_another_chain() -> Case:
    there = payment(stranger(0, Network.TEST), 10_000_000, Network.TEST)
    on_testnet = {"chain": Network.TEST.caip2, "payments": (there,)}
    return case(BASE, "passes.other_chain", transfer=on_testnet)


@attack
def change_where_the_wallet_has_none_of_it() -> Case:
    change = ChangeAllowance(rule=ChangeRule.SAME_ADDRESS, outputs_max=1)
    return case(BASE, "passes.change_rule_differs", transfer={"change": change})


@attack
def no_change_is_always_fine() -> Case:
    change = ChangeAllowance(rule=ChangeRule.NONE, outputs_max=0)
    return case(BASE, transfer={"change": change})


# 2. The wallet -----------------------------------------------------------------------------------


@attack
def a_wallet_that_was_never_registered() -> Case:
    return case(begin(), NOT_IN_FORCE)


@attack
def a_wallet_that_was_filed_and_never_approved() -> Case:
    return case(filed_wallet(begin(), WALLET), NOT_IN_FORCE)


@attack
def a_thiefs_wallet_with_two_colluding_approvers() -> Case:
    world = filed_wallet(begin(), THIEFS)
    asked = wallet_pass(world, THIEFS)
    world = approve(ask(world, asked), asked, by=("baba", "chiba"))
    stolen = {"wallet_digest": wallet_digest(THIEFS)}
    return case(world, NOT_IN_FORCE, MISSING, transfer=stolen)


@attack
def a_thiefs_wallet_in_the_name_of_ours() -> Case:
    """The admin pass names the thief's digest under an id that is not the thief's wallet's."""
    thiefs = replace(THIEFS, wallet_id="thief")
    world = filed_wallet(begin(), thiefs)
    asked = admin_pass(
        world, SubjectType.WALLET, WALLET.wallet_id, new_digest=wallet_digest(thiefs)
    )
    world = approve(ask(world, asked), asked)
    return case(world, NOT_IN_FORCE, "passes.subject_differs")


@attack
def a_wallet_registered_as_if_it_were_a_roster() -> Case:
    world = filed_wallet(begin(), WALLET)
    asked = admin_pass(
        world, SubjectType.ROSTER, WALLET.wallet_id, new_digest=wallet_digest(WALLET)
    )
    return case(approve(ask(world, asked), asked), NOT_IN_FORCE)


@attack
def a_wallet_whose_document_is_withheld() -> Case:
    without = tuple(each for each in BASE.drafts if each.kind != WALLET_FILED)
    return case(replace(BASE, drafts=without), NOT_IN_FORCE, "passes.document_missing")


@attack
def a_wallet_whose_registration_was_voided_too_late() -> Case:
    """One person cannot undo what a quorum did: that would blind the watcher."""
    return case(void(BASE, wallet_pass(begin_with(WALLET), WALLET)))


@attack
def a_wallet_whose_registration_was_voided_in_time() -> Case:
    world = begin_with(WALLET)
    asked = wallet_pass(world, WALLET)
    world = approve(void(ask(world, asked), asked), asked)
    return case(world, NOT_IN_FORCE, "passes.voided")


@attack
def a_wallet_that_was_replaced() -> Case:
    return Case(
        world=replaced(ALLOWED, REPLACEMENT), asked=ASKED, findings=("passes.wallet_changed",)
    )


@attack
def the_wallet_that_replaced_it() -> Case:
    digest = {"wallet_digest": wallet_digest(REPLACEMENT)}
    return case(replaced(BASE, REPLACEMENT), transfer=digest)


@attack
def a_replacement_that_was_rejected_changes_nothing() -> Case:
    world = filed_wallet(ALLOWED, REPLACEMENT)
    asked = wallet_pass(world, REPLACEMENT, previous_digest=wallet_digest(WALLET))
    world = approve(reject(ask(world, asked), asked), asked)
    return Case(world=world, asked=ASKED)


@attack
def a_second_successor_comes_too_late() -> Case:
    world = replaced(replaced(BASE, REPLACEMENT), THIEFS)
    return case(world, transfer={"wallet_digest": wallet_digest(REPLACEMENT)})


@attack
def a_second_beginning_comes_too_late() -> Case:
    return Case(world=register(ALLOWED, THIEFS), asked=ASKED)


@attack
def a_wallet_that_comes_back() -> Case:
    world = replaced(replaced(ALLOWED, REPLACEMENT), WALLET, before=REPLACEMENT)
    return Case(world=world, asked=ASKED)


@attack
def a_registration_from_before_does_not_come_back_with_it() -> Case:
    """A complete quorum that came too late must not wait for its hour."""
    late = filed_wallet(BASE, THIEFS)
    asked = wallet_pass(late, THIEFS, previous_digest=wallet_digest(WALLET))
    late = ask(late, asked)
    world = replaced(late, REPLACEMENT)
    world = approve(world, asked)
    world = replaced(world, WALLET, before=REPLACEMENT)
    return case(approve(world, asked, by=("doi",)))


@attack
def a_pass_for_the_thiefs_version_of_a_wallet() -> Case:
    world = filed_wallet(BASE, THIEFS)
    return case(world, "passes.wallet_changed", transfer={"wallet_digest": wallet_digest(THIEFS)})


@attack
def a_wallet_needs_the_quorum_of_admin_passes() -> Case:
    two = Quorum(at_least=(("finance", 2), *ONE_OF_EACH.at_least[1:]))
    people = roster(quorum_admin=two)
    world = at_genesis(people, adopted_by=(*QUORUM_PEOPLE, "fujii"))
    world = under_policy(world, OPEN_POLICY, by=(*QUORUM_PEOPLE, "fujii"))
    return case(register(world, WALLET), NOT_IN_FORCE, MISSING)


@attack
def another_wallet_in_force_does_no_harm() -> Case:
    hot = wallet_of(DESCRIPTORS["tr"], wallet_id="hot-1")
    return Case(world=register(ALLOWED, hot), asked=ASKED)


@attack
def a_wallet_that_changes_nothing_but_whom_it_belongs_to() -> Case:
    for_finance = replace(WALLET, departments=("finance",))
    digest = {"wallet_digest": wallet_digest(for_finance)}
    return case(replaced(BASE, for_finance), "passes.requester_may_not_ask", transfer=digest)


@attack
def a_fixed_wallet_takes_its_change_where_it_came_from() -> Case:
    fixed = wallet_of(f"wpkh({fixed_key('beta')})", wallet_id="fixed")
    world = register(begin(), fixed)
    coin = outpoint(funding(fixed, 10**8), 0)
    asked = transfer_pass(world, fixed, [PAYMENT], coin)
    return Case(world=approve(ask(world, asked), asked), asked=asked)


# 3. Entries that hold no evidence ----------------------------------------------------------------

NONSENSE: tuple[Json, ...] = (
    None,
    "",
    7,
    [],
    {},
    {"format": "sekisho/pass/v1"},
    '{"a":1,"a":2}',
    "9" * 5000,
    [[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]],
)
"""What journal entries may hold instead of documents, each in its own place."""


@attack
def entries_that_hold_no_evidence_break_nothing_else() -> Case:
    world = ALLOWED
    for kind, name in (
        (ROSTER_FILED, "roster"),
        (WALLET_FILED, "wallet"),
        (PASS_ASKED, "pass"),
        (PASS_STATED, "approval"),
    ):
        for value in NONSENSE:
            world = record(world, kind, {name: value, "signature": "ab" * 64})
            world = record(world, kind, {name: value, "signature": value})
        world = record(world, kind, {})
    return Case(world=world, asked=ASKED)


@attack
def a_pass_that_cannot_be_read_is_nobodys_leave() -> Case:
    """An admin pass with a field too many, approved by all, puts nothing in force."""
    world = filed_wallet(begin(), WALLET)
    odd = record(filed(world, wallet_pass(world, WALLET)), PASS_ASKED, {"pass": {"kind": "admin"}})
    return case(odd, NOT_IN_FORCE, "passes.not_asked", MISSING, MISSING, MISSING)


def begin_with(wallet: Wallet) -> World:
    """Return the world in which `register` made its admin pass, so that the same can be made."""
    return filed_wallet(begin(), wallet)
