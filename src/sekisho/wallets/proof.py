"""Proof of possession: whoever holds each key of a wallet signed a message that was asked for.

A registered thief's descriptor would make theft look like change. So nobody's word is taken that a
key exists: for each key of the descriptor a signature over a message that names this exchange,
this wallet, this key and a nonce drawn after the wallet was written down. What it does not show is
*who* holds the key: a thief proves possession of a thief's keys. For that, people compare what
`wallets show` prints with their devices, and with the key register (`key_register.py`).
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.wallets.descriptors import WalletKey, keys_of
from sekisho.wallets.documents import read_id, wallet_digest
from sekisho.wallets.records import UNPROVEN, Wallet
from sekisho.wallets.signed_messages import (
    SIGNATURE_MAX_CHARACTERS,
    MessageForm,
    is_signed_by,
    key_address,
)

FORMAT = "sekisho/wallet-proofs/v1"
CHALLENGED = "wallet.challenged"
"""The journal's entry that a nonce was drawn for a wallet."""
NONCE_BYTES = 32
MESSAGE_MAX_CHARACTERS = 240
"""What a Coldcard signs at most; with up to 99 keys, every message is as short."""

_NONCE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyProof:
    """One key holder's signature over the challenge for their key."""

    expression: str
    """The key as the descriptor names it: `WalletKey.expression`."""
    form: MessageForm
    signature: str
    """Base64, as the device gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletProofs:
    """The proofs for one wallet. The wallet's own document names their digest."""

    wallet_id: str
    core_digest: str
    """Of the wallet as it was before anything was proven: `core_digest`."""
    genesis_digest: str
    nonce: bytes
    proofs: tuple[KeyProof, ...]


def core_digest(wallet: Wallet) -> str:
    """Return the digest of the wallet without its proof: what the key holders sign."""
    return wallet_digest(replace(wallet, proof=UNPROVEN))


def wallet_keys(wallet: Wallet) -> tuple[WalletKey, ...]:
    """Return the keys that a wallet's descriptor names."""
    return keys_of(wallet.descriptor, network_of_caip2(wallet.chain, "wallet.chain"))


def challenge_of(wallet: Wallet, key: WalletKey, nonce: bytes, genesis_digest: str) -> str:
    """Return the message that the holder of `key` signs: one line of ASCII that devices take.

    The key is named by its fingerprint and its place; the wallet's digest fixes the descriptor and
    with it the whole expression. Raises `ValueError` for a nonce of another length.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return (
        f"Sekisho key {key.name} wallet {core_digest(wallet)} "
        f"exchange {genesis_digest} nonce {nonce.hex()}"
    )


def challenge_body(wallet: Wallet, nonce: bytes) -> dict[str, Json]:
    """Return what the journal records of a nonce that was drawn for a wallet."""
    return {"core_digest": core_digest(wallet), "nonce": nonce.hex()}


def nonces_drawn(entries: Iterable[Entry], wallet: Wallet) -> frozenset[bytes]:
    """Return the nonces that the journal shows were drawn for this very wallet.

    To judge proofs as of when they were filed, give the entries before that one.
    """
    bodies = [entry.body for entry in entries if entry.kind == CHALLENGED]
    wanted = core_digest(wallet)
    return frozenset(
        bytes.fromhex(nonce)
        for body in bodies
        if isinstance(nonce := body.get("nonce"), str)
        and _NONCE.fullmatch(nonce)
        and body == {"core_digest": wanted, "nonce": nonce}
    )


def signing_address(wallet: Wallet, key: WalletKey, form: MessageForm) -> str:
    """Return the address under which the holder's device signs, where it asks for one."""
    return key_address(key.public_key, form, network_of_caip2(wallet.chain, "wallet.chain"))


def proofs_bytes(proofs: WalletProofs) -> bytes:
    """Return the canonical bytes of the proofs."""
    return canonical_bytes(
        {
            "format": FORMAT,
            "wallet_id": proofs.wallet_id,
            "core_digest": proofs.core_digest,
            "genesis_digest": proofs.genesis_digest,
            "nonce": proofs.nonce.hex(),
            "proofs": [proof_document(each) for each in proofs.proofs],
        }
    )


def proof_document(proof: KeyProof) -> Json:
    """Return one proof as a document."""
    return {
        "expression": proof.expression,
        "form": proof.form.value,
        "signature": proof.signature,
    }


def proofs_digest(document: bytes) -> str:
    """Return the digest of canonical proofs, which `Wallet.proof` names: 64 hex characters."""
    return tagged_digest("wallet-proofs", document).hex()


