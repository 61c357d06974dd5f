"""Rosters that follow each other, and keys and people that come back.

Where a name says `never`, the attacker goes on talking after the attack failed.
"""

from dataclasses import replace
from typing import Any

import pytest
from adoption_world import (
    BASE,
    NEW_DOI,
    PEOPLE_NOW,
    STAFF,
    decided,
    findings_on,
    live,
    rotated_to,
    transfer_in,
    why_not,
)
from world import (
    admin_pass,
    reject,
    statement,
    void,
)
from world_people import QUORUM_PEOPLE, person
from world_people import key_of as secret_of
from world_power import (
    agreed_by,
    bound,
    heard,
    in_force,
    proposal,
    rekeyed,
    roster_next,
    spoken,
    without,
)

from sekisho.passes.records import NOBODY, Decision, Quorum, SubjectType
from sekisho.passes.roster import roster_bytes, roster_digest


def test_the_old_and_the_new_quorum_together_rotate() -> None:
    world, asked = proposal(BASE, roster_next(BASE, people=STAFF))
    assert why_not(decided(world, asked, "baba", "chiba", "endo"), asked) == []
    after = decided(world, asked, "baba", "chiba", "endo")
    assert in_force(after).roster.version == 2
    assert "gotoh-1" in live(after)
    assert "doi-1" not in live(after)


@pytest.mark.parametrize("missing", ["baba", "chiba", "endo"])
def test_the_old_quorum_must_be_whole(missing: str) -> None:
    world, asked = proposal(BASE, roster_next(BASE, people=STAFF))
    those = [who for who in ("baba", "chiba", "endo") if who != missing]
    assert why_not(decided(world, asked, *those), asked) == ["quorum_missing"]


def test_the_new_quorum_must_be_whole_as_well() -> None:
    """Old security is doi alone here: he may agree to leave, and cannot appoint for others."""
    staff = (*without(PEOPLE_NOW, "doi", "chiba"), NEW_DOI)
    world, asked = proposal(BASE, roster_next(BASE, people=staff))
    world = decided(world, asked, "baba", "endo", "doi")
    assert why_not(world, asked) == ["quorum_missing"]
    assert why_not(decided(world, asked, "gotoh"), asked) == []


def test_a_newcomer_is_not_the_old_quorum() -> None:
    staff = (*without(PEOPLE_NOW, "doi", "chiba"), NEW_DOI)
    world, asked = proposal(BASE, roster_next(BASE, people=staff))
    assert why_not(decided(world, asked, "baba", "endo", "gotoh"), asked) == ["quorum_missing"]


def test_a_newcomer_speaks_on_the_rotation_alone() -> None:
    world, _ = proposal(BASE, roster_next(BASE, people=STAFF))
    asked = transfer_in(world)
    world = agreed_by(world, asked, by=("baba", "gotoh", "endo"))
    assert findings_on(world, asked) == ["quorum_missing"]


def test_a_stricter_new_quorum_needs_its_own_number() -> None:
    strict = Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 2)))
    world, asked = proposal(BASE, roster_next(BASE, quorum_admin=strict, quorum_recovery=NOBODY))
    world = decided(world, asked, *QUORUM_PEOPLE)
    assert why_not(world, asked) == ["quorum_missing"]
    assert why_not(decided(world, asked, "doi"), asked) == []


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"version": 1, "previous_digest": ""}, {"roster_does_not_follow", "superseded"}),
        ({"version": 3}, {"roster_does_not_follow"}),
        ({"previous_digest": "ab" * 32}, {"superseded"}),
        ({"exchange": "Another Exchange"}, {"roster_does_not_follow"}),
    ],
)
def test_rolled_back_skipped_or_forked(changes: dict[str, Any], reasons: set[str]) -> None:
    world, asked = proposal(BASE, roster_next(BASE, **changes))
    assert set(why_not(decided(world, asked, *QUORUM_PEOPLE), asked)) == reasons


def test_the_genesis_never_comes_back() -> None:
    world, asked = proposal(BASE, roster_next(BASE, people=STAFF))
    world = decided(world, asked, *QUORUM_PEOPLE)
    back = admin_pass(
        bound(world),
        SubjectType.ROSTER,
        "roster",
        new_digest=BASE.genesis_digest,
        previous_digest=in_force(world).roster_digest,
    )
    world = agreed_by(world, back)
    assert set(why_not(world, back)) == {"roster_does_not_follow", "superseded"}
    assert in_force(world).roster.version == 2


