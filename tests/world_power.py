"""What people with power do to the shared exchange, and what a machine may do in their name.

    world = powers()                                   # as `begin`, with officers and recovery
    world = suspended(world, "chiba")                  # by one officer, doi
    world = reinstated(world, "chiba")
    world = adopted(world, SubjectType.PLAN, "plan", document)
    world, standing = standing_world()                 # a standing pass from a hot wallet
    world = issue(world, child(world, standing, 1))    # its first child

OFFICERS, ISSUER (the withdrawal service's key), HOT (its wallet), COINS, LIMITS; spoken (says it
at a moment), rekeyed and without (the next roster), roster_next.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from world import (
    World,
    admin_pass,
    at_genesis,
    digest_of,
    entries_of,
    filed,
    record,
    register,
    statement,
    transfer_pass,
    under_policy,
)
from world_coins import DESCRIPTORS, STRANGER, bytes_of, funding, outpoint, payment, wallet_of
from world_people import NOW, PEOPLE, QUORUM_PEOPLE, key_of, roster
from world_policy import OPEN_POLICY

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.instants import parse_instant
from sekisho.kernel.money import Sat
from sekisho.passes.children import sign_child
from sekisho.passes.documents import child_digest, pass_bytes
from sekisho.passes.evidence import (
    CHILD_ISSUED,
    PASS_ASKED,
    PASS_STATED,
    ROSTER_FILED,
    document_body,
    filed_digest,
    statement_body,
)
from sekisho.passes.fold import follow
from sekisho.passes.records import (
    Automatic,
    ChangeAllowance,
    Child,
    ChildLimits,
    Credential,
    CredentialKind,
    Decision,
    DestinationRule,
    FeeRule,
    Pass,
    Payment,
    Person,
    Quorum,
    Roster,
    SignedApproval,
    SignedChild,
    SubjectType,
    TransactionRule,
)
from sekisho.passes.register import Register
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import Tier

OFFICERS = ("doi", "fujii")
WIDER = Quorum(at_least=(("finance", 1), ("operations", 2), ("security", 1)))
"""Who together may replace lost keys."""
HOT = wallet_of(DESCRIPTORS["wpkh"], wallet_id="hot-1", tier=Tier.HOT)
COINS = tuple(outpoint(funding(HOT, 10**8, salt=str(number)), 0) for number in range(40))
ISSUER = Ed25519PrivateKey.from_private_bytes(bytes_of("the withdrawal service"))
LIMITS = ChildLimits(
    child_max_sat=Sat(50_000),
    hour_max_sat=Sat(100_000),
    day_max_sat=Sat(150_000),
    children_max=20,
    child_valid_seconds=3_600,
)


# 1. People ---------------------------------------------------------------------------------------


@cache
def powers(**changes: Any) -> World:  # noqa: ANN401 - the fields of Roster, each of its type
    """Return a world with two officers and a recovery quorum, under the open policy."""
    usual: dict[str, Any] = {"people": with_officers(), "quorum_recovery": WIDER}
    return under_policy(at_genesis(roster(**usual | changes)), OPEN_POLICY)


def with_officers(*people: Person) -> tuple[Person, ...]:
    """Return people (the usual ones), those of `OFFICERS` as officers."""
    return tuple(replace(each, officer=each.person_id in OFFICERS) for each in (people or PEOPLE))


def roster_next(world: World, **changes: Any) -> Roster:  # noqa: ANN401 - fields of Roster
    """Return the roster that may follow the one in force, with fields replaced."""
    now = in_force(world)
    usual: dict[str, Any] = {
        "version": now.roster.version + 1,
        "previous_digest": now.roster_digest,
    }
    return replace(now.roster, **usual | changes)


def without(people: Sequence[Person], *names: str) -> tuple[Person, ...]:
    """Return people without those named."""
    return tuple(each for each in people if each.person_id not in names)


def rekeyed(people: Sequence[Person], name: str, credential_id: str = "") -> tuple[Person, ...]:
    """Return people of whom `name` has a new credential alone; its key is `key_of(its id)`."""
    credential_id = credential_id or f"{name}-2"
    fresh = Credential(
        credential_id=credential_id,
        kind=CredentialKind.ED25519,
        public_key=key_of(credential_id).public_key().public_bytes_raw(),
    )
    return tuple(
        replace(each, credentials=(fresh,)) if each.person_id == name else each for each in people
    )


def proposal(world: World, people: Roster, *, recovery: bool = False) -> tuple[World, Pass]:
    """Return the world after a roster was filed and a pass for it asked for, and that pass."""
    document = roster_bytes(people)
    world = record(world, ROSTER_FILED, {"roster": parse_json(document, "roster")})
    asked = admin_pass(
        bound(world),
        SubjectType.RECOVERY if recovery else SubjectType.ROSTER,
        "roster",
        new_digest=roster_digest(document),
        previous_digest=in_force(world).roster_digest,
    )
    return spoken(filed(world, asked), asked, Decision.ASK, "aoki"), asked


def suspension(world: World, whom: str, *, by: str = "doi", **changes: Any) -> Pass:  # noqa: ANN401 - fields of Pass
    """Return the pass with which an officer suspends somebody."""
    return admin_pass(
        bound(world),
        SubjectType.SUSPENSION,
        whom,
        new_digest=in_force(world).roster_digest,
        requester=by,
        **changes,
    )


def suspended(
    world: World,
    whom: str,
    *,
    by: str = "doi",
    second: str = "",
    at: datetime = NOW,
    heard_at: datetime | None = None,
) -> World:
    """Return the world after an officer, and perhaps a second one, suspended somebody."""
    until_at = max(at, heard_at or at) + timedelta(days=1)
    asked = suspension(world, whom, by=by, expires_at=until_at)
    world = spoken(filed(world, asked), asked, Decision.ASK, by, at=at, heard_at=heard_at)
    if second:
        world = spoken(world, asked, Decision.APPROVE, second, at=at, heard_at=heard_at)
    return world


def reinstatement(world: World, whom: str, **changes: Any) -> Pass:  # noqa: ANN401 - fields of Pass
    """Return the pass with which a quorum gives a person's voice back."""
    digest = in_force(world).roster_digest
    return admin_pass(bound(world), SubjectType.REINSTATEMENT, whom, new_digest=digest, **changes)


