"""The nouns of a pass: what may leave, who says so, and under which rules it was said.

A pass is never edited. Approving, using, voiding and expiring are later facts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.money import Jpy, Sat
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


class DestinationRule(StrEnum):
    """Whom the children of a standing pass may pay."""

    ANY = "any"
    """Customers' withdrawals: whatever address the customer named."""
    ALLOW_LIST = "allow_list"
    """Only what the allow-list in force lists, past its cooling time."""
    OWN_WALLETS = "own_wallets"
    """Sweeps and rebalancing: the first addresses of wallets in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """What the children of a standing pass may move, each and together. All of them hold."""

    child_max_sat: Sat
    hour_max_sat: Sat
    day_max_sat: Sat
    children_max: int
    """How many children there may ever be."""
    child_valid_seconds: int
    """A child that is older than this when the gate sees it allows nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Automatic:
    """Leave for one key to issue numbered child passes without people (a `standing` pass)."""

    chain: str
    wallet_id: str
    wallet_digest: str
    issuer_key: bytes
    """32 bytes, RFC 8032: the key of the withdrawal service, and of nobody on the roster."""
    destinations: DestinationRule
    limits: ChildLimits
    inputs_max: int
    change: ChangeAllowance
    transaction: TransactionRule
    fee: FeeRule
    """For one transaction, however many children it pays."""
    fee_bump: bool


class SubjectType(StrEnum):
    """What an admin pass puts in force."""

    ROSTER = "roster"
    """The next roster; its own quorum agrees as well as that of the one before."""
    RECOVERY = "recovery"
    """The next roster, in which only lost keys are replaced; the wider quorum agrees."""
    SUSPENSION = "suspension"
    """One officer's word takes a person's approvals away, at once."""
    REINSTATEMENT = "reinstatement"
    """A quorum gives them back."""
    WALLET = "wallet"
    POLICY = "policy"
    KEY_REGISTER = "key_register"
    ALLOW_LIST = "allow_list"
    VAULT = "vault"
    PLAN = "plan"
    ORDER = "order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """Leave to put one document in force in place of another."""

    subject_type: SubjectType
    subject_id: str
    previous_digest: str
    """Empty where there was nothing before."""
    new_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceQuote:
    """What one source said a bitcoin cost, and when."""

    source: str
    price_jpy: Jpy
    quoted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBalance:
    """What one wallet holds, as the requester's machine sees the chain."""

    wallet_id: str
    amount_sat: Sat


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Prices and balances as of the request; where they are empty, rules that need them say no."""

    prices: tuple[PriceQuote, ...]
    balances: tuple[HeldBalance, ...]


NO_CLAIMS = Claims(prices=(), balances=())


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
    action: Transfer | Automatic | Admin
    claims: Claims = NO_CLAIMS
    """What the requester says of the world; the approvers see it and sign it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One payment order under a standing pass: numbered, signed by its issuer key alone.

    Children of one standing pass with one anchor are served by one transaction.
    """

    standing_digest: str
    number: int
    """1, 2, 3, ... without a gap."""
    chain: str
    anchor: OutPoint
    payments: tuple[Payment, ...]
    genesis_digest: str
    issued_at: datetime
    claims: Claims = NO_CLAIMS


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedChild:
    """The canonical bytes of a child and the issuer's Ed25519 signature over their digest."""

    document: bytes
    signature: bytes


class CredentialKind(StrEnum):
    """What a credential is, and with that how its statements are made."""

    ED25519 = "ed25519"
    """A key file on the approver's own machine."""
    FIDO2 = "fido2"
    """A security key plugged into the approver's own machine, under an RP id of its own."""
    WEBAUTHN = "webauthn"
    """A passkey, used in a browser on the console's page."""


class Method(StrEnum):
    """How a statement was made. It is inside what is signed, and must go with the credential."""

    KEY_FILE = "ed25519-key-file"
    SECURITY_KEY = "fido2-usb"
    PASSKEY = "webauthn-browser"


METHOD_OF = {
    CredentialKind.ED25519: Method.KEY_FILE,
    CredentialKind.FIDO2: Method.SECURITY_KEY,
    CredentialKind.WEBAUTHN: Method.PASSKEY,
}
OWN_MACHINE = frozenset({Method.KEY_FILE, Method.SECURITY_KEY})
"""Methods by which an approver signs on a machine that the server does not control."""


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
    method: Method
    credential_id: str
    terminal_id: str
    words: str
    """The twelve words that the approver compared by voice, or empty."""
    reason: str
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedApproval:
    """The canonical bytes of an approval and the signature over their tagged digest.

    A passkey or security key signs that digest as the challenge inside `client_data`, beside
    `authenticator_data` (WebAuthn, section 7.2); for a key file both are empty.
    """

    document: bytes
    signature: bytes
    authenticator_data: bytes = b""
    client_data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A public key with which a person signs."""

    credential_id: str
    kind: CredentialKind
    public_key: bytes
    """32 bytes (RFC 8032) for a key file, else a COSE key (RFC 9053) in CBOR."""
    handle: bytes = b""
    """The authenticator's own id of the credential; empty for a key file."""
    device: str = ""
    """The hardware's serial number or asset tag: one device for one person; empty for a file."""
    attested: bool = False
    """Its maker's attestation was verified when it was enrolled."""
    commitment: bytes = b""
    """Salted, 32 bytes: says to whoever holds the opening whether its use means duress. Every
    credential of a roster has one, or none has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone who may ask and approve. Counts once, in one department."""

    person_id: str
    name: str
    department: str
    credentials: tuple[Credential, ...]
    officer: bool = False
    """May suspend others at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A named machine from which people ask and approve."""

    terminal_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """How many people of which departments must approve. The requester never counts."""

    at_least: tuple[tuple[str, int], ...]


NOBODY = Quorum(at_least=())


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
    quorum_recovery: Quorum = NOBODY
    """Wider than `quorum_admin`; replaces lost keys when that one cannot be met. May be nobody:
    then nothing but the ordinary rotation changes the roster."""
    console_origin: str = ""
    """The origin (`https://host`) at which passkeys are used; empty while there is no console."""
    journal_key: str = ""
    """The journal's verifier key (C2SP signed-note vkey), or empty."""
    witnesses: tuple[str, ...] = ()
    """Verifier keys of those who cosign the journal's checkpoints."""


NO_ROSTER = Roster(
    version=0,
    previous_digest="",
    exchange="",
    created_at=datetime.max.replace(tzinfo=UTC),
    expires_at=datetime.min.replace(tzinfo=UTC),
    departments=(),
    people=(),
    terminals=(),
    quorum_transfer=NOBODY,
    quorum_admin=NOBODY,
)
"""Before there is one: nobody is on it, and it has expired."""
