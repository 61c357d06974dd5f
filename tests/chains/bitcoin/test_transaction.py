"""Transactions: published ones are read exactly, impossible ones are refused with an offset."""

import struct
from dataclasses import replace
from importlib import resources
from io import BytesIO

import pytest
from bitcoin_vectors import block_bytes, bytes_of, dmm_funding, dmm_outflow, json_of, text_of
from btclib.tx import Tx
from embit.transaction import Transaction as EmbitTransaction
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.reader import compact_size, var_bytes
from sekisho.chains.bitcoin.transaction import (
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    parse_outpoint,
    parse_transaction,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat

TXID = "11" * 32
SPENDING = TxIn(
    outpoint=OutPoint(txid=TXID, vout=0), script_sig=b"", sequence=0xFFFF_FFFF, witness=()
)
PAYING = TxOut(amount_sat=Sat(1), script=b"\x51")

# What the context-free rules of consensus can judge; the other cases of tx_invalid.json fail in
# their scripts or against the outputs that they spend, which no parser sees.
STRUCTURALLY_INVALID = {
    "No outputs",
    "Negative output",
    "MAX_MONEY + 1 output",
    "MAX_MONEY output + 1 output",
    "Duplicate inputs",
    "Coinbase of size 1",
    "Coinbase of size 101",
    "Null txin, but without being a coinbase (because there are two inputs)",
}


def plain(
    *, inputs: tuple[TxIn, ...] = (SPENDING,), outputs: tuple[TxOut, ...] = (PAYING,)
) -> Transaction:
    return Transaction(version=2, inputs=inputs, outputs=outputs, locktime=0)


def raw_transaction(
    inputs: bytes, outputs: bytes, marker: bytes = b"", tail: bytes = b""
) -> bytes:
    return struct.pack("<I", 2) + marker + inputs + outputs + tail + bytes(4)


RAW_INPUT = bytes(31) + b"\x01" + bytes(4) + b"\x00" + b"\xff" * 4
RAW_OUTPUT = struct.pack("<Q", 1) + b"\x00"
ONE_INPUT = b"\x01" + RAW_INPUT
ONE_OUTPUT = b"\x01" + RAW_OUTPUT


def core_cases(name: str) -> list[tuple[str, bytes]]:
    """The transactions of Core's file, each with the comments that stand before it."""
    cases, comments = [], []
    for row in json_of(f"bitcoin-core/{name}.json.gz"):
        if len(row) == 1:
            comments.append(row[0])
        else:
            cases.append((" / ".join(comments), bytes.fromhex(row[1])))
            comments = []
    return cases


outpoints = st.builds(
    OutPoint,
    txid=st.binary(min_size=32, max_size=32).map(bytes.hex),
    vout=st.integers(0, 0xFFFF_FFFE),
)
witnesses = st.lists(st.binary(max_size=80), max_size=4).map(tuple)
inputs = st.builds(
    TxIn,
    outpoint=outpoints,
    script_sig=st.binary(max_size=300),
    sequence=st.integers(0, 0xFFFF_FFFF),
    witness=witnesses,
)
outputs = st.builds(
    TxOut,
    amount_sat=st.integers(0, SUPPLY_MAX_SAT // 4).map(Sat),
    script=st.binary(max_size=300),
)
transactions = st.builds(
    Transaction,
    version=st.integers(0, 0xFFFF_FFFF),
    inputs=st.lists(inputs, min_size=1, max_size=4, unique_by=lambda i: i.outpoint).map(tuple),
    outputs=st.lists(outputs, min_size=1, max_size=4).map(tuple),
    locktime=st.integers(0, 0xFFFF_FFFF),
)


def test_the_two_transactions_of_the_dmm_outflow() -> None:
    outflow, funding = dmm_outflow(), dmm_funding()
    assert outflow.txid == "975ec405ac9dc9fa5ab8009d94d6a1fe31dff8a8127ea90d023104e52754e4d7"
    assert funding.txid == "c03acb80562302248f8be621e765315345a85cd3856bf49583e97b0428342908"
    assert (outflow.weight, outflow.vsize, len(outflow.inputs)) == (5190, 1298, 9)
    assert outflow.has_witness
    assert not funding.has_witness
    assert funding.wtxid == funding.txid
    assert outflow.wtxid != outflow.txid
    assert {str(each.outpoint) for each in outflow.inputs} == {
        f"{funding.txid}:{vout}" for vout in range(21, 30)
    }
    assert sum(each.amount_sat for each in outflow.outputs) == 450_290_000_000
    for transaction, name in ((outflow, "outflow_tx"), (funding, "funding_tx")):
        assert transaction.serialize().hex() == text_of(f"dmm/{name}.hex").strip()


def test_the_drill_holds_the_same_bytes() -> None:
    drill = resources.files("sekisho.drills") / "dmm_2024"
    for name in ("outflow_tx.hex", "funding_tx.hex"):
        assert (drill / name).read_bytes() == bytes_of(f"dmm/{name}")


@pytest.mark.parametrize(("comment", "raw"), core_cases("tx_valid"))
def test_what_core_calls_valid_is_read_exactly(comment: str, raw: bytes) -> None:
    transaction = parse_transaction(raw, comment)
    assert transaction.serialize() == raw
    assert_agrees_with_other_readers(transaction, raw)


def test_what_core_calls_invalid_is_refused_where_a_parser_can_see_it() -> None:
    refused = set()
    for comment, raw in core_cases("tx_invalid"):
        try:
            transaction = parse_transaction(raw, "x")
        except BadInputError:
            refused.add(comment)
        else:
            assert transaction.serialize() == raw
    named = {each for each in STRUCTURALLY_INVALID if any(each in c for c in refused)}
    assert named == STRUCTURALLY_INVALID
    # Beside these, three cases that say something about scripts happen to break a rule too: a
    # second null input without a comment, and two whose bytes have no outputs.
    assert len(refused) == len(STRUCTURALLY_INVALID) + 3


@given(transactions)
def test_every_transaction_is_read_back_as_written(transaction: Transaction) -> None:
    raw = transaction.serialize()
    again = parse_transaction(raw, "x")
    assert again == transaction
    assert hash(again) == hash(transaction)
    assert (again.txid, again.wtxid, again.weight, again.vsize) == (
        transaction.txid,
        transaction.wtxid,
        transaction.weight,
        transaction.vsize,
    )
    assert_agrees_with_other_readers(again, raw)


@pytest.mark.parametrize("height", [482683, 757739, 227836])
def test_other_readers_see_the_same_transactions_in_real_blocks(height: int) -> None:
    for transaction in parse_block(block_bytes(height), "block").transactions:
        assert_agrees_with_other_readers(transaction, transaction.serialize())


def assert_agrees_with_other_readers(ours: Transaction, raw: bytes) -> None:
    theirs = Tx.parse(raw, check_validity=False)
    assert theirs.serialize(include_witness=True, check_validity=False) == raw
    assert (theirs.id.hex(), theirs.weight, theirs.vsize) == (ours.txid, ours.weight, ours.vsize)
    assert theirs.hash.hex() == ours.wtxid
    assert (theirs.version, theirs.lock_time) == (ours.version, ours.locktime)
    assert [
        (i.prev_out.tx_id.hex(), i.prev_out.vout, i.script_sig, i.sequence) for i in theirs.vin
    ] == [(i.outpoint.txid, i.outpoint.vout, i.script_sig, i.sequence) for i in ours.inputs]
    assert [tuple(i.script_witness.stack) for i in theirs.vin] == [i.witness for i in ours.inputs]
    assert [(o.value, o.script_pub_key.script) for o in theirs.vout] == [
        (o.amount_sat, o.script) for o in ours.outputs
    ]
    embits = EmbitTransaction.read_from(BytesIO(raw))
    assert embits.txid().hex() == ours.txid
    assert [
        (i.txid.hex(), i.vout, i.script_sig.data, i.sequence, tuple(i.witness.items))
        for i in embits.vin
    ] == [
        (i.outpoint.txid, i.outpoint.vout, i.script_sig, i.sequence, i.witness)
        for i in ours.inputs
    ]
    assert [(o.value, o.script_pubkey.data) for o in embits.vout] == [
        (o.amount_sat, o.script) for o in ours.outputs
    ]


@pytest.mark.parametrize("cut", [1, 4, 40, 3000])
def test_a_transaction_cut_short_is_refused(cut: int) -> None:
    raw = dmm_outflow().serialize()
    with pytest.raises(BadInputError, match=r"outflow: byte \d+: "):
        parse_transaction(raw[:-cut], "outflow")


def test_no_prefix_of_a_transaction_is_a_transaction() -> None:
    raw = dmm_outflow().serialize()
    for size in range(len(raw)):
        with pytest.raises(BadInputError):
            parse_transaction(raw[:size], "outflow")


def test_bytes_after_a_transaction_are_refused() -> None:
    raw = dmm_outflow().serialize()
    with pytest.raises(BadInputError, match=f"outflow: byte {len(raw)}: 1 bytes follow the end"):
        parse_transaction(raw + b"\x00", "outflow")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (raw_transaction(b"\x00", ONE_OUTPUT), "byte 6: 1 inputs cannot fit"),
        (raw_transaction(b"\x00\x00", b""), "byte 4: the transaction has no inputs"),
        (raw_transaction(b"\x00", ONE_OUTPUT, marker=b"\x00\x01"), "byte 6: .* no inputs"),
        (raw_transaction(ONE_INPUT, b"\x00"), "byte 46: the transaction has no outputs"),
        (
            raw_transaction(ONE_INPUT, ONE_OUTPUT, marker=b"\x00\x02", tail=b"\x01\x01\x00"),
            "byte 5: the witness flag is 2, not 1",
        ),
        (
            raw_transaction(ONE_INPUT, ONE_OUTPUT, marker=b"\x00\x81", tail=b"\x01\x01\x00"),
            "byte 5: the witness flag is 129, not 1",
        ),
        (
            raw_transaction(ONE_INPUT, ONE_OUTPUT, marker=b"\x00\x01", tail=b"\x00"),
            "byte 4: the witness flag is set but no input has a witness",
        ),
        (raw_transaction(b"\xfd\x01\x00" + RAW_INPUT, ONE_OUTPUT), "byte 4: .* shortest form"),
        (raw_transaction(b"\xfe\xff\xff\xff\xff" + RAW_INPUT, ONE_OUTPUT), "cannot fit"),
        (raw_transaction(ONE_INPUT, b"\xff" * 9 + RAW_OUTPUT), "byte 46: .* cannot fit"),
        (
            raw_transaction(ONE_INPUT, ONE_OUTPUT, marker=b"\x00\x01", tail=b"\xff" + b"\xff" * 8),
            "witness items cannot fit",
        ),
        (raw_transaction(b"\x02" + RAW_INPUT * 2, ONE_OUTPUT), "spends one output twice"),
    ],
)
def test_what_cannot_be_on_any_chain_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        parse_transaction(raw, "x")


