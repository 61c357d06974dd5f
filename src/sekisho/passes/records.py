"""The nouns of a pass: what may leave, who says so, and under which rules it was said.

A pass is never edited. Approving, using, voiding and expiring are later facts.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.money import Sat
from sekisho.wallets.records import ChangeRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One output: this much to this script."""

    address: str
    """How people know the script; empty where a script has no address (OP_RETURN)."""
    script: bytes
    amount_sat: Sat


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInputs:
    """Only these coins may be spent."""

    outpoints: tuple[OutPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyInputs:
    """Any coins of the wallet may be spent, at most so many."""

    inputs_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAllowance:
    """What may come back: where, and in how many outputs."""

    rule: ChangeRule
    outputs_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRule:
    """The fields of a transaction that move no money and can still change its meaning."""

    versions: tuple[int, ...]
    locktime_min: int
    locktime_max: int
    sequence_min: int
    sequence_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRule:
    """What may go to miners. Both ceilings hold."""

    fee_max_sat: Sat
    feerate_max_sat_per_kvb: int
    """200 sat/vB is 200_000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """May a later transaction take the place of the first?"""

    fee_bump: bool
    """A transaction with the same payments and a higher fee, within the ceilings."""
    replaces: str
    """The pass whose anchor this one reuses, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Leave to send exactly these payments from one wallet, once."""

    chain: str
    wallet_id: str
    wallet_digest: str
    payments: tuple[Payment, ...]
    """Not a set: paying the same customer twice is two payments."""
    anchor: OutPoint
    """Every transaction under the pass spends it, so the chain itself allows only one."""
    inputs: ListedInputs | AnyInputs
    change: ChangeAllowance
    transaction: TransactionRule
    fee: FeeRule
    replacement: Replacement


class SubjectType(StrEnum):
    """What an admin pass puts in force."""

    ROSTER = "roster"
    WALLET = "wallet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Leave to put one document in force in place of another."""

    subject_type: SubjectType
    subject_id: str
    previous_digest: str
    """Empty where there was nothing before."""
    new_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What was asked for, and everything that the approvals bind."""

    pass_id: str
    requester: str
    terminal_id: str
    purpose: str
    not_before_at: datetime
    expires_at: datetime
    """Exclusive: at this instant the pass no longer allows anything."""
    genesis_digest: str
    roster_digest: str
    policy_digest: str
    """Empty while no policy pack is in force."""
    action: Transfer | Admin


class Decision(StrEnum):
    """What a person says of a pass."""

    ASK = "ask"
    APPROVE = "approve"
    REJECT = "reject"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's decision on the exact bytes of one pass, never on a description of it."""

    pass_digest: str
    decision: Decision
    genesis_digest: str
    approver: str
    sequence: int
    """The approver's own count of everything they ever signed: no number stands twice."""
    method: str
    credential_id: str
    terminal_id: str
    words: str
    """The twelve words that the approver compared by voice, or empty."""
    reason: str
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedApproval:
    """The canonical bytes of an approval and the signature over their tagged digest."""

    document: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A public key with which a person signs."""

    credential_id: str
    kind: str
    public_key: bytes
    """32 bytes, RFC 8032."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone who may ask and approve. Counts once, in one department."""

    person_id: str
    name: str
    department: str
    credentials: tuple[Credential, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A named machine from which people ask and approve."""

    terminal_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """How many people of which departments must approve. The requester never counts."""

    at_least: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Who may approve what, from when to when."""

    version: int
    previous_digest: str
    """Empty for the genesis roster."""
    exchange: str
    created_at: datetime
    expires_at: datetime
    departments: tuple[str, ...]
    people: tuple[Person, ...]
    terminals: tuple[Terminal, ...]
    quorum_transfer: Quorum
    quorum_admin: Quorum
