"""The vault: where coins are brought to safety, and which must not fall with the rest.

A vault that shares a key, a site, a person or a maker of devices with the wallets it protects is
lost with them. The document says what the vault uses; the check compares that with the wallet's
own descriptor and the key register, and with every other wallet in force.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sekisho.kernel.canonical import canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.wallets.documents import read_id, read_ids, wallet_digest
from sekisho.wallets.key_register import KeyRegister
from sekisho.wallets.proof import wallet_keys
from sekisho.wallets.records import Tier, Wallet

FORMAT = "sekisho/vault/v1"
_STATED = ("keys", "sites", "people", "vendors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Which wallet is the vault, and the statement of what it shares with no other wallet."""

    wallet_id: str
    wallet_digest: str
    """The registration that was meant, and with it the descriptor."""
    keys: tuple[str, ...]
    """The expressions of its keys."""
    sites: tuple[str, ...]
    """Every place where one of its keys or a copy lies."""
    people: tuple[str, ...]
    """Everybody who can get at one of its keys or at a copy."""
    vendors: tuple[str, ...]
    """Who made the devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What a wallet rests on, by its descriptor and the key register."""

    points: frozenset[bytes]
    sites: frozenset[str]
    people: frozenset[str]
    vendors: frozenset[str]
    unregistered: int
    """How many keys the register does not know: of those nothing can be said."""


def vault_bytes(vault: Vault) -> bytes:
    """Return the canonical bytes of a vault."""
    return canonical_bytes(
        {
            "format": FORMAT,
            "wallet_id": vault.wallet_id,
            "wallet_digest": vault.wallet_digest,
            "keys": list(vault.keys),
            "sites": list(vault.sites),
            "people": list(vault.people),
            "vendors": list(vault.vendors),
        }
    )


def vault_digest(document: bytes) -> str:
    """Return the digest of canonical vault bytes: 64 hex characters."""
    return tagged_digest("vault", document).hex()


def read_vault(document: bytes, where: str) -> Vault:
    """Return the vault in canonical bytes; raises `BadInputError` at the wrong field."""
    fields = Fields(parse_canonical(document, where), where)
    fields.choice("format", (FORMAT,))
    vault = Vault(
        wallet_id=read_id(fields, "wallet_id"),
        wallet_digest=fields.hex("wallet_digest", size=32).hex(),
        keys=fields.texts("keys"),
        sites=read_ids(fields, "sites"),
        people=read_ids(fields, "people"),
        vendors=read_ids(fields, "vendors"),
    )
    fields.done()
    if len(set(vault.keys)) != len(vault.keys):
        raise fields.fail("keys", "names a key twice")
    return vault


def footing_of(wallet: Wallet, register: KeyRegister) -> Footing:
    """Return what a wallet rests on; keys that are nobody's are left out."""
    listed = register.by_expression()
    keys = [key for key in wallet_keys(wallet) if not key.is_nobodys]
    kept = [listed[key.expression] for key in keys if key.expression in listed]
    return Footing(
        points=frozenset(key.point for key in keys),
        sites=frozenset(site for entry in kept for site in entry.sites()),
        people=frozenset(person for entry in kept for person in entry.people()),
        vendors=frozenset(entry.vendor for entry in kept),
        unregistered=len(keys) - len(kept),
    )


def check_vault(vault: Vault, wallets: Iterable[Wallet], register: KeyRegister) -> list[Finding]:
    """Return every reason why the vault might fall with another of the `wallets` in force.

    What the register does not know is not taken to be apart: an unregistered key of the vault or
    of another wallet is a finding here too.
    """
    by_id = {wallet.wallet_id: wallet for wallet in wallets}
    wallet = by_id.pop(vault.wallet_id, None)
    if wallet is None or wallet_digest(wallet) != vault.wallet_digest:
        return [finding("wallets.vault_not_in_force", vault.wallet_id)]
    own = footing_of(wallet, register)
    found = []
    if wallet.tier is not Tier.COLD:
        found.append(finding("wallets.vault_not_cold", vault.wallet_id, tier=wallet.tier.value))
    said = (vault.keys, vault.sites, vault.people, vault.vendors)
    expressions = [key.expression for key in wallet_keys(wallet) if not key.is_nobodys]
    true = (expressions, own.sites, own.people, own.vendors)
    found += [
        finding("wallets.vault_statement_wrong", vault.wallet_id, what=what)
        for what, stated, known in zip(_STATED, said, true, strict=True)
        if set(stated) != set(known)
    ]
    if own.unregistered:
        found.append(finding("wallets.vault_keys_unknown", vault.wallet_id, other=vault.wallet_id))
    for other in by_id.values():
        found += _shared(vault.wallet_id, own, other, footing_of(other, register))
    return found


def _shared(vault_id: str, own: Footing, other: Wallet, theirs: Footing) -> list[Finding]:
    name = other.wallet_id
    found = []
    if own.points & theirs.points:
        found.append(finding("wallets.vault_shares_key", vault_id, other=name))
    if theirs.unregistered:
        found.append(finding("wallets.vault_keys_unknown", vault_id, other=name))
    for code, shared in (
        ("wallets.vault_shares_site", own.sites & theirs.sites),
        ("wallets.vault_shares_person", own.people & theirs.people),
        ("wallets.vault_shares_vendor", own.vendors & theirs.vendors),
    ):
        if shared:
            found.append(finding(code, vault_id, other=name, shared=", ".join(sorted(shared))))
    return found
