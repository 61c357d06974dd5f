"""What a clearance is worth: it speaks for the transaction that it names, and for no other."""

from gate_scene import scene
from gate_tampered_transactions import outputs
from watch_cases import (
    DEVIATING,
    EXPIRED,
    MATCHED,
    REPLACEMENT,
    SECOND,
    Case,
    replaceable,
)
from watch_lookout import after_clearing, after_seeing, cheaper, said, to
from world_coins import stranger
from world_people import NOW

from sekisho.passes.records import Replacement
from sekisho.watch.state import VIEW_AGE_MAX_SECONDS

CLEARED = (
    Case(
        name="takes the place of what the gate cleared, past the gate",
        make=lambda s: after_seeing(s, s.unsigned).verdict(cheaper(s)),
        kind=REPLACEMENT,
        codes="not_cleared",
        touches=True,
        setting=replaceable,
    ),
    Case(
        name="does what the pass allows, although the gate cleared another",
        make=lambda s: said(s, s.unsigned, world=after_clearing(s, cheaper(s))),
        kind=MATCHED,
        codes="not_cleared",
        touches=True,
    ),
    Case(
        name="is seen when the pass has expired, under which another was cleared in time",
        make=lambda s: said(
            s, cheaper(s), world=after_clearing(s), at=s.asked.expires_at + SECOND
        ),
        kind=EXPIRED,
        codes="pass_expired",
        touches=True,
    ),
    Case(
        name="takes another's place when the pass has expired, and was never cleared",
        make=lambda s: after_seeing(s, s.unsigned).verdict(
            cheaper(s), at=NOW + VIEW_AGE_MAX_SECONDS * SECOND
        ),
        kind=EXPIRED,
        codes="pass_expired",
        touches=True,
        setting=lambda: scene(
            transfer={"replacement": Replacement(fee_bump=True, replaces="")},
            expires_at=NOW + SECOND,
        ),
    ),
    Case(
        name="does otherwise when the pass has expired, under which another was cleared in time",
        make=lambda s: said(
            s,
            outputs(s, {1: to(stranger(9), 5_000_000)}),
            world=after_clearing(s),
            at=s.asked.expires_at,
        ),
        kind=DEVIATING,
        codes="payment_missing payment_not_allowed",
        touches=True,
    ),
    Case(
        name="is sent before the pass begins, under which another was cleared",
        make=lambda s: said(
            s, cheaper(s), world=after_clearing(s), at=s.asked.not_before_at - SECOND
        ),
        kind=DEVIATING,
        codes="pass_not_yet_valid",
        touches=True,
    ),
)
