"""The watcher believes exactly what the gate would allow, by code of its own.

Two implementations that always agree may still share a mistake, so the attacks with known answers
come first. Then evidence at random: honest statements, forged ones, and documents swapped.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from attacks import ATTACKS, BASE, COIN, OTHER, REPLACEMENT, THIEFS, WALLET
from attacks_on_wallets import WALLET_ATTACKS, filed_wallet, replaced
from edwards import sign_with_nonce
from hypothesis import event, given, settings
from hypothesis import strategies as st
from world import (
    approve,
    ask,
    at_genesis,
    begin,
    digest_of,
    evidence_of,
    register,
    reject,
    statement,
    transfer_pass,
    void,
    wallet_pass,
)
from world_coins import DESCRIPTORS, STRANGER, bytes_of, payment, script_at, wallet_of
from world_people import NOW, ONE_OF_EACH, PEOPLE, QUORUM_PEOPLE, key_of, roster

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.passes.documents import approval_digest, pass_bytes, read_pass
from sekisho.passes.evidence import Evidence
from sekisho.passes.records import Decision, Pass, Quorum, SignedApproval, Transfer
from sekisho.passes.verify import establish_trust, standing_of, wallets_in_force
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.records import Wallet
from sekisho.wallets.registry import open_book
from sekisho.watch.credence import Credence, former_id, weigh

ALL = ATTACKS | WALLET_ATTACKS
GENESIS = begin().genesis_digest
MOVED_AGAIN = replace(WALLET, descriptor=wallet_of(DESCRIPTORS["wpkh"]).descriptor)


def agreed(evidence: Evidence, genesis_digest: str, *, now: datetime = NOW) -> Credence:
    """Return what the watcher believes, after holding it equal to what the gate would allow."""
    credence = weigh(evidence, genesis_digest=genesis_digest, now=now)
    trust, _ = establish_trust(evidence, genesis_digest=genesis_digest, now=now)
    assert credence.wallets.items() <= credence.watched.items()
    if trust is None:
        assert (credence.wallets, credence.believed) == ({}, {})
        return credence
    transfers = {
        digest: asked
        for digest, asked in trust.passes.items()
        if isinstance(asked.action, Transfer)
    }
    allowed = {digest for digest in transfers if not standing_of(trust, digest).findings}
    assert set(credence.believed) == allowed
    assert {**credence.believed, **credence.doubted} == transfers
    assert set(credence.wallets.values()) == set(wallets_in_force(trust))
    assert all(wallet.wallet_id == each for each, wallet in credence.wallets.items())
    return credence


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


def test_one_persons_word_does_not_blind_the_watcher() -> None:
    """It ends the registration of a wallet, or the whole genesis; the coins are still watched."""
    adoption = genesis_adoption()
    for world in (
        void(BASE, wallet_pass(filed_wallet(begin(), WALLET), WALLET), by="fujii"),
        reject(BASE, wallet_pass(filed_wallet(begin(), WALLET), WALLET), by="aoki"),
        void(BASE, adoption, by="fujii"),
        register(BASE, THIEFS),
        replaced(replaced(BASE, REPLACEMENT), WALLET, before=REPLACEMENT),
    ):
        credence = agreed(evidence_of(world), GENESIS)
        assert credence.wallets == {}
        assert WALLET.wallet_id in credence.watched
        assert scripts_of(WALLET) <= watched_scripts(credence)
    assert agreed(evidence_of(BASE), GENESIS).watched == {WALLET.wallet_id: WALLET}


def test_nothing_is_watched_that_no_quorum_ever_approved() -> None:
    world = filed_wallet(begin(), THIEFS)
    registration = wallet_pass(world, THIEFS)
    two = approve(ask(world, registration), registration, by=("chiba", "doi"))
    for each in (world, two, replace(two, drafts=BASE.drafts[:1])):
        assert agreed(evidence_of(each), GENESIS).watched == {}


def test_what_is_in_force_is_watched_before_what_was_voided() -> None:
    world = replaced(BASE, REPLACEMENT)
    later = wallet_pass(
        filed_wallet(BASE, REPLACEMENT), REPLACEMENT, previous_digest=wallet_digest(WALLET)
    )
    assert agreed(evidence_of(world), GENESIS).watched == {WALLET.wallet_id: REPLACEMENT}
    watched = agreed(evidence_of(void(world, later)), GENESIS).watched
    assert watched == {WALLET.wallet_id: WALLET, **former(REPLACEMENT)}  # it reached further


def test_every_wallet_that_a_quorum_ever_approved_stays_watched() -> None:
    """Replaced, forked, voided or expired: its coins are still there."""
    moved, own = replaced(BASE, THIEFS), WALLET.wallet_id
    assert agreed(evidence_of(moved), GENESIS).watched == {own: THIEFS, **former(WALLET)}
    back = replaced(moved, REPLACEMENT, before=THIEFS)
    assert agreed(evidence_of(back), GENESIS).watched == {own: REPLACEMENT, **former(THIEFS)}
    for world in (
        register(BASE, THIEFS),
        replaced(replaced(BASE, THIEFS), MOVED_AGAIN),
        replaced(register(BASE, THIEFS), MOVED_AGAIN, before=THIEFS),
    ):
        both = {WALLET.descriptor, THIEFS.descriptor}
        for at in (NOW, begin().roster.expires_at):
            credence = agreed(evidence_of(world), GENESIS, now=at)
            assert credence.wallets == {}
            assert both <= {each.descriptor for each in credence.watched.values()}


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
    (document,) = evidence_of(begin()).passes.values()
    return read_pass(document, "adoption")


# Evidence at random ------------------------------------------------------------------------------

NAMES = (*(each.person_id for each in PEOPLE), "mallory")
WALLETS = (WALLET, REPLACEMENT, THIEFS)


def _passes() -> tuple[Pass, ...]:
    """Every pass that the random evidence speaks of: transfers, and what they rest on."""
    pay = [payment(STRANGER, 7_000)]
    after = wallet_digest(WALLET)
    return (
        *(wallet_pass(BASE, each) for each in (WALLET, THIEFS)),
        *(wallet_pass(BASE, each, previous_digest=after) for each in (REPLACEMENT, THIEFS)),
        wallet_pass(BASE, WALLET, previous_digest=wallet_digest(REPLACEMENT)),
        *(transfer_pass(BASE, each, pay, COIN) for each in WALLETS),
        transfer_pass(BASE, WALLET, pay, COIN, requester="chiba"),
        transfer_pass(BASE, WALLET, pay, COIN, terminal_id="desk-9"),
        transfer_pass(BASE, WALLET, pay, COIN, genesis_digest="ab" * 32),
        transfer_pass(BASE, WALLET, pay, COIN, policy_digest="ab" * 32),
    )


PASSES = _passes()
REGISTRATION, TRANSFER = PASSES[0], PASSES[5]


@cache
def signed(
    who: str, decision: Decision, asked: int, changes: tuple[tuple[str, object], ...], key: str
) -> SignedApproval:
    fields: dict[str, Any] = dict(changes)
    return statement(begin(), who, decision, PASSES[asked], key=key_of(key), **fields)


@cache
def signed_again(document: bytes, key: str) -> bytes:
    return sign_with_nonce(bytes_of(f"signing key of {key}"), approval_digest(document), nonce=7)


@dataclass
class Scribe:
    """Writes statements, some of them honest, and gives out numbers."""

    draw: st.DrawFn
    written: list[SignedApproval] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)

    def honest(self, asked: int, *, by: Sequence[str]) -> None:
        """Write what it takes to allow a pass, if `by` is a quorum."""
        self.write(PASSES[asked].requester, Decision.ASK, asked)
        for who in by:
            self.write(who, Decision.APPROVE, asked)

    def write(
        self, who: str, decision: Decision, asked: int, *, key: str = "", **changes: object
    ) -> None:
        self.numbers[who] += 1
        fields = {"sequence": self.numbers[who] + 100, **changes}
        key = key or who
        self.written.append(signed(who, decision, asked, tuple(sorted(fields.items())), key))

    def attack(self) -> None:
        """Write something that may or may not be in order, in several ways at once."""
        draw = self.draw
        who = draw(st.sampled_from(NAMES))
        odd = draw(st.dictionaries(st.sampled_from(sorted(ODD)), st.integers(0, 1), max_size=2))
        changes = {name: ODD[name][which] for name, which in odd.items()}
        key = draw(st.sampled_from([who, who, who, "doi", "mallory"]))
        decision = draw(st.sampled_from([Decision.ASK, *[Decision.APPROVE] * 6, *Decision]))
        self.write(who, decision, draw(ANY_PASS), key=key, **changes)
        if draw(st.integers(0, 3)) == 0:
            self.written.append(self._damaged(self.written[-1], key))

    def _damaged(self, whole: SignedApproval, key: str) -> SignedApproval:
        """Return a statement that was tampered with, or signed again, or cannot be read."""
        document = parse_json(whole.document, "approval")
        assert isinstance(document, dict)
        match self.draw(st.sampled_from(["flip", "relabel", "unreadable", "again"])):
            case "flip":
                return replace(whole, signature=bytes(64))
            case "relabel":
                return replace(whole, document=canonical_bytes(document | {"decision": "void"}))
            case "unreadable":
                odd = canonical_bytes(document | self.draw(st.sampled_from(UNREADABLE)))
                signature = key_of(key).sign(approval_digest(odd))
                return SignedApproval(document=odd, signature=signature)
            case _:
                return replace(whole, signature=signed_again(whole.document, key))


ODD: dict[str, tuple[object, object]] = {
    "sequence": (101, 102),
    "credential_id": ("doi-1", "nobody-1"),
    "terminal_id": ("desk-2", "desk-9"),
    "signed_at": (TRANSFER.expires_at, TRANSFER.expires_at - timedelta(seconds=1)),
    "genesis_digest": ("ab" * 32, GENESIS),
    "reason": ("", "no"),
}
"""Other values of a statement's fields: some count, some do not, some make numbers collide."""