def test_of_two_rotations_that_race_one_wins_and_the_other_never_comes() -> None:
    world, first = proposal(BASE, roster_next(BASE, people=STAFF))
    other = roster_next(BASE, people=(*PEOPLE_NOW, person("mallory", "security")))
    world, second = proposal(world, other)
    world = decided(world, second, "baba", "chiba")
    world = decided(world, first, "baba", "chiba", "endo")
    world = decided(world, second, "endo", "fujii", "baba")
    assert why_not(world, first) == []
    assert {"other_roster", "superseded"} <= set(why_not(world, second))
    assert "mallory-1" not in live(world)


def test_a_roster_whose_number_was_used_elsewhere_is_read_strictly() -> None:
    """Filed, but nobody can read it: two people with one key."""
    thief = replace(PEOPLE_NOW[5], credentials=PEOPLE_NOW[0].credentials)
    world, asked = proposal(BASE, roster_next(BASE, people=(*PEOPLE_NOW[:5], thief)))
    world = decided(world, asked, *QUORUM_PEOPLE)
    assert why_not(world, asked) == ["document_missing"]


def test_a_rotation_that_was_not_filed_yet_waits() -> None:
    new = roster_next(BASE, people=STAFF)
    asked = admin_pass(
        BASE,
        SubjectType.ROSTER,
        "roster",
        new_digest=roster_digest(roster_bytes(new)),
        previous_digest=BASE.genesis_digest,
    )
    world = agreed_by(BASE, asked)
    assert why_not(world, asked) == ["document_missing"]


def test_a_credential_id_is_one_key_for_ever() -> None:
    thief = rekeyed(PEOPLE_NOW, "doi", "mallory-9")
    stolen = tuple(
        replace(each, credentials=(replace(each.credentials[0], credential_id="doi-1"),))
        if each.person_id == "doi"
        else each
        for each in thief
    )
    world, asked = proposal(BASE, roster_next(BASE, people=stolen))
    assert why_not(decided(world, asked, *QUORUM_PEOPLE), asked) == ["credential_id_reused"]
    # Nor after the roster in between did not list it.
    world = rotated_to(BASE, without(PEOPLE_NOW, "doi"))
    world, asked = proposal(world, roster_next(world, people=stolen))
    assert why_not(decided(world, asked, *QUORUM_PEOPLE), asked) == ["credential_id_reused"]


def test_a_credential_never_moves_to_another_person() -> None:
    endo, fujii = PEOPLE_NOW[4:]
    swapped = (
        *PEOPLE_NOW[:4],
        replace(endo, credentials=fujii.credentials),
        replace(fujii, credentials=endo.credentials),
    )
    world, asked = proposal(BASE, roster_next(BASE, people=swapped))
    assert "credential_id_reused" in why_not(decided(world, asked, *QUORUM_PEOPLE), asked)


def test_approvals_of_somebody_who_was_removed_count_no_more() -> None:
    asked = transfer_in(BASE)
    world = agreed_by(BASE, asked, by=("baba", "doi", "endo"))
    assert findings_on(world, asked) == []
    after = rotated_to(world, without(PEOPLE_NOW, "doi"))
    assert findings_on(after, asked) == ["quorum_missing"]


def test_somebody_who_was_removed_cannot_speak() -> None:
    world = rotated_to(BASE, without(PEOPLE_NOW, "doi"))
    asked = transfer_in(world)
    world = agreed_by(world, asked, by=("baba", "endo"))
    world = decided(world, asked, "doi")
    assert findings_on(world, asked) == ["quorum_missing"]
    assert findings_on(reject(world, asked, by="doi"), asked) == ["quorum_missing"]


def test_a_no_that_was_said_before_the_removal_stays_said() -> None:
    asked = transfer_in(BASE)
    world = void(agreed_by(BASE, asked), asked, by="doi")
    assert findings_on(rotated_to(world, without(PEOPLE_NOW, "doi")), asked) == ["voided"]


