"""Is the gate open at all? Before any PSBT is looked at.

1. Its clock has not been set back: it never shows less than it has shown before, nor less than its
   lease and the journal's witnesses say.
2. It holds a lease: signed by the granter that is pinned here, for this gate, not run out, and no
   longer than the policy in force allows where the gate stands.
3. Its memory is the one that the lease names, grown: a backup that was put back is not.
4. What it is shown of the journal is no older than what the granter saw: so no void, no freeze and
   no suspension that was written before the lease was granted can be withheld.
5. The wallet is not frozen (one person freezes, a quorum lifts), and no alarm stands: no movement
   without a pass, no live hostile signature.
6. What would leave is small enough for where the gate stands.
"""

from datetime import datetime, timedelta

from sekisho.gate.memory import HOSTILE, Remembered
from sekisho.gate.records import Gate, Mode
from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import Sat
from sekisho.passes.bundle import Opened
from sekisho.passes.lease import Lease, SignedLease, read_signed_lease
from sekisho.passes.leave import Leave
from sekisho.passes.life import GATE_REFUSED
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import Isolated, Policy
from sekisho.passes.records import SubjectType, Transfer
from sekisho.passes.register import Register
from sekisho.wallets.plan import ALARMS

_HOSTILE = "hostile"
CLOCKS_APART_MAX = timedelta(minutes=1)
"""Two machines that both keep time differ by less."""


def lease_in(data: bytes, gate: Gate) -> tuple[Lease | None, list[Finding]]:
    """Return the lease that the gate holds, or None and why it is none."""
    if not data:
        return None, [finding("gate.lease_missing", gate.gate_id)]
    try:
        signed: SignedLease = read_signed_lease(data, "lease")
    except BadInputError as error:
        return None, [finding("gate.lease_unreadable", gate.gate_id, reason=str(error))]
    lease = signed.lease
    if not signed.is_by(gate.granter_key):
        return None, [finding("gate.lease_forged", gate.gate_id)]
    if (lease.gate_id, lease.genesis_digest) != (gate.gate_id, gate.genesis_digest):
        return None, [finding("gate.lease_foreign", gate.gate_id, gate=lease.gate_id)]
    return lease, []


def high_water_at(
    remembered: Remembered, lease: Lease | None, opened: Opened | None, *, now: datetime
) -> datetime:
    """Return the latest moment that the gate, its granter or the journal's witnesses vouch for.

    A witness that is ahead of us by more than clocks differ vouches for nothing.
    """
    moments = [remembered.high_water_at]
    if lease is not None:
        moments.append(lease.granted_at)
    if opened is not None:
        cosigned = [each.at for each in opened.cosignatures]
        moments.extend(each for each in cosigned if each <= now + CLOCKS_APART_MAX)
    return max(moments)


def lived_until_at(
    remembered: Remembered, lease: Lease | None, opened: Opened | None, *, now: datetime
) -> datetime:
    """Return the same moment, or our own clock's while a lease lasts, as for a clearance."""
    certain_at = high_water_at(remembered, lease, opened, now=now)
    if lease is None or expiry_findings(lease, now=now):
        return certain_at
    return max(certain_at, now)


def clock_findings(certain_at: datetime, *, now: datetime) -> list[Finding]:
    """Return whether the gate's clock was set back: it would revive what is over."""
    if now >= certain_at - CLOCKS_APART_MAX:
        return []
    at = format_instant(certain_at)
    return [finding("gate.clock_behind", "gate", at=at, now=format_instant(now))]


def expiry_findings(lease: Lease, *, now: datetime) -> list[Finding]:
    """Return whether a lease has run out."""
    if now < lease.expires_at:
        return []
    at = format_instant(lease.expires_at)
    return [finding("gate.lease_expired", lease.gate_id, expired_at=at)]


