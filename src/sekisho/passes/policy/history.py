"""What was allowed to leave before, summed fast: the counters of limits.

A movement is committed when its quorum is complete (a child: when its issuer signed it), whether
or not it is ever signed by a key. Time never runs backwards here: an entry that says it is earlier
than the one before counts as being at the same moment.

A sum is over a window that has a beginning and no end: a movement that claims to lie in the future
stays counted until that future is past, so no clock set forward empties a counter.
"""

from bisect import bisect_left, bisect_right
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
    """The outpoint: of passes with one anchor the chain allows one, so the largest counts.
    Children with one anchor are paid together, so each counts."""
    customers: bool
    """Whether customers' coins leave (the wallet's segregation)."""
    destinations: tuple[tuple[str, Sat], ...]
    """What is paid to whom; payments to own wallets are among them."""

    @property
    def exclusive_anchor(self) -> str:
        """The anchor, if no other movement with the same one can leave beside this; else empty."""
        return "" if self.requester.startswith(ISSUER) else self.anchor


ISSUER = "issuer:"
"""The requester of a child is this and the digest of its standing pass; no person's id has it."""


class _Counter:
    """The movements of one key of one scope, in order, with running sums."""

    __slots__ = ("again", "amounts", "anchors", "numbers", "sums")

    def __init__(self) -> None:
        self.numbers: list[int] = []
        """Which commitments of the history these are."""
        self.amounts: list[int] = []
        self.sums: list[int] = [0]
        """`sums[i]` is what the first `i` of them move together."""
        self.anchors: dict[str, list[int]] = {}
        """By anchor, the positions of the passes that spend it. A child is not among them."""
        self.again: list[tuple[int, str]] = []
        """The positions of those whose anchor was another pass's before, with the anchor."""

    def add(self, number: int, amount_sat: Sat, anchor: str) -> None:
        position = len(self.numbers)
        self.numbers.append(number)
        self.amounts.append(amount_sat)
        self.sums.append(self.sums[-1] + amount_sat)
        if anchor:
            same = self.anchors.setdefault(anchor, [])
            if same:
                self.again.append((position, anchor))
            same.append(position)

    def total(self, first: int, before: int) -> int:
        """Return what the commitments numbered `first` to `before` move, each anchor once."""
        low, high = self._positions(first, before)
        counted = self.sums[high] - self.sums[low]
        if self.again:
            begin = bisect_left(self.again, (low, ""))
            end = bisect_left(self.again, (high, ""))
            for anchor in {anchor for _, anchor in self.again[begin:end]}:
                same = self._amounts(anchor, low, high)
                counted -= sum(same) - max(same)
        return counted

    def largest(self, anchor: str, first: int, before: int) -> int:
        """Return the most that one of the passes with this anchor moves, or 0."""
        return max(self._amounts(anchor, *self._positions(first, before)), default=0)

    def _positions(self, first: int, before: int) -> tuple[int, int]:
        high = bisect_left(self.numbers, before)
        return min(bisect_left(self.numbers, first), high), high

    def _amounts(self, anchor: str, low: int, high: int) -> list[int]:
        positions = self.anchors.get(anchor, [])
        begin, end = bisect_left(positions, low), bisect_left(positions, high)
        return [self.amounts[position] for position in positions[begin:end]]


class History:
    """All movements that were allowed, in order. It only grows.

    Of passes with one anchor the largest counts, since the chain allows one. Children of a
    standing pass that share an anchor are paid by one transaction, so each of them counts.
    """

    def __init__(self) -> None:
        self._times: list[datetime] = []
        self._counters: dict[tuple[Scope, str], _Counter] = {}

    def __len__(self) -> int:
        return len(self._times)

    def commit(self, movement: Committed) -> None:
        """Add a movement after all others, and never before them in time."""
        number = len(self._times)
        at = movement.at
        self._times.append(max(at, self._times[-1]) if self._times else at)
        anchor = movement.exclusive_anchor
        for key, amount_sat in amounts_by_key(movement).items():
            counter = self._counters.get(key)
            if counter is None:
                counter = self._counters[key] = _Counter()
            counter.add(number, amount_sat, anchor)

    def sum_sat(self, scope: Scope, key: str, *, after_at: datetime, before: int) -> Sat:
        """Return what left under one key later than `after_at`, of the first `before` movements.

        The key of `Scope.ALL` is empty; only movements of customers' coins count there.
        """
        counter = self._counters.get((scope, key))
        if counter is None:
            return Sat(0)
        return Sat(counter.total(bisect_right(self._times, after_at), before))

    def sum_with_sat(
        self,
        scope: Scope,
        key: str,
        amount_sat: Sat,
        *,
        exclusive_anchor: str,
        after_at: datetime,
        before: int,
    ) -> Sat:
        """Return the same sum as it would be if a movement of `amount_sat` came next."""
        counter = self._counters.get((scope, key))
        if counter is None:
            return amount_sat
        first = bisect_right(self._times, after_at)
        counted = counter.total(first, before)
        replaced = counter.largest(exclusive_anchor, first, before)
        return Sat(counted + max(0, amount_sat - replaced))

    def is_later(self, number: int, after_at: datetime) -> bool:
        """Return whether that movement, counted from 0, was committed later than `after_at`."""
        return self._times[number] > after_at

    def first_paid_at(self, address: str, *, before: int) -> datetime | None:
        """Return when the address was first paid by one of the first `before` movements."""
        counter = self._counters.get((Scope.DESTINATION, address))
        if counter is None or counter.numbers[0] >= before:
            return None
        return self._times[counter.numbers[0]]


def amounts_by_key(movement: Committed) -> dict[tuple[Scope, str], Sat]:
    """Return how much a movement adds under each key of each scope."""
    total = Sat(sum(amount_sat for _, amount_sat in movement.destinations))
    found: dict[tuple[Scope, str], Sat] = {
        (Scope.WALLET, movement.wallet_id): total,
        (Scope.REQUESTER, movement.requester): total,
        (Scope.KEY_SET, movement.key_set): total,
    }
    if movement.customers:
        found[Scope.ALL, ""] = total
    for address, amount_sat in movement.destinations:
        key = (Scope.DESTINATION, address)
        found[key] = Sat(found.get(key, 0) + amount_sat)
    return found
