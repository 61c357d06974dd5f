"""Who signed what: the real theft, the published examples, and every input of real blocks."""

import json
from collections import Counter
from dataclasses import replace
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
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.revealed import _leaf_hash
from sekisho.chains.bitcoin.scripts import ScriptKind, p2sh_of
from sekisho.chains.bitcoin.signatures import InputSignatures, signatures_of
from sekisho.chains.bitcoin.transaction import TxOut, parse_transaction
from sekisho.kernel.money import Sat

BIP341 = json_of("bips/bip-0341_wallet-test-vectors.json")


def states(found: InputSignatures) -> list[str]:
    return [each.state for each in found.keys]


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
            for bit in range(8):
                flipped = bytearray(control)
                flipped[at] ^= 1 << bit
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
