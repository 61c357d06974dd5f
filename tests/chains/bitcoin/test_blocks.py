"""Blocks: real ones hang together to the last byte, and no change to one goes unseen."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from bitcoin_vectors import block_bytes, json_of
from btclib.hashes import hash256, merkle_root_and_mutated_from_hashes
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import Header, merkle_root_of, parse_block, parse_header
from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.reader import compact_size
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import Sat

BLOCKS = json_of("blocks/blocks.json")["blocks"]
NO_HASH = bytes(32)


def raw_block(
    transactions: list[Transaction], *, merkle_root: bytes | None = None, with_witness: bool = True
) -> bytes:
    """A block whose header commits to the transactions, with no work done on it."""
    if merkle_root is None:
        hashes = [bytes.fromhex(each.txid)[::-1] for each in transactions]
        merkle_root, _ = merkle_root_of(hashes or [NO_HASH])
    header = Header(
        version=0x2000_0000,
        prev_hash="00" * 32,
        merkle_root=merkle_root[::-1].hex(),
        time_at=datetime(2024, 5, 31, 4, 26, tzinfo=UTC),
        bits=0x207F_FFFF,
        nonce=0,
        hash="",
    )
    body = b"".join(each.serialize(with_witness=with_witness) for each in transactions)
    return header.serialize() + compact_size(len(transactions)) + body


def coinbase(*outputs: TxOut, witness: tuple[bytes, ...] = ()) -> Transaction:
    nothing = OutPoint(txid="00" * 32, vout=0xFFFF_FFFF)
    spending = TxIn(outpoint=nothing, script_sig=b"\x01\x01", sequence=0, witness=witness)
    paid = outputs or (TxOut(amount_sat=Sat(1), script=b"\x51"),)
    return Transaction(version=1, inputs=(spending,), outputs=paid, locktime=0)


def payment(number: int, *, witness: tuple[bytes, ...] = ()) -> Transaction:
    spending = TxIn(
        outpoint=OutPoint(txid=f"{number:064x}", vout=0),
        script_sig=b"",
        sequence=0,
        witness=witness,
    )
    paid = TxOut(amount_sat=Sat(number), script=b"\x51" * 4)
    return Transaction(version=1, inputs=(spending,), outputs=(paid,), locktime=0)


def commitment(*wtxids: str, reserved: bytes = NO_HASH) -> TxOut:
    root, _ = merkle_root_of([NO_HASH, *(bytes.fromhex(each)[::-1] for each in wtxids)])
    script = bytes.fromhex("6a24aa21a9ed") + sha256_twice(root + reserved)
    return TxOut(amount_sat=Sat(0), script=script)


@pytest.mark.parametrize("known", BLOCKS, ids=lambda known: str(known["height"]))
def test_real_blocks_are_read_exactly(known: dict[str, Any]) -> None:
    raw = block_bytes(known["height"])
    assert hashlib.sha256(raw).hexdigest() == known["sha256"]
    block = parse_block(raw, f"block {known['height']}")
    assert block.header.hash == known["hash"]
    assert block.header == parse_header(raw[:80], "header")
    assert len(block.transactions) == known["transactions"]
    assert block.serialize() == raw
    # a real block met its target (the header's bits), which no test of ours could make up
    exponent, mantissa = block.header.bits >> 24, block.header.bits & 0xFF_FFFF
    assert int(block.header.hash, 16) <= mantissa << 8 * (exponent - 3)


def test_the_genesis_block_is_the_one_that_names_the_network() -> None:
    block = parse_block(block_bytes(0), "genesis")
    assert block.header.hash == Network.MAIN.genesis_hash
    assert block.header.time_at == datetime(2009, 1, 3, 18, 15, 5, tzinfo=UTC)
    assert b"Chancellor on brink of second bailout" in block.transactions[0].inputs[0].script_sig


@given(st.integers(0, 8 * 9288 - 1))
def test_no_single_bit_of_a_real_segwit_block_can_change_unseen(bit: int) -> None:
    raw = bytearray(block_bytes(482683))
    raw[bit // 8] ^= 1 << bit % 8
    if bit < 8 * 80 and not 8 * 36 <= bit < 8 * 68:
        # the header itself is bound by its hash alone
        header = parse_header(bytes(raw[:80]), "header")
        assert header.hash != parse_header(block_bytes(482683)[:80], "header").hash
        return
    with pytest.raises(BadInputError, match=r"block 482683: byte \d+: "):
        parse_block(bytes(raw), "block 482683")


@pytest.mark.parametrize("height", [542213, 227836])
def test_a_block_cut_short_or_continued_is_refused(height: int) -> None:
    raw = block_bytes(height)
    for size in [0, 1, 79, 80, 81, *range(100, len(raw), 997), len(raw) - 1]:
        with pytest.raises(BadInputError, match=r"b: byte \d+: "):
            parse_block(raw[:size], "b")
    with pytest.raises(BadInputError, match=f"b: byte {len(raw)}: 1 bytes follow the end"):
        parse_block(raw + b"\x00", "b")


def test_a_version_is_signed_as_bitcoin_core_shows_it() -> None:
    raw = b"\xff\xff\xff\xff" + block_bytes(0)[4:80]
    header = parse_header(raw, "header")
    assert header.version == -1
    assert header.serialize() == raw


def test_a_header_has_80_bytes() -> None:
    for size in (0, 79, 81):
        with pytest.raises(BadInputError):
            parse_header(bytes(size), "header")


def test_a_block_without_transactions_is_refused() -> None:
    with pytest.raises(BadInputError, match="byte 80: the block has no transactions"):
        parse_block(raw_block([]), "b")


def test_a_lying_count_of_transactions_is_refused() -> None:
    raw = raw_block([coinbase()])
    lying = raw[:80] + b"\xfe\xff\xff\xff\x7f" + raw[81:]
    with pytest.raises(BadInputError, match="byte 80: 2147483647 transactions cannot fit"):
        parse_block(lying, "b")


def test_the_coinbase_is_first_and_alone() -> None:
    with pytest.raises(BadInputError, match="byte 81: the first transaction is not a coinbase"):
        parse_block(raw_block([payment(1)]), "b")
    twice = [coinbase(), payment(1), coinbase(TxOut(amount_sat=Sat(2), script=b""))]
    with pytest.raises(BadInputError, match="a coinbase stands after the first transaction"):
        parse_block(raw_block(twice), "b")


def test_transactions_in_another_order_are_refused() -> None:
    block = parse_block(block_bytes(227836), "b")
    first, second, *rest = block.transactions[1:]
    root = bytes.fromhex(block.header.merkle_root)[::-1]
    swapped = [block.transactions[0], second, first, *rest]
    with pytest.raises(BadInputError, match="byte 36: the merkle root is not that"):
        parse_block(raw_block(swapped, merkle_root=root), "b")


@pytest.mark.parametrize("count", [3, 5, 6, 7])
def test_repeated_transactions_that_keep_the_root_are_refused(count: int) -> None:
    # CVE-2012-2459: the last transactions of an uneven row, once more, give the same root
    honest = [coinbase(), *(payment(number) for number in range(1, count))]
    root, ambiguous = merkle_root_of([bytes.fromhex(each.txid)[::-1] for each in honest])
    assert not ambiguous
    uneven = 2 if count == 6 else 1
    forged = [*honest, *honest[-uneven:]]
    forged_root, _ = merkle_root_of([bytes.fromhex(each.txid)[::-1] for each in forged])
    assert forged_root == root
    parse_block(raw_block(honest), "b")
    with pytest.raises(BadInputError, match="byte 36: the merkle root hides repeated"):
        parse_block(raw_block(forged, merkle_root=root), "b")


@given(st.lists(st.sampled_from([bytes([n]) * 32 for n in range(3)]), min_size=1, max_size=17))
def test_the_merkle_root_is_the_one_another_library_finds(hashes: list[bytes]) -> None:
    assert merkle_root_of(hashes) == tuple(merkle_root_and_mutated_from_hashes(hashes, hash256))


def test_a_merkle_root_of_nothing_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="of nothing"):
        merkle_root_of([])


def test_witnesses_are_bound_by_the_coinbase() -> None:
    spends = payment(1, witness=(b"signature",))
    good = coinbase(commitment(spends.wtxid), witness=(NO_HASH,))
    raw = raw_block([good, spends])
    assert parse_block(raw, "b").transactions == (good, spends)
    altered = payment(1, witness=(b"SIGNATURE",))
    assert altered.txid == spends.txid
    with pytest.raises(BadInputError, match="byte 81: the witness commitment is not that"):
        parse_block(raw_block([good, altered]), "b")


def test_the_last_commitment_counts() -> None:
    spends = payment(1, witness=(b"signature",))
    right, wrong = commitment(spends.wtxid), commitment("22" * 32)
    for outputs, accepted in (((wrong, right), True), ((right, wrong), False)):
        raw = raw_block([coinbase(*outputs, witness=(NO_HASH,)), spends])
        if accepted:
            parse_block(raw, "b")
        else:
            with pytest.raises(BadInputError, match="commitment is not that"):
                parse_block(raw, "b")


def test_witnesses_that_nothing_binds_are_refused() -> None:
    spends = payment(1, witness=(b"signature",))
    with pytest.raises(BadInputError, match="coinbase commits to none"):
        parse_block(raw_block([coinbase(witness=(NO_HASH,)), spends]), "b")
    short = TxOut(amount_sat=Sat(0), script=commitment(spends.wtxid).script[:-1])
    with pytest.raises(BadInputError, match="coinbase commits to none"):
        parse_block(raw_block([coinbase(short, witness=(NO_HASH,)), spends]), "b")


@pytest.mark.parametrize("reserved", [(), (bytes(31),), (NO_HASH, NO_HASH), (b"",)])
def test_the_coinbase_witness_is_one_item_of_32_bytes(reserved: tuple[bytes, ...]) -> None:
    spends = payment(1, witness=(b"signature",))
    raw = raw_block([coinbase(commitment(spends.wtxid), witness=reserved), spends])
    with pytest.raises(BadInputError, match="not one item of 32 bytes"):
        parse_block(raw, "b")


def test_a_block_without_any_witness_needs_no_commitment_to_hold() -> None:
    # as old peers are served it; every byte that is there is under the merkle root
    block = parse_block(block_bytes(482683), "b")
    root = bytes.fromhex(block.header.merkle_root)[::-1]
    raw = raw_block(list(block.transactions), merkle_root=root, with_witness=False)
    stripped = parse_block(raw, "b")
    assert [each.txid for each in stripped.transactions] == [
        each.txid for each in block.transactions
    ]
    assert not any(each.has_witness for each in stripped.transactions)


def test_a_block_heavier_than_a_block_may_be_is_refused() -> None:
    heavy = [
        Transaction(
            version=1,
            inputs=payment(number).inputs,
            outputs=(TxOut(amount_sat=Sat(1), script=bytes(499_900)),),
            locktime=0,
        )
        for number in (1, 2)
    ]
    parse_block(raw_block([coinbase(), heavy[0]]), "b")
    with pytest.raises(BadInputError, match="the block weighs"):
        parse_block(raw_block([coinbase(), *heavy]), "b")