def read_proofs(document: bytes, where: str) -> WalletProofs:
    """Return the proofs in canonical bytes; raises `BadInputError` at the field that is wrong.

    Reading verifies no signature: `check_proofs` does.
    """
    fields = Fields(parse_canonical(document, where), where)
    fields.choice("format", (FORMAT,))
    proofs = WalletProofs(
        wallet_id=read_id(fields, "wallet_id"),
        core_digest=fields.hex("core_digest", size=32).hex(),
        genesis_digest=fields.hex("genesis_digest", size=32).hex(),
        nonce=fields.hex("nonce", size=NONCE_BYTES),
        proofs=fields.each("proofs", read_proof),
    )
    fields.done()
    return proofs


def check_proofs(
    wallet: Wallet,
    document: bytes,
    *,
    genesis_digest: str,
    nonces: Collection[bytes],
) -> list[Finding]:
    """Return everything because of which the wallet is not proven; empty if every key is.

    `document` are the filed proofs, `nonces` those that this exchange's journal shows were drawn,
    and before the proofs were filed: a signature made earlier shows who held the key then. Each
    key is verified at most once, however many proofs somebody sends. Raises `BadInputError` for
    proofs that cannot be read.
    """
    proofs = read_proofs(document, "proofs")
    found = _bound_elsewhere(wallet, proofs, genesis_digest)
    if wallet.proof != proofs_digest(document):
        found.append(finding("wallets.proofs_not_named", wallet.wallet_id))
    if proofs.nonce not in nonces:
        found.append(finding("wallets.proofs_nonce_unknown", wallet.wallet_id))
    keys = {key.expression: key for key in wallet_keys(wallet)}
    found += _one_for_each(wallet, proofs, keys)
    first = {each.expression: each for each in reversed(proofs.proofs)}
    found += [
        finding("wallets.proof_wrong", wallet.wallet_id, key=key.name, form=each.form.value)
        for expression, key in keys.items()
        if (each := first.get(expression)) and not _proves(wallet, key, each, proofs)
    ]
    return found


def proven_keys(wallet: Wallet, proofs: WalletProofs) -> frozenset[str]:
    """Return the expressions of the keys for which `proofs` holds a valid signature.

    To show progress and a wallet's state key by key; what counts is `check_proofs`.
    """
    first = {each.expression: each for each in reversed(proofs.proofs)}
    return frozenset(
        key.expression
        for key in wallet_keys(wallet)
        if key.expression in first and _proves(wallet, key, first[key.expression], proofs)
    )


def _proves(wallet: Wallet, key: WalletKey, proof: KeyProof, proofs: WalletProofs) -> bool:
    """Return whether a proof is this key's signature over this wallet's own challenge."""
    message = challenge_of(wallet, key, proofs.nonce, proofs.genesis_digest)
    network = network_of_caip2(wallet.chain, "wallet.chain")
    return is_signed_by(key.public_key, message, proof.signature, proof.form, network)


def _bound_elsewhere(wallet: Wallet, proofs: WalletProofs, genesis_digest: str) -> list[Finding]:
    found = []
    if proofs.genesis_digest != genesis_digest:
        found.append(finding("wallets.proofs_of_other_exchange", wallet.wallet_id))
    if (proofs.wallet_id, proofs.core_digest) != (wallet.wallet_id, core_digest(wallet)):
        found.append(
            finding("wallets.proofs_of_other_wallet", wallet.wallet_id, other=proofs.wallet_id)
        )
    return found


def _one_for_each(
    wallet: Wallet, proofs: WalletProofs, keys: dict[str, WalletKey]
) -> list[Finding]:
    """Return what is wrong before any signature is looked at: each key exactly one proof."""
    given = Counter(each.expression for each in proofs.proofs)
    found = [
        finding("wallets.proof_missing", wallet.wallet_id, key=key.name)
        for key in keys.values()
        if not given[key.expression] and not key.is_nobodys
    ]
    found += [
        finding("wallets.proof_unexpected", wallet.wallet_id, key=expression)
        for expression, count in given.items()
        if count > 1 or expression not in keys or keys[expression].is_nobodys
    ]
    shared = Counter(each.signature for each in proofs.proofs)
    found += [
        finding("wallets.proof_shared", wallet.wallet_id, times=count)
        for count in shared.values()
        if count > 1
    ]
    found += [
        finding("wallets.keys_of_one_secret", wallet.wallet_id, keys=count)
        for count in Counter(key.point for key in keys.values()).values()
        if count > 1
    ]
    return found


def read_proof(fields: Fields) -> KeyProof:
    """Return one proof of a document."""
    proof = KeyProof(
        expression=fields.text("expression"),
        form=MessageForm(fields.choice("form", tuple(MessageForm))),
        signature=fields.text("signature"),
    )
    fields.done()
    if len(proof.signature) > SIGNATURE_MAX_CHARACTERS:
        raise fields.fail("signature", f"has more than {SIGNATURE_MAX_CHARACTERS} characters")
    return proof
