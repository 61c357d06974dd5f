"""One lie in what a PSBT says of the coins that it spends."""

from collections.abc import Callable
from random import Random

from bench.tampered.judging import Kind, kind
from bench.tampered.kinds_change import one_key_swapped
from bench.tampered.psbts import (
    Coin,
    foreign_script,
    made_coin,
    with_pair,
    without,
)
from bench.tampered.purses import RECEIVING, place_of
from bench.tampered.scenes import Attempt, Scene, with_psbt

PREVIOUS, WITNESS_UTXO = b"\x00", b"\x01"
REDEEM_SCRIPT, WITNESS_SCRIPT = b"\x04", b"\x05"
UNREADABLE = "psbt_unreadable"

Places = Callable[[Scene], list[int]]
Edit = Callable[[Scene, Random, int], bytes]


# What a scene has --------------------------------------------------------------------------------


def _documented(scene: Scene) -> list[int]:
    return [at for at, given in enumerate(scene.plan.with_previous) if given]


def _alone(scene: Scene) -> list[int]:
    """Return the taproot coins of which only `witness_utxo` tells."""
    return [at for at, given in enumerate(scene.plan.with_previous) if not given]


def _both(scene: Scene) -> list[int]:
    plan = scene.plan
    return [at for at in _documented(scene) if plan.with_witness_utxo[at]]


def all_coins(scene: Scene) -> list[int]:
    return list(range(len(scene.plan.coins)))


def _with_redeem(scene: Scene) -> bool:
    return scene.purse.kind.startswith("p2sh")


def _with_witness_script(scene: Scene) -> bool:
    return scene.purse.kind in {"p2wsh", "p2sh-p2wsh", "miniscript"}


def at_one(places: Places, edit: Edit) -> Callable[[Scene, Random], Attempt]:
    """Return the tampering that edits the honest PSBT at one of some inputs."""

    def tamper(scene: Scene, random: Random) -> Attempt:
        return with_psbt(scene, edit(scene, random, random.choice(places(scene))))

    return tamper


# Coins -------------------------------------------------------------------------------------------


def _claim(scene: Scene, at: int, more_sat: int, script: bytes = b"") -> bytes:
    """Return the PSBT in which `witness_utxo` of one input says something else."""
    coin = scene.plan.coins[at]
    said = (coin.amount_sat + more_sat).to_bytes(8, "little")
    lock = script or coin.place.script
    return with_pair(scene.psbt, 1 + at, WITNESS_UTXO, said + bytes([len(lock)]) + lock)


def _more(scene: Scene, random: Random, at: int) -> bytes:
    return _claim(scene, at, random.choice((1, scene.plan.fee_sat, 10**8)))


def _less(scene: Scene, random: Random, at: int) -> bytes:
    return _claim(scene, at, -random.randint(1, scene.plan.coins[at].amount_sat))


def _other_script(scene: Scene, random: Random, at: int) -> bytes:
    return _claim(scene, at, 0, foreign_script(random))


def _claimed_only(more_sat: int) -> Edit:
    return lambda scene, _, at: without(_claim(scene, at, more_sat), 1 + at, PREVIOUS)


def _nothing_said(scene: Scene, _: Random, at: int) -> bytes:
    return without(scene.psbt, 1 + at, PREVIOUS, WITNESS_UTXO)


def _claimed_taproot(scene: Scene, _: Random, at: int) -> bytes:
    """Claim that a coin is a taproot coin of ours, for which a claim alone is enough."""
    ours = scene.batch.purses["p2tr"].place(RECEIVING, 0).script
    return without(_claim(scene, at, 0, ours), 1 + at, PREVIOUS)


def _alone_and_more(scene: Scene, _: Random, at: int) -> bytes:
    room_sat = scene.transfer.fee.fee_max_sat - scene.plan.fee_sat
    return _claim(scene, at, room_sat + 1)


def _alone_and_less(scene: Scene, _: Random, at: int) -> bytes:
    return _claim(scene, at, -scene.plan.fee_sat - 1)


def _alone_and_strange(scene: Scene, random: Random, at: int) -> bytes:
    return _claim(scene, at, 0, b"\x51\x20" + random.randbytes(32))


