"""The nouns of the watcher: a movement of coins, and what is to be thought of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut
from sekisho.kernel.finding import Finding
from sekisho.kernel.money import Sat
from sekisho.passes.records import Transfer
from sekisho.wallets.records import ListedScript, OwnScript
from sekisho.wallets.registry import ScriptBook


class VerdictKind(StrEnum):
    """What the watcher says of a movement."""

    MATCHED = "matched"
    REPLACEMENT = "replacement"
    """The same pass under a new txid, as the pass allows."""
    DEVIATING = "deviating"
    """Spends a live pass's anchor and does something else."""
    UNMATCHED = "unmatched"
    """Our coins leave and no pass is touched."""
    REUSED = "reused"
    """Does again what a used pass allowed once."""
    EXPIRED = "expired"
    """Does what a pass allowed, but the pass was over before the gate saw it."""
    UNDETERMINED = "undetermined"
    """Our own view is stale or incomplete: page people, do nothing destructive."""
    DEPOSIT = "deposit"
    POISONING = "poisoning"
    """Dust from an address made to look like one in use."""
    DOUBLE_SPENT = "double_spent"
    """Was in the chain, and another transaction took its place there."""


ALARMS = frozenset(
    {
        VerdictKind.DEVIATING,
        VerdictKind.UNMATCHED,
        VerdictKind.REUSED,
        VerdictKind.EXPIRED,
        VerdictKind.DOUBLE_SPENT,
    }
)
"""The verdicts that open an incident."""
SHUTTING = ALARMS - {VerdictKind.DOUBLE_SPENT}
"""Those that shut the gates: each takes a key of ours. A customer whose deposit happens to be in a
block that another displaces can spend it otherwise; if one of our keys did, that is an alarm too.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedInput:
    """An input, and what it spends where that is proven by the previous transaction."""

    outpoint: OutPoint
    sequence: int
    amount_sat: Sat | None
    script: bytes | None
    addresses: tuple[str, ...]
    """Of the proven script, else of the scripts that the input itself reveals."""
    own: OwnScript | ListedScript | None
    """Ours by the proven script, or by the script that the input itself reveals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedOutput:
    """An output, and whose it is."""

    address: str
    """The address, or `script <hex>` where there is none."""
    script: bytes
    amount_sat: Sat
    own: OwnScript | None
    """Ours by a descriptor. What is paid to any other script has left us."""
    listed: ListedScript | None = None
    """A payment from others to it is a deposit; it makes nothing else of an output."""

    @property
    def pays(self) -> str:
        """Return the id of the wallet that this pays if others pay; empty if it is none."""
        paid = self.own or self.listed
        return "" if paid is None else paid.wallet_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A transaction that touches a wallet of ours, reconstructed."""

    transaction: Transaction
    inputs: tuple[MovedInput, ...]
    outputs: tuple[MovedOutput, ...]
    seen_at: datetime

    @property
    def fee_sat(self) -> Sat | None:
        """Return what miners get, or None while an input's amount is unproven."""
        spent = [each.amount_sat for each in self.inputs]
        if any(amount is None for amount in spent):
            return None
        left = sum(each.amount_sat for each in self.outputs)
        return Sat(sum(amount for amount in spent if amount is not None) - left)

    @property
    def spent_outputs(self) -> tuple[TxOut, ...]:
        """Return what each input spends, in order; nothing while any of it is unproven.

        A taproot signature commits to the outputs of all inputs (BIP-341), so without one of them
        nobody can say who signed.
        """
        spent = tuple(
            TxOut(amount_sat=each.amount_sat, script=each.script)
            for each in self.inputs
            if each.amount_sat is not None and each.script is not None
        )
        return spent if len(spent) == len(self.inputs) else ()

    @property
    def left_sat(self) -> Sat:
        """Return what is paid to scripts that are not ours, the fee apart."""
        return Sat(sum(each.amount_sat for each in self.outputs if each.own is None))

    @property
    def wallet_ids(self) -> tuple[str, ...]:
        """Return the wallets whose coins are spent, or that are paid where none is."""
        spent = {each.own.wallet_id for each in self.inputs if each.own is not None}
        paid = {each.pays for each in self.outputs if each.pays}
        return tuple(sorted(spent or paid))


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPass:
    """A transfer, or a batch of children, as the watcher's own verification sees it."""

    digest: str
    signed_digest: str
    """Of the pass that people spoke about: of a batch, its standing pass."""
    pass_id: str
    transfer: Transfer
    not_before_at: datetime
    expires_at: datetime
    held_until_at: datetime | None
    """The end of its time lock; None where there is none."""
    allowed: bool
    """The watcher verified a quorum for it, under the roster and the policy in force; nobody of
    the roster spoke against it."""
    honoured: frozenset[str]
    """The transactions that the gate cleared while it was allowed: see `credence.Grant`."""
    cleared: tuple[tuple[datetime, str], ...]
    """When the gate recorded clearing a transaction under it, and which: the tagged digest of the
    unsigned transaction. Expiry is judged by those that are about the movement itself."""
    seen_txids: tuple[str, ...]
    """Transactions already judged to do what the pass allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    """Everything that a verdict depends on beside the movement itself."""

    book: ScriptBook
    passes: tuple[WatchedPass, ...]
    known_addresses: frozenset[str]
    """Every address ever approved or paid: what a look-alike would imitate."""
    view_at: datetime
    """How far the watcher has read the journal."""
    view_age_max_seconds: int
    by_anchor: Mapping[OutPoint, tuple[WatchedPass, ...]] = field(repr=False)
    view_findings: tuple[Finding, ...] = ()
    """Why what the watcher read of the journal is not to be relied on (`view.py`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the watcher says of one movement, with every difference."""

    kind: VerdictKind
    txid: str
    pass_id: str
    """The pass that the movement touches; empty where there is none."""
    findings: tuple[Finding, ...]
    left_sat: Sat
    fee_sat: Sat | None
    wallet_ids: tuple[str, ...]
    """The wallets whose coins were spent, or were paid where none was."""
