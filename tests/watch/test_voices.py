"""What the watcher hears by itself, and what nobody can make it hear or take from it."""

from dataclasses import replace

import pytest
from duress_world import committed, marked, opening_of, openings
from world import World, digest_of, evidence_of, record, trust_of
from world_people import PEOPLE, key_of, roster

from sekisho.kernel.canonical import Json, parse_json
from sekisho.passes.duress import Openings, Stated, joined, stated, unfree_statements
from sekisho.passes.evidence import PASS_STATED, ROSTER_FILED
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.watch.voices import committed as lists_commitments
from sekisho.watch.voices import voices


@pytest.fixture(scope="module")
def world() -> World:
    setting = committed()
    return marked(setting.world, forced=[("chiba", digest_of(setting.asked))])


def heard(world: World, held: Openings | None = None) -> tuple[Stated, ...]:
    return voices(evidence_of(world), openings() if held is None else held)


def test_it_hears_what_the_gate_hears(world: World) -> None:
    gate = {
        stated(ballot.approval, ballot.credential)
        for ballots in trust_of(world).ballots.values()
        for ballot in ballots
        if ballot.credential is not None
    }
    assert len(gate) > 10
    assert set(heard(world)) == gate
    [found] = unfree_statements(heard(world), openings())
    assert (found.person_id, found.sure) == ("chiba", True)


def test_it_hears_nobody_whose_opening_it_lacks(world: World) -> None:
    assert {each.person_id for each in heard(world, joined([opening_of("endo")], ""))} == {"endo"}
    assert heard(world, Openings()) == ()


def test_a_signature_of_nobody_is_not_heard(world: World) -> None:
    forged = tuple(
        replace(draft, body={**draft.body, "signature": "11" * 64})
        if draft.kind == PASS_STATED
        else draft
        for draft in world.drafts
    )
    assert heard(replace(world, drafts=forged)) == ()


def test_a_changed_number_is_not_heard(world: World) -> None:
    """Whoever can write to the journal would else make a free statement look forced."""
    changed = []
    for draft in world.drafts:
        approval = draft.body.get("approval")
        if isinstance(approval, dict) and isinstance(approval["sequence"], int):
            other: dict[str, Json] = {**approval, "sequence": approval["sequence"] + 1}
            changed.append(replace(draft, body={**draft.body, "approval": other}))
        else:
            changed.append(draft)
    assert heard(replace(world, drafts=tuple(changed))) == ()


def test_a_roster_that_nobody_adopted_takes_no_voice_away(world: World) -> None:
    """It gives chiba's credential another key, or no commitment, and is filed by a stranger."""
    for credential in (
        replace(
            PEOPLE[2].credentials[0], public_key=key_of("mallory").public_key().public_bytes_raw()
        ),
        PEOPLE[2].credentials[0],
    ):
        people = tuple(
            replace(each, credentials=(credential,)) if each.person_id == "chiba" else each
            for each in PEOPLE
        )
        document = parse_json(roster_bytes(roster(people=people)), "roster")
        drafts = record(world, ROSTER_FILED, {"roster": document}).drafts
        for order in (drafts, (drafts[-1], *drafts[:-1])):
            assert set(heard(replace(world, drafts=order))) == set(heard(world))
            assert unfree_statements(heard(replace(world, drafts=order)), openings())


def test_only_the_roster_in_force_says_whether_there_are_commitments(world: World) -> None:
    """A stranger who files another roster neither stops the watcher nor lets it go on."""
    bare = roster_bytes(roster())
    both = evidence_of(record(world, ROSTER_FILED, {"roster": parse_json(bare, "roster")}))
    assert lists_commitments(both, roster_digest(roster_bytes(world.roster)))
    assert not lists_commitments(both, roster_digest(bare))
    assert not lists_commitments(both, "")
