"""The first reader of PSBTs: btclib-wallet, the stricter one."""

from btclib.exceptions import BTClibException
from btclib_wallet.psbt.psbt import Psbt
from btclib_wallet.psbt.psbt_in import PsbtIn

from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.gate.records import ReadInput, ReadPSBT, Signatures
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import Sat

_SEQUENCE_FINAL = 0xFFFF_FFFF


def read_with_btclib(data: bytes, where: str) -> tuple[ReadPSBT, str]:
    """Return the PSBT as btclib-wallet reads it, and in what it contradicts itself, or "".

    Raises `BadInputError` with the library's reason for what has no one reading: duplicate keys,
    trailing bytes, mixed versions. What can be read and still is not valid (a `witness_utxo` that
    contradicts the previous transaction, a coin spent twice) is read, so that our own checks name
    every lie in it; it must be refused nevertheless.
    """
    try:
        psbt = Psbt.parse(data, check_validity=False)
        transaction = Transaction(
            version=psbt.tx_version,
            inputs=tuple(_tx_in(each) for each in psbt.inputs),
            outputs=tuple(
                TxOut(amount_sat=Sat(each.value), script=bytes(each.script_pub_key.script))
                for each in psbt.tx.vout
            ),
            locktime=psbt.lock_time,
        )
        read = ReadPSBT(
            psbt_version=psbt.version,
            modifiable=psbt.tx_modifiable or 0,
            transaction=transaction,
            inputs=tuple(_read_input(each) for each in psbt.inputs),
        )
        return read, _fault(psbt)
    except (BTClibException, ValueError, TypeError, RecursionError) as error:
        raise BadInputError(where, f"is not a PSBT we can read: {error}") from error


def _fault(psbt: Psbt) -> str:
    """Return why the library holds that a PSBT which it can read is not valid, or ""."""
    try:
        psbt.assert_valid()
    except (BTClibException, ValueError, TypeError) as error:
        return str(error) or type(error).__name__
    return ""


def _tx_in(psbt_in: PsbtIn) -> TxIn:
    return TxIn(
        outpoint=OutPoint(txid=psbt_in.prev_out.tx_id.hex(), vout=psbt_in.prev_out.vout),
        script_sig=b"",
        sequence=_SEQUENCE_FINAL if psbt_in.sequence is None else psbt_in.sequence,
        witness=(),
    )


def _read_input(psbt_in: PsbtIn) -> ReadInput:
    previous, utxo = psbt_in.non_witness_utxo, psbt_in.witness_utxo
    signed = bool(
        psbt_in.partial_sigs
        or psbt_in.final_script_sig
        or psbt_in.final_script_witness.stack
        or psbt_in.taproot_key_spend_signature
        or psbt_in.taproot_script_spend_signatures
        or psbt_in.musig2_partial_sigs
    )
    return ReadInput(
        previous=None
        if previous is None
        else previous.serialize(include_witness=True, check_validity=False),
        witness_utxo=None
        if utxo is None
        else TxOut(amount_sat=Sat(utxo.value), script=bytes(utxo.script_pub_key.script)),
        sighash_type=psbt_in.sig_hash_type,
        redeem_script=psbt_in.redeem_script,
        witness_script=psbt_in.witness_script,
        signed=signed,
        signatures=Signatures(
            partial=tuple(sorted(psbt_in.partial_sigs.items())),
            taproot_key=psbt_in.taproot_key_spend_signature,
            taproot_scripts=tuple(sorted(psbt_in.taproot_script_spend_signatures.items())),
            script_sig=psbt_in.final_script_sig,
            witness=tuple(psbt_in.final_script_witness.stack),
        ),
    )
