"""One thing changed in the transaction itself, and what gate and watcher each say to it.

The PSBTs are still built by an honest library, and whoever holds the keys could sign them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from gate_scene import (
    CHANGE_SAT,
    FEE_SAT,
    HOT,
    LOOKALIKE,
    USUAL,
    Attempt,
    Scene,
    honest,
    scene,
)
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    key_expression,
    outpoint,
    script_at,
    stranger,
    txout,
    wallet_of,
)

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.kernel.money import Sat
from sekisho.passes.records import AnyInputs, ChangeAllowance, FeeRule
from sekisho.wallets.records import ChangeRule

Edits = Mapping[int, TxOut | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tampering:
    """A transaction that the pass does not allow."""

    name: str
    make: Callable[[Scene], Transaction]
    gate: str
    """Every code of the gate's refusal, in order of the alphabet; those without room are its."""
    watch: str
    """Likewise for the watcher, once it is signed; empty if no such transaction can be."""
    setting: Callable[[], Scene] = scene

    def attempt(self, version: int = 0) -> Attempt:
        setting = self.setting()
        return honest(replace(setting, unsigned=self.make(setting)), version=version)


def codes(room: str, words: str) -> list[str]:
    """Return the codes that `words` names, in order."""
    return sorted(word if "." in word else f"{room}.{word}" for word in words.split())


# What is changed ---------------------------------------------------------------------------------


def outputs(before: Scene, edits: Edits, *added: TxOut) -> Transaction:
    """Return the transaction with outputs replaced (or, by None, left out) and others added."""
    kept = [edits.get(place, each) for place, each in enumerate(before.unsigned.outputs)]
    return replace(before.unsigned, outputs=(*(each for each in kept if each), *added))


def inputs(before: Scene, *outpoints: OutPoint, change_sat: int = CHANGE_SAT) -> Transaction:
    """Return the transaction with other inputs, and as much change as then is left."""
    sequence = before.unsigned.inputs[0].sequence
    spent = tuple(
        TxIn(outpoint=each, script_sig=b"", sequence=sequence, witness=()) for each in outpoints
    )
    return replace(outputs(before, {3: change(before, change_sat)}), inputs=spent)


def change(before: Scene, amount_sat: int, *, branch: int = 1, index: int = 0) -> TxOut:
    return TxOut(amount_sat=Sat(amount_sat), script=script_at(before.wallet, index, branch=branch))


def sequences(before: Scene, sequence: int) -> Transaction:
    spent = tuple(replace(each, sequence=sequence) for each in before.unsigned.inputs)
    return replace(before.unsigned, inputs=spent)


def coin(before: Scene, place: int) -> OutPoint:
    return outpoint(before.funded, place)


def one_key_swapped() -> bytes:
    """Return the change script of a 2-of-3 in which mallory has taken gamma's place."""
    text = DESCRIPTORS["wsh_sortedmulti"]
    swapped = text.replace(key_expression("gamma"), key_expression("mallory"))
    return script_at(wallet_of(swapped), branch=1)


def no_change() -> Scene:
    return scene(transfer={"change": ChangeAllowance(rule=ChangeRule.NONE, outputs_max=0)})


def two_inputs_at_most() -> Scene:
    return scene(transfer={"inputs": AnyInputs(inputs_max=2)})


def any_fee(feerate_max_sat_per_kvb: int, fee_max_sat: int = 100_000_000) -> Scene:
    fee = FeeRule(fee_max_sat=Sat(fee_max_sat), feerate_max_sat_per_kvb=feerate_max_sat_per_kvb)
    return scene(transfer={"fee": fee})


LEFT_SAT = CHANGE_SAT
BURNT = b"\x6a\x04left"

