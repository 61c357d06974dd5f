"""PSBTs (BIP-174) as a wallet's software would hand them to the signer."""

from collections.abc import Sequence
from dataclasses import replace

from btclib.tx import Tx
from btclib_wallet.psbt.psbt import Psbt

from sekisho.chains.bitcoin.transaction import Transaction, TxOut


def unsigned(transaction: Transaction, outputs: Sequence[TxOut] | None = None) -> Transaction:
    """Return the transaction before anybody signed it, with other `outputs` where given."""
    return replace(
        transaction,
        inputs=tuple(replace(each, script_sig=b"", witness=()) for each in transaction.inputs),
        outputs=transaction.outputs if outputs is None else tuple(outputs),
    )


def psbt_of(
    transaction: Transaction,
    *,
    funding: Transaction,
    redeem_script: bytes,
    witness_script: bytes,
) -> bytes:
    """Return the PSBT of an unsigned transaction whose inputs all spend `funding`."""
    psbt = Psbt.from_tx(Tx.parse(transaction.serialize()))
    previous = Tx.parse(funding.serialize())
    for psbt_in in psbt.inputs:
        psbt_in.non_witness_utxo = previous
        psbt_in.redeem_script = redeem_script
        psbt_in.witness_script = witness_script
    return psbt.serialize()
