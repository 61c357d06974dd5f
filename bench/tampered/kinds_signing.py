"""Something wrong with how coins would be signed, or signatures where none can be yet."""

from collections.abc import Callable
from random import Random

from embit.transaction import SIGHASH

from bench.tampered.judging import Kind, kind
from bench.tampered.kinds_claims import UNREADABLE, all_coins, at_one
from bench.tampered.psbts import embit_psbt, with_pair
from bench.tampered.scenes import Attempt, Scene, with_psbt

SIGHASH_TYPE, FINAL_SCRIPT_SIG, FINAL_WITNESS = b"\x03", b"\x07", b"\x08"
TAP_KEY_SIGNATURE, TAP_SCRIPT_SIGNATURE, MUSIG2_SIGNATURE = b"\x13", b"\x14", b"\x1c"


def _asked(flag: int) -> Callable[[Scene, Random], Attempt]:
    return at_one(
        all_coins, lambda s, _, at: with_pair(s.psbt, 1 + at, SIGHASH_TYPE, bytes([flag, 0, 0, 0]))
    )


def _five_bytes(scene: Scene, _: Random, at: int) -> bytes:
    return with_pair(scene.psbt, 1 + at, SIGHASH_TYPE, b"\x01" + bytes(4))


def _signed(*, everybody: bool = True, sighash: int | None = None) -> Callable[..., Attempt]:
    """Return the tampering in which key holders signed already, with embit."""

    def tamper(scene: Scene, _: Random) -> Attempt:
        psbt = embit_psbt(scene.plan)
        for root in scene.purse.roots[: None if everybody else 1]:
            psbt.sign_with(root, sighash=SIGHASH.DEFAULT if sighash is None else sighash)
        return with_psbt(scene, bytes(psbt.serialize()))

    return tamper


def _can_sign(scene: Scene) -> bool:
    """Return whether embit's PSBT is the scene's own, and says whose keys may sign."""
    return scene.plan.with_paths and not scene.plan.requires_height


def _final(scene: Scene, random: Random, at: int) -> bytes:
    if scene.purse.is_segwit:
        stack = b"\x01\x40" + random.randbytes(64)
        return with_pair(scene.psbt, 1 + at, FINAL_WITNESS, stack)
    return with_pair(scene.psbt, 1 + at, FINAL_SCRIPT_SIG, b"\x40" + random.randbytes(64))


def _tap_key_signature(scene: Scene, random: Random, at: int) -> bytes:
    return with_pair(scene.psbt, 1 + at, TAP_KEY_SIGNATURE, random.randbytes(64))


def _tap_script_signature(scene: Scene, random: Random, at: int) -> bytes:
    key = scene.plan.coins[at].place.derived.keys[-1].get_public_key().xonly()
    where = TAP_SCRIPT_SIGNATURE + key + random.randbytes(32)
    return with_pair(scene.psbt, 1 + at, where, random.randbytes(64))


def _musig2(scene: Scene, _: Random, at: int) -> bytes:
    keys = scene.plan.coins[at].place.derived.keys
    sec = keys[-1].get_public_key().sec()
    return with_pair(scene.psbt, 1 + at, MUSIG2_SIGNATURE + sec + sec, bytes(31) + b"\x01")


_FLAGS = (
    ("SIGHASH_NONE", 0x02),
    ("SIGHASH_SINGLE", 0x03),
    ("SIGHASH_ALL|ANYONECANPAY", 0x81),
    ("SIGHASH_NONE|ANYONECANPAY", 0x82),
    ("SIGHASH_SINGLE|ANYONECANPAY", 0x83),
)

SIGNING: tuple[Kind[Attempt], ...] = (
    *(
        kind(
            f"{name} asked for",
            f"one input asks to be signed with {name}",
            "sighash_not_all psbt_unreadable",
            _asked(flag),
        )
        for name, flag in _FLAGS
    ),
    kind(
        "SIGHASH_DEFAULT where there is none",
        "an input that is not taproot asks to be signed with SIGHASH_DEFAULT",
        "sighash_not_all psbt_unreadable",
        _asked(0),
        applies=lambda scene: not scene.purse.is_taproot,
    ),
    kind(
        "sighash that does not exist",
        "an input asks to be signed with a sighash that nobody knows",
        "sighash_not_all psbt_unreadable",
        _asked(0x04),
    ),
    kind(
        "sighash of five bytes",
        "an input asks for SIGHASH_ALL in a byte more than it has",
        UNREADABLE,
        at_one(
            all_coins, lambda s, _, at: with_pair(s.psbt, 1 + at, SIGHASH_TYPE, b"\x01" + bytes(4))
        ),
    ),
    kind(
        "signed by everybody",
        "all signatures are there already",
        "signed_already",
        _signed(),
        applies=_can_sign,
    ),
    kind(
        "signed by one",
        "one key holder's signatures are there already",
        "signed_already",
        _signed(everybody=False),
        applies=lambda scene: _can_sign(scene) and scene.purse.is_multisignature,
    ),
    kind(
        "signed with SIGHASH_NONE",
        "a signature that covers no output is there already, and nothing says so",
        "signed_already",
        _signed(sighash=SIGHASH.NONE),
        applies=lambda scene: _can_sign(scene) and scene.plan.sighash is None,
    ),
    kind(
        "final already",
        "an input has a final script or witness already",
        "signed_already",
        at_one(all_coins, _final),
    ),
    kind(
        "taproot signature there",
        "a signature for the key path is there already",
        "signed_already",
        at_one(all_coins, _tap_key_signature),
        applies=lambda scene: scene.purse.is_taproot,
    ),
    kind(
        "leaf signature there",
        "a signature for a leaf is there already",
        "signed_already",
        at_one(all_coins, _tap_script_signature),
        applies=lambda scene: scene.purse.kind in {"p2tr-leaves", "p2tr-script"},
    ),
    kind(
        "MuSig2 signature there",
        "a partial signature of MuSig2 is there already",
        "signed_already",
        at_one(all_coins, _musig2),
        applies=lambda scene: scene.purse.is_taproot,
    ),
)
