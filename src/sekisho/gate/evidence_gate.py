"""What was seen before the PSBT was looked at: steps 1 to 10 of docs/gate.md, in sentences.

Each function tells one step that said yes, from what it was judged by. Nothing here decides.
"""

from datetime import datetime

from sekisho.gate.gathered import Gathered
from sekisho.gate.records import Gate, Mode
from sekisho.gate.shut import day_sat, lease_max_seconds
from sekisho.gate.steps import Evidence, evidence
from sekisho.kernel.instants import format_instant
from sekisho.passes.bundle import Opened
from sekisho.passes.lease import Lease
from sekisho.passes.leave import Leave
from sekisho.passes.policy.records import Isolated
from sekisho.passes.register import Register

_SHORT = 16
"""So many characters of a digest tell it from others to the eye."""


def of_memory(gathered: Gathered) -> list[Evidence]:
    """Tell how much the gate remembers."""
    remembered = gathered.remembered
    alone = gathered.gate.mode is Mode.ISOLATED
    return [
        evidence("memory", size=remembered.size, used=len(remembered.used)),
        evidence("isolated") if alone else evidence("beside"),
    ]


def of_lease(gathered: Gathered, lease: Lease) -> list[Evidence]:
    """Tell which lease it is, and whose."""
    return [
        evidence(
            "lease",
            number=lease.number,
            gate_id=lease.gate_id,
            key=gathered.gate.granter_key.hex()[:_SHORT],
            granted_at=format_instant(lease.granted_at),
        )
    ]


def of_bundle(gathered: Gathered, opened: Opened) -> list[Evidence]:
    """Tell how much of the journal was shown, and who saw it."""
    shown = opened.seen.checkpoint
    witnesses = [
        evidence("cosigned", witness=each.witness.name, cosigned_at=format_instant(each.at))
        for each in opened.cosignatures
    ]
    before = gathered.seen
    return [
        evidence(
            "bundle",
            size=shown.size,
            genesis=gathered.gate.genesis_digest[:_SHORT],
            origin=shown.origin,
        ),
        *(witnesses or [evidence("not_cosigned")]),
        evidence("seen_first")
        if before is None
        else evidence("seen_before", size=before.checkpoint.size),
    ]


def of_clock(gathered: Gathered) -> list[Evidence]:
    """Tell which moments were compared."""
    return [
        evidence(
            "clock",
            now_at=format_instant(gathered.now),
            certain_at=format_instant(gathered.certain_at),
        )
    ]


def of_lease_in_time(gathered: Gathered, lease: Lease, opened: Opened) -> list[Evidence]:
    """Tell until when the lease is good."""
    length = lease.expires_at - lease.granted_at
    return [
        evidence(
            "lease_in_time",
            expires_at=format_instant(lease.expires_at),
            length_seconds=int(length.total_seconds()),
            most_seconds=lease_max_seconds(opened.register.policy, gathered.gate),
        ),
        evidence("lease_newest", number=lease.number),
    ]


def of_memory_kept(gathered: Gathered, lease: Lease) -> list[Evidence]:
    """Tell which entry of the memory the lease names."""
    named = lease.memory
    more = gathered.remembered.size - named.size
    return [evidence("memory_kept", lease_size=named.size, tip=named.tip[:_SHORT], more=more)]


def of_journal_kept(lease: Lease, opened: Opened) -> list[Evidence]:
    """Tell how much of the journal the granter had seen."""
    size = lease.journal.size
    return [evidence("journal_kept", lease_size=size, more=len(opened.leaves) - size)]


def of_freezes(leave: Leave, register: Register) -> list[Evidence]:
    """Tell which orders there are."""
    wallet_id, orders = leave.transfer.wallet_id, register.orders
    if register.frozen & {"", wallet_id}:
        return [evidence("to_vault", orders=orders, wallet_id=wallet_id)]
    return [evidence("not_frozen", orders=orders, wallet_id=wallet_id)]


def of_place(gate: Gate, leave: Leave, register: Register, *, now: datetime) -> list[Evidence]:
    """Tell how much leaves, and from which size on where the gate stands matters."""
    leaving = day_sat(leave, register, now=now)
    rule = None if register.policy is None else register.policy.isolated
    asked = (
        evidence("isolated_from", least_sat=rule.least_sat)
        if isinstance(rule, Isolated)
        else evidence("isolated_never")
    )
    here = [evidence("isolated")] if gate.mode is Mode.ISOLATED else []
    left = evidence("leaving", wallet_id=leave.transfer.wallet_id, leaving_sat=leaving)
    return [left, asked, *here]


def of_keeper() -> list[Evidence]:
    """Tell that nobody holds the pass, in the same words whatever a keeper knows."""
    return [evidence("not_held")]
