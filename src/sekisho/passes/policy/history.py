"""What was allowed to leave before, summed fast: the counters of limits.

A movement is committed when its quorum is complete (a child: when its issuer signed it), whether
or not it is ever signed by a key. Time never runs backwards here: an entry that says it is earlier
than the one before counts as being at the same moment.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sekisho.kernel.money import Sat


class Scope(StrEnum):
    """By what a limit counts."""

    ALL = "all"
    WALLET = "wallet"
    DESTINATION = "destination"
    REQUESTER = "requester"
    KEY_SET = "key_set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """One movement that was allowed."""

    digest: str
    """Of the pass or the child."""
    at: datetime
    wallet_id: str
    key_set: str
    """Names the keys that can move the wallet: two wallets under one set of keys share it."""
    requester: str
    anchor: str
    """The outpoint: of movements with one anchor the chain allows one, so the largest counts."""
    customers: bool
    """Whether customers' coins leave (the wallet's segregation)."""
    destinations: tuple[tuple[str, Sat], ...]
    """What is paid to whom; payments to own wallets are among them."""
