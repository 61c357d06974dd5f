"""The nouns of the drill: what it starts from, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction
from sekisho.gate.records import Gate
from sekisho.kernel.finding import Finding
from sekisho.kernel.money import Sat
from sekisho.passes.lease import Lease
from sekisho.passes.policy.records import Policy
from sekisho.passes.verify import Standing
from sekisho.respond.records import Incident
from sekisho.wallets.records import Level
from sekisho.wallets.resemble import Resemblance
from sekisho.watch.records import Movement, Verdict

NAME = "dmm-2024"


class Variant(StrEnum):
    """What the exchange had done before the theft."""

    PASS = "pass"
    """A pass had been asked for and approved: the reported deception."""
    NO_PASS = "no-pass"
    """Nobody had asked for anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    what_en: str
    what_ja: str
    fact: bool
    """A published fact; otherwise part of the reconstruction."""
    alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that the drill found out. The terminal, the JSON and the page all show this."""

    variant: Variant
    outflow: Transaction
    funding: Transaction
    anchor: OutPoint
    genesis_digest: str
    policy: Policy
    """In force while the pass was asked for."""
    policy_digest: str
    wallet_address: str
    usual_address: str
    standing: Standing | None
    """The approved pass; None in the variant without one."""
    words_en: tuple[str, ...]
    words_ja: tuple[str, ...]
    gate: Gate
    bundle: bytes
    """What the gate was shown of the pass; empty without one."""
    lease: Lease
    """What let the gate be open at all."""
    level: Level
    """Of the wallet: can the gate be gone around?"""
    gate_verdict: str
    gate_findings: tuple[Finding, ...]
    honest_verdict: str
    """What the same gate says to the transfer that was asked for; empty without a pass."""
    movement: Movement
    verdict: Verdict
    fee_sat: Sat
    """Proven: every input of the outflow spends the funding transaction."""
    latency_ms: float
    """From bytes in hand to the verdict on the disk."""
    resemblance: Resemblance
    incident: Incident
    moments: tuple[Moment, ...]
    journal_size: int
    psbt: bytes
