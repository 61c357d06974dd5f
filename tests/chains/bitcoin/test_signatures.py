"""Who signed what: the real theft, the published examples, real blocks, and forged neighbours."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
from bitcoin_vectors import (
    block_bytes,
    bytes_of,
    dmm_funding,
    dmm_outflow,
    dmm_spent,
    json_of,
    spent_of,
)
from btclib_secp256k1 import dsa, keys, ssa, xonly
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.digests import hash160, tagged_hash
from sekisho.chains.bitcoin.reader import var_bytes
from sekisho.chains.bitcoin.revealed import _leaf_hash, revealed_by
from sekisho.chains.bitcoin.scripts import ScriptKind, p2pkh_of, p2sh_of, p2wsh_of
from sekisho.chains.bitcoin.sighash import (
    ALL,
    legacy_digest,
    segwit_digest,
    signed_parts,
    taproot_digest,
)
from sekisho.chains.bitcoin.signatures import InputSignatures, signatures_of
from sekisho.chains.bitcoin.transaction import (
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    parse_transaction,
)
from sekisho.kernel.money import Sat

SECRETS = (101, 202, 303)
KEYS = tuple(keys.pubkey_from_prvkey(secret) for secret in SECRETS)
XONLY_KEYS = tuple(xonly.from_prvkey(secret)[0] for secret in SECRETS)
MULTISIG = b"\x52" + b"".join(b"\x21" + key for key in KEYS) + b"\x53\xae"
P2PK = b"\x21" + KEYS[0] + b"\xac"
P2WPKH = b"\x00\x14" + hash160(KEYS[0])
PAID = TxOut(amount_sat=Sat(50_000), script=b"\x51\x20" + bytes(32))
BIP341 = json_of("bips/bip-0341_wallet-test-vectors.json")
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


# --- the theft


def test_two_of_three_keys_signed_every_input_of_the_dmm_outflow() -> None:
    found = signatures_of(dmm_outflow(), dmm_spent())
    assert [each.index for each in found] == list(range(9))
    for each in found:
        assert each.understood
        assert each.is_signed
        assert each.threshold == 2
        assert (each.kind, each.inner_kinds) == (
            ScriptKind.P2SH,
            (ScriptKind.P2WSH, ScriptKind.MULTISIG),
        )
        assert [key.position for key in each.keys] == [0, 1, 2]
        assert [(key.state, key.sighash) for key in each.keys] == [
            ("valid", "ALL"),
            ("valid", "ALL"),
            ("absent", ""),
        ]
        assert all(key.low_s for key in each.keys)
        assert [key.public_key.hex()[:6] for key in each.keys] == ["022a3e", "03e8b7", "028228"]


@given(st.data())
def test_one_bit_of_the_output_changed_and_nobody_signed(data: st.DataObject) -> None:
    outflow = dmm_outflow()
    raw = bytearray(outflow.serialize())
    start = bytes(raw).index(outflow.outputs[0].serialize())
    size = len(outflow.outputs[0].script)
    # the amount's low 40 bits (more would be above the supply), then the script
    places = [*range(start, start + 5), *range(start + 9, start + 9 + size)]
    raw[data.draw(st.sampled_from(places))] ^= 1 << data.draw(st.integers(0, 7))
    altered = parse_transaction(bytes(raw), "altered")
    for each in signatures_of(altered, dmm_spent()):
        assert each.understood
        assert not each.is_signed
        assert states(each) == ["invalid"] * 3


def test_another_amount_spent_and_nobody_signed() -> None:
    # BIP-143 signatures commit to the amount: a caller cannot lie about it unnoticed
    spent = dmm_spent()
    spent[4] = replace(spent[4], amount_sat=Sat(spent[4].amount_sat + 1))
    found = signatures_of(dmm_outflow(), spent)
    assert [each.is_signed for each in found] == [index != 4 for index in range(9)]


def test_the_funding_transaction_was_signed_by_two_other_keys() -> None:
    # what it spends is a P2SH 2-of-3 whose script the input itself shows
    funding = dmm_funding()
    script_sig = funding.inputs[0].script_sig
    redeem_script = script_sig[script_sig.rindex(b"\x52\x21") :]
    spent = TxOut(amount_sat=Sat(470_301_946_745), script=p2sh_of(redeem_script))
    (found,) = signatures_of(funding, [spent])
    assert [(key.state, key.sighash) for key in found.keys] == [
        ("valid", "ALL"),
        ("valid", "ALL"),
        ("absent", ""),
    ]
    outflows_keys = {key.public_key for key in signatures_of(dmm_outflow(), dmm_spent())[0].keys}
    assert not outflows_keys & {key.public_key for key in found.keys}


def test_as_many_spent_outputs_as_inputs() -> None:
    with pytest.raises(ValueError, match="0 spent outputs for 9 inputs"):
        signatures_of(dmm_outflow(), [])


# --- published examples


def test_the_six_flags_of_bip_143() -> None:
    case = next(
        each for each in json_of("bips/bip-0143.json")["cases"] if each["comment"] == "P2SH-P2WSH"
    )
    transaction = parse_transaction(bytes.fromhex(case["transaction"]), "bip-0143")
    (found,) = signatures_of(transaction, spent_of(case["spent"]))
    assert found.is_signed
    assert [(each.state, each.sighash) for each in found.keys] == [
        ("valid", "ALL"),
        ("valid", "NONE"),
        ("valid", "SINGLE"),
        ("valid", "ALL|ANYONECANPAY"),
        ("valid", "NONE|ANYONECANPAY"),
        ("valid", "SINGLE|ANYONECANPAY"),
    ]


def test_the_other_examples_of_bip_143() -> None:
    answers = {}
    for case in json_of("bips/bip-0143.json")["cases"]:
        transaction = parse_transaction(bytes.fromhex(case["transaction"]), "bip-0143")
        found = signatures_of(transaction, spent_of(case["spent"]))
        answers[case["comment"][:22]] = [
            each.is_signed if each.understood else None for each in found
        ]
    # None: the script would have to be run (OP_CODESEPARATOR, signatures inside the script)
    assert answers == {
        "Native P2WPKH": [True, True],
        "P2SH-P2WPKH": [True],
        "Native P2WSH": [True, None],
        "unexecuted OP_CODESEPA": [None, None],
        "P2SH-P2WSH": [True],
        "No FindAndDelete": [None],
    }


def test_the_signed_transaction_of_bip_341() -> None:
    vector = BIP341["keyPathSpending"][0]
    transaction = parse_transaction(bytes.fromhex(vector["auxiliary"]["fullySignedTx"]), "x")
    spent = [
        TxOut(amount_sat=Sat(each["amountSats"]), script=bytes.fromhex(each["scriptPubKey"]))
        for each in vector["given"]["utxosSpent"]
    ]
    flags = {
        each["given"]["txinIndex"]: each["given"]["hashType"] for each in vector["inputSpending"]
    }
    names = {
        0x00: "DEFAULT",
        0x01: "ALL",
        0x02: "NONE",
        0x03: "SINGLE",
        0x81: "ALL|ANYONECANPAY",
        0x82: "NONE|ANYONECANPAY",
        0x83: "SINGLE|ANYONECANPAY",
    }
    for found in signatures_of(transaction, spent):
        assert found.is_signed, found
        if found.index in flags:
            assert found.kind is ScriptKind.P2TR
            assert found.keys[0].sighash == names[flags[found.index]]
            assert found.keys[0].public_key == spent[found.index].script[2:]
    other = [replace(spent[0], amount_sat=Sat(spent[0].amount_sat + 1)), *spent[1:]]
    unsigned = {each.index for each in signatures_of(transaction, other) if not each.is_signed}
    # BIP-341 signs every spent amount, unless ANYONECANPAY
    assert unsigned == {index for index, flag in flags.items() if not flag & 0x80}


@pytest.mark.parametrize(
    "case",
    [each for each in BIP341["scriptPubKey"] if each["given"]["scriptTree"]],
    ids=lambda case: case["expected"]["bip350Address"][:12],
)
def test_the_control_blocks_of_bip_341(case: dict[str, Any]) -> None:
    def leaves(tree: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a JSON tree
        return (
            [tree] if isinstance(tree, dict) else [leaf for each in tree for leaf in leaves(each)]
        )

    output_key = bytes.fromhex(case["expected"]["scriptPubKey"])[2:]
    controls = case["expected"]["scriptPathControlBlocks"]
    hashes = case["intermediary"]["leafHashes"]
    for leaf in leaves(case["given"]["scriptTree"]):
        script, control = bytes.fromhex(leaf["script"]), bytes.fromhex(controls[leaf["id"]])
        if leaf["leafVersion"] != 0xC0:
            assert _leaf_hash(script, control, output_key) is None
            continue
        found = _leaf_hash(script, control, output_key)
        assert found is not None
        assert found.hex() == hashes[leaf["id"]]
        for at in range(len(control)):
            flipped = bytearray(control)
            flipped[at] ^= 1
            assert _leaf_hash(script, bytes(flipped), output_key) is None
        assert _leaf_hash(script + b"\x61", control, output_key) is None
        assert _leaf_hash(script, control + bytes(32), output_key) is None
        assert _leaf_hash(script, control[:-1], output_key) is None
        assert _leaf_hash(script, b"", output_key) is None


# --- real blocks


@pytest.mark.parametrize(
    ("height", "signed", "not_understood"), [(478558, 666, 0), (757739, 88, 3), (757753, 125, 6)]
)
def test_every_input_of_a_real_block_is_signed(
    height: int, signed: int, not_understood: int
) -> None:
    rows = iter(json.loads(bytes_of(f"blocks/{height}.spent.json.gz")))
    counts: Counter[str] = Counter()
    for transaction in parse_block(block_bytes(height), "b").transactions[1:]:
        spent = [
            TxOut(amount_sat=Sat(int(amount)), script=bytes.fromhex(script))
            for amount, script in (next(rows) for _ in transaction.inputs)
        ]
        for found in signatures_of(transaction, spent):
            counts["signed" if found.is_signed else "no" if found.understood else "?"] += 1
            assert all(key.low_s for key in found.keys)
    assert counts == Counter({"signed": signed, "?": not_understood})


def test_each_way_of_signing_found_in_a_late_block() -> None:
    seen = set()
    for case in json_of("blocks/866342.spends.json")["cases"]:
        transaction = parse_transaction(bytes.fromhex(case["transaction"]), case["txid"])
        assert transaction.txid == case["txid"]
        for found in signatures_of(transaction, spent_of(case["spent"])):
            assert found.is_signed or not found.understood
            flags = sorted({key.sighash for key in found.keys if key.state == "valid"})
            seen.add(
                (found.understood, *(str(k) for k in (found.kind, *found.inner_kinds)), *flags)
            )
    assert {
        (True, "p2pkh", "ALL"),
        (True, "p2wpkh", "ALL"),
        (True, "p2wpkh", "SINGLE|ANYONECANPAY"),
        (True, "p2sh", "p2wpkh", "ALL"),
        (True, "p2wsh", "multisig", "ALL"),
        (True, "p2sh", "p2wsh", "multisig", "ALL"),
        (True, "p2tr", "DEFAULT"),
        (True, "p2tr", "ALL"),
        (True, "p2tr", "SINGLE|ANYONECANPAY"),
        (False, "p2tr"),
        (False, "p2wsh"),
        (False, "p2sh"),
    } <= seen


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
        (p2wsh_of(MULTISIG), b"", (b"", b"", P2PK)),  # another script
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
