"""What may leave under a pass, or under the children of a standing pass that share an anchor."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Finding
from sekisho.kernel.money import Sat
from sekisho.passes.children import batch_transfer, child_findings
from sekisho.passes.records import Automatic, Payment, Transfer
from sekisho.passes.register import ChildHeard, Register
from sekisho.passes.verify import standing_of, time_findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What one transaction may do, and everything that speaks against it now."""

    digest: str
    """Of the pass; of a batch, the digest of its children's digests."""
    pass_id: str
    """Of a batch: the standing pass's id and the numbers of its children."""
    transfer: Transfer
    movements: tuple[tuple[str, Sat], ...]
    """The digest and the amount of each that counts against limits: the pass, or each child."""
    not_before_at: datetime
    expires_at: datetime
    findings: tuple[Finding, ...]


def leave_of(register: Register, digest: str, *, now: datetime) -> Leave | None:
    """Return what may leave under the pass or the child `digest`; None if it moves nothing.

    A child stands for its whole batch: the children of one standing pass with one anchor are paid
    by one transaction, all of them or none.
    """
    if digest in register.passes:
        standing = standing_of(register, digest)
        if not isinstance(standing.asked.action, Transfer):
            return None
        return Leave(
            digest=digest,
            pass_id=standing.asked.pass_id,
            transfer=standing.asked.action,
            movements=((digest, _paid_sat(standing.asked.action.payments)),),
            not_before_at=standing.asked.not_before_at,
            expires_at=standing.asked.expires_at,
            findings=(*standing.findings, *time_findings(standing, now=now)),
        )
    place = register.child_places.get(digest)
    if place is None:
        return None
    return _batch(register, register.children[place[0]][place[1]], now=now)


def _batch(register: Register, heard: ChildHeard, *, now: datetime) -> Leave | None:
    child = heard.child
    asked = register.passes[child.standing_digest].asked
    if not isinstance(asked.action, Automatic):
        return None
    family = register.children[child.standing_digest]
    numbers = register.batches[child.standing_digest, child.anchor]
    batch = [
        family[number]
        for number in numbers
        if family[number] is heard or not family[number].findings
    ]
    valid = timedelta(seconds=asked.action.limits.child_valid_seconds)
    issued = [each.child.issued_at for each in batch]
    name = ",".join(str(each.child.number) for each in batch)
    digests = "".join(f"{each.digest}\n" for each in batch)
    return Leave(
        digest=tagged_digest("batch", digests.encode()).hex(),
        pass_id=f"{asked.pass_id}#{name}",
        transfer=batch_transfer(asked.action, [each.child for each in batch]),
        movements=tuple((each.digest, _paid_sat(each.child.payments)) for each in batch),
        not_before_at=max(issued),
        expires_at=min(min(issued) + valid, asked.expires_at),
        findings=tuple(
            each for member in batch for each in child_findings(register, member, now=now)
        ),
    )


def _paid_sat(payments: tuple[Payment, ...]) -> Sat:
    return Sat(sum(each.amount_sat for each in payments))
