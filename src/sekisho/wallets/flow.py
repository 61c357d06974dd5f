"""Seeing the chain and telling what we hold: gather, decide, record, act."""

from collections.abc import Iterable
from datetime import datetime

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.journal.records import Draft
from sekisho.journal.store import JournalStore
from sekisho.kernel.ulid import make_ulid
from sekisho.wallets.coins import Holdings, fold_holdings
from sekisho.wallets.proof import CHALLENGED, NONCE_BYTES, challenge_body
from sekisho.wallets.records import Wallet
from sekisho.wallets.registry import open_book
from sekisho.wallets.store import ChainStore


def holdings_of(chain: ChainStore, wallets: Iterable[Wallet]) -> Holdings:
    """Return what `wallets` hold, by the transactions seen so far."""
    return fold_holdings(open_book(wallets), chain.transactions())


def observe(
    chain: ChainStore, wallets: Iterable[Wallet], transactions: Iterable[Transaction]
) -> tuple[Transaction, ...]:
    """Keep those of `transactions` that touch a wallet of ours, and return them."""
    given = {transaction.txid: transaction for transaction in transactions}
    known = {transaction.txid: transaction for transaction in chain.transactions()}
    holdings = fold_holdings(open_book(wallets), (known | given).values())
    ours = tuple(
        transaction
        for transaction in given.values()
        if any(each.outpoint in holdings.coins for each in transaction.inputs)
        or any(holdings.book.own(output.script) is not None for output in transaction.outputs)
    )
    chain.keep(list(ours))
    return ours


def draw_challenge(journal: JournalStore, wallet: Wallet, nonce: bytes, *, now: datetime) -> None:
    """Record a nonce that was drawn for a wallet, so that proofs over it are known to be later.

    `nonce` is the caller's randomness, 32 bytes; raises `ValueError` for another length.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    journal.append(
        Draft(
            entry_id=make_ulid(now, nonce[:10]),
            at=now,
            kind=CHALLENGED,
            actor="wallets",
            body=challenge_body(wallet, nonce),
        )
    )
