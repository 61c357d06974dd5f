"""The nouns of a wallet: what it is, which scripts are its own, and which coins lie on them."""

from dataclasses import dataclass
from enum import StrEnum

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.kernel.money import Sat

UNPROVEN = "unproven"
"""In `Wallet.proof`: no key holder has proven possession of a key of the descriptor."""


class Tier(StrEnum):
    """How far from the Internet the keys are (Cabinet Office Order on crypto-assets, Art. 27)."""

    COLD = "cold"
    WARM = "warm"
    HOT = "hot"


class Segregation(StrEnum):
    """Whose coins these are (Payment Services Act, Art. 63-11): never both in one wallet."""

    CUSTOMER = "customer"
    COMPANY = "company"


class ChangeRule(StrEnum):
    """Where change may go. Anything else that comes back to us is a payment to be listed."""

    NONE = "none"
    SAME_ADDRESS = "same_address"
    INTERNAL_BRANCH = "internal_branch"
    """The second path of a multipath descriptor (BIP-389)."""


class Level(StrEnum):
    """Can the gate be gone around?"""

    ENFORCED = "enforced"
    """The script needs a key that only the gate uses."""
    ADVISORY = "advisory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What was registered. It gives no power until a quorum signed its digest."""

    wallet_id: str
    name: str
    chain: str
    """CAIP-2: `bip122:000000000019d6689c085ae165831e93` is Bitcoin."""
    asset: str
    descriptor: str
    """BIP-380, public, with its checksum; the one spelling that `check_descriptor` returns."""
    tier: Tier
    departments: tuple[str, ...]
    """The departments that may ask for a pass from this wallet."""
    segregation: Segregation
    change_rule: ChangeRule
    gap_limit: int
    """How many unused scripts ahead, on each branch, still count as ours."""
    level: Level
    proof: str
    """`UNPROVEN`, or the digest of the proofs of possession that were filed (`proof.py`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnScript:
    """One script of one wallet, derived and never taken from anybody's word."""

    wallet_id: str
    script: bytes
    branch: int
    """0 receives; 1 is the internal branch of a multipath descriptor."""
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedScript:
    """A script that a list names as a wallet's. Nobody signed the list: it gives no power."""

    wallet_id: str
    script: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """An output on a script of ours."""

    outpoint: OutPoint
    amount_sat: Sat
    own: OwnScript
    spent_by: str | None
    """The txid of a transaction we have seen spend it; of several that do, the largest."""
