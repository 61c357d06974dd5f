"""PSBTs as embit writes them, and the raw maps of any PSBT, to change one entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from random import Random
from typing import Any, TypeAlias

from embit.descriptor.taptree import _tweak_helper  # alone knows the path to a leaf
from embit.hashes import tagged_hash
from embit.psbt import PSBT, DerivationPath
from embit.script import Script, Witness
from embit.transaction import Transaction, TransactionInput, TransactionOutput
from embit.util import secp256k1

from bench.tampered.purses import Place, Purse

Maps: TypeAlias = list[list[tuple[bytes, bytes]]]
"""The global map, one for each input, one for each output; each a list of keys and values."""


@dataclass(frozen=True, kw_only=True)
class Coin:
    """An output of a transaction that exists, and who can spend it."""

    purse: Purse
    place: Place
    amount_sat: int
    previous: Any
    """The whole transaction that made it, embit's."""
    vout: int

    @cached_property
    def txid(self) -> bytes:
        """In display order."""
        return bytes(self.previous.txid())

    @property
    def output(self) -> Any:  # noqa: ANN401 - embit publishes no types
        return self.previous.vout[self.vout]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output to be made; `place` is of the wallet if a wallet would know it for its own."""

    script: bytes
    amount_sat: int
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A transaction and how its PSBT is to be written."""

    psbt_version: int
    version: int
    locktime: int
    coins: tuple[Coin, ...]
    sequences: tuple[int, ...]
    outputs: tuple[Output, ...]
    with_previous: tuple[bool, ...]
    """Whether the whole previous transaction is given. Only taproot may do without."""
    with_witness_utxo: tuple[bool, ...]
    sighash: int | None
    with_paths: bool
    """Whether keys and paths are written, as most wallets do."""
    requires_height: bool
    """Whether the locktime is what the first input requires (BIP-370), not the fallback."""

    @property
    def spent_sat(self) -> int:
        return sum(each.amount_sat for each in self.coins)

    @property
    def fee_sat(self) -> int:
        return self.spent_sat - sum(each.amount_sat for each in self.outputs)


def made_coin(
    random: Random, purse: Purse, place: Place, amount_sat: int, *, others: int | None = None
) -> Coin:
    """Return a coin in a transaction that somebody else made, with other outputs around it."""
    count = random.randint(0, 3) if others is None else others
    outputs = [
        TransactionOutput(random.randint(1_000, 10**8), Script(foreign_script(random)))
        for _ in range(count)
    ]
    vout = random.randint(0, count)
    outputs.insert(vout, TransactionOutput(amount_sat, Script(place.script)))
    spent = TransactionInput(random.randbytes(32), random.randint(0, 9), sequence=0xFFFF_FFFD)
    if random.random() < 0.7:
        spent.witness = Witness([random.randbytes(71), b"\x02" + random.randbytes(32)])
    else:
        spent.script_sig = Script(b"\x47" + random.randbytes(71))
    previous = Transaction(version=2, vin=[spent], vout=outputs, locktime=0)
    return Coin(purse=purse, place=place, amount_sat=amount_sat, previous=previous, vout=vout)


def foreign_script(random: Random) -> bytes:
    """Return a script of a kind that people use, of which nobody here has a key."""
    of_20, of_32 = random.randbytes(20), random.randbytes(32)
    return random.choice(
        (
            b"\x76\xa9\x14" + of_20 + b"\x88\xac",
            b"\xa9\x14" + of_20 + b"\x87",
            b"\x00\x14" + of_20,
            b"\x00\x20" + of_32,
            b"\x51\x20" + of_32,
        )
    )


# 1. Built by embit -------------------------------------------------------------------------------


def psbt_of(plan: Plan) -> bytes:
    """Return the PSBT of a plan, ready to be signed."""
    written = bytes(embit_psbt(plan).serialize())
    if plan.requires_height and plan.psbt_version == 2:  # embit knows no key for it
        written = with_pair(written, 1, b"\x12", plan.locktime.to_bytes(4, "little"))
    return written


def embit_psbt(plan: Plan) -> Any:  # noqa: ANN401 - embit publishes no types
    """Return embit's PSBT of a plan."""
    transaction = Transaction(
        version=plan.version,
        vin=[
            TransactionInput(coin.txid, coin.vout, sequence=sequence)
            for coin, sequence in zip(plan.coins, plan.sequences, strict=True)
        ],
        vout=[TransactionOutput(each.amount_sat, Script(each.script)) for each in plan.outputs],
        locktime=plan.locktime,
    )
    psbt = PSBT(transaction, unknown={}, version=2 if plan.psbt_version == 2 else None)
    for place, coin in enumerate(plan.coins):
        scope = psbt.inputs[place]
        scope.unknown = {}  # embit's default is one dictionary for all
        scope.sighash_type = plan.sighash
        if plan.with_previous[place]:
            scope.non_witness_utxo = coin.previous
        if plan.with_witness_utxo[place]:
            scope.witness_utxo = coin.output
        _describe(scope, coin.place, with_paths=plan.with_paths)
    for scope, output in zip(psbt.outputs, plan.outputs, strict=True):
        scope.unknown = {}
        if output.place is not None:
            _describe(scope, output.place, with_paths=plan.with_paths)
    return psbt