UNREADABLE: tuple[dict[str, Json], ...] = (
    {"decision": "reject", "reason": "two\nlines"},
    {"decision": "void", "terminal_id": "Desk 1"},
    {"decision": "reject", "words": "x" * 5000},
    {"decision": "reject", "signed_at": "now"},
    {"decision": "approve", "reason": "\u202e"},
    {"decision": "approve", "note": ""},
    {"decision": "reject", "sequence": "5"},
    {"decision": "abstain"},
)


ANY_PASS = st.sampled_from(range(len(PASSES)))
QUORUMS = st.sampled_from(
    [QUORUM_PEOPLE, QUORUM_PEOPLE, ("aoki", "doi", "fujii"), ("baba", "chiba"), NAMES]
)


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    scribe = Scribe(draw=draw)
    for asked in (PASSES.index(REGISTRATION), PASSES.index(TRANSFER)):
        scribe.honest(asked, by=draw(QUORUMS))
    for asked in draw(st.lists(ANY_PASS, max_size=3)):
        scribe.honest(asked, by=draw(QUORUMS))
    for _ in range(draw(st.integers(0, 6))):
        scribe.attack()
    real = evidence_of(begin())
    documents = {digest_of(each): pass_bytes(each) for each in PASSES}
    wallets = {wallet_digest(each): each for each in WALLETS}
    if draw(st.integers(0, 9)) == 0:
        swapped = draw(st.sampled_from(sorted(documents)))
        documents[swapped] = pass_bytes(draw(st.sampled_from(PASSES)))
    if draw(st.integers(0, 9)) == 0:
        wallets[wallet_digest(WALLET)] = draw(st.sampled_from(WALLETS))
    if draw(st.integers(0, 9)) == 0:
        del documents[draw(st.sampled_from(sorted(documents)))]
    return Evidence(
        rosters=real.rosters,
        wallets=wallets,
        passes={**real.passes, **documents},
        approvals=(*real.approvals, *draw(st.permutations(scribe.written))),
    )


@settings(max_examples=150)
@given(evidence())
def test_gate_and_watcher_agree_on_any_evidence(found: Evidence) -> None:
    credence = agreed(found, GENESIS)
    event(f"{len(credence.believed)} believed")
    event(f"wallets: {sorted(credence.wallets)}")


def test_the_random_evidence_holds_good_passes_and_bad_ones() -> None:
    """Guards the property above: evidence of which nothing is ever believed tests nothing."""
    seen: Counter[str] = Counter()

    @settings(max_examples=50, database=None)
    @given(evidence())
    def look(found: Evidence) -> None:
        credence = weigh(found, genesis_digest=GENESIS, now=NOW)
        seen["believed"] += bool(credence.believed)
        seen["nothing believed"] += not credence.believed
        seen["no wallet"] += not credence.wallets

    look()
    assert min(seen["believed"], seen["nothing believed"], seen["no wallet"]) >= 5, seen
