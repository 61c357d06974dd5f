"""What else an admin pass puts in force: when, which document, and the genesis.

Where a name says `never`, the attacker goes on talking after the attack failed.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from adoption_world import (
    BASE,
    PEOPLE_NOW,
    WALLET,
    live,
    why_not,
)
from world import (
    World,
    admin_pass,
    approve,
    ask,
    at_genesis,
    digest_of,
    evidence_of,
    record,
    reject,
    void,
)
from world_people import DAY, NOW, roster
from world_policy import OPEN_POLICY
from world_power import (
    adopted,
    agreed_by,
    bound,
    in_force,
    spoken,
    suspended,
)

from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.passes.adoption import why_not_adopted
from sekisho.passes.evidence import document_body, filed_digest
from sekisho.passes.fold import establish_trust
from sekisho.passes.policy.documents import policy_digest, policy_document
from sekisho.passes.records import Decision, Pass, Roster, SubjectType
from sekisho.passes.roster import roster_bytes
from sekisho.wallets.documents import wallet_digest, wallet_document
from sekisho.watch.credence import weigh

LATER = NOW + timedelta(hours=1)


def policy_version(world: World) -> int | None:
    policy = in_force(world).policy
    return None if policy is None else policy.version


# 1. Time -----------------------------------------------------------------------------------------


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


# 2. Documents ------------------------------------------------------------------------------------


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
        (SubjectType.ORDER, "order", "document_missing"),
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
    ["policy", "wallet", "key_register", "allow_list", "vault", "plan", "order"],
)
@pytest.mark.parametrize(
    "document", [{}, [], {"format": "sekisho/policy/v1"}, None, "text", {"a": [[[[]]]]}]
)
def test_what_nobody_can_read_is_never_put_in_force(kind: str, document: Any) -> None:  # noqa: ANN401 - any JSON
    subject = SubjectType(kind)
    only = {"policy": "policy", "key_register": "key-register", "allow_list": "allow-list"}
    subject_id = only.get(kind, kind if kind in {"plan", "order"} else "cold-7")
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


# 3. Genesis --------------------------------------------------------------------------------------


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


# 4. The other documents, put in force ------------------------------------------------------------


def test_previous_digest_is_what_is_in_force() -> None:
    document = policy_document(replace(OPEN_POLICY, version=9))
    world = adopted(BASE, SubjectType.POLICY, "policy", document)
    assert in_force(world).policy_digest == policy_digest(document)
    for previous in ("", "ab" * 32, policy_digest(policy_document(OPEN_POLICY))):
        again = adopted(world, SubjectType.POLICY, "policy", STRICTER, previous=previous)
        assert in_force(again).policy_digest == policy_digest(document)
