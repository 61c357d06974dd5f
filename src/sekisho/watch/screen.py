"""What of all that a node tells is about us: the sieve, and what it was already held against.

A transaction is looked at once, from whichever node it comes first. One that makes a coin of ours
may come after the one that spends it (a listing has no order), so whoever hands over several looks
again until nothing more is learned.
"""

from collections.abc import Iterable, Sequence

from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction, parse_transaction
from sekisho.watch.listed import Listed
from sekisho.watch.records import WatchState
from sekisho.watch.sieve import Sieve

SEEN_MAX = 1_000_000
"""Transactions that are remembered as looked at: several full mempools, some 250 MB."""


class Seen:
    """The transactions that were looked at, by txid in display order; the oldest are forgotten.

    Looking at one again costs time and changes nothing.
    """

    def __init__(self) -> None:
        self._txids: dict[bytes, None] = {}
        self._bodies: dict[bytes, bytes] = {}
        self._doubted: dict[bytes, bytes] = {}

    def __contains__(self, txid: object) -> bool:
        return txid in self._txids

    def __len__(self) -> int:
        return len(self._txids)

    def has(self, digest: bytes) -> bool:
        """Return whether a transaction whose bytes have this digest was looked at."""
        return digest in self._bodies

    def note(self, digest: bytes, txid: bytes) -> None:
        """Note a transaction as looked at."""
        if self._doubted.pop(digest, None) is None and (
            len(self._bodies) + len(self._doubted) >= SEEN_MAX
        ):
            old = self._doubted or self._bodies
            self._txids.pop(old.pop(next(iter(old))), None)
        self._bodies[digest] = txid
        self._txids[txid] = None

    def doubt(self) -> None:
        """Look at each again when it comes again, and ask for none because of it."""
        self._doubted |= self._bodies
        self._bodies = {}

    def forget(self) -> None:
        """Forget all: what is watched has changed, and everything is to be looked at again."""
        self._txids.clear()
        self._bodies.clear()
        self._doubted.clear()


class Screen:
    """Everything watched, and everything looked at."""

    def __init__(self, seed: bytes) -> None:
        self.seen = Seen()
        self._sieve = Sieve(seed)
        self.listed = Listed(self._sieve)
        self._reach: object = None

    @property
    def scripts(self) -> int:
        """How many scripts are watched."""
        return self._sieve.scripts

    def watch(self, state: WatchState, coins: Iterable[OutPoint]) -> int:
        """Watch what this state knows, and these coins of ours; return how much was new."""
        new = self._sieve.watch_outpoints(coins)
        if state.book is not self._reach:
            self._reach = state.book
            new += self._sieve.watch_scripts(state.book.by_script)
        return new + self._sieve.watch_outpoints(state.by_anchor)

    def watch_spent(self, outpoints: Iterable[OutPoint]) -> None:
        """Watch what others' coins go to as well: what comes again is looked at again."""
        if self._sieve.watch_outpoints(outpoints):
            self.seen.doubt()

    def one(self, raw: bytes, where: str) -> Transaction | None:
        """Return a transaction if it is about us and was not looked at before.

        Raises `BadInputError` for bytes that are none.
        """
        digest = sha256_twice(raw)
        if self.seen.has(digest):
            return None
        hit = self._sieve.scan_transaction(raw, where).hits
        transaction = parse_transaction(raw, where)
        self.seen.note(digest, bytes.fromhex(transaction.txid))
        return transaction if hit else None

    def again(self, raw: bytes, where: str) -> Transaction | None:
        """Return a transaction if it is about us, whether or not it was looked at."""
        hit = self._sieve.scan_transaction(raw, where).hits
        return parse_transaction(raw, where) if hit else None

    def block(self, raw: bytes, where: str) -> Sequence[Transaction]:
        """Return the transactions of a block that are about us, in its order.

        Raises `BadInputError` if it is not laid out as a block.
        """
        return [
            parse_transaction(raw[hit.offset : hit.offset + hit.size], where)
            for hit in self._sieve.scan_block(raw, where).hits
        ]
