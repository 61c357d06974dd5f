"""Blocks: the header, the transactions, and the two hash trees that bind them together.

`parse_block` makes sure that the bytes hang together: the transactions are those that the header's
merkle root commits to, in that order and none twice, and their witnesses are those that the
coinbase commits to (BIP-141). It says nothing about proof of work or about whether the block is in
the chain: a header's own claim of its difficulty proves nothing without the headers before it.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.chains.bitcoin.reader import Reader, compact_size
from sekisho.chains.bitcoin.transaction import WEIGHT_MAX, Transaction, read_transaction

BLOCK_SIZE_MAX: Final = WEIGHT_MAX
"""BIP-141: every byte of a block weighs at least one of its four million weight units."""

HEADER_SIZE: Final = 80

_HEADER = struct.Struct("<i32s32sIII")
_MERKLE_ROOT_AT = 36
_TRANSACTION_SIZE_MIN = 60
_COMMITMENT_HEAD = bytes.fromhex("6a24aa21a9ed")
_COMMITMENT_SIZE_MIN = 38
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A block header; hashes are in display order."""

    version: int
    prev_hash: str
    merkle_root: str
    time_at: datetime
    bits: int
    nonce: int
    hash: str

    def serialize(self) -> bytes:
        """Return the 80 bytes on the wire."""
        return _HEADER.pack(
            self.version,
            bytes.fromhex(self.prev_hash)[::-1],
            bytes.fromhex(self.merkle_root)[::-1],
            int(self.time_at.timestamp()),
            self.bits,
            self.nonce,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block whose transactions are those that its header commits to."""

    header: Header
    transactions: tuple[Transaction, ...]
    """The coinbase first."""

    def serialize(self) -> bytes:
        """Return the bytes on the wire, witnesses included."""
        parts = [self.header.serialize(), compact_size(len(self.transactions))]
        parts += [each.serialize() for each in self.transactions]
        return b"".join(parts)


def parse_header(data: bytes, where: str) -> Header:
    """Return the header that `data` is; raises `BadInputError` if it is not 80 bytes."""
    reader = Reader(data, where)
    header = _read_header(reader)
    reader.done()
    return header


def parse_block(data: bytes, where: str) -> Block:
    """Return the block that `data` is, all of it.

    Raises `BadInputError` naming the offset for what `parse_transaction` refuses, and: a first
    transaction that is not the coinbase or another that is, a merkle root that differs or that a
    repeated transaction could have made (CVE-2012-2459), witnesses that the coinbase does not
    commit to, or more weight than a block may have.

    A block that carries no witness at all is accepted even where the coinbase has a commitment:
    that is how blocks before segwit, and blocks served to old peers, look. Every byte of it is
    then covered by the merkle root.
    """
    reader = Reader(data, where)
    header = _read_header(reader)
    count_at = reader.offset
    count = reader.count("transactions", item_size_min=_TRANSACTION_SIZE_MIN)
    starts, transactions = [], []
    for _ in range(count):
        starts.append(reader.offset)
        transactions.append(read_transaction(reader))
    reader.done()
    block = Block(header=header, transactions=tuple(transactions))
    _check_coinbase(reader, block, starts, count_at=count_at)
    _check_merkle_root(reader, block)
    _check_witnesses(reader, block, at=starts[0])
    size_beside = HEADER_SIZE + len(compact_size(count))
    weight = 4 * size_beside + sum(each.weight for each in transactions)
    if weight > WEIGHT_MAX:
        raise reader.fail(f"the block weighs {weight}, more than {WEIGHT_MAX}", at=0)
    return block


def merkle_root_of(hashes: list[bytes]) -> tuple[bytes, bool]:
    """Return the Bitcoin merkle root of hashes in wire order, and whether it is ambiguous.

    Ambiguous: two equal hashes stand side by side in some row, so that a longer list, which
    repeats transactions, has the same root (CVE-2012-2459). Raises `ValueError` for no hashes.
    """
    if not hashes:
        raise ValueError("a merkle root of nothing")
    row, ambiguous = hashes, False
    while len(row) > 1:
        lefts, rights = row[0::2], row[1::2]
        ambiguous = ambiguous or any(map(bytes.__eq__, lefts, rights))
        if len(lefts) > len(rights):
            rights.append(lefts[-1])
        pairs = zip(lefts, rights, strict=True)
        row = [sha256_twice(left + right) for left, right in pairs]
    return row[0], ambiguous


def _read_header(reader: Reader) -> Header:
    raw = reader.take(HEADER_SIZE)
    version, prev_hash, merkle_root, time, bits, nonce = _HEADER.unpack(raw)
    return Header(
        version=version,
        prev_hash=prev_hash[::-1].hex(),
        merkle_root=merkle_root[::-1].hex(),
        time_at=datetime.fromtimestamp(time, UTC),
        bits=bits,
        nonce=nonce,
        hash=sha256_twice(raw)[::-1].hex(),
    )


def _check_coinbase(reader: Reader, block: Block, starts: list[int], *, count_at: int) -> None:
    if not block.transactions:
        raise reader.fail("the block has no transactions", at=count_at)
    if not block.transactions[0].is_coinbase:
        raise reader.fail("the first transaction is not a coinbase", at=starts[0])
    for each, start in zip(block.transactions[1:], starts[1:], strict=True):
        if each.is_coinbase:
            raise reader.fail("a coinbase stands after the first transaction", at=start)


def _check_merkle_root(reader: Reader, block: Block) -> None:
    root, ambiguous = merkle_root_of([_wire(each.txid) for each in block.transactions])
    if root[::-1].hex() != block.header.merkle_root:
        raise reader.fail("the merkle root is not that of the transactions", at=_MERKLE_ROOT_AT)
    if ambiguous:
        raise reader.fail("the merkle root hides repeated transactions", at=_MERKLE_ROOT_AT)


def _check_witnesses(reader: Reader, block: Block, *, at: int) -> None:
    """Refuse witnesses that the coinbase does not commit to (BIP-141, "Commitment structure")."""
    if not any(each.has_witness for each in block.transactions):
        return
    commitment = _witness_commitment(block.transactions[0])
    if commitment is None:
        raise reader.fail("the block has witnesses but its coinbase commits to none", at=at)
    reserved = block.transactions[0].inputs[0].witness
    if len(reserved) != 1 or len(reserved[0]) != 32:
        raise reader.fail("the coinbase witness is not one item of 32 bytes", at=at)
    hashes = [_NO_HASH, *(_wire(each.wtxid) for each in block.transactions[1:])]
    root, _ = merkle_root_of(hashes)  # repeats were found in the tree of txids
    if sha256_twice(root + reserved[0]) != commitment:
        raise reader.fail("the witness commitment is not that of the transactions", at=at)


def _witness_commitment(coinbase: Transaction) -> bytes | None:
    """Return the 32 committed bytes of the last output that has them."""
    for each in reversed(coinbase.outputs):
        if len(each.script) >= _COMMITMENT_SIZE_MIN and each.script.startswith(_COMMITMENT_HEAD):
            return each.script[6:38]
    return None


def _wire(display: str) -> bytes:
    return bytes.fromhex(display)[::-1]