def reinstated(world: World, whom: str, *, by: Sequence[str] = ("baba", "doi", "endo")) -> World:
    """Return the world after a quorum gave a person's voice back."""
    asked = reinstatement(world, whom)
    return agreed_by(world, asked, by=by)


def adopted(
    world: World,
    subject_type: SubjectType,
    subject_id: str,
    document: bytes,
    *,
    by: Sequence[str] = QUORUM_PEOPLE,
    previous: str | None = None,
    at: datetime = NOW,
) -> World:
    """Return the world after a document was filed, and put in force if `by` are enough."""
    what = subject_type.value
    world = record(world, *document_body(what, parse_json(document, what)), at=at)
    now = in_force(world).in_force.get((subject_type, subject_id))
    asked = admin_pass(
        bound(world),
        subject_type,
        subject_id,
        new_digest=filed_digest(what, document),
        previous_digest=("" if now is None else now.digest) if previous is None else previous,
        expires_at=at + timedelta(days=1),
    )
    return agreed_by(world, asked, by=by, at=at)


# 2. Statements -----------------------------------------------------------------------------------


def spoken(
    world: World,
    about: Pass,
    decision: Decision,
    *who: str,
    at: datetime = NOW,
    heard_at: datetime | None = None,
    **changes: Any,  # noqa: ANN401 - the fields of Approval, each of its type
) -> World:
    """Return the world after each of `who` made a statement, which the journal heard at once."""
    for each in who:
        signed = statement(world, each, decision, about, signed_at=at, **changes)
        world = heard(world, signed, at=heard_at or at)
    return world


def heard(world: World, *signed: SignedApproval, at: datetime = NOW) -> World:
    """Return the world after statements were written into the journal at a moment."""
    for each in signed:
        body = statement_body(each, parse_json(each.document, "approval"))
        world = record(world, PASS_STATED, body, at=at)
    return world


