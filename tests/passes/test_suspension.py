"""One officer takes a voice away; a quorum gives it back.

Where a name says `never`, the attacker goes on talking after the attack failed.
"""

from datetime import timedelta

import pytest
from adoption_world import (
    BASE,
    PEOPLE_NOW,
    STAFF,
    WALLET,
    decided,
    findings_on,
    live,
    rotated_to,
    transfer_in,
    why_not,
)
from world import (
    admin_pass,
    ask,
    filed,
    register,
    reject,
    statement,
    void,
)
from world_people import DAY, NOW, ONE_OF_EACH, QUORUM_PEOPLE, person
from world_people import key_of as secret_of
from world_power import (
    agreed_by,
    heard,
    in_force,
    powers,
    proposal,
    reinstated,
    reinstatement,
    rekeyed,
    roster_next,
    spoken,
    suspended,
    suspension,
)

from sekisho.passes.records import NOBODY, Decision, Quorum, SubjectType

# 1. Suspension -----------------------------------------------------------------------------------


def test_one_officer_suspends_at_once() -> None:
    asked = transfer_in(BASE)
    world = agreed_by(BASE, asked, by=("baba", "chiba", "endo"))
    assert findings_on(world, asked) == []
    after = suspended(world, "chiba")
    assert findings_on(after, asked) == ["quorum_missing"]
    assert "chiba-1" not in live(after)
    assert in_force(after).roster.quorum_transfer == ONE_OF_EACH
    assert findings_on(decided(after, asked, "chiba"), asked) == ["quorum_missing"]
    assert findings_on(decided(after, asked, "doi"), asked) == []


def test_whoever_is_suspended_does_not_even_say_no() -> None:
    """Else one insider who is found out could stop every pass, and their own removal."""
    asked = transfer_in(BASE)
    world = suspended(agreed_by(BASE, asked, by=("baba", "doi", "endo")), "chiba")
    assert findings_on(world, asked) == []
    assert findings_on(reject(world, asked, by="chiba"), asked) == []
    assert findings_on(void(world, asked, by="chiba"), asked) == []
    before = reject(agreed_by(BASE, asked, by=("baba", "doi", "endo")), asked, by="chiba")
    assert findings_on(suspended(before, "chiba"), asked) == ["rejected"]


def test_nobody_else_suspends() -> None:
    asked = suspension(BASE, "chiba", by="baba")
    world = ask(BASE, asked)
    assert why_not(world, asked) == ["not_an_officer"]
    # Nor is an officer's approval of it the officer's own word.
    assert why_not(decided(world, asked, "endo", "chiba"), asked) == ["not_an_officer"]


def test_a_suspended_officer_suspends_nobody() -> None:
    world = suspended(BASE, "fujii")
    asked = suspension(world, "chiba", by="fujii")
    assert why_not(ask(world, asked), asked) == ["not_asked"]
    second = suspension(world, "baba", by="doi")
    world = ask(world, second)
    assert "fujii-1" not in live(world)


def test_an_officers_suspension_needs_their_signature() -> None:
    asked = suspension(BASE, "chiba", by="doi")
    world = filed(BASE, asked)
    forged = statement(world, "doi", Decision.ASK, asked, key=secret_of("mallory"))
    assert why_not(heard(world, forged), asked) == ["not_asked"]
    by_another = statement(world, "baba", Decision.ASK, asked)
    assert why_not(heard(world, by_another), asked) == ["not_asked"]


@pytest.mark.parametrize("whom", ["mallory", "chiba"])
def test_only_somebody_on_the_roster_and_not_suspended_is_suspended(whom: str) -> None:
    world = suspended(BASE, "chiba")
    asked = suspension(world, whom)
    assert why_not(ask(world, asked), asked) == ["cannot_be_suspended"]


def test_a_suspension_is_from_the_roster_in_force() -> None:
    asked = admin_pass(
        BASE, SubjectType.SUSPENSION, "chiba", new_digest="ab" * 32, requester="doi"
    )
    assert why_not(ask(BASE, asked), asked) == ["other_roster"]


