"""Wallets of every script type with fresh keys, and what embit knows of their scripts.

Scripts, keys and paths come from embit; the record that is registered is all that Sekisho gets.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from embit.bip32 import HDKey
from embit.descriptor import Descriptor
from embit.networks import NETWORKS

from sekisho.chains.bitcoin.networks import Network
from sekisho.wallets.descriptors import check_descriptor
from sekisho.wallets.records import (
    UNPROVEN,
    ChangeRule,
    Level,
    Segregation,
    Tier,
    Wallet,
)

RECEIVING, INTERNAL = 0, 1
_NUMS = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"
"""BIP-341's point whose secret nobody knows: with it only the script path is left."""
_ACCOUNT = "m/48h/0h/0h/2h"
_ECDSA, _SCHNORR, _KEY = 1 + 72, 1 + 65, 1 + 33
"""Pushed, at most: with the length before it and the sighash byte behind it."""
EMBIT_NAMES = {
    Network.MAIN: "main",
    Network.TEST: "test",
    Network.SIGNET: "signet",
    Network.REGTEST: "regtest",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptType:
    """A way to lock coins, and how large it is to unlock them (BIP-141, BIP-341)."""

    title: str
    keys: int
    """How many keys its descriptors name; 0 where it is drawn: a multisignature."""
    descriptor: Callable[[list[str], int], str]
    """From key expressions and how many must sign."""
    script_sig_bytes: Callable[[int, int, int], int]
    """From how many sign, of how many, and the length of the inner script."""
    witness_bytes: Callable[[int, int, int], int]


def _nothing(_signers: int, _keys: int, _script: int) -> int:
    return 0


def _multi(signers: int, _keys: int, script: int) -> int:
    """Return what a multisignature takes: an empty element, signatures, the script with length."""
    return 1 + signers * _ECDSA + (1 if script < 0xFD else 3) + script


def _pushed_multi(signers: int, _keys: int, script: int) -> int:
    return 1 + signers * _ECDSA + (1 if script < 0x4C else 2 if script < 0x100 else 3) + script


def _leaf(signers: int, keys: int, _script: int) -> int:
    leaf = 34 * keys + 2
    return signers * _SCHNORR + (keys - signers) + (1 if leaf < 0xFD else 3) + leaf + 34


def _sorted_multi(keys: list[str], signers: int) -> str:
    return f"sortedmulti({signers},{','.join(keys)})"


def _either(keys: list[str], _signers: int) -> str:
    return f"wsh(or_d(pk({keys[0]}),and_v(v:pkh({keys[1]}),older(52560))))"


SCRIPT_TYPES: dict[str, ScriptType] = {
    "p2pkh": ScriptType(
        title="P2PKH",
        keys=1,
        descriptor=lambda keys, _: f"pkh({keys[0]})",
        script_sig_bytes=lambda *_: _ECDSA + _KEY,
        witness_bytes=_nothing,
    ),
    "p2sh": ScriptType(
        title="P2SH multisignature",
        keys=0,
        descriptor=lambda keys, signers: f"sh({_sorted_multi(keys, signers)})",
        script_sig_bytes=_pushed_multi,
        witness_bytes=_nothing,
    ),
    "p2wpkh": ScriptType(
        title="P2WPKH",
        keys=1,
        descriptor=lambda keys, _: f"wpkh({keys[0]})",
        script_sig_bytes=_nothing,
        witness_bytes=lambda *_: 1 + _ECDSA + _KEY,
    ),
    "p2wsh": ScriptType(
        title="P2WSH multisignature",
        keys=0,
        descriptor=lambda keys, signers: f"wsh({_sorted_multi(keys, signers)})",
        script_sig_bytes=_nothing,
        witness_bytes=lambda *sizes: 1 + _multi(*sizes),
    ),
    "p2sh-p2wpkh": ScriptType(
        title="P2WPKH in P2SH",
        keys=1,
        descriptor=lambda keys, _: f"sh(wpkh({keys[0]}))",
        script_sig_bytes=lambda *_: 23,
        witness_bytes=lambda *_: 1 + _ECDSA + _KEY,
    ),
    "p2sh-p2wsh": ScriptType(
        title="P2WSH multisignature in P2SH",
        keys=0,
        descriptor=lambda keys, signers: f"sh(wsh({_sorted_multi(keys, signers)}))",
        script_sig_bytes=lambda *_: 35,
        witness_bytes=lambda *sizes: 1 + _multi(*sizes),
    ),
    "p2tr": ScriptType(
        title="P2TR, key path",
        keys=1,
        descriptor=lambda keys, _: f"tr({keys[0]})",
        script_sig_bytes=_nothing,
        witness_bytes=lambda *_: 1 + _SCHNORR,
    ),
    "p2tr-leaves": ScriptType(
        title="P2TR, key path beside leaves",
        keys=3,
        descriptor=lambda keys, _: (
            f"tr({keys[0]},{{pk({keys[1]}),multi_a(2,{keys[1]},{keys[2]})}})"
        ),
        script_sig_bytes=_nothing,
        witness_bytes=lambda *_: 1 + _SCHNORR,
    ),
    "p2tr-script": ScriptType(
        title="P2TR, script path (multi_a) alone",
        keys=0,
        descriptor=lambda keys, signers: f"tr({_NUMS},multi_a({signers},{','.join(keys)}))",
        script_sig_bytes=_nothing,
        witness_bytes=lambda *sizes: 1 + _leaf(*sizes),
    ),
    "miniscript": ScriptType(
        title="Miniscript in P2WSH: one key, or another after a year",
        keys=2,
        descriptor=_either,
        script_sig_bytes=_nothing,
        witness_bytes=lambda _signers, _keys, script: 1 + _ECDSA + 1 + script,
    ),
}
"""By the name that tables use. Each witness is that of the way in which the scenes are signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One script of a purse, with all that a wallet writes of it into a PSBT."""

    branch: int
    index: int
    script: bytes
    redeem_script: bytes
    witness_script: bytes
    derived: Any
    """embit's descriptor of this script alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A wallet with its keys."""

    kind: str
    """Of `SCRIPT_TYPES`."""
    network: Network
    signers: int
    roots: tuple[Any, ...]
    """BIP-32 private roots, one for each key of the descriptor."""
    wallet: Wallet
    descriptor: Any
    """embit's."""
    _places: dict[tuple[int, int], Place] = field(default_factory=dict, repr=False)

    @property
    def is_segwit(self) -> bool:
        """Whether its coins are spent with a witness, so that `witness_utxo` has a place."""
        return self.kind not in {"p2pkh", "p2sh"}

    @property
    def is_taproot(self) -> bool:
        return self.kind.startswith("p2tr")

    @property
    def is_multisignature(self) -> bool:
        return SCRIPT_TYPES[self.kind].keys == 0

    def place(self, branch: int, index: int) -> Place:
        """Return one of its scripts, as embit derives it."""
        found = self._places.get((branch, index))
        if found is None:
            found = place_of(self.descriptor, branch, index)
            self._places[branch, index] = found
        return found

    def spend_bytes(self, place: Place) -> tuple[int, int]:
        """Return how large script_sig and witness of a spend become, at most."""
        about = SCRIPT_TYPES[self.kind]
        inner = len(place.witness_script or place.redeem_script)
        sizes = (self.signers, len(self.roots), inner)
        return about.script_sig_bytes(*sizes), about.witness_bytes(*sizes)

    def like(self, *, descriptor: str) -> Any:  # noqa: ANN401 - embit publishes no types
        """Return embit's reading of another descriptor, of which nobody registered anything."""
        return Descriptor.from_string(descriptor)

    def text(self, roots: tuple[Any, ...] = (), *, signers: int = 0, branches: str = "") -> str:
        """Return the descriptor that this purse would have with other keys, or other signers."""
        keys = [key_expression(each, self.network, branches) for each in roots or self.roots]
        return SCRIPT_TYPES[self.kind].descriptor(keys, signers or self.signers)


def place_of(descriptor: Any, branch: int, index: int) -> Place:  # noqa: ANN401 - embit's
    """Return a script of embit's descriptor."""
    derived = descriptor.derive(index, branch_index=branch)
    redeem, witness = derived.redeem_script(), derived.witness_script()
    return Place(
        branch=branch,
        index=index,
        script=bytes(derived.script_pubkey().data),
        redeem_script=b"" if redeem is None else bytes(redeem.data),
        witness_script=b"" if witness is None else bytes(witness.data),
        derived=derived,
    )


def fresh_root(random: Random) -> Any:  # noqa: ANN401 - embit publishes no types
    """Return a private key of BIP-32 that the random numbers make."""
    return HDKey.from_seed(random.randbytes(32))


def key_expression(root: Any, network: Network, branches: str = "") -> str:  # noqa: ANN401 - embit
    """Return `[fingerprint/path]xpub/<0;1>/*` of a root."""
    version = NETWORKS[EMBIT_NAMES[network]]["xpub"]
    account = root.derive(_ACCOUNT).to_public().to_base58(version=version)
    return f"[{root.my_fingerprint.hex()}/{_ACCOUNT[2:]}]{account}/{branches or '<0;1>'}/*"


def fresh_purse(random: Random, kind: str, network: Network) -> Purse:
    """Return a new wallet of a script type."""
    count = SCRIPT_TYPES[kind].keys or random.choice((2, 3, 3, 3, 5))
    # Mostly the 2-of-3 of exchanges.
    signers = 1 if SCRIPT_TYPES[kind].keys else random.randint(1, count - 1) if count != 3 else 2
    roots = tuple(fresh_root(random) for _ in range(count))
    keys = [key_expression(each, network) for each in roots]
    text = SCRIPT_TYPES[kind].descriptor(keys, signers)
    wallet = Wallet(
        wallet_id=kind,
        name=SCRIPT_TYPES[kind].title,
        chain=network.caip2,
        asset="BTC",
        descriptor=check_descriptor(text, network, "descriptor"),
        tier=random.choice(tuple(Tier)),
        departments=("operations",),
        segregation=Segregation.CUSTOMER,
        change_rule=random.choice((*[ChangeRule.INTERNAL_BRANCH] * 4, ChangeRule.SAME_ADDRESS)),
        gap_limit=random.randint(4, 8),
        level=Level.ADVISORY,
        proof=UNPROVEN,
    )
    return Purse(
        kind=kind,
        network=network,
        signers=signers,
        roots=roots,
        wallet=wallet,
        descriptor=Descriptor.from_string(text),
    )
