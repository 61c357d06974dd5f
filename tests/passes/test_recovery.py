"""Lost keys replaced by a wider quorum.

Where a name says `never`, the attacker goes on talking after the attack failed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from adoption_world import (
    PEOPLE_NOW,
    decided,
    live,
    why_not,
    with_new_key,
)
from world import (
    World,
    at_genesis,
    under_policy,
)
from world_people import DAY, NOW, PEOPLE, QUORUM_PEOPLE, TERMINALS, person, roster
from world_policy import OPEN_POLICY
from world_power import (
    WIDER,
    in_force,
    powers,
    proposal,
    rekeyed,
    roster_next,
    without,
)

from sekisho.passes.records import Pass, Person, Quorum

# 1. Recovery -------------------------------------------------------------------------------------


LOST = rekeyed(rekeyed(PEOPLE_NOW, "chiba"), "doi")
"""Both keys of security are gone, so the ordinary quorum cannot be met."""

WIDE = Quorum(at_least=(("finance", 2), ("operations", 2)))


def recovering(people: tuple[Person, ...] = LOST, **changes: Any) -> tuple[World, Pass]:  # noqa: ANN401 - fields of Roster
    """Return a world in which security has lost its keys, and the recovery that was asked for."""
    staff = (*PEOPLE_NOW, person("hara", "operations"))
    base = powers(people=staff, quorum_recovery=WIDE)
    people = (*people, staff[-1])
    return proposal(base, roster_next(base, people=people, **changes), recovery=True)


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
