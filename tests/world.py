"""A small exchange that tests share: people, wallets, passes and coins, all of it really signed.

Nothing here is random and nothing changes: every function that adds to the story returns a new
`World`, so a test may branch off wherever it likes.

    world = begin()                                # roster filed and adopted by its own quorum
    wallet = wallet_of(DESCRIPTORS["wpkh"])        # or any descriptor, see world_coins.py
    world = register(world, wallet)                # filed, and put in force by an admin pass
    coins = funding(wallet, 50_000_000)            # a transaction that pays the wallet
    asked = transfer_pass(world, wallet, [payment(STRANGER, 10_000_000)], outpoint(coins, 0))
    world = approve(ask(world, asked), asked)      # asked for, and approved by a quorum
    standing_of(trust_of(world), digest_of(asked)).findings  == ()

Here are
    beginnings   begin, at_genesis (another roster), under_policy, rotated
    statements   statement (any field replaced), said (journaled), ask, approve, reject, void
    passes       transfer_pass, admin_pass, wallet_pass, digest_of, filed, register
    the journal  record, World.drafts, entries_of, journal_in, evidence_of, trust_of
    the gate     issued, cleared
    elsewhere    people in world_people.py, coins in world_coins.py
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from world_coins import bytes_of
from world_people import DAY, NOW, QUORUM_PEOPLE, REQUESTER, key_of, roster
from world_policy import OPEN_POLICY

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction
from sekisho.journal.entries import seal
from sekisho.journal.records import GENESIS, Draft, Entry
from sekisho.journal.store import JournalStore, create_journal
from sekisho.kernel.canonical import Json, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.instants import parse_instant
from sekisho.kernel.money import Sat
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.documents import pass_bytes, pass_digest
from sekisho.passes.evidence import (
    PASS_ASKED,
    PASS_ISSUED,
    PASS_STATED,
    ROSTER_FILED,
    WALLET_FILED,
    Evidence,
    document_body,
    gather_evidence,
    statement_body,
)
from sekisho.passes.fold import establish_trust
from sekisho.passes.life import GATE_CLEARED
from sekisho.passes.policy.documents import policy_digest, policy_document
from sekisho.passes.policy.records import Policy
from sekisho.passes.records import (
    Admin,
    Approval,
    ChangeAllowance,
    Decision,
    FeeRule,
    ListedInputs,
    Method,
    Pass,
    Payment,
    Replacement,
    Roster,
    SignedApproval,
    SubjectType,
    TransactionRule,
    Transfer,
)
from sekisho.passes.register import Register
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.passes.sign import sign_approval
from sekisho.wallets.documents import wallet_digest, wallet_document
from sekisho.wallets.records import ChangeRule, Wallet

# 1. The story so far ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A roster and what has been written into the journal so far."""

    roster: Roster
    drafts: tuple[Draft, ...] = ()
    roster_digest: str = ""
    """Of the roster in force after rotations; empty while it is the genesis."""
    policy_digest: str = ""

    @property
    def genesis_digest(self) -> str:
        """What gate and watcher of this world have pinned."""
        return roster_digest(roster_bytes(self.roster))


def at_genesis(people: Roster, *, adopted_by: Sequence[str] = QUORUM_PEOPLE) -> World:
    """Return a world whose roster is filed, asked for by aoki, and approved by `adopted_by`."""
    world = World(roster=people)
    document = parse_json(roster_bytes(people), "roster")
    world = record(world, ROSTER_FILED, {"roster": document})
    adoption = admin_pass(world, SubjectType.ROSTER, "roster", new_digest=world.genesis_digest)
    return approve(ask(world, adoption), adoption, by=adopted_by)


def under_policy(world: World, policy: Policy, *, by: Sequence[str] = QUORUM_PEOPLE) -> World:
    """Return the world after a quorum put a policy in force in place of the one before."""
    document = policy_document(policy)
    digest = policy_digest(document)
    world = record(world, *document_body("policy", parse_json(document, "policy")))
    asked = admin_pass(
        world,
        SubjectType.POLICY,
        "policy",
        new_digest=digest,
        previous_digest=world.policy_digest,
    )
    return replace(approve(ask(world, asked), asked, by=by), policy_digest=digest)


def rotated(
    world: World, people: Roster, *, by: Sequence[str] = QUORUM_PEOPLE, recovery: bool = False
) -> World:
    """Return the world after its roster was replaced, if `by` are enough for that."""
    document = roster_bytes(people)
    world = record(world, ROSTER_FILED, {"roster": parse_json(document, "roster")})
    asked = admin_pass(
        world,
        SubjectType.RECOVERY if recovery else SubjectType.ROSTER,
        "roster",
        new_digest=roster_digest(document),
        previous_digest=world.roster_digest or world.genesis_digest,
    )
    return replace(approve(ask(world, asked), asked, by=by), roster_digest=roster_digest(document))


