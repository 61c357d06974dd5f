"""What the order of the journal decides, and what a clearance is worth later.

A server writes the journal, so it may write late, early or in another order. What was never
counted is not believed, nobody uses up another's numbers, and nobody suspended speaks.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from credence_agreed import agreed
from world import (
    World,
    admin_pass,
    approve,
    ask,
    at_genesis,
    begin,
    cleared,
    digest_of,
    entries_of,
    evidence_of,
    filed,
    record,
    register,
    rotated,
    said,
    statement,
    transfer_pass,
    under_policy,
    void,
)
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    funding,
    outpoint,
    payment,
    spending,
    stranger,
    txout,
    wallet_of,
)
from world_people import DAY, NOW, PEOPLE, QUORUM_PEOPLE, key_of, person, roster
from world_policy import OPEN_POLICY

from sekisho.kernel.canonical import parse_json
from sekisho.kernel.money import Sat
from sekisho.passes.documents import read_approval
from sekisho.passes.evidence import ROSTER_FILED
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import Bound, Limit, TimeLockStep, Who, Window
from sekisho.passes.records import Decision, Pass, Roster, SubjectType
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.wallets.records import Tier
from sekisho.watch.credence import Grant, weigh
from sekisho.watch.state import weigh_entries

WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
BASE = register(begin(), WALLET)
COIN = outpoint(funding(WALLET, 10**8), 0)
HOUR = timedelta(hours=1)
AN_HOUR_AT_MOST = replace(
    OPEN_POLICY,
    policy_id="hourly",
    limits=(
        Limit(
            scope=Scope.WALLET,
            window=Window.HOUR,
            who=Who.PEOPLE,
            tiers=tuple(Tier),
            most=Bound(size_sat=Sat(40_000)),
            reference="none",
        ),
        OPEN_POLICY.limits[1],
    ),
)
LOCKED = replace(
    OPEN_POLICY,
    policy_id="locked",
    time_lock=(
        TimeLockStep(
            tiers=tuple(Tier), least=Bound(size_sat=Sat(5_000)), hold_seconds=600, reference="none"
        ),
    ),
)


def decided(
    world: World, amount_sat: int, number: int, *, at: datetime = NOW
) -> tuple[World, Pass]:
    """Return the world after people approved a transfer, all of them at one moment."""
    coin = outpoint(funding(WALLET, 10**8, salt=str(number)), 0)
    asked = transfer_pass(world, WALLET, [payment(stranger(number), amount_sat)], coin)
    world = filed(world, asked)
    world = said(world, statement(world, "aoki", Decision.ASK, asked, signed_at=at))
    for who in QUORUM_PEOPLE:
        world = said(world, statement(world, who, Decision.APPROVE, asked, signed_at=at))
    return world, asked


def believed(world: World, asked: Pass) -> bool:
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    return digest_of(asked) in credence.believed


# 1. What was never counted -----------------------------------------------------------------------


def test_statements_before_the_pass_count_it_nowhere() -> None:
    """Else a server that writes them first would let limits count nothing at all."""
    asked = transfer_pass(BASE, WALLET, [payment(STRANGER, 7_000)], COIN)
    first = [statement(BASE, "aoki", Decision.ASK, asked)]
    first += [statement(BASE, who, Decision.APPROVE, asked) for who in QUORUM_PEOPLE]
    world = filed(said(BASE, *first), asked)
    assert not believed(world, asked)
    world = said(world, statement(world, "doi", Decision.APPROVE, asked))
    assert believed(world, asked)


def test_what_a_limit_denied_is_not_allowed_by_waiting() -> None:
    """Else two passes, each too much beside the other, would not see each other later."""
    world, first = decided(under_policy(BASE, AN_HOUR_AT_MOST), 39_000, 1)
    world, second = decided(world, 30_000, 2, at=NOW + timedelta(minutes=1))
    world, third = decided(world, 30_000, 3, at=NOW + timedelta(minutes=2))
    world, late = decided(world, 1_000, 4, at=NOW + 2 * HOUR)
    assert [believed(world, each) for each in (first, second, third, late)] == [
        True,
        False,
        False,
        True,
    ]


# 2. Who speaks -----------------------------------------------------------------------------------


def test_nobody_uses_up_the_numbers_of_a_credential_that_they_merely_list() -> None:
    chibas = replace(
        PEOPLE[2].credentials[0], public_key=key_of("mallory").public_key().public_bytes_raw()
    )
    mallory = replace(person("mallory", "security"), credentials=(chibas,))
    others = tuple(each for each in PEOPLE if each.person_id != "chiba")
    proposed = roster(version=2, previous_digest=BASE.genesis_digest, people=(*others, mallory))
    world, rotation = proposing(BASE, proposed, requester="mallory")
    hers = statement(world, "chiba", Decision.APPROVE, rotation)
    burning = statement(
        world,
        "mallory",
        Decision.APPROVE,
        rotation,
        key=key_of("mallory"),
        credential_id="chiba-1",
        sequence=read_approval(hers.document, "approval").sequence,
    )
    world, asked = decided(said(world, burning), 7_000, 1)
    assert believed(world, asked)


def test_nobody_suspended_speaks_for_the_next_roster() -> None:
    officers = tuple(replace(each, officer=each.person_id == "doi") for each in PEOPLE)
    genesis = roster(people=(*officers, person("gotoh", "security")))
    world = under_policy(at_genesis(genesis), OPEN_POLICY)
    suspension = admin_pass(
        world, SubjectType.SUSPENSION, "chiba", new_digest=world.genesis_digest, requester="doi"
    )
    world = ask(world, suspension)
    without_doi = tuple(each for each in genesis.people if each.person_id != "doi")
    new = replace(genesis, version=2, previous_digest=world.genesis_digest, people=without_doi)
    for third, taken in (("chiba", False), ("gotoh", True)):
        after, rotation = proposing(world, new)
        after = approve(ask(after, rotation), rotation, by=("baba", "endo", "doi", third))
        credence = weigh(evidence_of(after), genesis_digest=world.genesis_digest, now=NOW)
        assert (credence.roster_digest == roster_digest(roster_bytes(new))) == taken


def proposing(world: World, new: Roster, *, requester: str = "aoki") -> tuple[World, Pass]:
    document = roster_bytes(new)
    world = record(world, ROSTER_FILED, {"roster": parse_json(document, "roster")})
    rotation = admin_pass(
        world,
        SubjectType.ROSTER,
        "roster",
        new_digest=roster_digest(document),
        previous_digest=world.genesis_digest,
        requester=requester,
    )
    return filed(world, rotation), rotation


# 3. What the gate let through --------------------------------------------------------------------

ASKED = transfer_pass(BASE, WALLET, [payment(STRANGER, 7_000)], COIN)
ALLOWED = approve(ask(BASE, ASKED), ASKED)
UNSIGNED = spending([COIN], [txout(STRANGER, 7_000)])


def grant_in(world: World, *, now: datetime = NOW) -> Grant:
    credence = weigh_entries(entries_of(world), genesis_digest=world.genesis_digest, now=now)
    [grant] = [each for each in credence.grants if each.digest == digest_of(ASKED)]
    return grant


def test_what_the_gate_let_through_while_it_was_allowed_stays_no_theft() -> None:
    """A policy that changes, or a roster that rotates, does not unsign what was signed."""
    let_through = cleared(ALLOWED, ASKED, UNSIGNED)
    new = roster(version=2, previous_digest=BASE.genesis_digest, people=PEOPLE[:2] + PEOPLE[3:])
    for world in (
        under_policy(let_through, AN_HOUR_AT_MOST),
        rotated(let_through, new, by=("baba", "doi", "endo")),
    ):
        grant = grant_in(world)
        assert not grant.allowed
        assert len(grant.honoured) == 1
    assert grant_in(let_through).allowed


def test_a_clearance_is_worth_nothing_where_the_pass_was_not_allowed() -> None:
    changed = under_policy(ALLOWED, AN_HOUR_AT_MOST)
    asked_only = ask(BASE, ASKED)
    late = begin().roster.expires_at
    for world in (
        cleared(changed, ASKED, UNSIGNED),
        approve(cleared(asked_only, ASKED, UNSIGNED), ASKED),
        void(cleared(ALLOWED, ASKED, UNSIGNED), ASKED),
        cleared(void(ALLOWED, ASKED), ASKED, UNSIGNED),
        cleared(ALLOWED, ASKED, UNSIGNED, at=late),
    ):
        assert grant_in(world).honoured == frozenset()
    assert grant_in(cleared(ALLOWED, ASKED, UNSIGNED), now=late).honoured == frozenset()


def test_a_time_lock_begins_with_the_last_approval_and_is_the_gates() -> None:
    world, asked = decided(under_policy(BASE, LOCKED), 7_000, 1, at=NOW + HOUR)
    credence = agreed(evidence_of(world), world.genesis_digest)
    [grant] = [each for each in credence.grants if each.digest == digest_of(asked)]
    assert (grant.allowed, grant.held_until_at) == (True, NOW + HOUR + timedelta(seconds=600))
    world, asked = decided(under_policy(BASE, LOCKED), 4_999, 1)
    credence = agreed(evidence_of(world), world.genesis_digest, now=NOW + DAY)
    [grant] = [each for each in credence.grants if each.digest == digest_of(asked)]
    assert (grant.allowed, grant.held_until_at) == (True, None)
