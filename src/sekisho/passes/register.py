"""The register: everything that signed documents put in force, folded in the journal's order.

It starts from a genesis digest that the caller pinned, believes nobody, and asks nobody. The same
entries always lead to the same register, so gate, auditor and console see the same thing.

1. The genesis roster is the document whose digest is pinned; its own admin quorum adopts it.
2. Each statement is verified once, when it is heard, against the credentials live at that place.
3. An admin pass takes effect at the entry that completes its quorum (`adoption.py`). What is said
   of it later changes nothing: one person cannot undo what a quorum did.
4. A credential that leaves the roster, or whose person is suspended, stops counting at once, for
   every pass that is not used yet.
5. A transfer counts against limits from the moment its quorum is complete (`verify.py`).
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.ballots import Ballot, Live
from sekisho.passes.documents import read_pass
from sekisho.passes.evidence import Asked, Filed
from sekisho.passes.policy.history import History
from sekisho.passes.policy.records import Passkeys, Policy
from sekisho.passes.records import (
    NO_ROSTER,
    Child,
    Credential,
    CredentialKind,
    Decision,
    Pass,
    Roster,
    SubjectType,
)
from sekisho.passes.roster import listed_keys, read_roster
from sekisho.wallets.records import Wallet
from sekisho.wallets.registry import ScriptBook, open_book
from sekisho.wallets.resemble import KnownAddresses

POLICY_ID = "policy"
ROSTER_ID = "roster"
ALLOW_LIST_ID = "allow-list"
KEY_REGISTER_ID = "key-register"
PLAN_ID = "plan"
ORDER_ID = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A pass that was asked for. It is not thereby allowed."""

    asked: Pass
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """A document that a quorum put in force."""

    digest: str
    since_seq: int
    since_at: datetime
    """When its quorum was complete: the last statement signed, and in the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildHeard:
    """A child of a standing pass that its issuer signed, and why it allows nothing (if so)."""

    digest: str
    child: Child
    seq: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """When a transfer's quorum was complete, and how many movements were committed before."""

    at: datetime
    position: int


CredentialKey = tuple[str, bytes]
"""A credential's id and public key: whoever proposes a roster in which an id that will once be
another's has a key of their own uses up none of the other's numbers."""


@dataclass(slots=True)
class Register:
    """What a genesis digest leads to. Mutable while it follows a journal; see `fold`."""

    genesis_digest: str
    seq: int = 0
    """The place of the last entry followed."""
    roster: Roster = NO_ROSTER
    """In force; before the genesis is adopted, the genesis as filed; `NO_ROSTER` before that."""
    rosters: dict[str, int] = field(default_factory=dict)
    """Every roster that was ever in force: the place in the journal since when, by digest."""
    documents: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)
    """Everything filed, by what it is and its digest."""
    nonces: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set), repr=False)
    """What the holders of a wallet's keys were asked to sign, by the wallet's core digest."""
    passes: dict[str, Known] = field(default_factory=dict, repr=False)
    named: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list), repr=False)
    """The digests of the passes that have one id."""
    ballots: dict[str, list[Ballot]] = field(default_factory=lambda: defaultdict(list), repr=False)
    heard: Counter[tuple[str, CredentialKey | None, Decision | None]] = field(
        default_factory=Counter, repr=False
    )
    """How many there are, by pass, credential and decision; of forged ones, by pass."""
    live: dict[str, Live] = field(default_factory=dict, repr=False)
    """The credentials whose statements count, by id."""
    retired: set[str] = field(default_factory=set)
    """Credentials that left the roster, or whose person was suspended: they never come back.

    A server could keep back what was signed with them, and bring it when they are live again.
    """
    ever_listed: dict[str, tuple[str, CredentialKind, bytes]] = field(
        default_factory=dict, repr=False
    )
    """Person, kind and key of each credential that any roster in force listed, by its id."""
    suspended: dict[str, int] = field(default_factory=dict)
    suspensions: list[tuple[str, datetime]] = field(default_factory=list)
    """Which officer suspended somebody, and when."""
    turned: dict[str, int] = field(default_factory=dict)
    """Where in the journal a person was last suspended or reinstated."""
    in_force: dict[tuple[SubjectType, str], InForce] = field(default_factory=dict)
    adopted: dict[str, InForce] = field(default_factory=dict, repr=False)
    """Admin passes that took effect, by digest."""
    children: dict[str, dict[int, ChildHeard]] = field(
        default_factory=lambda: defaultdict(dict), repr=False
    )
    last_children: dict[str, int] = field(default_factory=dict, repr=False)
    """The highest number of a child of each standing pass."""
    child_places: dict[str, tuple[str, int]] = field(default_factory=dict, repr=False)
    """Standing pass and number of every child, by its digest."""
    batches: dict[tuple[str, OutPoint], list[int]] = field(
        default_factory=lambda: defaultdict(list), repr=False
    )
    """The numbers of the children that share a standing pass and an anchor."""
    committed: dict[str, Commitment] = field(default_factory=dict, repr=False)
    history: History = field(default_factory=History, repr=False)
    known_addresses: KnownAddresses = field(default_factory=KnownAddresses, repr=False)
    orders: int = 0
    """How many orders were given: the number of the last one."""
    lifted_seq: int = 0
    """The place at which the last lift of everything was asked for: alarms before it are over."""
    lifted_order: int = 0
    """The number of that order."""
    frozen: set[str] = field(default_factory=set)
    """Wallets from which nothing leaves but to the vault; the empty id means all of them."""
    listed: dict[str, datetime] = field(default_factory=dict, repr=False)
    """The scripts of the allow-list in force (hex), and since when without a break."""
    unreadable: list[Finding] = field(default_factory=list, repr=False)
    wallets: dict[str, Wallet] = field(default_factory=dict, repr=False)
    """In force, by id."""
    policy: Policy | None = None
    """In force."""
    numbers: dict[tuple[CredentialKey, int], bytes] = field(default_factory=dict, repr=False)
    """The statement that was heard first under each credential's number."""
    last_numbers: dict[CredentialKey, int] = field(default_factory=dict, repr=False)
    counters: dict[CredentialKey, int] = field(default_factory=dict, repr=False)
    """The highest signature count that each authenticator has shown."""
    book_of: tuple[frozenset[str], ScriptBook, KnownAddresses] | None = field(
        default=None, repr=False
    )

    @property
    def genesis_adopted(self) -> bool:
        """Return whether the genesis roster's own quorum adopted it."""
        return bool(self.rosters)

    @property
    def roster_digest(self) -> str:
        """Return the digest of the roster in force; empty before there is one."""
        return next(reversed(self.rosters), "")

    @property
    def policy_digest(self) -> str:
        """Return the digest of the policy in force; empty where there is none."""
        current = self.in_force.get((SubjectType.POLICY, POLICY_ID))
        return "" if current is None else current.digest

    @property
    def passkeys(self) -> Passkeys:
        """Return what a passkey must be to count; the strictest while there is no policy."""
        return Passkeys() if self.policy is None else self.policy.passkeys

    def book(self) -> ScriptBook:
        """Return the scripts of the wallets in force, derived once for each set of wallets."""
        key = frozenset(
            each.digest for (what, _), each in self.in_force.items() if what is SubjectType.WALLET
        )
        if self.book_of is None or self.book_of[0] != key:
            book = open_book(self.wallets.values())
            own = KnownAddresses(book.address(each) for each in book.by_script.values())
            self.book_of = (key, book, own)
        return self.book_of[1]

    def own_addresses(self) -> KnownAddresses:
        """Return the addresses of the wallets in force, kept with their scripts."""
        self.book()
        return KnownAddresses() if self.book_of is None else self.book_of[2]