BIG = (
    *PEOPLE_NOW,
    person("gotoh", "security"),
    person("hara", "finance"),
    person("ito", "security"),
)


def test_the_third_in_a_day_needs_a_second_officer() -> None:
    world = register(powers(people=BIG), WALLET)
    world = suspended(suspended(world, "chiba"), "gotoh")
    third = suspension(world, "hara")
    asked = ask(world, third)
    assert why_not(asked, third) == ["second_officer_needed"]
    assert why_not(decided(asked, third, "baba"), third) == ["second_officer_needed"]
    assert why_not(decided(asked, third, "doi"), third) == ["second_officer_needed"]
    assert why_not(decided(asked, third, "fujii"), third) == []
    later = suspended(world, "hara", at=NOW + DAY)
    assert "hara-1" not in live(later)
    assert "hara-1" in live(suspended(world, "hara", at=NOW + DAY - timedelta(seconds=1)))


def test_an_officers_clock_set_ahead_is_no_second_officer() -> None:
    world = suspended(suspended(powers(people=BIG), "chiba"), "gotoh")
    ahead = suspended(world, "hara", at=NOW + 2 * DAY, heard_at=NOW)
    assert "hara-1" in live(ahead)
    back = suspended(world, "hara", at=NOW - timedelta(minutes=30), heard_at=NOW + 2 * DAY)
    assert "hara-1" in live(back)


def test_each_officer_has_their_own_count() -> None:
    world = suspended(suspended(powers(people=BIG), "chiba"), "gotoh")
    assert "hara-1" not in live(suspended(world, "hara", by="fujii"))


def test_a_quorum_is_not_made_impossible_by_one_officer() -> None:
    world = suspended(BASE, "chiba")
    asked = suspension(world, "doi", by="fujii")
    world = ask(world, asked)
    assert why_not(world, asked) == ["second_officer_needed"]
    # The other officer is the one whom it concerns; they may agree to it.
    assert why_not(decided(world, asked, "doi"), asked) == []


def test_whoever_asks_does_not_count_so_three_people_are_no_quorum_of_three() -> None:
    """With one left in each department nobody could ask for anything: not even reinstatement."""
    world = suspended(suspended(BASE, "baba"), "chiba")
    third = suspension(world, "endo", by="fujii")
    world = ask(world, third)
    assert why_not(world, third) == ["second_officer_needed"]
    assert why_not(decided(world, third, "doi"), third) == []


def test_somebody_whose_keys_are_all_retired_is_nobody_that_is_left() -> None:
    """Reinstated, but without a key: not somebody by whom a quorum could be met."""
    world = reinstated(suspended(BASE, "chiba"), "chiba")
    assert "chiba-1" not in live(world)
    assert "doi-1" in live(suspended(world, "doi", by="fujii"))


def test_a_quorum_reinstates_and_earlier_approvals_stay_void() -> None:
    asked = transfer_in(BASE)
    world = agreed_by(BASE, asked, by=("baba", "chiba", "endo"))
    world = suspended(world, "chiba")
    kept_back = statement(world, "chiba", Decision.APPROVE, asked, sequence=50)
    world = reinstated(world, "chiba")
    assert in_force(world).suspended == {}
    assert findings_on(world, asked) == ["quorum_missing"]
    assert findings_on(heard(world, kept_back), asked) == ["quorum_missing"]
    fresh = rotated_to(world, rekeyed(PEOPLE_NOW, "chiba"), "baba", "doi", "endo")
    assert findings_on(fresh, asked) == ["quorum_missing"]
    world = spoken(
        fresh, asked, Decision.APPROVE, "chiba", credential_id="chiba-2", key=secret_of("chiba-2")
    )
    assert findings_on(world, asked) == []


