"""Whose word counts: rosters that rotate, people who move, fall silent or come back, and devices.

Each is a question with a known answer, on which gate and watcher agree.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from credence_agreed import agreed
from devices import ORIGIN, crafted, passkey, usb_key
from world import (
    World,
    admin_pass,
    approve,
    ask,
    at_genesis,
    digest_of,
    evidence_of,
    record,
    register,
    rotated,
    said,
    statement,
    transfer_pass,
    under_policy,
)
from world_coins import DESCRIPTORS, STRANGER, funding, outpoint, payment, wallet_of
from world_people import DAY, NOW, PEOPLE, QUORUM_PEOPLE, key_of, person, roster
from world_policy import OPEN_POLICY

from sekisho.drills.authenticator import Authenticator, client_data
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.words import digest_words
from sekisho.passes.assertion import base64url, review_client_data
from sekisho.passes.documents import approval_bytes, approval_digest, pass_bytes, read_approval
from sekisho.passes.evidence import ROSTER_FILED
from sekisho.passes.policy.records import Passkeys, Policy
from sekisho.passes.records import (
    METHOD_OF,
    NOBODY,
    Credential,
    Decision,
    Method,
    Pass,
    Person,
    Quorum,
    Replacement,
    Roster,
    SignedApproval,
    SubjectType,
)
from sekisho.passes.roster import roster_bytes, roster_digest
from sekisho.watch.credence import Credence

WALLET = wallet_of(DESCRIPTORS["wpkh"])
COIN = outpoint(funding(WALLET, 10**8), 0)
OFFICERS = ("doi", "fujii")
WITHOUT_CHIBA = ("baba", "doi", "endo")
GENESIS = roster(
    people=(
        *(replace(each, officer=each.person_id in OFFICERS) for each in PEOPLE),
        person("gotoh", "security"),
        person("hara", "security"),
    ),
    quorum_recovery=Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 2))),
)


@cache
def founded(genesis: Roster = GENESIS, policy: Policy = OPEN_POLICY) -> World:
    return register(under_policy(at_genesis(genesis), policy), WALLET)


def seen(world: World) -> Credence:
    return agreed(evidence_of(world), world.genesis_digest)


def asked_in(world: World, *, by: tuple[str, ...] = ()) -> tuple[World, Pass]:
    asked = transfer_pass(world, WALLET, [payment(STRANGER, 7_000)], COIN)
    return approve(ask(world, asked), asked, by=by), asked


def allowed(world: World, asked: Pass) -> bool:
    return digest_of(asked) in seen(world).believed


def next_of(world: World, old: Roster, *people: Person) -> Roster:
    """Return the roster after `old`, in which these people take the place of those of their id."""
    newer = {each.person_id: each for each in people}
    same = [newer.pop(each.person_id, each) for each in old.people]
    return replace(
        old,
        version=old.version + 1,
        previous_digest=world.roster_digest or world.genesis_digest,
        people=(*same, *newer.values()),
    )


def rekeyed(who: Person, number: int = 2) -> Person:
    name = f"{who.person_id}-{number}"
    key = key_of(name).public_key().public_bytes_raw()
    credential = replace(who.credentials[0], credential_id=name, public_key=key)
    return replace(who, credentials=(credential,))


def suspended(world: World, whom: str, *, by: str = "doi", hours: int = 0) -> World:
    current = world.roster_digest or world.genesis_digest
    asked = admin_pass(
        world,
        SubjectType.SUSPENSION,
        whom,
        new_digest=current,
        requester=by,
        expires_at=NOW + 9 * DAY,
    )
    world = record(world, "pass.asked", {"pass": parse_json(pass_bytes(asked), "pass")})
    at = NOW + timedelta(hours=hours)
    return said(world, statement(world, by, Decision.ASK, asked, signed_at=at))


def reinstated(world: World, whom: str) -> World:
    asked = admin_pass(world, SubjectType.REINSTATEMENT, whom, new_digest="cd" * 32)
    return approve(ask(world, asked), asked, by=WITHOUT_CHIBA)


CHIBA = PEOPLE[2]


# 1. Rosters --------------------------------------------------------------------------------------


def test_a_rotation_needs_the_old_quorum_and_the_new_one() -> None:
    world = founded()
    comers = ("ito", "mori", "sato")
    others = [person(*each) for each in zip(comers, GENESIS.departments, strict=True)]
    new = replace(next_of(world, GENESIS), people=(*others, *PEOPLE[:2]), quorum_recovery=NOBODY)
    digest = roster_digest(roster_bytes(new))
    for by, taken in (
        ((*QUORUM_PEOPLE, *comers), True),
        (QUORUM_PEOPLE, False),
        (comers, False),
        (("baba", "chiba", *comers), False),
        ((*QUORUM_PEOPLE, *comers[:2]), False),
    ):
        credence = seen(rotated(world, new, by=by))
        assert (credence.roster_digest == digest) == taken, by


def test_a_recovery_needs_the_wider_quorum_and_changes_only_keys() -> None:
    world = founded()
    lost, wide = next_of(world, GENESIS, rekeyed(CHIBA)), ("baba", "doi", "gotoh", "endo")
    for new, by, taken in (
        (lost, WITHOUT_CHIBA, False),
        (lost, wide, True),
        (replace(lost, expires_at=lost.expires_at + DAY), wide, False),
        (next_of(world, GENESIS, person("mori", "finance")), wide, False),
        (replace(lost, terminals=lost.terminals[:1]), wide, False),
    ):
        after = rotated(world, new, by=by, recovery=True)
        assert (seen(after).roster_digest == roster_digest(roster_bytes(new))) == taken, by
    less = founded(replace(GENESIS, quorum_recovery=NOBODY))
    new = next_of(less, less.roster, rekeyed(CHIBA))
    assert seen(rotated(less, new, by=wide, recovery=True)).roster_digest == less.genesis_digest


@pytest.mark.parametrize(
    "new",
    [
        {"version": 3},
        {"version": 1, "previous_digest": ""},
        {"previous_digest": "ab" * 32},
        {"exchange": "Another Exchange"},
    ],
    ids=str,
)
def test_a_roster_follows_the_one_before(new: dict[str, Any]) -> None:
    world = founded()
    after = rotated(world, replace(next_of(world, GENESIS), **new))
    assert seen(after).roster_digest == world.genesis_digest


def test_who_leaves_or_moves_counts_no_more_for_what_was_said_before() -> None:
    world, asked = asked_in(founded(), by=("baba", "chiba", "endo"))
    assert allowed(world, asked)
    moved = next_of(world, GENESIS, replace(CHIBA, department="finance"))
    gone = replace(moved, people=tuple(x for x in GENESIS.people if x.person_id != "chiba"))
    rekey = next_of(world, GENESIS, rekeyed(CHIBA))
    for new in (moved, gone, rekey):
        after = rotated(world, new, by=WITHOUT_CHIBA)
        assert not allowed(after, asked)
        assert allowed(approve(after, asked, by=("doi",)), asked)
    # As one of finance chiba speaks anew, and of what was said in security nothing is left.
    short, other = asked_in(founded(), by=("baba", "chiba", "doi"))
    short = rotated(short, moved, by=WITHOUT_CHIBA)
    short = approve(short, other, by=("hara",))  # so that it would be counted
    assert not allowed(short, other)
    assert allowed(approve(short, other, by=("chiba",)), other)


def test_nobody_comes_back_with_an_old_key() -> None:
    """A server could keep back what was signed with it, and bring it then."""
    kept_back, asked = asked_in(founded(), by=("baba", "endo"))
    withheld = statement(kept_back, "chiba", Decision.APPROVE, asked)
    back = reinstated(suspended(kept_back, "chiba"), "chiba")
    assert not allowed(said(back, withheld), asked)
    assert not allowed(approve(back, asked, by=("chiba",)), asked)
    world = rotated(back, next_of(back, GENESIS, rekeyed(CHIBA)), by=WITHOUT_CHIBA)
    anew = statement(
        world, "chiba", Decision.APPROVE, asked, key=key_of("chiba-2"), credential_id="chiba-2"
    )
    assert allowed(said(world, anew), asked)
    assert not allowed(said(world, withheld), asked)


# 2. Suspensions ----------------------------------------------------------------------------------


def test_one_officer_takes_a_voice_away_at_once_and_a_quorum_gives_none_back_that_spoke() -> None:
    world, asked = asked_in(founded(), by=QUORUM_PEOPLE)
    assert not allowed(suspended(world, "chiba"), asked)
    assert allowed(suspended(world, "chiba", by="aoki"), asked), "no officer"
    assert not allowed(reinstated(suspended(world, "chiba"), "chiba"), asked)


@pytest.mark.parametrize("apart_hours", [0, 11])
def test_the_third_in_a_day_needs_a_second_officer(apart_hours: int) -> None:
    assert allowed(*three_suspended(apart_hours)), "hara still speaks"


@pytest.mark.parametrize("apart_hours", [12, 30])
def test_the_third_after_a_day_does_not(apart_hours: int) -> None:
    assert not allowed(*three_suspended(apart_hours)), "hara does not speak any more"


def three_suspended(apart_hours: int) -> tuple[World, Pass]:
    """Return the world in which one officer suspended three, the last an approver of the pass."""
    world, asked = asked_in(founded(), by=("baba", "hara", "endo"))
    for number, whom in enumerate(("chiba", "gotoh", "hara")):
        world = suspended(world, whom, hours=number * apart_hours)
    return world, asked


def test_one_officer_cannot_make_a_quorum_impossible() -> None:
    world, asked = asked_in(founded(), by=QUORUM_PEOPLE)
    world = suspended(world, "fujii")
    assert allowed(suspended(world, "endo"), asked), "the last of finance"


def test_nobody_suspended_speaks_for_the_next_roster_even_with_a_new_key() -> None:
    world = suspended(founded(), "chiba")
    gone = {"doi", "gotoh", "hara", "chiba"}
    left = [each for each in GENESIS.people if each.person_id not in gone]
    left += [rekeyed(CHIBA), person("ito", "security")]
    new = replace(next_of(world, GENESIS), people=tuple(left))
    document = roster_bytes(new)
    world = record(world, ROSTER_FILED, {"roster": parse_json(document, "roster")})
    rotation = admin_pass(
        world,
        SubjectType.ROSTER,
        "roster",
        new_digest=roster_digest(document),
        previous_digest=world.genesis_digest,
    )
    world = approve(ask(world, rotation), rotation, by=WITHOUT_CHIBA)
    mine = statement(
        world, "chiba", Decision.APPROVE, rotation, key=key_of("chiba-2"), credential_id="chiba-2"
    )
    assert seen(said(world, mine)).roster_digest == world.genesis_digest
    world = approve(world, rotation, by=("ito",))
    assert seen(world).roster_digest == roster_digest(document)


# 3. Words and devices ----------------------------------------------------------------------------


def test_words_that_were_compared_are_those_of_the_pass() -> None:
    world, asked = asked_in(founded(), by=("baba", "endo"))
    right = digest_words(bytes.fromhex(digest_of(asked)), "en")
    japanese = digest_words(bytes.fromhex(digest_of(asked)), "ja")
    for words, counts in (
        (right, True),
        (japanese, True),
        (right[:11], False),
        (right[::-1], False),
        (("abandon",) * 12, False),
    ):
        spoken = statement(world, "chiba", Decision.APPROVE, asked, words=" ".join(words))
        assert allowed(said(world, spoken), asked) == counts


def test_a_replacement_spends_the_coin_of_what_it_replaces() -> None:
    world, asked = asked_in(founded(), by=QUORUM_PEOPLE)
    replacing = {"replacement": Replacement(fee_bump=False, replaces=asked.pass_id)}
    for coin, may in ((COIN, True), (outpoint(funding(WALLET, 10**8, salt="other"), 0), False)):
        other = transfer_pass(
            world, WALLET, [payment(STRANGER, 7_000)], coin, transfer=replacing, pass_id="0" * 26
        )
        assert allowed(approve(ask(world, other), other), other) == may


def with_device(of: Credential, *, attested: bool = True) -> Roster:
    """Return the roster in which gotoh of security has a device and no key file."""
    listed = replace(of, credential_id="gotoh-1", device="serial 7", attested=attested)
    gotoh = replace(person("gotoh", "security"), credentials=(listed,))
    others = tuple(each for each in GENESIS.people if each.person_id != "gotoh")
    return replace(GENESIS, people=(*others, gotoh), console_origin=ORIGIN)


def by_device(
    world: World, asked: Pass, device: Authenticator, of: Credential, *, flags: int = 0x05
) -> SignedApproval:
    """Return gotoh's approval by a device, as the browser or the own machine has it signed."""
    usual = statement(world, "gotoh", Decision.APPROVE, asked)
    method = METHOD_OF[of.kind]
    document = approval_bytes(replace(read_approval(usual.document, "usual"), method=method))
    words = review_client_data(document)
    if method is Method.PASSKEY:
        words = client_data("webauthn.get", base64url(approval_digest(document)), ORIGIN)
    return crafted(device, of, words, document, flags=flags)


