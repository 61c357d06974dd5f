"""The children of standing passes: their numbers, their sums, and the batches they are paid in.

Nothing that an issuer says of its own counters is believed. What its children moved is added up
here, one running sum for each standing pass.
"""

import hashlib
from bisect import bisect_right
from datetime import datetime, timedelta

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.passes.policy.case import Case
from sekisho.passes.policy.records import Off, Policy
from sekisho.passes.records import (
    AnyInputs,
    Automatic,
    Child,
    ChildLimits,
    DestinationRule,
    Pass,
    Replacement,
    Transfer,
)

_HOUR = timedelta(hours=1)
_CLOCKS_APART = timedelta(minutes=10)


class Batch:
    """The sound children of one standing pass that share an anchor: one payment.

    `digests` holds, after each child, the digest of the batch up to it.
    """

    def __init__(self, *, standing: str, anchor: OutPoint) -> None:
        self.standing = standing
        self.anchor = anchor
        self.children: list[Child] = []
        self.digests: list[str] = []
        self._running = hashlib.sha256(b"sekisho/batch/v1\n")

    def add(self, child: Child, digest: str) -> str:
        """Take one more child in; return the digest of the batch as it now is."""
        self._running.update(f"{digest}\n".encode())
        self.children.append(child)
        self.digests.append(self._running.hexdigest())
        return self.digests[-1]


class Family:
    """The children that the issuer of one standing pass signed, also those that allow nothing.

    `numbers` holds the digest and the child under each number, `sound` the digests of those that
    were allowed when they were issued.
    """

    def __init__(self) -> None:
        self.numbers: dict[int, tuple[str, Child]] = {}
        self.last = 0
        self.sound: set[str] = set()
        self._moments: list[datetime] = []
        self._sums = [0]

    def admit(self, digest: str, child: Child) -> None:
        """Use a number up."""
        self.numbers[child.number] = (digest, child)
        self.last = max(self.last, child.number)

    def count(self, digest: str, child: Child, at: datetime) -> None:
        """Count a sound child against the limits of its standing pass."""
        self.sound.add(digest)
        self._moments.append(at)
        self._sums.append(self._sums[-1] + _amount(child))

    def moved_since(self, at: datetime) -> int:
        """Return what its sound children moved later than `at`."""
        return self._sums[-1] - self._sums[bisect_right(self._moments, at)]


def comes_next(
    family: Family, child: Child, *, asked: Pass, limits: ChildLimits, at: datetime
) -> bool:
    """Return whether a child has the next number, and was issued in its time: about `at`.

    A thief who has the issuer's key writes any hour into it, but not into the journal.
    """
    if max(at, child.issued_at) - min(at, child.issued_at) > _CLOCKS_APART:
        return False
    if child.number != family.last + 1 or child.number > limits.children_max:
        return False
    elder = family.numbers.get(family.last)
    if elder is not None and child.issued_at < elder[1].issued_at:
        return False
    return asked.not_before_at <= child.issued_at < asked.expires_at


def keeps_limits(
    family: Family, child: Child, case: Case, automatic: Automatic, policy: Policy
) -> bool:
    """Return whether a child with its elder siblings stays within what people approved."""
    limits, amount_sat = automatic.limits, _amount(child)
    hour_sat = family.moved_since(case.judged_at - _HOUR) + amount_sat
    day_sat = family.moved_since(case.judged_at - 24 * _HOUR) + amount_sat
    if (
        amount_sat > limits.child_max_sat
        or hour_sat > limits.hour_max_sat
        or day_sat > limits.day_max_sat
    ):
        return False
    match automatic.destinations:
        case DestinationRule.ANY:
            return True
        case DestinationRule.ALLOW_LIST:
            rule = policy.allow_list
            wait_seconds = 0 if isinstance(rule, Off) else rule.cooling_seconds
            cooled_at = child.issued_at - timedelta(seconds=wait_seconds)
            return all(
                each.listed_at is not None
                and (isinstance(rule, Off) or each.listed_at <= cooled_at or each.own_wallet_id)
                for each in case.destinations
            )
        case DestinationRule.OWN_WALLETS:
            return all(each.own_wallet_id for each in case.destinations)


def transfer_of(automatic: Automatic, children: list[Child]) -> Transfer:
    """Return what one transaction may do that pays these children."""
    return Transfer(
        chain=automatic.chain,
        wallet_id=automatic.wallet_id,
        wallet_digest=automatic.wallet_digest,
        payments=tuple(payment for child in children for payment in child.payments),
        anchor=children[0].anchor,
        inputs=AnyInputs(inputs_max=automatic.inputs_max),
        change=automatic.change,
        transaction=automatic.transaction,
        fee=automatic.fee,
        replacement=Replacement(fee_bump=automatic.fee_bump, replaces=""),
    )


def _amount(child: Child) -> int:
    return sum(payment.amount_sat for payment in child.payments)
