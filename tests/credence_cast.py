"""The cast of histories at random: wallets, coins, policies, keys that change, and an impostor."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from world_coins import (
    DESCRIPTORS,
    bytes_of,
    funding,
    outpoint,
    stranger,
    wallet_of,
)
from world_people import PEOPLE, key_of, person, roster
from world_policy import OPEN_POLICY

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.kernel.money import Sat
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import (
    Bound,
    FirstTime,
    Limit,
    LookAlike,
    OwnMachineStep,
    Policy,
    TimeLockStep,
    Who,
    Window,
)
from sekisho.passes.records import (
    Automatic,
    ChangeAllowance,
    ChildLimits,
    DestinationRule,
    FeeRule,
    Person,
    Quorum,
    Roster,
    TransactionRule,
)
from sekisho.wallets.allow_list import AllowedDestination, AllowList
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import Tier, Wallet

HOT = wallet_of(DESCRIPTORS["wpkh"], wallet_id="hot-1", tier=Tier.HOT)
COLD = wallet_of(DESCRIPTORS["wsh_sortedmulti"], wallet_id="cold-1")
WALLETS = (HOT, COLD, replace(COLD, gap_limit=4), replace(HOT, name="Renamed"))
COINS = [outpoint(funding(HOT, 10**8, salt=str(n)), 0) for n in range(6)]
DESTINATIONS = [stranger(n) for n in range(5)]
ISSUER = Ed25519PrivateKey.from_private_bytes(bytes_of("the withdrawal service"))
NEWCOMERS = (person("gotoh", "security"), person("hara", "finance"))
OFFICERS = {"doi", "fujii"}
GENESIS = roster(
    people=tuple(replace(each, officer=each.person_id in OFFICERS) for each in PEOPLE),
    quorum_recovery=Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 2))),
)
NAMES = (*(each.person_id for each in (*PEOPLE, *NEWCOMERS)), "mallory")


def _limit(scope: Scope, window: Window, who: Who, most_sat: int) -> Limit:
    return Limit(
        scope=scope,
        window=window,
        who=who,
        tiers=tuple(Tier),
        most=Bound(size_sat=Sat(most_sat)),
        reference="none",
    )


TIGHT = replace(
    OPEN_POLICY,
    policy_id="tight",
    limits=(
        _limit(Scope.KEY_SET, Window.HOUR, Who.PEOPLE, 40_000),
        _limit(Scope.DESTINATION, Window.DAY, Who.PEOPLE, 60_000),
        _limit(Scope.WALLET, Window.DAY, Who.AUTOMATIC, 50_000),
    ),
    own_machine=(
        OwnMachineStep(
            tiers=tuple(Tier), least=Bound(size_sat=Sat(25_000)), people=1, reference="none"
        ),
    ),
    time_lock=(
        TimeLockStep(
            tiers=tuple(Tier),
            least=Bound(size_sat=Sat(20_000)),
            hold_seconds=600,
            reference="none",
        ),
    ),
    first_time=FirstTime(
        new_for_seconds=3_600, most=Bound(size_sat=Sat(30_000)), extra_people=1, reference="none"
    ),
    look_alike=LookAlike(bits_max=28, reference="none"),
)
POLICIES: tuple[Policy, ...] = (
    OPEN_POLICY,
    TIGHT,
    replace(TIGHT, version=2, time_lock=OPEN_POLICY.time_lock),
)


def allow_list_of(chosen: Sequence[str]) -> AllowList:
    network = network_of_caip2(HOT.chain, "chain")
    return AllowList(
        chain=HOT.chain,
        destinations=tuple(
            AllowedDestination(
                address=address,
                script=script_of(address, network, "address"),
                label=f"{'ABCDE'[DESTINATIONS.index(address)]} Trading",
                owner="somebody",
                note="",
                proof=None,
            )
            for address in chosen
        ),
    )


def automatic_from(wallet: Wallet, destinations: DestinationRule) -> Automatic:
    return Automatic(
        chain=wallet.chain,
        wallet_id=wallet.wallet_id,
        wallet_digest=wallet_digest(wallet),
        issuer_key=ISSUER.public_key().public_bytes_raw(),
        destinations=destinations,
        limits=ChildLimits(
            child_max_sat=Sat(15_000),
            hour_max_sat=Sat(30_000),
            day_max_sat=Sat(60_000),
            children_max=6,
            child_valid_seconds=900,
        ),
        inputs_max=20,
        change=ChangeAllowance(rule=wallet.change_rule, outputs_max=1),
        transaction=TransactionRule(
            versions=(2,),
            locktime_min=0,
            locktime_max=1_000_000,
            sequence_min=0,
            sequence_max=0xFFFF_FFFD,
        ),
        fee=FeeRule(fee_max_sat=Sat(10_000), feerate_max_sat_per_kvb=200_000),
        fee_bump=False,
    )


def key_for(credential_id: str) -> Ed25519PrivateKey:
    name, _, number = credential_id.rpartition("-")
    return key_of(name if number == "1" else f"{name} {number}")


def with_new_key(who: Person, number: int) -> Person:
    """Return a person with one key instead of those before; number 1 may give the old one back."""
    name = f"{who.person_id}-{number}"
    public_key = key_for(name).public_key().public_bytes_raw()
    credential = replace(who.credentials[0], credential_id=name, public_key=public_key)
    return replace(who, credentials=(credential,))


def impostor(of: Person) -> Person:
    """Return somebody who lists another's credential id as their own, under a key of theirs."""
    name = of.credentials[0].credential_id
    mine = key_of("mallory").public_key().public_bytes_raw()
    credential = replace(of.credentials[0], credential_id=name, public_key=mine)
    return replace(of, person_id="mallory", name="Mallory", credentials=(credential,))


def other_people(random: Random, old: Roster) -> list[Person]:
    """Return the people of a next roster: one comes, goes, moves, has a new key, or pretends."""
    people = list(old.people)
    match random.randrange(7):
        case 0:
            people.append(random.choice(NEWCOMERS))
        case 1:
            people.remove(random.choice(people))
        case 2:
            place = random.randrange(len(people))
            moved = random.choice(old.departments)
            people[place] = replace(people[place], department=moved)
        case 3 | 4:
            place = random.randrange(len(people))
            people[place] = with_new_key(people[place], random.randint(1, 3))
        case 5:
            people.append(impostor(random.choice(people)))
        case _:
            pass  # the same people again
    return list({each.person_id: each for each in people}.values())
