"""The signed transaction comes back, and what is written around it is not what was sent."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from embit.script import Script
from embit.transaction import TransactionOutput

from bench.tampered.judging import Kind
from bench.tampered.psbts import bytes_of_maps, made_coin, maps_of, with_pair
from bench.tampered.returns import Return, returned_kind
from bench.tampered.scenes import Form, Scene

GLOBAL = 0
PREVIOUS, WITNESS_UTXO, SIGHASH_TYPE = b"\x00", b"\x01", b"\x03"
REDEEM_SCRIPT, WITNESS_SCRIPT, PATH, TAP_PATH = b"\x04", b"\x05", b"\x06", b"\x16"
OUTPUT_PATH, OUTPUT_TAP_PATH, MODIFIABLE, MUSIG2 = b"\x02", b"\x07", b"\x06", b"\x1c"
OWN_FIELD = b"\xfc\x06signer\x00"
CHANGED = "return_field_changed"
UNREADABLE = "return_unreadable"

Edit = Callable[[Return, Random], bytes]


def _in_psbt(scene: Scene) -> bool:
    return scene.way.form is not Form.EXTRACTED


def _filed(scene: Scene) -> bool:
    return scene.way.form is Form.FILED


def _edited(edit: Edit) -> Callable[[Return, Random], Return]:
    return lambda was, random: replace(was, returned=edit(was, random))


# Fields ------------------------------------------------------------------------------------------


def _any_input(was: Return, random: Random) -> int:
    return 1 + random.randrange(len(was.signatures))


def _hidden(place: Callable[[Return, Random], int]) -> Edit:
    """Return the edit that hides as many bytes as a signature has where nobody reads."""
    return lambda was, random: with_pair(
        was.returned, place(was, random), OWN_FIELD, random.randbytes(72)
    )


def _hidden_alone(was: Return, random: Random) -> Return:
    bare = was.with_signatures([{} for _ in was.signatures])
    return _edited(_hidden(_any_input))(bare, random)


def _last_byte(was: Return, place: int, begins: bytes) -> bytes:
    key, value = next(pair for pair in maps_of(was.returned)[place] if pair[0][:1] == begins)
    return with_pair(was.returned, place, key, value[:-1] + bytes([value[-1] ^ 1]))


def _input_path(was: Return, random: Random) -> bytes:
    begins = TAP_PATH if was.scene.purse.is_taproot else PATH
    return _last_byte(was, _any_input(was, random), begins)


def _output_path(was: Return, _: Random) -> bytes:
    begins = OUTPUT_TAP_PATH if was.scene.purse.is_taproot else OUTPUT_PATH
    place = 1 + len(was.signatures) + was.scene.changes[0]
    return _last_byte(was, place, begins)


def _another_previous(was: Return, random: Random) -> bytes:
    """Show another transaction that pays the same to the same script."""
    at = random.randrange(len(was.signatures))
    coin = was.scene.plan.coins[at]
    other = made_coin(random, coin.purse, coin.place, coin.amount_sat, others=0)
    vout = [other.output] * (coin.vout + 1)
    other.previous.vout = vout
    return with_pair(was.returned, 1 + at, PREVIOUS, bytes(other.previous.serialize()))


def _claimed(was: Return, random: Random) -> bytes:
    at = random.randrange(len(was.signatures))
    coin = was.scene.plan.coins[at]
    lie = TransactionOutput(coin.amount_sat + random.choice((-1, 1)), Script(coin.place.script))
    return with_pair(was.returned, 1 + at, WITNESS_UTXO, bytes(lie.serialize()))


def _sighash_asked(was: Return, random: Random) -> bytes:
    flag = random.choice((2, 3, 0x81, 0x82, 0x83))
    place = _any_input(was, random)
    return with_pair(was.returned, place, SIGHASH_TYPE, bytes([flag, 0, 0, 0]))


def _script_of_next(was: Return, random: Random) -> bytes:
    """Show the script of another index of the same wallet."""
    at = random.randrange(len(was.signatures))
    own = was.scene.plan.coins[at].place
    other = was.scene.own_script(own.branch, own.index + 1)
    key, script = REDEEM_SCRIPT, other.redeem_script
    if own.witness_script:
        key, script = WITNESS_SCRIPT, other.witness_script
    return with_pair(was.returned, 1 + at, key, script)


def _musig2(was: Return, random: Random) -> bytes:
    at = random.randrange(len(was.signatures))
    sec = was.scene.plan.coins[at].place.derived.keys[-1].get_public_key().sec()
    return with_pair(was.returned, 1 + at, MUSIG2 + sec + sec, bytes(31) + b"\x01")


FIELDS: tuple[Kind[Return], ...] = (
    returned_kind(
        "hidden in an input",
        "a field of the signer's own is in an input: it could be a signature",
        CHANGED,
        _edited(_hidden(_any_input)),
        applies=_in_psbt,
    ),
    returned_kind(
        "hidden in an output",
        "a field of the signer's own is in an output",
        CHANGED,
        _edited(_hidden(lambda was, _: 1 + len(was.signatures))),
        applies=_in_psbt,
    ),
    returned_kind(
        "hidden beside all",
        "a field of the signer's own is in the global map",
        CHANGED,
        _edited(_hidden(lambda *_: GLOBAL)),
        applies=_in_psbt,
    ),
    returned_kind(
        "hidden, and nothing signed",
        "nothing is signed, and a field of the signer's own is in an input",
        CHANGED,
        _hidden_alone,
        applies=_in_psbt,
    ),
    returned_kind(
        "part of a MuSig2 signature",
        "a part of a MuSig2 signature is there",
        CHANGED,
        _edited(_musig2),
        applies=_in_psbt,
    ),
    returned_kind(
        "path of an input changed",
        "the path of an input's key is another",
        CHANGED,
        _edited(_input_path),
        applies=lambda scene: _filed(scene) and scene.plan.with_paths,
    ),
    returned_kind(
        "path of change changed",
        "the path of the change's key is another",
        CHANGED,
        _edited(_output_path),
        applies=lambda s: _in_psbt(s) and s.plan.with_paths and bool(s.changes),
    ),
    returned_kind(
        "previous transaction replaced",
        "a coin's previous transaction is another that pays the same to the same script",
        f"{CHANGED} return_not_valid {UNREADABLE}",
        _edited(_another_previous),
        applies=_filed,
    ),
    returned_kind(
        "another amount claimed",
        "`witness_utxo` says a satoshi more or less than was cleared",
        f"{CHANGED} return_not_valid {UNREADABLE}",
        _edited(_claimed),
        applies=lambda scene: _filed(scene) and scene.purse.is_segwit,
    ),
    returned_kind(
        "another sighash asked",
        "an input asks for another sighash than was cleared",
        f"{CHANGED} {UNREADABLE}",
        _edited(_sighash_asked),
        applies=_filed,
    ),
    returned_kind(
        "another script shown",
        "an input shows the script of another index",
        f"{CHANGED} return_not_valid {UNREADABLE}",
        _edited(_script_of_next),
        applies=lambda s: (
            _filed(s)
            and bool(s.plan.coins[0].place.witness_script or s.plan.coins[0].place.redeem_script)
        ),
    ),
    returned_kind(
        "modifiable on return",
        "a flag says that inputs or outputs may still change (BIP-370)",
        CHANGED,
        _edited(
            lambda was, random: with_pair(
                was.returned, GLOBAL, MODIFIABLE, bytes([random.choice((1, 2, 3, 4))])
            )
        ),
        applies=lambda scene: _in_psbt(scene) and scene.way.psbt_version == 2,
    ),
)
"""What a returned PSBT says beside the transaction."""


# Form --------------------------------------------------------------------------------------------


def _twice(was: Return, random: Random) -> bytes:
    maps = maps_of(was.returned)
    place = random.choice([at for at, each in enumerate(maps) if each])
    maps[place].append(random.choice(maps[place]))
    return bytes_of_maps(maps)


def _long_size(was: Return, _: Random) -> bytes:
    return was.returned[:5] + b"\xfd" + was.returned[5:6] + b"\x00" + was.returned[6:]


def _trailing(was: Return, random: Random) -> bytes:
    return was.returned + random.choice((b"\x00", random.randbytes(1), random.randbytes(72)))


def _cut(was: Return, random: Random) -> bytes:
    return was.returned[: -random.choice((1, random.randrange(1, len(was.returned) // 2)))]


def _version_mixed(was: Return, random: Random) -> bytes:
    number = random.choice([each for each in (0, 1, 2, 3) if each != was.scene.way.psbt_version])
    return with_pair(was.returned, GLOBAL, b"\xfb", number.to_bytes(4, "little"))


BYTES: tuple[Kind[Return], ...] = tuple(
    returned_kind(name, what, UNREADABLE, _edited(edit), applies=applies)
    for name, what, edit, applies in (
        ("bytes after it", "bytes follow what was returned", _trailing, lambda _: True),
        ("return cut", "the end of what was returned is missing", _cut, lambda _: True),
        (
            "returned twice",
            "all of it stands there twice",
            lambda was, _: was.returned * 2,
            lambda _: True,
        ),
        ("nothing returned", "nothing at all is returned", lambda *_: b"", lambda _: True),
        (
            "something else returned",
            "a sentence is returned",
            lambda *_: b"the device was not connected",
            lambda _: True,
        ),
        ("key twice on return", "one key stands twice in a map", _twice, _in_psbt),
        ("size too long", "a size is written in more bytes than it needs", _long_size, _in_psbt),
        (
            "PSBT versions mixed on return",
            "the PSBT says that it is of another version",
            _version_mixed,
            _in_psbt,
        ),
    )
)
"""What was returned cannot be read, so nobody can say that it bears no signature."""