@pytest.mark.parametrize("missing", ["baba", "doi", "endo"])
def test_less_than_a_quorum_reinstates_nobody(missing: str) -> None:
    world = suspended(BASE, "chiba")
    by = [who for who in ("baba", "doi", "endo") if who != missing]
    assert set(in_force(reinstated(world, "chiba", by=by)).suspended) == {"chiba"}
    helped = reinstated(world, "chiba", by=[*by, "chiba"])
    assert set(in_force(helped).suspended) == {"chiba"}


def test_nobody_reinstates_who_is_not_suspended() -> None:
    asked = reinstatement(BASE, "chiba")
    assert why_not(agreed_by(BASE, asked), asked) == ["not_suspended"]


def test_a_reinstatement_from_before_the_suspension_never_undoes_it() -> None:
    """A complete quorum lies ready; after the suspension anybody at all says something on it."""
    ready = reinstatement(BASE, "chiba")
    world = agreed_by(BASE, ready)
    world = suspended(world, "chiba")
    for who in ("baba", "endo", "fujii", "doi"):
        world = spoken(world, ready, Decision.APPROVE, who)
    assert set(in_force(world).suspended) == {"chiba"}
    assert why_not(world, ready) == ["superseded"]


def test_the_second_of_two_reinstatements_never_undoes_the_next_suspension() -> None:
    world = suspended(BASE, "chiba")
    one = reinstatement(world, "chiba")
    world = filed(world, one)
    other = reinstatement(world, "chiba")
    world = agreed_by(
        agreed_by(world, one, by=("baba", "doi", "endo")), other, by=("baba", "doi", "endo")
    )
    assert in_force(world).suspended == {}
    again = suspended(world, "chiba", by="fujii")
    assert set(in_force(again).suspended) == {"chiba"}
    assert set(in_force(spoken(again, other, Decision.ASK, "baba")).suspended) == {"chiba"}


def test_the_second_of_two_suspensions_never_undoes_a_reinstatement() -> None:
    late = suspension(BASE, "chiba", by="fujii")
    world = spoken(filed(suspended(BASE, "chiba"), late), late, Decision.ASK, "fujii")
    world = reinstated(world, "chiba")
    world = spoken(world, late, Decision.ASK, "baba", "endo")
    assert in_force(world).suspended == {}


def test_suspended_people_are_no_voice_for_the_next_roster() -> None:
    strict = Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 2)))
    world = suspended(BASE, "doi", by="fujii")
    world, asked = proposal(world, roster_next(world, quorum_admin=strict, quorum_recovery=NOBODY))
    assert why_not(decided(world, asked, *QUORUM_PEOPLE, "doi"), asked) == ["quorum_missing"]


def test_not_even_with_the_new_key_that_it_gives_them() -> None:
    strict = Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 2)))
    world = suspended(BASE, "doi", by="fujii")
    people = rekeyed(PEOPLE_NOW, "doi")
    new = roster_next(world, people=people, quorum_admin=strict, quorum_recovery=NOBODY)
    world, asked = proposal(world, new)
    world = decided(world, asked, *QUORUM_PEOPLE)
    key = secret_of("doi-2")
    world = spoken(world, asked, Decision.APPROVE, "doi", credential_id="doi-2", key=key)
    assert why_not(world, asked) == ["quorum_missing"]


def test_there_is_one_roster_under_one_name() -> None:
    world, model = proposal(BASE, roster_next(BASE, people=STAFF))
    asked = admin_pass(
        world,
        SubjectType.ROSTER,
        "roster-2",
        new_digest=getattr(model.action, "new_digest", ""),
        previous_digest=BASE.genesis_digest,
    )
    assert why_not(agreed_by(world, asked), asked) == ["subject_differs"]


def test_a_suspension_outlasts_a_rotation() -> None:
    world = rotated_to(suspended(BASE, "doi", by="fujii"), rekeyed(PEOPLE_NOW, "doi"))
    assert not {"doi-1", "doi-2"} & live(world)
    assert set(in_force(world).suspended) == {"doi"}
