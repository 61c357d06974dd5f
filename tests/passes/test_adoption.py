"""Rosters that follow each other, and what else an admin pass puts in force.

Where a name says `never`, the attacker goes on talking after the attack failed.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from world import (
    World,
    admin_pass,
    approve,
    ask,
    at_genesis,
    digest_of,
    evidence_of,
    filed,
    record,
    register,
    reject,
    statement,
    transfer_pass,
    under_policy,
    void,
)
from world_coins import DESCRIPTORS, STRANGER, funding, outpoint, payment, wallet_of
from world_people import DAY, NOW, ONE_OF_EACH, PEOPLE, QUORUM_PEOPLE, TERMINALS, person, roster
from world_people import key_of as secret_of
from world_policy import OPEN_POLICY
from world_power import (
    WIDER,
    adopted,
    agreed_by,
    bound,
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
    with_officers,
    without,
)

from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.passes.adoption import why_not_adopted
from sekisho.passes.evidence import document_body, filed_digest
from sekisho.passes.fold import establish_trust
from sekisho.passes.policy.documents import policy_digest, policy_document
from sekisho.passes.records import NOBODY, Decision, Pass, Person, Quorum, Roster, SubjectType
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.passes.verify import standing_of
from sekisho.wallets.documents import wallet_digest, wallet_document
from sekisho.watch.credence import weigh

WALLET = wallet_of(DESCRIPTORS["wpkh"])
COIN = outpoint(funding(WALLET, 10**8), 0)
BASE = register(powers(), WALLET)
LATER = NOW + timedelta(hours=1)
PEOPLE_NOW = with_officers()
NEW_DOI = person("gotoh", "security")


def why_not(world: World, asked: Pass) -> list[str]:
    """Return why an admin pass has not taken effect, with gate and watcher held to one answer."""
    now = in_force(world)
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    assert credence.roster_digest == now.roster_digest
    assert credence.policy_digest == now.policy_digest
    assert credence.wallets == now.wallets
    digest = digest_of(asked)
    if digest in now.adopted:
        return []
    return sorted({each.code.removeprefix("passes.") for each in why_not_adopted(now, digest)})


def decided(world: World, asked: Pass, *by: str) -> World:
    return spoken(world, asked, Decision.APPROVE, *by)


def transfer_in(world: World, *, requester: str = "aoki") -> Pass:
    """Return a transfer that binds what is in force."""
    return transfer_pass(
        bound(world), WALLET, [payment(STRANGER, 10_000)], COIN, requester=requester
    )


def findings_on(world: World, asked: Pass) -> list[str]:
    """Return the gate's findings on a transfer, the watcher held to the same."""
    found = [
        each.code.removeprefix("passes.")
        for each in standing_of(in_force(world), digest_of(asked)).findings
    ]
    credence = weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=NOW)
    assert (digest_of(asked) in credence.believed) == (not found)
    return found


def policy_version(world: World) -> int | None:
    policy = in_force(world).policy
    return None if policy is None else policy.version


def live(world: World) -> set[str]:
    return set(in_force(world).live)


# 1. Rotation -------------------------------------------------------------------------------------

# Of the old security department only chiba stays; finance is as it was.
STAFF = (*without(PEOPLE_NOW, "doi"), NEW_DOI)


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


# 2. Keys and people that come back ---------------------------------------------------------------


def rotated_to(world: World, people: tuple[Person, ...], *by: str, **changes: Any) -> World:  # noqa: ANN401 - fields of Roster
    world, asked = proposal(world, roster_next(world, people=people, **changes))
    after = decided(world, asked, *(by or QUORUM_PEOPLE))
    assert why_not(after, asked) == []
    return after


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


# 3. Recovery -------------------------------------------------------------------------------------

LOST = rekeyed(rekeyed(PEOPLE_NOW, "chiba"), "doi")
"""Both keys of security are gone, so the ordinary quorum cannot be met."""
WIDE = Quorum(at_least=(("finance", 2), ("operations", 2)))


