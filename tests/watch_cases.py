"""One world for every verdict of the watcher, and for each way to come close to another."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from gate_psbts import signed_transaction
from gate_scene import HOT, LOOKALIKE, USUAL, Scene, honest, scene
from gate_tampered_transactions import inputs, outputs
from watch_lookout import (
    after_clearing,
    after_seeing,
    beside,
    cheaper,
    coin,
    ours,
    said,
    to,
    with_other_coins,
)
from world import approve, ask, reject, void
from world_coins import STRANGER, outpoint, script_at, spending, stranger
from world_people import NOW

from sekisho.chains.bitcoin.transaction import OutPoint, TxOut
from sekisho.kernel.money import Sat
from sekisho.passes.records import ListedInputs, Replacement
from sekisho.watch.match import DUST_SAT
from sekisho.watch.records import Verdict, VerdictKind
from sekisho.watch.state import VIEW_AGE_MAX_SECONDS

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MATCHED, REPLACEMENT = VerdictKind.MATCHED, VerdictKind.REPLACEMENT
DEVIATING, UNMATCHED = VerdictKind.DEVIATING, VerdictKind.UNMATCHED
REUSED, EXPIRED = VerdictKind.REUSED, VerdictKind.EXPIRED
UNDETERMINED, DEPOSIT = VerdictKind.UNDETERMINED, VerdictKind.DEPOSIT
POISONING = VerdictKind.POISONING


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A movement, what the watcher knows when it comes, and what is to be said of it."""

    name: str
    make: Callable[[Scene], Verdict]
    kind: VerdictKind
    codes: str = ""
    touches: bool = False
    """Whether the verdict names the scene's pass."""
    setting: Callable[[], Scene] = scene


def replaceable() -> Scene:
    return scene(transfer={"replacement": Replacement(fee_bump=True, replaces="")})


# As allowed --------------------------------------------------------------------------------------

KEPT = (
    Case(
        name="does what the pass allows, as the gate saw it",
        make=lambda s: said(s, s.unsigned, world=after_clearing(s)),
        kind=MATCHED,
        touches=True,
    ),
    Case(
        name="does what the pass allows, past the gate",
        make=lambda s: said(s, s.unsigned),
        kind=MATCHED,
        codes="not_cleared",
        touches=True,
    ),
    Case(
        name="is seen days after the pass expired, but was cleared in its last second",
        make=lambda s: said(
            s,
            s.unsigned,
            world=after_clearing(s, at=s.asked.expires_at - SECOND),
            at=NOW + 9 * DAY,
        ),
        kind=MATCHED,
        touches=True,
    ),
    Case(
        name="is seen in the last second, and never by the gate",
        make=lambda s: said(s, s.unsigned, at=s.asked.expires_at - SECOND),
        kind=MATCHED,
        codes="not_cleared",
        touches=True,
    ),
    Case(
        name="takes the place of another, as the pass allows",
        make=lambda s: after_seeing(s, s.unsigned, clearing=cheaper(s)).verdict(cheaper(s)),
        kind=REPLACEMENT,
        touches=True,
        setting=replaceable,
    ),
    Case(
        name="is seen again",
        make=lambda s: after_seeing(s, s.unsigned).verdict(s.unsigned),
        kind=MATCHED,
        touches=True,
    ),
    Case(
        name="is seen again after what took its place",
        make=lambda s: after_seeing(s, s.unsigned, cheaper(s)).verdict(s.unsigned),
        kind=MATCHED,
        touches=True,
        setting=replaceable,
    ),
)

# Something else ----------------------------------------------------------------------------------