@pytest.mark.parametrize("amount", [-1, SUPPLY_MAX_SAT + 1, 2**63 - 1, -(2**63)])
def test_an_impossible_amount_is_refused(amount: int) -> None:
    raw = raw_transaction(ONE_INPUT, b"\x01" + struct.pack("<q", amount) + b"\x00")
    with pytest.raises(BadInputError, match="byte 47: the outputs are more than all bitcoin"):
        parse_transaction(raw, "x")


def test_amounts_that_are_impossible_together_are_refused() -> None:
    half = struct.pack("<Q", SUPPLY_MAX_SAT // 2 + 1) + b"\x00"
    with pytest.raises(BadInputError, match="byte 56: the outputs are more than all bitcoin"):
        parse_transaction(raw_transaction(ONE_INPUT, b"\x02" + half * 2), "x")
    whole = struct.pack("<Q", SUPPLY_MAX_SAT) + b"\x00"
    read = parse_transaction(raw_transaction(ONE_INPUT, b"\x01" + whole), "x")
    assert read.outputs[0].amount_sat == SUPPLY_MAX_SAT


@pytest.mark.parametrize(("size", "allowed"), [(1, False), (2, True), (100, True), (101, False)])
def test_a_coinbase_script_has_2_to_100_bytes(size: int, *, allowed: bool) -> None:
    nothing = OutPoint(txid="0" * 64, vout=0xFFFF_FFFF)
    coinbase = TxIn(outpoint=nothing, script_sig=bytes(size), sequence=0, witness=())
    raw = plain(inputs=(coinbase,)).serialize()
    if allowed:
        assert parse_transaction(raw, "x").is_coinbase
    else:
        with pytest.raises(BadInputError, match="2 to 100 bytes"):
            parse_transaction(raw, "x")


def test_only_a_coinbase_spends_nothing() -> None:
    nothing = OutPoint(txid="0" * 64, vout=0xFFFF_FFFF)
    coinbase = TxIn(outpoint=nothing, script_sig=bytes(2), sequence=0, witness=())
    with pytest.raises(BadInputError, match="spends nothing"):
        parse_transaction(plain(inputs=(SPENDING, coinbase)).serialize(), "x")
    assert not plain().is_coinbase


def test_a_transaction_heavier_than_a_block_is_refused() -> None:
    heavy = TxOut(amount_sat=Sat(1), script=bytes(1_000_000))
    with pytest.raises(BadInputError, match=r"weighs .* more than a block may"):
        parse_transaction(plain(outputs=(heavy,)).serialize(), "x")
    light = TxOut(amount_sat=Sat(1), script=bytes(999_000))
    assert parse_transaction(plain(outputs=(light,)).serialize(), "x").outputs == (light,)


def test_a_changed_transaction_does_not_keep_the_old_id() -> None:
    outflow = dmm_outflow()
    changed = replace(outflow, locktime=1)
    assert changed.txid != outflow.txid
    assert changed.txid == parse_transaction(changed.serialize(), "x").txid


@given(outpoints)
def test_an_outpoint_is_read_back_as_written(outpoint: OutPoint) -> None:
    assert parse_outpoint(str(outpoint), "x") == outpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        TXID,
        f"{TXID}:",
        f"{TXID}:-1",
        f"{TXID}:01",
        f"{TXID}:4294967296",
        f"{TXID}:1 ",
        f"{TXID}:1\n",
        f"{TXID}:１",
        f"{TXID[:-1]}:0",
        f"{'A1' * 32}:0",
        f"{TXID}:0x0",
    ],
)
def test_what_is_no_outpoint_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match=r"pass\.anchor: .* is not an outpoint"):
        parse_outpoint(text, "pass.anchor")


def test_sizes_are_those_of_bip_141() -> None:
    # a witness byte counts once, any other four times: BIP-141, "Transaction size calculations"
    with_witness = plain(
        inputs=(TxIn(outpoint=SPENDING.outpoint, script_sig=b"", sequence=0, witness=(bytes(7),)),)
    )
    without = plain()
    extra = len(b"\x00\x01" + compact_size(1) + var_bytes(bytes(7)))
    assert with_witness.weight == without.weight + extra
    assert with_witness.vsize == -(-with_witness.weight // 4)
