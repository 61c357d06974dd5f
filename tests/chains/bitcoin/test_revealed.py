"""Every kind of input, signed well and badly by keys of ours: who signed is found, or not said."""

from dataclasses import dataclass, replace

import pytest
from btclib_secp256k1 import dsa, keys, ssa, xonly

from sekisho.chains.bitcoin.digests import hash160, tagged_hash
from sekisho.chains.bitcoin.reader import var_bytes
from sekisho.chains.bitcoin.revealed import revealed_by
from sekisho.chains.bitcoin.scripts import p2pkh_of, p2sh_of, p2wsh_of
from sekisho.chains.bitcoin.sighash import (
    ALL,
    legacy_digest,
    segwit_digest,
    signed_parts,
    taproot_digest,
)
from sekisho.chains.bitcoin.signatures import InputSignatures, signatures_of
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.kernel.money import Sat

SECRETS = (101, 202, 303)
KEYS = tuple(keys.pubkey_from_prvkey(secret) for secret in SECRETS)
XONLY_KEYS = tuple(xonly.from_prvkey(secret)[0] for secret in SECRETS)
MULTISIG = b"\x52" + b"".join(b"\x21" + key for key in KEYS) + b"\x53\xae"
P2PK = b"\x21" + KEYS[0] + b"\xac"
P2WPKH = b"\x00\x14" + hash160(KEYS[0])
PAID = TxOut(amount_sat=Sat(50_000), script=b"\x51\x20" + bytes(32))
OUTPOINT = OutPoint(txid="11" * 32, vout=3)


def push(data: bytes) -> bytes:
    return bytes((len(data),)) + data if len(data) < 76 else b"\x4c" + var_bytes(data)