def _previous(change: Callable[[bytes, Coin, Random], bytes]) -> Edit:
    def edit(scene: Scene, random: Random, at: int) -> bytes:
        coin = scene.plan.coins[at]
        raw = bytes(coin.previous.serialize())
        return with_pair(scene.psbt, 1 + at, PREVIOUS, change(raw, coin, random))

    return edit


def _another_previous(_: bytes, coin: Coin, random: Random) -> bytes:
    """Return another transaction that pays the same amount to the same script."""
    while True:
        other = made_coin(
            random, coin.purse, coin.place, coin.amount_sat, others=len(coin.previous.vout) - 1
        )
        if other.vout == coin.vout:
            return bytes(other.previous.serialize())


def _amount_changed(raw: bytes, coin: Coin, random: Random) -> bytes:
    honest = bytes(coin.output.serialize())
    lie = (coin.amount_sat + random.randint(1, 10**6)).to_bytes(8, "little") + honest[8:]
    return raw.replace(honest, lie, 1)


def _previous_swapped(scene: Scene, _: Random) -> Attempt:
    first, second, *_others = _documented(scene)
    psbt = scene.psbt
    for at, other in ((first, second), (second, first)):
        raw = bytes(scene.plan.coins[other].previous.serialize())
        psbt = with_pair(psbt, 1 + at, PREVIOUS, raw)
    return with_psbt(scene, psbt)


def _claims_swapped(scene: Scene, _: Random) -> Attempt:
    first, second, *_others = _both(scene)
    psbt = scene.psbt
    for at, other in ((first, second), (second, first)):
        said = bytes(scene.plan.coins[other].output.serialize())
        psbt = with_pair(psbt, 1 + at, WITNESS_UTXO, said)
    return with_psbt(scene, psbt)


COINS: tuple[Kind[Attempt], ...] = (
    kind(
        "amount claimed too large",
        "`witness_utxo` says more than the previous transaction",
        "witness_utxo_lies",
        at_one(_both, _more),
        applies=lambda scene: bool(_both(scene)),
    ),
    kind(
        "amount claimed too small",
        "`witness_utxo` says less than the previous transaction",
        "witness_utxo_lies",
        at_one(_both, _less),
        applies=lambda scene: bool(_both(scene)),
    ),
    kind(
        "script claimed",
        "`witness_utxo` says another script than the previous transaction",
        "witness_utxo_lies psbt_unreadable",
        at_one(_both, _other_script),
        applies=lambda scene: bool(_both(scene)),
    ),
    kind(
        "claims exchanged",
        "`witness_utxo` of two inputs stand in each other's place",
        "witness_utxo_lies",
        _claims_swapped,
        applies=lambda scene: len(_both(scene)) > 1,
    ),
    kind(
        "amount only claimed",
        "a coin's previous transaction is missing, so that `witness_utxo` must be believed",
        "previous_missing",
        at_one(all_coins, _claimed_only(0)),
        applies=lambda scene: not scene.purse.is_taproot,
    ),
    kind(
        "amount only claimed, and wrong",
        "a coin's previous transaction is missing, and `witness_utxo` says more",
        "previous_missing",
        at_one(all_coins, _claimed_only(50_000)),
        applies=lambda scene: not scene.purse.is_taproot,
    ),
    kind(
        "coin claimed to be taproot",
        "a coin without its previous transaction is said to be a taproot coin of ours",
        "input_not_ours psbt_unreadable",
        at_one(all_coins, _claimed_taproot),
        applies=lambda scene: not scene.purse.is_taproot,
    ),
    kind(
        "nothing said of a coin",
        "neither the previous transaction nor `witness_utxo` is there",
        "previous_missing",
        at_one(all_coins, _nothing_said),
    ),
    kind(
        "taproot amount too large",
        "the lone claim of a taproot coin leaves more to miners than allowed",
        "fee_too_high",
        at_one(_alone, _alone_and_more),
        applies=lambda scene: bool(_alone(scene)),
    ),
    kind(
        "taproot amount too small",
        "the lone claim of a taproot coin is less than what is paid",
        "spends_more_than_it_has",
        at_one(_alone, _alone_and_less),
        applies=lambda scene: bool(_alone(scene)),
    ),
    kind(
        "taproot script claimed",
        "the lone claim of a taproot coin says a stranger's script",
        "input_not_ours",
        at_one(_alone, _alone_and_strange),
        applies=lambda scene: bool(_alone(scene)),
    ),
    kind(
        "another previous transaction",
        "the previous transaction is another that pays the same to the same script",
        "previous_differs",
        at_one(_documented, _previous(_another_previous)),
        applies=lambda scene: bool(_documented(scene)),
    ),
    kind(
        "amount in the previous transaction",
        "the amount is changed in the previous transaction itself",
        "previous_differs",
        at_one(_documented, _previous(_amount_changed)),
        applies=lambda scene: bool(_documented(scene)),
    ),
    kind(
        "previous transactions exchanged",
        "the previous transactions of two inputs stand in each other's place",
        "previous_differs",
        _previous_swapped,
        applies=lambda scene: len(_documented(scene)) > 1,
    ),
    kind(
        "previous transaction cut",
        "the last byte of a previous transaction is missing",
        UNREADABLE,
        at_one(_documented, _previous(lambda raw, *_: raw[:-1])),
        applies=lambda scene: bool(_documented(scene)),
    ),
    kind(
        "previous transaction with a byte more",
        "a byte follows a previous transaction",
        UNREADABLE,
        at_one(_documented, _previous(lambda raw, *_: raw + b"\x00")),
        applies=lambda scene: bool(_documented(scene)),
    ),
)


