"""Wallets that need the gate's own key: the one form of descriptor that may say `enforced`.

    wsh(andor(pk(GATE),multi(K,HOLDERS),and_v(v:multi(R,RECOVERY),older(BLOCKS))))

In words: the gate and K of the holders; or, once a coin is BLOCKS blocks old, R of the recovery
keys without the gate. What a script needs can be hard to see, so the level is not worked out from
any miniscript (BIP-379): a descriptor has this form to the letter, or its wallet is `advisory`.
Why this form: docs/adr/0021.
"""

import re
from dataclasses import dataclass

from sekisho.chains.bitcoin.networks import Network, network_of_caip2
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.descriptors import WalletKey, check_descriptor, keys_of
from sekisho.wallets.records import Level, Wallet

RECOVERY_BLOCKS_MIN = 1008
"""About a week. A gate that can be gone around sooner keeps nobody."""
RECOVERY_BLOCKS_MAX = 0xFFFF
"""About 455 days: a relative timelock in blocks has 16 bits (BIP-68)."""
HOLDERS_MAX = 15
_VERSION_WITH_RELATIVE_LOCKS = 2
_NO_RELATIVE_LOCK, _IN_SECONDS = 1 << 31, 1 << 22
_KEY = r"[^(),#]+"
_KEYS = rf"{_KEY}(?:,{_KEY})*"
_FORM = re.compile(
    rf"wsh\(andor\(pk\((?P<gate>{_KEY})\),"
    rf"multi\((?P<threshold>[1-9][0-9]?),(?P<holders>{_KEYS})\),"
    rf"and_v\(v:multi\((?P<recovery_threshold>[1-9][0-9]?),(?P<recovery>{_KEYS})\),"
    r"older\((?P<blocks>[1-9][0-9]{0,4})\)\)\)\)"
)
_RECEIVE_AND_CHANGE, _RECOVERY_BRANCHES = "/<0;1>/*", "/<2;3>/*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforced:
    """What the script of an enforced wallet asks for. Keys are named by `WalletKey.expression`."""

    gate_key: str
    threshold: int
    """How many of `holders` sign beside the gate."""
    holders: tuple[str, ...]
    recovery_threshold: int
    """How many of `recovery` sign without the gate, later."""
    recovery: tuple[str, ...]
    recovery_blocks: int
    """How old a coin is by then."""


def enforced_descriptor(terms: Enforced, network: Network) -> str:
    """Return the descriptor of an enforced wallet in its one spelling.

    A holder who keeps a recovery key as well uses another branch of the same key for it. Raises
    `BadInputError` for terms that `read_enforced` would not take, or keys that are no keys.
    """
    descriptor = check_descriptor(_text(terms), network, "descriptor")
    if _read(descriptor, network, "descriptor") != terms:
        raise BadInputError("descriptor", "a key is not written as [fingerprint/path]xpub")
    return descriptor


def read_enforced(descriptor: str, network: Network, where: str) -> Enforced:
    """Return what a checked descriptor asks for, if it is as `enforced_descriptor` makes it.

    Raises `BadInputError` at `where` if it is not: if it is another form, if the gate's key stands
    anywhere but in its own place, if one key counts twice, if more signatures are asked for than
    there are keys, or if the gate can be gone around sooner than `RECOVERY_BLOCKS_MIN`. Whose key
    stands in the gate's place no descriptor can say: a gate clears nothing of a wallet whose key
    is not its own (`gate/correspond.py`).
    """
    terms = _read(descriptor, network, where)
    if _text(terms) != descriptor.partition("#")[0]:
        raise BadInputError(where, "is not spelled to the letter as `wallets enforced` spells it")
    return terms


