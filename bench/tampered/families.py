"""Every kind of tampering, by the judgement that must refuse it.

To add a judgement, add a family: its own `honest` attempt, `judge` and kinds.
"""

from bench.tampered.judging import Family, judged
from bench.tampered.kinds_change import CHANGE
from bench.tampered.kinds_claims import COINS, SCRIPTS
from bench.tampered.kinds_fields import RANGES
from bench.tampered.kinds_form import FORM, MIXED
from bench.tampered.kinds_inputs import INPUTS
from bench.tampered.kinds_leave import LEAVE
from bench.tampered.kinds_outputs import OUTPUTS
from bench.tampered.kinds_signing import SIGNING
from bench.tampered.scenes import honest

PARTS = {
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
}
"""The kinds that are judged before signing, by what they change."""

BEFORE_SIGNING = Family(
    title="before signing",
    honest=honest,
    judge=judged,
    kinds=tuple(each for kinds in PARTS.values() for each in kinds),
)

FAMILIES = (BEFORE_SIGNING,)
