"""Sighashes: Core's, BIP-143's and BIP-341's published digests, and another library's for more."""

from typing import Any

import pytest
from bitcoin_vectors import dmm_outflow, dmm_spent, json_of, spent_of
from btclib.script import sig_hash
from btclib.script.script_pub_key import ScriptPubKey
from btclib.tx import Tx
from btclib.tx import TxOut as BtclibTxOut
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.sighash import (
    ALL,
    ANYONECANPAY,
    NONE,
    SINGLE,
    legacy_digest,
    segwit_digest,
    sighash_name,
    signed_parts,
    taproot_digest,
)
from sekisho.chains.bitcoin.transaction import (
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    parse_transaction,
)
from sekisho.kernel.money import Sat

CORE = json_of("bitcoin-core/sighash.json.gz")[1:]
BIP143 = json_of("bips/bip-0143.json")["cases"]
BIP341 = json_of("bips/bip-0341_wallet-test-vectors.json")["keyPathSpending"][0]
TAPROOT_FLAGS = (0x00, ALL, NONE, SINGLE, 0x81, 0x82, 0x83)

spendings = st.builds(
    TxIn,
    outpoint=st.builds(
        OutPoint,
        txid=st.binary(min_size=32, max_size=32).map(bytes.hex),
        vout=st.integers(0, 0xFFFF_FFFE),
    ),
    script_sig=st.binary(max_size=40),
    sequence=st.integers(0, 0xFFFF_FFFF),
    witness=st.lists(st.binary(max_size=20), max_size=2).map(tuple),
)
payments = st.builds(
    TxOut, amount_sat=st.integers(0, 10**14).map(Sat), script=st.binary(max_size=60)
)
transactions = st.builds(
    Transaction,
    version=st.integers(0, 0xFFFF_FFFF),
    inputs=st.lists(spendings, min_size=1, max_size=4, unique_by=lambda i: i.outpoint).map(tuple),
    outputs=st.lists(payments, min_size=1, max_size=4).map(tuple),
    locktime=st.integers(0, 0xFFFF_FFFF),
)


def test_no_case_of_core_is_missing() -> None:
    assert len(CORE) == 500


@pytest.mark.parametrize("row", CORE, ids=lambda row: row[4][:8])
def test_cores_legacy_sighashes(row: list[Any]) -> None:
    transaction = parse_transaction(bytes.fromhex(row[0]), "sighash.json")
    unknown = TxOut(amount_sat=Sat(0), script=b"")
    signed = signed_parts(transaction, [unknown] * len(transaction.inputs))
    digest = legacy_digest(signed, row[2], bytes.fromhex(row[1]), row[3])
    assert digest[::-1].hex() == row[4]


@pytest.mark.parametrize("case", BIP143, ids=lambda case: case["comment"])
def test_the_sighashes_of_bip_143(case: dict[str, Any]) -> None:
    transaction = parse_transaction(bytes.fromhex(case["transaction"]), "bip-0143")
    signed = signed_parts(transaction, spent_of(case["spent"]))
    assert case["digests"]
    for each in case["digests"]:
        script_code = bytes.fromhex(each["script_code"])
        digest = segwit_digest(signed, each["index"], script_code, each["flag"])
        assert digest.hex() == each["digest"]


def test_the_sighashes_of_bip_341() -> None:
    given_parts = BIP341["given"]
    transaction = parse_transaction(bytes.fromhex(given_parts["rawUnsignedTx"]), "bip-0341")
    spent = [
        TxOut(amount_sat=Sat(each["amountSats"]), script=bytes.fromhex(each["scriptPubKey"]))
        for each in given_parts["utxosSpent"]
    ]
    signed = signed_parts(transaction, spent)
    assert signed.amounts_hash.hex() == BIP341["intermediary"]["hashAmounts"]
    assert signed.outputs_hash.hex() == BIP341["intermediary"]["hashOutputs"]
    assert signed.prevouts_hash.hex() == BIP341["intermediary"]["hashPrevouts"]
    assert signed.scripts_hash.hex() == BIP341["intermediary"]["hashScriptPubkeys"]
    assert signed.sequences_hash.hex() == BIP341["intermediary"]["hashSequences"]
    flags = set()
    for each in BIP341["inputSpending"]:
        index, flag = each["given"]["txinIndex"], each["given"]["hashType"]
        digest = taproot_digest(signed, index, flag, annex=None, leaf_hash=None)
        assert digest is not None
        assert digest.hex() == each["intermediary"]["sigHash"]
        flags.add(flag)
    assert flags == set(TAPROOT_FLAGS)


