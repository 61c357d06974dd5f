"""One voice that repeats itself, and many that are nobody's: the journal must stay readable."""

import pytest
from credence_agreed import agreed
from world import World, digest_of, evidence_of, register, reject, statement, transfer_pass
from world_coins import STRANGER, payment
from world_people import NOW, QUORUM_PEOPLE, key_of, person
from world_power import (
    COINS,
    HOT,
    agreed_by,
    child,
    heard,
    in_force,
    issue,
    name_of,
    powers,
    proposal,
    roster_next,
    spoken,
    standing_world,
)

from sekisho.passes.hearing import FORGERIES_MAX, REPEATS_MAX, STRANGERS_MAX
from sekisho.passes.records import Decision, Pass, Quorum
from sekisho.passes.verify import standing_of
from sekisho.watch.credence import weigh

BASE = register(powers(), HOT)
STRANGERS = 20
ASKED = transfer_pass(BASE, HOT, [payment(STRANGER, 1_000)], COINS[0])


def codes(world: World, asked: Pass = ASKED) -> list[str]:
    found = [each.code for each in standing_of(in_force(world), digest_of(asked)).findings]
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    assert (digest_of(asked) in credence.believed) == (not found)
    return found


def repeated(world: World, decision: Decision, times: int, *, who: str = "baba") -> World:
    first = 10_000 + len(world.drafts)
    return heard(
        world,
        *(
            statement(world, who, decision, ASKED, sequence=first + number)
            for number in range(times)
        ),
    )


def test_whoever_repeats_themselves_is_heard_so_often_and_no_more() -> None:
    world = agreed_by(BASE, ASKED, by=("chiba",))
    world = repeated(world, Decision.APPROVE, 3 * REPEATS_MAX)
    ballots = in_force(world).ballots[digest_of(ASKED)]
    assert len(ballots) == 2 + REPEATS_MAX
    assert codes(spoken(world, ASKED, Decision.APPROVE, "endo")) == []


def test_a_statement_that_is_played_again_is_not_kept_again() -> None:
    world = agreed_by(BASE, ASKED)
    signed = statement(world, "doi", Decision.APPROVE, ASKED, sequence=500)
    world = heard(world, *[signed] * 50)
    assert len(in_force(world).ballots[digest_of(ASKED)]) == 5


def test_a_no_is_heard_after_any_number_of_others() -> None:
    world = agreed_by(BASE, ASKED)
    world = repeated(world, Decision.APPROVE, 2 * REPEATS_MAX)
    world = repeated(world, Decision.ASK, 2 * REPEATS_MAX)
    assert codes(world) == []
    assert codes(reject(world, ASKED, by="baba")) == ["passes.rejected"]
    for decision, code in ((Decision.REJECT, "rejected"), (Decision.VOID, "voided")):
        assert set(codes(repeated(world, decision, 2 * REPEATS_MAX))) == {f"passes.{code}"}


def test_what_one_says_often_takes_nobody_elses_voice() -> None:
    world = agreed_by(BASE, ASKED, by=())
    for who in ("doi", "fujii", "aoki"):
        world = repeated(world, Decision.ASK, 2 * REPEATS_MAX, who=who)
    assert codes(spoken(world, ASKED, Decision.APPROVE, *QUORUM_PEOPLE)) == []


def test_forgeries_are_kept_so_that_they_are_seen_and_not_all_of_them() -> None:
    world = agreed_by(BASE, ASKED, by=("baba",))
    forged = [
        statement(world, "chiba", Decision.APPROVE, ASKED, key=key_of("mallory"), sequence=number)
        for number in range(1, 2 * FORGERIES_MAX)
    ]
    world = heard(world, *forged)
    found = standing_of(in_force(world), digest_of(ASKED))
    assert len(found.set_aside) == FORGERIES_MAX
    assert {each.code for each in found.set_aside} == {"passes.signature_invalid"}
    # And none of the numbers that they named is used up.
    assert codes(spoken(world, ASKED, Decision.APPROVE, "chiba", "endo")) == []


def test_a_flood_on_a_rotation_uses_nothing_up() -> None:
    world, asked = proposal(BASE, roster_next(BASE))
    forged = [
        statement(world, "chiba", decision, asked, key=key_of("mallory"), sequence=number)
        for number in range(1, FORGERIES_MAX + 20)
        for decision in (Decision.REJECT, Decision.VOID)
    ]
    world = spoken(heard(world, *forged), asked, Decision.APPROVE, *QUORUM_PEOPLE)
    assert in_force(world).roster.version == 2


def test_forged_children_use_no_number_up() -> None:
    world, standing = standing_world()
    forged = [child(world, standing, number, key=key_of("mallory")) for number in range(1, 200)]
    true = child(world, standing, 1)
    after = in_force(issue(world, *forged, true))
    assert list(after.child_places) == [name_of(true)]
    assert after.children[digest_of(standing)][1].findings == ()


@pytest.mark.parametrize("flood", [STRANGERS_MAX - 1, STRANGERS_MAX])
def test_people_whom_only_a_proposed_roster_lists_are_heard_so_often(flood: int) -> None:
    """Whoever can write the journal files a roster of keys of their own making, and signs.

    Gate and watcher stop hearing strangers at the same statement; our own people are heard on.
    """
    strangers = [person(f"stranger-{number}", "security") for number in range(STRANGERS)]
    lawyer = person("lawyer", "legal")
    now = in_force(BASE).roster
    admin, wider = (
        Quorum(at_least=tuple(sorted((*each.at_least, ("legal", 1)))))
        for each in (now.quorum_admin, now.quorum_recovery)
    )
    world, asked = proposal(
        BASE,
        roster_next(
            BASE,
            departments=tuple(sorted((*now.departments, "legal"))),
            people=(*now.people, *strangers, lawyer),
            quorum_admin=admin,
            quorum_recovery=wider,
        ),
    )
    pairs = [(who.person_id, number) for number in range(REPEATS_MAX) for who in strangers]
    flooded = heard(
        world,
        *(
            statement(world, who, Decision.APPROVE, asked, sequence=1 + number)
            for who, number in pairs[:flood]
        ),
    )
    flooded = spoken(flooded, asked, Decision.APPROVE, *QUORUM_PEOPLE, "lawyer")
    agreed(evidence_of(flooded), flooded.genesis_digest)
    register = in_force(flooded)
    assert register.roster.version == (2 if flood < STRANGERS_MAX else 1)
    heard_of_ours = [each.approval.approver for each in register.ballots[digest_of(asked)]]
    assert set(QUORUM_PEOPLE) <= set(heard_of_ours)