def recovering(people: tuple[Person, ...] = LOST, **changes: Any) -> tuple[World, Pass]:  # noqa: ANN401 - fields of Roster
    """Return a world in which security has lost its keys, and the recovery that was asked for."""
    staff = (*PEOPLE_NOW, person("hara", "operations"))
    base = powers(people=staff, quorum_recovery=WIDE)
    people = (*people, staff[-1])
    return proposal(base, roster_next(base, people=people, **changes), recovery=True)


def with_new_key(world: World, asked: Pass) -> World:
    key = secret_of("chiba-2")
    return spoken(world, asked, Decision.APPROVE, "chiba", credential_id="chiba-2", key=key)


def test_the_wider_quorum_replaces_lost_keys() -> None:
    world, asked = recovering()
    world = decided(world, asked, "baba", "hara", "endo", "fujii")
    assert why_not(world, asked) == ["quorum_missing"]  # the new keys must be shown to be there
    world = with_new_key(world, asked)
    assert why_not(world, asked) == []
    assert {"chiba-2", "doi-2"} <= live(world)
    assert not {"chiba-1", "doi-1"} & live(world)


@pytest.mark.parametrize("missing", ["baba", "hara", "endo", "fujii"])
def test_less_than_the_wider_quorum_recovers_nothing(missing: str) -> None:
    world, asked = recovering()
    those = [who for who in ("baba", "hara", "endo", "fujii") if who != missing]
    world = with_new_key(decided(world, asked, *those), asked)
    assert why_not(world, asked) == ["quorum_missing"]


CHANGES_MORE: dict[str, Callable[[tuple[Person, ...]], dict[str, Any]]] = {
    "a person more": lambda people: {"people": (*people, person("mallory", "security"))},
    "a person less": lambda people: {"people": without(people, "doi")},
    "another department": lambda people: {
        "people": tuple(
            replace(each, department="security") if each.person_id == "baba" else each
            for each in people
        )
    },
    "an officer": lambda people: {"people": tuple(replace(each, officer=True) for each in people)},
    "another name": lambda people: {
        "people": tuple(
            replace(each, name="Mallory") if each.person_id == "doi" else each for each in people
        )
    },
    "quorum_transfer": lambda _: {
        "quorum_transfer": Quorum(at_least=(("finance", 1), ("operations", 1)))
    },
    "quorum_admin": lambda _: {
        "quorum_admin": Quorum(at_least=(("finance", 1), ("operations", 1)))
    },
    "quorum_recovery": lambda _: {"quorum_recovery": WIDER},
    "terminals": lambda _: {"terminals": TERMINALS[:1]},
    "expiry": lambda _: {"expires_at": NOW + 3000 * DAY},
    "console": lambda _: {"console_origin": "https://console.thief.example"},
    "departments": lambda _: {"departments": ("operations", "security", "finance", "audit")},
}


@pytest.mark.parametrize("name", CHANGES_MORE)
def test_a_recovery_changes_nothing_but_keys(name: str) -> None:
    world, asked = recovering()
    people = (*LOST, in_force(world).roster.people[-1])
    new = roster_next(world, **({"people": people} | CHANGES_MORE[name](people)))
    world, asked = proposal(world, new, recovery=True)
    world = decided(world, asked, "baba", "hara", "endo", "fujii")
    world = with_new_key(world, asked)
    assert why_not(world, asked) == ["recovery_changes_more"]


def test_no_recovery_without_such_a_quorum() -> None:
    base = at_genesis(roster())
    base = under_policy(base, OPEN_POLICY)
    world, asked = proposal(base, roster_next(base, people=rekeyed(PEOPLE, "doi")), recovery=True)
    world = decided(world, asked, *QUORUM_PEOPLE, "fujii", "doi")
    assert why_not(world, asked) == ["no_recovery_quorum"]


def test_a_recovery_that_is_called_a_rotation_needs_the_ordinary_quorum() -> None:
    world, asked = recovering()
    base = in_force(world).roster
    people = (*LOST, base.people[-1])
    world, asked = proposal(world, roster_next(world, people=people))
    world = with_new_key(decided(world, asked, "baba", "hara", "endo", "fujii"), asked)
    assert why_not(world, asked) == ["quorum_missing"]


