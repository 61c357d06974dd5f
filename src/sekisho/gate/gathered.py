"""What the gate had before it when it decided. The account of its answer is made from this."""

from dataclasses import dataclass
from datetime import datetime

from sekisho.gate.memory import Remembered
from sekisho.gate.records import Gate
from sekisho.journal.witness.last_seen import LastSeen
from sekisho.passes.bundle import Opened
from sekisho.passes.lease import Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a decision was made from, without what a keeper holds: nobody else may see that."""

    psbt: bytes
    gate: Gate
    remembered: Remembered
    lease: Lease | None
    """None if there was none, or none of this gate's."""
    seen: LastSeen | None
    """The last checkpoint that was seen before this one."""
    opened: Opened | None
    """None if the bundle is not to be believed."""
    certain_at: datetime
    """The latest moment that the gate, its granter or the journal's witnesses vouch for."""
    now: datetime
