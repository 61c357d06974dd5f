"""The watcher believes exactly what the gate would allow, by code of its own.

Two implementations that always agree may still share a mistake, so the attacks with known answers
come first. Then evidence at random: honest statements, forged ones, and documents swapped.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from attacks import (
    ATTACKS,
    BASE,
    COIN,
    OTHER,
    REPLACEMENT,
    THIEFS,
    WALLET,
)
from attacks_on_wallets import WALLET_ATTACKS, filed_wallet, replaced
from credence_agreed import agreed
from world import (
    approve,
    ask,
    at_genesis,
    begin,
    digest_of,
    evidence_of,
    register,
    reject,
    transfer_pass,
    void,
    wallet_pass,
)
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    payment,
    script_at,
    wallet_of,
)
from world_people import NOW, ONE_OF_EACH, PEOPLE, roster

from sekisho.passes.documents import read_pass
from sekisho.passes.evidence import Asked
from sekisho.passes.records import Pass, Quorum
from sekisho.wallets.records import Wallet
from sekisho.wallets.registry import open_book
from sekisho.watch.credence import Credence, former_id

ALL = ATTACKS | WALLET_ATTACKS
GENESIS = begin().genesis_digest
MOVED_AGAIN = replace(WALLET, descriptor=wallet_of(DESCRIPTORS["wpkh"]).descriptor)


@pytest.mark.parametrize("name", ALL)
def test_the_watcher_believes_none_of_the_attacks(name: str) -> None:
    case = ALL[name]()
    credence = agreed(evidence_of(case.world), case.world.genesis_digest)
    believed = digest_of(case.asked) in credence.believed
    assert believed == (not case.findings)


GENESES = {
    "adopted": begin(),
    "short of security": at_genesis(roster(), adopted_by=("baba", "endo")),
    "by one person": at_genesis(roster(), adopted_by=("aoki", "aoki", "aoki")),
    "of another version": at_genesis(roster(version=2, previous_digest="ab" * 32)),
    "unreadable": at_genesis(roster(people=(*PEOPLE, PEOPLE[0]))),
    "with another quorum": at_genesis(
        roster(quorum_admin=Quorum(at_least=(("finance", 2), *ONE_OF_EACH.at_least[1:])))
    ),
}


@pytest.mark.parametrize("name", GENESES)
def test_a_genesis_that_does_not_hold_is_believed_nothing(name: str) -> None:
    world = approve(ask(GENESES[name], OTHER), OTHER)
    credence = agreed(evidence_of(world), world.genesis_digest)
    assert bool(credence.doubted) == (name == "adopted")
    assert agreed(evidence_of(world), "ab" * 32).doubted == {}
    assert agreed(evidence_of(world), "").doubted == {}


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_roster_ends_for_both_in_the_same_second(seconds: int) -> None:
    at = begin().roster.expires_at + timedelta(seconds=seconds)
    assert bool(agreed(evidence_of(BASE), BASE.genesis_digest, now=at).wallets) == (seconds < 0)


@pytest.mark.parametrize("days", [0, 1, 9_999])
def test_the_watcher_watches_on_when_the_roster_has_expired(days: int) -> None:
    """A date that somebody forgot opens no gate, and closes no eye."""
    at = begin().roster.expires_at + timedelta(days=days)
    asked = transfer_pass(BASE, WALLET, [payment(STRANGER, 7_000)], COIN)
    replacing = replaced(BASE, REPLACEMENT)
    for world in (approve(ask(BASE, asked), asked), replacing, register(BASE, THIEFS)):
        before = agreed(evidence_of(world), GENESIS)
        after = agreed(evidence_of(world), GENESIS, now=at)
        assert after.watched == before.watched != {}
        assert (after.wallets, after.believed) == ({}, {})
        assert after.doubted == {**before.believed, **before.doubted}
    assert agreed(evidence_of(filed_wallet(begin(), THIEFS)), GENESIS, now=at).watched == {}


def test_one_persons_word_ends_no_registration() -> None:
    """Nor does a second registration that names nothing before it: a quorum did what it did."""
    adoption = genesis_adoption()
    for world in (
        void(BASE, wallet_pass(filed_wallet(begin(), WALLET), WALLET), by="fujii"),
        reject(BASE, wallet_pass(filed_wallet(begin(), WALLET), WALLET), by="aoki"),
        void(BASE, adoption, by="fujii"),
        register(BASE, THIEFS),
    ):
        credence = agreed(evidence_of(world), GENESIS)
        assert credence.wallets == credence.watched == {WALLET.wallet_id: WALLET}


def test_nothing_is_watched_that_no_quorum_ever_approved() -> None:
    world = filed_wallet(begin(), THIEFS)
    registration = wallet_pass(world, THIEFS)
    two = approve(ask(world, registration), registration, by=("chiba", "doi"))
    for each in (world, two, replace(two, drafts=BASE.drafts[:1])):
        assert agreed(evidence_of(each), GENESIS).watched == {}


def test_every_wallet_that_a_quorum_ever_approved_stays_watched() -> None:
    """Replaced or expired: its coins are still there."""
    moved, own = replaced(BASE, THIEFS), WALLET.wallet_id
    assert agreed(evidence_of(moved), GENESIS).watched == {own: THIEFS, **former(WALLET)}
    back = replaced(moved, REPLACEMENT, before=THIEFS)
    again = replaced(replaced(BASE, THIEFS), MOVED_AGAIN, before=THIEFS)
    three = {WALLET.descriptor, THIEFS.descriptor, MOVED_AGAIN.descriptor}
    for at in (NOW, begin().roster.expires_at):
        watched = agreed(evidence_of(back), GENESIS, now=at).watched
        assert watched == {own: REPLACEMENT, **former(THIEFS)}
        watched = agreed(evidence_of(again), GENESIS, now=at).watched
        assert {each.descriptor for each in watched.values()} == three
    shorter = replaced(replaced(BASE, REPLACEMENT), WALLET, before=REPLACEMENT)
    assert agreed(evidence_of(shorter), GENESIS).watched == {own: WALLET, **former(REPLACEMENT)}


def test_a_wallet_all_of_whose_scripts_another_has_is_not_watched_twice() -> None:
    """It would never have a coin of its own, and be reported for that for ever."""
    names = [replace(WALLET, name=name, gap_limit=WALLET.gap_limit - 1) for name in "ab"]
    for wallet in (*names, REPLACEMENT):
        watched = agreed(evidence_of(replaced(BASE, wallet)), GENESIS).watched
        assert watched[WALLET.wallet_id] == wallet
        assert len(watched) == (1 if wallet == REPLACEMENT else 2)
        assert scripts_of(WALLET) <= set(open_book(watched.values()).by_script)
    twice = replaced(replaced(BASE, names[0]), names[1], before=names[0])
    watched = agreed(evidence_of(twice), GENESIS).watched
    assert watched == {WALLET.wallet_id: names[1], **former(WALLET)}


def test_a_script_of_a_former_wallet_belongs_to_the_one_in_force_that_has_it() -> None:
    """Also where that one has another id, which comes later in the alphabet."""
    heir = replace(WALLET, wallet_id="zz-9")
    for world, owner in (
        (register(replaced(BASE, THIEFS), heir), heir),
        (replaced(BASE, replace(WALLET, gap_limit=3)), WALLET),
    ):
        book = open_book(agreed(evidence_of(world), GENESIS).watched.values())
        own = book.own(script_at(WALLET))
        assert own is not None
        assert own.wallet_id == owner.wallet_id


def former(wallet: Wallet) -> dict[str, Wallet]:
    named = former_id(wallet)
    return {named: replace(wallet, wallet_id=named)}


def scripts_of(wallet: Wallet) -> set[bytes]:
    return set(open_book([wallet]).by_script)


def watched_scripts(credence: Credence) -> set[bytes]:
    return set(open_book(credence.watched.values()).by_script)


def genesis_adoption() -> Pass:
    """Return the pass that adopted the genesis, as `at_genesis` made it."""
    first = next(each for each in evidence_of(begin()).events if isinstance(each, Asked))
    return read_pass(first.document, "adoption")