OTHERWISE = (
    Case(
        name="takes the place of another, and the pass allows none",
        make=lambda s: after_seeing(s, s.unsigned).verdict(cheaper(s)),
        kind=DEVIATING,
        codes="replacement_not_allowed",
        touches=True,
    ),
    Case(
        name="is sent before the pass begins",
        make=lambda s: said(s, s.unsigned, at=s.asked.not_before_at - SECOND),
        kind=DEVIATING,
        codes="pass_not_yet_valid",
        touches=True,
    ),
    Case(
        name="is seen first when the pass has expired",
        make=lambda s: said(s, s.unsigned, at=s.asked.expires_at),
        kind=EXPIRED,
        codes="pass_expired",
        touches=True,
    ),
    Case(
        name="was cleared when the pass had expired",
        make=lambda s: said(
            s,
            s.unsigned,
            world=after_clearing(s, at=s.asked.expires_at),
            at=s.asked.expires_at + SECOND,
        ),
        kind=EXPIRED,
        codes="pass_expired",
        touches=True,
    ),
    Case(
        name="does otherwise, and the pass has expired: what was done weighs more",
        make=lambda s: said(s, outputs(s, {1: to(stranger(9), 5_000_000)}), at=s.asked.expires_at),
        kind=DEVIATING,
        codes="payment_missing payment_not_allowed",
        touches=True,
    ),
    Case(
        name="pays again, out of other coins, what the gate cleared once",
        make=lambda s: said(s, with_other_coins(s), world=after_clearing(s)),
        kind=REUSED,
        codes="pass_reused",
        touches=True,
    ),
    Case(
        name="pays again what was paid once, and somebody else beside",
        make=lambda s: said(
            s,
            replace(
                with_other_coins(s),
                outputs=(*with_other_coins(s).outputs[:3], to(stranger(9), 10_000_000)),
            ),
            world=after_clearing(s),
        ),
        kind=UNMATCHED,
        codes="no_pass no_pass no_pass no_pass",
    ),
    Case(
        name="pays what a pass allows out of other coins, before the pass was used",
        make=lambda s: said(s, with_other_coins(s)),
        kind=UNMATCHED,
        codes="no_pass no_pass no_pass",
    ),
    Case(
        name="leaves, and there is no pass at all",
        make=lambda s: said(s, s.unsigned, world=s.registered),
        kind=UNMATCHED,
        codes="no_pass no_pass no_pass",
    ),
    Case(
        name="does what a pass says that two departments of three approved",
        make=lambda s: said(
            s, s.unsigned, world=approve(ask(s.registered, s.asked), s.asked, by=["baba", "doi"])
        ),
        kind=UNMATCHED,
        codes="pass_not_allowed no_pass no_pass no_pass",
    ),
    Case(
        name="does what a rejected pass says",
        make=lambda s: said(s, s.unsigned, world=reject(s.world, s.asked)),
        kind=UNMATCHED,
        codes="pass_not_allowed no_pass no_pass no_pass",
    ),
    Case(
        name="does what a pass said that was voided, although the gate had cleared it",
        make=lambda s: said(s, s.unsigned, world=void(after_clearing(s), s.asked)),
        kind=UNMATCHED,
        codes="pass_not_allowed no_pass no_pass no_pass",
    ),
    Case(
        name="pays a look-alike of an address that was approved once",
        make=lambda s: said(s, spending([coin(s, 2)], [to(LOOKALIKE, 39_000_000)])),
        kind=UNMATCHED,
        codes="no_pass lookalike",
    ),
    Case(
        name="stays with us, and nobody allowed it",
        make=lambda s: said(
            s, spending([coin(s, 1), coin(s, 2)], [ours(s, 69_000_000)]), world=s.registered
        ),
        kind=UNMATCHED,
        codes="moved_within",
    ),
    Case(
        name="goes from the cold wallet to the hot one, and nobody allowed it",
        make=lambda s: said(
            s,
            spending([coin(s, 2)], [TxOut(amount_sat=Sat(39_000_000), script=script_at(HOT))]),
        ),
        kind=UNMATCHED,
        codes="moved_within",
    ),
    Case(
        name="brings us more than it takes, with a stranger's coin (payjoin)",
        make=lambda s: said(s, spending([coin(s, 2), outpoint(s.lent, 0)], [ours(s, 45_000_000)])),
        kind=UNMATCHED,
        codes="moved_within",
    ),
    Case(
        name="brings a stranger's coin into what the pass allows",
        make=lambda s: said(
            s,
            inputs(s, coin(s, 0), coin(s, 1), outpoint(s.lent, 0), change_sat=39_980_000),
        ),
        kind=DEVIATING,
        codes="foreign_input input_not_allowed",
        touches=True,
    ),
    Case(
        name="brings a coin into it that nobody has proven",
        make=lambda s: said(
            s,
            inputs(s, coin(s, 0), coin(s, 1), outpoint(s.lent, 0), change_sat=39_980_000),
            seen=(s.funded,),
        ),
        kind=DEVIATING,
        codes="foreign_input input_not_allowed fee_unknown",
        touches=True,
    ),
)

