"""The key register: which key, with whom, where, which backups, and who can reach them.

The register gives no power. It is what a wallet's threshold is worth in the world: three keys in
one safe are one key. The supervisor's finding after the theft of 2024 was that keys meant to be
apart were managed together, so the checks (`key_separation.py`) ask of every person and every site
how much of a wallet they reach, backups included (the Financial Services Agency's Administrative
Guideline 16, II-2-2-4-2 (3): several keys, each kept in a different place).
"""

from dataclasses import dataclass
from datetime import datetime

from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant
from sekisho.wallets.documents import read_id, read_ids, read_name

FORMAT = "sekisho/key-register/v1"
EXPRESSION_MAX_CHARACTERS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy of a key: words on steel, a second device, a share."""

    site: str
    reached_by: tuple[str, ...]
    """Everybody who could get at it, alone or not; the ids of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """When and where a key was made, before witnesses."""

    held_at: datetime
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredKey:
    """One key of a wallet, and where it is in the world."""

    expression: str
    """As the descriptor names it: `WalletKey.expression`."""
    holder: str
    """The id of the person who holds it."""
    vendor: str
    """Who made the device or the module."""
    device: str
    """Its serial number or asset tag."""
    site: str
    backups: tuple[Backup, ...]
    ceremonies: tuple[Ceremony, ...]
    """The first is how it came to be; empty if nobody can say."""
    last_checked_at: datetime
    """When somebody last saw that it is there and works."""
    rotation_due_at: datetime

    def sites(self) -> frozenset[str]:
        """Return every place where the key or a copy of it lies."""
        return frozenset((self.site, *(each.site for each in self.backups)))

    def people(self) -> frozenset[str]:
        """Return everybody who can get at the key or a copy of it."""
        return frozenset((self.holder, *(who for each in self.backups for who in each.reached_by)))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRegister:
    """What the exchange says of all its keys, signed by a quorum."""

    keys: tuple[RegisteredKey, ...]

    def by_expression(self) -> dict[str, RegisteredKey]:
        """Return the keys by their expression."""
        return {key.expression: key for key in self.keys}


def key_register_bytes(register: KeyRegister) -> bytes:
    """Return the canonical bytes of a key register."""
    return canonical_bytes({"format": FORMAT, "keys": [_key_document(k) for k in register.keys]})


def key_register_digest(document: bytes) -> str:
    """Return the digest of canonical key register bytes: 64 hex characters."""
    return tagged_digest("key-register", document).hex()


def read_key_register(document: bytes, where: str) -> KeyRegister:
    """Return the key register in canonical bytes; raises `BadInputError` at the wrong field."""
    fields = Fields(parse_canonical(document, where), where)
    fields.choice("format", (FORMAT,))
    register = KeyRegister(keys=fields.each("keys", _read_key))
    fields.done()
    if len(register.by_expression()) != len(register.keys):
        raise fields.fail("keys", "lists a key twice")
    return register


def _key_document(key: RegisteredKey) -> Json:
    return {
        "expression": key.expression,
        "holder": key.holder,
        "vendor": key.vendor,
        "device": key.device,
        "site": key.site,
        "backups": [
            {"site": each.site, "reached_by": list(each.reached_by)} for each in key.backups
        ],
        "ceremonies": [
            {"held": format_instant(each.held_at), "place": each.place} for each in key.ceremonies
        ],
        "last_checked": format_instant(key.last_checked_at),
        "rotation_due": format_instant(key.rotation_due_at),
    }


def _read_key(fields: Fields) -> RegisteredKey:
    key = RegisteredKey(
        expression=fields.text("expression"),
        holder=read_id(fields, "holder"),
        vendor=read_id(fields, "vendor"),
        device=read_name(fields, "device"),
        site=read_id(fields, "site"),
        backups=fields.each("backups", _read_backup, empty=True),
        ceremonies=fields.each("ceremonies", _read_ceremony, empty=True),
        last_checked_at=fields.instant("last_checked"),
        rotation_due_at=fields.instant("rotation_due"),
    )
    fields.done()
    if len(key.expression) > EXPRESSION_MAX_CHARACTERS or not key.expression.isascii():
        raise fields.fail("expression", "is no key of a descriptor")
    return key


def _read_backup(fields: Fields) -> Backup:
    backup = Backup(site=read_id(fields, "site"), reached_by=read_ids(fields, "reached_by"))
    fields.done()
    return backup


def _read_ceremony(fields: Fields) -> Ceremony:
    ceremony = Ceremony(held_at=fields.instant("held"), place=read_name(fields, "place"))
    fields.done()
    return ceremony
