"""A sentry's judging: from bytes to durable verdicts, under the journal as it is just then."""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from sekisho.app import Installation, current_time, last_checkpoint
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction
from sekisho.edges.node_feed import monotonic_us
from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.finding import Finding
from sekisho.passes.duress import Keeper
from sekisho.respond.flow import INCIDENT_OPENED, open_incident
from sekisho.respond.records import Incident
from sekisho.watch import troubles
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
from sekisho.watch.listed import each_of, owner_of
from sekisho.watch.old_coins import coins_in
from sekisho.watch.raw_block import SEED_SIZE
from sekisho.watch.recorded import recorded_verdict
from sekisho.watch.records import ALARMS, Movement, Verdict, VerdictKind
from sekisho.watch.screen import Screen
from sekisho.watch.sieve import Packed

RENEW_SECONDS = 30
"""How often everything that depends on the time is worked out again: rosters expire."""
WAITING_MAX = 10_000
HEARD_MAX_BYTES = 32 * 1024 * 1024
"""Of a loss of messages one knows within seconds; this is several blocks."""
Told = Callable[[Judged, Incident | None, int, int], None]
"""Is told of a durable verdict that was not given before, the moment of its message, and what it
took from there; both in microseconds."""


class Judging:
    """What is watched, what was looked at, and the verdicts."""

    def __init__(self, here: Installation, *, keeper: Keeper | None, told: Told) -> None:
        self._here = here
        self._keeper = keeper
        self._told = told
        self.screen = Screen(secrets.token_bytes(SEED_SIZE))
        self.watch = self._opened()
        self.owed: dict[str, tuple[Transaction, int]] = {}
        """What could not be made durable yet, with the moment of its message, by txid."""
        self._unopened = _unopened(self.watch)
        """Alarms of before the start whose incidents are not open."""
        self._said = {each.entry_id for each in self.watch.recorded.values()} - set(self._unopened)
        self.moved: list[tuple[Transaction, Judged | None]] = []
        """What was judged since this was last emptied; None for what is about us no more than
        that it spends what a movement of ours spends."""
        self._judged: dict[bytes, tuple[tuple[bool, ...], Judged]] = {}
        """What was judged under this view of the journal, with which of its inputs were known."""
        self._waiting: dict[str, dict[str, Transaction]] = {}
        """By the txid of what made a coin of ours and did not come: what spends the coin."""
        self._heard: deque[bytes] = deque()
        """What was heard last and is not about us, as far as is known: a coin of ours that it
        spends may be learned late."""
        self._heard_bytes = 0
        self._late = False
        """A listing gave a coin of ours of which nothing was heard."""
        self._loose: list[bytes] = []
        self._others = False
        """Other wallets or coins are watched than when that was last asked."""
        self._is_read = False
        """The journal was read since what is being judged was heard."""
        self._renewed_at = current_time()
        self._show(self.watch.outputs)

    def one(self, raw: bytes, at_us: int) -> None:
        """Look at a transaction that `rawtx` told. Raises `BadInputError` for bytes that are none.

        That is a message out of form, and nothing else was done.
        """
        transaction = self.screen.one(raw, "ZMQ rawtx")
        if transaction is not None:
            self._judge([transaction], at_us)
            return
        self._heard.append(raw)
        self._heard_bytes += len(raw)
        while self._heard_bytes > HEARD_MAX_BYTES:
            self._heard_bytes -= len(self._heard.popleft())

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
        known = len(self.watch.outputs)
        self._judge([each for each in found if each is not None], at_us)
        self._late = self._late or len(self.watch.outputs) > known
        return errors

    def listing_done(self, at_us: int) -> None:
        """Look again at what was listed, until no coin of ours is learned from it any more."""
        raws, self._loose = self._loose, []
        if self._late:
            raws += self._heard
            self._late = False
        known = -1
        while raws and known != len(self.watch.outputs):
            known = len(self.watch.outputs)
            hits = (self.screen.again(raw, "mempool") for raw in raws)
            self._judge([each for each in hits if each is not None], at_us)

    def block(self, raw: bytes, where: str, at_us: int) -> None:
        """Search a block; what spends a coin that the block itself makes is found as well.

        Raises `BadInputError` if it is not laid out as a block.
        """
        before, known = len(self.watch.outputs), -1
        found: Sequence[Transaction] = ()
        while known != len(self.watch.outputs):
            known = len(self.watch.outputs)
            found = self.screen.block(raw, where)
            self._judge(found, at_us)
        seen = self.screen.seen
        if known > before and any(bytes.fromhex(each.txid) not in seen for each in found):
            # What spends a coin of it may have come before it, and was about nobody then.
            self._look_at_all_again()

    def add_scripts(self, wallet_id: str, scripts: Packed) -> None:
        """Watch more scripts as a wallet's, and the coins on them that are known by now."""
        if self.screen.listed.add(wallet_id, scripts):
            self._judged.clear()
            added = set(each_of(scripts))
            coins = (each for each, out in self.watch.outputs.items() if out.script in added)
            self.screen.watch(self.watch.state, coins)

    def look_at_coins(self) -> None:
        """Watch every coin that is known and ours: other scripts are ours by now."""
        self._show(self.watch.outputs)

    def settle_debts(self) -> None:
        """Judge what is owed again. Its coins were not known meanwhile: all is looked at again."""
        were_owed = bool(self.owed)
        for txid, (transaction, at_us) in [*self.owed.items()]:
            del self.owed[txid]
            self._judge([transaction], at_us)
            if txid in self.owed:
                return
        if were_owed:
            self._look_at_all_again()

    @property
    def is_behind(self) -> bool:
        """Whether all is to be looked at again, for what was learned since."""
        return self._others

    def _look_at_all_again(self) -> None:
        self.screen.seen.forget()
        self._others = True

    def open_rest(self) -> list[Finding]:
        """Open the incidents of alarms of before the start whose transactions did not come again.

        To be called when everything was looked at. Returns what to say of each.
        """
        found = []
        for entry_id, entry in list(self._unopened.items()):
            with suppress(WorldError):  # the journal cannot take it yet
                try:
                    verdict = recorded_verdict(entry)
                except BadInputError:
                    pass  # somebody else wrote it: it is no verdict of a watcher
                else:
                    open_incident(
                        self._here.journal, None, verdict, recognised=entry, valuations=[]
                    )
                    found.append(troubles.opened_late(verdict))
                self._said.add(entry_id)
                del self._unopened[entry_id]
        return found

    def follow(self) -> bool:
        """Take in what the journal says by now; return whether all is to be looked at again.

        Raises `WorldError` if it cannot be read.
        """
        now = current_time()
        # A clock that was put back must not keep it from being done either.
        late = abs(now - self._renewed_at) >= timedelta(seconds=RENEW_SECONDS)
        if late or not read_again(self.watch, now=now):
            self._renew()
        others, self._others = self._others, False
        return others

    def learn(self, transactions: Sequence[Transaction]) -> int:
        """Watch the coins in these transactions from now on; return how many were not known.

        What was looked at before is looked at again. Raises `WorldError` if they cannot be kept.
        """
        self._judged.clear()
        self._here.chain.keep([*transactions])
        watch = self.watch
        outputs, coins, book = coins_in(transactions, watch.state.book, watch.outputs)
        watch.outputs.update(outputs)
        watch.state = replace(watch.state, book=book)
        self._show(outputs)
        if coins:
            self._look_at_all_again()
        for each in transactions:
            self._judge([*self._waiting.pop(each.txid, {}).values()], monotonic_us())
        return len(coins)

    def _renew(self) -> None:
        now = current_time()
        self._renewed_at = now
        self._judged.clear()
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
            listed=self.screen.listed,
        )

    def _show(self, outpoints: Iterable[OutPoint]) -> None:
        """Have the screen watch all that is known, and these outpoints where they are ours."""
        state, outputs, listed = self.watch.state, self.watch.outputs, self.screen.listed
        ours = [each for each in outpoints if owner_of(outputs[each].script, state.book, listed)]
        self.screen.watch(state, ours)

    def _judge(self, found: Sequence[Transaction], at_us: int) -> None:
        """Judge each, what makes a coin before what spends it, and learn its coins."""
        ordered = in_chain_order({each.txid: each for each in found}) if len(found) > 1 else found
        self._is_read = False
        queue = deque(ordered)
        while queue:
            transaction = queue.popleft()
            before = self._judged.get(transaction.serialize())
            if before is not None and before[0] == self._known(transaction):
                self.moved.append((transaction, before[1]))  # a block tells again what is known
                continue
            try:
                self._judge_one(transaction, at_us)
            except WorldError:
                self.owed[transaction.txid] = (transaction, at_us)
            else:
                queue.extend(self._waiting.pop(transaction.txid, {}).values())

    def _judge_one(self, transaction: Transaction, at_us: int) -> None:
        weighed = weigh_parsed(self.watch, transaction, now=current_time())
        spends_ours = weighed is None or any(each.own for each in weighed[0].inputs)
        if spends_ours and (not self._is_current() or _is_unsure(weighed)):
            # What the gate let through a moment ago stands in the journal by now. And a view that
            # was too old, because the watcher or its clock was held up, was just read again.
            weighed = weigh_parsed(self.watch, transaction, now=current_time())
        if weighed is None:
            self.moved.append((transaction, None))
            return
        if _is_unsure(weighed):
            self._wait_for_coins(*weighed)
        known = self._known(transaction)
        judged = self.conclude(*weighed, at_us=at_us)
        self.moved.append((transaction, judged))
        if not _is_unsure(weighed):
            self._judged[transaction.serialize()] = known, judged

    def _known(self, transaction: Transaction) -> tuple[bool, ...]:
        """Return which of a transaction's inputs are proven by what made them."""
        return tuple(each.outpoint in self.watch.outputs for each in transaction.inputs)

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
            incident = self._incident(judged) if judged.verdict.kind in ALARMS else None
            self._said.add(judged.entry.entry_id)
            self._unopened.pop(judged.entry.entry_id, None)
            self._told(judged, incident, at_us, took_us)
        return judged

    def _wait_for_coins(self, movement: Movement, verdict: Verdict) -> None:
        """Have it judged again when the transactions come that made coins of unproven worth."""
        for each in movement.inputs:
            if each.own is not None and each.amount_sat is None:
                waiting = self._waiting.setdefault(each.outpoint.txid, {})
                waiting[verdict.txid] = movement.transaction
        while len(self._waiting) > WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]

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

        Where the journal cannot be read the view grows old, and the verdict says so. It is read
        once for all that came together: what the gate let through of it stands there by then.
        """
        if self._is_read:
            return True
        self._is_read = True
        try:
            if read_again(self.watch, now=current_time()):
                return True
            self._renew()
        except (WorldError, BadInputError):
            return True
        return False


def _is_unsure(weighed: tuple[Movement, Verdict] | None) -> bool:
    return weighed is not None and weighed[1].kind is VerdictKind.UNDETERMINED


def _unopened(watch: Watch) -> dict[str, Entry]:
    """Return the alarms without an incident, by their ids.

    Whoever killed the watcher between the two must not thereby have spared himself an incident.
    """
    opened = {
        str(each.body.get("recognised_by"))
        for each in watch.entries
        if each.kind == INCIDENT_OPENED
    }
    return {
        each.entry_id: each
        for each in watch.recorded.values()
        if str(each.body.get("verdict")) in ALARMS and each.hash.hex() not in opened
    }