def take_roster(register: Register, roster: Roster, seq: int) -> None:
    """Make `roster` the one whose people speak, from place `seq` in the journal on.

    A credential stays live without a break only if it, its person and their department stay. One
    that stops being live is retired: whoever comes back comes with a new key.
    """
    before, register.live = register.live, {}
    register.roster = roster
    people = {person.person_id for person in roster.people}
    register.suspended = {who: at for who, at in register.suspended.items() if who in people}
    for person in roster.people:
        if person.person_id in register.suspended:
            continue
        for credential in person.credentials:
            if credential.credential_id in register.retired:
                continue
            was = before.get(credential.credential_id)
            same = was is not None and (
                was.person.person_id,
                was.person.department,
                was.credential.public_key,
            ) == (person.person_id, person.department, credential.public_key)
            register.live[credential.credential_id] = Live(
                person=person,
                credential=credential,
                since_seq=was.since_seq if was is not None and same else seq,
            )
    register.retired.update(before.keys() - register.live.keys())
    register.ever_listed.update(listed_keys(roster))


def hear_filed(register: Register, event: Filed) -> None:
    """Keep a document. The pinned genesis roster's people may speak from here on."""
    register.documents.setdefault((event.what, event.digest), event.document)
    genesis = event.what == "roster" and event.digest == register.genesis_digest
    if genesis and register.roster is NO_ROSTER:
        try:
            roster = read_roster(event.document, "genesis roster")
        except BadInputError as error:
            register.unreadable.append(
                finding("passes.roster_unreadable", error.where, reason=error.reason)
            )
            return
        take_roster(register, roster, event.seq)


def hear_asked(register: Register, event: Asked) -> None:
    """Keep a pass that can be read."""
    try:
        asked = read_pass(event.document, f"pass {event.digest[:16]}")
    except BadInputError as error:
        register.unreadable.append(
            finding("passes.pass_unreadable", error.where, reason=error.reason)
        )
        return
    if event.digest not in register.passes:
        register.passes[event.digest] = Known(asked=asked, seq=event.seq)
        register.named[asked.pass_id].append(event.digest)


def key_of(credential: Credential) -> CredentialKey:
    """Return what a credential's numbers and counts are kept under."""
    return credential.credential_id, credential.public_key


def proposed_roster(register: Register, asked: Pass) -> Roster | None:
    """Return the readable roster that an admin pass would put in force, or None."""
    action = asked.action
    if getattr(action, "subject_type", None) not in {SubjectType.ROSTER, SubjectType.RECOVERY}:
        return None
    document = register.documents.get(("roster", getattr(action, "new_digest", "")))
    return None if document is None else _readable_roster(document)


@lru_cache(maxsize=64)
def _readable_roster(document: bytes) -> Roster | None:
    """Read each proposed roster once: a flood of statements on it must not cost its length."""
    try:
        return read_roster(document, "proposed roster")
    except BadInputError:
        return None
