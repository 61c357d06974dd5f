"""Asking, approving, rejecting, voiding: gather, decide, record, act.

Nothing recorded here grants anything. A statement is refused at the door if nobody of the roster
signed it, so that the journal is not filled by strangers; whoever relies on it verifies it again.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore
from sekisho.kernel.canonical import Json, parse_canonical
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.ballots import Ballot, why_set_aside
from sekisho.passes.documents import (
    approval_digest,
    pass_bytes,
    pass_digest,
    read_pass,
)
from sekisho.passes.evidence import (
    PASS_ASKED,
    PASS_ISSUED,
    PASS_STATED,
    ROSTER_FILED,
    WALLET_FILED,
    Evidence,
    gather_evidence,
    statement_body,
)
from sekisho.passes.life import issued_digests
from sekisho.passes.records import Approval, Decision, Pass, SignedApproval, Transfer
from sekisho.passes.roster import read_roster, roster_digest
from sekisho.passes.sign import sign_approval
from sekisho.passes.verify import Standing, Trust, genesis_candidate, standing_of
from sekisho.wallets.documents import wallet_digest, wallet_document
from sekisho.wallets.records import Wallet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_METHOD = "ed25519-key-file"

TakeSequence = Callable[[int], int]
"""Returns the signer's next number, at least the one given, and never the same twice."""


def file_roster(journal: JournalStore, document: bytes, *, actor: str, now: datetime) -> str:
    """Record a roster and return its digest. It is inert until its quorum adopts it."""
    read_roster(document, "roster")
    digest = roster_digest(document)
    body: dict[str, Json] = {"roster": parse_canonical(document, "roster")}
    _record_once(journal, ROSTER_FILED, digest, body, actor=actor, now=now)
    return digest


def file_wallet(journal: JournalStore, wallet: Wallet, *, actor: str, now: datetime) -> str:
    """Record a wallet and return its digest. It is inert until a quorum puts it in force."""
    digest = wallet_digest(wallet)
    body: dict[str, Json] = {"wallet": wallet_document(wallet)}
    _record_once(journal, WALLET_FILED, digest, body, actor=actor, now=now)
    return digest


def ask(
    journal: JournalStore,
    asked: Pass,
    *,
    key: Ed25519PrivateKey,
    public_key: bytes,
    take_sequence: TakeSequence,
    now: datetime,
) -> Standing:
    """Record a pass and its requester's signed statement that they ask for it.

    Raises `BadInputError`, and records nothing, for a pass that nobody could read back.
    """
    document = pass_bytes(asked)
    if read_pass(document, "pass") != asked:
        raise BadInputError("pass", "would be read back as another one")
    journal.append(
        Draft(
            entry_id=asked.pass_id,
            at=now,
            kind=PASS_ASKED,
            actor=asked.requester,
            body={"pass": parse_canonical(document, "pass")},
        )
    )
    return state(
        journal,
        pass_digest(document),
        Decision.ASK,
        key=key,
        public_key=public_key,
        terminal_id=asked.terminal_id,
        take_sequence=take_sequence,
        now=now,
    )


def state(
    journal: JournalStore,
    digest: str,
    decision: Decision,
    *,
    key: Ed25519PrivateKey,
    public_key: bytes,
    terminal_id: str,
    take_sequence: TakeSequence,
    now: datetime,
    words: str = "",
    reason: str = "",
) -> Standing:
    """Sign a decision on a pass, record it, and return where the pass now stands.

    Raises `Refused`, and signs and records nothing, if the statement would not count: the
    requester approves, the terminal is unknown, the pass is over. Raises `BadInputError` for a key
    that is nobody's. The pass is issued with the statement that completes its quorum.
    """
    # Gather.
    evidence = gather_evidence(journal.entries())
    trust = _trust_for(evidence, digest)
    person_id, credential_id = _owner(trust, public_key)
    # Decide.
    approval = Approval(
        pass_digest=digest,
        decision=decision,
        genesis_digest=trust.genesis_digest,
        approver=person_id,
        sequence=take_sequence(_numbers_used(trust, person_id) + 1),
        method=_METHOD,
        credential_id=credential_id,
        terminal_id=terminal_id,
        words=words,
        reason=reason,
        signed_at=now,
    )
    _refuse_idle(trust, digest, approval)
    # Record.
    journal.append(_statement(sign_approval(approval, key), approval))
    # Act.
    standing = standing_in(journal, digest)
    _issue(journal, standing, now=now)
    return standing