# 4. Suspension -----------------------------------------------------------------------------------


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


# 5. Time -----------------------------------------------------------------------------------------


def test_a_roster_that_has_expired_changes_nothing() -> None:
    ends = BASE.roster.expires_at
    asked = replace(wallet_change(BASE), expires_at=ends + DAY)
    world = with_wallet_filed(BASE)
    assert why_not(agreed_by(world, asked, at=ends - timedelta(seconds=1)), asked) == []
    assert "roster_expired" in why_not_at(agreed_by(world, asked, at=ends), asked)
    # Neither may be early alone: what was signed before, or what was heard before.
    late = agreed_by(world, asked, at=NOW, heard_at=ends)
    assert "roster_expired" in why_not_at(late, asked)
    ahead = agreed_by(world, asked, at=ends, heard_at=NOW)
    assert "quorum_missing" in why_not_at(ahead, asked)


def test_even_an_officer_suspends_nobody_under_an_expired_roster() -> None:
    ends = BASE.roster.expires_at
    assert "chiba-1" in live(suspended(BASE, "chiba", at=ends))


def test_an_admin_pass_holds_in_its_time_alone() -> None:
    asked = replace(wallet_change(BASE), not_before_at=LATER, expires_at=LATER + DAY)
    world = with_wallet_filed(BASE)
    early = agreed_by(world, asked, at=LATER - timedelta(seconds=1))
    assert why_not(early, asked) == ["not_yet_valid"]
    assert why_not(agreed_by(world, asked, at=LATER), asked) == []
    ended = asked.expires_at
    assert why_not(agreed_by(world, asked, at=LATER, heard_at=ended), asked) == ["expired"]
    assert why_not(agreed_by(world, asked, at=ended - timedelta(seconds=1)), asked) == []
    assert "quorum_missing" in why_not(agreed_by(world, asked, at=ended), asked)


def wallet_change(world: World) -> Pass:
    return admin_pass(
        bound(world),
        SubjectType.WALLET,
        WALLET.wallet_id,
        new_digest=wallet_digest(OTHER_WALLET),
        previous_digest=wallet_digest(WALLET),
    )


OTHER_WALLET = replace(WALLET, gap_limit=9)


def with_wallet_filed(world: World) -> World:
    return record(world, "wallet.filed", {"wallet": wallet_document(OTHER_WALLET)})


def why_not_at(world: World, asked: Pass) -> list[str]:
    found = why_not_adopted(in_force(world), digest_of(asked))
    return [each.code.removeprefix("passes.") for each in found]


# 6. Documents ------------------------------------------------------------------------------------


def policy_pass(world: World, document: bytes, **changes: Any) -> Pass:  # noqa: ANN401 - fields of Pass
    now = in_force(world)
    return admin_pass(
        bound(world),
        SubjectType.POLICY,
        "policy",
        new_digest=policy_digest(document),
        previous_digest=now.policy_digest,
        **changes,
    )


STRICTER = policy_document(replace(OPEN_POLICY, version=2))
OTHER = policy_document(replace(OPEN_POLICY, version=3))


def policies_filed() -> World:
    world = BASE
    for document in (STRICTER, OTHER):
        world = record(world, *document_body("policy", parse_json(document, "policy")))
    return world


def test_a_policy_is_put_in_force_by_a_quorum() -> None:
    world = policies_filed()
    asked = policy_pass(world, STRICTER)
    assert why_not(agreed_by(world, asked, by=("baba", "chiba")), asked) == ["quorum_missing"]
    world = agreed_by(world, asked)
    assert why_not(world, asked) == []
    assert policy_version(world) == 2


def test_what_a_quorum_did_one_person_does_not_undo() -> None:
    world = policies_filed()
    asked = policy_pass(world, STRICTER)
    world = void(reject(agreed_by(world, asked), asked), asked)
    assert why_not(world, asked) == []
    assert policy_version(world) == 2


