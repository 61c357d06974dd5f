"""One thing changed in the fields that move no money, or in the fee."""

from collections.abc import Callable
from random import Random

from bench.tampered.judging import Kind, kind
from bench.tampered.kinds_outputs import change_with, has_change, with_outputs
from bench.tampered.psbts import with_pair, without
from bench.tampered.scenes import Attempt, Scene, with_plan, with_psbt

SEQUENCE, TIME_LOCK, HEIGHT_LOCK = b"\x10", b"\x11", b"\x12"
_FINAL = 0xFFFF_FFFF
UNREADABLE = "psbt_unreadable"

Applies = Callable[[Scene], bool]
Edit = Callable[[Scene, Random], bytes]


def version_0(scene: Scene) -> bool:
    return scene.plan.psbt_version == 0


def version_2(scene: Scene) -> bool:
    return scene.plan.psbt_version == 2


def shown(edit: Edit) -> Callable[[Scene, Random], Attempt]:
    return lambda scene, random: with_psbt(scene, edit(scene, random))


# Ranges and fee ----------------------------------------------------------------------------------


def _version(scene: Scene, random: Random) -> Attempt:
    others = [each for each in (1, 3, 4) if each not in scene.transfer.transaction.versions]
    return with_plan(scene, version=random.choice(others))


def _locktime_above(scene: Scene, random: Random) -> Attempt:
    above = scene.transfer.transaction.locktime_max + 1
    return with_plan(scene, locktime=random.choice((above, 499_999_999)))


def _locktime_below(scene: Scene, _: Random) -> Attempt:
    return with_plan(scene, locktime=scene.transfer.transaction.locktime_min - 1)


def _one_sequence(choose: Callable[[Scene, Random], int]) -> Callable[[Scene, Random], Attempt]:
    def tamper(scene: Scene, random: Random) -> Attempt:
        sequences = [*scene.plan.sequences]
        sequences[random.randrange(len(sequences))] = choose(scene, random)
        return with_plan(scene, sequences=tuple(sequences))

    return tamper


def _below(scene: Scene, random: Random) -> int:
    return random.choice((1, 144, scene.transfer.transaction.sequence_min - 1))


def _above(scene: Scene, random: Random) -> int:
    return random.choice((_FINAL, scene.transfer.transaction.sequence_max + 1))


def _required_height(scene: Scene, _: Random) -> bytes:
    height = scene.transfer.transaction.locktime_max + 1
    return with_pair(scene.psbt, 1, HEIGHT_LOCK, height.to_bytes(4, "little"))


def _required_time(scene: Scene, _: Random) -> bytes:
    psbt = without(scene.psbt, 1, HEIGHT_LOCK)
    return with_pair(psbt, 1, TIME_LOCK, (1_800_000_000).to_bytes(4, "little"))


def _required_both(scene: Scene, _: Random) -> bytes:
    """Require a height in one input and a time in the other, which no locktime satisfies."""
    psbt = with_pair(scene.psbt, 1, HEIGHT_LOCK, (100).to_bytes(4, "little"))
    return with_pair(psbt, 2, TIME_LOCK, (1_800_000_000).to_bytes(4, "little"))


def _without_sequence(scene: Scene, random: Random) -> bytes:
    return without(scene.psbt, 1 + random.randrange(len(scene.plan.coins)), SEQUENCE)


def _fee_with(more_sat: Callable[[Scene], int]) -> Callable[[Scene, Random], Attempt]:
    return lambda scene, _: with_outputs(scene, change_with(scene, -more_sat(scene)))


def _over_ceiling_sat(scene: Scene) -> int:
    return scene.transfer.fee.fee_max_sat - scene.plan.fee_sat + 1


def _over_rate_sat(scene: Scene) -> int:
    """Return what to add to the fee so that the feerate is just over its ceiling."""
    ceiling = scene.transfer.fee.feerate_max_sat_per_kvb * scene.vsize()
    return ceiling // 1000 + 1 - scene.plan.fee_sat


def _change_covers(more_sat: Callable[[Scene], int]) -> Applies:
    return lambda scene: has_change(scene) and scene.first_change.amount_sat > more_sat(scene)


RANGES: tuple[Kind[Attempt], ...] = (
    kind("version", "another transaction version", "version_not_allowed", _version),
    kind(
        "locktime above the range",
        "a locktime beyond the pass's range",
        "locktime_not_allowed",
        _locktime_above,
    ),
    kind(
        "locktime below the range",
        "a locktime before the pass's range",
        "locktime_not_allowed",
        _locktime_below,
        applies=lambda scene: scene.transfer.transaction.locktime_min > 0,
    ),
    kind(
        "locktime that is a time",
        "a locktime that is a time, where heights are allowed",
        "locktime_not_allowed",
        lambda scene, _: with_plan(scene, locktime=1_800_000_000, requires_height=False),
    ),
    kind(
        "height required",
        "an input requires a height beyond the pass's range (BIP-370)",
        "locktime_not_allowed",
        shown(_required_height),
        applies=version_2,
    ),
    kind(
        "time required",
        "an input requires a time, where heights are allowed (BIP-370)",
        "locktime_not_allowed",
        shown(_required_time),
        applies=version_2,
    ),
    kind(
        "height and time required",
        "two inputs require what no locktime satisfies (BIP-370)",
        UNREADABLE,
        shown(_required_both),
        applies=lambda scene: version_2(scene) and len(scene.plan.coins) > 1,
    ),
    kind(
        "sequence below the range",
        "one input's sequence is below the pass's range: a relative lock (BIP-68)",
        "sequence_not_allowed",
        _one_sequence(_below),
        applies=lambda scene: scene.transfer.transaction.sequence_min > 1,
    ),
    kind(
        "sequence above the range",
        "one input's sequence is above the pass's range: it could not be replaced",
        "sequence_not_allowed",
        _one_sequence(_above),
        applies=lambda scene: scene.transfer.transaction.sequence_max < _FINAL,
    ),
    kind(
        "sequence missing",
        "one input has no sequence, which makes it final (BIP-370)",
        "sequence_not_allowed",
        shown(_without_sequence),
        applies=lambda s: version_2(s) and s.transfer.transaction.sequence_max < _FINAL,
    ),
    kind(
        "fee one satoshi over",
        "the fee is one satoshi over its ceiling",
        "fee_too_high",
        _fee_with(_over_ceiling_sat),
        applies=_change_covers(_over_ceiling_sat),
    ),
    kind(
        "feerate over",
        "the fee makes the feerate one satoshi too high",
        "feerate_too_high",
        _fee_with(_over_rate_sat),
        applies=_change_covers(_over_rate_sat),
    ),
)
