"""Which scripts are ours: the wallets in force, and a look-up in both directions.

The scripts of a wallet are derived, never read from a PSBT or a database. On every branch they
reach `gap_limit` beyond the last index that was seen in use, so a coin sent to a far index of our
own descriptor is not ours until the gap is closed: an address that nobody would find again is no
change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.wallets.descriptors import branch_count, derive_script, is_ranged
from sekisho.wallets.records import OwnScript, Wallet


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptBook:
    """Every script of some wallets. Built by `open_book`; `extended` returns a larger one."""

    wallets: Mapping[str, Wallet]
    reach: Mapping[tuple[str, int], int]
    """For each wallet and branch, the number of scripts derived."""
    by_script: Mapping[bytes, OwnScript] = field(repr=False)
    shared: frozenset[bytes]
    """Scripts that two wallets have: they count as the first one's, and the gate opens for none.

    Nobody can audit such a configuration, but a watcher that went blind over it would be worse."""

    def own(self, script: bytes) -> OwnScript | None:
        """Return whose script this is, or None if it is not ours within the gap limit."""
        return self.by_script.get(script)

    def address(self, own: OwnScript) -> str:
        """Return the address of a script of ours, or its hex where it has none."""
        network = network_of_caip2(self.wallets[own.wallet_id].chain, "wallet.chain")
        return address_of(own.script, network) or own.script.hex()

    def extended(self, used: Iterable[OwnScript]) -> "ScriptBook":
        """Return a book that reaches `gap_limit` beyond each script in `used`."""
        reach = dict(self.reach)
        for own in used:
            wallet = self.wallets[own.wallet_id]
            if is_ranged(wallet.descriptor, network_of_caip2(wallet.chain, "wallet.chain")):
                key = (own.wallet_id, own.branch)
                reach[key] = max(reach[key], own.index + 1 + wallet.gap_limit)
        if reach == self.reach:
            return self
        return _derived(self.wallets, reach, self)


def first_address(wallet: Wallet) -> str:
    """Return the first receiving address of a wallet, or its script in hex if it has none."""
    network = network_of_caip2(wallet.chain, "wallet.chain")
    script = derive_script(wallet.descriptor, network, 0, 0)
    return address_of(script, network) or script.hex()


def open_book(wallets: Iterable[Wallet]) -> ScriptBook:
    """Return the book of `wallets`, each branch derived up to its gap limit."""
    by_id = {wallet.wallet_id: wallet for wallet in sorted(wallets, key=lambda w: w.wallet_id)}
    reach: dict[tuple[str, int], int] = {}
    for wallet in by_id.values():
        network = network_of_caip2(wallet.chain, "wallet.chain")
        count = wallet.gap_limit if is_ranged(wallet.descriptor, network) else 1
        for branch in range(branch_count(wallet.descriptor, network)):
            reach[wallet.wallet_id, branch] = count
    nothing = ScriptBook(wallets=by_id, reach={}, by_script={}, shared=frozenset())
    return _derived(by_id, reach, nothing)


def _derived(
    wallets: Mapping[str, Wallet], reach: Mapping[tuple[str, int], int], before: ScriptBook
) -> ScriptBook:
    by_script, shared = dict(before.by_script), set(before.shared)
    for (wallet_id, branch), count in reach.items():
        wallet = wallets[wallet_id]
        network = network_of_caip2(wallet.chain, "wallet.chain")
        for index in range(before.reach.get((wallet_id, branch), 0), count):
            script = derive_script(wallet.descriptor, network, branch, index)
            own = OwnScript(wallet_id=wallet_id, script=script, branch=branch, index=index)
            if by_script.setdefault(script, own) != own:
                shared.add(script)
    return ScriptBook(
        wallets=dict(wallets), reach=dict(reach), by_script=by_script, shared=frozenset(shared)
    )