def lease_findings(
    lease: Lease, gate: Gate, remembered: Remembered, opened: Opened, *, now: datetime
) -> list[Finding]:
    """Return why a lease that was granted to this gate does not open it here and now."""
    findings = expiry_findings(lease, now=now)
    most = lease_max_seconds(opened.register.policy, gate)
    if lease.expires_at - lease.granted_at > timedelta(seconds=most):
        findings.append(finding("gate.lease_too_long", gate.gate_id, age_max_seconds=most))
    if not remembered.holds(lease.memory):
        findings.append(
            finding(
                "gate.memory_lost",
                gate.gate_id,
                size=remembered.size,
                lease_size=lease.memory.size,
            )
        )
    if lease.number < remembered.lease_number:
        findings.append(
            finding(
                "gate.lease_superseded",
                gate.gate_id,
                number=lease.number,
                taken=remembered.lease_number,
            )
        )
    size, seen_size = len(opened.leaves), lease.journal.size
    if size < seen_size:
        findings.append(
            finding("gate.journal_behind", gate.gate_id, size=size, lease_size=seen_size)
        )
    elif opened.root_at(seen_size) != lease.journal.root:
        # Two journals of one length: the log's key signed both.
        findings.append(finding("gate.journal_forked", gate.gate_id, lease_size=seen_size))
    return findings


def lease_max_seconds(policy: Policy | None, gate: Gate) -> int:
    """Return how long a lease may be where the gate stands; without a policy not at all."""
    if policy is None:
        return 0
    if gate.mode is Mode.ISOLATED:
        return policy.leases.isolated_age_max_seconds
    return policy.leases.age_max_seconds


def freeze_findings(transfer: Transfer, register: Register) -> list[Finding]:
    """Return whether the wallet is frozen. To the vault its coins may go all the same."""
    if not register.frozen & {"", transfer.wallet_id}:
        return []
    if _evacuates(transfer, register):
        return []
    return [finding("gate.frozen", transfer.wallet_id, order=register.orders)]


def alarm_findings(transfer: Transfer, opened: Opened, remembered: Remembered) -> list[Finding]:
    """Return what shuts every gate until a quorum has looked at it and lifted it.

    A movement that keeps to no pass, or a live hostile signature that any gate was given back;
    its own it remembers, whatever the journal says. To the vault coins may go all the same.
    """
    register = opened.register
    if _evacuates(transfer, register):
        return []
    standing: dict[str, str] = {}
    for entry in opened.alarming:
        what = _alarm(entry)
        if what and entry.seq > register.lifted_seq:
            standing.setdefault(str(entry.body.get("txid", entry.entry_id)), what)
    if remembered.hostile_order >= register.lifted_order and remembered.hostile_order >= 0:
        standing.setdefault("gate", _HOSTILE)
    return [finding("gate.alarm_stands", txid, verdict=what) for txid, what in standing.items()]


def _alarm(entry: Entry) -> str:
    """Return why an entry shuts gates; nothing if it does not."""
    if entry.kind == GATE_REFUSED:
        return _HOSTILE if HOSTILE in entry.body else ""
    verdict = entry.body.get("verdict")
    known = isinstance(verdict, str) and verdict in {each.value for each in ALARMS}
    return str(verdict) if known else ""


def _evacuates(transfer: Transfer, register: Register) -> bool:
    """Return whether everything goes to the vault."""
    book = register.book()
    vaults = {name for what, name in register.in_force if what is SubjectType.VAULT}
    owners = [book.own(each.script) for each in transfer.payments]
    return bool(owners) and all(each is not None and each.wallet_id in vaults for each in owners)


def place_findings(
    leave: Leave, register: Register, gate: Gate, *, now: datetime
) -> list[Finding]:
    """Return whether so much may be let through only by a gate without a network.

    What was committed from the same wallet within the last day counts with it, or else whoever
    splits an amount gets around the rule.
    """
    rule = None if register.policy is None else register.policy.isolated
    if not isinstance(rule, Isolated) or gate.mode is Mode.ISOLATED:
        return []
    leaving_sat = day_sat(leave, register, now=now)
    if leaving_sat < rule.least_sat:
        return []
    return [
        finding(
            "gate.not_isolated", gate.gate_id, amount_sat=leaving_sat, least_sat=rule.least_sat
        )
    ]


def day_sat(leave: Leave, register: Register, *, now: datetime) -> Sat:
    """Return what was committed from the wallet within a day, and this, whenever that was."""
    history, a_day_ago = register.history, now - timedelta(days=1)
    of_before = [
        amount_sat
        for digest, amount_sat in leave.movements
        for known in [register.committed.get(digest)]
        if known is None or not history.is_later(known.position, a_day_ago)
    ]
    return history.sum_with_sat(
        Scope.WALLET,
        leave.transfer.wallet_id,
        Sat(sum(of_before)),
        # Children that share an anchor are paid together.
        exclusive_anchor=str(leave.transfer.anchor) if leave.digest in register.passes else "",
        after_at=a_day_ago,
        before=len(history),
    )
