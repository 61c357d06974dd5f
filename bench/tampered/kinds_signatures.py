"""The cleared transaction comes back, and one signature or one script is not what it should be."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from bench.tampered.judging import Kind
from bench.tampered.psbts import Coin
from bench.tampered.purses import fresh_purse, fresh_root
from bench.tampered.returns import Return, returned_kind
from bench.tampered.scenes import Form, Scene
from bench.tampered.signing import (
    PARTIAL,
    TAP_KEY,
    Final,
    Signatures,
    final_of,
    finished_with,
    schnorr,
    signed,
    strangers,
    with_finals,
)

INVALID = "return_signature_invalid return_script_fails"
FAILS = "return_script_fails"
NOT_ALL = "return_sighash_not_all"
_ORDER = 0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFF_FFFE_BAAE_DCE6_AF48_A03B_BFD2_5E8C_D036_4141
_ANNEX = b"\x50annex"

Tamper = Callable[[Return, Random], Return]


# Another signature -------------------------------------------------------------------------------


def _on_one(make: Callable[[Return, Random, int], Signatures]) -> Tamper:
    """Return the tampering that puts other signatures on one input."""

    def tamper(was: Return, random: Random) -> Return:
        at = random.randrange(len(was.signatures))
        signatures = [*was.signatures]
        signatures[at] = make(was, random, at)
        return was.with_signatures(signatures)

    return tamper


def _each(change: Callable[[bytes], bytes]) -> Tamper:
    """Return the tampering that changes each signature of one input."""
    return _on_one(lambda was, _, at: {k: change(v) for k, v in was.signatures[at].items()})


def _over_another(was: Return, random: Random, at: int) -> Signatures:
    """Return signatures over a transaction that pays one satoshi less."""
    outputs = [*was.scene.plan.outputs]
    place = random.choice([n for n, each in enumerate(outputs) if each.amount_sat])
    outputs[place] = replace(outputs[place], amount_sat=outputs[place].amount_sat - 1)
    return signed(replace(was.scene.plan, outputs=tuple(outputs)), was.roots)[at]


def _over_another_amount(was: Return, _: Random, at: int) -> Signatures:
    """Return signatures as if the coin were worth one satoshi more (BIP-143, BIP-341)."""
    coins = [*was.scene.plan.coins]
    previous = coins[at].previous
    output = previous.vout[coins[at].vout]
    output.value += 1
    try:
        return signed(was.scene.plan, was.roots)[at]
    finally:
        output.value -= 1


def _of_another_input(was: Return, _: Random, at: int) -> Signatures:
    return was.signatures[at - 1]


def _by_a_stranger(was: Return, random: Random, at: int) -> Signatures:
    """Return what a stranger's key signs of the very transaction, in place of one signature."""
    [place, _], *rest = was.signatures[at].items()
    stranger = fresh_root(random).key
    return {**strangers(was.scene.plan, at, place, stranger), **dict(rest)}


def _another_leaf(was: Return, random: Random, at: int) -> Signatures:
    leaf = random.randbytes(32)
    return {place[:33] + leaf: value for place, value in was.signatures[at].items()}


def _flip(signature: bytes) -> bytes:
    return signature[:40] + bytes([signature[40] ^ 1]) + signature[41:]


def _high_s(signature: bytes) -> bytes:
    """Return the same ECDSA signature in the form that consensus takes and nodes do not relay."""
    r, s = _numbers(signature)
    return _der(r, (_ORDER - int.from_bytes(s, "big")).to_bytes(33, "big")) + signature[-1:]


def _padded(signature: bytes) -> bytes:
    """Return the same ECDSA signature with a zero before R, which strict DER has not (BIP-66)."""
    r, s = _numbers(signature)
    return _der(b"\x00" + r, s) + signature[-1:]


def _numbers(signature: bytes) -> tuple[bytes, bytes]:
    size = signature[3]
    return signature[4 : 4 + size], signature[6 + size : -1]


def _der(r: bytes, s: bytes) -> bytes:
    body = b"\x02" + bytes([len(r)]) + r + b"\x02" + bytes([len(s)]) + s
    return b"\x30" + bytes([len(body)]) + body