@cache
def begin() -> World:
    """Return the usual world: its roster and an open policy are in force, nothing else."""
    return under_policy(at_genesis(roster()), OPEN_POLICY)


# 2. Statements -----------------------------------------------------------------------------------


def statement(
    world: World,
    who: str,
    decision: Decision,
    about: Pass | str,
    *,
    key: Ed25519PrivateKey | None = None,
    **changes: Any,  # noqa: ANN401 - the fields of Approval, each of its type
) -> SignedApproval:
    """Return `who`'s signed statement on a pass (or its digest), under their next number.

    `changes` replaces fields before signing; `key` signs in place of `who`'s own.
    """
    usual = Approval(
        pass_digest=about if isinstance(about, str) else digest_of(about),
        decision=decision,
        genesis_digest=world.genesis_digest,
        approver=who,
        sequence=1 + _statements_of(world, who),
        method=Method.KEY_FILE,
        credential_id=f"{who}-1",
        terminal_id="desk-1",
        words="",
        reason="" if decision in {Decision.ASK, Decision.APPROVE} else "not agreed",
        signed_at=NOW,
    )
    return sign_approval(replace(usual, **changes), key or key_of(who))


def said(world: World, *signed: SignedApproval) -> World:
    """Return the world after statements were written into the journal, when they were signed."""
    for each in signed:
        document = parse_json(each.document, "approval")
        said_at = document.get("signed_at") if isinstance(document, dict) else None
        at = parse_instant(said_at, "signed_at") if isinstance(said_at, str) else NOW
        world = record(world, PASS_STATED, statement_body(each, document), at=max(at, NOW))
    return world


def ask(world: World, asked: Pass) -> World:
    """Return the world after the pass was filed and its requester asked for it."""
    world = filed(world, asked)
    return said(world, statement(world, asked.requester, Decision.ASK, asked))


def approve(world: World, asked: Pass, *, by: Sequence[str] = QUORUM_PEOPLE) -> World:
    """Return the world after each person in `by` approved the pass."""
    for who in by:
        world = said(world, statement(world, who, Decision.APPROVE, asked))
    return world


def reject(world: World, asked: Pass, *, by: str = "doi") -> World:
    """Return the world after one person rejected the pass."""
    return said(world, statement(world, by, Decision.REJECT, asked))


def void(world: World, asked: Pass, *, by: str = "doi") -> World:
    """Return the world after one person voided the pass."""
    return said(world, statement(world, by, Decision.VOID, asked))


def _statements_of(world: World, who: str) -> int:
    count = 0
    for draft in world.drafts:
        approval = draft.body.get("approval")
        count += isinstance(approval, dict) and approval.get("approver") == who
    return count


# 3. Passes ---------------------------------------------------------------------------------------


def digest_of(asked: Pass) -> str:
    """Return the digest that approvals of the pass bind."""
    return pass_digest(pass_bytes(asked))


def filed(world: World, asked: Pass) -> World:
    """Return the world with the pass in the journal, and nobody's word for it."""
    return record(world, PASS_ASKED, {"pass": parse_json(pass_bytes(asked), "pass")})


def admin_pass(
    world: World,
    subject_type: SubjectType,
    subject_id: str,
    *,
    new_digest: str,
    previous_digest: str = "",
    **changes: Any,  # noqa: ANN401 - the fields of Pass, each of its type
) -> Pass:
    """Return a pass that puts a document in force in place of another."""
    action = Admin(
        subject_type=subject_type,
        subject_id=subject_id,
        previous_digest=previous_digest,
        new_digest=new_digest,
    )
    return _pass(world, action, f"put {subject_type} {subject_id} in force", changes)


def wallet_pass(
    world: World,
    wallet: Wallet,
    *,
    previous_digest: str = "",
    **changes: Any,  # noqa: ANN401 - the fields of Pass, each of its type
) -> Pass:
    """Return a pass that puts a wallet in force."""
    return admin_pass(
        world,
        SubjectType.WALLET,
        wallet.wallet_id,
        new_digest=wallet_digest(wallet),
        previous_digest=previous_digest,
        **changes,
    )


