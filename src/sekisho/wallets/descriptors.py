"""Descriptors (BIP-380 to BIP-389): which scripts are ours, by derivation and by nothing else.

Two libraries that share no code, btclib-wallet and embit, derive every script at registration and
must agree; afterwards btclib-wallet, the stricter one, derives alone (docs/adr/0005).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeVar

from btclib.exceptions import BTClibException
from btclib_wallet import descriptors as btclib_descriptors
from btclib_wallet.bip32 import BIP32KeyData
from embit.descriptor import Descriptor as EmbitDescriptor

from sekisho.chains.bitcoin.digests import hash160
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.errors import BadInputError

Read = TypeVar("Read")

_BTCLIB_NAMES = {
    Network.MAIN: "mainnet",
    Network.TEST: "testnet",
    Network.TESTNET4: "testnet4",
    Network.SIGNET: "signet",
    Network.REGTEST: "regtest",
}

COMPARED_COUNT = 5
"""How many scripts of each branch both libraries derive when a descriptor is registered."""
BRANCHES_MAX = 2
_NOT_SPENDABLE_BY_US = ("addr(", "raw(", "rawtr(", "combo(")
_SIGNATURE_MAX_BYTES = 72
_SCHNORR_BYTES = 65
"""With an explicit sighash byte; 64 without."""
_NO_TIMELOCK_SEQUENCE = 0xFFFF_FFFD
_NUMS_X = bytes.fromhex("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")
"""The point H of BIP-341: nobody knows its secret, nor that of any key derived from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletKey:
    """A key that a descriptor names, however many keys of the scripts are derived from it."""

    place: int
    """1 for the first that the descriptor names."""
    expression: str
    """`[fingerprint/path]xpub` without what is derived from it, or the public key in hex."""
    fingerprint: str
    """Of the master key that the origin claims, else of the key itself (BIP-32): 8 characters."""
    path: str
    """How its device finds the key that signs: `m/48h/0h/0h/2h/0/0`; empty for a fixed key."""
    point: bytes
    """The 32-byte x coordinate of the key itself: who knows its secret knows all derived ones."""
    public_key: bytes
    """The key in the first script of the first branch (SEC 1), which proves possession."""

    @property
    def name(self) -> str:
        """Return how people say which key of the wallet it is: `73c5da0a/2`."""
        return f"{self.fingerprint}/{self.place}"

    @property
    def is_nobodys(self) -> bool:
        """Return whether nobody can know the secret: an unspendable internal key (BIP-341)."""
        return self.point == _NUMS_X


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendSize:
    """How large the parts of an input become once signed, at most."""

    script_sig_bytes: int
    witness_bytes: int
    """The whole witness field of the input with its count, or 0 where there is none."""


@lru_cache(maxsize=4096)
def check_descriptor(text: str, network: Network, where: str) -> str:
    """Return the descriptor in its one spelling: hardened steps with `h`, and a checksum.

    Raises `BadInputError` at `where` if it is not a public descriptor of scripts that keys can
    spend, belongs to another network, counts a key twice in one script, has more than a receiving
    and an internal branch, is spelled in an unusual way, or if the two libraries derive different
    scripts from it.
    """
    body = text.partition("#")[0]
    if any(word in body for word in _NOT_SPENDABLE_BY_US):
        raise BadInputError(where, "a wallet's descriptor names keys, not an address or a script")
    branches = _branches(text, network, where)
    if len(branches) > BRANCHES_MAX:
        raise BadInputError(where, "has more than a receiving and an internal branch")
    if any(_reading(where, partial(_counts_twice, branch)) for branch in branches):
        raise BadInputError(where, "counts one key twice, so it takes fewer keys than it says")
    spelled = btclib_descriptors.add_checksum(body.replace("'", "h"))
    _refuse_other_spelling(spelled, network, where)
    _refuse_disagreement(spelled, branches, where)
    return spelled


def branch_count(descriptor: str, network: Network) -> int:
    """Return 1, or 2 for a multipath descriptor with an internal branch."""
    return len(_branches(descriptor, network, "descriptor"))


def is_ranged(descriptor: str, network: Network) -> bool:
    """Return whether the descriptor has more than one script on a branch."""
    return _branches(descriptor, network, "descriptor")[0].is_ranged