@given(transactions, st.data())
def test_another_library_finds_the_same_digests(
    transaction: Transaction, data: st.DataObject
) -> None:
    count = len(transaction.inputs)
    spent = data.draw(st.lists(payments, min_size=count, max_size=count))
    index = data.draw(st.integers(0, count - 1))
    script_code = data.draw(st.binary(max_size=60))
    flag = data.draw(st.sampled_from((*TAPROOT_FLAGS, 0x43, 0x23)) | st.integers(0, 255))
    signed = signed_parts(transaction, spent)
    theirs = Tx.parse(transaction.serialize(), check_validity=False)
    assert legacy_digest(signed, index, script_code, flag) == sig_hash.legacy(
        script_code, theirs, index, flag
    )
    amount_sat = spent[index].amount_sat
    assert segwit_digest(signed, index, script_code, flag) == sig_hash.segwit_v0(
        script_code, theirs, index, flag, amount_sat
    )
    taproot_flag = data.draw(st.sampled_from(TAPROOT_FLAGS))
    annex = data.draw(st.none() | st.binary(max_size=9).map(lambda tail: b"\x50" + tail))
    leaf_hash = data.draw(st.none() | st.binary(min_size=32, max_size=32))
    ours = taproot_digest(signed, index, taproot_flag, annex=annex, leaf_hash=leaf_hash)
    if taproot_flag & 3 == SINGLE and index >= len(transaction.outputs):
        assert ours is None
        return
    prevouts = [
        BtclibTxOut(each.amount_sat, ScriptPubKey(each.script, check_validity=False))
        for each in spent
    ]
    extension = b"" if leaf_hash is None else leaf_hash + b"\x00\xff\xff\xff\xff"
    assert ours == sig_hash.taproot(
        theirs, index, prevouts, taproot_flag, int(bool(extension)), annex or b"", extension
    )


@pytest.mark.parametrize("flag", sorted(set(range(256)) - set(TAPROOT_FLAGS)))
def test_a_flag_that_taproot_does_not_know_signs_nothing(flag: int) -> None:
    signed = signed_parts(dmm_outflow(), dmm_spent())
    assert taproot_digest(signed, 0, flag, annex=None, leaf_hash=None) is None


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        (0x01, "ALL"),
        (0x02, "NONE"),
        (0x03, "SINGLE"),
        (0x81, "ALL|ANYONECANPAY"),
        (0x82, "NONE|ANYONECANPAY"),
        (0x83, "SINGLE|ANYONECANPAY"),
        (0x00, "0x00"),
        (0x80, "0x80"),
        (0x41, "0x41"),
        (0xFF, "0xff"),
    ],
)
def test_flags_are_named_as_the_trade_names_them(flag: int, name: str) -> None:
    assert sighash_name(flag) == name


def test_each_flag_leaves_free_what_its_name_says() -> None:
    outflow, spent = dmm_outflow(), dmm_spent()
    paid = outflow.outputs[0]
    redirected = Transaction(
        version=outflow.version,
        inputs=outflow.inputs,
        outputs=(TxOut(amount_sat=paid.amount_sat, script=b"\x51"),),
        locktime=outflow.locktime,
    )
    one, other = signed_parts(outflow, spent), signed_parts(redirected, spent)
    for digest_of in (legacy_digest, segwit_digest):
        for flag, free in ((ALL, False), (NONE, True), (NONE | ANYONECANPAY, True)):
            same = digest_of(one, 0, b"", flag) == digest_of(other, 0, b"", flag)
            assert same == free
        # SINGLE binds the output of its own index, here 0, and nothing for an input without one
        assert digest_of(one, 0, b"", SINGLE) != digest_of(other, 0, b"", SINGLE)
        assert digest_of(one, 1, b"", SINGLE) == digest_of(other, 1, b"", SINGLE)


def test_every_input_has_one_spent_output() -> None:
    with pytest.raises(ValueError, match="8 spent outputs for 9 inputs"):
        signed_parts(dmm_outflow(), dmm_spent()[:-1])