def _statement(signed: SignedApproval, approval: Approval) -> Draft:
    """Return the entry that records a signed statement: the same for the same statement."""
    return Draft(
        entry_id=make_ulid(approval.signed_at, approval_digest(signed.document)[:10]),
        at=approval.signed_at,
        kind=PASS_STATED,
        actor=approval.approver,
        body=statement_body(signed, parse_canonical(signed.document, "approval")),
    )


def standing_in(journal: JournalStore, digest: str) -> Standing:
    """Return where a pass stands under the genesis that it names itself; see `establish_trust`."""
    evidence = gather_evidence(journal.entries())
    return standing_of(_trust_for(evidence, digest), digest)


def find_pass(journal: JournalStore, name: str) -> str:
    """Return the digest of the pass that `name` means: its id, or the beginning of its digest.

    Raises `BadInputError` if none or several are meant.
    """
    evidence = gather_evidence(journal.entries())
    found = set()
    for digest, document in evidence.passes.items():
        body = parse_canonical(document, "pass")
        pass_id = body.get("pass_id") if isinstance(body, dict) else None
        if name == pass_id or (len(name) >= 8 and digest.startswith(name.lower())):
            found.add(digest)
    if len(found) != 1:
        how_many = "no pass" if not found else "several passes"
        raise BadInputError(f"pass {name[:64]!r}", f"means {how_many} in the journal")
    return found.pop()


def _issue(journal: JournalStore, standing: Standing, *, now: datetime) -> None:
    """Record that a transfer with a complete quorum was handed on to the gate."""
    if standing.findings or not isinstance(standing.asked.action, Transfer):
        return
    if now >= standing.asked.expires_at or standing.digest in issued_digests(journal.entries()):
        return
    journal.append(
        Draft(
            entry_id=make_ulid(now, bytes.fromhex(standing.digest)[:10]),
            at=now,
            kind=PASS_ISSUED,
            actor="sekisho",
            body={"pass_digest": standing.digest},
        )
    )


def _trust_for(evidence: Evidence, digest: str) -> Trust:
    document = evidence.passes.get(digest)
    if document is None:
        raise BadInputError(f"pass {digest[:16]}", "is not in the journal")
    body = parse_canonical(document, "pass")
    genesis = body.get("genesis_digest") if isinstance(body, dict) else None
    return genesis_candidate(evidence, str(genesis))


def _owner(trust: Trust, public_key: bytes) -> tuple[str, str]:
    """Return whose key it is, and under which credential."""
    for person in trust.roster.people:
        for credential in person.credentials:
            if credential.public_key == public_key:
                return person.person_id, credential.credential_id
    raise BadInputError("key", "belongs to nobody on the roster")


def _numbers_used(trust: Trust, person_id: str) -> int:
    """Return the largest number under which the journal holds a genuine statement of a person.

    A forged one would say the largest number there is, and nobody could sign after it.
    """
    return max(
        (
            ballot.approval.sequence
            for ballots in trust.ballots.by_pass.values()
            for ballot in ballots
            if ballot.signer is not None and ballot.signer.person_id == person_id
        ),
        default=0,
    )


def _refuse_idle(trust: Trust, digest: str, approval: Approval) -> None:
    """Raise `Refused` if the statement could never count."""
    asked = trust.passes.get(digest)
    if asked is None:
        raise BadInputError(f"pass {digest[:16]}", "cannot be read")
    signer = next(each for each in trust.roster.people if each.person_id == approval.approver)
    ballot = Ballot(approval=approval, signer=signer, fault=None, number_reused=False)
    reason = why_set_aside(ballot, asked, trust.roster)
    if reason is not None:
        raise Refused([reason])


def _record_once(
    journal: JournalStore,
    kind: str,
    digest: str,
    body: dict[str, Json],
    *,
    actor: str,
    now: datetime,
) -> None:
    """Append a document that is known by its digest, unless it is there already.

    Raises `Refused` if something else stands under the id that follows from the digest.
    """
    entry_id = make_ulid(_EPOCH, bytes.fromhex(digest)[:10])
    if all((entry.entry_id, entry.body) != (entry_id, body) for entry in journal.entries()):
        journal.append(Draft(entry_id=entry_id, at=now, kind=kind, actor=actor, body=body))
