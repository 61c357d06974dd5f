"""Output scripts: what kind each is, whose keys it asks for, and the pushes in it.

Kinds are told apart by the exact templates of Bitcoin Core's `Solver`; what fits none of them is
`NONSTANDARD`, and nothing is guessed about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from sekisho.chains.bitcoin.digests import hash160, sha256_once

OP_0 = 0x00
OP_PUSHDATA1 = 0x4C
OP_PUSHDATA2 = 0x4D
OP_PUSHDATA4 = 0x4E
OP_1NEGATE = 0x4F
OP_1 = 0x51
OP_16 = 0x60
OP_RETURN = 0x6A
OP_DUP = 0x76
OP_EQUAL = 0x87
OP_EQUALVERIFY = 0x88
OP_NUMEQUAL = 0x9C
OP_HASH160 = 0xA9
OP_CODESEPARATOR = 0xAB
OP_CHECKSIG = 0xAC
OP_CHECKMULTISIG = 0xAE
OP_CHECKSIGADD = 0xBA

MULTISIG_KEYS_MAX = 20
"""The most keys that OP_CHECKMULTISIG takes, by consensus."""

_P2PKH_HEAD = bytes((OP_DUP, OP_HASH160, 20))
_P2PKH_TAIL = bytes((OP_EQUALVERIFY, OP_CHECKSIG))
_P2SH_HEAD = bytes((OP_HASH160, 20))
_P2A = bytes((OP_1, 2, 0x4E, 0x73))
_PUSHED_LENGTH_SIZES = {OP_PUSHDATA1: 1, OP_PUSHDATA2: 2, OP_PUSHDATA4: 4}


@unique
class ScriptKind(StrEnum):
    """The kinds of output script; the value is how they are written in documents."""

    P2PK = "p2pk"
    P2PKH = "p2pkh"
    P2SH = "p2sh"
    P2WPKH = "p2wpkh"
    P2WSH = "p2wsh"
    P2TR = "p2tr"
    P2A = "p2a"
    WITNESS_UNKNOWN = "witness_unknown"
    MULTISIG = "multisig"
    OP_RETURN = "op_return"
    NONSTANDARD = "nonstandard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Multisig:
    """A `threshold`-of-n OP_CHECKMULTISIG script."""

    threshold: int
    public_keys: tuple[bytes, ...]
    """In the script's order, which is the order that signatures must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of a script."""

    offset: int
    """Where it begins in the script."""
    stop: int
    """Where the next one begins."""
    opcode: int
    pushed: bytes | None
    """What it pushes as data (OP_0: the empty string); `None` if it is no data push."""


def operations(script: bytes) -> Iterator[Operation]:
    """Yield the operations of a script, in order.

    A push that runs past the end of the script is not yielded: what was read before it ends at
    `stop` of the last operation, which is then short of the script's length.
    """
    offset = 0
    size = len(script)
    while offset < size:
        opcode = script[offset]
        data_at = offset + 1
        pushed: bytes | None = None
        if opcode <= OP_PUSHDATA4:
            length = opcode
            if opcode >= OP_PUSHDATA1:
                length_size = _PUSHED_LENGTH_SIZES[opcode]
                length = int.from_bytes(script[data_at : data_at + length_size], "little")
                data_at += length_size
            if data_at + length > size:
                return
            pushed = script[data_at : data_at + length]
            data_at += length
        yield Operation(offset=offset, stop=data_at, opcode=opcode, pushed=pushed)
        offset = data_at


def parse_operations(script: bytes) -> tuple[Operation, ...] | None:
    """Return all operations of a script, or `None` if its last push runs past its end."""
    found = tuple(operations(script))
    read_to = found[-1].stop if found else 0
    return found if read_to == len(script) else None


def pushed_stack(script: bytes) -> tuple[bytes, ...] | None:
    """Return what a script that only pushes leaves on the stack, bottom first.

    `None` if it does anything else: then what it leaves depends on running it.
    """
    found = parse_operations(script)
    if found is None:
        return None
    stack = [_value_of(each) for each in found]
    return None if None in stack else tuple(item for item in stack if item is not None)


def classify(script: bytes) -> ScriptKind:
    """Return the kind of an output script, by exact template."""
    witness = witness_program(script)
    if witness is not None:
        return _classify_witness(script, *witness)
    for kind, fits in _TEMPLATES:
        if fits(script):
            return kind
    return ScriptKind.NONSTANDARD


def witness_program(script: bytes) -> tuple[int, bytes] | None:
    """Return the version and program of a BIP-141 witness output script, or `None`."""
    if not 4 <= len(script) <= 42 or script[1] != len(script) - 2:
        return None
    if script[0] == OP_0:
        return 0, script[2:]
    if OP_1 <= script[0] <= OP_16:
        return script[0] - OP_1 + 1, script[2:]
    return None


def p2pk_key(script: bytes) -> bytes | None:
    """Return the key of a pay-to-public-key script, or `None`."""
    if len(script) in {35, 67} and script[0] == len(script) - 2 and script[-1] == OP_CHECKSIG:
        return script[1:-1] if _is_key(script[1:-1]) else None
    return None


