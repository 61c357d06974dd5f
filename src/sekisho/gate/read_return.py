"""What came back from a signer, as read: a PSBT by both readers, or a transaction by our own."""

from dataclasses import dataclass, replace

from sekisho.chains.bitcoin.transaction import Transaction, parse_transaction
from sekisho.gate.maps import MAGIC, Pairs, pairs_of
from sekisho.gate.reading import PSBT_SIZE_MAX_BYTES, psbt_bytes, read_psbt
from sekisho.gate.records import ReadPSBT, Signatures
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding

_MAGIC_IN_HEX, _MAGIC_IN_BASE64 = b"70736274ff", b"cHNidP8"
_HEX = frozenset(b"0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReturn:
    """What a signer returned, as it reads. All of it is a claim."""

    data: bytes
    """The bytes in binary."""
    transaction: Transaction
    """Without any signature."""
    signatures: tuple[Signatures, ...]
    """For each input."""
    signed: bool
    """Whether any signature is there, even one of a kind that is not in `signatures`."""
    psbt: ReadPSBT | None
    """None for a transaction by itself."""
    pairs: Pairs
    """Of the PSBT."""
    shown_txids: tuple[str, ...]
    """Of the previous transaction that each input of the PSBT shows; empty where it shows none."""


def read_return(returned: bytes, where: str) -> tuple[ReadReturn | None, list[Finding]]:
    """Return what was returned, or None and why it cannot be read.

    A PSBT that can be read but contradicts itself comes back with that finding.
    """
    try:
        if _is_psbt(returned):
            return _of_psbt(psbt_bytes(returned, where), where)
        data = _transaction_bytes(returned, where)
        return _of_transaction(data, parse_transaction(data, where)), []
    except BadInputError as error:
        return None, [finding("gate.return_unreadable", where, reason=error.reason)]


def _is_psbt(returned: bytes) -> bool:
    text = b"".join(returned[:64].split())
    return (
        returned.startswith(MAGIC)
        or text[: len(_MAGIC_IN_HEX)].lower() == _MAGIC_IN_HEX
        or text.startswith(_MAGIC_IN_BASE64)
    )


def _transaction_bytes(returned: bytes, where: str) -> bytes:
    """Return the binary form of a transaction that may be written in hex, in lines or not."""
    if len(returned) > PSBT_SIZE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {PSBT_SIZE_MAX_BYTES} bytes")
    text = b"".join(returned.split())
    if len(text) % 2 == 0 and _HEX.issuperset(text):
        return bytes.fromhex(text.decode("ascii"))
    return returned


def _of_psbt(data: bytes, where: str) -> tuple[ReadReturn | None, list[Finding]]:
    read, wrong = read_psbt(data, where)
    if read is None:
        return None, [_unreadable(each, where) for each in wrong]
    found = ReadReturn(
        data=data,
        transaction=read.transaction,
        signatures=tuple(each.signatures for each in read.inputs),
        signed=any(each.signed for each in read.inputs),
        psbt=read,
        pairs=pairs_of(data, where),
        shown_txids=tuple(
            parse_transaction(each.previous, where).txid if each.previous is not None else ""
            for each in read.inputs
        ),
    )
    return found, [
        finding("gate.return_not_valid", where, reason=_fact(each, "reason")) for each in wrong
    ]


def _of_transaction(data: bytes, signed: Transaction) -> ReadReturn:
    bare = tuple(replace(each, script_sig=b"", witness=()) for each in signed.inputs)
    return ReadReturn(
        data=data,
        transaction=replace(signed, inputs=bare),
        signatures=tuple(
            Signatures(script_sig=each.script_sig, witness=each.witness) for each in signed.inputs
        ),
        signed=bare != signed.inputs,
        psbt=None,
        pairs=(),
        shown_txids=(),
    )


def _unreadable(found: Finding, where: str) -> Finding:
    """Return a reader's finding, made before signing, in the words for after it."""
    reason = _fact(found, "reason") or f"two readers differ: {_fact(found, 'field')}"
    return finding("gate.return_unreadable", where, reason=reason)


def _fact(found: Finding, name: str) -> str:
    return dict(found.facts).get(name, "")
