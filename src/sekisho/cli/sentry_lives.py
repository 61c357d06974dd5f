"""A sentry's chronicle: what became of each movement, written down behind the verdicts.

All that a node tells is told to `watch/lives.py`; what follows from it is written in batches, when
everything that came is judged. What the journal cannot take is owed, and written later.
"""

from collections.abc import Callable, Collection, Mapping

from sekisho.app import Installation, current_time, new_id
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.cli.sentry_burials import Burials
from sekisho.cli.sentry_judging import Judging
from sekisho.edges.node_feed import BlockGiven, BurialGiven, NodeLink, Post, monotonic_us
from sekisho.journal.records import Draft
from sekisho.kernel.errors import WorldError
from sekisho.kernel.finding import Finding
from sekisho.watch import troubles
from sekisho.watch.block_path import HEADERS_KEPT, Blocks
from sekisho.watch.double_spend import Thought, double_spent
from sekisho.watch.feed import Feed
from sekisho.watch.feed_records import (
    AskBurial,
    Failed,
    Header,
    Heard,
    Joined,
    Listed,
    Parted,
)
from sekisho.watch.flow import movement_of
from sekisho.watch.frames import SEQUENCE, Label, Note
from sekisho.watch.life_records import (
    CHANGES_MAX,
    WATCH_LIVES,
    Change,
    State,
    Told,
    lives_body,
    told_lives,
)
from sekisho.watch.lives import Lives
from sekisho.watch.match import match
from sekisho.watch.records import VerdictKind
from sekisho.watch.state import WATCH_JUDGED

_FINAL = frozenset({State.SETTLED, State.DISPLACED})
_OVER = frozenset({State.REPLACED, State.GONE})


