"""What a signature signs: the digests of the legacy rules, of BIP-143 and of BIP-341.

Written here and not taken from the library that the gate reads PSBTs with, so that the watcher's
answer to "did our keys sign this?" shares nothing with the gate's but the curve itself.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sekisho.chains.bitcoin.digests import sha256_once, sha256_twice, tagged_hash
from sekisho.chains.bitcoin.reader import compact_size, var_bytes
from sekisho.chains.bitcoin.scripts import OP_CODESEPARATOR, operations
from sekisho.chains.bitcoin.transaction import Transaction, TxOut

DEFAULT: Final = 0x00
ALL: Final = 0x01
NONE: Final = 0x02
SINGLE: Final = 0x03
ANYONECANPAY: Final = 0x80

_BASE_MASK = 0x1F
_TAPROOT_FLAGS = frozenset((DEFAULT, ALL, NONE, SINGLE, 0x81, 0x82, 0x83))
_BARE_INPUT_SIZE = 41
_BLANK_OUTPUT = b"\xff" * 8 + b"\x00"
_NO_HASH = bytes(32)
_ONE_HASH = b"\x01" + bytes(31)
_UINT32 = struct.Struct("<I")
_UINT64 = struct.Struct("<Q")
_NO_CODESEPARATOR = _UINT32.pack(0xFFFF_FFFF)
_NAMES = {ALL: "ALL", NONE: "NONE", SINGLE: "SINGLE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A transaction, the outputs that it spends, and what all its signatures commit to.

    Made once by `signed_parts`; without it each signature would hash the whole transaction again.
    """

    transaction: Transaction
    spent: tuple[TxOut, ...]
    bare_inputs: bytes
    """Every input with an empty script, 41 bytes each."""
    unsequenced_inputs: bytes
    """The same with their sequences zeroed."""
    outputs: bytes
    prevouts_hash: bytes
    """SHA-256, once, of all outpoints, as BIP-341 has it; BIP-143 hashes it again."""
    amounts_hash: bytes
    scripts_hash: bytes
    sequences_hash: bytes
    outputs_hash: bytes


def signed_parts(transaction: Transaction, spent: Sequence[TxOut]) -> Signed:
    """Return the parts that signatures of `transaction` share.

    Raises `ValueError` unless `spent` has one output for each input, in order.
    """
    if len(spent) != len(transaction.inputs):
        raise ValueError(f"{len(spent)} spent outputs for {len(transaction.inputs)} inputs")
    prevouts = [each.outpoint.serialize() for each in transaction.inputs]
    sequences = [_UINT32.pack(each.sequence) for each in transaction.inputs]
    outputs = b"".join(each.serialize() for each in transaction.outputs)
    pairs = list(zip(prevouts, sequences, strict=True))
    return Signed(
        transaction=transaction,
        spent=tuple(spent),
        bare_inputs=b"".join(outpoint + b"\x00" + sequence for outpoint, sequence in pairs),
        unsequenced_inputs=b"".join(outpoint + bytes(5) for outpoint in prevouts),
        outputs=outputs,
        prevouts_hash=sha256_once(b"".join(prevouts)),
        amounts_hash=sha256_once(b"".join(_UINT64.pack(each.amount_sat) for each in spent)),
        scripts_hash=sha256_once(b"".join(var_bytes(each.script) for each in spent)),
        sequences_hash=sha256_once(b"".join(sequences)),
        outputs_hash=sha256_once(outputs),
    )


def sighash_name(flag: int) -> str:
    """Return the name of a sighash flag: "ALL", "SINGLE|ANYONECANPAY"; an undefined one in hex."""
    base = _NAMES.get(flag & ~ANYONECANPAY)
    if base is None:
        return f"0x{flag:02x}"
    return f"{base}|ANYONECANPAY" if flag & ANYONECANPAY else base


