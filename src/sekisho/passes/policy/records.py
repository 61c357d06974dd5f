"""What a policy pack says: the numbers under which a pass may leave, each with what it answers to.

A rule that a pack does not use is `Off`, with the reason in words: silence is never a rule.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from sekisho.kernel.money import Jpy, Sat
from sekisho.passes.policy.history import Scope
from sekisho.passes.records import Quorum
from sekisho.wallets.records import Level, Tier

ANY_PURPOSE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """The pack does not use this rule."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A size, in one to three units. A ceiling is broken, and a threshold met, by any of them."""

    size_sat: Sat | None = None
    size_jpy: Jpy | None = None
    share_bps: int | None = None
    """Basis points of all customers' coins, before the movement."""


class Window(StrEnum):
    """Over how long a limit counts."""

    PASS = "pass"
    HOUR = "hour"
    DAY = "day"
    """The last 86,400 seconds: a calendar's midnight would allow twice the limit around it."""


class Who(StrEnum):
    """Whose movements a limit holds."""

    PEOPLE = "people"
    """Transfers that people approve."""
    AUTOMATIC = "automatic"
    """Children of standing passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How long what was approved stays good.

    A limit counts when a quorum is complete, not when coins leave. With a window of W seconds and
    passes that live L seconds, at most 1 + L/W times the limit can leave within one window.
    """

    transfer_max_seconds: int
    """Of a transfer, and of a child of a standing pass."""
    standing_max_seconds: int
    """Of a standing pass, whose children are each counted when they are issued."""
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumStep:
    """Who must approve from a size on. Every step that a pass meets holds, so more is never less.

    `tiers` and `levels` say for which wallets; `purposes` for what, or `*` for anything.
    """

    purposes: tuple[str, ...]
    tiers: tuple[Tier, ...]
    levels: tuple[Level, ...]
    least: Bound
    people: Quorum
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most so much, by one count, in one window."""

    scope: Scope
    window: Window
    who: Who
    tiers: tuple[Tier, ...]
    most: Bound
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMachineStep:
    """From a size on, so many approvals must come from approvers' own machines, words entered."""

    tiers: tuple[Tier, ...]
    least: Bound
    people: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLockStep:
    """From a size on, a pass waits: meanwhile any approver may still cancel it."""

    tiers: tuple[Tier, ...]
    least: Bound
    hold_seconds: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowList:
    """Wallets of these tiers pay only addresses that have been listed for a while."""

    tiers: tuple[Tier, ...]
    """May be none: then the list only says which destinations are known."""
    cooling_seconds: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstTime:
    """Destinations that are neither ours, nor listed and cooled, nor paid long enough ago."""

    new_for_seconds: int
    """How long after the first payment an address still counts as new."""
    most: Bound
    extra_people: int
    """Beyond the quorum, from any department; not for children, which have no people."""
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessHours:
    """When people are at work, by the pack's own clock. National holidays are not known here."""

    weekdays: tuple[int, ...]
    """0 is Monday."""
    from_minute: int
    until_minute: int
    """Exclusive; minutes after midnight."""
    most: Bound
    """What may leave outside these hours."""
    extra_people: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdShare:
    """How much of customers' coins may be elsewhere than in cold wallets, by value."""

    not_cold_max_bps: int
    unsettled_seconds: int
    """Movements out of cold wallets this young may not be in the claimed balances yet."""
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlike:
    """An unlisted address that resembles a known one this much is refused."""

    bits_max: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """The highest ceilings that a pass may ask for."""

    fee_max_sat: Sat
    feerate_max_sat_per_kvb: int
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """When the claimed prices are good enough to count in yen. The highest is used."""

    sources_min: int
    spread_max_bps: int
    """Of the lowest."""
    age_max_seconds: int
    """When the requester asks, or the issuer signs a child."""
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletProof:
    """Wallets of these tiers pay only when their key holders have proven possession."""

    tiers: tuple[Tier, ...]
    reference: str


Single: TypeAlias = (
    AllowList | FirstTime | BusinessHours | ColdShare | LookAlike | Fees | Price | WalletProof
)
"""The rules of which a pack has one each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkeys:
    """Which passkeys may approve."""

    attested_required: bool = True
    device_bound_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """How many others must have seen the journal, and how lately."""

    needed: int
    checkpoint_age_max_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leases:
    """How long a gate may go on without hearing anew that nothing speaks against it."""

    age_max_seconds: int
    isolated_age_max_seconds: int
    """Of a gate without a network, to which leases are carried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """From this size on only a gate without a network may let a transaction be signed."""

    least_sat: Sat
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A whole pack."""

    policy_id: str
    version: int
    title_en: str
    title_ja: str
    effective_from_at: datetime
    effective_until_at: datetime | None
    """Exclusive; None while no end is known."""
    utc_offset_minutes: int
    reference: str
    """The law or text that the pack as a whole follows."""
    departments: tuple[str, ...]
    """All that the pack names: a typo in a quorum is then an error, not a new department."""
    life: Life
    """Never off: without it, limits by hour and day hold nothing."""
    quorum: tuple[QuorumStep, ...]
    limits: tuple[Limit, ...]
    own_machine: tuple[OwnMachineStep, ...] | Off
    time_lock: tuple[TimeLockStep, ...] | Off
    allow_list: AllowList | Off
    first_time: FirstTime | Off
    business_hours: BusinessHours | Off
    cold_share: ColdShare | Off
    look_alike: LookAlike | Off
    fees: Fees | Off
    price: Price | Off
    wallet_proof: WalletProof | Off
    passkeys: Passkeys
    witnesses: Witnesses
    leases: Leases
    isolated: Isolated | Off
