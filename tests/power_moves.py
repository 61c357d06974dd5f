"""What the exchange at random is made of: its rules, and what its people may set about."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import strategies as st
from world import World, admin_pass, filed, record
from world import register as put_in_force
from world_people import NOW, PEOPLE
from world_policy import OPEN_POLICY
from world_power import (
    HOT,
    adopted,
    bound,
    powers,
    roster_next,
)

from sekisho.kernel.canonical import parse_json
from sekisho.kernel.money import Sat
from sekisho.passes.evidence import document_body, filed_digest
from sekisho.passes.policy.documents import policy_document
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import Bound, Limit, TimeLockStep, Who, Window
from sekisho.passes.records import Pass, Person, SubjectType
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.wallets.records import Tier

MOST = 100_000
HOLD = timedelta(hours=2)
HELD_FROM = 50_000
DAY = timedelta(days=1)
LONG = timedelta(days=60)
POLICY = replace(
    OPEN_POLICY,
    version=2,
    limits=(
        Limit(
            scope=Scope.WALLET,
            window=Window.DAY,
            who=Who.PEOPLE,
            tiers=tuple(Tier),
            most=Bound(size_sat=Sat(MOST)),
            reference="none",
        ),
        *OPEN_POLICY.limits,
    ),
    time_lock=(
        TimeLockStep(
            tiers=tuple(Tier),
            least=Bound(size_sat=Sat(HELD_FROM)),
            hold_seconds=7_200,
            reference="none",
        ),
    ),
)
POLICIES = (POLICY, replace(POLICY, version=3))
BASE = put_in_force(
    bound(adopted(powers(), SubjectType.POLICY, "policy", policy_document(POLICY))), HOT
)
DEPARTMENT = {each.person_id: each.department for each in PEOPLE}
NAMES = sorted(DEPARTMENT)
WHO = st.sampled_from(NAMES)
AMOUNT = st.sampled_from([5_000, 30_000, 49_999, 60_000])


@dataclass
class Asked:
    """One transfer, as the model knows it."""

    made: Pass
    amount_sat: int
    policy: int
    asked: bool = False
    yes: dict[str, str] = field(default_factory=dict)
    """By person, the key with which they last said yes."""
    no: bool = False
    last_at: datetime = NOW
    counted_at: datetime | None = None
    asker_key: str = ""


def replace_times(made: Pass, now: datetime) -> Pass:
    return replace(made, not_before_at=now, expires_at=now + DAY)


def proposal_at(world: World, people: tuple[Person, ...], now: datetime) -> tuple[World, Pass]:
    """Return the world with a roster and its pass filed, to be asked for now."""
    new = roster_next(world, people=people)
    document = roster_bytes(new)
    world = record(world, "roster.filed", {"roster": parse_json(document, "roster")})
    made = replace_times(
        admin_pass(
            world,
            SubjectType.ROSTER,
            "roster",
            new_digest=roster_digest(document),
            previous_digest=world.roster_digest,
        ),
        now,
    )
    return filed(world, made), made


def adopted_at(world: World, document: bytes, now: datetime) -> World:
    """Return the world with a policy and its pass filed, to be asked for now."""
    world = record(world, *document_body("policy", parse_json(document, "policy")))
    made = admin_pass(
        world,
        SubjectType.POLICY,
        "policy",
        new_digest=filed_digest("policy", document),
        previous_digest=world.policy_digest,
    )
    return filed(world, replace_times(made, now))