def _sighash(flag: int) -> Tamper:
    """Return the tampering in which the true keys sign one input with another sighash."""

    def make(was: Return, _: Random, at: int) -> Signatures:
        if not was.scene.purse.is_taproot:
            return signed(was.scene.plan, was.roots, sighash=flag)[at]
        found: Signatures = {}
        for root in was.roots:
            found.update(schnorr(was.scene.plan, at, root, sighash=flag))
        return found

    def tamper(was: Return, random: Random) -> Return:
        at = random.randrange(min(len(was.signatures), len(was.scene.plan.outputs)))
        signatures = [*was.signatures]
        signatures[at] = make(was, random, at)
        return was.with_signatures(signatures)

    return tamper


def _ecdsa(scene: Scene) -> bool:
    return not scene.purse.is_taproot


def _several(scene: Scene) -> bool:
    return len(scene.plan.coins) > 1


def _not_filed(scene: Scene) -> bool:
    return scene.way.form is not Form.FILED


_FLAGS = (
    ("SIGHASH_NONE", 0x02),
    ("SIGHASH_SINGLE", 0x03),
    ("SIGHASH_ALL|ANYONECANPAY", 0x81),
    ("SIGHASH_NONE|ANYONECANPAY", 0x82),
    ("SIGHASH_SINGLE|ANYONECANPAY", 0x83),
)

SIGNATURES: tuple[Kind[Return], ...] = (
    returned_kind(
        "over another transaction",
        "one input's signatures are over a transaction that pays one satoshi less",
        INVALID,
        _on_one(_over_another),
    ),
    returned_kind(
        "over another amount",
        "one input's signatures are over a coin of one satoshi more",
        INVALID,
        _on_one(_over_another_amount),
        applies=lambda scene: scene.purse.is_segwit,
    ),
    returned_kind(
        "by a foreign key",
        "one signature is by a stranger's key",
        f"return_key_foreign {INVALID}",
        _on_one(_by_a_stranger),
    ),
    returned_kind(
        "of another input",
        "one input bears the signatures of another",
        f"return_key_foreign {INVALID}",
        _on_one(_of_another_input),
        applies=_several,
    ),
    returned_kind(
        "bit flipped", "one bit of one input's signatures is another", INVALID, _each(_flip)
    ),
    returned_kind(
        "high S",
        "one input's signatures have a high S, which nodes do not relay",
        INVALID,
        _each(_high_s),
        applies=_ecdsa,
    ),
    returned_kind(
        "broken DER",
        "one input's signatures have a zero too many (BIP-66)",
        f"{INVALID} return_unreadable",
        _each(_padded),
        applies=_ecdsa,
    ),
    returned_kind(
        "empty signature",
        "one input's signatures are a sighash byte alone",
        f"{INVALID} return_unreadable",
        _each(lambda signature: signature[-1:]),
        applies=_ecdsa,
    ),
    returned_kind(
        "sighash byte changed",
        "the byte behind one input's signatures says SIGHASH_NONE",
        f"{INVALID} {NOT_ALL}",
        _each(lambda signature: signature[:-1] + b"\x02"),
        applies=_ecdsa,
    ),
    returned_kind(
        "sighash unknown",
        "the byte behind one input's signatures is a sighash that nobody knows",
        f"{INVALID} {NOT_ALL}",
        _each(lambda signature: signature[:-1] + b"\x41"),
        applies=_ecdsa,
    ),
    returned_kind(
        "explicit default",
        "a taproot signature says SIGHASH_DEFAULT in a byte, which BIP-341 forbids",
        f"{INVALID} return_unreadable",
        _each(lambda signature: signature[:64] + b"\x00"),
        applies=lambda scene: scene.purse.is_taproot,
    ),
    returned_kind(
        "another leaf",
        "one input's signatures are filed under a leaf that does not exist",
        "return_key_foreign",
        _on_one(_another_leaf),
        applies=lambda s: s.purse.kind == "p2tr-script" and not _not_filed(s),
    ),
    *(
        returned_kind(
            f"{name} signed",
            f"the true keys signed one input with {name}",
            NOT_ALL,
            _sighash(flag),
        )
        for name, flag in _FLAGS
    ),
    returned_kind(
        "taproot signature elsewhere",
        "a taproot signature is filed for a coin that is not taproot",
        f"{INVALID} {NOT_ALL}",
        _on_one(lambda was, random, at: {**was.signatures[at], TAP_KEY: random.randbytes(64)}),
        applies=lambda scene: _ecdsa(scene) and not _not_filed(scene),
    ),
    returned_kind(
        "nothing signed",
        "nothing is signed",
        "return_unsigned",
        lambda was, _: was.with_signatures([{} for _ in was.signatures]),
        hostile=False,
    ),
    returned_kind(
        "one input not signed",
        "one input of several is not signed",
        "return_unsigned",
        _on_one(lambda *_: {}),
        applies=_several,
        hostile=False,
    ),
)
"""One input's signatures."""