def legacy_digest(signed: Signed, index: int, script_code: bytes, flag: int) -> bytes:
    """Return what a signature of a legacy input signs, with any 32-bit `flag`.

    As in consensus, SINGLE without an output of that index signs the number one. The caller has
    removed signatures from `script_code` where the script holds any.
    """
    transaction = signed.transaction
    base = flag & _BASE_MASK
    if base == SINGLE and index >= len(transaction.outputs):
        return _ONE_HASH
    spending = transaction.inputs[index]
    own = spending.outpoint.serialize() + var_bytes(_without_codeseparators(script_code))
    own += _UINT32.pack(spending.sequence)
    if flag & ANYONECANPAY:
        inputs = b"\x01" + own
    else:
        others = signed.unsequenced_inputs if base in {NONE, SINGLE} else signed.bare_inputs
        at = index * _BARE_INPUT_SIZE
        inputs = compact_size(len(transaction.inputs)) + others[:at] + own
        inputs += others[at + _BARE_INPUT_SIZE :]
    if base == NONE:
        outputs = b"\x00"
    elif base == SINGLE:
        outputs = compact_size(index + 1) + _BLANK_OUTPUT * index
        outputs += transaction.outputs[index].serialize()
    else:
        outputs = compact_size(len(transaction.outputs)) + signed.outputs
    tail = _UINT32.pack(transaction.locktime) + _UINT32.pack(flag & 0xFFFF_FFFF)
    return sha256_twice(_UINT32.pack(transaction.version) + inputs + outputs + tail)


def segwit_digest(signed: Signed, index: int, script_code: bytes, flag: int) -> bytes:
    """Return what a signature of a version 0 witness program signs (BIP-143)."""
    transaction = signed.transaction
    base = flag & _BASE_MASK
    alone = bool(flag & ANYONECANPAY)
    if base == SINGLE and index < len(transaction.outputs):
        outputs_hash = sha256_twice(transaction.outputs[index].serialize())
    elif base in {NONE, SINGLE}:
        outputs_hash = _NO_HASH
    else:
        outputs_hash = sha256_once(signed.outputs_hash)
    sequences_free = alone or base in {NONE, SINGLE}
    spending = transaction.inputs[index]
    parts = (
        _UINT32.pack(transaction.version),
        _NO_HASH if alone else sha256_once(signed.prevouts_hash),
        _NO_HASH if sequences_free else sha256_once(signed.sequences_hash),
        spending.outpoint.serialize(),
        var_bytes(script_code),
        _UINT64.pack(signed.spent[index].amount_sat),
        _UINT32.pack(spending.sequence),
        outputs_hash,
        _UINT32.pack(transaction.locktime),
        _UINT32.pack(flag),
    )
    return sha256_twice(b"".join(parts))


def taproot_digest(
    signed: Signed, index: int, flag: int, *, annex: bytes | None, leaf_hash: bytes | None
) -> bytes | None:
    """Return what a signature of a taproot output signs (BIP-341; BIP-342 with a `leaf_hash`).

    `None` where the rules let no signature be valid: an undefined flag, or SINGLE without an
    output of that index. No OP_CODESEPARATOR has been executed.
    """
    transaction = signed.transaction
    base = flag & 0x03
    if flag not in _TAPROOT_FLAGS or (base == SINGLE and index >= len(transaction.outputs)):
        return None
    parts = [b"\x00", bytes((flag,))]
    parts += (_UINT32.pack(transaction.version), _UINT32.pack(transaction.locktime))
    if not flag & ANYONECANPAY:
        parts += (signed.prevouts_hash, signed.amounts_hash)
        parts += (signed.scripts_hash, signed.sequences_hash)
    if base in {DEFAULT, ALL}:
        parts.append(signed.outputs_hash)
    extension = 0 if leaf_hash is None else 1
    parts.append(bytes((2 * extension + (annex is not None),)))
    if flag & ANYONECANPAY:
        spending = transaction.inputs[index]
        parts += (spending.outpoint.serialize(), signed.spent[index].serialize())
        parts.append(_UINT32.pack(spending.sequence))
    else:
        parts.append(_UINT32.pack(index))
    if annex is not None:
        parts.append(sha256_once(var_bytes(annex)))
    if base == SINGLE:
        parts.append(sha256_once(transaction.outputs[index].serialize()))
    if leaf_hash is not None:
        parts += (leaf_hash, b"\x00", _NO_CODESEPARATOR)
    return tagged_hash("TapSighash", b"".join(parts))


def _without_codeseparators(script_code: bytes) -> bytes:
    if OP_CODESEPARATOR not in script_code:
        return script_code
    kept, read_to = [], 0
    for each in operations(script_code):
        if each.opcode != OP_CODESEPARATOR:
            kept.append(script_code[each.offset : each.stop])
        read_to = each.stop
    return b"".join((*kept, script_code[read_to:]))