def register(world: World, wallet: Wallet, *, previous_digest: str = "") -> World:
    """Return the world after a quorum put the wallet in force."""
    world = record(world, WALLET_FILED, {"wallet": wallet_document(wallet)})
    asked = wallet_pass(world, wallet, previous_digest=previous_digest)
    return approve(ask(world, asked), asked)


def transfer_pass(
    world: World,
    wallet: Wallet,
    payments: Iterable[Payment],
    anchor: OutPoint,
    *,
    transfer: Mapping[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 - the fields of Pass, each of its type
) -> Pass:
    """Return a pass for `payments`, anchored on `anchor`, its only listed input.

    `transfer` replaces fields of the transfer (inputs, change, fee, ...), `changes` of the pass.
    """
    with_change = wallet.change_rule is not ChangeRule.NONE
    usual = Transfer(
        chain=wallet.chain,
        wallet_id=wallet.wallet_id,
        wallet_digest=wallet_digest(wallet),
        payments=tuple(payments),
        anchor=anchor,
        inputs=ListedInputs(outpoints=(anchor,)),
        change=ChangeAllowance(rule=wallet.change_rule, outputs_max=1 if with_change else 0),
        transaction=TransactionRule(
            versions=(2,),
            locktime_min=0,
            locktime_max=1_000_000,
            sequence_min=0xFFFF_FFFD,
            sequence_max=0xFFFF_FFFE,
        ),
        fee=FeeRule(fee_max_sat=Sat(100_000), feerate_max_sat_per_kvb=200_000),
        replacement=Replacement(fee_bump=False, replaces=""),
    )
    action = replace(usual, **(transfer or {}))
    return _pass(world, action, "pay what is owed", changes)


def _pass(
    world: World, action: Transfer | Admin, purpose: str, changes: Mapping[str, Any]
) -> Pass:
    usual = Pass(
        pass_id=_ulid(f"pass {len(world.drafts)} {action}"),
        requester=REQUESTER,
        terminal_id="desk-1",
        purpose=purpose,
        not_before_at=NOW - timedelta(hours=1),
        expires_at=NOW + DAY,
        genesis_digest=world.genesis_digest,
        roster_digest=world.roster_digest or world.genesis_digest,
        policy_digest=world.policy_digest,
        action=action,
    )
    return replace(usual, **changes)


# 4. The journal and the gate ---------------------------------------------------------------------


def record(
    world: World, kind: str, body: dict[str, Json], *, at: datetime = NOW, actor: str = "test"
) -> World:
    """Return the world with one more entry of any kind in its journal."""
    entry_id = _ulid(f"entry {len(world.drafts)}")
    draft = Draft(entry_id=entry_id, at=at, kind=kind, actor=actor, body=body)
    return replace(world, drafts=(*world.drafts, draft))


def issued(world: World, asked: Pass) -> World:
    """Return the world after the pass was handed on to a gate."""
    return record(world, PASS_ISSUED, {"pass_digest": digest_of(asked)})


def cleared(world: World, asked: Pass, unsigned: Transaction, *, at: datetime = NOW) -> World:
    """Return the world after the gate wrote down that it cleared `unsigned` under the pass."""
    digest = tagged_digest("unsigned-transaction", unsigned.serialize(with_witness=False))
    return record(
        world,
        GATE_CLEARED,
        {
            "pass_digest": digest_of(asked),
            "txid": unsigned.txid,
            "transaction_digest": digest.hex(),
        },
        at=at,
        actor="gate",
    )


def entries_of(world: World) -> tuple[Entry, ...]:
    """Return the journal's entries, chained and sealed as a store would."""
    entries: list[Entry] = []
    tip = GENESIS
    for seq, draft in enumerate(world.drafts, start=1):
        entry = seal(draft, seq=seq, prev_hash=tip)
        entries.append(entry)
        tip = entry.hash
    return tuple(entries)


def journal_in(folder: Path, world: World) -> JournalStore:
    """Return a real journal in `folder` that holds the world's entries; the caller closes it."""
    store = create_journal(folder / "journal.db")
    for draft in world.drafts:
        store.append(draft)
    return store


def evidence_of(world: World) -> Evidence:
    """Return what the world's journal holds as evidence."""
    return gather_evidence(entries_of(world))


def trust_of(world: World, *, now: datetime = NOW) -> Register:
    """Return what the pinned genesis leads to; a test that expects none asks `establish_trust`."""
    trust, findings = establish_trust(
        evidence_of(world), genesis_digest=world.genesis_digest, now=now
    )
    if trust is None:
        raise ValueError(f"no trust: {findings}")
    return trust


def _ulid(seed: str) -> str:
    return make_ulid(NOW, bytes_of(seed)[:10])
