"""The sheet on which proofs of possession are gathered: it travels from holder to holder.

It grants nothing and binds nothing: what is registered is the wallet and the proofs' document that
are made from it, and whoever relies on them verifies every signature again.
"""

from dataclasses import dataclass, replace

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.wallets.descriptors import WalletKey
from sekisho.wallets.documents import read_wallet, wallet_document
from sekisho.wallets.proof import (
    NONCE_BYTES,
    KeyProof,
    WalletProofs,
    challenge_of,
    core_digest,
    proof_document,
    proofs_bytes,
    proofs_digest,
    proven_keys,
    read_proof,
    wallet_keys,
)
from sekisho.wallets.records import UNPROVEN, Wallet
from sekisho.wallets.signed_messages import MessageForm

FORMAT = "sekisho/proof-sheet/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofSheet:
    """A wallet that is to be registered, the nonce drawn for it, and the proofs so far."""

    wallet: Wallet
    genesis_digest: str
    nonce: bytes
    proofs: tuple[KeyProof, ...]

    def message(self, key: WalletKey) -> str:
        """Return what the holder of `key` signs."""
        return challenge_of(self.wallet, key, self.nonce, self.genesis_digest)

    def document(self) -> WalletProofs:
        """Return the proofs as they are filed."""
        return WalletProofs(
            wallet_id=self.wallet.wallet_id,
            core_digest=core_digest(self.wallet),
            genesis_digest=self.genesis_digest,
            nonce=self.nonce,
            proofs=self.proofs,
        )

    def proven(self) -> frozenset[str]:
        """Return the expressions of the keys that are proven so far."""
        return proven_keys(self.wallet, self.document())


def new_sheet(wallet: Wallet, nonce: bytes, genesis_digest: str) -> ProofSheet:
    """Return an empty sheet for a wallet."""
    core = replace(wallet, proof=UNPROVEN)
    return ProofSheet(wallet=core, genesis_digest=genesis_digest, nonce=nonce, proofs=())


def with_signature(sheet: ProofSheet, name: str, signature: str) -> ProofSheet:
    """Return the sheet with one holder's signature in place of any before, in the form it is of.

    Raises `BadInputError` if no key of the wallet is called `name`, or if the signature is not
    that key's over its message in any form: a mistake is told while the holder is still there.
    """
    key = next((key for key in wallet_keys(sheet.wallet) if key.name == name), None)
    if key is None:
        raise BadInputError("key", f"{name[:40]!r} is no key of wallet {sheet.wallet.wallet_id}")
    others = tuple(each for each in sheet.proofs if each.expression != key.expression)
    for form in MessageForm:
        given = KeyProof(expression=key.expression, form=form, signature=signature.strip())
        tried = replace(sheet, proofs=(*others, given))
        if key.expression in tried.proven():
            return tried
    raise BadInputError("signature", f"is not by key {name} over its own message")


def registration(sheet: ProofSheet) -> tuple[Wallet, bytes]:
    """Return the wallet as it is registered, and the bytes of the proofs that it names.

    Raises `BadInputError` if a key is not proven yet.
    """
    missing = [
        key.name
        for key in wallet_keys(sheet.wallet)
        if key.expression not in sheet.proven() and not key.is_nobodys
    ]
    if missing:
        raise BadInputError("proofs", f"nobody has proven possession of {', '.join(missing)}")
    document = proofs_bytes(sheet.document())
    return replace(sheet.wallet, proof=proofs_digest(document)), document


def sheet_document(sheet: ProofSheet) -> Json:
    """Return the sheet as a document."""
    return {
        "format": FORMAT,
        "wallet": wallet_document(sheet.wallet),
        "genesis_digest": sheet.genesis_digest,
        "nonce": sheet.nonce.hex(),
        "proofs": [proof_document(each) for each in sheet.proofs],
    }


def sheet_bytes(sheet: ProofSheet) -> bytes:
    """Return the bytes of the sheet's file."""
    return canonical_bytes(sheet_document(sheet))


def read_sheet(data: bytes, where: str) -> ProofSheet:
    """Return the sheet in a file; raises `BadInputError` at the field that is wrong."""
    fields = Fields(parse_json(data, where), where)
    fields.choice("format", (FORMAT,))
    sheet = ProofSheet(
        wallet=read_wallet(fields.document("wallet"), fields.where("wallet")),
        genesis_digest=fields.hex("genesis_digest", size=32).hex(),
        nonce=fields.hex("nonce", size=NONCE_BYTES),
        proofs=fields.each("proofs", read_proof, empty=True),
    )
    fields.done()
    if sheet.wallet.proof != UNPROVEN:
        raise fields.fail("wallet", "names proofs already")
    return sheet
