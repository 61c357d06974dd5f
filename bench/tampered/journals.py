"""The journal of a small exchange: people who really sign, a policy and wallets put in force.

Nothing here judges anything: entries are only written, chained and signed for.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_type_hints

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.journal.entries import seal
from sekisho.journal.merkle import Frontier, leaf_hash
from sekisho.journal.notes import SignerKey
from sekisho.journal.records import GENESIS, Draft, Entry
from sekisho.journal.witness.cosignatures import WitnessSigner
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.documents import pass_bytes, pass_digest
from sekisho.passes.evidence import (
    PASS_ASKED,
    PASS_STATED,
    document_body,
    filed_digest,
    statement_body,
)
from sekisho.passes.lease import Extent
from sekisho.passes.policy.documents import policy_document, read_pack
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.packs import shipped_pack
from sekisho.passes.policy.records import (
    ANY_PURPOSE,
    Bound,
    Isolated,
    Leases,
    Limit,
    Off,
    Policy,
    QuorumStep,
    Who,
    Window,
    Witnesses,
)
from sekisho.passes.records import (
    Admin,
    Approval,
    Credential,
    CredentialKind,
    Decision,
    Method,
    Pass,
    Person,
    Quorum,
    Roster,
    SubjectType,
    Terminal,
    Transfer,
)
from sekisho.passes.register import POLICY_ID, ROSTER_ID
from sekisho.passes.roster import roster_bytes
from sekisho.passes.sign import sign_approval
from sekisho.wallets.documents import wallet_document
from sekisho.wallets.records import Level, Tier, Wallet

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
"""When every scene is judged, but for those whose time is what was changed."""
SAID_AT = NOW - timedelta(minutes=30)
"""When everything was said and written."""
DESK = "desk-1"
REQUESTER = "aoki"
APPROVERS = ("baba", "chiba", "endo")
ISOLATED_LEAST_SAT = 4 * 10**8
WITNESSES_NEEDED = 2
CHECKPOINT_AGE_MAX = timedelta(hours=1)
LEASE_MAX, ISOLATED_LEASE_MAX = timedelta(minutes=15), timedelta(days=1)
_DEPARTMENT_OF = {
    "aoki": "operations",
    "baba": "operations",
    "chiba": "security",
    "doi": "operations",
    "endo": "finance",
}
OFFICER = "endo"
_DEPARTMENTS = ("finance", "operations", "security")
_ONE_OF_EACH = Quorum(at_least=tuple((each, 1) for each in _DEPARTMENTS))
_PACK = "jp-psa"
_OFF = Off(reason="not what these scenes are about")


def key_of(name: str) -> Ed25519PrivateKey:
    """Return the key that follows from a name: for scenes, and for nothing else."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


LOG = SignerKey(name="exchange.example/journal", private_key=key_of("journal"))
WITNESSES = tuple(
    WitnessSigner(name=f"{each}.example/witness", private_key=key_of(each))
    for each in ("auditor", "bank", "custodian")
)


class Journal:
    """Entries that people wrote, from the founding on."""

    def __init__(self, wallets: Sequence[Wallet], *, exchange: str = "Bench exchange") -> None:
        """Adopt a roster, and put an open policy and the wallets in force."""
        self.entries: list[Entry] = []
        self.numbers: Counter[str] = Counter()
        self._passes = 0
        self.policy_digest = ""
        self.roster = genesis_roster(exchange)
        founding = roster_bytes(self.roster)
        self.genesis_digest = self.roster_digest = filed_digest("roster", founding)
        self.put_in_force(SubjectType.ROSTER, ROSTER_ID, founding)
        policy = policy_document(open_policy())
        self.policy_digest = self.put_in_force(SubjectType.POLICY, POLICY_ID, policy)
        for each in wallets:
            document = canonical_bytes(wallet_document(each))
            self.put_in_force(SubjectType.WALLET, each.wallet_id, document)

    def branch(self) -> "Journal":
        """Return a journal that begins as this one does."""
        other = copy(self)
        other.entries, other.numbers = [*self.entries], Counter(self.numbers)
        return other

    def draft(self, action: Transfer | Admin, *, requester: str = REQUESTER) -> Pass:
        """Return a pass that nobody has heard of yet."""
        self._passes += 1
        return Pass(
            pass_id=make_ulid(NOW, self._passes.to_bytes(10, "big")),
            requester=requester,
            terminal_id=DESK,
            purpose="Pay what is owed",
            not_before_at=NOW - timedelta(hours=1),
            expires_at=NOW + timedelta(hours=12),
            genesis_digest=self.genesis_digest,
            roster_digest=self.roster_digest,
            policy_digest=self.policy_digest,
            action=action,
        )

    def put_in_force(
        self,
        subject_type: SubjectType,
        subject_id: str,
        document: bytes,
        *,
        previous_digest: str = "",
        requester: str = REQUESTER,
        by: Sequence[str] = APPROVERS,
    ) -> str:
        """File a document, have people put it in force, and return its digest."""
        what = subject_type.value
        self.write(*document_body(what, parse_json(document, what)))
        digest = filed_digest(what, document)
        admin = Admin(
            subject_type=subject_type,
            subject_id=subject_id,
            previous_digest=previous_digest,
            new_digest=digest,
        )
        self.allow(self.draft(admin, requester=requester), by=by)
        return digest

    def allow(
        self, asked: Pass, *, by: Sequence[str] = APPROVERS, is_asked_for: bool = True
    ) -> str:
        """File a pass, have it asked for and approved by some people, and return its digest."""
        digest = self.file(asked)
        if is_asked_for:
            self.say(asked.requester, Decision.ASK, digest)
        for who in by:
            self.say(who, Decision.APPROVE, digest)
        return digest

    def file(self, asked: Pass) -> str:
        """Put a pass into the journal, with nobody's word for it, and return its digest."""
        document = pass_bytes(asked)
        self.write(PASS_ASKED, {"pass": parse_json(document, "pass")})
        return pass_digest(document)

    def say(self, who: str, decision: Decision, digest: str, *, forged_by: str = "") -> None:
        """Have somebody sign a statement; or somebody else in their name."""
        self.numbers[who] += 1
        approval = Approval(
            pass_digest=digest,
            decision=decision,
            genesis_digest=self.genesis_digest,
            approver=who,
            sequence=self.numbers[who],
            method=Method.KEY_FILE,
            credential_id=f"{who}-1",
            terminal_id=DESK,
            words="",
            reason="" if decision in {Decision.ASK, Decision.APPROVE} else "not agreed",
            signed_at=SAID_AT,
        )
        signed = sign_approval(approval, key_of(forged_by or who))
        document = parse_json(signed.document, "approval")
        self.write(PASS_STATED, statement_body(signed, document))

    def write(self, kind: str, body: dict[str, Json], *, actor: str = DESK) -> None:
        """Put any entry at the end."""
        seq = len(self.entries) + 1
        draft = Draft(
            entry_id=make_ulid(SAID_AT, seq.to_bytes(10, "big")),
            at=SAID_AT,
            kind=kind,
            actor=actor,
            body=body,
        )
        tip = self.entries[-1].hash if self.entries else GENESIS
        self.entries.append(seal(draft, seq=seq, prev_hash=tip))


