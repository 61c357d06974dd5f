"""A chain, mempools, and a journal of lives: what is true, and what the fold is told of it.

Each transaction spends one or two of a few coins, so that many are rivals. Some are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from feed_world import name
from world_people import NOW

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.passes.spendings import CONFIRMATIONS_MIN
from sekisho.watch.block_path import Blocks
from sekisho.watch.feed_records import Header
from sekisho.watch.life_records import IN_CHAIN, LIVE, Change, State, Told
from sekisho.watch.lives import Lives

COINS = 4
TRANSACTIONS = 8
STRANGERS = frozenset({6, 7})


def txid_of(number: int) -> str:
    return name(f"t{number}").hex()


NUMBERS = {txid_of(each): each for each in range(TRANSACTIONS)}


@dataclass(kw_only=True)
class Node:
    """One node's mempool, and what it has said that is not heard yet."""

    name: str
    mempool: set[int] = field(default_factory=set)
    number: int = 1
    unheard: list[tuple[int, int, bool]] = field(default_factory=list)
    listing: tuple[frozenset[int], int] | None = None
    """What it answered when it was asked for all, and nobody heard yet."""


class World:
    """Everything true; and a watcher that hears of it late, out of order and in part."""

    def __init__(self, random: Random, nodes: int = 1) -> None:
        self.random = random
        self.spends = {
            each: frozenset(random.sample(range(COINS), random.choice([1, 1, 2])))
            for each in range(TRANSACTIONS)
        }
        self.nodes = [Node(name=f"n{each}") for each in range(nodes)]
        self.headers = [Header(hash=name("b0"), prev_hash=bytes(32), height=0)]
        self.held: dict[bytes, set[int]] = {self.headers[0].hash: set()}
        self.made = 0
        self.journal: list[Change] = []
        self.was_confirmed: set[int] = set()
        self.saved: tuple[Header, ...] = ()
        self._begin()

    # What is true --------------------------------------------------------------------------------

    def inputs(self, number: int) -> tuple[OutPoint, ...]:
        return tuple(OutPoint(txid=name(f"c{it}").hex(), vout=0) for it in self.spends[number])

    @property
    def mined(self) -> set[int]:
        return {each for header in self.headers for each in self.held[header.hash]}

    def rivals(self, number: int) -> set[int]:
        return {
            each
            for each in self.spends
            if each != number and self.spends[each] & self.spends[number]
        }

    def is_free(self, number: int) -> bool:
        return not ({number} | self.rivals(number)) & self.mined

    def enter(self, node: Node, number: int) -> None:
        if number in node.mempool or not self.is_free(number):
            return
        for each in self.rivals(number) & node.mempool:
            self.leave(node, each)
        node.mempool.add(number)
        self._say(node, number, into=True)
        if self.random.random() < 0.8:
            self.see(node, number)

    def leave(self, node: Node, number: int) -> None:
        if number in node.mempool:
            node.mempool.remove(number)
            self._say(node, number, into=False)

    def mine(self) -> None:
        self.made += 1
        before = self.headers[-1]
        header = Header(
            hash=name(f"b{self.made}"), prev_hash=before.hash, height=before.height + 1
        )
        taken: set[int] = set()
        for each in self.random.sample(range(TRANSACTIONS), self.random.randint(0, 3)):
            if self.is_free(each) and not self.rivals(each) & taken:
                taken.add(each)
        self.headers.append(header)
        self.held[header.hash] = taken
        for node in self.nodes:
            for each in taken:
                for rival in self.rivals(each):
                    self.leave(node, rival)
            node.number += len(node.mempool & taken)  # mined, and nobody says so
            node.mempool -= taken

    def undo(self, blocks: int) -> None:
        """Undo some blocks; what was in them goes back to the mempools that take it."""
        for _ in range(min(blocks, len(self.headers) - 1)):
            gone = self.held[self.headers.pop().hash]
            for node in self.nodes:
                for each in gone:
                    if not self.rivals(each) & node.mempool:
                        self.enter(node, each)

    # What is heard -------------------------------------------------------------------------------

    def see(self, node: Node, number: int) -> None:
        """Have the watcher judge what a node gave."""
        self.lives.saw(node.name, txid_of(number), self.inputs(number), ours=ours(number))
        self.known.add(number)

    def hear(self, node: Node, *, all_of_it: bool = False) -> None:
        """Have the watcher hear some of what a node said; now and then a message is lost."""
        some = len(node.unheard) if all_of_it else self.random.randint(0, len(node.unheard))
        for number, txid, into in node.unheard[:some]:
            if all_of_it or self.random.random() < 0.9:
                self.lives.changed(node.name, txid_of(txid), number, into=into)
        del node.unheard[:some]

    def list_mempool(self, node: Node) -> None:
        """Ask a node for all that it has, or hear what it answered."""
        if node.listing is None:
            node.listing = (frozenset(node.mempool), node.number)
            return
        (listed, number), node.listing = node.listing, None
        self.lives.listed(node.name, {bytes.fromhex(txid_of(each)) for each in listed}, number)
        for each in (listed & node.mempool) - self.known:
            self.see(node, each)

    def search(self, *, all_of_it: bool = False) -> None:
        """Have the watcher search the chain's blocks, up to some height."""
        most = len(self.headers) if all_of_it else self.random.randint(1, len(self.headers))
        for header in self.headers[:most]:
            if header.hash in self.blocks:
                continue
            self.blocks.add(header)
            for each in self.held[header.hash]:
                txid = txid_of(each)
                self.lives.found(header, txid, self.inputs(each), ours=ours(each))
                self.known.add(each)
                self.met.add((header.hash.hex(), each))

    def stand(self) -> None:
        """Have the watcher search all blocks, and stand at the last."""
        self.search(all_of_it=True)
        self.blocks.stand_at(self.headers[-1].hash)
        self.lives.stands()
        self.tell()

    def tell(self) -> None:
        """Write down what changed."""
        self.journal += self.lives.changes()
        if not self.lives.is_open:
            self.saved = self.blocks.headers()

    def restart(self) -> None:
        """End the watcher, and begin again with what was written down."""
        self._begin()

    def end(self) -> None:
        """Have the watcher hear, search and list everything, after another block.

        A block that was searched and undone before the watcher stood there counts until then.
        """
        self.mine()
        self.stand()
        for node in self.nodes:
            self.hear(node, all_of_it=True)
            node.listing = (frozenset(node.mempool), node.number)
            self.list_mempool(node)
        self.tell()

    # What was told -------------------------------------------------------------------------------

    def told(self) -> dict[str, Told]:
        found: dict[str, Told] = {}
        for each in self.journal:
            before = found[each.txid].confirmed if each.txid in found else None
            confirmed = each if each.state in IN_CHAIN else before
            found[each.txid] = Told(last=each, told_at=NOW, confirmed=confirmed)
        return found

    def expected(self, number: int) -> tuple[State, str]:
        """Return the state that a known movement is in, by everything true, and by whom."""
        for header in self.headers:
            if number in self.held[header.hash]:
                deep = self.headers[-1].height - header.height + 1 >= CONFIRMATIONS_MIN
                return (State.SETTLED if deep else State.CONFIRMED), ""
        mined = {
            (header.hash.hex(), each)
            for header in self.headers
            for each in self.held[header.hash] & self.rivals(number)
        }
        known = sorted(txid_of(it) for block, it in mined if ours(it) or (block, it) in self.met)
        if known:
            return State.DISPLACED, known[0]
        if any(number in node.mempool for node in self.nodes):
            return State.SEEN, ""
        waiting = {it for node in self.nodes for it in self.rivals(number) & node.mempool}
        if any(self.knows(it) for it in waiting):
            return State.REPLACED, ""
        confirmed = self.told()[txid_of(number)].confirmed is not None
        return (State.UNDONE if confirmed else State.GONE), ""

    def knows(self, number: int) -> bool:
        return txid_of(number) in self.lives

    def live(self) -> list[int]:
        told = self.told()
        return [
            each
            for each in range(TRANSACTIONS)
            if txid_of(each) in told and told[txid_of(each)].last.state in LIVE
        ]

    def _begin(self) -> None:
        self.blocks = Blocks(self.saved)
        self.lives = Lives(self.blocks)
        self.known: set[int] = set()
        self.met = {
            (each.last.block_hash, NUMBERS[each.last.by_txid])
            for each in self.told().values()
            if each.last.state is State.DISPLACED
        }
        """Which strangers are known to be in which blocks: no journal tells of one by itself."""
        inputs = {txid_of(each): self.inputs(each) for each in range(TRANSACTIONS)}
        self.lives.remember(self.told(), inputs)
        for node in self.nodes:
            node.unheard, node.listing = [], None

    def _say(self, node: Node, number: int, *, into: bool) -> None:
        node.unheard.append((node.number, number, into))
        node.number += 1


def ours(number: int) -> bool:
    return number not in STRANGERS


def happen(world: World, steps: int) -> None:
    """Have this many things happen, and be heard."""
    random = world.random
    things: list[Callable[[Node, int], None]] = [
        *[world.enter] * 4,
        world.leave,
        *[lambda _node, _number: world.mine()] * 2,
        lambda _node, _number: world.undo(random.randint(1, 7)),
        *[lambda node, _number: world.hear(node)] * 2,
        *[lambda node, _number: world.list_mempool(node)] * 2,
        lambda _node, _number: world.search(),
        lambda _node, _number: world.stand(),
        *[lambda _node, _number: world.tell()] * 2,
        lambda _node, _number: world.restart(),
    ]
    for _ in range(steps):
        random.choice(things)(random.choice(world.nodes), random.randrange(TRANSACTIONS))
