"""What the keys of a purse make of a plan: signatures by embit, in each form they come back in."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from btclib.script import sig_hash
from btclib.tx import Tx
from btclib.tx import TxOut as BtclibTxOut
from embit.hashes import tagged_hash
from embit.script import Script, Witness
from embit.transaction import SIGHASH, Transaction, TransactionInput, TransactionOutput

from bench.tampered.psbts import (
    Coin,
    Plan,
    bytes_of_maps,
    embit_psbt,
    leaves_of,
    maps_of,
    psbt_of,
    string,
)
from bench.tampered.scenes import Form

PARTIAL, FINAL_SCRIPT_SIG, FINAL_WITNESS = b"\x02", b"\x07", b"\x08"
TAP_KEY, TAP_SCRIPT = b"\x13", b"\x14"
_OF_SIGNATURES = PARTIAL + FINAL_SCRIPT_SIG + FINAL_WITNESS + TAP_KEY + TAP_SCRIPT
_KEPT_WHEN_FINISHED = b"\x00\x01\x0e\x0f\x10\x12"
_TAPSCRIPT = b"\x00\xff\xff\xff\xff"
"""Key version 0, and no OP_CODESEPARATOR was executed (BIP-342)."""

Signatures: TypeAlias = dict[bytes, bytes]
"""Of one input: by the key under which a PSBT files each."""
Final: TypeAlias = tuple[bytes, tuple[bytes, ...]]
"""The final script_sig and witness of one input."""


# Who signs ---------------------------------------------------------------------------------------


def signed(
    plan: Plan, roots: Sequence[Any], *, sighash: int | None = None
) -> tuple[Signatures, ...]:
    """Return what these keys sign of each input, as embit signs it.

    What embit puts into a final witness by itself, a key path signature, is filed as BIP-371 has
    it, so that every answer can be had in each form.
    """
    asked = plan.sighash if sighash is None else sighash
    psbt = embit_psbt(replace(plan, with_paths=True, sighash=asked))
    for root in roots:
        psbt.sign_with(root, sighash=None)
    maps = maps_of(bytes(psbt.serialize()))
    return tuple(
        {
            TAP_KEY if key == FINAL_WITNESS else key: value[2:] if key == FINAL_WITNESS else value
            for key, value in pairs
            if key[:1] in _OF_SIGNATURES
        }
        for pairs in maps[1 : 1 + len(plan.coins)]
    )


def schnorr(
    plan: Plan,
    index: int,
    root: Any,  # noqa: ANN401 - embit publishes no types
    *,
    sighash: int = 0,
    annex: bytes = b"",
) -> Signatures:
    """Return a taproot signature by one key, over btclib's digest.

    embit's are not those of BIP-341 for SINGLE and ANYONECANPAY.
    """
    derived = plan.coins[index].place.derived
    held = next(
        root.derive(each.derivation)
        for each in derived.keys
        if each.is_extended and each.fingerprint == root.my_fingerprint
    )
    merkle_root = derived.taptree.tweak() if derived.taptree else b""
    tail = bytes([sighash] if sighash else [])
    tweaked = held.key.taproot_tweak(merkle_root)
    if tweaked.xonly() == plan.coins[index].place.script[2:]:
        digest = _taproot_digest(plan, index, sighash, annex=annex)
        return {TAP_KEY: tweaked.schnorr_sign(digest).serialize() + tail}
    found: Signatures = {}
    for script in leaves_of(derived).values():
        if held.key.xonly() in script:
            leaf = leaf_hash(script)
            digest = _taproot_digest(plan, index, sighash, annex=annex, leaf=leaf)
            place = TAP_SCRIPT + held.key.xonly() + leaf
            found[place] = held.key.schnorr_sign(digest).serialize() + tail
    return found


def strangers(plan: Plan, index: int, place: bytes, key: Any) -> Signatures:  # noqa: ANN401 - embit
    """Return what another key signs of the same transaction, in place of the one at `place`."""
    if place[:1] == PARTIAL:
        psbt = embit_psbt(plan)
        made = key.sign(psbt.sighash(index, sighash=SIGHASH.ALL)).serialize()
        return {PARTIAL + key.get_public_key().sec(): made + bytes([SIGHASH.ALL])}
    leaf = place[33:]
    made = key.schnorr_sign(_taproot_digest(plan, index, 0, leaf=leaf)).serialize()
    return {TAP_SCRIPT + key.xonly() + leaf if leaf else TAP_KEY: made}


def leaf_hash(script: bytes) -> bytes:
    """Return the hash of a leaf (BIP-341), of which the version stands behind the script."""
    return bytes(tagged_hash("TapLeaf", script[-1:] + string(script[:-1])))


def _taproot_digest(
    plan: Plan, index: int, sighash: int, *, annex: bytes = b"", leaf: bytes = b""
) -> bytes:
    return sig_hash.taproot(
        Tx.parse(unsigned(plan).serialize()),
        index,
        [BtclibTxOut.parse(each.output.serialize()) for each in plan.coins],
        sighash,
        1 if leaf else 0,
        annex,
        leaf + _TAPSCRIPT if leaf else b"",
    )


# What comes back ---------------------------------------------------------------------------------


def in_form(
    form: Form, plan: Plan, signatures: Sequence[Signatures], *, psbt_version: int
) -> bytes:
    """Return signatures as signers return them, whatever they are worth."""
    finals = [final_of(*each) for each in zip(plan.coins, signatures, strict=True)]
    match form:
        case Form.FILED:
            return _in_psbt(plan, psbt_version, signatures, finished=False)
        case Form.FINISHED:
            pairs = [_pairs_of(each) for each in finals]
            return _in_psbt(plan, psbt_version, pairs, finished=True)
        case Form.EXTRACTED:
            return with_finals(plan, finals)


def with_finals(plan: Plan, finals: Sequence[Final]) -> bytes:
    """Return the transaction with these final scripts, whoever made them for whatever."""
    transaction = unsigned(plan)
    for each, (script_sig, witness) in zip(transaction.vin, finals, strict=True):
        each.script_sig = Script(script_sig)
        each.witness = Witness(list(witness))
    return bytes(transaction.serialize())


def finished_with(plan: Plan, finals: Sequence[Final], *, psbt_version: int) -> bytes:
    """Return the PSBT with these final scripts."""
    return _in_psbt(plan, psbt_version, [_pairs_of(each) for each in finals], finished=True)


def unsigned(plan: Plan) -> Any:  # noqa: ANN401 - embit publishes no types
    """Return the transaction of a plan, embit's."""
    return Transaction(
        version=plan.version,
        vin=[
            TransactionInput(coin.txid, coin.vout, sequence=sequence)
            for coin, sequence in zip(plan.coins, plan.sequences, strict=True)
        ],
        vout=[TransactionOutput(each.amount_sat, Script(each.script)) for each in plan.outputs],
        locktime=plan.locktime,
    )