# Scripts -----------------------------------------------------------------------------------------


def _script(key: bytes, script: Callable[[Scene, Random, int], bytes]) -> Edit:
    return lambda scene, random, at: with_pair(scene.psbt, 1 + at, key, script(scene, random, at))


def _next(key: bytes) -> Callable[[Scene, Random, int], bytes]:
    """Return the script of another index of the same wallet."""

    def found(scene: Scene, _: Random, at: int) -> bytes:
        place = scene.plan.coins[at].place
        other = scene.purse.place(place.branch, (place.index + 1) % 4)
        return other.redeem_script if key == REDEEM_SCRIPT else other.witness_script

    return found


def _swapped_script(scene: Scene, random: Random, at: int) -> bytes:
    place = scene.plan.coins[at].place
    text = scene.purse.text(one_key_swapped(scene.purse, random))
    descriptor = type(scene.purse.descriptor).from_string(text)
    other = place_of(descriptor, place.branch, place.index)
    return other.witness_script or other.redeem_script


def _strange(_: Scene, random: Random, __: int) -> bytes:
    return b"\x21\x02" + random.randbytes(32) + b"\xac"


SCRIPTS: tuple[Kind[Attempt], ...] = (
    kind(
        "stranger's redeem script",
        "the redeem script is a stranger's",
        "script_not_ours",
        at_one(all_coins, _script(REDEEM_SCRIPT, _strange)),
        applies=_with_redeem,
    ),
    kind(
        "redeem script of another coin",
        "the redeem script is that of another coin of the wallet",
        "script_not_ours",
        at_one(all_coins, _script(REDEEM_SCRIPT, _next(REDEEM_SCRIPT))),
        applies=_with_redeem,
    ),
    kind(
        "redeem script where none belongs",
        "a redeem script where the coin has none",
        "script_not_ours",
        at_one(all_coins, _script(REDEEM_SCRIPT, _strange)),
        applies=lambda scene: not _with_redeem(scene),
    ),
    kind(
        "stranger's witness script",
        "the witness script is a stranger's",
        "script_not_ours",
        at_one(all_coins, _script(WITNESS_SCRIPT, _strange)),
        applies=_with_witness_script,
    ),
    kind(
        "witness script of another coin",
        "the witness script is that of another coin of the wallet",
        "script_not_ours",
        at_one(all_coins, _script(WITNESS_SCRIPT, _next(WITNESS_SCRIPT))),
        applies=_with_witness_script,
    ),
    kind(
        "witness script with one key swapped",
        "the witness script is the wallet's own with one key of a stranger",
        "script_not_ours",
        at_one(all_coins, _script(WITNESS_SCRIPT, _swapped_script)),
        applies=_with_witness_script,
    ),
    kind(
        "witness script where none belongs",
        "a witness script where the coin has none",
        "script_not_ours",
        at_one(all_coins, _script(WITNESS_SCRIPT, _strange)),
        applies=lambda scene: not _with_witness_script(scene),
    ),
)
