"""A sentry's judging: from bytes to durable verdicts, under the journal as it is just then."""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from sekisho.app import Installation, current_time, last_checkpoint
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction
from sekisho.edges.node_feed import monotonic_us
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.passes.duress import Keeper
from sekisho.respond.flow import INCIDENT_OPENED, open_incident
from sekisho.respond.records import Incident
from sekisho.watch.chain_order import in_chain_order
from sekisho.watch.flow import (
    Judged,
    Watch,
    open_watch,
    read_again,
    record_verdict,
    renew_watch,
    weigh_parsed,
)
from sekisho.watch.raw_block import SEED_SIZE
from sekisho.watch.records import ALARMS, Movement, Verdict
from sekisho.watch.screen import Screen

RENEW_SECONDS = 30
"""How often everything that depends on the time is worked out again: rosters expire."""
Told = Callable[[Judged, Incident | None, int], None]
"""Is told of a durable verdict that was not given before, and what it took since its message."""


def _said_before(watch: Watch) -> set[str]:
    """Return the ids of the verdicts that were told, each alarm of them with its incident.

    A watcher that was killed between an alarm and its incident opens that when it judges again.
    """
    opened = {
        each.body.get("recognised_by") for each in watch.entries if each.kind == INCIDENT_OPENED
    }
    return {
        each.entry_id
        for each in watch.recorded.values()
        if each.body.get("verdict") not in ALARMS or each.hash.hex() in opened
    }


class Judging:
    """What is watched, what was looked at, and the verdicts."""

    def __init__(self, here: Installation, *, keeper: Keeper | None, told: Told) -> None:
        self._here = here
        self._keeper = keeper
        self._told = told
        self.screen = Screen(secrets.token_bytes(SEED_SIZE))
        self.watch = self._opened()
        self.owed: deque[tuple[Transaction, int]] = deque()
        """What could not be made durable yet, with the moment of its message."""
        self._said = _said_before(self.watch)
        self.moved: list[tuple[Transaction, Judged | None]] = []
        """What was judged since this was last emptied; None for what is about us no more than
        that it spends what a movement of ours spends."""
        self._loose: list[bytes] = []
        self._others = False
        """Other wallets are watched than when that was last asked."""
        self._renewed_at = current_time()
        self._show(self.watch.outputs)

    def one(self, raw: bytes, at_us: int) -> None:
        """Look at a transaction that `rawtx` told. Raises `BadInputError` for bytes that are none.

        That is a message out of form, and nothing else was done.
        """
        transaction = self.screen.one(raw, "ZMQ rawtx")
        if transaction is not None:
            self._judge([transaction], at_us)

    def listed(self, raws: Iterable[bytes], at_us: int) -> list[BadInputError]:
        """Look at transactions of the mempool, which may come in any order.

        Returns what is wrong with those that cannot be read.
        """
        found, errors = [], []
        for raw in raws:
            try:
                found.append(self.screen.one(raw, "mempool"))
            except BadInputError as error:
                errors.append(error)
            else:
                self._loose.append(raw)
        self._judge([each for each in found if each is not None], at_us)
        return errors

    def listing_done(self, at_us: int) -> None:
        """Look again at what was listed, until no coin of ours is learned from it any more."""
        raws, self._loose = self._loose, []
        known = -1
        while raws and known != len(self.watch.outputs):
            known = len(self.watch.outputs)
            hits = (self.screen.again(raw, "mempool") for raw in raws)
            self._judge([each for each in hits if each is not None], at_us)

    def block(self, raw: bytes, where: str, at_us: int) -> None:
        """Search a block; what spends a coin that the block itself makes is found as well.

        Raises `BadInputError` if it is not laid out as a block.
        """
        known = -1
        while known != len(self.watch.outputs):
            known = len(self.watch.outputs)
            self._judge(self.screen.block(raw, where), at_us)

    def settle_debts(self) -> None:
        """Judge what is owed again."""
        for _ in range(len(self.owed)):
            transaction, at_us = self.owed.popleft()
            self._judge([transaction], at_us)
            if self.owed:
                return

    def follow(self) -> bool:
        """Take in what the journal says by now; return whether other wallets are watched.

        Raises `WorldError` if it cannot be read.
        """
        now = current_time()
        late = now - self._renewed_at >= timedelta(seconds=RENEW_SECONDS)
        if late or not read_again(self.watch, now=now):
            self._renew()
        others, self._others = self._others, False
        return others

    def _renew(self) -> None:
        now = current_time()
        self._renewed_at = now
        if renew_watch(self.watch, now=now, checkpoint=last_checkpoint(self._here)):
            self._show(())
            return
        self.watch = self._opened()
        self.screen.seen.forget()
        self._show(self.watch.outputs)
        self._others = True

    def _opened(self) -> Watch:
        return open_watch(
            self._here.journal,
            self._here.chain.transactions(),
            genesis_digest=self._here.pinned_genesis(),
            now=current_time(),
            keeper=self._keeper,
            checkpoint=last_checkpoint(self._here),
        )

    def _show(self, outpoints: Iterable[OutPoint]) -> None:
        """Have the screen watch all that is known, and these outpoints where they are ours."""
        state, outputs = self.watch.state, self.watch.outputs
        ours = [each for each in outpoints if state.book.own(outputs[each].script) is not None]
        self.screen.watch(state, ours)

    def _judge(self, found: Sequence[Transaction], at_us: int) -> None:
        """Judge each, what makes a coin before what spends it, and learn its coins."""
        ordered = in_chain_order({each.txid: each for each in found}) if len(found) > 1 else found
        for transaction in ordered:
            try:
                self._judge_one(transaction, at_us)
            except WorldError:
                self.owed.append((transaction, at_us))

    def _judge_one(self, transaction: Transaction, at_us: int) -> None:
        weighed = weigh_parsed(self.watch, transaction, now=current_time())
        spends_ours = weighed is None or any(each.own for each in weighed[0].inputs)
        if spends_ours and not self._is_current():
            # What the gate let through a moment ago stands in the journal by now.
            weighed = weigh_parsed(self.watch, transaction, now=current_time())
        if weighed is None:
            self.moved.append((transaction, None))
            return
        self.moved.append((transaction, self.conclude(*weighed, at_us=at_us)))

    def conclude(self, movement: Movement, verdict: Verdict, *, at_us: int) -> Judged:
        """Return the verdict, durable; with its incident if it is an alarm, and told, once.

        Raises `WorldError` if it cannot be made durable.
        """
        transaction = movement.transaction
        judged = record_verdict(self.watch, movement, verdict, now=current_time())
        took_us = max(monotonic_us() - at_us, 0)
        self._here.chain.keep([transaction])
        count = range(len(transaction.outputs))
        self._show(OutPoint(txid=transaction.txid, vout=each) for each in count)
        if judged.entry.entry_id not in self._said:
            self._said.add(judged.entry.entry_id)
            incident = self._incident(judged) if judged.verdict.kind in ALARMS else None
            self._told(judged, incident, took_us)
        return judged

    def _incident(self, judged: Judged) -> Incident:
        return open_incident(
            self._here.journal,
            judged.movement,
            judged.verdict,
            recognised=judged.entry,
            valuations=[],
        )

    def _is_current(self) -> bool:
        """Return whether the journal holds nothing that the view does not; renew it if it does.

        Where the journal cannot be read the view grows old, and the verdict says so.
        """
        try:
            if read_again(self.watch, now=current_time()):
                return True
            self._renew()
        except (WorldError, BadInputError):
            return True
        return False
