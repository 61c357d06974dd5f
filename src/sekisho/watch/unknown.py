"""What a search cannot find, said before anybody relies on its silence."""

from collections.abc import Iterable

from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.kernel.finding import Finding, finding
from sekisho.wallets.registry import ScriptBook


def unknown_coins(book: ScriptBook, outputs: Iterable[TxOut]) -> list[Finding]:
    """Return a finding for each wallet of whose descriptor no coin was ever seen.

    In a block a spent coin is known by the transaction that made it. Of a wallet whose coins were
    all made where nobody looked, every outflow would be passed over in silence.
    """
    owners = (book.own(output.script) for output in outputs)
    seen = {book.wallets[own.wallet_id].descriptor for own in owners if own is not None}
    return [
        finding("watch.coins_unknown", wallet_id)
        for wallet_id, wallet in sorted(book.wallets.items())
        if wallet.descriptor not in seen
    ]