def final_of(coin: Coin, signatures: Signatures) -> Final:
    """Return the final script that these signatures make for a coin of any script type."""
    if not signatures:
        return b"", ()
    if coin.purse.is_taproot:
        return b"", _taproot_witness(coin, signatures)
    place = coin.place
    stack = _stack(coin, {key[1:]: value for key, value in signatures.items()})
    if not coin.purse.is_segwit:
        return b"".join(_push(each) for each in stack), ()
    return _push(place.redeem_script) if place.redeem_script else b"", stack


def _stack(coin: Coin, by_key: Signatures) -> tuple[bytes, ...]:
    """Return what an ECDSA script of a purse is satisfied with."""
    place = coin.place
    if coin.purse.kind == "miniscript":
        own = place.witness_script[1:34]
        return by_key.get(own, next(iter(by_key.values()))), place.witness_script
    if not coin.purse.is_multisignature:
        [(key, signature), *_] = by_key.items()
        return signature, key
    script = place.witness_script or place.redeem_script
    keys = sorted(by_key, key=script.find)[: coin.purse.signers]
    return b"", *(by_key[key] for key in keys), script


def _taproot_witness(coin: Coin, signatures: Signatures) -> tuple[bytes, ...]:
    if TAP_KEY in signatures:
        return (signatures[TAP_KEY],)
    [(control, script), *_] = leaves_of(coin.place.derived).items()
    by_key = {key[1:33]: value for key, value in signatures.items()}
    names = [each.get_public_key().xonly() for each in coin.place.derived.keys]
    keys = sorted((each for each in names if each in script), key=script.index)
    signing = sorted(by_key, key=script.find)[: coin.purse.signers]
    stack = [by_key[each] if each in signing else b"" for each in reversed(keys)]
    return *stack, script[:-1], control


def _in_psbt(
    plan: Plan, psbt_version: int, pairs: Sequence[Signatures], *, finished: bool
) -> bytes:
    maps = maps_of(psbt_of(replace(plan, psbt_version=psbt_version)))
    for place, added in enumerate(pairs, start=1):
        kept = [pair for pair in maps[place] if not finished or pair[0][:1] in _KEPT_WHEN_FINISHED]
        maps[place] = [*kept, *added.items()]
    return bytes_of_maps(maps)


def _pairs_of(final: Final) -> Signatures:
    script_sig, witness = final
    pairs: Signatures = {}
    if script_sig:
        pairs[FINAL_SCRIPT_SIG] = script_sig
    if witness:
        pairs[FINAL_WITNESS] = bytes([len(witness)]) + b"".join(string(each) for each in witness)
    return pairs


def _push(data: bytes) -> bytes:
    """Return the shortest push of some bytes."""
    if not data:
        return b"\x00"
    if len(data) <= 75:
        return bytes([len(data)]) + data
    if len(data) <= 0xFF:
        return b"\x4c" + bytes([len(data)]) + data
    return b"\x4d" + len(data).to_bytes(2, "little") + data
