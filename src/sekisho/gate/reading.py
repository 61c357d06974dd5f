"""One reading of a PSBT, or none: two libraries that share no code must read the same."""

import binascii
from base64 import b64decode

from sekisho.gate.read_btclib import read_with_btclib
from sekisho.gate.read_embit import read_with_embit
from sekisho.gate.records import ReadPSBT
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding

PSBT_SIZE_MAX_BYTES = 64 * 1024 * 1024
_MAGIC = b"psbt\xff"


def psbt_bytes(data: bytes, where: str) -> bytes:
    """Return the binary form of a PSBT file, which may be binary, base64 or hex, in lines or not.

    Raises `BadInputError` at `where` if it is none of them, or too large to be judged.
    """
    if len(data) > PSBT_SIZE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {PSBT_SIZE_MAX_BYTES} bytes")
    if data.startswith(_MAGIC):
        return data
    text = b"".join(data.split())  # base64 comes wrapped from many tools
    try:
        decoded = (
            bytes.fromhex(text.decode("ascii"))
            if text.lower().startswith(_MAGIC.hex().encode())
            else b64decode(text, validate=True)
        )
    except (binascii.Error, ValueError) as error:
        raise BadInputError(where, "is neither a binary, a base64 nor a hex PSBT") from error
    if not decoded.startswith(_MAGIC):
        raise BadInputError(where, "does not begin as a PSBT does")
    return decoded


def read_psbt(data: bytes, where: str) -> tuple[ReadPSBT | None, list[Finding]]:
    """Return the PSBT if both readers read the same, else None and every difference.

    A PSBT that can be read but contradicts itself comes back with that finding. Raises nothing for
    bad bytes: an unreadable PSBT is an answer of the gate, not an accident.
    """
    try:
        first, fault = read_with_btclib(data, where)
        second = read_with_embit(data, where)
    except BadInputError as error:
        return None, [finding("gate.psbt_unreadable", where, reason=error.reason)]
    differences = _differences(first, second)
    if differences:
        return None, [finding("gate.readers_disagree", where, field=each) for each in differences]
    return first, [finding("gate.psbt_not_valid", where, reason=fault)] if fault else []


def _differences(first: ReadPSBT, second: ReadPSBT) -> list[str]:
    """Return the names of the fields that the two readers read differently."""
    names = [
        name
        for name, ours, theirs in (
            ("psbt version", first.psbt_version, second.psbt_version),
            ("modifiable flags", first.modifiable, second.modifiable),
            ("version", first.transaction.version, second.transaction.version),
            ("inputs", first.transaction.inputs, second.transaction.inputs),
            ("outputs", first.transaction.outputs, second.transaction.outputs),
            ("locktime", first.transaction.locktime, second.transaction.locktime),
            ("number of inputs", len(first.inputs), len(second.inputs)),
        )
        if ours != theirs
    ]
    for index, (ours, theirs) in enumerate(zip(first.inputs, second.inputs, strict=False)):
        if ours != theirs:
            names.append(f"input {index}")
    if not names and first != second:
        names.append("something")  # equality is what counts; the names only explain it
    return names