def states(found: InputSignatures) -> list[str]:
    return [each.state for each in found.keys]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One way to hold coins, and how an input shows signatures to spend them."""

    script: bytes
    script_code: bytes
    segwit: bool
    nested: bytes = b""
    """What stands in script_sig of a nested segwit input."""

    def spend(self, stack: list[bytes], tail: list[bytes]) -> TxIn:
        items = stack + tail
        if self.segwit:
            return TxIn(
                outpoint=OUTPOINT,
                script_sig=self.nested,
                sequence=0,
                witness=tuple(items),
            )
        return TxIn(
            outpoint=OUTPOINT,
            script_sig=b"".join(push(item) for item in items),
            sequence=0,
            witness=(),
        )


MULTISIG_CASES = {
    "bare": (Case(script=MULTISIG, script_code=MULTISIG, segwit=False), []),
    "p2sh": (Case(script=p2sh_of(MULTISIG), script_code=MULTISIG, segwit=False), [MULTISIG]),
    "p2wsh": (Case(script=p2wsh_of(MULTISIG), script_code=MULTISIG, segwit=True), [MULTISIG]),
    "p2sh-p2wsh": (
        Case(
            script=p2sh_of(p2wsh_of(MULTISIG)),
            script_code=MULTISIG,
            segwit=True,
            nested=push(p2wsh_of(MULTISIG)),
        ),
        [MULTISIG],
    ),
}
KEY_HASH_CODE = p2pkh_of(hash160(KEYS[0]))
SINGLE_CASES = {
    "p2pk": (Case(script=P2PK, script_code=P2PK, segwit=False), []),
    "p2pkh": (Case(script=KEY_HASH_CODE, script_code=KEY_HASH_CODE, segwit=False), [KEYS[0]]),
    "p2sh-p2pk": (Case(script=p2sh_of(P2PK), script_code=P2PK, segwit=False), [P2PK]),
    "p2wpkh": (Case(script=P2WPKH, script_code=KEY_HASH_CODE, segwit=True), [KEYS[0]]),
    "p2sh-p2wpkh": (
        Case(
            script=p2sh_of(P2WPKH),
            script_code=KEY_HASH_CODE,
            segwit=True,
            nested=push(P2WPKH),
        ),
        [KEYS[0]],
    ),
    "p2wsh-p2pk": (Case(script=p2wsh_of(P2PK), script_code=P2PK, segwit=True), [P2PK]),
}


def spending(inputs: tuple[TxIn, ...]) -> Transaction:
    return Transaction(version=2, inputs=inputs, outputs=(PAID,), locktime=0)


def sign(case: Case, secret: int, flag: int = ALL) -> bytes:
    unsigned = spending((case.spend([], []),))
    parts = signed_parts(unsigned, [TxOut(amount_sat=Sat(60_000), script=case.script)])
    digest_of = segwit_digest if case.segwit else legacy_digest
    return dsa.sign(digest_of(parts, 0, case.script_code, flag), secret) + bytes((flag,))


def judged(case: Case, stack: list[bytes], tail: list[bytes]) -> InputSignatures:
    transaction = spending((case.spend(stack, tail),))
    spent = TxOut(amount_sat=Sat(60_000), script=case.script)
    (found,) = signatures_of(transaction, [spent])
    return found


# --- every kind of input, signed well and badly


@pytest.mark.parametrize("name", SINGLE_CASES)
@pytest.mark.parametrize("flag", [0x01, 0x02, 0x03, 0x81, 0x82, 0x83, 0x41])
def test_one_key_signs_with_any_flag(name: str, flag: int) -> None:
    case, tail = SINGLE_CASES[name]
    found = judged(case, [sign(case, SECRETS[0], flag)], tail)
    assert found.is_signed
    assert found.threshold == 1
    (key,) = found.keys
    assert key.public_key == KEYS[0]
    assert key.state == "valid"
    other = judged(case, [sign(case, SECRETS[1], flag)], tail)
    assert states(other) == ["invalid"]
    assert other.keys[0].sighash == key.sighash


@pytest.mark.parametrize("name", MULTISIG_CASES)
@pytest.mark.parametrize(
    ("signers", "expected"),
    [
        ((0, 1), ["valid", "valid", "absent"]),
        ((0, 2), ["valid", "absent", "valid"]),
        ((1, 2), ["absent", "valid", "valid"]),
        ((2, 1), ["absent", "valid", "valid"]),
        ((1,), ["absent", "valid", "absent"]),
        ((), ["absent", "absent", "absent"]),
        ((0, 1, 2), ["valid", "valid", "valid"]),
    ],
)
def test_multisig_says_who_signed(
    name: str, signers: tuple[int, ...], expected: list[str]
) -> None:
    case, tail = MULTISIG_CASES[name]
    stack = [b"", *(sign(case, SECRETS[each]) for each in signers)]
    found = judged(case, stack, tail)
    assert found.understood
    assert states(found) == expected
    assert found.is_signed == (len(signers) >= 2)
    assert found.threshold == 2


@pytest.mark.parametrize("name", MULTISIG_CASES)
def test_a_stray_signature_is_held_against_every_key_that_did_not_sign(name: str) -> None:
    case, tail = MULTISIG_CASES[name]
    stranger = sign(case, 999, 0x02)
    found = judged(case, [b"", sign(case, SECRETS[1]), stranger], tail)
    assert states(found) == ["invalid", "valid", "invalid"]
    assert [key.sighash for key in found.keys] == ["NONE", "ALL", "NONE"]
    assert not found.is_signed


@pytest.mark.parametrize("name", MULTISIG_CASES)
def test_one_signature_is_not_counted_twice(name: str) -> None:
    case, tail = MULTISIG_CASES[name]
    once = sign(case, SECRETS[0])
    found = judged(case, [b"", once, once], tail)
    assert not found.is_signed
    assert states(found) == ["valid", "invalid", "invalid"]


def test_the_same_key_listed_twice_needs_two_signatures() -> None:
    script = b"\x52" + (b"\x21" + KEYS[0]) * 2 + b"\x52\xae"
    case = Case(script=p2wsh_of(script), script_code=script, segwit=True)
    once = sign(case, SECRETS[0])
    assert states(judged(case, [b"", once], [script])) == ["valid", "absent"]
    assert judged(case, [b"", once, once], [script]).is_signed


def test_a_high_s_is_noted() -> None:
    case, tail = SINGLE_CASES["p2wpkh"]
    low = sign(case, SECRETS[0])
    compact = dsa.to_compact(low[:-1])
    order = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
    s = order - int.from_bytes(compact[32:], "big")
    high = dsa.serialize_der(dsa.parse_compact(compact[:32] + s.to_bytes(32, "big"))) + low[-1:]
    assert judged(case, [low], tail).keys[0].low_s
    found = judged(case, [high], tail).keys[0]
    assert (found.state, found.low_s) == ("valid", False)


# --- what is not understood, and why


@pytest.mark.parametrize(
    ("script", "script_sig", "witness"),
    [
        (b"\x51", b"", ()),  # anyone can spend: nobody's signature
        (b"\x6a", b"", ()),
        (P2WPKH, b"", ()),  # the key is not shown
        (P2WPKH, b"", (b"", KEYS[1])),  # another key
        (P2WPKH, b"", (b"", KEYS[0], b"")),
        (P2WPKH, b"\x51", (b"", KEYS[0])),  # BIP-141: script_sig must be empty
        (p2wsh_of(MULTISIG), b"", ()),
        (p2wsh_of(MULTISIG), b"", (b"", P2PK)),  # another script
        (p2wsh_of(MULTISIG), b"", (b"\x01", b"", b"", MULTISIG)),  # BIP-147
        (p2wsh_of(MULTISIG), b"", (b"",) * 5 + (MULTISIG,)),
        (p2wsh_of(b"\x51"), b"", (b"\x51",)),
        (p2sh_of(MULTISIG), b"", ()),
        (p2sh_of(MULTISIG), push(P2PK), ()),
        (p2sh_of(MULTISIG), b"\x00\x61" + push(MULTISIG), ()),  # BIP-16: pushes only
        (p2sh_of(MULTISIG), b"\x00" + push(MULTISIG), (b"",)),  # a witness where none belongs
        (p2sh_of(P2WPKH), b"\x00" + push(P2WPKH), (b"", KEYS[0])),
        (p2sh_of(P2WPKH), b"\x4c\x16" + P2WPKH, (b"", KEYS[0])),
        (p2sh_of(b"\x51\x20" + bytes(32)), push(b"\x51\x20" + bytes(32)), (bytes(64),)),
        (KEY_HASH_CODE, b"\x00" + push(KEYS[1]), ()),
        (KEY_HASH_CODE, b"\x00" + push(KEYS[0]), (b"",)),
        (KEY_HASH_CODE, b"\x02", ()),
        (P2PK, b"\x00\x00", ()),
        (b"\x51\x20" + XONLY_KEYS[0], b"\x51", (bytes(64),)),
        (b"\x51\x20" + XONLY_KEYS[0], b"", (bytes(64), b"\x51", b"\xc0" + XONLY_KEYS[1])),
        (b"\x52\x20" + XONLY_KEYS[0], b"", (bytes(64),)),
    ],
)
def test_nothing_is_claimed_about_what_is_not_understood(
    script: bytes, script_sig: bytes, witness: tuple[bytes, ...]
) -> None:
    spend = TxIn(outpoint=OUTPOINT, script_sig=script_sig, sequence=0, witness=witness)
    spent = TxOut(amount_sat=Sat(60_000), script=script)
    (found,) = signatures_of(spending((spend,)), [spent])
    assert not found.understood
    assert not found.is_signed
    assert (found.threshold, found.keys, found.inner_kinds) == (0, (), ())
    assert revealed_by(spend, script) is None


# --- taproot: key path, single-key leaf, multi_a leaf


def tree(internal: bytes, script: bytes, *others: bytes) -> tuple[bytes, bytes]:
    """The output script that commits to a leaf, and the leaf's control block."""
    node = tagged_hash("TapLeaf", b"\xc0" + var_bytes(script))
    for other in others:
        node = tagged_hash("TapBranch", b"".join(sorted((node, other))))
    output_key, parity = xonly.tweak_add(internal, tagged_hash("TapTweak", internal + node))
    return b"\x51\x20" + output_key, bytes((0xC0 | parity,)) + internal + b"".join(others)