def extent_of(entries: Sequence[Entry]) -> Extent:
    """Return how far a journal goes, and which it is."""
    root = Frontier(leaf_hash(each.hash) for each in entries).root()
    return Extent(size=len(entries), root=root.hex())


def chained_anew(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return these entries in a chain of their own, as whoever runs the journal could write it."""
    chain: list[Entry] = []
    for seq, each in enumerate(entries, start=1):
        draft = Draft(
            entry_id=each.entry_id, at=each.at, kind=each.kind, actor=each.actor, body=each.body
        )
        chain.append(seal(draft, seq=seq, prev_hash=chain[-1].hash if chain else GENESIS))
    return tuple(chain)


# Documents ---------------------------------------------------------------------------------------


def genesis_roster(exchange: str) -> Roster:
    return Roster(
        version=1,
        previous_digest="",
        exchange=exchange,
        created_at=NOW - timedelta(days=30),
        expires_at=NOW + timedelta(days=300),
        departments=_DEPARTMENTS,
        people=tuple(person(who) for who in _DEPARTMENT_OF),
        terminals=(Terminal(terminal_id=DESK, name="Operations desk"),),
        quorum_transfer=_ONE_OF_EACH,
        quorum_admin=_ONE_OF_EACH,
        journal_key=str(LOG.verifier),
        witnesses=tuple(str(each.verifier) for each in WITNESSES),
    )


def person(who: str, *, key: str = "") -> Person:
    """Return somebody with the key that follows from their name, or from another one."""
    credential = Credential(
        credential_id=f"{key or who}-1",
        kind=CredentialKind.ED25519,
        public_key=key_of(key or who).public_key().public_bytes_raw(),
    )
    return Person(
        person_id=who,
        name=who.capitalize(),
        department=_DEPARTMENT_OF[who],
        credentials=(credential,),
        officer=who == OFFICER,
    )


def open_policy(**changes: Any) -> Policy:  # noqa: ANN401 - the fields of Policy
    """Return a policy that leaves the decision to the pass: one of each department, no more.

    What it asks for is witnesses, leases that end, and an isolated gate for what is large.
    """
    shipped = read_pack(shipped_pack(_PACK)[0], _PACK)
    may_be_off = {name for name, hint in get_type_hints(Policy).items() if Off in get_args(hint)}
    least = QuorumStep(
        purposes=(ANY_PURPOSE,),
        tiers=tuple(Tier),
        levels=tuple(Level),
        least=Bound(size_sat=Sat(0)),
        people=_ONE_OF_EACH,
        reference="none",
    )
    usual: dict[str, Any] = {
        **dict.fromkeys(may_be_off, _OFF),
        "policy_id": "open",
        "departments": _DEPARTMENTS,
        "quorum": (least,),
        "limits": tuple(_no_limit(who) for who in (Who.PEOPLE, Who.AUTOMATIC)),
        "witnesses": Witnesses(
            needed=WITNESSES_NEEDED,
            checkpoint_age_max_seconds=int(CHECKPOINT_AGE_MAX.total_seconds()),
        ),
        "leases": Leases(
            age_max_seconds=int(LEASE_MAX.total_seconds()),
            isolated_age_max_seconds=int(ISOLATED_LEASE_MAX.total_seconds()),
        ),
        "isolated": Isolated(least_sat=Sat(ISOLATED_LEAST_SAT), reference="none"),
    }
    return replace(shipped, **usual | changes)


def _no_limit(who: Who) -> Limit:
    return Limit(
        scope=Scope.ALL,
        window=Window.PASS,
        who=who,
        tiers=tuple(Tier),
        most=Bound(size_sat=SUPPLY_MAX_SAT),
        reference="none",
    )
