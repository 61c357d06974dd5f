"""A small exchange that allows transfers: people who really sign, a policy, wallets in force.

One office serves one batch of scenes. It keeps the register that a gate would fold from the
journal: every pass in it was asked for and approved with signatures that were verified.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_type_hints

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.documents import pass_bytes, pass_digest
from sekisho.passes.evidence import Asked, Filed, Said, filed_digest
from sekisho.passes.fold import take_in, why_not_trusted
from sekisho.passes.policy.documents import policy_document, read_pack
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.packs import shipped_pack
from sekisho.passes.policy.records import (
    ANY_PURPOSE,
    Bound,
    Limit,
    Off,
    Policy,
    QuorumStep,
    Who,
    Window,
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
from sekisho.passes.register import POLICY_ID, ROSTER_ID, Register
from sekisho.passes.roster import roster_bytes
from sekisho.passes.sign import sign_approval
from sekisho.wallets.documents import wallet_document
from sekisho.wallets.records import Level, Tier, Wallet

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
"""When every scene is judged, but for those whose time is what was changed."""
DESK = "desk-1"
REQUESTER = "aoki"
APPROVERS = ("baba", "chiba", "endo")
_DEPARTMENT_OF = {
    "aoki": "operations",
    "baba": "operations",
    "chiba": "security",
    "endo": "finance",
}
_DEPARTMENTS = ("finance", "operations", "security")
_ONE_OF_EACH = Quorum(at_least=tuple((each, 1) for each in _DEPARTMENTS))
_PACK = "jp-psa"
_OFF = Off(reason="not what these scenes are about")


class Office:
    """People who ask for passes and approve them, and the register that follows what they sign."""

    def __init__(self, wallets: Sequence[Wallet]) -> None:
        """Adopt a roster, and put an open policy and the wallets in force."""
        founding = roster_bytes(_roster())
        self.register = Register(genesis_digest=filed_digest("roster", founding))
        self._seq = 0
        self._passes = 0
        self._numbers: Counter[str] = Counter()
        self._put_in_force(SubjectType.ROSTER, ROSTER_ID, "roster", founding)
        self._put_in_force(SubjectType.POLICY, POLICY_ID, "policy", policy_document(_policy()))
        for each in wallets:
            document = canonical_bytes(wallet_document(each))
            self._put_in_force(SubjectType.WALLET, each.wallet_id, "wallet", document)
        if why_not_trusted(self.register, now=NOW) or len(self.register.wallets) != len(wallets):
            raise RuntimeError("the office did not open")
        self.book = self.register.book()

    def draft(self, action: Transfer | Admin) -> Pass:
        """Return a pass that nobody has heard of yet."""
        self._passes += 1
        return Pass(
            pass_id=make_ulid(NOW, self._passes.to_bytes(10, "big")),
            requester=REQUESTER,
            terminal_id=DESK,
            purpose="Pay what is owed",
            not_before_at=NOW - timedelta(hours=1),
            expires_at=NOW + timedelta(hours=12),
            genesis_digest=self.register.genesis_digest,
            roster_digest=self.register.roster_digest or self.register.genesis_digest,
            policy_digest=self.register.policy_digest,
            action=action,
        )

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
        digest = pass_digest(document)
        take_in(self.register, Asked(seq=self._next(), digest=digest, document=document))
        return digest

    def say(self, who: str, decision: Decision, digest: str, *, forged_by: str = "") -> None:
        """Have somebody sign a statement; or somebody else in their name."""
        self._numbers[who] += 1
        approval = Approval(
            pass_digest=digest,
            decision=decision,
            genesis_digest=self.register.genesis_digest,
            approver=who,
            sequence=self._numbers[who],
            method=Method.KEY_FILE,
            credential_id=f"{who}-1",
            terminal_id=DESK,
            words="",
            reason="" if decision in {Decision.ASK, Decision.APPROVE} else "not agreed",
            signed_at=NOW,
        )
        signed = sign_approval(approval, _key_of(forged_by or who))
        take_in(self.register, Said(seq=self._next(), at=NOW, signed=signed))

    def _put_in_force(
        self, subject_type: SubjectType, subject_id: str, what: str, document: bytes
    ) -> None:
        digest = filed_digest(what, document)
        filed = Filed(seq=self._next(), what=what, digest=digest, document=document)
        take_in(self.register, filed)
        admin = Admin(
            subject_type=subject_type, subject_id=subject_id, previous_digest="", new_digest=digest
        )
        self.allow(self.draft(admin))

    def _next(self) -> int:
        self._seq += 1
        self.register.seq = self._seq
        return self._seq


def _key_of(name: str) -> Ed25519PrivateKey:
    """Return the key that follows from a name: for scenes, and for nothing else."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def _roster() -> Roster:
    people = tuple(
        Person(
            person_id=who,
            name=who.capitalize(),
            department=department,
            credentials=(
                Credential(
                    credential_id=f"{who}-1",
                    kind=CredentialKind.ED25519,
                    public_key=_key_of(who).public_key().public_bytes_raw(),
                ),
            ),
        )
        for who, department in _DEPARTMENT_OF.items()
    )
    return Roster(
        version=1,
        previous_digest="",
        exchange="Bench exchange",
        created_at=NOW - timedelta(days=30),
        expires_at=NOW + timedelta(days=300),
        departments=_DEPARTMENTS,
        people=people,
        terminals=(Terminal(terminal_id=DESK, name="Operations desk"),),
        quorum_transfer=_ONE_OF_EACH,
        quorum_admin=_ONE_OF_EACH,
    )


def _policy() -> Policy:
    """Return a policy that leaves the decision to the pass: one of each department, no more."""
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
    changes: dict[str, Any] = {
        **dict.fromkeys(may_be_off, _OFF),
        "policy_id": "open",
        "departments": _DEPARTMENTS,
        "quorum": (least,),
        "limits": tuple(_no_limit(who) for who in (Who.PEOPLE, Who.AUTOMATIC)),
    }
    return replace(shipped, **changes)


def _no_limit(who: Who) -> Limit:
    return Limit(
        scope=Scope.ALL,
        window=Window.PASS,
        who=who,
        tiers=tuple(Tier),
        most=Bound(size_sat=SUPPLY_MAX_SAT),
        reference="none",
    )