@pytest.mark.parametrize("say", [reject, void])
def test_one_no_before_it_is_complete_ends_it(say: Callable[..., World]) -> None:
    world = policies_filed()
    asked = policy_pass(world, STRICTER)
    world = approve(say(ask(world, asked), asked, by="doi"), asked)
    assert why_not(world, asked) in (["rejected"], ["voided"])


def test_a_quorum_that_came_too_late_never_comes_back() -> None:
    """Both replace the open policy; the first wins, and then the open one is in force again."""
    world = policies_filed()
    opened = policy_document(OPEN_POLICY)
    first, late = policy_pass(world, STRICTER), policy_pass(world, OTHER)
    world = ask(ask(world, first), late)
    world = approve(world, late, by=("baba", "chiba"))
    world = approve(world, first)
    world = approve(world, late, by=("endo",))
    assert {"policy_changed", "superseded"} == set(why_not(world, late))
    back = policy_pass(world, opened)
    world = agreed_by(world, back)
    assert why_not(world, back) == []
    for who in ("fujii", "doi", "baba"):
        world = spoken(world, late, Decision.APPROVE, who)
    assert why_not(world, late) == ["superseded"]
    assert policy_version(world) == 1


def test_an_admin_pass_binds_the_policy_in_force() -> None:
    world = policies_filed()
    asked = replace(policy_pass(world, STRICTER), policy_digest="")
    assert why_not(agreed_by(world, asked), asked) == ["policy_changed"]
    asked = replace(policy_pass(world, STRICTER), policy_digest="ab" * 32)
    assert why_not(agreed_by(world, asked), asked) == ["policy_changed"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"genesis_digest": "ab" * 32}, "other_installation"),
        ({"roster_digest": "ab" * 32}, "other_roster"),
        ({"terminal_id": "desk-9"}, "terminal_unknown"),
    ],
)
def test_an_admin_pass_is_for_here(changes: dict[str, Any], reason: str) -> None:
    world = policies_filed()
    asked = replace(policy_pass(world, STRICTER), **changes)
    assert why_not(agreed_by(world, asked), asked) == [reason]


@pytest.mark.parametrize(
    ("kind", "subject_id", "expected"),
    [
        (SubjectType.POLICY, "policy-2", "subject_differs"),
        (SubjectType.WALLET, "cold-2", "subject_differs"),
        (SubjectType.VAULT, "cold-1", "document_missing"),
        (SubjectType.ALLOW_LIST, "allow-list", "document_missing"),
        (SubjectType.KEY_REGISTER, "key-register", "document_missing"),
        (SubjectType.PLAN, "plan", "document_missing"),
    ],
)
def test_the_document_is_the_one_that_is_named(
    kind: SubjectType, subject_id: str, expected: str
) -> None:
    """Whatever the document is called in the pass, it is put in no other place."""
    world = with_wallet_filed(policies_filed())
    digest = policy_digest(STRICTER)
    if kind is SubjectType.WALLET:
        digest = wallet_digest(OTHER_WALLET)
    asked = admin_pass(
        bound(world),
        kind,
        subject_id,
        new_digest=digest,
        previous_digest=in_force(world).policy_digest if kind is SubjectType.POLICY else "",
    )
    found = why_not(agreed_by(world, asked), asked)
    assert expected in found
    assert (kind, subject_id) not in in_force(world).in_force


@pytest.mark.parametrize(
    "kind",
    ["policy", "wallet", "key_register", "allow_list", "vault", "plan"],
)
@pytest.mark.parametrize(
    "document", [{}, [], {"format": "sekisho/policy/v1"}, None, "text", {"a": [[[[]]]]}]
)
def test_what_nobody_can_read_is_never_put_in_force(kind: str, document: Any) -> None:  # noqa: ANN401 - any JSON
    subject = SubjectType(kind)
    only = {"policy": "policy", "key_register": "key-register", "allow_list": "allow-list"}
    subject_id = only.get(kind, "plan" if kind == "plan" else "cold-7")
    world = record(BASE, *document_body(kind, document))
    asked = admin_pass(
        bound(world),
        subject,
        subject_id,
        new_digest=filed_digest(kind, canonical_bytes(document)),
        previous_digest=in_force(world).policy_digest if kind == "policy" else "",
    )
    assert why_not(agreed_by(world, asked), asked) == ["document_unreadable"]


