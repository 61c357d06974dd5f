"""What a reader of blocks hands to the watcher: bytes, and where they came from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBlock:
    """The bytes of one block, or of one transaction that came by itself; not yet checked."""

    data: bytes
    where: str
    """File and byte, for messages."""
    position: int
    """How many came before it; the same at each reading of the same files."""
    loose: bool = False
    """Whether it is a transaction without a block."""


SEED_SIZE = 16
"""Random bytes that key a search, so that strangers cannot aim at its filter."""

Wanted: TypeAlias = Callable[[int], bool]
"""Says of a position whether its block is wanted."""

Reading: TypeAlias = Callable[[Wanted], Iterable[RawBlock]]
"""Reads all blocks from the first, in an order that never changes, and skips the unwanted."""
