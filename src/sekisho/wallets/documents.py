"""A wallet as a document: what is signed when a wallet is registered, and how it is read back."""

import re

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.kernel.canonical import Json
from sekisho.kernel.digest import document_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.names import check_name
from sekisho.wallets.descriptors import check_descriptor
from sekisho.wallets.enforced import read_enforced
from sekisho.wallets.records import UNPROVEN, ChangeRule, Level, Segregation, Tier, Wallet

FORMAT = "sekisho/wallet/v1"
GAP_LIMIT_MAX = 100_000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_id(text: str, where: str) -> str:
    """Return `text` if it is an id that people can say and files can bear, else raise."""
    if not _NAME.fullmatch(text):
        raise BadInputError(where, f"{text[:80]!r} is not an id of a-z, 0-9, '.', '_' and '-'")
    return text


def read_id(fields: Fields, name: str) -> str:
    """Return a field that is an id."""
    return check_id(fields.text(name), fields.where(name))


def read_ids(fields: Fields, name: str, *, empty: bool = False) -> tuple[str, ...]:
    """Return a field that is a list of ids, none of them twice."""
    ids = tuple(check_id(each, fields.where(name)) for each in fields.texts(name, empty=empty))
    if len(set(ids)) != len(ids):
        raise fields.fail(name, "names something twice")
    return ids


def read_name(fields: Fields, name: str, *, empty: bool = False) -> str:
    """Return a field that is safe to show as a name, or empty where that is allowed."""
    text = fields.text(name, empty=empty)
    return check_name(text, fields.where(name)) if text else text


def wallet_document(wallet: Wallet) -> Json:
    """Return the document of a wallet, field for field."""
    return {
        "format": FORMAT,
        "wallet_id": wallet.wallet_id,
        "name": wallet.name,
        "chain": wallet.chain,
        "asset": wallet.asset,
        "descriptor": wallet.descriptor,
        "tier": wallet.tier.value,
        "departments": list(wallet.departments),
        "segregation": wallet.segregation.value,
        "change_rule": wallet.change_rule.value,
        "gap_limit": wallet.gap_limit,
        "level": wallet.level.value,
        "proof": wallet.proof,
    }


def wallet_digest(wallet: Wallet) -> str:
    """Return the digest that a quorum signs to register this wallet: 64 hex characters."""
    return document_digest("wallet", wallet_document(wallet))


def read_wallet(document: Json, where: str) -> Wallet:
    """Return the wallet that a document describes.

    Raises `BadInputError` at `where` for an unknown field or value, for a descriptor that is not
    in the one spelling that `check_descriptor` returns, and for a wallet that says `enforced`
    while its script does not need the gate's key (`read_enforced`).
    """
    fields = Fields(document, where)
    fields.choice("format", (FORMAT,))
    chain = fields.text("chain")
    network = network_of_caip2(chain, fields.where("chain"))
    descriptor = fields.text("descriptor")
    if check_descriptor(descriptor, network, fields.where("descriptor")) != descriptor:
        raise fields.fail("descriptor", "is not spelled as we spell it, with its checksum")
    wallet = Wallet(
        wallet_id=read_id(fields, "wallet_id"),
        name=read_name(fields, "name"),
        chain=chain,
        asset=fields.choice("asset", ("BTC",)),
        descriptor=descriptor,
        tier=Tier(fields.choice("tier", tuple(Tier))),
        departments=read_ids(fields, "departments"),
        segregation=Segregation(fields.choice("segregation", tuple(Segregation))),
        change_rule=ChangeRule(fields.choice("change_rule", tuple(ChangeRule))),
        gap_limit=fields.integer("gap_limit", at_least=1, at_most=GAP_LIMIT_MAX),
        level=Level(fields.choice("level", tuple(Level))),
        proof=_proof(fields),
    )
    fields.done()
    if wallet.level is Level.ENFORCED:
        read_enforced(descriptor, network, fields.where("descriptor"))
    return wallet


def _proof(fields: Fields) -> str:
    """Return `unproven` or a digest; whether the proofs hold is for `check_proofs`."""
    text = fields.text("proof")
    if text != UNPROVEN and not _DIGEST.fullmatch(text):
        raise fields.fail("proof", f"{text[:80]!r} is neither {UNPROVEN!r} nor a digest")
    return text