RELAXED = replace(
    OPEN_POLICY, passkeys=Passkeys(attested_required=False, device_bound_required=False)
)


@pytest.mark.parametrize("make", [passkey, usb_key])
@pytest.mark.parametrize(
    ("policy", "attested", "flags", "counts"),
    [
        (OPEN_POLICY, True, 0x05, True),
        (OPEN_POLICY, False, 0x05, False),
        (OPEN_POLICY, True, 0x0D, False),
        (OPEN_POLICY, True, 0x1D, False),
        (OPEN_POLICY, True, 0x01, False),
        (RELAXED, False, 0x05, True),
        (RELAXED, False, 0x1D, True),
        (RELAXED, False, 0x01, False),
    ],
)
def test_what_a_policy_wants_of_a_passkey(
    make: Callable[[], tuple[Authenticator, Credential]],
    policy: Policy,
    *,
    attested: bool,
    flags: int,
    counts: bool,
) -> None:
    device, of = make()
    world = founded(with_device(of, attested=attested), policy)
    world, asked = asked_in(world, by=("baba", "endo"))
    signed = by_device(world, asked, device, of, flags=flags)
    assert allowed(said(world, signed), asked) == counts


def test_a_device_that_counts_back_has_a_twin() -> None:
    device, of = passkey()
    world = founded(with_device(of))
    twin, _ = passkey()
    world, asked = asked_in(world, by=("baba", "endo"))
    first = by_device(world, asked, device, of)
    assert allowed(said(world, first), asked)
    other, later = asked_in(said(world, first), by=("baba", "endo"))
    assert not allowed(said(other, by_device(other, later, twin, of)), later), "1 again"
    assert allowed(said(other, by_device(other, later, device, of)), later), "2"