def _describe(scope: Any, place: Place, *, with_paths: bool) -> None:  # noqa: ANN401 - embit
    """Write what a wallet knows of its script into embit's scope of an input or output."""
    if place.redeem_script:
        scope.redeem_script = Script(place.redeem_script)
    if place.witness_script:
        scope.witness_script = Script(place.witness_script)
    if not with_paths:
        return
    derived = place.derived
    for key in derived.keys:
        if not key.is_extended:
            continue
        path = DerivationPath(key.fingerprint, key.derivation)
        if derived.is_taproot:
            scope.taproot_bip32_derivations[key.get_public_key()] = ([], path)
        else:
            scope.bip32_derivations[key.get_public_key()] = path
    if derived.is_taproot:
        scope.taproot_internal_key = derived.key.get_public_key()
        if derived.taptree and hasattr(scope, "taproot_merkle_root"):
            scope.taproot_merkle_root = derived.taptree.tweak()
            scope.taproot_scripts.update(leaves_of(derived))


def leaves_of(derived: Any) -> dict[bytes, bytes]:  # noqa: ANN401 - embit publishes no types
    """Return each leaf with its version behind it, by its control block (BIP-341, BIP-371)."""
    internal = derived.key.get_public_key().xonly()
    leaves, root = _tweak_helper(derived.taptree)
    point = secp256k1.ec_pubkey_parse(b"\x02" + internal)
    output = secp256k1.ec_pubkey_add(point, tagged_hash("TapTweak", internal + root))
    is_odd = secp256k1.ec_pubkey_serialize(output)[0] == 0x03
    return {
        bytes([leaf.version | is_odd]) + internal + path: (
            leaf.miniscript.compile() + bytes([leaf.version])
        )
        for leaf, path in leaves
    }


# 2. Raw maps -------------------------------------------------------------------------------------


def maps_of(psbt: bytes) -> Maps:
    """Return the maps of a well-formed PSBT, in order, with nothing understood."""
    stream = BytesIO(psbt)
    if stream.read(5) != b"psbt\xff":
        raise ValueError("no PSBT")
    maps: Maps = []
    while stream.tell() < len(psbt):
        pairs: list[tuple[bytes, bytes]] = []
        while key := _string(stream):
            pairs.append((key, _string(stream)))
        maps.append(pairs)
    return maps


def bytes_of_maps(maps: Sequence[Sequence[tuple[bytes, bytes]]]) -> bytes:
    """Return the PSBT that these maps are, whatever they hold."""
    pieces = [b"psbt\xff"]
    for pairs in maps:
        for key, value in pairs:
            pieces += [string(key), string(value)]
        pieces.append(b"\x00")
    return b"".join(pieces)


def in_maps(psbt: bytes, change: Callable[[Maps], None]) -> bytes:
    """Return the PSBT after its maps were changed."""
    maps = maps_of(psbt)
    change(maps)
    return bytes_of_maps(maps)


def with_pair(psbt: bytes, place: int, key: bytes, value: bytes) -> bytes:
    """Return the PSBT with a value set in one map; 0 is the global map, 1 the first input's."""
    maps = maps_of(psbt)
    maps[place] = [pair for pair in maps[place] if pair[0] != key] + [(key, value)]
    return bytes_of_maps(maps)


def without(psbt: bytes, place: int, *keys: bytes) -> bytes:
    """Return the PSBT without the entries of one map that have one of these keys."""
    maps = maps_of(psbt)
    maps[place] = [pair for pair in maps[place] if pair[0] not in keys]
    return bytes_of_maps(maps)


def value_in(psbt: bytes, place: int, key: bytes) -> bytes | None:
    """Return the value of a key in one map, or None."""
    return dict(maps_of(psbt)[place]).get(key)


def _string(stream: BytesIO) -> bytes:
    first = stream.read(1)[0]
    size = {0xFD: 2, 0xFE: 4, 0xFF: 8}.get(first)
    length = first if size is None else int.from_bytes(stream.read(size), "little")
    return stream.read(length)


def string(data: bytes) -> bytes:
    """Return bytes with their length before them."""
    return _length(data) + data


def _length(data: bytes) -> bytes:
    if len(data) < 0xFD:
        return bytes([len(data)])
    if len(data) <= 0xFFFF:
        return b"\xfd" + len(data).to_bytes(2, "little")
    return b"\xfe" + len(data).to_bytes(4, "little")
