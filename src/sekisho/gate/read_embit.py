"""The second reader of PSBTs: embit, which shares no code with the first.

It sees only what the first reader accepted, because it believes counts in the bytes. Nothing that
it computes is used, neither fee nor verification: only what it reads.
"""

from typing import Any

from embit.psbt import PSBT

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.gate.records import ReadInput, ReadPSBT, Signatures
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import Sat

_SEQUENCE_FINAL = 0xFFFF_FFFF
_TAP_KEY_SIG = b"\x13"
_MUSIG2_PARTIAL_SIG = b"\x1c"
_TX_MODIFIABLE = b"\x06"
_REQUIRED_TIME, _REQUIRED_HEIGHT = b"\x11", b"\x12"


def read_with_embit(data: bytes, where: str) -> ReadPSBT:
    """Return the PSBT as embit reads it, or raise `BadInputError` with its reason."""
    try:
        psbt: Any = PSBT.parse(data)
        transaction = Transaction(
            version=psbt.tx_version,
            inputs=tuple(_tx_in(each) for each in psbt.inputs),
            outputs=tuple(
                TxOut(amount_sat=Sat(each.value), script=bytes(each.script_pubkey.data))
                for each in psbt.outputs
            ),
            locktime=_locktime(psbt),
        )
        modifiable = psbt.unknown.get(_TX_MODIFIABLE, b"\x00")
        return ReadPSBT(
            psbt_version=psbt.version or 0,
            modifiable=int.from_bytes(modifiable, "little"),
            transaction=transaction,
            inputs=tuple(_read_input(each) for each in psbt.inputs),
        )
    except Exception as error:  # embit raises many kinds; whatever it is, it is not a reading
        raise BadInputError(where, f"a second reader cannot read it: {error}") from error


def _locktime(psbt: Any) -> int:  # noqa: ANN401 - embit publishes no types
    """Determine the locktime from what the inputs require (BIP-370), which embit leaves to us.

    A height if every input that requires anything can do with one, else a time; the largest.
    """
    required = [
        {
            kind: int.from_bytes(scope.unknown[kind], "little")
            for kind in (_REQUIRED_TIME, _REQUIRED_HEIGHT)
            if kind in scope.unknown
        }
        for scope in psbt.inputs
    ]
    asking = [each for each in required if each]
    if not asking:
        return psbt.locktime or 0
    for kind in (_REQUIRED_HEIGHT, _REQUIRED_TIME):
        if all(kind in each for each in asking):
            return max(each[kind] for each in asking)
    raise BadInputError("locktime", "no locktime satisfies every input")


def _tx_in(scope: Any) -> TxIn:  # noqa: ANN401 - embit publishes no types
    return TxIn(
        outpoint=OutPoint(txid=scope.txid.hex(), vout=scope.vout),
        script_sig=b"",
        sequence=_SEQUENCE_FINAL if scope.sequence is None else scope.sequence,
        witness=(),
    )


def _read_input(scope: Any) -> ReadInput:  # noqa: ANN401 - embit publishes no types
    previous, utxo = scope.non_witness_utxo, scope.witness_utxo
    signed = bool(
        scope.partial_sigs
        or scope.taproot_sigs
        or scope.final_scriptsig
        or scope.final_scriptwitness
        or _TAP_KEY_SIG in scope.unknown
        or any(key.startswith(_MUSIG2_PARTIAL_SIG) for key in scope.unknown)
    )
    return ReadInput(
        previous=None if previous is None else previous.serialize(),
        witness_utxo=None
        if utxo is None
        else TxOut(amount_sat=Sat(utxo.value), script=bytes(utxo.script_pubkey.data)),
        sighash_type=scope.sighash_type,
        redeem_script=scope.redeem_script.data if scope.redeem_script else b"",
        witness_script=scope.witness_script.data if scope.witness_script else b"",
        signed=signed,
        signatures=_signatures(scope),
    )


def _signatures(scope: Any) -> Signatures:  # noqa: ANN401 - embit publishes no types
    script_sig, witness = scope.final_scriptsig, scope.final_scriptwitness
    return Signatures(
        partial=tuple(sorted((key.sec(), value) for key, value in scope.partial_sigs.items())),
        taproot_key=scope.unknown.get(_TAP_KEY_SIG, b""),
        taproot_scripts=tuple(
            sorted(
                (key.xonly() + leaf, value) for (key, leaf), value in scope.taproot_sigs.items()
            )
        ),
        script_sig=script_sig.data if script_sig else b"",
        witness=tuple(witness.items) if witness else (),
    )
