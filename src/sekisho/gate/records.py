"""The nouns of the gate: a PSBT as two readers read it, what was cleared, what came back."""

from dataclasses import dataclass
from enum import StrEnum

from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.journal.witness.last_seen import LastSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatures:
    """What is there to satisfy one input's script, as it stands in the bytes: a claim."""

    partial: tuple[tuple[bytes, bytes], ...] = ()
    """Public key and ECDSA signature with its sighash byte, by key."""
    taproot_key: bytes = b""
    """By the output key (BIP-371)."""
    taproot_scripts: tuple[tuple[bytes, bytes], ...] = ()
    """32 bytes of key and 32 of leaf hash, and the signature, by key and leaf."""
    script_sig: bytes = b""
    """The final one."""
    witness: tuple[bytes, ...] = ()
    """The final one."""

    @property
    def is_final(self) -> bool:
        """Whether the script is claimed to be satisfied."""
        return bool(self.script_sig or self.witness)


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
    """Whether any signature or final script is there already, even of a kind we do not take."""
    signatures: Signatures


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
    wallet_id: str
    replaceable: bool
    """Whether the pass lets another transaction take this one's place."""
    psbt: bytes
    """The very bytes that were judged; the signer signs these."""
    txid: str
    """Of the unsigned transaction."""
    transaction_digest: str
    """Tagged digest of the unsigned transaction's bytes."""
    payments: tuple[int, ...]
    """The places of the outputs that are approved payments. Every other one is proven change."""


class Mode(StrEnum):
    """Where a gate stands. Neither is as good as both: see docs/gate.md."""

    ISOLATED = "isolated"
    """Without a network: bundles, PSBTs and leases are carried to it. What it knows is as old as
    what was carried last."""
    CO_LOCATED = "co-located"
    """On the host of the node or the journal. Whoever owns that host owns the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate's own configuration, on its own machine."""

    gate_id: str
    genesis_digest: str
    """Pinned: what every bundle is verified from."""
    granter_key: bytes
    """Pinned: the Ed25519 public key of whoever grants leases."""
    mode: Mode
    cosigner: str = ""
    """`[fingerprint/path]xpub` of its own key of wallets; empty if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a signer gave back, and it is what was cleared. Only `judge_return()` makes one."""

    cleared: Cleared
    returned: bytes
    """The very bytes that were judged, in binary."""
    signers: tuple[tuple[bytes, ...], ...]
    """For each input in order, the public keys whose signatures are valid; never empty. 32 bytes
    by the taproot rules (the output key for a key path), else as the script has them."""
    transaction: bytes
    """The signed transaction, ready to be sent to the network; empty while signatures lack."""
    txid: str
    """Of that transaction; while signatures lack, of the unsigned one."""

    @property
    def complete(self) -> bool:
        """Whether every input's script holds."""
        return bool(self.transaction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """What is carried to the gate beside the PSBT. All of it is verified from what is pinned."""

    bundle: bytes
    """The pass, and the journal up to a checkpoint (`passes/bundle.py`); empty without a pass."""
    lease: bytes
    """Empty if there is none."""
    seen: LastSeen | None
    """The last checkpoint that this gate saw; None before the first."""