TAMPERINGS: tuple[Tampering, ...] = (
    Tampering(
        name="paid to somebody else",
        make=lambda s: outputs(s, {1: txout(stranger(9), 5_000_000)}),
        gate="payment_missing payment_not_allowed",
        watch="payment_missing payment_not_allowed",
    ),
    Tampering(
        name="paid to a look-alike of the usual address, as on 2024-05-31",
        make=lambda s: outputs(s, {0: txout(LOOKALIKE, 40_000_000)}),
        gate="lookalike payment_missing payment_not_allowed",
        watch="lookalike payment_missing payment_not_allowed",
    ),
    Tampering(
        name="one satoshi more",
        make=lambda s: outputs(s, {0: txout(USUAL, 40_000_001), 3: change(s, LEFT_SAT - 1)}),
        gate="payment_missing payment_not_allowed",
        watch="payment_missing payment_not_allowed",
    ),
    Tampering(
        name="one satoshi less",
        make=lambda s: outputs(s, {0: txout(USUAL, 39_999_999), 3: change(s, LEFT_SAT + 1)}),
        gate="payment_missing payment_not_allowed",
        watch="payment_missing payment_not_allowed",
    ),
    Tampering(
        name="a payment approved twice is made three times",
        make=lambda s: outputs(
            s, {3: change(s, LEFT_SAT - 5_000_000)}, txout(STRANGER, 5_000_000)
        ),
        gate="payment_not_allowed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="a payment approved once is made twice, in place of another",
        make=lambda s: outputs(s, {1: txout(USUAL, 40_000_000), 2: None, 3: None}),
        gate="payment_missing payment_missing payment_not_allowed",
        watch="payment_missing payment_not_allowed",
    ),
    Tampering(
        name="a payment approved twice is made once",
        make=lambda s: outputs(s, {2: None, 3: change(s, LEFT_SAT + 5_000_000)}),
        gate="payment_missing",
        watch="payment_missing",
    ),
    Tampering(
        name="two payments made as one of their sum",
        make=lambda s: outputs(s, {1: txout(STRANGER, 10_000_000), 2: None}),
        gate="payment_missing payment_missing payment_not_allowed",
        watch="payment_missing payment_not_allowed",
    ),
    Tampering(
        name="one payment made as two halves",
        make=lambda s: outputs(s, {0: txout(USUAL, 20_000_000)}, txout(USUAL, 20_000_000)),
        gate="payment_missing payment_not_allowed payment_not_allowed",
        watch="payment_missing payment_not_allowed payment_not_allowed",
    ),
    Tampering(
        name="the amounts of two payees exchanged",
        make=lambda s: outputs(s, {0: txout(USUAL, 5_000_000), 1: txout(STRANGER, 40_000_000)}),
        gate="payment_missing payment_missing payment_not_allowed payment_not_allowed",
        watch="payment_missing payment_missing payment_not_allowed payment_not_allowed",
    ),
    Tampering(
        name="a payment that nobody approved beside those approved",
        make=lambda s: outputs(s, {3: change(s, LEFT_SAT - 1_000)}, txout(stranger(9), 1_000)),
        gate="payment_not_allowed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="an OP_RETURN that nobody listed",
        make=lambda s: outputs(s, {}, TxOut(amount_sat=Sat(0), script=BURNT)),
        gate="payment_not_allowed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="coins burnt in an OP_RETURN",
        make=lambda s: outputs(s, {3: None}, TxOut(amount_sat=Sat(LEFT_SAT), script=BURNT)),
        gate="payment_not_allowed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="coins left to anyone who can spend nothing at all",
        make=lambda s: outputs(s, {3: TxOut(amount_sat=Sat(LEFT_SAT), script=b"\x51")}),
        gate="payment_not_allowed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="change to our 2-of-3 with one key swapped",
        make=lambda s: outputs(s, {3: TxOut(amount_sat=Sat(LEFT_SAT), script=one_key_swapped())}),
        gate="payment_not_allowed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="change to a receiving address of the same wallet",
        make=lambda s: outputs(s, {3: change(s, LEFT_SAT, branch=0, index=3)}),
        gate="own_output_not_listed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="change to the very address that was spent",
        make=lambda s: outputs(s, {3: change(s, LEFT_SAT, branch=0, index=0)}),
        gate="own_output_not_listed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="change to another wallet of ours",
        make=lambda s: outputs(
            s, {3: TxOut(amount_sat=Sat(LEFT_SAT), script=script_at(HOT, branch=1))}
        ),
        gate="own_output_not_listed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="change one index beyond the gap limit",
        make=lambda s: outputs(s, {3: change(s, LEFT_SAT, index=s.wallet.gap_limit)}),
        gate="payment_not_allowed",
        watch="payment_not_allowed",
    ),
    Tampering(
        name="change in two outputs where one is allowed",
        make=lambda s: outputs(s, {3: change(s, LEFT_SAT - 700)}, change(s, 700, index=1)),
        gate="change_too_often",
        watch="change_too_often",
    ),
    Tampering(
        name="change in two outputs on one script",
        make=lambda s: outputs(s, {3: change(s, LEFT_SAT // 2)}, change(s, LEFT_SAT // 2)),
        gate="change_too_often",
        watch="change_too_often",
    ),
    Tampering(
        name="change where none is allowed",
        make=lambda s: s.unsigned,
        gate="own_output_not_listed",
        watch="payment_not_allowed",
        setting=no_change,
    ),
    Tampering(
        name="the change is left to miners",
        make=lambda s: outputs(s, {3: None}),
        gate="fee_too_high feerate_too_high",
        watch="fee_too_high feerate_too_high",
    ),
    Tampering(
        name="the fee is one satoshi over",
        make=lambda s: outputs(s, {3: change(s, LEFT_SAT - 1)}),
        gate="fee_too_high",
        watch="fee_too_high",
    ),
    Tampering(
        name="the feerate is over, the fee is not",
        make=lambda s: s.unsigned,
        gate="feerate_too_high",
        watch="feerate_too_high",
        setting=partial(any_fee, FEE_SAT * 1000 // 400),
    ),
    Tampering(
        name="more is paid than there is",
        make=lambda s: outputs(s, {3: change(s, LEFT_SAT + FEE_SAT + 1)}),
        gate="spends_more_than_it_has",
        watch="",
    ),
    Tampering(
        name="a stranger's coin is spent too",
        make=lambda s: inputs(
            s, coin(s, 0), coin(s, 1), outpoint(s.lent, 0), change_sat=LEFT_SAT + 10_000_000
        ),
        gate="fee_unknown input_not_allowed input_not_ours",
        watch="foreign_input input_not_allowed",
    ),
    Tampering(
        name="a stranger's coin is spent too, where any coins of the wallet may be",
        make=lambda s: inputs(
            s, coin(s, 0), outpoint(s.lent, 0), change_sat=LEFT_SAT - 20_000_000
        ),
        gate="fee_unknown input_not_ours",
        watch="foreign_input",
        setting=two_inputs_at_most,
    ),
    Tampering(
        name="a coin of another wallet of ours is spent too",
        make=lambda s: inputs(s, coin(s, 0), outpoint(s.hot, 0), change_sat=LEFT_SAT - 20_000_000),
        gate="fee_unknown input_not_ours",
        watch="foreign_input",
        setting=two_inputs_at_most,
    ),
    Tampering(
        name="a coin of ours is spent that is not listed",
        make=lambda s: inputs(
            s, coin(s, 0), coin(s, 1), coin(s, 2), change_sat=LEFT_SAT + 40_000_000
        ),
        gate="input_not_allowed",
        watch="input_not_allowed",
    ),
    Tampering(
        name="more coins are spent than allowed",
        make=lambda s: inputs(
            s, coin(s, 0), coin(s, 1), coin(s, 2), change_sat=LEFT_SAT + 40_000_000
        ),
        gate="inputs_too_many",
        watch="inputs_too_many",
        setting=two_inputs_at_most,
    ),
    Tampering(
        name="the anchor is not spent",
        make=lambda s: inputs(s, coin(s, 1), coin(s, 2), change_sat=LEFT_SAT - 10_000_000),
        gate="anchor_missing",
        watch="no_pass no_pass no_pass",
        setting=two_inputs_at_most,
    ),
    Tampering(
        name="version 1",
        make=lambda s: replace(s.unsigned, version=1),
        gate="version_not_allowed",
        watch="version_differs",
    ),
    Tampering(
        name="version 3, which has relay rules of its own (BIP-431)",
        make=lambda s: replace(s.unsigned, version=3),
        gate="version_not_allowed",
        watch="version_differs",
    ),
    Tampering(
        name="a locktime beyond the range: it could not be mined for years",
        make=lambda s: replace(s.unsigned, locktime=1_000_001),
        gate="locktime_not_allowed",
        watch="locktime_differs",
    ),
    Tampering(
        name="a locktime that is a time, not a height",
        make=lambda s: replace(s.unsigned, locktime=1_800_000_000),
        gate="locktime_not_allowed",
        watch="locktime_differs",
    ),
    Tampering(
        name="sequences below the range: a relative lock (BIP-68)",
        make=lambda s: sequences(s, 144),
        gate="sequence_not_allowed sequence_not_allowed",
        watch="sequence_differs sequence_differs",
    ),
    Tampering(
        name="sequences above the range: final, so never replaced",
        make=lambda s: sequences(s, 0xFFFF_FFFF),
        gate="sequence_not_allowed sequence_not_allowed",
        watch="sequence_differs sequence_differs",
    ),
    Tampering(
        name="everything at once: another payee, all to miners, another version",
        make=lambda s: replace(outputs(s, {0: txout(LOOKALIKE, 40_000_000), 3: None}), version=1),
        gate=(
            "fee_too_high feerate_too_high lookalike payment_missing payment_not_allowed "
            "version_not_allowed"
        ),
        watch=(
            "fee_too_high feerate_too_high lookalike payment_missing payment_not_allowed "
            "version_differs"
        ),
    ),
)
