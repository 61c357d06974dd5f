"""A wallet as a document: what is signed when a wallet is registered, and how it is read back."""

import re

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.kernel.canonical import Json
from sekisho.kernel.digest import document_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.wallets.descriptors import check_descriptor
from sekisho.wallets.records import ChangeRule, Level, Segregation, Tier, Wallet

FORMAT = "sekisho/wallet/v1"
GAP_LIMIT_MAX = 100_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_id(text: str, where: str) -> str:
    """Return `text` if it is an id that people can say and files can bear, else raise."""
    if not _NAME.fullmatch(text):
        raise BadInputError(where, f"{text[:80]!r} is not an id of a-z, 0-9, '.', '_' and '-'")
    return text


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

    Raises `BadInputError` at `where` for an unknown field or value, and for a descriptor that is
    not in the one spelling that `check_descriptor` returns.
    """
    fields = Fields(document, where)
    fields.choice("format", (FORMAT,))
    chain = fields.text("chain")
    network = network_of_caip2(chain, fields.where("chain"))
    descriptor = fields.text("descriptor")
    if check_descriptor(descriptor, network, fields.where("descriptor")) != descriptor:
        raise fields.fail("descriptor", "is not spelled as we spell it, with its checksum")
    departments = fields.texts("departments")
    for department in departments:
        check_id(department, fields.where("departments"))
    if len(set(departments)) != len(departments):
        raise fields.fail("departments", "names a department twice")
    wallet = Wallet(
        wallet_id=check_id(fields.text("wallet_id"), fields.where("wallet_id")),
        name=fields.text("name"),
        chain=chain,
        asset=fields.choice("asset", ("BTC",)),
        descriptor=descriptor,
        tier=Tier(fields.choice("tier", tuple(Tier))),
        departments=departments,
        segregation=Segregation(fields.choice("segregation", tuple(Segregation))),
        change_rule=ChangeRule(fields.choice("change_rule", tuple(ChangeRule))),
        gap_limit=fields.integer("gap_limit", at_least=1, at_most=GAP_LIMIT_MAX),
        level=Level(fields.choice("level", tuple(Level))),
        proof=fields.choice("proof", ("unproven",)),
    )
    fields.done()
    return wallet