def test_a_document_that_was_never_filed_is_waited_for() -> None:
    asked = policy_pass(BASE, STRICTER)
    world = agreed_by(BASE, asked)
    assert why_not(world, asked) == ["document_missing"]
    world = record(world, *document_body("policy", parse_json(STRICTER, "policy")))
    assert why_not(world, asked) == []  # nothing is missing, and it takes a statement to see it
    assert policy_version(world) == 1


def test_other_bytes_under_the_digest_are_no_document() -> None:
    world = record(BASE, *document_body("policy", parse_json(OTHER, "policy")))
    asked = policy_pass(world, STRICTER)
    assert why_not(agreed_by(world, asked), asked) == ["document_missing"]


# 7. Genesis --------------------------------------------------------------------------------------


def reasons_at(world: World, now: datetime = NOW) -> set[str]:
    trust, findings = establish_trust(
        evidence_of(world), genesis_digest=world.genesis_digest, now=now
    )
    assert trust is None
    assert weigh(evidence_of(world), genesis_digest=world.genesis_digest, now=now).believed == {}
    return {each.code.removeprefix("passes.") for each in findings}


def genesis(**changes: Any) -> Roster:  # noqa: ANN401 - fields of Roster
    return roster(people=PEOPLE_NOW, **changes)


@pytest.mark.parametrize(
    "by", [(), ("aoki",), ("baba",), ("baba", "doi"), ("aoki", "doi", "fujii")]
)
def test_a_genesis_is_started_by_its_quorum_and_never_by_fewer(by: tuple[str, ...]) -> None:
    assert reasons_at(at_genesis(genesis(), adopted_by=by)) == {
        "genesis_not_adopted",
        "quorum_missing",
    }


def test_an_officer_suspends_nobody_before_there_is_a_roster() -> None:
    world = at_genesis(genesis(), adopted_by=("baba",))
    asked = admin_pass(
        world, SubjectType.SUSPENSION, "chiba", new_digest=world.genesis_digest, requester="doi"
    )
    world = ask(world, asked)
    assert in_force(world).suspended == {}
    assert "genesis_not_adopted" in why_not_at(world, asked)


def test_nothing_is_put_in_force_before_the_genesis() -> None:
    world = at_genesis(genesis(), adopted_by=("baba",))
    world = record(world, *document_body("policy", parse_json(STRICTER, "policy")))
    asked = admin_pass(world, SubjectType.POLICY, "policy", new_digest=policy_digest(STRICTER))
    world = agreed_by(world, asked)
    assert "genesis_not_adopted" in why_not_at(world, asked)
    assert in_force(world).policy is None


def test_a_genesis_adopted_late_is_none() -> None:
    ends = genesis().expires_at
    world = record(
        World(roster=genesis()),
        "roster.filed",
        {"roster": parse_json(roster_bytes(genesis()), "roster")},
    )
    asked = replace(
        admin_pass(world, SubjectType.ROSTER, "roster", new_digest=world.genesis_digest),
        expires_at=ends + DAY,
    )
    world = agreed_by(world, asked, at=ends)
    assert "roster_expired" in reasons_at(world)


# 8. The other documents, put in force ------------------------------------------------------------


def test_previous_digest_is_what_is_in_force() -> None:
    document = policy_document(replace(OPEN_POLICY, version=9))
    world = adopted(BASE, SubjectType.POLICY, "policy", document)
    assert in_force(world).policy_digest == policy_digest(document)
    for previous in ("", "ab" * 32, policy_digest(policy_document(OPEN_POLICY))):
        again = adopted(world, SubjectType.POLICY, "policy", STRICTER, previous=previous)
        assert in_force(again).policy_digest == policy_digest(document)
