"""Are the keys of each wallet really apart? The key register against the wallets in force."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.wallets.descriptors import WalletKey, can_spend, keys_of
from sekisho.wallets.key_register import KeyRegister, RegisteredKey
from sekisho.wallets.records import Tier, Wallet


def check_key_register(
    register: KeyRegister,
    wallets: Iterable[Wallet],
    people_on_roster: Collection[str],
    *,
    now: datetime,
) -> list[Finding]:
    """Return everything that is wrong with how the keys of `wallets` are kept.

    Of each wallet: keys that nobody registered, keys of one seed, on one device, at one site or
    within one person's reach, the severe case being enough of them to spend. Of each key: a holder
    or a person with access who has left, rotation overdue, no ceremony, a backup beside the key.
    A backup counts wherever it lies, for everybody who can reach it. Keys that are nobody's
    (BIP-341's unspendable point) need no keeper.
    """
    listed = register.by_expression()
    found: list[Finding] = []
    for wallet in wallets:
        network = network_of_caip2(wallet.chain, "wallet.chain")
        named = [k for k in keys_of(wallet.descriptor, network) if not k.is_nobodys]
        kept = {key: listed[key.expression] for key in named if key.expression in listed}
        found += [
            finding("wallets.key_not_registered", wallet.wallet_id, key=key.name)
            for key in named
            if key not in kept
        ]
        for key, entry in kept.items():
            found += _about_key(wallet.wallet_id, key.name, entry, people_on_roster, now)
        found += _about_wallet(wallet, named, kept)
    return found


def _about_key(
    wallet_id: str,
    key: str,
    entry: RegisteredKey,
    people_on_roster: Collection[str],
    now: datetime,
) -> list[Finding]:
    found = []
    if entry.holder not in people_on_roster:
        found.append(
            finding("wallets.key_holder_departed", wallet_id, key=key, person=entry.holder)
        )
    found += [
        finding("wallets.key_reached_by_departed", wallet_id, key=key, person=person)
        for person in sorted(entry.people() - {entry.holder} - set(people_on_roster))
    ]
    if now >= entry.rotation_due_at:
        due_at = format_instant(entry.rotation_due_at)
        found.append(finding("wallets.key_rotation_overdue", wallet_id, key=key, due_at=due_at))
    if all(ceremony.held_at > now for ceremony in entry.ceremonies):
        found.append(finding("wallets.key_ceremony_missing", wallet_id, key=key))
    if entry.last_checked_at > now:
        found.append(finding("wallets.key_checked_in_future", wallet_id, key=key))
    if any(backup.site == entry.site for backup in entry.backups):
        found.append(finding("wallets.backup_beside_key", wallet_id, key=key, site=entry.site))
    return found


def _about_wallet(
    wallet: Wallet, named: list[WalletKey], kept: Mapping[WalletKey, RegisteredKey]
) -> list[Finding]:
    found = _told_by_descriptor(wallet, named)
    found += [
        finding("wallets.keys_on_one_device", wallet.wallet_id, device=device, keys=_said(keys))
        for device, keys in _gathered(kept, lambda each: [f"{each.vendor} {each.device}"]).items()
        if len(keys) > 1
    ]
    for code, severe_code, reach in (
        ("wallets.keys_with_one_person", "wallets.threshold_with_one_person", _people),
        ("wallets.keys_at_one_site", "wallets.threshold_at_one_site", _sites),
    ):
        for who_or_where, keys in _gathered(kept, reach).items():
            if len(keys) > 1:
                said = severe_code if _suffice(wallet, keys) else code
                found.append(finding(said, wallet.wallet_id, at=who_or_where, keys=_said(keys)))
    return found


def _told_by_descriptor(wallet: Wallet, named: list[WalletKey]) -> list[Finding]:
    """Return what needs no register: one key that spends alone, keys that are one secret."""
    found = []
    if not _suffice(wallet, named):
        found.append(finding("wallets.threshold_unknown", wallet.wallet_id))
    if wallet.tier is not Tier.HOT or len(named) > 1:
        found += [
            finding("wallets.one_key_spends", wallet.wallet_id, key=key.name)
            for key in named
            if _suffice(wallet, [key])
        ]
    with_origin = Counter(key.fingerprint for key in named if key.expression.startswith("["))
    found += [
        finding("wallets.keys_of_one_seed", wallet.wallet_id, fingerprint=fingerprint, keys=count)
        for fingerprint, count in with_origin.items()
        if count > 1
    ]
    return found


def _gathered(
    kept: Mapping[WalletKey, RegisteredKey], reach: Callable[[RegisteredKey], Iterable[str]]
) -> dict[str, list[WalletKey]]:
    """Return the keys within reach of each person, site or device, in the order of their names."""
    gathered: dict[str, list[WalletKey]] = defaultdict(list)
    for key, entry in kept.items():
        for each in reach(entry):
            gathered[each].append(key)
    return dict(sorted(gathered.items()))


def _people(entry: RegisteredKey) -> Iterable[str]:
    return entry.people()


def _sites(entry: RegisteredKey) -> Iterable[str]:
    return entry.sites()


def _suffice(wallet: Wallet, keys: Iterable[WalletKey]) -> bool:
    network = network_of_caip2(wallet.chain, "wallet.chain")
    return can_spend(wallet.descriptor, network, {key.point for key in keys})


def _said(keys: Iterable[WalletKey]) -> str:
    return ", ".join(key.name for key in keys)