@lru_cache(maxsize=1_000_000)
def derive_script(descriptor: str, network: Network, branch: int, index: int) -> bytes:
    """Return the scriptPubKey at `index` of `branch`; raises `BadInputError` if there is none."""
    branches = _branches(descriptor, network, "descriptor")
    if branch >= len(branches):
        raise BadInputError("descriptor", f"has no branch {branch}")
    return _reading("descriptor", partial(_script, branches[branch], index))


def inner_scripts(descriptor: str, network: Network, branch: int, index: int) -> tuple[bytes, ...]:
    """Return the redeem and witness scripts that the script at `index` commits to, if any."""
    parsed = _branches(descriptor, network, "descriptor")[branch]
    return _reading("descriptor", lambda: tuple(parsed.provider(index).scripts))


def spend_size(
    descriptor: str, network: Network, branch: int, index: int, *, sequence: int
) -> SpendSize | None:
    """Return the largest size that spending the script can take, or None if nobody can say.

    Every key is taken to sign with a signature of the largest size, but for one whose secret
    nobody can know (an unspendable internal key, BIP-341); of several ways to spend it is the
    cheapest that those signatures and `sequence` allow.
    """
    parsed = _branches(descriptor, network, "descriptor")[branch]
    size = _SCHNORR_BYTES if descriptor.startswith("tr(") else _SIGNATURE_MAX_BYTES
    try:
        signatures: Any = {
            key.sec(index, _BTCLIB_NAMES[network]): bytes(size)
            for key in parsed.key_expressions
            if _point(key) != _NUMS_X
        }
        spend = btclib_descriptors.SpendContext(sequence=sequence)
        script_sig, witness = parsed.satisfy(signatures, index, spend=spend)
    except BTClibException:
        return None
    items = [bytes(item) for item in witness.stack]
    witness_bytes = sum(_sized(len(item)) for item in items) + 1 if items else 0
    return SpendSize(script_sig_bytes=len(script_sig), witness_bytes=witness_bytes)


@lru_cache(maxsize=1024)
def keys_of(descriptor: str, network: Network) -> tuple[WalletKey, ...]:
    """Return the keys that a checked descriptor names, in its order, each once.

    Both libraries derived the same scripts from them, so that these are the keys that can spend.
    """
    keys: dict[str, WalletKey] = {}
    for each in _branches(descriptor, network, "descriptor")[0].key_expressions:
        key = _reading("descriptor", partial(_wallet_key, each, network, len(keys) + 1))
        keys.setdefault(each.xkey or key.expression, key)
    return tuple(keys.values())


def can_spend(descriptor: str, network: Network, points: Collection[bytes]) -> bool:
    """Return whether whoever holds the keys of these `points` needs nobody else to spend at once.

    Ways that open only after a timelock, or to whoever knows the preimage of a hash, do not count.
    """
    first = _branches(descriptor, network, "descriptor")[0]
    size = _SCHNORR_BYTES if descriptor.startswith("tr(") else _SIGNATURE_MAX_BYTES
    signatures: Any = {
        key.sec(0, _BTCLIB_NAMES[network]): bytes(size)
        for key in first.key_expressions
        if _point(key) in points
    }
    spend = btclib_descriptors.SpendContext(sequence=_NO_TIMELOCK_SEQUENCE)
    try:
        first.satisfy(signatures, 0, spend=spend)
    except (BTClibException, ValueError):
        return False
    return True


def _wallet_key(key: btclib_descriptors.KeyExpression, network: Network, place: int) -> WalletKey:
    public_key = key.sec(0, _BTCLIB_NAMES[network])
    fixed = public_key[1:] if key.x_only else public_key
    origin = "" if key.origin is None else str(key).partition("]")[0][1:]
    named = origin or hash160(_named_key(key))[:4].hex()
    steps = [*key.der_path, *([] if key.wildcard is None else [0])]
    derived = "".join(f"/{step}" for step in steps)
    return WalletKey(
        place=place,
        expression=(f"[{origin}]" if origin else "") + (key.xkey or fixed.hex()),
        fingerprint=named[:8],
        path=f"m{origin[8:]}{derived}" if origin or derived else "",
        point=_point(key),
        public_key=public_key,
    )


