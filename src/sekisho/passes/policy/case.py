"""What a policy judges, and what it says. Everything that a rule may look at is in the case.

A rule never asks a clock, a journal or a network: whoever verifies builds the same case from the
same signed documents, and comes to the same outcome years later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sekisho.kernel.finding import Finding
from sekisho.kernel.money import Sat
from sekisho.passes.policy.history import Committed, History
from sekisho.passes.records import Claims
from sekisho.wallets.records import Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One address that a pass pays, with what is known of it."""

    address: str
    """How people know it; the script in hex where there is no address."""
    amount_sat: Sat
    own_wallet_id: str
    """The wallet of ours that it belongs to, or empty."""
    first_time: bool
    """No pass with a complete quorum ever paid it before."""
    listed_at: datetime | None
    """When the allow-list that is in force first listed it without a break, or None."""
    resembles: str
    """The known address that it merely looks like, or empty."""
    resembles_bits: int
    """How improbable that is by chance, rounded down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One transfer, or one child of a standing pass, as a policy sees it."""

    purpose: str
    requester: str
    """The person, or `issuer:<standing pass digest>` for a child."""
    automatic: bool
    """It is a child of a standing pass: no people, so no quorum of its own."""
    standing: bool
    """It is a standing pass itself, as if a day's worth left at once."""
    wallet: Wallet
    destinations: tuple[Destination, ...]
    fee_max_sat: Sat
    feerate_max_sat_per_kvb: int
    claims: Claims
    asked_at: datetime
    """When the requester signed, or the issuer."""
    judged_at: datetime
    """When the last approval that counts was both signed and in the journal."""
    not_before_at: datetime
    """From when on it may be used; for a child, when it was issued."""
    expires_at: datetime
    """Exclusive: when it may no longer be used."""
    approved_by: Mapping[str, tuple[str, ...]]
    """The people who count, by department; the requester is never among them."""
    own_machine: tuple[str, ...]
    """Those of them who signed on a machine of their own and entered the right twelve words."""
    this: Committed
    """The same movement, as it would enter the history."""
    history: History
    """What was committed before, in the order of the journal."""
    history_before: int
    """Only the first so many of the history count: those committed before this one."""
    wallets: Mapping[str, Wallet]
    """All wallets in force, by id."""


class Answer(StrEnum):
    """What a rule says."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One rule, what it looked at, and what it says."""

    rule: str
    """The rule's code: `<area>.<what>`, as in the pack."""
    reference: str
    """The law, guideline or incident that the rule answers to."""
    inputs: tuple[tuple[str, str], ...]
    """What it looked at: names with units, values as people read them."""
    answer: Answer
    finding: Finding | None
    """Why not; None unless denied."""
    hold_seconds: int = 0
    """How long after `judged_at` the pass must wait before it may be signed (time lock)."""