def judged_taproot(
    script: bytes,
    stack: list[tuple[int | None, int]],
    tail: list[bytes],
    leaf: bytes | None = None,
) -> InputSignatures:
    """Sign with each secret (bottom of the stack first) and each flag, and judge."""
    annex = tail[-1] if tail and tail[-1][:1] == b"\x50" else None
    leaf_hash = None if leaf is None else tagged_hash("TapLeaf", b"\xc0" + var_bytes(leaf))
    spent = TxOut(amount_sat=Sat(60_000), script=script)
    blank = TxIn(outpoint=OUTPOINT, script_sig=b"", sequence=0, witness=())
    parts = signed_parts(spending((blank,)), [spent])
    witness = []
    for secret, flag in stack:
        digest = taproot_digest(parts, 0, flag, annex=annex, leaf_hash=leaf_hash)
        if secret is None or digest is None:
            witness.append(b"")
        else:
            witness.append(ssa.sign(digest, secret) + (bytes((flag,)) if flag else b""))
    spend = replace(blank, witness=(*witness, *tail))
    (found,) = signatures_of(spending((spend,)), [spent])
    return found


@pytest.mark.parametrize("flag", [0x00, 0x01, 0x02, 0x03, 0x81, 0x82, 0x83])
@pytest.mark.parametrize("annex", [[], [b"\x50"], [b"\x50annex"]])
def test_a_taproot_key_signs(flag: int, annex: list[bytes]) -> None:
    script = b"\x51\x20" + XONLY_KEYS[0]
    found = judged_taproot(script, [(SECRETS[0], flag)], annex)
    assert found.is_signed
    assert found.keys[0].public_key == XONLY_KEYS[0]
    assert not judged_taproot(script, [(SECRETS[1], flag)], annex).is_signed


