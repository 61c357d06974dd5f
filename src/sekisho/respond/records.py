"""The nouns of a response: an incident, and what was lost at what price."""

from dataclasses import dataclass
from datetime import datetime

from sekisho.kernel.finding import Finding
from sekisho.kernel.money import Jpy, Sat


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """What the loss is worth in yen. Without a source and a time it is not a number."""

    amount_jpy: Jpy
    fee_jpy: Jpy
    price_jpy: Jpy
    """For one bitcoin."""
    price_source: str
    price_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What left, what miners got of it, and what that is worth. Never added up silently."""

    amount_sat: Sat
    fee_sat: Sat | None
    """None while an input's previous transaction is not known."""
    valuations: tuple[Valuation, ...]
    """The first is the one that is reported; empty while nobody has named a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """Which keys signed the movement, recomputed from its bytes."""

    inputs: int
    understood: bool
    """Whether every input's script is of a kind whose signers can be told."""
    threshold: int
    keys: int
    """How many keys each input's script names; 0 where the inputs differ."""
    signed_positions: tuple[int, ...]
    """The keys, by position in the script, whose signatures are valid on every input."""
    invalid: int
    """Signatures that do not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Opened by a verdict; recognised at the time that its journal entry fixes."""

    incident_id: str
    txid: str
    verdict: str
    pass_id: str
    wallet_ids: tuple[str, ...]
    recognised_at: datetime
    recognised_by: str
    """The hash of the journal entry that holds the verdict."""
    findings: tuple[Finding, ...]
    signatures: Signatures
    loss: Loss