class Chronicle:
    """The lives of one workspace's movements. It begins with what the journal says of them."""

    def __init__(self, here: Installation, judging: Judging, blocks: Blocks) -> None:
        self._here = here
        self._judging = judging
        self._blocks = blocks
        self._lives = Lives(blocks)
        self._burials = Burials(judging, blocks)
        self._unwritten: list[tuple[Draft, list[Change]]] = []
        self._begin()

    @property
    def owed(self) -> int:
        """How many changes the journal could not take yet."""
        return sum(len(changes) for _, changes in self._unwritten)

    @property
    def is_whole(self) -> bool:
        """Whether a watcher that began again after the searched blocks would lack nothing."""
        return not self._unwritten and not self._lives.is_open

    def before_block(self, header: Header) -> None:
        """Watch what a block beside the chain could spend otherwise, before it is searched."""
        tip = self._blocks.tip
        if tip is not None and header.prev_hash != tip.hash:
            self._watch_at_risk()

    def after(self, post: Post) -> None:
        """Take in what a node told, and what was judged because of it."""
        node, told, header = post.node, post.told, None
        match told:
            case BlockGiven():
                self._burials.saw(told.data)
                header = told.header
            case Heard(note=Note() as note):
                self._note(node, note)
            case Listed():
                self._lives.listed(node, frozenset(told.txids), told.mempool_sequence)
            case Joined() | Parted() if told.topic == SEQUENCE:
                self._lives.parted(node)
            case BurialGiven():
                self._burials.given(told)
            case Failed(ask=AskBurial()):
                self._burials.failed()
            case _:
                pass
        self.judged(node, header)

    def judged(self, node: str, header: Header | None) -> None:
        """Take in what was judged just now: in a block, or of a node's mempool or messages."""
        moved, self._judging.moved = self._judging.moved, []
        for transaction, verdict in moved:
            spends = tuple(each.outpoint for each in transaction.inputs)
            if header is None:
                self._lives.saw(node, transaction.txid, spends, ours=verdict is not None)
            else:
                self._lives.found(header, transaction.txid, spends, ours=verdict is not None)

    def stand(self) -> None:
        """Take in where the chain stands, up to which every block was searched."""
        if self._lives.stands():
            self._gather()
            self._lives.forget_old()
            self._blocks.forget_old()

    def step(self, feeds: Collection[Feed], links: Mapping[str, NodeLink]) -> list[Finding]:
        """Write down what became of movements, by what is heard of these nodes."""
        believed = frozenset(each.node for each in feeds if not each.is_blind)
        sound = (links[each.node].ask for each in feeds if each.is_sound)
        self.tick(believed, next(sound, None))
        return [troubles.lives_owed(self.owed)] if self.owed else []

    def tick(self, nodes: frozenset[str], ask: Callable[[AskBurial], None] | None) -> None:
        """Write down what changed. `nodes` are those that are believed; `ask` asks one of them."""
        self._lives.heard_by(nodes)
        self._gather()
        try:
            while self._unwritten:
                draft, changes = self._unwritten[0]
                for each in changes:
                    if each.state is State.DISPLACED:
                        self._displaced(each)
                self._here.journal.append(draft)
                self._unwritten.pop(0)
            self._burials.step(ask)
        except WorldError:
            return  # it is owed, and said

    def close(self) -> None:
        """Write what there is, and end."""
        self.tick(frozenset(), None)
        self._burials.close()

    # What happened -------------------------------------------------------------------------------

    def _note(self, node: str, note: Note) -> None:
        match note.label:
            case Label.DISCONNECTED:
                self._watch_at_risk()
            case Label.ADDED | Label.REMOVED:
                into = note.label is Label.ADDED
                self._lives.changed(node, note.hash.hex(), note.mempool_sequence, into=into)
            case Label.CONNECTED:
                pass

    def _watch_at_risk(self) -> None:
        self._judging.screen.watch_spent(self._lives.at_risk())

    def _gather(self) -> None:
        """Take what changed, as it is to be written."""
        changes = self._lives.changes()
        for each in changes:
            if each.state is State.SETTLED:
                self._burials.settled(each, self._lives.inputs_of(each.txid))
        now = current_time()
        for at in range(0, len(changes), CHANGES_MAX):
            batch = changes[at : at + CHANGES_MAX]
            body = lives_body(batch)
            draft = Draft(entry_id=new_id(now), at=now, kind=WATCH_LIVES, actor="watch", body=body)
            self._unwritten.append((draft, batch))

    def _displaced(self, change: Change) -> None:
        """Open an incident if what was displaced was confirmed once, and something is lost."""
        was = self._lives.confirmed_in(change.txid)
        if was is None:
            return
        known = self._here.chain.some([change.txid, change.by_txid])
        thoughts = {each.txid: self._thought(each) for each in known}
        displaced = thoughts.get(change.txid)
        if displaced is None:
            return
        by = thoughts.get(change.by_txid)
        verdict = double_spent(displaced, was, by_txid=change.by_txid, by=by)
        if verdict is not None:
            self._judging.conclude(displaced.movement, verdict, at_us=monotonic_us())

    def _thought(self, transaction: Transaction) -> Thought | None:
        """Return a movement with the verdict that it was given before any reorganisation."""
        watch = self._judging.watch
        movement = movement_of(watch, transaction, now=current_time())
        given = [
            (each.seq, str(each.body.get("verdict")), str(each.body.get("pass_id")))
            for each in watch.recorded.values()
            if each.kind == WATCH_JUDGED
            and each.body.get("txid") == transaction.txid
            and each.body.get("verdict") in {*VerdictKind} - {VerdictKind.DOUBLE_SPENT}
        ]
        if movement is None or not given:
            return None
        _, kind, pass_id = max(given)
        if not any(each.own for each in movement.inputs):
            kind = match(movement, watch.state).kind  # for all to see in its bytes
        return Thought(movement=movement, kind=VerdictKind(kind), pass_id=pass_id)

    # What was before -----------------------------------------------------------------------------

    def _begin(self) -> None:
        told = told_lives(self._judging.watch.entries)
        tip = self._blocks.tip
        floor = -1 if tip is None else tip.height - HEADERS_KEPT
        kept = {txid: each for txid, each in told.items() if _is_needed(each, floor)}
        spends = {
            each.txid: tuple(spent.outpoint for spent in each.inputs)
            for each in self._here.chain.some(kept)
        }
        self._lives.remember(kept, spends)
        for txid, each in kept.items():
            if each.last.state is State.SETTLED:
                self._burials.settled(each.last, spends.get(txid, ()))
        self._watch_at_risk()


def _is_needed(told: Told, floor: int) -> bool:
    """Return whether anything can still happen to a movement that is not news from the start."""
    if told.last.state in _FINAL:
        return told.last.height >= floor
    return told.last.state not in _OVER or told.confirmed is not None