def test_a_taproot_output_that_nobody_signed() -> None:
    found = judged_taproot(b"\x51\x20" + XONLY_KEYS[0], [], [])
    assert found.understood
    assert states(found) == ["absent"]


def test_an_explicit_default_flag_is_never_valid() -> None:
    script = b"\x51\x20" + XONLY_KEYS[0]
    spent = TxOut(amount_sat=Sat(60_000), script=script)
    blank = TxIn(outpoint=OUTPOINT, script_sig=b"", sequence=0, witness=())
    parts = signed_parts(spending((blank,)), [spent])
    digest = taproot_digest(parts, 0, 0, annex=None, leaf_hash=None)
    assert digest is not None
    signature = ssa.sign(digest, SECRETS[0])
    for witness, state in (
        (signature, "valid"),
        (signature + b"\x00", "invalid"),
        (signature + b"\x04", "invalid"),
        (signature[:-1], "invalid"),
        (b"\x50" + signature[1:], "invalid"),  # one item alone is no annex
        (signature + b"\x01\x01", "invalid"),
    ):
        transaction = spending((replace(blank, witness=(witness,)),))
        (found,) = signatures_of(transaction, [spent])
        assert states(found) == [state]


@pytest.mark.parametrize("others", [(), (b"\x07" * 32,), (b"\x07" * 32, b"\xf7" * 32)])
@pytest.mark.parametrize("annex", [[], [b"\x50annex"]])
def test_a_single_key_leaf_is_signed(others: tuple[bytes, ...], annex: list[bytes]) -> None:
    leaf = b"\x20" + XONLY_KEYS[0] + b"\xac"
    script, control = tree(XONLY_KEYS[2], leaf, *others)
    found = judged_taproot(script, [(SECRETS[0], 0)], [leaf, control, *annex], leaf)
    assert found.is_signed
    assert found.keys[0].public_key == XONLY_KEYS[0]
    # a signature for the key path is none for the leaf
    assert not judged_taproot(script, [(SECRETS[0], 0)], [leaf, control, *annex]).is_signed


@pytest.mark.parametrize(
    ("signers", "expected"),
    [
        ((0, 1), ["valid", "valid", "absent"]),
        ((1, 2), ["absent", "valid", "valid"]),
        ((0, 1, 2), ["valid", "valid", "valid"]),
        ((2,), ["absent", "absent", "valid"]),
        ((), ["absent", "absent", "absent"]),
    ],
)
def test_a_multi_a_leaf_says_who_signed(signers: tuple[int, ...], expected: list[str]) -> None:
    first, second, third = (b"\x20" + key for key in XONLY_KEYS)
    leaf = first + b"\xac" + second + b"\xba" + third + b"\xba" + b"\x52\x9c"
    script, control = tree(XONLY_KEYS[0], leaf)
    stack = [(SECRETS[at] if at in signers else None, 0) for at in (2, 1, 0)]
    found = judged_taproot(script, stack, [leaf, control], leaf)
    assert states(found) == expected
    assert found.threshold == 2
    assert found.is_signed == (len(signers) >= 2)
    # each signature is for the key at its place, and for no other
    swapped = judged_taproot(
        script, [(SECRETS[0], 0), (None, 0), (None, 0)], [leaf, control], leaf
    )
    assert states(swapped) == ["absent", "absent", "invalid"]
    short = judged_taproot(script, stack[1:], [leaf, control], leaf)
    assert not short.understood
