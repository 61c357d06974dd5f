"""One thing wrong with how a PSBT is written: versions mixed, keys twice, bytes too many."""

from collections.abc import Callable
from random import Random

from embit.script import Script

from bench.tampered.judging import Kind, kind
from bench.tampered.kinds_fields import SEQUENCE, shown, version_0, version_2
from bench.tampered.psbts import Maps, Plan, in_maps, value_in, with_pair, without
from bench.tampered.scenes import Attempt, Scene
from bench.tampered.signing import unsigned

GLOBAL = 0
TX, TX_VERSION, INPUT_COUNT, OUTPUT_COUNT = b"\x00", b"\x02", b"\x04", b"\x05"
MODIFIABLE, PSBT_VERSION = b"\x06", b"\xfb"
AMOUNT, SCRIPT = b"\x03", b"\x04"
PREVIOUS_TXID, VOUT = b"\x0e", b"\x0f"
UNREADABLE = "psbt_unreadable"

Edit = Callable[[Scene, Random], bytes]


def _first_output(scene: Scene) -> int:
    return 1 + len(scene.plan.coins)


# Versions mixed ----------------------------------------------------------------------------------


def _put(
    place: Callable[[Scene], int], key: bytes, value: Callable[[Scene, Random], bytes]
) -> Edit:
    return lambda scene, random: with_pair(scene.psbt, place(scene), key, value(scene, random))


def _globally(_: Scene) -> int:
    return GLOBAL


def _counted(key: bytes, more: int) -> Edit:
    def edit(scene: Scene, _: Random) -> bytes:
        count = (value_in(scene.psbt, GLOBAL, key) or b"\x00")[0]
        return with_pair(scene.psbt, GLOBAL, key, bytes([count + more]))

    return edit


def bare(plan: Plan, *, script_sig: bytes = b"") -> bytes:
    """Return the unsigned transaction of a plan."""
    transaction = unsigned(plan)
    for each in transaction.vin:
        each.script_sig = Script(script_sig)
    return bytes(transaction.serialize())


def _in_segwit_form(scene: Scene, _: Random) -> bytes:
    plain = bare(scene.plan)
    stacks = bytes(len(scene.plan.coins))
    marked = plain[:4] + b"\x00\x01" + plain[4:-4] + stacks + plain[-4:]
    return with_pair(scene.psbt, GLOBAL, TX, marked)


def _longer_field(scene: Scene, random: Random) -> bytes:
    """Write one number in a byte more than it has: a reader may see the same number."""
    place, key = random.choice(
        ((1, SEQUENCE), (1, VOUT), (_first_output(scene), AMOUNT), (GLOBAL, TX_VERSION))
    )
    value = value_in(scene.psbt, place, key) or b""
    return with_pair(scene.psbt, place, key, value + b"\x00")


def _long_count(scene: Scene, _: Random) -> bytes:
    count = value_in(scene.psbt, GLOBAL, INPUT_COUNT) or b""
    return with_pair(scene.psbt, GLOBAL, INPUT_COUNT, b"\xfd" + count + b"\x00")


def _other_psbt_version(scene: Scene, random: Random) -> bytes:
    number = random.choice([each for each in (0, 1, 2, 3) if each != scene.plan.psbt_version])
    return with_pair(scene.psbt, GLOBAL, PSBT_VERSION, number.to_bytes(4, "little"))


MIXED: tuple[Kind[Attempt], ...] = tuple(
    kind(name, what, codes, shown(edit), applies=applies)
    for name, what, codes, applies, edit in (
        (
            "still modifiable",
            "a flag says that inputs or outputs may still change (BIP-370)",
            "still_modifiable",
            version_2,
            _put(_globally, MODIFIABLE, lambda _, random: bytes([random.choice((1, 2, 3, 4))])),
        ),
        (
            "modifiable in version 0",
            "version 0 with a modifiable flag of version 2",
            UNREADABLE,
            version_0,
            _put(_globally, MODIFIABLE, lambda *_: b"\x01"),
        ),
        (
            "counts in version 0",
            "version 0 with a count of inputs of version 2",
            UNREADABLE,
            version_0,
            _put(_globally, INPUT_COUNT, lambda s, _: bytes([len(s.plan.coins)])),
        ),
        (
            "transaction version in version 0",
            "version 0 with the transaction version of version 2",
            UNREADABLE,
            version_0,
            _put(_globally, TX_VERSION, lambda *_: b"\x02\x00\x00\x00"),
        ),
        (
            "outpoint in version 0",
            "version 0 with an outpoint of version 2",
            UNREADABLE,
            version_0,
            _put(lambda _: 1, PREVIOUS_TXID, lambda _, random: random.randbytes(32)),
        ),
        (
            "amount in version 0",
            "version 0 with an amount of version 2",
            UNREADABLE,
            version_0,
            _put(_first_output, AMOUNT, lambda *_: (1).to_bytes(8, "little")),
        ),
        (
            "script in version 0",
            "version 0 with an output script of version 2",
            UNREADABLE,
            version_0,
            _put(_first_output, SCRIPT, lambda *_: b"\x51"),
        ),
        (
            "transaction in version 2",
            "version 2 with the unsigned transaction of version 0",
            UNREADABLE,
            version_2,
            _put(_globally, TX, lambda scene, _: bare(scene.plan)),
        ),
        (
            "outpoint missing in version 2",
            "version 2 without one outpoint",
            UNREADABLE,
            version_2,
            lambda scene, _: without(scene.psbt, 1, PREVIOUS_TXID),
        ),
        (
            "amount missing in version 2",
            "version 2 without one amount",
            f"{UNREADABLE} readers_disagree",
            version_2,
            lambda scene, _: without(scene.psbt, _first_output(scene), AMOUNT),
        ),
        (
            "count of inputs",
            "version 2 that counts one input more than it has",
            f"{UNREADABLE} readers_disagree",
            version_2,
            _counted(INPUT_COUNT, 1),
        ),
        (
            "count of outputs",
            "version 2 that counts one output less than it has",
            f"{UNREADABLE} readers_disagree",
            version_2,
            _counted(OUTPUT_COUNT, -1),
        ),
        (
            "number of another length",
            "version 2 with one number in a byte more than it has",
            UNREADABLE,
            version_2,
            _longer_field,
        ),
        (
            "count written long",
            "version 2 with a count that is not in its shortest form",
            UNREADABLE,
            version_2,
            _long_count,
        ),
        (
            "another PSBT version",
            "the PSBT says that it is of another version",
            UNREADABLE,
            lambda _: True,
            _other_psbt_version,
        ),
    )
)


