"""The lives of movements: where each stands, by what the chain and the mempools say. No I/O.

    1. In a block of the chain: confirmed, and settled from `CONFIRMATIONS_MIN` on.
    2. Else, something that spends one of its coins is in a block of the chain: displaced.
    3. Else, in a mempool: seen; unless what spends one of its coins entered one later: replaced.
    4. Else: undone if it ever was in a block of the chain, and gone if not.

So the state follows from facts alone, in whatever order they were heard, and the order in which
they were heard decides only between two nodes that hold two spendings of one coin. As long as
nobody has told what a mempool holds, and while a node is on its way over a fork, a movement stays
as it was. What spends a coin of ours without being about us is known here too, as a stranger: it
has no life that is told, but it ends those of others.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.passes.spendings import CONFIRMATIONS_MIN
from sekisho.watch.block_path import HEADERS_KEPT, Blocks, Place
from sekisho.watch.feed_records import Header
from sekisho.watch.life_records import IN_CHAIN, Change, State, Told
from sekisho.watch.mempools import Mempools

_NOTHING: Final = "0" * 64


@dataclass(slots=True)
class _Life:
    """One transaction: a movement of ours, or a stranger that spends what one spends."""

    txid: str
    inputs: tuple[OutPoint, ...]
    ours: bool
    named: set[str] = field(default_factory=set)
    """Of which the journal says that they spend the same coin, or one of them."""
    told: Change | None = None
    """What was last told of it."""
    confirmed: Change | None = None
    """Where it was last told to be confirmed."""
    blocks: dict[bytes, tuple[int, bool]] = field(default_factory=dict)
    """Which hold it: the height, and whether the block was in the chain when that was known."""


class Lives:
    """The fold. Facts go in; `changes` says what they changed."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._lives: dict[str, _Life] = {}
        self._spenders: defaultdict[OutPoint, set[str]] = defaultdict(set)
        self._mempools = Mempools()
        self._tip: Header | None = None
        self._dirty: set[str] = set()
        self._loose: set[str] = set()
        """Not told to be in the chain."""
        self._young: set[str] = set()
        """In the chain and not settled, strangers too."""
        self._open: set[str] = set()
        """Held by a block of which it is open whether it will be in the chain."""
        self._ended: deque[tuple[int, str]] = deque()

    def __contains__(self, txid: str) -> bool:
        return txid in self._lives

    @property
    def is_open(self) -> bool:
        """Whether it is not known yet of some block if it will be in the chain."""
        return bool(self._open)

    def confirmed_in(self, txid: str) -> Change | None:
        """Return where a movement was last confirmed; None if it never was."""
        life = self._lives.get(txid)
        return None if life is None else life.confirmed

    def inputs_of(self, txid: str) -> tuple[OutPoint, ...]:
        """Return what a transaction spends; nothing if it is not known here."""
        life = self._lives.get(txid)
        return () if life is None else life.inputs

    def at_risk(self) -> set[OutPoint]:
        """Return what is spent by movements that a reorganisation undid, or could undo."""
        return {
            spent
            for each in (self._lives[txid] for txid in self._young | self._loose)
            if each.ours and (each.confirmed is not None or each.blocks)
            for spent in each.inputs
        }

    # What is told --------------------------------------------------------------------------------

    def remember(
        self, told: Mapping[str, Told], inputs: Mapping[str, tuple[OutPoint, ...]]
    ) -> None:
        """Begin with what the journal says; `inputs` are those of its movements, where known.

        A movement that was settled or displaced long ago, or left before it was ever confirmed,
        is not needed: if it is seen again it begins again.
        """
        for txid, each in told.items():
            if txid not in inputs:
                continue
            life = self._known(txid, inputs[txid], ours=True)
            life.confirmed = each.confirmed
            if each.confirmed is not None:
                _put(life, each.confirmed, held=each.last.state in IN_CHAIN)
            if each.last.by_txid:
                rival = self._known(each.last.by_txid, (), ours=False)
                rival.named.add(txid)
                life.named.add(rival.txid)
                if each.last.state is State.DISPLACED and each.last.block_hash:
                    _put(rival, each.last, held=True)
            self._note_told(life, each.last)
            self._dirty.add(txid)

    def saw(self, node: str, txid: str, inputs: Collection[OutPoint], *, ours: bool) -> None:
        """Take in a transaction that a node gave from its mempool, or as a message.

        Messages repeat what is in blocks: of one that the chain holds it says nothing.
        """
        life = self._known(txid, tuple(inputs), ours=ours)
        if self._block_of(life) is None:
            self._mempools.saw(node, txid)
        self._touch(life)

    def found(
        self, header: Header, txid: str, inputs: Collection[OutPoint], *, ours: bool
    ) -> None:
        """Take in a transaction of a block that was searched."""
        life = self._known(txid, tuple(inputs), ours=ours)
        life.blocks.setdefault(header.hash, (header.height, False))
        self._touch(life)

    def changed(self, node: str, txid: str, number: int, *, into: bool) -> None:
        """Take in that a transaction entered a node's mempool, or left it and not into a block."""
        life = self._lives.get(txid)
        self._mempools.change(node, txid, number, into=into, known=life is not None)
        if life is not None:
            self._touch(life)

    def listed(self, node: str, txids: Collection[bytes], number: int) -> None:
        """Take in a node's whole mempool as it was before the change of this number."""
        for txid in self._mempools.listed(node, txids, number, self._loose):
            self._touch(self._lives[txid])

    def parted(self, node: str) -> None:
        """Take in that a node is not heard: its numbers may begin anew."""
        self._mempools.parted(node)

    def heard_by(self, nodes: frozenset[str]) -> None:
        """Take in which nodes are believed; if none is, what each last said stands."""
        if self._mempools.believe(nodes):
            self._dirty |= self._loose

    def stands(self) -> bool:
        """Take in where the chain stands by now; return whether that is news.

        To be called when every block up to some node's tip was searched.
        """
        tip, before = self._blocks.tip, self._tip
        if tip is None or (before is not None and tip.hash == before.hash):
            return False
        goes_on = before is not None and (
            self._blocks.place(before.hash, before.height) is Place.IN_CHAIN
        )
        self._tip = tip
        if not goes_on:
            self._dirty |= self._lives.keys()
        for txid in (self._young | self._open) - self._dirty:
            self._touch(self._lives[txid])
        return True

    # What follows --------------------------------------------------------------------------------

    def changes(self) -> list[Change]:
        """Return what changed since this was last asked, in the order in which it must be told."""
        found: list[Change] = []
        dirty, self._dirty = sorted(self._dirty), set()
        for txid in dirty:
            life = self._lives[txid]
            now = self._standing(life)
            if now != life.told:
                found += _between(life, now) if life.ours else ()
                self._note_told(life, now)
        return found

    def forget_old(self) -> None:
        """Let go of what ended so long ago that no fork reaches it."""
        if self._tip is None:
            return
        floor = self._tip.height - HEADERS_KEPT
        while self._ended and self._ended[0][0] < floor:
            _, txid = self._ended.popleft()
            life = self._lives.get(txid)
            if life is not None and _is_over(life):
                self._forget(life)

    def _standing(self, life: _Life) -> Change:
        txid, height = life.txid, self._block_of(life)
        if height is not None:
            at, block = height
            deep = self._blocks.depth(at) >= CONFIRMATIONS_MIN
            state = State.SETTLED if deep else State.CONFIRMED
            return Change(txid=txid, state=state, block_hash=block.hex(), height=at)
        rivals = [self._lives[each] for each in sorted(self._rivals(life))]
        for rival in rivals:
            there = self._block_of(rival)
            if there is not None:
                return Change(
                    txid=txid,
                    state=State.DISPLACED,
                    block_hash=there[1].hex(),
                    height=there[0],
                    by_txid=rival.txid,
                )
        entered = {each.txid: self._mempools.entered(each.txid) for each in (life, *rivals)}
        newest = max(entered, key=lambda each: entered[each])
        if entered[newest] and newest == txid:
            return Change(txid=txid, state=State.SEEN)
        if txid in self._open or not self._mempools.is_listed:
            return self._as_before(life)
        if entered[newest]:
            return Change(txid=txid, state=State.REPLACED, by_txid=newest)
        return self._nowhere(life)

    def _as_before(self, life: _Life) -> Change:
        """Return how it was told to stand; but not in a block that the chain has left."""
        if life.told is None:
            return Change(txid=life.txid, state=State.SEEN)
        return self._nowhere(life) if life.told.state in IN_CHAIN else life.told

    def _nowhere(self, life: _Life) -> Change:
        if life.confirmed is not None:
            return _undone(life.confirmed)
        return Change(txid=life.txid, state=State.GONE)

    def _block_of(self, life: _Life) -> tuple[int, bytes] | None:
        """Return the height and the hash of the chain's block that holds it, None if none does.

        Of a block below all headers counts what was last known of it, unless a mempool holds the
        transaction, which is then in no block of that node's chain.
        """
        self._open.discard(life.txid)
        found: tuple[int, bytes] | None = None
        for block, (height, held) in life.blocks.items():
            place = self._blocks.place(block, height)
            if place is Place.OPEN:
                self._open.add(life.txid)
            is_in = place is Place.IN_CHAIN
            if place is Place.UNKNOWN and (self._tip is None or height <= self._tip.height):
                is_in = held
            if is_in and not held:
                self._mempools.mined(life.txid)
            life.blocks[block] = (height, is_in)
            if is_in and not (place is Place.UNKNOWN and self._mempools.entered(life.txid)):
                found = (height, block)
        return found

    # What is known -------------------------------------------------------------------------------

    def _known(self, txid: str, inputs: tuple[OutPoint, ...], *, ours: bool) -> _Life:
        life = self._lives.get(txid)
        if life is None:
            life = self._lives[txid] = _Life(txid=txid, inputs=(), ours=ours)
            self._loose.add(txid)
        if not life.inputs:
            # All that miners make spends the same nothing.
            life.inputs = tuple(each for each in inputs if each.txid != _NOTHING)
            for each in life.inputs:
                self._spenders[each].add(txid)
        if ours and not life.ours:
            life.ours, life.told = True, None
        return life

    def _rivals(self, life: _Life) -> set[str]:
        found = {other for spent in life.inputs for other in self._spenders.get(spent, ())}
        return (found | life.named) - {life.txid}

    def _touch(self, life: _Life) -> None:
        self._dirty |= {life.txid, *self._rivals(life)}

    def _note_told(self, life: _Life, change: Change) -> None:
        life.told = change
        life.confirmed = change if change.state in IN_CHAIN else life.confirmed
        if change.state is State.CONFIRMED:
            self._young.add(life.txid)
        else:
            self._young.discard(life.txid)
        if change.state in IN_CHAIN:
            self._loose.discard(life.txid)
        else:
            self._loose.add(life.txid)
        if change.state not in {State.SEEN, State.CONFIRMED}:
            at = change.height if self._tip is None else self._tip.height
            self._ended.append((at, life.txid))

    def _forget(self, life: _Life) -> None:
        """Let go of a life, and of the strangers that only it was about."""
        rivals = self._rivals(life)
        del self._lives[life.txid]
        self._mempools.mined(life.txid)
        for txid in life.named:
            self._lives[txid].named.discard(life.txid)
        for known in (self._loose, self._young, self._open, self._dirty):
            known.discard(life.txid)
        for spent in life.inputs:
            self._spenders[spent].discard(life.txid)
            if not self._spenders[spent]:
                del self._spenders[spent]
        for each in (self._lives[txid] for txid in rivals if txid in self._lives):
            if not each.ours and not any(self._lives[it].ours for it in self._rivals(each)):
                self._forget(each)


def _between(life: _Life, now: Change) -> list[Change]:
    """Return what is to be told: that a block was left is told before where it led to."""
    was = life.told
    left = (
        was is not None
        and was.state in IN_CHAIN
        and was.block_hash != (now.block_hash if now.state in {*IN_CHAIN, State.UNDONE} else "")
    )
    return [_undone(was), now] if was is not None and left else [now]


def _is_over(life: _Life) -> bool:
    """Return whether nothing that can still happen to a movement would be news."""
    if life.told is None:
        return False
    if life.told.state in {State.SETTLED, State.DISPLACED}:
        return True
    return life.confirmed is None and life.told.state in {State.REPLACED, State.GONE}


def _put(life: _Life, change: Change, *, held: bool) -> None:
    life.blocks[bytes.fromhex(change.block_hash)] = (change.height, held)


def _undone(was: Change) -> Change:
    return Change(txid=was.txid, state=State.UNDONE, block_hash=was.block_hash, height=was.height)
