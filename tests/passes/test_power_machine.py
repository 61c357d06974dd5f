"""A whole exchange at random: people are suspended, keys and rules change, coins are asked for.

The model is kept by hand, in sets and numbers, and knows nothing of the rooms' code. After every
step the register that followed the journal must say what the model says.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from power_moves import (
    AMOUNT,
    BASE,
    DAY,
    DEPARTMENT,
    HELD_FROM,
    HOLD,
    LONG,
    MOST,
    NAMES,
    POLICIES,
    WHO,
    Asked,
    adopted_at,
    proposal_at,
    replace_times,
)
from world import World, digest_of, entries_of, filed, transfer_pass
from world_coins import payment, stranger
from world_people import NOW, key_of
from world_power import (
    COINS,
    HOT,
    LIMITS,
    OFFICERS,
    child,
    issue,
    name_of,
    reinstatement,
    rekeyed,
    spoken,
    standing_pass,
    suspension,
)

from sekisho.journal.entries import seal
from sekisho.passes.evidence import gather_evidence
from sekisho.passes.fold import follow
from sekisho.passes.leave import leave_of
from sekisho.passes.policy.documents import policy_document
from sekisho.passes.records import Decision, Pass, SignedChild
from sekisho.passes.register import Register
from sekisho.watch.credence import weigh


class Exchange(RuleBasedStateMachine):
    """Every rule writes into the journal and into the model."""

    @initialize()
    def begin(self) -> None:
        self.world: World = BASE
        self.register = Register(genesis_digest=BASE.genesis_digest)
        self.entries = list(entries_of(BASE))
        for entry in self.entries:
            follow(self.register, entry)
        self.catch_up()
        self.now = NOW
        self.key = {who: f"{who}-1" for who in NAMES}
        self.generation = dict.fromkeys(NAMES, 1)
        self.dead: set[str] = set()
        self.suspended: set[str] = set()
        self.alone: list[tuple[str, datetime]] = []
        self.policy = 0
        self.asked: list[Asked] = []
        self.left: list[tuple[datetime, int]] = []
        self.standing: Pass | None = None
        self.children: list[tuple[SignedChild, int, bool]] = []
        self.standing_yes: dict[str, str] = {}
        self.standing_policy = 0

    # What people can do, and what follows from it by the model

    def speaks(self, who: str) -> bool:
        return who not in self.suspended and self.key[who] not in self.dead

    def say(self, about: Pass, decision: Decision, *who: str) -> None:
        for each in who:
            self.world = spoken(
                self.world,
                about,
                decision,
                each,
                at=self.now,
                credential_id=self.key[each],
                key=key_of(self.key[each] if self.key[each][-1] != "1" else each),
            )
        self.catch_up()

    def catch_up(self) -> None:
        for draft in self.world.drafts[len(self.entries) :]:
            tip = self.entries[-1].hash
            self.entries.append(seal(draft, seq=len(self.entries) + 1, prev_hash=tip))
            follow(self.register, self.entries[-1])
        self.world = replace(
            self.world,
            roster_digest=self.register.roster_digest,
            policy_digest=self.register.policy_digest,
        )

    def quorum(self, yes: dict[str, str], asker: str) -> bool:
        counting = {
            DEPARTMENT[who]
            for who, key in yes.items()
            if who != asker
            and who not in self.suspended
            and key == self.key[who]
            and key not in self.dead
        }
        return len(counting) == 3

    def three(self, asker: str) -> list[str]:
        """Return one of each department who can speak, the asker left out, as far as there are."""
        found = {DEPARTMENT[who]: who for who in NAMES if who != asker and self.speaks(who)}
        return list(found.values())

    def asker(self) -> str | None:
        """Return somebody beside whom a quorum is left, to ask for changes."""
        able = [who for who in NAMES if self.speaks(who) and len(self.three(who)) == 3]
        return able[0] if able else None

    # Transfers

    @precondition(lambda self: len(self.asked) < 6)
    @rule(amount_sat=AMOUNT)
    def ask_for(self, amount_sat: int) -> None:
        number = len(self.asked)
        made = transfer_pass(
            self.world,
            HOT,
            [payment(stranger(number), amount_sat)],
            COINS[number],
            expires_at=NOW + LONG,
        )
        self.world = filed(self.world, made)
        case = Asked(made=made, amount_sat=amount_sat, policy=self.policy, last_at=self.now)
        self.asked.append(case)
        self.say(made, Decision.ASK, "aoki")
        if self.speaks("aoki"):
            case.asked, case.asker_key = True, self.key["aoki"]

    @precondition(lambda self: bool(self.asked))
    @rule(which=st.integers(0, 5), who=WHO)
    def approve(self, which: int, who: str) -> None:
        case = self.asked[which % len(self.asked)]
        self.say(case.made, Decision.APPROVE, who)
        if self.speaks(who):
            case.yes[who] = self.key[who]
            if who != "aoki":
                case.last_at = self.now
        self.count(case)

    @precondition(lambda self: bool(self.asked))
    @rule(which=st.integers(0, 5))
    def approve_by_three(self, which: int) -> None:
        for who in self.three("aoki"):
            self.approve(which, who)

    @precondition(lambda self: bool(self.asked))
    @rule(which=st.integers(0, 5), who=WHO, sure=st.integers(0, 3))
    def say_no(self, which: int, who: str, sure: int) -> None:
        case = self.asked[which % len(self.asked)]
        if sure == 0:
            self.say(case.made, Decision.VOID, who)
            case.no = True

    def count(self, case: Asked) -> None:
        """Count a pass when its last word makes it good, if it still fits into the day."""
        if case.counted_at is None and self.by_people(case):
            since_at = case.last_at - DAY
            today = sum(amount for at, amount in self.left if at > since_at)
            if today + case.amount_sat <= MOST:
                case.counted_at = case.last_at
                self.left.append((case.last_at, case.amount_sat))

    def by_people(self, case: Asked) -> bool:
        asker = case.asked and case.asker_key == self.key["aoki"] and self.speaks("aoki")
        same = case.policy == self.policy
        return asker and same and not case.no and self.quorum(case.yes, "aoki")

    def may_leave(self, case: Asked) -> bool:
        if case.counted_at is None or not self.by_people(case):
            return False
        # What it is held by follows from all of that day that was counted before it.
        return self.now >= case.counted_at

    # People

    @rule(whom=WHO, officer=st.sampled_from([*OFFICERS, "baba"]))
    def suspend(self, whom: str, officer: str) -> None:
        made = replace_times(suspension(self.world, whom, by=officer), self.now)
        self.world = filed(self.world, made)
        spoke = self.speaks(officer)
        self.say(made, Decision.ASK, officer)
        left = {who for who in NAMES if who != whom and self.speaks(who)}
        per = [DEPARTMENT[who] for who in left]
        possible = len(set(per)) == 3 and len(per) > 3
        lately = [at for by, at in self.alone if by == officer and at > self.now - DAY]
        if (
            officer in OFFICERS
            and spoke
            and whom not in self.suspended
            and possible
            and len(lately) < 2
        ):
            if self.key[whom] not in self.dead:
                self.dead.add(self.key[whom])
            self.suspended.add(whom)
            self.alone.append((officer, self.now))

    @precondition(lambda self: bool(self.suspended))
    @rule(which=st.integers(0, 5), short=st.booleans())
    def reinstate(self, which: int, *, short: bool) -> None:
        whom = sorted(self.suspended)[which % len(self.suspended)]
        asker = self.asker()
        if asker is None:
            return
        made = replace_times(reinstatement(self.world, whom, requester=asker), self.now)
        self.world = filed(self.world, made)
        self.say(made, Decision.ASK, asker)
        self.say(made, Decision.APPROVE, *self.three(asker)[: 2 if short else 3])
        if not short:
            self.suspended.discard(whom)

    @rule(whom=WHO, short=st.booleans())
    def give_a_new_key(self, whom: str, *, short: bool) -> None:
        asker = self.asker()
        if asker is None or asker != "aoki":
            return
        self.generation[whom] += 1
        fresh = f"{whom}-{self.generation[whom]}"
        people = rekeyed(self.register.roster.people, whom, fresh)
        self.world, made = proposal_at(self.world, people, self.now)
        self.say(made, Decision.ASK, "aoki")
        # Whoever gets a new key speaks with the old one, which is nobody's under the next roster.
        helpers = [who for who in self.three("aoki") if who != whom][: 2 if short else 3]
        self.say(made, Decision.APPROVE, *helpers)
        if len(helpers) == 3:
            self.dead.add(self.key[whom])
            self.key[whom] = fresh

    @rule(short=st.booleans())
    def change_the_policy(self, *, short: bool) -> None:
        asker = self.asker()
        if asker is None or asker != "aoki":
            return
        other = 1 - self.policy
        by = self.three("aoki")[: 2 if short else 3]
        self.world = adopted_at(self.world, policy_document(POLICIES[other]), self.now)
        made = max(self.register_after().passes.values(), key=lambda known: known.seq).asked
        self.say(made, Decision.ASK, "aoki")
        self.say(made, Decision.APPROVE, *by)
        if not short:
            self.policy = other

    def register_after(self) -> Register:
        self.catch_up()
        return self.register

    @rule(hours=st.integers(1, 20))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    # Children

    @precondition(lambda self: self.standing is None and self.speaks("aoki"))
    @rule()
    def stand(self) -> None:
        made = replace(standing_pass(self.world), expires_at=NOW + LONG)
        self.standing, self.standing_policy = made, self.policy
        self.world = filed(self.world, made)
        self.say(made, Decision.ASK, "aoki")
        self.asker_key = self.key["aoki"]
        self.say(made, Decision.APPROVE, *self.three("aoki"))
        self.standing_yes = {who: self.key[who] for who in self.three("aoki")}
        self.stood_at = self.now
        self.stands = self.quorum(self.standing_yes, "aoki")

    def standing_holds(self) -> bool:
        return (
            self.stands
            and self.speaks("aoki")
            and self.key["aoki"] == self.asker_key
            and self.policy == self.standing_policy
            and self.quorum(self.standing_yes, "aoki")
        )

    @precondition(lambda self: self.standing is not None and len(self.children) < 12)
    @rule(amount_sat=st.sampled_from([10_000, 50_000, 50_001]), skip=st.sampled_from([0, 0, 0, 1]))
    def issue_child(self, amount_sat: int, skip: int) -> None:
        if self.standing is None:
            return
        number = len(self.children) + 1 + skip
        if skip:
            return
        signed = child(
            self.world,
            self.standing,
            number,
            payment(stranger(90), amount_sat),
            anchor=COINS[20 + number],
            issued_at=self.now,
        )
        self.world = issue(self.world, signed, at=self.now)
        self.catch_up()
        ours = [(at, sat) for at, sat in self.moved if at > self.now - DAY]
        hour = sum(sat for at, sat in ours if at > self.now - timedelta(hours=1))
        good = (
            self.standing_holds()
            and self.now >= self.stood_at + HOLD  # a day's worth is above what a lock is for
            and amount_sat <= LIMITS.child_max_sat
            and hour + amount_sat <= LIMITS.hour_max_sat
            and sum(sat for _, sat in ours) + amount_sat <= LIMITS.day_max_sat
        )
        self.children.append((signed, amount_sat, good))
        if good:
            self.moved.append((self.now, amount_sat))
            self.left.append((self.now, amount_sat))

    @property
    def moved(self) -> list[tuple[datetime, int]]:
        if not hasattr(self, "_moved"):
            self._moved: list[tuple[datetime, int]] = []
        return self._moved

    # What must always hold

    @invariant()
    def the_people_are_those_of_the_model(self) -> None:
        live = {
            each.credential.credential_id: each.person.person_id
            for each in self.register.live.values()
        }
        assert live == {self.key[who]: who for who in NAMES if self.speaks(who)}
        assert set(self.register.suspended) == self.suspended
        assert self.register.policy is not None
        assert self.register.policy.version == POLICIES[self.policy].version

    @invariant()
    def what_may_leave_is_what_the_model_allows(self) -> None:
        for case in self.asked:
            leave = leave_of(self.register, digest_of(case.made), now=self.now)
            assert leave is not None
            codes = {each.code for each in leave.findings}
            locked = codes == {"passes.time_locked"}
            assert (not codes or locked) == self.may_leave(case), (codes, case)
            if case.amount_sat >= HELD_FROM and case.counted_at is not None and not codes:
                assert self.now >= case.counted_at + HOLD
        counted = [(at, sat) for at, sat in self.left]
        for at, _ in counted:
            window = [
                c.amount_sat for c in self.asked if c.counted_at and at - DAY < c.counted_at <= at
            ]
            assert sum(window) <= MOST

    @invariant()
    def children_are_those_that_the_model_allows(self) -> None:
        for signed, _, good in self.children:
            leave = leave_of(self.register, name_of(signed), now=self.now)
            assert leave is not None
            codes = {each.code for each in leave.findings}
            if not good:
                assert codes
            elif codes - {"passes.expired"}:
                assert not self.standing_holds()
            else:
                assert self.standing_holds()

    def teardown(self) -> None:
        """The watcher, from the same evidence and with code of its own, believes the same."""
        if not hasattr(self, "world"):
            return
        credence = weigh(
            gather_evidence(self.entries), genesis_digest=BASE.genesis_digest, now=self.now
        )
        allowed = {digest_of(case.made) for case in self.asked if self.may_leave(case)}
        assert set(credence.believed) == allowed


Exchange.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestExchange = Exchange.TestCase
