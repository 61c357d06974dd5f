"""The nouns of the gate: a PSBT as two readers agree it reads, and one that was cleared."""

from dataclasses import dataclass

from sekisho.chains.bitcoin.transaction import Transaction, TxOut


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadInput:
    """What a PSBT says about one input, beside its outpoint and sequence. All of it is a claim."""

    previous: bytes | None
    """The whole previous transaction (`non_witness_utxo`)."""
    witness_utxo: TxOut | None
    sighash_type: int | None
    redeem_script: bytes
    witness_script: bytes
    signed: bool
    """Whether any signature or final script is there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPSBT:
    """A PSBT (BIP-174 or BIP-370), as one reader reads it."""

    psbt_version: int
    modifiable: int
    """BIP-370's flags; 0 in version 0. Anything else means that the outputs are not final."""
    transaction: Transaction
    """Unsigned: no witnesses, empty script_sigs."""
    inputs: tuple[ReadInput, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """A PSBT that its pass allows. Only `clear()` makes one; signers take nothing else."""

    pass_id: str
    pass_digest: str
    replaceable: bool
    """Whether the pass lets another transaction take this one's place."""
    psbt: bytes
    """The very bytes that were judged; the signer signs these."""
    txid: str
    """Of the unsigned transaction."""
    transaction_digest: str
    """Tagged digest of the unsigned transaction's bytes."""
