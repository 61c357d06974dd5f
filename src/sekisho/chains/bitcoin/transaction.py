"""Bitcoin transactions: legacy, segwit (BIP-141, BIP-144) and taproot-era, strict.

`parse_transaction` accepts exactly the bytes that `Transaction.serialize` writes, and of those
only what passes the context-free rules of consensus. Whether the outputs that it spends exist, and
whether its scripts succeed, is not judged here.
"""

import re
import struct
from dataclasses import dataclass, field
from typing import Final

from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.chains.bitcoin.reader import Reader, compact_size, var_bytes
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat

WEIGHT_MAX: Final = 4_000_000
"""BIP-141: what a block may weigh, and so what a transaction may."""

_WITNESS_SCALE = 4
_INPUT_SIZE_MIN = 41
_OUTPUT_SIZE_MIN = 9
_NO_TXID = "0" * 64
_NO_VOUT = 0xFFFF_FFFF
_OUTPOINT = re.compile(r"([0-9a-f]{64}):(0|[1-9][0-9]{0,9})")
_UINT32 = struct.Struct("<I")
_UINT64 = struct.Struct("<Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutPoint:
    """One output of one transaction: what an input spends."""

    txid: str
    """In display order: the reverse of the bytes on the wire."""
    vout: int

    def __str__(self) -> str:
        return f"{self.txid}:{self.vout}"

    def serialize(self) -> bytes:
        """Return the 36 bytes on the wire."""
        return bytes.fromhex(self.txid)[::-1] + _UINT32.pack(self.vout)


@dataclass(frozen=True, slots=True, kw_only=True)
class TxIn:
    """One input: the output that it spends, and what is shown to be allowed to."""

    outpoint: OutPoint
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...]
    """The witness stack, bottom first; empty for a legacy input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TxOut:
    """One output: how much, and the script that may spend it."""

    amount_sat: Sat
    script: bytes

    def serialize(self) -> bytes:
        """Return the bytes on the wire."""
        return _UINT64.pack(self.amount_sat) + var_bytes(self.script)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A transaction; ids and sizes are worked out once, from its fields."""

    version: int
    """Unsigned, as Bitcoin Core shows it since 28.0."""
    inputs: tuple[TxIn, ...]
    outputs: tuple[TxOut, ...]
    locktime: int
    _worked_out: "list[_Digest]" = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    """Empty, or what was once worked out: a frozen record can fill a list in later."""

    @property
    def txid(self) -> str:
        """The id that an outpoint names, in display order; no witness changes it."""
        return self._digest().txid

    @property
    def wtxid(self) -> str:
        """The BIP-141 id over all bytes, witness included, in display order."""
        return self._digest().wtxid

    @property
    def has_witness(self) -> bool:
        """Whether any input carries a witness, and so whether BIP-144 serialisation is used."""
        return any(each.witness for each in self.inputs)

    @property
    def is_coinbase(self) -> bool:
        """Whether this makes new coins: one input that spends nothing."""
        return len(self.inputs) == 1 and _spends_nothing(self.inputs[0].outpoint)

    @property
    def weight(self) -> int:
        """BIP-141 weight units: three times the size without witness, plus the size with it."""
        return self._digest().weight

    @property
    def vsize(self) -> int:
        """BIP-141 virtual size in vbytes, rounded up: what a feerate is paid for."""
        return -(-self.weight // _WITNESS_SCALE)

    def serialize(self, *, with_witness: bool = True) -> bytes:
        """Return the bytes on the wire; without witness, those that the txid is the hash of."""
        marked = with_witness and self.has_witness
        parts = [_UINT32.pack(self.version), b"\x00\x01" if marked else b""]
        parts.append(compact_size(len(self.inputs)))
        for each in self.inputs:
            parts += (each.outpoint.serialize(), var_bytes(each.script_sig))
            parts.append(_UINT32.pack(each.sequence))
        parts.append(compact_size(len(self.outputs)))
        parts += [each.serialize() for each in self.outputs]
        if marked:
            for each in self.inputs:
                parts.append(compact_size(len(each.witness)))
                parts += [var_bytes(item) for item in each.witness]
        parts.append(_UINT32.pack(self.locktime))
        return b"".join(parts)

    def _digest(self) -> "_Digest":
        if not self._worked_out:
            base, full = self.serialize(with_witness=False), self.serialize()
            self._worked_out.append(_digest_of(base, full))
        return self._worked_out[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Digest:
    """What is worked out from all of a transaction's bytes."""

    txid: str
    wtxid: str
    weight: int


def parse_outpoint(text: str, where: str) -> OutPoint:
    """Return the outpoint that `text` writes as "txid:vout"; lower-case hex, no leading zeros.

    Raises `BadInputError` at `where` for anything else.
    """
    found = _OUTPOINT.fullmatch(text)
    if found is None or int(found[2]) > 0xFFFF_FFFF:
        raise BadInputError(where, f"{text[:80]!r} is not an outpoint written as txid:vout")
    return OutPoint(txid=found[1], vout=int(found[2]))


def parse_transaction(data: bytes, where: str) -> Transaction:
    """Return the transaction that `data` is, all of it.

    Raises `BadInputError` naming the offset: bytes missing or left over, a size not in its
    shortest form, a witness flag other than 1 or without any witness (BIP-144), no inputs, no
    outputs, an amount or their sum above the supply, an output spent twice, an input that spends
    nothing, a coinbase script outside 2 to 100 bytes, or more weight than a block may have.
    """
    reader = Reader(data, where)
    transaction = read_transaction(reader)
    reader.done()
    return transaction


def read_transaction(reader: Reader) -> Transaction:
    """Return the transaction that begins at the reader's offset, and leave the reader after it.

    Raises as `parse_transaction` does, but for what follows.
    """
    start = reader.offset
    version = reader.uint32()
    marked = _read_marker(reader)
    body_start = reader.offset
    bare_inputs = _read_inputs(reader)
    outputs = _read_outputs(reader)
    body_stop = reader.offset
    inputs = (
        _with_witnesses(reader, bare_inputs, marked_at=body_start - 2) if marked else bare_inputs
    )
    locktime = reader.uint32()
    raw = reader.span(start, reader.offset)
    base = raw[:4] + reader.span(body_start, body_stop) + raw[-4:] if marked else raw
    transaction = Transaction(version=version, inputs=inputs, outputs=outputs, locktime=locktime)
    transaction._worked_out.append(_digest_of(base, raw))  # noqa: SLF001 - spares a serialisation
    _check(reader, transaction, at=start)
    return transaction


def _read_marker(reader: Reader) -> bool:
    """Read the BIP-144 marker and flag if they are there."""
    at = reader.offset
    if reader.uint8() != 0:
        reader.offset = at
        return False
    flag = reader.uint8()
    if flag == 0:
        raise reader.fail("the transaction has no inputs", at=at)
    if flag != 1:
        raise reader.fail(f"the witness flag is {flag}, not 1", at=at + 1)
    return True


def _read_inputs(reader: Reader) -> tuple[TxIn, ...]:
    at = reader.offset
    count = reader.count("inputs", item_size_min=_INPUT_SIZE_MIN)
    if count == 0:
        raise reader.fail("the transaction has no inputs", at=at)
    inputs = []
    for _ in range(count):
        txid = reader.take(32)[::-1].hex()
        outpoint = OutPoint(txid=txid, vout=reader.uint32())
        script_sig = reader.var_bytes()
        sequence = reader.uint32()
        inputs.append(
            TxIn(outpoint=outpoint, script_sig=script_sig, sequence=sequence, witness=())
        )
    return tuple(inputs)


def _read_outputs(reader: Reader) -> tuple[TxOut, ...]:
    at = reader.offset
    count = reader.count("outputs", item_size_min=_OUTPUT_SIZE_MIN)
    if count == 0:
        raise reader.fail("the transaction has no outputs", at=at)
    outputs = []
    total_sat = 0
    for _ in range(count):
        at = reader.offset
        amount_sat = Sat(reader.uint64())  # a negative one reads as more than the supply
        total_sat += amount_sat
        if total_sat > SUPPLY_MAX_SAT:
            raise reader.fail("the outputs are more than all bitcoin that can exist", at=at)
        outputs.append(TxOut(amount_sat=amount_sat, script=reader.var_bytes()))
    return tuple(outputs)


def _with_witnesses(
    reader: Reader, bare_inputs: tuple[TxIn, ...], *, marked_at: int
) -> tuple[TxIn, ...]:
    stacks = []
    for _ in bare_inputs:
        count = reader.count("witness items", item_size_min=1)
        stacks.append(tuple([reader.var_bytes() for _ in range(count)]))
    if not any(stacks):
        raise reader.fail("the witness flag is set but no input has a witness", at=marked_at)
    return tuple(
        TxIn(
            outpoint=each.outpoint,
            script_sig=each.script_sig,
            sequence=each.sequence,
            witness=stack,
        )
        for each, stack in zip(bare_inputs, stacks, strict=True)
    )


def _check(reader: Reader, transaction: Transaction, *, at: int) -> None:
    """Refuse what the context-free rules of consensus (Core's `CheckTransaction`) refuse."""
    inputs = transaction.inputs
    if transaction.weight > WEIGHT_MAX:
        weight = transaction.weight
        raise reader.fail(f"the transaction weighs {weight}, more than a block may", at=at)
    if transaction.is_coinbase:
        if not 2 <= len(inputs[0].script_sig) <= 100:
            raise reader.fail("the coinbase script is not of 2 to 100 bytes", at=at)
        return
    spent = {each.outpoint for each in inputs}
    if len(spent) != len(inputs):
        raise reader.fail("the transaction spends one output twice", at=at)
    if OutPoint(txid=_NO_TXID, vout=_NO_VOUT) in spent:
        raise reader.fail("an input beside others spends nothing", at=at)


def _spends_nothing(outpoint: OutPoint) -> bool:
    return outpoint.vout == _NO_VOUT and outpoint.txid == _NO_TXID


def _digest_of(base: bytes, full: bytes) -> _Digest:
    weight = (_WITNESS_SCALE - 1) * len(base) + len(full)
    txid = sha256_twice(base)[::-1].hex()
    wtxid = txid if base == full else sha256_twice(full)[::-1].hex()
    return _Digest(txid=txid, wtxid=wtxid, weight=weight)
