"""PSBTs built and signed by btclib-wallet, and the raw maps of any PSBT to tamper with.

Nothing here is our checker's code: what the gate is shown comes from somebody else's wallet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TypeAlias

from btclib.tx import Tx
from btclib.tx import TxOut as BtclibTxOut
from btclib_wallet import descriptors
from btclib_wallet.descriptors import Descriptor
from btclib_wallet.psbt.psbt import Psbt, extract_tx, finalize
from btclib_wallet.psbt_signer import SoftwareSigner
from world_coins import bip32_root

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxOut, parse_transaction
from sekisho.wallets.records import Wallet
from sekisho.wallets.registry import open_book

Maps: TypeAlias = list[list[tuple[bytes, bytes]]]
"""The global map, one for each input, one for each output; each a list of keys and values."""

SIGNERS = ("alpha", "beta", "delta", "mallory")


# 1. Built by a library ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Coins:
    """Transactions whose outputs are spent, and the wallets that know how."""

    previous: tuple[Transaction, ...]
    wallets: tuple[Wallet, ...]

    def spent(self, outpoint: OutPoint) -> TxOut:
        return self.transaction(outpoint.txid).outputs[outpoint.vout]

    def transaction(self, txid: str) -> Transaction:
        return next(each for each in self.previous if each.txid == txid)


@cache
def psbt_of(unsigned: Transaction, coins: Coins, *, version: int = 0) -> bytes:
    """Return the PSBT of a transaction as a wallet's Updater leaves it, ready to be signed."""
    psbt = Psbt.from_tx(Tx.parse(unsigned.serialize(with_witness=False)))
    knowledge = _knowledge(coins.wallets)
    for place, each in enumerate(unsigned.inputs):
        spent = coins.spent(each.outpoint)
        psbt_in = psbt.inputs[place]
        psbt_in.non_witness_utxo = Tx.parse(coins.transaction(each.outpoint.txid).serialize())
        if spent.script[0] in {0x00, 0x51, 0xA9}:  # segwit of any version, or perhaps inside P2SH
            psbt_in.witness_utxo = BtclibTxOut.parse(spent.serialize())
        if spent.script in knowledge:
            descriptor, index = knowledge[spent.script]
            psbt = descriptor.update_psbt_input(psbt, place, index)
            if not psbt.inputs[place].witness_script and _is_bare_p2sh(psbt, place):
                psbt.inputs[place].witness_utxo = None
    for place, output in enumerate(unsigned.outputs):
        if output.script in knowledge:
            descriptor, index = knowledge[output.script]
            psbt = descriptor.update_psbt_output(psbt, place, index)
    return (psbt.to_v2() if version == 2 else psbt).serialize()


def _is_bare_p2sh(psbt: Psbt, place: int) -> bool:
    redeem_script = psbt.inputs[place].redeem_script
    return bool(redeem_script) and redeem_script[:2] not in {b"\x00\x14", b"\x00\x20"}


@cache
def _knowledge(wallets: tuple[Wallet, ...]) -> dict[bytes, tuple[Descriptor, int]]:
    """Return which descriptor makes each script of these wallets, and at which index."""
    known: dict[bytes, tuple[Descriptor, int]] = {}
    for wallet in wallets:
        names = {"main": "mainnet", "test": "testnet"}
        network = network_of_caip2(wallet.chain, "chain").name.lower()
        branches = [
            descriptors.parse(each, names.get(network, network))
            for each in descriptors.multipath_descriptors(
                wallet.descriptor, names.get(network, network)
            )
        ]
        for own in open_book([wallet]).by_script.values():
            known[own.script] = (branches[own.branch], own.index)
    return known


# 2. Signed by a library --------------------------------------------------------------------------


def signed_psbt(psbt: bytes, *, by: Sequence[str] = SIGNERS) -> Psbt:
    """Return the PSBT after each of the named key holders signed what they hold keys for."""
    signing = Psbt.parse(psbt)
    for name in by:
        root = bip32_root(name)
        fixed = root.derive("m/0")
        for signer in (
            SoftwareSigner(root.to_base58()),
            # A key that stands in a descriptor by itself has its own fingerprint and no path.
            SoftwareSigner(fixed.to_base58()),
        ):
            signing = signer.sign_psbt(signing)
    return signing


@cache
def signed_transaction(psbt: bytes, *, by: tuple[str, ...] = SIGNERS) -> Transaction:
    """Return the signed transaction, whose scripts were run by the library and hold."""
    final = finalize(signed_psbt(psbt, by=by), solver=descriptors.miniscript_solver)
    tx = extract_tx(final, max_fee_rate=None)
    return parse_transaction(tx.serialize(include_witness=True), "signed")


# 3. Raw maps -------------------------------------------------------------------------------------


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


def bytes_of_maps(maps: Maps) -> bytes:
    """Return the PSBT that these maps are, whatever they hold."""
    pieces = [b"psbt\xff"]
    for pairs in maps:
        for key, value in pairs:
            pieces += [_length(key), key, _length(value), value]
        pieces.append(b"\x00")
    return b"".join(pieces)


def with_pair(psbt: bytes, place: int, key: bytes, value: bytes) -> bytes:
    """Return the PSBT with a value set in one map; 0 is the global map, 1 the first input's."""
    maps = maps_of(psbt)
    maps[place] = [pair for pair in maps[place] if pair[0] != key] + [(key, value)]
    return bytes_of_maps(maps)


def without(psbt: bytes, place: int, begins: bytes) -> bytes:
    """Return the PSBT without the keys of one map that begin so; one must be there."""
    maps = maps_of(psbt)
    kept = [pair for pair in maps[place] if not pair[0].startswith(begins)]
    if kept == maps[place]:
        raise ValueError(f"nothing to take out at {begins.hex()}")
    maps[place] = kept
    return bytes_of_maps(maps)


def _string(stream: BytesIO) -> bytes:
    first = stream.read(1)[0]
    size = {0xFD: 2, 0xFE: 4, 0xFF: 8}.get(first)
    length = first if size is None else int.from_bytes(stream.read(size), "little")
    return stream.read(length)


def _length(data: bytes) -> bytes:
    if len(data) < 0xFD:
        return bytes([len(data)])
    return b"\xfd" + len(data).to_bytes(2, "little")
