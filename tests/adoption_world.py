"""The exchange whose rosters and documents are put in force, and why an admin pass is not."""

from typing import Any

from world import (
    World,
    digest_of,
    evidence_of,
    register,
    transfer_pass,
)
from world_coins import DESCRIPTORS, STRANGER, funding, outpoint, payment, wallet_of
from world_people import NOW, QUORUM_PEOPLE, person
from world_people import key_of as secret_of
from world_power import (
    bound,
    in_force,
    powers,
    proposal,
    roster_next,
    spoken,
    with_officers,
    without,
)

from sekisho.passes.adoption import why_not_adopted
from sekisho.passes.records import Decision, Pass, Person
from sekisho.passes.verify import standing_of
from sekisho.watch.credence import weigh

WALLET = wallet_of(DESCRIPTORS["wpkh"])

COIN = outpoint(funding(WALLET, 10**8), 0)

BASE = register(powers(), WALLET)

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


def live(world: World) -> set[str]:
    return set(in_force(world).live)


STAFF = (*without(PEOPLE_NOW, "doi"), NEW_DOI)


def rotated_to(world: World, people: tuple[Person, ...], *by: str, **changes: Any) -> World:  # noqa: ANN401 - fields of Roster
    world, asked = proposal(world, roster_next(world, people=people, **changes))
    after = decided(world, asked, *(by or QUORUM_PEOPLE))
    assert why_not(after, asked) == []
    return after


def with_new_key(world: World, asked: Pass) -> World:
    key = secret_of("chiba-2")
    return spoken(world, asked, Decision.APPROVE, "chiba", credential_id="chiba-2", key=key)