# Another final script ----------------------------------------------------------------------------


def _final(make: Callable[[Return, Random, int, Final], Final]) -> Tamper:
    """Return the tampering that puts another final script on one input."""

    def tamper(was: Return, random: Random) -> Return:
        plan, way = was.scene.plan, was.scene.way
        finals = [final_of(*each) for each in zip(plan.coins, was.signatures, strict=True)]
        at = random.randrange(len(finals))
        finals[at] = make(was, random, at, finals[at])
        if way.form is Form.EXTRACTED:
            return replace(was, returned=with_finals(plan, finals))
        returned = finished_with(plan, finals, psbt_version=way.psbt_version)
        return replace(was, returned=returned)

    return tamper


def _in_witness(change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Tamper:
    return _final(lambda _was, _random, _at, final: (final[0], change(final[1])))


def _annex_signed(was: Return, _: Random, at: int, __: Final) -> Final:
    [root] = was.roots
    found = schnorr(was.scene.plan, at, root, annex=_ANNEX)
    return b"", (found[TAP_KEY], _ANNEX)


def _another_policy(was: Return, random: Random, at: int, final: Final) -> Final:
    """Reveal the script of the same type that other keys make."""
    other = fresh_purse(random, was.scene.purse.kind, was.scene.purse.network)
    coin = was.scene.plan.coins[at]
    place = other.place(coin.place.branch, coin.place.index)
    strange = Coin(purse=other, place=place, amount_sat=coin.amount_sat, previous=None, vout=0)
    strangers = _filled(strange, was.signatures[at])
    script_sig, witness = final_of(strange, strangers)
    if coin.purse.is_segwit:
        return final[0], (*final[1][:-1], witness[-1])
    return script_sig, ()


def _filled(coin: Coin, honest: Signatures) -> Signatures:
    """Return true signatures under the keys of another policy."""
    keys = [each.get_public_key().sec() for each in coin.place.derived.keys]
    values = [*honest.values()] * len(keys)
    return {PARTIAL + key: value for key, value in zip(keys, values, strict=False)}


def _with_script(scene: Scene) -> bool:
    place = scene.plan.coins[0].place
    return _not_filed(scene) and bool(place.witness_script or scene.purse.kind == "p2sh")


def _in_witness_of(scene: Scene) -> bool:
    return _not_filed(scene) and scene.purse.is_segwit


FINALS: tuple[Kind[Return], ...] = (
    returned_kind(
        "annex",
        "a witness has an annex",
        f"return_annex {FAILS}",
        _in_witness(lambda witness: (*witness, _ANNEX)),
        applies=lambda scene: _not_filed(scene) and scene.purse.is_taproot,
    ),
    returned_kind(
        "annex signed",
        "a witness has an annex to which its signature commits",
        "return_annex",
        _final(_annex_signed),
        applies=lambda s: _not_filed(s) and s.purse.kind in {"p2tr", "p2tr-leaves"},
    ),
    returned_kind(
        "script of another policy",
        "a final script reveals the script of other keys",
        FAILS,
        _final(_another_policy),
        applies=_with_script,
    ),
    returned_kind(
        "item below",
        "a witness has an item more than its script takes",
        FAILS,
        _in_witness(lambda witness: (b"", *witness)),
        applies=_in_witness_of,
    ),
    returned_kind(
        "item above",
        "a witness has an item after its last",
        FAILS,
        _in_witness(lambda witness: (*witness, b"\x01")),
        applies=_in_witness_of,
    ),
    returned_kind(
        "witness cut",
        "the last item of a witness is missing",
        f"{FAILS} return_unsigned",
        _in_witness(lambda witness: witness[:-1]),
        applies=lambda s: _in_witness_of(s) and s.purse.kind not in {"p2tr", "p2tr-leaves"},
    ),
    returned_kind(
        "operation in script_sig",
        "a final script_sig does something before all else",
        FAILS,
        _final(lambda _was, _random, _at, final: (b"\x51" + final[0], final[1])),
        applies=_not_filed,
    ),
)
"""One input's final script."""
