"""The gate's own key of enforced wallets: it signs last, and only what nobody else has to sign.

Whoever lacks this signature can move nothing before the recovery opens (`wallets/enforced.py`). So
it is given after everything else: when what the holders returned was verified, when the gate was
asked once more and said yes, and only if with it the transaction is whole. Until then nobody has
anything that can be mined.
"""

import re
from dataclasses import dataclass, field

from btclib.ecc import bms
from btclib.exceptions import BTClibException
from btclib.key import PrvKeyData
from btclib_secp256k1 import dsa
from btclib_wallet.bip32.bip32 import (
    BIP32KeyData,
    derive_,
    fingerprint,
    rootxprv_from_seed_,
    xpub_from_xprv,
)

from sekisho.chains.bitcoin.networks import Network, network_of_caip2
from sekisho.chains.bitcoin.sighash import ALL
from sekisho.gate.maps import pairs_of, with_pairs
from sekisho.gate.records import Returned
from sekisho.gate.returned import cleared_coins, judge_return
from sekisho.gate.verify_btclib import BTCLIB_NAMES, Spend, digest_to_sign, spend_of
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.descriptors import WalletKey
from sekisho.wallets.enforced import Enforced, read_enforced
from sekisho.wallets.records import Level, Wallet
from sekisho.wallets.registry import ScriptBook

SEED_BYTES = 32
_PARTIAL_SIGNATURE = b"\x02"
"""The key type of a signature in an input's map (BIP-174)."""
_VERSIONS = {True: bytes.fromhex("0488ade4"), False: bytes.fromhex("04358394")}
"""Of an extended private key: `xprv` on mainnet, `tprv` elsewhere (BIP-32)."""
_TEXT = re.compile(r"\[([0-9a-f]{8})/(48h/[01]h/0h/2h)\]([xt]prv[1-9A-HJ-NP-Za-km-z]{100,120})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigner:
    """A gate's own key, for one network."""

    expression: str
    """`[fingerprint/path]xpub`, as the descriptors of its wallets have it."""
    account: BIP32KeyData = field(repr=False)
    """The private key of that expression."""


def new_cosigner(seed: bytes, network: Network) -> Cosigner:
    """Return the key that follows from a seed: BIP-48's account for scripts in P2WSH.

    Raises `ValueError` for a seed of another length than `SEED_BYTES`.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes")
    is_main = network is Network.MAIN
    path = f"48h/{0 if is_main else 1}h/0h/2h"
    root = rootxprv_from_seed_(seed, _VERSIONS[is_main])
    return _cosigner(f"[{fingerprint(root).hex()}/{path}]", derive_(root, f"m/{path}"))


def cosigner_text(key: Cosigner) -> str:
    """Return the private key as its file holds it: one line."""
    origin = key.expression.partition("]")[0]
    return f"{origin}]{key.account.b58encode()}\n"


def read_cosigner(text: str, where: str) -> Cosigner:
    """Return the key in a file; raises `BadInputError` at `where`, and repeats nothing of it."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise BadInputError(where, "holds no key of a gate's for wallets")
    try:
        account = BIP32KeyData.b58decode(found[3])
    except (BTClibException, ValueError):
        raise BadInputError(where, "holds a key that is damaged") from None
    return _cosigner(f"[{found[1]}/{found[2]}]", account)


def terms_for(wallet: Wallet, key: Cosigner) -> Enforced | None:
    """Return what the wallet's script asks for, if it is one that needs this very key."""
    if wallet.level is not Level.ENFORCED:
        return None
    network = network_of_caip2(wallet.chain, "wallet.chain")
    terms = read_enforced(wallet.descriptor, network, "wallet.descriptor")
    return terms if terms.gate_key == key.expression else None


def enough_others(found: Returned, terms: Enforced, *, wallet: Wallet, book: ScriptBook) -> bool:
    """Return whether on each input as many holders have signed as the script asks for.

    A holder's device signs with the key of the recovery as well if it is one of its own: that does
    not count.
    """
    spend, network = _spend_of(found, wallet, book)
    return all(
        len(_holders_of_input(spend, index, terms, network) & set(signers)) >= terms.threshold
        for index, signers in enumerate(found.signers)
    )


def cosign(
    found: Returned, *, wallet: Wallet, book: ScriptBook, key: Cosigner, handed: bytes = b""
) -> Returned | None:
    """Return what came back with the gate's own signature on each input; None if it is not whole.

    The gate's signature is judged as everybody's is, so nothing is returned that would not be
    taken from a signer; `handed` is as in `judge_return`. Whoever calls this has asked the gate,
    and writes down what he got before he shows it to anybody.
    """
    spend, network = _spend_of(found, wallet, book)
    maps = pairs_of(found.returned, "returned")
    for index in range(len(spend.coins)):
        private_key = _key_of_input(spend, index, key, network)
        signature = dsa.sign(digest_to_sign(spend, index), private_key.q, grind=True)
        maps[1 + index].setdefault(
            _PARTIAL_SIGNATURE + private_key.pub.sec, signature + bytes((ALL,))
        )
    whole = judge_return(found.cleared, with_pairs(maps), wallet=wallet, book=book, handed=handed)
    return whole if whole.complete else None


def sign_message(key: Cosigner, named: WalletKey, message: str, network: Network) -> str:
    """Return the compact signature (BIP-137) over a message by a wallet's key that is the gate's.

    Raises `BadInputError` if it is not the gate's. Such a signature moves no coin: what is signed
    begins with "Bitcoin Signed Message", and no transaction does.
    """
    origin = key.expression[1:].partition("]")[0][8:]
    private_key = _child(key, named.path.removeprefix(f"m{origin}"), network)
    if named.expression != key.expression or private_key.pub.sec != named.public_key:
        raise BadInputError(f"key {named.name}", "is not this gate's")
    return bms.sign(message.encode(), private_key).b64encode()


def _cosigner(origin: str, account: BIP32KeyData) -> Cosigner:
    return Cosigner(expression=f"{origin}{xpub_from_xprv(account)}", account=account)


def _spend_of(found: Returned, wallet: Wallet, book: ScriptBook) -> tuple[Spend, Network]:
    before, coins = cleared_coins(found.cleared, wallet, book)
    network = network_of_caip2(wallet.chain, "wallet.chain")
    return spend_of(before.transaction, coins, wallet.descriptor, network), network


def _holders_of_input(spend: Spend, index: int, terms: Enforced, network: Network) -> set[bytes]:
    """Return the holders' keys in an input's script: they stand after the gate's."""
    own = spend.coins[index].own
    named = spend.branches[own.branch].key_expressions[1 : 1 + len(terms.holders)]
    return {each.sec(own.index, BTCLIB_NAMES[network]) for each in named}


def _key_of_input(spend: Spend, index: int, key: Cosigner, network: Network) -> PrvKeyData:
    """Return the key of the gate's that an input's script asks for."""
    own = spend.coins[index].own
    named = spend.branches[own.branch].key_expressions[0]
    private_key = _child(key, [*named.der_path, own.index], network)
    if private_key.pub.sec != named.sec(own.index, BTCLIB_NAMES[network]):
        raise RuntimeError(f"input {index} asks for another key than the gate's")
    return private_key


def _child(key: Cosigner, path: str | list[int], network: Network) -> PrvKeyData:
    child = derive_(key.account, path)
    secret = int.from_bytes(child.key, "big")
    return PrvKeyData(secret, BTCLIB_NAMES[network], compressed=True)