# Unsure ------------------------------------------------------------------------------------------

UNSURE = (
    Case(
        name="comes when the watcher's view is a second too old",
        make=lambda s: said(
            s, s.unsigned, at=NOW + (VIEW_AGE_MAX_SECONDS + 1) * SECOND, view_at=NOW
        ),
        kind=UNDETERMINED,
        codes="view_stale",
    ),
    Case(
        name="comes when the watcher's view is just young enough",
        make=lambda s: said(s, s.unsigned, at=NOW + VIEW_AGE_MAX_SECONDS * SECOND, view_at=NOW),
        kind=MATCHED,
        codes="not_cleared",
        touches=True,
    ),
    Case(
        name="is a theft, and the watcher's view is too old to say so",
        make=lambda s: said(
            s, spending([coin(s, 2)], [to(STRANGER, 1)]), at=NOW + DAY, view_at=NOW
        ),
        kind=UNDETERMINED,
        codes="view_stale",
    ),
    Case(
        name="spends coins of ours of which nobody knows what they were worth",
        make=lambda s: said(s, signed_transaction(honest(s).psbt), seen=()),
        kind=UNDETERMINED,
        codes="previous_unknown previous_unknown",
    ),
    Case(
        name="spends an anchor that reveals nothing, and nobody knows what it was worth",
        make=lambda s: said(s, spending([coin(s, 0)], [to(stranger(9), 1)]), seen=()),
        kind=UNDETERMINED,
        codes="previous_unknown",
        setting=lambda: scene("tr"),
    ),
)

# Nothing of ours is spent ------------------------------------------------------------------------


def paid_by(before: Scene, address: str, amount_sat: int, *others: TxOut) -> Verdict:
    """Return the verdict on a payment to us from an address whose coin is proven."""
    earlier = spending([OutPoint(txid="cd" * 32, vout=0)], [to(address, 10_000_000)])
    paying = spending([outpoint(earlier, 0)], [ours(before, amount_sat), *others])
    return said(before, paying, seen=(*before.coins.previous, earlier))


INCOMING = (
    Case(name="pays us", make=lambda s: said(s, s.funded, seen=()), kind=DEPOSIT),
    Case(
        name="pays us dust",
        make=lambda s: paid_by(s, stranger(9), 546, to(stranger(8), 9_000_000)),
        kind=DEPOSIT,
    ),
    Case(
        name="pays us dust out of a look-alike, one input and one output",
        make=lambda s: paid_by(s, LOOKALIKE, 546),
        kind=POISONING,
        codes="poisoning",
    ),
    Case(
        name="pays us dust, and a look-alike the rest",
        make=lambda s: paid_by(s, stranger(9), DUST_SAT, to(LOOKALIKE, 9_000_000)),
        kind=POISONING,
        codes="poisoning",
    ),
    Case(
        name="pays us what a customer would miss, out of a look-alike",
        make=lambda s: paid_by(s, LOOKALIKE, DUST_SAT + 1),
        kind=DEPOSIT,
    ),
    Case(
        name="pays us dust out of the very address that we use",
        make=lambda s: paid_by(s, USUAL, 546),
        kind=DEPOSIT,
    ),
    Case(
        name="pays us dust out of a look-alike of what nobody ever used",
        make=lambda s: said(
            s,
            spending([OutPoint(txid="cd" * 32, vout=0)], [ours(s, 1), to(LOOKALIKE, 5)]),
            world=s.registered,
        ),
        kind=DEPOSIT,
    ),
    Case(
        name="spends the anchor of a pass, which is a stranger's coin, and pays us",
        make=lambda s: said(
            s,
            spending([outpoint(s.lent, 0)], [ours(s, 9_000_000)]),
            world=beside(
                s,
                {
                    "anchor": outpoint(s.lent, 0),
                    "inputs": ListedInputs(outpoints=(outpoint(s.lent, 0),)),
                },
            )[0],
        ),
        kind=DEPOSIT,
    ),
)

CASES = (*KEPT, *OTHERWISE, *UNSURE, *INCOMING)
