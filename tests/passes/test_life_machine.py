"""The life of two passes on one anchor, at random: people, gate, time and chain in any order.

The machine keeps by hand who said what. What the rooms conclude from the journal alone must always
be what follows from that, and some things must never be: two transactions cleared under one pass,
a pass that goes on after somebody said no, a signed transaction forgotten.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from attacks import BASE, COIN, WALLET
from gate_psbts import Coins, psbt_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from world import (
    World,
    cleared,
    digest_of,
    entries_of,
    filed,
    issued,
    said,
    statement,
    transfer_pass,
    trust_of,
)
from world_coins import funding, payment, script_at, spending, stranger, txout
from world_people import NOW, PEOPLE, REQUESTER

from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.gate.clear import clear
from sekisho.journal.entries import read_entry, seal
from sekisho.journal.records import Entry
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.passes.evidence import gather_evidence
from sekisho.passes.fold import establish_trust
from sekisho.passes.life import AnchorFate, PassState, clearances, issued_digest, state_of_pass
from sekisho.passes.records import Decision, Pass, Replacement
from sekisho.passes.verify import standing_of

COINS = Coins(previous=(funding(WALLET, 10**8),), wallets=(WALLET,))
DEPARTMENT = {each.person_id: each.department for each in PEOPLE}
ANYBODY = st.sampled_from(sorted(DEPARTMENT))
OVER = {PassState.SETTLED, PassState.DEAD}


def unsigned(place: int, change_sat: int) -> Transaction:
    """Return one of the transactions that pass number `place` allows: the change differs."""
    paid = txout(stranger(place), 10_000_000)
    change = TxOut(amount_sat=Sat(change_sat), script=script_at(WALLET, branch=1))
    return spending([COIN], [paid, change])


FIRST = transfer_pass(BASE, WALLET, [payment(stranger(0), 10_000_000)], COIN)
SECOND = transfer_pass(
    BASE,
    WALLET,
    [payment(stranger(1), 10_000_000)],
    COIN,
    transfer={"replacement": Replacement(fee_bump=False, replaces=FIRST.pass_id)},
    expires_at=FIRST.expires_at + timedelta(hours=6),
)
PASSES = (FIRST, SECOND)
TRANSACTIONS = [
    [unsigned(place, change_sat) for change_sat in (89_990_000, 89_980_000)] for place in (0, 1)
]
WHICH = st.sampled_from([0, 1])
SELDOM_NO = st.sampled_from([None, None, None, Decision.REJECT, Decision.VOID])
SELDOM_SPENT = st.sampled_from(
    [*[AnchorFate.UNSPENT] * 2, AnchorFate.SPENT_AS_ALLOWED, AnchorFate.SPENT_OTHERWISE]
)
"""What ends everything happens seldom, so that lives are long enough to be looked at."""


@dataclass
class Known:
    """What really happened to one pass."""

    asked: bool = False
    approvers: set[str] = field(default_factory=set)
    rejected: bool = False
    voided: bool = False
    no_before_signing: bool = False
    issued: bool = False
    txids: list[str] = field(default_factory=list)
    states: list[PassState] = field(default_factory=list)

    @property
    def allowed(self) -> bool:
        counting = self.approvers - {REQUESTER}
        departments = {DEPARTMENT[who] for who in counting}
        return self.asked and len(departments) == 3 and not self.rejected and not self.voided


class LifeOfTwoPasses(RuleBasedStateMachine):
    """Every rule writes a fact; every invariant looks at the journal and at nothing else."""

    world: World
    sealed: list[Entry]
    now: datetime
    anchor: AnchorFate
    known: tuple[Known, Known]

    @initialize()
    def file(self) -> None:
        self.world = filed(filed(BASE, FIRST), SECOND)
        self.sealed = list(entries_of(self.world))
        self.now = NOW
        self.anchor = AnchorFate.UNSPENT
        self.known = Known(), Known()

    def say(self, which: int, who: str, decision: Decision) -> None:
        asked = PASSES[which]
        signed = statement(self.world, who, decision, asked, signed_at=self.now)
        self.world = said(self.world, signed)

    @rule(which=WHICH, who=st.sampled_from([REQUESTER, REQUESTER, "baba", "chiba"]))
    def ask(self, which: int, who: str) -> None:
        self.say(which, who, Decision.ASK)
        in_time = self.now < PASSES[which].expires_at
        self.known[which].asked |= who == REQUESTER and in_time

    @rule(which=WHICH, who=ANYBODY)
    def approve(self, which: int, who: str) -> None:
        self.say(which, who, Decision.APPROVE)
        if self.now < PASSES[which].expires_at:
            self.known[which].approvers.add(who)

    @rule(which=WHICH)
    def approve_by_a_quorum(self, which: int) -> None:
        self.ask(which, REQUESTER)
        for who in ("baba", "doi", "fujii"):
            self.approve(which, who)

    @rule(which=WHICH, who=ANYBODY, decision=SELDOM_NO)
    def say_no(self, which: int, who: str, decision: Decision | None) -> None:
        if decision is None:
            return
        self.say(which, who, decision)
        known = self.known[which]
        known.voided |= decision is Decision.VOID
        known.rejected |= decision is Decision.REJECT
        known.no_before_signing |= not known.txids

    @rule(which=WHICH)
    def issue(self, which: int) -> None:
        """Whoever writes the journal may say so at any time; it must mean nothing by itself."""
        self.world = issued(self.world, PASSES[which])
        self.known[which].issued = True

    @rule(hours=st.integers(1, 12))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @precondition(lambda self: self.anchor is AnchorFate.UNSPENT)
    @rule(fate=SELDOM_SPENT)
    def anchor_is_spent(self, fate: AnchorFate) -> None:
        self.anchor = fate

    @rule(which=WHICH, number=st.integers(0, 1), other=st.integers(0, 5))
    def show_the_gate(self, which: int, number: int, other: int) -> None:
        """Show it a transaction of this pass, or now and then of the other one."""
        shown = TRANSACTIONS[1 - which if other == 0 else which][number]
        known, asked = self.known[which], PASSES[which]
        trust = trust_of(self.world, now=self.now)
        answer = None
        with suppress(Refused):
            answer = clear(
                psbt_of(shown, COINS),
                pass_digest=digest_of(asked),
                register=trust,
                book=trust.book(),
                used=clearances(self.entries()),
                now=self.now,
            )
        in_time = asked.not_before_at <= self.now < asked.expires_at
        unused = not set(known.txids) - {shown.txid}
        may = known.allowed and in_time and unused and other != 0
        assert (answer is not None) == may
        if answer is not None:
            assert answer.txid == shown.txid
            known.txids.append(shown.txid)
            self.world = cleared(self.world, asked, shown, at=self.now)

    @invariant()
    def what_the_journal_says_is_what_happened(self) -> None:
        entries = self.entries()
        found = states_from(entries, anchor=self.anchor, now=self.now)
        assert found == [self.expected(0), self.expected(1)]
        for known, state, asked in zip(self.known, found, PASSES, strict=True):
            self.holds_for_ever(known, state, entries, asked)
            known.states.append(state)

    def holds_for_ever(
        self, known: Known, found: PassState, entries: tuple[Entry, ...], asked: Pass
    ) -> None:
        under = {each.txid for each in clearances(entries) if each.pass_digest == digest_of(asked)}
        assert len(under) <= 1, "two transactions under one pass"
        if known.no_before_signing:
            assert found not in {PassState.APPROVED, PassState.ISSUED, PassState.SIGNED_LIVE}
            assert not under
        if PassState.SIGNED_LIVE in known.states:
            assert found in {PassState.SIGNED_LIVE, *OVER}
            assert (found in OVER) == (self.anchor is not AnchorFate.UNSPENT)
        if PassState.SETTLED in known.states:
            assert found is PassState.SETTLED

    def teardown(self) -> None:
        """Whoever reads the bytes of the journal from the beginning comes to the same."""
        if hasattr(self, "world"):
            replayed = tuple(read_entry(each.document, "entry") for each in entries_of(self.world))
            found = states_from(replayed, anchor=self.anchor, now=self.now)
            assert found == [known.states[-1] for known in self.known]

    def entries(self) -> tuple[Entry, ...]:
        """Return the journal, in which only what is new has to be sealed."""
        for draft in self.world.drafts[len(self.sealed) :]:
            tip = self.sealed[-1].hash
            self.sealed.append(seal(draft, seq=len(self.sealed) + 1, prev_hash=tip))
        return tuple(self.sealed)

    def expected(self, which: int) -> PassState:
        known = self.known[which]
        if self.anchor is AnchorFate.SPENT_AS_ALLOWED:
            return PassState.SETTLED
        if known.txids:
            spent = self.anchor is AnchorFate.SPENT_OTHERWISE
            return PassState.DEAD if spent else PassState.SIGNED_LIVE
        if known.voided or known.rejected:
            return PassState.VOIDED if known.voided else PassState.REJECTED
        if self.now >= PASSES[which].expires_at:
            return PassState.EXPIRED
        if self.anchor is AnchorFate.SPENT_OTHERWISE:
            return PassState.DEAD
        if not known.allowed:
            return PassState.ASKED
        return PassState.ISSUED if known.issued else PassState.APPROVED


def states_from(
    entries: tuple[Entry, ...], *, anchor: AnchorFate, now: datetime
) -> list[PassState]:
    """Return the states of both passes from entries, by the rooms' own folds."""
    trust, _ = establish_trust(
        gather_evidence(entries), genesis_digest=BASE.genesis_digest, now=now
    )
    assert trust is not None
    return [
        state_of_pass(
            standing_of(trust, digest_of(asked)),
            issued=digest_of(asked) in {issued_digest(each) for each in entries},
            cleared=clearances(entries),
            anchor=anchor,
            now=now,
        )
        for asked in PASSES
    ]


LifeOfTwoPasses.TestCase.settings = settings(max_examples=50, stateful_step_count=20)
TestLifeOfTwoPasses = LifeOfTwoPasses.TestCase
