"""Wallets of every kind of descriptor, and coins, that tests share; all follow from names.

    wallet = wallet_of(DESCRIPTORS["wpkh"])       # a registered wallet's record
    coins = funding(wallet, 50_000_000)            # a transaction that pays it
    outpoint(coins, 0), payment(STRANGER, 10_000_000)

What it offers: DESCRIPTORS (by kind, mainnet) and MULTIPATH; key_expression and fixed_key, to
write other descriptors; bip32_root, the private keys behind them, for tests that sign; wallet_of,
book_of, script_at, address_at; STRANGER and stranger, the addresses of others; payment and txout,
to an address; funding, which pays a wallet; outpoint; spending, an unsigned transaction; bytes_of.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from embit.bip32 import HDKey

from sekisho.chains.bitcoin.addresses import address_of, script_of
from sekisho.chains.bitcoin.networks import Network, network_of_caip2
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from sekisho.kernel.money import Sat
from sekisho.passes.records import Payment
from sekisho.wallets.descriptors import branch_count, check_descriptor, derive_script, is_ranged
from sekisho.wallets.records import ChangeRule, Level, Segregation, Tier, Wallet
from sekisho.wallets.registry import ScriptBook, open_book

MULTIPATH = "/<0;1>/*"


def bytes_of(seed: str) -> bytes:
    """Return 32 bytes that follow from a text."""
    return hashlib.sha256(seed.encode()).digest()


@cache
def bip32_root(name: str) -> Any:  # noqa: ANN401 - embit has no types
    """Return the BIP-32 root (embit's `HDKey`) that follows from a name; alpha, beta, gamma."""
    return HDKey.from_seed(bytes_of(f"seed of {name}"))


def key_expression(name: str, path: str = "m/48h/0h/0h/2h") -> str:
    """Return `[fingerprint/path]xpub` of a name, as a descriptor has it."""
    root = bip32_root(name)
    account = root.derive(path).to_public().to_base58()
    return f"[{root.my_fingerprint.hex()}/{path[2:]}]{account}"


def fixed_key(name: str) -> str:
    """Return one compressed public key of a name, in hex."""
    return str(bip32_root(name).derive("m/0").to_public().key.sec().hex())


def enforced(gate: str, holders: Iterable[str], *, blocks: int = 52560) -> str:
    """Return the descriptor of a wallet that needs the key of `gate`, and of every holder."""
    keys = [key_expression(name) for name in holders]
    now, later = (",".join(f"{key}/<{path}>/*" for key in keys) for path in ("0;1", "2;3"))
    together = f"multi({len(keys)},{now})"
    return (
        f"wsh(andor(pk({key_expression(gate)}{MULTIPATH}),{together},"
        f"and_v(v:multi({len(keys)},{later}),older({blocks}))))"
    )


def _descriptors() -> dict[str, str]:
    alpha, beta, gamma = (f"{key_expression(n)}{MULTIPATH}" for n in ("alpha", "beta", "gamma"))
    three = f"{alpha},{beta},{gamma}"
    fixed = ",".join(fixed_key(name) for name in ("alpha", "beta", "gamma"))
    return {
        "pkh": f"pkh({alpha})",
        "sh_wpkh": f"sh(wpkh({alpha}))",
        "wpkh": f"wpkh({alpha})",
        "sh_sortedmulti": f"sh(sortedmulti(2,{three}))",
        "sh_wsh_sortedmulti": f"sh(wsh(sortedmulti(2,{three})))",
        "wsh_sortedmulti": f"wsh(sortedmulti(2,{three}))",
        "tr": f"tr({alpha})",
        "tr_leaves": f"tr({alpha},{{pk({beta}),pk({gamma})}})",
        "miniscript": f"wsh(or_d(pk({alpha}),and_v(v:pkh({beta}),older(52560))))",
        "enforced": enforced("alpha", ["beta"]),
        "one_branch": f"wpkh({key_expression('alpha')}/0/*)",
        "fixed_wpkh": f"wpkh({fixed_key('alpha')})",
        "fixed_sh_wsh_multi": f"sh(wsh(multi(2,{fixed})))",
    }


DESCRIPTORS: Mapping[str, str] = _descriptors()
"""A descriptor of each kind, without checksum. Ranged ones are multipath but for `one_branch`."""


def wallet_of(
    descriptor: str,
    *,
    wallet_id: str = "cold-1",
    network: Network = Network.MAIN,
    **changes: Any,  # noqa: ANN401 - the fields of Wallet, each of its type
) -> Wallet:
    """Return a wallet record; its change goes to the internal branch, else where it came from."""
    spelled = check_descriptor(descriptor, network, "descriptor")
    if branch_count(spelled, network) > 1:
        rule = ChangeRule.INTERNAL_BRANCH
    else:
        rule = ChangeRule.NONE if is_ranged(spelled, network) else ChangeRule.SAME_ADDRESS
    usual = Wallet(
        wallet_id=wallet_id,
        name=f"Wallet {wallet_id}",
        chain=network.caip2,
        asset="BTC",
        descriptor=spelled,
        tier=Tier.COLD,
        departments=("operations",),
        segregation=Segregation.CUSTOMER,
        change_rule=rule,
        gap_limit=5,
        level=Level.ENFORCED if spelled.startswith("wsh(andor(pk(") else Level.ADVISORY,
        proof="unproven",
    )
    return replace(usual, **changes)


def book_of(*wallets: Wallet) -> ScriptBook:
    """Return the script book of some wallets."""
    return open_book(wallets)


def _address(script: bytes, chain: str) -> str:
    address = address_of(script, network_of_caip2(chain, "chain"))
    if address is None:
        raise ValueError(f"{script.hex()} has no address")
    return address


def script_at(wallet: Wallet, index: int = 0, *, branch: int = 0) -> bytes:
    """Return a script of a wallet."""
    network = network_of_caip2(wallet.chain, "wallet.chain")
    return derive_script(wallet.descriptor, network, branch, index)


def address_at(wallet: Wallet, index: int = 0, *, branch: int = 0) -> str:
    """Return an address of a wallet."""
    return _address(script_at(wallet, index, branch=branch), wallet.chain)


def stranger(number: int = 0, network: Network = Network.MAIN) -> str:
    """Return the P2WPKH address of somebody outside, another for each number."""
    return _address(b"\x00\x14" + bytes_of(f"stranger {number}")[:20], network.caip2)


STRANGER = stranger()


def payment(address: str, amount_sat: int, network: Network = Network.MAIN) -> Payment:
    """Return a payment to an address."""
    script = script_of(address, network, "address")
    return Payment(address=address, script=script, amount_sat=Sat(amount_sat))


def txout(address: str, amount_sat: int, network: Network = Network.MAIN) -> TxOut:
    """Return an output that pays an address."""
    return TxOut(amount_sat=Sat(amount_sat), script=script_of(address, network, "address"))


def funding(
    wallet: Wallet, *amounts_sat: int, branch: int = 0, index: int = 0, salt: str = ""
) -> Transaction:
    """Return a transaction, spending nothing of ours, that pays each amount to `wallet`.

    The first goes to `index` and the others to those after it (a fixed descriptor has one script
    for all). Another `salt` makes another transaction.
    """
    network = network_of_caip2(wallet.chain, "wallet.chain")
    step = 1 if is_ranged(wallet.descriptor, network) else 0
    outputs = tuple(
        TxOut(amount_sat=Sat(each), script=script_at(wallet, index + step * place, branch=branch))
        for place, each in enumerate(amounts_sat)
    )
    foreign = OutPoint(txid=bytes_of(f"foreign coin {wallet.wallet_id} {salt}").hex(), vout=0)
    return spending([foreign], outputs)


def outpoint(transaction: Transaction, vout: int) -> OutPoint:
    """Return one output of a transaction, as an input names it."""
    return OutPoint(txid=transaction.txid, vout=vout)


def spending(
    outpoints: Iterable[OutPoint],
    outputs: Iterable[TxOut],
    *,
    version: int = 2,
    locktime: int = 0,
    sequence: int = 0xFFFF_FFFD,
) -> Transaction:
    """Return an unsigned transaction."""
    return Transaction(
        version=version,
        inputs=tuple(
            TxIn(outpoint=each, script_sig=b"", sequence=sequence, witness=())
            for each in outpoints
        ),
        outputs=tuple(outputs),
        locktime=locktime,
    )
