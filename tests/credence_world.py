"""Histories at random, really signed, in which gate and watcher must come to one answer.

    story = Story(seed)          # a genesis with officers and a hot wallet, already in force
    story.go_on(steps)           # rotations, suspensions, policies, transfers, children, attacks
    story.evidence               # what the journal then holds

The gate's own register is followed along the way, but only so that a good part of what is asked
for can come true; what is tested is what comes of the evidence in the end.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from credence_cast import (
    COINS,
    COLD,
    DESTINATIONS,
    GENESIS,
    HOT,
    ISSUER,
    NAMES,
    OFFICERS,
    POLICIES,
    WALLETS,
    allow_list_of,
    automatic_from,
    key_for,
    other_people,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from world import World, admin_pass, digest_of, filed, record, said, transfer_pass
from world_coins import address_at, payment
from world_people import NOW, ONE_OF_EACH, PEOPLE, key_of
from world_policy import OPEN_POLICY

from sekisho.journal.entries import seal
from sekisho.journal.records import GENESIS as JOURNAL_BEGINS
from sekisho.journal.records import Entry
from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.words import digest_words
from sekisho.passes.documents import approval_bytes, approval_digest, child_bytes
from sekisho.passes.evidence import (
    CHILD_ISSUED,
    Evidence,
    document_body,
    filed_digest,
    gather_evidence,
)
from sekisho.passes.fold import follow
from sekisho.passes.policy.documents import policy_document
from sekisho.passes.policy.records import Policy
from sekisho.passes.records import (
    Approval,
    Automatic,
    Child,
    Decision,
    DestinationRule,
    Method,
    Pass,
    SignedApproval,
    SubjectType,
)
from sekisho.passes.register import Register, proposed_roster
from sekisho.passes.roster import roster_bytes
from sekisho.passes.verify import standing_of
from sekisho.wallets.allow_list import allow_list_bytes
from sekisho.wallets.documents import wallet_digest, wallet_document
from sekisho.wallets.records import Wallet


class Story:
    """A journal that grows at random. From a seed, so that every history can be told again."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - the same history again, not secrets
        self.world = World(roster=GENESIS)
        self.register = Register(genesis_digest=self.world.genesis_digest)
        self.entries: list[Entry] = []
        self.passes: list[Pass] = []
        self.numbers: dict[str, int] = {}
        self.children = 0
        self.issued_at = NOW
        self._follow()
        self._file("roster", roster_bytes(GENESIS))
        self._admin(SubjectType.ROSTER, "roster", self.world.genesis_digest, previous="")
        if self.random.random() < 0.95:
            self._policy(OPEN_POLICY)
            self._wallet(HOT)
            if self.random.random() < 0.7:
                self._standing()

    @property
    def evidence(self) -> Evidence:
        return gather_evidence(self.entries)

    def go_on(self, steps: int) -> None:
        """Let that many things happen."""
        doings: list[tuple[int, Callable[[], None]]] = [
            (10, self._transfer),
            (2, self._standing),
            (14, self._child),
            (4, self._rotate),
            (2, self._suspend),
            (2, self._reinstate),
            (1, lambda: self._policy(self.random.choice(POLICIES))),
            (1, lambda: self._wallet(self.random.choice(WALLETS))),
            (2, self._allow_list),
            (5, self._stray),
            (1, self._replay),
            (1, self._reorder),
        ]
        for _ in range(steps):
            [doing] = self.random.choices(
                [each for _, each in doings], weights=[weight for weight, _ in doings]
            )
            doing()

    # 1. What people do -------------------------------------------------------------------------

    def _rotate(self) -> None:
        old = self.register.roster
        people = other_people(self.random, old)
        new = replace(
            old,
            version=old.version + self.random.choice((1,) * 10 + (0, 2)),
            previous_digest=self.random.choice((self.register.roster_digest,) * 12 + ("ab" * 32,)),
            people=tuple(people),
            quorum_admin=self.random.choice((old.quorum_admin, ONE_OF_EACH)),
        )
        digest = self._file("roster", roster_bytes(new))
        kind = self.random.choice((SubjectType.ROSTER, SubjectType.ROSTER, SubjectType.RECOVERY))
        everybody = [each.person_id for each in (*people, *old.people)]
        self._admin(kind, "roster", digest, previous=self.register.roster_digest, also=everybody)

    def _suspend(self) -> None:
        whom = self.random.choice(NAMES)
        officer = self.random.choice((*OFFICERS, "aoki"))
        asked = admin_pass(
            self._bound(),
            SubjectType.SUSPENSION,
            whom,
            new_digest=self.register.roster_digest,
            requester=officer,
            **self._times(),
        )
        self._ask(asked)
        if self.random.random() < 0.3:
            self._say(self.random.choice((*OFFICERS, "chiba")), Decision.APPROVE, asked)

    def _reinstate(self) -> None:
        whom = self.random.choice((*self.register.suspended, "chiba"))
        self._admin(SubjectType.REINSTATEMENT, whom, "cd" * 32, previous="")

    def _policy(self, policy: Policy) -> None:
        digest = self._file("policy", policy_document(policy))
        self._admin(SubjectType.POLICY, "policy", digest, previous=self._now("policy", "policy"))

    def _wallet(self, wallet: Wallet) -> None:
        self._file("wallet", canonical_bytes(wallet_document(wallet)))
        self._admin(
            SubjectType.WALLET,
            wallet.wallet_id,
            wallet_digest(wallet),
            previous=self._now("wallet", wallet.wallet_id),
        )

    def _allow_list(self) -> None:
        chosen = self.random.sample(DESTINATIONS, k=self.random.randint(0, 3))
        digest = self._file("allow_list", allow_list_bytes(allow_list_of(chosen)))
        now = self._now("allow_list", "allow-list")
        self._admin(SubjectType.ALLOW_LIST, "allow-list", digest, previous=now)

    def _transfer(self) -> None:
        wallet = self.register.wallets.get("hot-1", HOT)
        payments = [self._payment() for _ in range(self.random.choice((1, 1, 2)))]
        asked = transfer_pass(
            self._bound(),
            self.random.choice((wallet,) * 12 + (COLD,)),
            payments,
            self.random.choice(COINS),
            requester=self.random.choice(("aoki",) * 6 + ("baba", "baba", "chiba")),
            **self._times(),
        )
        self._decide(asked)

    def _standing(self) -> None:
        wallet = self.register.wallets.get("hot-1", HOT)
        rules = (DestinationRule.ANY,) * 4 + tuple(DestinationRule)
        automatic = automatic_from(wallet, self.random.choice(rules))
        usual = transfer_pass(self._bound(), wallet, [self._payment()], COINS[0])
        self._decide(replace(usual, action=automatic, **self._times()))

    def _child(self) -> None:
        """Issue the next child of some standing pass, or one that is not quite that."""
        standing = [each for each in self.passes if isinstance(each.action, Automatic)]
        if not standing:
            self._standing()
            return
        allowed = [
            each
            for each in standing
            if digest_of(each) in self.register.committed
            and not standing_of(self.register, digest_of(each)).findings
        ]
        asked = self.random.choice(allowed or standing)
        digest = digest_of(asked)
        family = self.register.children.get(digest, {})
        self.issued_at += timedelta(minutes=self.random.choice((0, 1, 5, 30, 30, -1)))
        child = Child(
            standing_digest=digest,
            number=max(family, default=0) + self.random.choice((1,) * 8 + (0, 2)),
            chain=asked.action.chain if isinstance(asked.action, Automatic) else "",
            anchor=self.random.choice(COINS[:3]),
            payments=(self._payment(),),
            genesis_digest=self.random.choice((self.world.genesis_digest,) * 15 + ("ab" * 32,)),
            issued_at=self.issued_at,
        )
        if child.number < 1:
            return
        document = child_bytes(child)
        signature = ISSUER.sign(tagged_digest("child", document))
        if self.random.random() < 0.05:
            signature = key_of("mallory").sign(tagged_digest("child", document))
        body = {"child": parse_json(document, "child"), "signature": signature.hex()}
        self._take(record(self.world, CHILD_ISSUED, body, at=self.issued_at))

    # 2. What goes wrong ------------------------------------------------------------------------

    def _stray(self) -> None:
        """Let somebody say something of some pass, in order or not."""
        if not self.passes:
            return
        odd: dict[str, Any] = {
            "sequence": self.random.choice((1, 2, 3)),
            "terminal_id": "desk-9",
            "signed_at": NOW + timedelta(days=self.random.choice((0, 2))),
            "genesis_digest": "ab" * 32,
            "credential_id": self.random.choice(("doi-1", "nobody-1", "baba-1-2")),
            "words": "not the words",
            "method": Method.SECURITY_KEY,
        }
        chosen = self.random.sample(sorted(odd), k=self.random.choice((0, 0, 1, 1, 2)))
        who = self.random.choice(NAMES)
        decision = self.random.choice((Decision.APPROVE,) * 8 + tuple(Decision))
        asked = self.random.choice(self.passes[-6:])
        key = self.random.choice((who, who, who, "doi", "mallory"))
        self._say(who, decision, asked, key=key, **{name: odd[name] for name in chosen})

    def _replay(self) -> None:
        """Write an earlier entry once more."""
        earlier = self.random.choice(self.world.drafts)
        self._take(record(self.world, earlier.kind, earlier.body))

    def _reorder(self) -> None:
        """Let two entries, somewhere, change places: a server may write them as it likes."""
        drafts = list(self.world.drafts)
        one = max(0, len(drafts) - 1 - self.random.choice((0, 1, 1, 2, 3, 5, 8, 20)))
        other = min(len(drafts) - 1, one + self.random.choice((1, 2, 5)))
        drafts[one], drafts[other] = drafts[other], drafts[one]
        self.world = replace(self.world, drafts=tuple(drafts))
        self.register, self.entries = Register(genesis_digest=self.world.genesis_digest), []
        self._follow()

    # 3. How it is written down -----------------------------------------------------------------

    def _admin(
        self,
        kind: SubjectType,
        subject_id: str,
        new_digest: str,
        *,
        previous: str,
        also: Iterable[str] = (),
    ) -> None:
        """Ask for an admin pass and let people decide."""
        asked = admin_pass(
            self._bound(),
            kind,
            subject_id,
            new_digest=new_digest,
            previous_digest=previous if self.random.random() < 0.95 else "ef" * 32,
            **self._times(),
        )
        self._decide(asked, also=also)

    def _decide(self, asked: Pass, *, also: Iterable[str] = ()) -> None:
        """Ask for a pass and let people approve it: mostly enough of them."""
        self._ask(asked)
        everybody = dict.fromkeys((*[each.person_id for each in PEOPLE], *also))
        for who in everybody:
            if self.random.random() < (0.85 if len(self.world.drafts) > 24 else 1):
                self._say(who, Decision.APPROVE, asked)
        if self.random.random() < 0.06:
            no = self.random.choice((Decision.REJECT, Decision.VOID))
            self._say(self.random.choice(NAMES), no, asked)

    def _ask(self, asked: Pass) -> None:
        self.passes.append(asked)
        self._take(filed(self.world, asked))
        self._say(asked.requester, Decision.ASK, asked)

    def _say(
        self,
        who: str,
        decision: Decision,
        asked: Pass,
        *,
        key: str = "",
        **changes: Any,  # noqa: ANN401 - the fields of Approval
    ) -> None:
        digest = digest_of(asked)
        number = self.numbers[who] = self.numbers.get(who, 10) + 1
        credential_id, signing = self._credential(who, digest)
        words = " ".join(digest_words(bytes.fromhex(digest), "en"))
        usual = Approval(
            pass_digest=digest,
            decision=decision,
            genesis_digest=self.world.genesis_digest,
            approver=who,
            sequence=number,
            method=Method.KEY_FILE,
            credential_id=credential_id,
            terminal_id="desk-1",
            words=self.random.choice(("", words)),
            reason="",
            signed_at=self._moment(),
        )
        document = approval_bytes(replace(usual, **changes))
        signature = (key_of(key) if key else signing).sign(approval_digest(document))
        self._take(said(self.world, SignedApproval(document=document, signature=signature)))

    def _credential(self, who: str, digest: str) -> tuple[str, Ed25519PrivateKey]:
        """Return the credential that somebody would use: of the roster, or of the proposed one."""
        known = self.register.passes.get(digest)
        proposed = None if known is None else proposed_roster(self.register, known.asked)
        for each in (*self.register.roster.people, *(proposed.people if proposed else ())):
            if each.person_id == who and self.random.random() < 0.8:
                name = self.random.choice(each.credentials).credential_id
                return name, key_of(who) if who == "mallory" else key_for(name)
        return f"{who}-1", key_of(who)

    def _payment(self) -> Any:  # noqa: ANN401 - what `payment` returns
        own = self.random.random() < 0.15
        address = address_at(COLD) if own else self.random.choice(DESTINATIONS)
        return payment(address, self.random.choice((5_000, 9_000, 14_000, 22_000)))

    def _moment(self) -> datetime:
        """Return a moment that moves on as the journal grows, and is not always true."""
        wrong = timedelta(minutes=self.random.choice((0, 0, 0, 0, -20, 20)))
        return NOW + timedelta(minutes=len(self.world.drafts)) + wrong

    def _times(self) -> dict[str, Any]:
        if self.random.random() < 0.9:
            return {}
        return {"expires_at": NOW + timedelta(minutes=len(self.world.drafts) + 3)}

    def _bound(self) -> World:
        """Return the world as a pass of now would name it, or, at times, as it was."""
        if self.random.random() < 0.03:
            return replace(self.world, policy_digest="", roster_digest="")
        return replace(
            self.world,
            roster_digest=self.register.roster_digest,
            policy_digest=self.register.policy_digest,
        )

    def _now(self, what: str, subject_id: str) -> str:
        current = self.register.in_force.get((SubjectType(what), subject_id))
        return "" if current is None else current.digest

    def _file(self, what: str, document: bytes) -> str:
        self._take(record(self.world, *document_body(what, parse_json(document, what))))
        return filed_digest(what, document)

    def _take(self, world: World) -> None:
        self.world = world
        self._follow()

    def _follow(self) -> None:
        """Let the register follow what was written since."""
        for draft in self.world.drafts[len(self.entries) :]:
            tip = self.entries[-1].hash if self.entries else JOURNAL_BEGINS
            self.entries.append(seal(draft, seq=len(self.entries) + 1, prev_hash=tip))
            follow(self.register, self.entries[-1])
