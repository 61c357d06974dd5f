"""Edits of what honest signers return, each of which makes it something that they should not."""

from collections.abc import Callable
from dataclasses import replace

from gate_other_transactions import paying
from gate_psbts import bytes_of_maps, maps_of, with_pair
from gate_returns import (
    PARTIAL,
    TAP_KEY_SIG,
    TAP_SCRIPT_SIG,
    Sent,
    extracted,
    sent,
    signatures_in,
    signed,
    with_finals,
    with_signatures,
)
from world_coins import bip32_root, bytes_of, funding

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import ScriptKind, classify, p2pkh_of
from sekisho.chains.bitcoin.sighash import (
    legacy_digest,
    segwit_digest,
    signed_parts,
    taproot_digest,
)
from sekisho.chains.bitcoin.transaction import parse_transaction
from sekisho.kernel.money import Sat
from sekisho.wallets.descriptors import inner_scripts

GLOBAL, FIRST_INPUT, SECOND_INPUT, FIRST_OUTPUT, CHANGE = 0, 1, 2, 3, 5
ORDER = 0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFE_BAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141

Bytes = Callable[[Sent], bytes]


# 1. Another signature ----------------------------------------------------------------------------


def on_first(make: Callable[[Sent, dict[bytes, bytes]], dict[bytes, bytes]]) -> Bytes:
    """Return a PSBT signed by all, with other signatures on its first input."""

    def bad(was: Sent) -> bytes:
        psbt = signed(was.psbt)
        return with_signatures(psbt, 0, make(was, signatures_in(psbt, 0)))

    return bad