def multisig_of(script: bytes) -> Multisig | None:
    """Return the threshold and keys of an OP_CHECKMULTISIG script, or `None` if it is none.

    At most 20 keys, each of a key's size and first byte; whether one is a point is not judged.
    """
    if len(script) < 37 or script[-1] != OP_CHECKMULTISIG:
        return None
    found = parse_operations(script)
    if found is None or not 4 <= len(found) <= MULTISIG_KEYS_MAX + 3:
        return None
    threshold, total = _small_number(found[0]), _small_number(found[-2])
    keys = tuple(each.pushed for each in found[1:-2] if each.pushed and _is_key(each.pushed))
    if threshold is None or total is None or threshold > total:
        return None
    if len(keys) != len(found) - 3 or len(keys) != total:
        return None
    return Multisig(threshold=threshold, public_keys=keys)


def multi_a_of(script: bytes) -> Multisig | None:
    """Return the threshold and 32-byte keys of a tapscript `pk` or `multi_a`, or `None`.

    `<key> CHECKSIG`, or BIP-387's `<key> CHECKSIG <key> CHECKSIGADD ... <threshold> NUMEQUAL`.
    """
    found = parse_operations(script) or ()
    pushes = found if len(found) == 2 else found[:-2]
    keys = tuple(each.pushed for each in pushes[0::2] if each.pushed and len(each.pushed) == 32)
    checks = [each.opcode for each in pushes[1::2]]
    if not keys or len(keys) != len(pushes[0::2]) or len(keys) != len(checks):
        return None
    if checks != [OP_CHECKSIG] + [OP_CHECKSIGADD] * (len(keys) - 1):
        return None
    threshold = 1
    if len(found) > 2:
        threshold = _small_number(found[-2]) or 0
        if found[-1].opcode != OP_NUMEQUAL:
            return None
    return Multisig(threshold=threshold, public_keys=keys) if 1 <= threshold <= len(keys) else None


def p2sh_of(script: bytes) -> bytes:
    """Return the P2SH output script that pays to `script` (BIP-16)."""
    return _P2SH_HEAD + hash160(script) + bytes((OP_EQUAL,))


def p2wsh_of(script: bytes) -> bytes:
    """Return the P2WSH output script that pays to `script` (BIP-141)."""
    return bytes((OP_0, 32)) + sha256_once(script)


def p2pkh_of(key_hash: bytes) -> bytes:
    """Return the P2PKH output script for the 20-byte hash of a key."""
    return _P2PKH_HEAD + key_hash + _P2PKH_TAIL


def _is_p2pkh(script: bytes) -> bool:
    return len(script) == 25 and script[:3] == _P2PKH_HEAD and script[23:] == _P2PKH_TAIL


def _is_p2sh(script: bytes) -> bool:
    return len(script) == 23 and script[:2] == _P2SH_HEAD and script[22] == OP_EQUAL


def _is_p2pk(script: bytes) -> bool:
    return p2pk_key(script) is not None


def _is_op_return(script: bytes) -> bool:
    return script[:1] == bytes((OP_RETURN,)) and _only_pushes(script[1:])


def _is_multisig(script: bytes) -> bool:
    return multisig_of(script) is not None


def _only_pushes(script: bytes) -> bool:
    found = parse_operations(script)
    return found is not None and all(each.opcode <= OP_16 for each in found)


_TEMPLATES: Final = (
    (ScriptKind.P2PKH, _is_p2pkh),
    (ScriptKind.P2SH, _is_p2sh),
    (ScriptKind.P2PK, _is_p2pk),
    (ScriptKind.OP_RETURN, _is_op_return),
    (ScriptKind.MULTISIG, _is_multisig),
)


def _classify_witness(script: bytes, version: int, program: bytes) -> ScriptKind:
    if script == _P2A:
        return ScriptKind.P2A
    match version, len(program):
        case 0, 20:
            return ScriptKind.P2WPKH
        case 0, 32:
            return ScriptKind.P2WSH
        case 0, _:
            return ScriptKind.NONSTANDARD  # BIP-141: such an output can never be spent
        case 1, 32:
            return ScriptKind.P2TR
        case _:
            return ScriptKind.WITNESS_UNKNOWN


def _is_key(data: bytes) -> bool:
    if len(data) == 33:
        return data[0] in {2, 3}
    return len(data) == 65 and data[0] in {4, 6, 7}


def _value_of(operation: Operation) -> bytes | None:
    if operation.pushed is not None:
        return operation.pushed
    if operation.opcode == OP_1NEGATE:
        return b"\x81"
    if OP_1 <= operation.opcode <= OP_16:
        return bytes((operation.opcode - OP_1 + 1,))
    return None


def _small_number(operation: Operation) -> int | None:
    """Return a number from 1 to 20 in its one minimal spelling: an opcode, or one pushed byte."""
    if OP_1 <= operation.opcode <= OP_16:
        return operation.opcode - OP_1 + 1
    if operation.opcode == 1 and operation.pushed is not None and 17 <= operation.pushed[0] <= 20:
        return operation.pushed[0]
    return None