# Form --------------------------------------------------------------------------------------------


def _twice(place: Callable[[Scene], int], *, value: bytes | None = None) -> Edit:
    """Return the edit that writes the first key of a map a second time."""

    def edit(scene: Scene, _: Random) -> bytes:
        def change(maps: Maps) -> None:
            key, before = maps[place(scene)][0]
            maps[place(scene)].append((key, before if value is None else value))

        return in_maps(scene.psbt, change)

    return edit


def _with_output_keys(scene: Scene) -> bool:
    return version_2(scene)  # in version 0 an output's map may be empty


def _longer_key(scene: Scene, random: Random) -> bytes:
    """Give a key that stands for itself some key data."""
    return with_pair(scene.psbt, 1, b"\x03" + random.randbytes(1), b"\x01\x00\x00\x00")


def _map_too_few(scene: Scene, _: Random) -> bytes:
    return in_maps(scene.psbt, lambda maps: maps.__delitem__(-1))


def _length_written_long(scene: Scene, _: Random) -> bytes:
    return scene.psbt[:5] + b"\xfd" + scene.psbt[5:6] + b"\x00" + scene.psbt[6:]


def _other_magic(scene: Scene, random: Random) -> bytes:
    return random.choice((b"PSBT\xff", b"psbt\x00", b"pset\xff")) + scene.psbt[5:]


def _cut(scene: Scene, random: Random) -> bytes:
    return scene.psbt[: random.randrange(len(scene.psbt))]


FORM: tuple[Kind[Attempt], ...] = tuple(
    kind(name, what, codes, shown(edit), applies=applies)
    for name, what, codes, applies, edit in (
        (
            "global key twice",
            "a key stands twice in the global map",
            UNREADABLE,
            lambda _: True,
            _twice(_globally),
        ),
        (
            "input key twice",
            "a key stands twice in an input's map",
            UNREADABLE,
            lambda _: True,
            _twice(lambda _: 1),
        ),
        (
            "input key twice, with two values",
            "a key stands twice in an input's map, with two values",
            UNREADABLE,
            lambda _: True,
            _twice(lambda _: 1, value=b"\x00"),
        ),
        (
            "output key twice",
            "a key stands twice in an output's map",
            UNREADABLE,
            _with_output_keys,
            _twice(_first_output),
        ),
        (
            "key with data it cannot have",
            "a key that stands for itself is followed by key data",
            UNREADABLE,
            lambda _: True,
            _longer_key,
        ),
        (
            "bytes after the end",
            "bytes follow the PSBT",
            UNREADABLE,
            lambda _: True,
            lambda scene, random: scene.psbt + random.randbytes(random.randint(1, 9)),
        ),
        (
            "map too many",
            "an empty map follows the PSBT",
            UNREADABLE,
            lambda _: True,
            lambda scene, _: scene.psbt + b"\x00",
        ),
        ("map too few", "the last map is missing", UNREADABLE, lambda _: True, _map_too_few),
        ("cut", "the PSBT ends anywhere before its end", UNREADABLE, lambda _: True, _cut),
        (
            "length written long",
            "a length is not in its shortest form",
            UNREADABLE,
            lambda _: True,
            _length_written_long,
        ),
        ("magic", "other magic bytes", UNREADABLE, lambda _: True, _other_magic),
        (
            "bare transaction",
            "the bare transaction in place of the PSBT",
            UNREADABLE,
            lambda _: True,
            lambda scene, _: bare(scene.plan),
        ),
        (
            "script_sig in it",
            "the unsigned transaction has a script_sig",
            UNREADABLE,
            version_0,
            lambda s, _: with_pair(s.psbt, GLOBAL, TX, bare(s.plan, script_sig=b"\x51")),
        ),
        (
            "written as segwit is",
            "the unsigned transaction is written with the segwit marker",
            UNREADABLE,
            version_0,
            _in_segwit_form,
        ),
    )
)