def test_removed_and_added_again_needs_a_new_key_and_nothing_said_before_counts() -> None:
    asked = transfer_in(BASE)
    world = agreed_by(BASE, asked, by=("baba", "doi", "endo"))
    world = rotated_to(world, without(PEOPLE_NOW, "doi"))
    with_old_key = rotated_to(world, PEOPLE_NOW)
    assert findings_on(with_old_key, asked) == ["quorum_missing"]
    assert "doi-1" not in live(with_old_key)
    kept_back = statement(with_old_key, "doi", Decision.APPROVE, asked, sequence=77)
    assert findings_on(heard(with_old_key, kept_back), asked) == ["quorum_missing"]
    with_new_key = rotated_to(world, rekeyed(PEOPLE_NOW, "doi"))
    assert findings_on(with_new_key, asked) == ["quorum_missing"]
    again = spoken(
        with_new_key,
        asked,
        Decision.APPROVE,
        "doi",
        credential_id="doi-2",
        key=secret_of("doi-2"),
    )
    assert findings_on(again, asked) == []


def test_a_key_that_was_retired_is_no_voice_for_a_roster_that_lists_it_again() -> None:
    """Else the new quorum could be met by keys that will be dead under it."""
    two = Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 2)))
    world = rotated_to(BASE, (*without(PEOPLE_NOW, "doi"), NEW_DOI))
    staff = (*without(PEOPLE_NOW, "doi"), PEOPLE_NOW[3])
    world, asked = proposal(
        world, roster_next(world, people=staff, quorum_admin=two, quorum_recovery=NOBODY)
    )
    assert why_not(decided(world, asked, *QUORUM_PEOPLE, "doi"), asked) == ["quorum_missing"]


def test_who_moves_to_another_department_starts_again_there() -> None:
    asked = transfer_in(BASE)
    world = agreed_by(BASE, asked, by=("baba", "chiba", "endo"))
    moved = tuple(
        replace(each, department="security") if each.person_id == "endo" else each
        for each in PEOPLE_NOW
    )
    after = rotated_to(world, moved, "baba", "chiba", "endo", "fujii")
    assert findings_on(after, asked) == ["quorum_missing"]
    assert findings_on(decided(after, asked, "endo"), asked) == ["quorum_missing"]
    assert findings_on(decided(after, asked, "fujii"), asked) == []


def test_an_approval_from_one_department_never_becomes_one_of_another() -> None:
    """Finance approved twice, and one of them moves: security has still said nothing."""
    asked = transfer_in(BASE)
    world = agreed_by(BASE, asked, by=("baba", "endo", "fujii"))
    assert findings_on(world, asked) == ["quorum_missing"]
    moved = tuple(
        replace(each, department="security") if each.person_id == "endo" else each
        for each in PEOPLE_NOW
    )
    after = rotated_to(world, moved, "baba", "chiba", "endo", "fujii")
    assert findings_on(after, asked) == ["quorum_missing"]
    assert findings_on(decided(after, asked, "endo"), asked) == []


def test_a_new_name_or_device_breaks_nothing() -> None:
    asked = transfer_in(BASE)
    world = agreed_by(BASE, asked, by=("baba", "chiba", "endo"))
    named = tuple(replace(each, name=f"{each.name} (Tokyo)") for each in PEOPLE_NOW)
    after = rotated_to(world, named)
    assert findings_on(after, asked) == []


def test_a_future_colleagues_numbers_cannot_be_used_up_beforehand() -> None:
    """An insider proposes a roster with an id that will be another's, and a key of their own."""
    squatted = (
        *PEOPLE_NOW,
        replace(NEW_DOI, credentials=rekeyed((NEW_DOI,), "gotoh", "x")[0].credentials),
    )
    squatted = tuple(
        replace(each, credentials=(replace(each.credentials[0], credential_id="gotoh-1"),))
        if each.person_id == "gotoh"
        else each
        for each in squatted
    )
    world, bait = proposal(BASE, roster_next(BASE, people=squatted))
    for sequence in (1, 2, 3, 2**53 - 1):
        world = spoken(world, bait, Decision.ASK, "gotoh", key=secret_of("x"), sequence=sequence)
    world = rotated_to(world, (*PEOPLE_NOW, NEW_DOI))
    asked = transfer_in(world)
    world = agreed_by(world, asked, by=("baba", "endo"))
    world = spoken(world, asked, Decision.APPROVE, "gotoh", sequence=1)
    assert findings_on(world, asked) == []
