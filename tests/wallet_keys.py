"""Key holders whose devices sign messages, and documents about their keys; all follow from names.

    signed(wallet, key, message, MessageForm.COMPACT)   # the device of that key's holder
    proven(wallet)                                       # the wallet with its proofs' bytes
    registered(wallet, site="tokyo-1")                   # entries of a key register

What it offers: GENESIS and NONCE; secret_of, the private key behind a key of the wallets in
world_coins; signed; proofs_of and proven; entry and registered; NOW.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from btclib.ecc import bms
from btclib.key import PrvKeyData
from btclib_wallet import bip322
from world_coins import bip32_root, bytes_of

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.wallets.descriptors import WalletKey
from sekisho.wallets.key_register import Backup, Ceremony, RegisteredKey
from sekisho.wallets.proof import (
    KeyProof,
    WalletProofs,
    challenge_of,
    core_digest,
    proofs_bytes,
    proofs_digest,
    wallet_keys,
)
from sekisho.wallets.records import Wallet
from sekisho.wallets.signed_messages import MessageForm, key_address

NAMES = ("alpha", "beta", "gamma", "delta", "thief")
GENESIS = bytes_of("genesis").hex()
NONCE = bytes_of("nonce")
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def secret_of(key: WalletKey) -> PrvKeyData:
    """Return the private key that signs for `key`, wherever in the descriptor it stands."""
    for name in NAMES:
        root = bip32_root(name)
        for path in (key.path, "m/0", "m/48h/0h/0h/2h/0/0", "m/48h/1h/0h/2h/0/0"):
            node = root.derive(path) if path else root
            if node.to_public().key.sec()[1:] == key.public_key[1:]:
                return PrvKeyData(
                    int.from_bytes(node.key.secret, "big"), "mainnet", compressed=True
                )
    raise ValueError(f"nobody here holds {key.name}")


def signed(
    wallet: Wallet, key: WalletKey, message: str, form: MessageForm, *, by: WalletKey | None = None
) -> str:
    """Return what the device of `key` gives for a message, or the device of another key."""
    signer = by or key
    network = network_of_caip2(wallet.chain, "chain")
    secret = secret_of(signer)
    secret = PrvKeyData(
        secret.q, "mainnet" if str(network) == "mainnet" else "testnet", compressed=True
    )
    if form is MessageForm.COMPACT:
        return bms.sign(message.encode(), secret).b64encode()
    address = key_address(signer.public_key, form, network)
    return bip322.sign(message.encode(), secret, address).b64encode()


def proof(
    wallet: Wallet,
    key: WalletKey,
    form: MessageForm = MessageForm.P2WPKH,
    **changes: Any,  # noqa: ANN401 - the fields of KeyProof, each of its type
) -> KeyProof:
    """Return one holder's proof over the usual challenge."""
    message = challenge_of(wallet, key, NONCE, GENESIS)
    usual = KeyProof(
        expression=key.expression, form=form, signature=signed(wallet, key, message, form)
    )
    return replace(usual, **changes)


def proofs_of(
    wallet: Wallet,
    *proofs: KeyProof,
    **changes: Any,  # noqa: ANN401 - the fields of WalletProofs, each of its type
) -> WalletProofs:
    """Return proofs for a wallet: those given, else one by BIP-322 for each key."""
    usual = WalletProofs(
        wallet_id=wallet.wallet_id,
        core_digest=core_digest(wallet),
        genesis_digest=GENESIS,
        nonce=NONCE,
        proofs=proofs or tuple(proof(wallet, key) for key in wallet_keys(wallet)),
    )
    return replace(usual, **changes)


def proven(wallet: Wallet, proofs: WalletProofs | None = None) -> tuple[Wallet, bytes]:
    """Return the wallet as it is registered with its proofs, and their bytes."""
    document = proofs_bytes(proofs or proofs_of(wallet))
    return replace(wallet, proof=proofs_digest(document)), document


def entry(
    key: WalletKey,
    number: int = 1,
    **changes: Any,  # noqa: ANN401 - the fields of RegisteredKey, each of its type
) -> RegisteredKey:
    """Return how a key is kept, apart from all keys with another number."""
    usual = RegisteredKey(
        expression=key.expression,
        holder=f"holder-{number}",
        vendor=f"vendor-{number}",
        device=f"serial {number}",
        site=f"site-{number}",
        backups=(Backup(site=f"bank-{number}", reached_by=(f"keeper-{number}",)),),
        ceremonies=(Ceremony(held_at=NOW - timedelta(days=90), place="東京本社 第1会議室"),),
        last_checked_at=NOW - timedelta(days=7),
        rotation_due_at=NOW + timedelta(days=365),
    )
    return replace(usual, **changes)


def registered(wallet: Wallet, first: int = 1) -> tuple[RegisteredKey, ...]:
    """Return entries for all keys of a wallet, each apart from the others."""
    return tuple(entry(key, first + number) for number, key in enumerate(wallet_keys(wallet)))