def agreed_by(
    world: World,
    asked: Pass,
    *,
    by: Sequence[str] = QUORUM_PEOPLE,
    at: datetime = NOW,
    heard_at: datetime | None = None,
) -> World:
    """Return the world after a pass was filed, asked for, and approved by each of `by`."""
    world = record(
        world, PASS_ASKED, {"pass": parse_json(pass_bytes(asked), "pass")}, at=heard_at or at
    )
    world = spoken(world, asked, Decision.ASK, asked.requester, at=at, heard_at=heard_at)
    return spoken(world, asked, Decision.APPROVE, *by, at=at, heard_at=heard_at)


def in_force(world: World) -> Register:
    """Return the register that follows the world's journal."""
    found = Register(genesis_digest=world.genesis_digest)
    for entry in entries_of(world):
        follow(found, entry)
    return found


def bound(world: World) -> World:
    """Return the world with the digests of the roster and the policy that are in force."""
    now = in_force(world)
    return replace(world, roster_digest=now.roster_digest, policy_digest=now.policy_digest)


# 3. Standing passes ------------------------------------------------------------------------------


def standing_pass(
    world: World,
    *,
    automatic: dict[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 - the fields of Pass, each of its type
) -> Pass:
    """Return a standing pass from the hot wallet; `automatic` replaces fields of its action."""
    usual = Automatic(
        chain=HOT.chain,
        wallet_id=HOT.wallet_id,
        wallet_digest=wallet_digest(HOT),
        issuer_key=ISSUER.public_key().public_bytes_raw(),
        destinations=DestinationRule.ANY,
        limits=LIMITS,
        inputs_max=5,
        change=ChangeAllowance(rule=HOT.change_rule, outputs_max=1),
        transaction=TransactionRule(
            versions=(2,),
            locktime_min=0,
            locktime_max=0,
            sequence_min=0xFFFF_FFFD,
            sequence_max=0xFFFF_FFFE,
        ),
        fee=FeeRule(fee_max_sat=Sat(20_000), feerate_max_sat_per_kvb=100_000),
        fee_bump=True,
    )
    model = transfer_pass(bound(world), HOT, [payment(STRANGER, 1_000)], COINS[0])
    changes = {"expires_at": NOW + timedelta(days=30)} | changes
    return replace(model, action=replace(usual, **(automatic or {})), **changes)


@cache
def standing_base() -> World:
    """Return the world in which the hot wallet is in force."""
    return register(powers(), HOT)


def standing_world(**automatic: Any) -> tuple[World, Pass]:  # noqa: ANN401 - fields of Automatic
    """Return a world with an approved standing pass, and the pass."""
    asked = standing_pass(standing_base(), automatic=automatic)
    return agreed_by(standing_base(), asked), asked


def child(
    world: World,
    standing: Pass,
    number: int,
    *payments: Payment,
    anchor: OutPoint | None = None,
    key: Ed25519PrivateKey = ISSUER,
    **changes: Any,  # noqa: ANN401 - the fields of Child, each of its type
) -> SignedChild:
    """Return a signed child that pays a stranger 10,000 sat, with anything replaced."""
    usual = Child(
        standing_digest=digest_of(standing),
        number=number,
        chain=HOT.chain,
        anchor=anchor or COINS[number % len(COINS)],
        payments=payments or (payment(STRANGER, 10_000),),
        genesis_digest=world.genesis_digest,
        issued_at=NOW,
    )
    return sign_child(replace(usual, **changes), key)


def issue(world: World, *signed: SignedChild, at: datetime | None = None) -> World:
    """Return the world after children were written into the journal, at once unless told."""
    for each in signed:
        document = parse_json(each.document, "child")
        body = {"child": document, "signature": each.signature.hex()}
        said_at = document.get("issued") if isinstance(document, dict) else None
        issued_at = parse_instant(said_at, "issued") if isinstance(said_at, str) else NOW
        world = record(world, CHILD_ISSUED, body, at=at or max(issued_at, NOW))
    return world


def name_of(signed: SignedChild) -> str:
    """Return the digest of a child."""
    return child_digest(signed.document)