def _read(descriptor: str, network: Network, where: str) -> Enforced:
    found = _FORM.fullmatch(descriptor.partition("#")[0])
    if found is None:
        raise BadInputError(where, "is not of the form of a wallet that needs the gate's key")
    named = {_bare(each.expression): each for each in keys_of(descriptor, network)}
    gate, holders, recovery = (
        [_named(key, named, where) for key in found[group].split(",")]
        for group in ("gate", "holders", "recovery")
    )
    if any(key.is_nobodys for key in (*gate, *holders, *recovery)):
        raise BadInputError(where, "has a key that is nobody's")
    terms = Enforced(
        gate_key=gate[0].expression,
        threshold=int(found["threshold"]),
        holders=tuple(each.expression for each in holders),
        recovery_threshold=int(found["recovery_threshold"]),
        recovery=tuple(each.expression for each in recovery),
        recovery_blocks=int(found["blocks"]),
    )
    for keys in (holders, recovery):
        points = {each.point for each in keys}
        if len(points) < len(keys):
            raise BadInputError(where, "counts one key twice")
        if gate[0].point in points:
            raise BadInputError(where, "has the gate's key among other people's")
        if len(keys) > HOLDERS_MAX:
            raise BadInputError(where, f"has more than {HOLDERS_MAX} keys of one kind")
    if terms.threshold > len(holders) or terms.recovery_threshold > len(recovery):
        raise BadInputError(where, "asks for more signatures than there are keys")
    if not RECOVERY_BLOCKS_MIN <= terms.recovery_blocks <= RECOVERY_BLOCKS_MAX:
        raise BadInputError(
            where,
            f"opens its recovery after {terms.recovery_blocks} blocks; it must be "
            f"{RECOVERY_BLOCKS_MIN} to {RECOVERY_BLOCKS_MAX}",
        )
    return terms


def opens_recovery(terms: Enforced, *, version: int, sequence: int) -> bool:
    """Return whether an input with this sequence can be spent without the gate (BIP-68, BIP-112).

    In time: the coin must be as old as the sequence says.
    """
    unsigned = version & 0xFFFF_FFFF  # -1 is a high version
    if unsigned < _VERSION_WITH_RELATIVE_LOCKS or sequence & (_NO_RELATIVE_LOCK | _IN_SECONDS):
        return False
    return sequence & RECOVERY_BLOCKS_MAX >= terms.recovery_blocks


def enforced_words(terms: Enforced) -> tuple[str, str]:
    """Return what the script asks for, in two sentences for people who approve it."""
    gate = terms.gate_key[1:9]
    together = (
        f"The gate's key {gate} and {terms.threshold} of {len(terms.holders)} holders sign "
        "together."
    )
    days = terms.recovery_blocks // 144
    later = (
        f"Once a coin has lain for {terms.recovery_blocks:,} blocks (about {days} days), "
        f"{terms.recovery_threshold} of {len(terms.recovery)} recovery keys move it without."
    )
    return together, later


def level_words(wallet: Wallet) -> tuple[str, ...]:
    """Return whether a wallet's gate can be gone around, in sentences."""
    if wallet.level is Level.ADVISORY:
        return ("The gate can be gone around: the script does not need a key of its own.",)
    network = network_of_caip2(wallet.chain, "wallet.chain")
    return enforced_words(read_enforced(wallet.descriptor, network, "wallet.descriptor"))


def _text(terms: Enforced) -> str:
    holders = ",".join(f"{each}{_RECEIVE_AND_CHANGE}" for each in terms.holders)
    recovery = ",".join(f"{each}{_RECOVERY_BRANCHES}" for each in terms.recovery)
    return (
        f"wsh(andor(pk({terms.gate_key}{_RECEIVE_AND_CHANGE}),multi({terms.threshold},{holders}),"
        f"and_v(v:multi({terms.recovery_threshold},{recovery}),older({terms.recovery_blocks}))))"
    )


def _bare(expression: str) -> str:
    """Return a key without its origin: the origin is a claim, and the key is what signs."""
    return expression.rpartition("]")[2]


def _named(text: str, named: dict[str, WalletKey], where: str) -> WalletKey:
    """Return the key of the descriptor that stands in a place of the form."""
    key = named.get(_bare(text).partition("/")[0])
    if key is None:
        raise BadInputError(where, "holds a key that is no xpub")
    return key