def _named_key(key: btclib_descriptors.KeyExpression) -> bytes:
    """Return the key as the descriptor names it, before anything is derived (SEC 1)."""
    return BIP32KeyData.b58decode(key.xkey).key if key.xkey else bytes(key.pub_key or b"")


def _point(key: btclib_descriptors.KeyExpression) -> bytes:
    return _named_key(key)[1:33]


def _sized(length: int) -> int:
    """Return the bytes that `length` bytes take with their CompactSize."""
    return length + (1 if length < 0xFD else 3)


@lru_cache(maxsize=1024)
def _branches(
    text: str, network: Network, where: str
) -> tuple[btclib_descriptors.Descriptor, ...]:
    """Return the parsed branches; raises `BadInputError` also for a private key among the keys."""
    private: dict[str, str] = {}

    def read() -> tuple[btclib_descriptors.Descriptor, ...]:
        name = _BTCLIB_NAMES[network]
        singles = btclib_descriptors.multipath_descriptors(text, name)
        return tuple(btclib_descriptors.parse(single, name, private) for single in singles)

    branches = _reading(where, read)
    # An xprv is handed back in `private`; of a WIF the key remembers that it was one.
    if private or any(key.wif_prefix for each in branches for key in each.key_expressions):
        raise BadInputError(where, "holds a private key; only public descriptors are registered")
    return branches


def _refuse_other_spelling(spelled: str, network: Network, where: str) -> None:
    """Raise unless each branch is written as btclib-wallet writes it: hex in small letters."""
    singles = btclib_descriptors.multipath_descriptors(spelled, _BTCLIB_NAMES[network])
    for single, branch in zip(singles, _branches(spelled, network, where), strict=True):
        if single.partition("#")[0] != str(branch):
            raise BadInputError(where, f"is spelled in an unusual way; usual would be {branch}")


def _refuse_disagreement(
    spelled: str, branches: tuple[btclib_descriptors.Descriptor, ...], where: str
) -> None:
    """Raise unless embit derives the same first scripts on every branch."""
    for branch, first in enumerate(branches):
        count = COMPARED_COUNT if first.is_ranged else 1
        ours = [_reading(where, partial(_script, first, index)) for index in range(count)]
        try:
            second = EmbitDescriptor.from_string(spelled.partition("#")[0])
            which = branch if len(branches) > 1 else None
            theirs = [
                bytes(second.derive(index, branch_index=which).script_pubkey().data)
                for index in range(count)
            ]
        except Exception as error:  # embit raises many kinds; none of them is agreement
            raise BadInputError(where, f"a second library cannot read it: {error}") from error
        if ours != theirs:
            raise BadInputError(
                where, f"two libraries derive different scripts on branch {branch}"
            )


def _counts_twice(descriptor: btclib_descriptors.Descriptor) -> bool:
    """Return whether a script asks for signatures of one key as if it were two.

    Two leaves of a taproot tree may well share a key: only one of them is ever used.
    """
    scripts = [descriptor.key_expressions]
    if isinstance(descriptor, btclib_descriptors.TrDescriptor):
        leaves = _leaves(descriptor.tree)
        scripts = [each.keys for each in leaves if isinstance(each, btclib_descriptors.MultiA)]
    for keys in scripts:
        points = [key.sec(0, descriptor.network)[1:33] for key in keys]  # x only, as in BIP-340
        if len(set(points)) != len(points):
            return True
    return False


def _leaves(
    tree: btclib_descriptors.DescriptorTree | None,
) -> list[btclib_descriptors.DescriptorLeaf]:
    if tree is None:
        return []
    return [*_leaves(tree[0]), *_leaves(tree[1])] if isinstance(tree, tuple) else [tree]


def _script(descriptor: btclib_descriptors.Descriptor, index: int) -> bytes:
    return bytes(descriptor.script_pub_key(index).script)


def _reading(where: str, read: Callable[[], Read]) -> Read:
    """Return what `read` returns, with the library's refusals turned into ours."""
    try:
        return read()
    except (BTClibException, ValueError, RecursionError) as error:
        raise BadInputError(where, f"is not a descriptor we can use: {error}") from error