def over_another(was: Sent, _: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return signatures over a transaction that pays one satoshi less."""
    return signatures_in(signed(was.other(paying(1, -1)(was.unsigned))), 0)


def of_next_input(was: Sent, _: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return signatures_in(signed(was.psbt), 1)


def by_a_stranger(_: Sent, ours: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return what is filed under a stranger's key beside our signatures: any signature will do."""
    key = bip32_root("mallory").derive("m/0").key
    [place, signature] = next(iter(ours.items()))
    if place[:1] == PARTIAL:
        return {**ours, PARTIAL + key.get_public_key().sec(): signature}
    leaf = place[33:] or bytes_of("leaf")
    return {**ours, TAP_SCRIPT_SIG + key.get_public_key().xonly() + leaf: signature}


def under_another_leaf(_: Sent, ours: dict[bytes, bytes]) -> dict[bytes, bytes]:
    [place, signature] = next((k, v) for k, v in ours.items() if k[:1] == TAP_SCRIPT_SIG)
    return {**ours, place[:33] + bytes_of("leaf"): signature}


def with_bit_flipped(_: Sent, ours: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {
        place: value[:-3] + bytes([value[-3] ^ 1]) + value[-2:] for place, value in ours.items()
    }


def with_high_s(_: Sent, ours: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {place: high_s(value) for place, value in ours.items()}


def high_s(signature: bytes) -> bytes:
    """Return the same ECDSA signature in the form that consensus takes and nodes do not relay."""
    r = signature[4 : 4 + signature[3]]
    s = int.from_bytes(signature[6 + len(r) : -1], "big")
    other = (ORDER - s).to_bytes(33, "big")
    body = b"\x02" + bytes([len(r)]) + r + b"\x02" + bytes([len(other)]) + other
    return b"\x30" + bytes([len(body)]) + body + signature[-1:]


def flagged(flag: int) -> Callable[[Sent, dict[bytes, bytes]], dict[bytes, bytes]]:
    """Return an honest ECDSA signature whose last byte says otherwise."""
    return lambda _, ours: {place: value[:-1] + bytes([flag]) for place, value in ours.items()}


def with_explicit_default(_: Sent, ours: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {place: value + b"\x00" for place, value in ours.items()}


# 2. Another script -------------------------------------------------------------------------------


def in_witness(change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Bytes:
    """Return the transaction with another witness of its first input."""

    def bad(was: Sent) -> bytes:
        honest = parse_transaction(extracted(was, signed(was.psbt)), "honest")
        finals = [(each.script_sig, each.witness) for each in honest.inputs]
        finals[0] = finals[0][0], change(finals[0][1])
        return with_finals(was.unsigned, finals).serialize()

    return bad


def in_script_sig(change: Callable[[bytes], bytes]) -> Bytes:
    def bad(was: Sent) -> bytes:
        honest = parse_transaction(extracted(was, signed(was.psbt)), "honest")
        finals = [(each.script_sig, each.witness) for each in honest.inputs]
        finals[0] = change(finals[0][0]), finals[0][1]
        return with_finals(was.unsigned, finals).serialize()

    return bad


def finals_swapped(was: Sent) -> bytes:
    honest = parse_transaction(extracted(was, signed(was.psbt)), "honest")
    finals = [(each.script_sig, each.witness) for each in honest.inputs][::-1]
    return with_finals(was.unsigned, finals).serialize()


def of_key(name: str, flag: int) -> Callable[[Sent, dict[bytes, bytes]], dict[bytes, bytes]]:
    """Return a valid signature by one key of a holder, over our own digest with any sighash."""

    def make(was: Sent, _: dict[bytes, bytes]) -> dict[bytes, bytes]:
        key = bip32_root(name).derive("m/48h/0h/0h/2h/0/0").key
        outpoints = [each.outpoint for each in was.unsigned.inputs]
        parts = signed_parts(was.unsigned, [was.coins.spent(each) for each in outpoints])
        script = parts.spent[0].script
        match classify(script):
            case ScriptKind.P2TR:
                digest = taproot_digest(parts, 0, flag, annex=None, leaf_hash=None)
                tail = bytes([flag] if flag else [])
                return {
                    TAP_KEY_SIG: key.taproot_tweak(b"").schnorr_sign(digest).serialize() + tail
                }
            case ScriptKind.P2PKH:
                digest = legacy_digest(parts, 0, script, flag)
            case _:
                digest = segwit_digest(parts, 0, p2pkh_of(script[2:]), flag)
        place = PARTIAL + key.get_public_key().sec()
        return {place: key.sign(digest).serialize() + bytes([flag])}

    return make


def first_unsigned(was: Sent) -> bytes:
    return with_signatures(signed(was.psbt), 0, {})


def first_unsigned_and_sent(was: Sent) -> bytes:
    return extracted(was, first_unsigned(was))


# 3. Another word about it ------------------------------------------------------------------------


def put(place: int, key: bytes, value: bytes) -> Bytes:
    return lambda was: with_pair(signed(was.psbt), place, key, value)


def changed(place: int, begins: bytes) -> Bytes:
    """Return an edit of the first value whose key begins so: its last byte is another."""

    def bad(was: Sent) -> bytes:
        psbt = signed(was.psbt)
        key, value = next(pair for pair in maps_of(psbt)[place] if pair[0].startswith(begins))
        return with_pair(psbt, place, key, value[:-1] + bytes([value[-1] ^ 1]))

    return bad


def claimed(more_sat: int) -> Bytes:
    def bad(was: Sent) -> bytes:
        true = was.coins.spent(was.unsigned.inputs[0].outpoint)
        lie = replace(true, amount_sat=Sat(true.amount_sat + more_sat))
        return with_pair(signed(was.psbt), FIRST_INPUT, b"\x01", lie.serialize())

    return bad


def script_of_next(key: bytes) -> Bytes:
    def bad(was: Sent) -> bytes:
        return with_pair(signed(was.psbt), FIRST_INPUT, key, next_script(was.kind))

    return bad


def twice(was: Sent) -> bytes:
    maps = maps_of(signed(was.psbt))
    maps[FIRST_INPUT].append(maps[FIRST_INPUT][-1])
    return bytes_of_maps(maps)


def another_previous(was: Sent) -> bytes:
    other = funding(was.wallet, 50_000_000, salt="other").serialize()
    return with_pair(signed(was.psbt), FIRST_INPUT, b"\x00", other)


def annexed(was: Sent) -> bytes:
    """Return the transaction with an annex to the first input that its signature commits to."""
    key = bip32_root("alpha").derive("m/48h/0h/0h/2h/0/0").key.taproot_tweak(b"")
    outpoints = [each.outpoint for each in was.unsigned.inputs]
    parts = signed_parts(was.unsigned, [was.coins.spent(each) for each in outpoints])
    annex = b"\x50annex"
    digest = taproot_digest(parts, 0, 0, annex=annex, leaf_hash=None)
    return in_witness(lambda _: (key.schnorr_sign(digest).serialize(), annex))(was)


def next_script(kind: str) -> bytes:
    [script] = inner_scripts(sent(kind).wallet.descriptor, Network.MAIN, 0, 4)
    return script


def another_wallets(_: Sent) -> bytes:
    return signed(sent("wpkh", wallet_id="hot-1").psbt)


def unsigned_but_paying_less(was: Sent) -> bytes:
    return was.other(paying(0, -1)(was.unsigned))
