"""Every kind of tampering, by the judgement that must refuse it.

To add a judgement, add a family: its own `honest` attempt, `judge` and kinds.
"""

from typing import Any

from bench.tampered.gates import honest_gate, judged_gate
from bench.tampered.judging import Family, judged
from bench.tampered.kinds_altered import ALTERED, CLEARED
from bench.tampered.kinds_bundle import BUNDLES
from bench.tampered.kinds_change import CHANGE
from bench.tampered.kinds_claims import COINS, SCRIPTS
from bench.tampered.kinds_fields import RANGES
from bench.tampered.kinds_form import FORM, MIXED
from bench.tampered.kinds_inputs import INPUTS
from bench.tampered.kinds_journal import CHECKPOINTS, SINCE
from bench.tampered.kinds_lease import LEASES, MEMORY, PLACE
from bench.tampered.kinds_leave import LEAVE
from bench.tampered.kinds_outputs import OUTPUTS
from bench.tampered.kinds_returned import BYTES, FIELDS
from bench.tampered.kinds_signatures import FINALS, SIGNATURES
from bench.tampered.kinds_signing import SIGNING
from bench.tampered.returns import honest_return, judged_return
from bench.tampered.scenes import honest

BEFORE_SIGNING = Family(
    title="before signing",
    honest=honest,
    judge=judged,
    parts={
        "Payments": OUTPUTS,
        "Change": CHANGE,
        "Coins spent": INPUTS,
        "Claims about coins": COINS,
        "Scripts": SCRIPTS,
        "Signatures and sighashes": SIGNING,
        "Ranges and fee": RANGES,
        "PSBT versions mixed": MIXED,
        "Form": FORM,
        "Leave": LEAVE,
    },
    is_for_peers=True,
)
AFTER_SIGNING = Family(
    title="after signing",
    honest=honest_return,
    judge=judged_return,
    parts={
        "Another transaction returned": ALTERED,
        "Signatures returned": SIGNATURES,
        "Final scripts returned": FINALS,
        "Fields returned": FIELDS,
        "Bytes returned": BYTES,
        "Not what was cleared": CLEARED,
    },
)

AT_THE_GATE = Family(
    title="at the gate",
    honest=honest_gate,
    judge=judged_gate,
    parts={
        "Lease": LEASES,
        "Memory": MEMORY,
        "Clock and place": PLACE,
        "What happened since": SINCE,
        "Checkpoint": CHECKPOINTS,
        "Bundle": BUNDLES,
    },
)

FAMILIES: tuple[Family[Any], ...] = (BEFORE_SIGNING, AFTER_SIGNING, AT_THE_GATE)
