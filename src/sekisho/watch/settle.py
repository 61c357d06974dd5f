"""Which anchors are spent for good: in a block that lies deep and commits to what spends them.

Of the few blocks that spend an anchor and lie deep enough, each is read once more and whole. Its
header commits to its transactions, so that nothing counts on which the work was not done: not what
somebody wrote into a file behind a real header.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction
from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding
from sekisho.passes.spendings import CONFIRMATIONS_MIN, WATCH_SETTLED, Spending, read_spending
from sekisho.watch.depth import Link, confirmations, link_of
from sekisho.watch.raw_block import RawBlock, Reading


def spendings_of(
    transaction: Transaction, block_hashes: Iterable[str], anchors: Collection[OutPoint]
) -> list[Spending]:
    """Return that a transaction spends anchors in each of these blocks, of no known depth yet."""
    spent = tuple(each.outpoint for each in transaction.inputs if each.outpoint in anchors)
    if not spent:
        return []
    return [
        Spending(txid=transaction.txid, block_hash=each, confirmations=0, anchors=spent)
        for each in sorted(block_hashes)
    ]


def unrecorded(spendings: Iterable[Spending], entries: Iterable[Entry]) -> list[Spending]:
    """Return the spendings that no entry holds, at whatever depth it was written."""
    known = set()
    for entry in entries:
        if entry.kind == WATCH_SETTLED:
            try:
                known.add(replace(read_spending(entry), confirmations=0))
            except BadInputError:
                continue  # it says nothing, and is recorded beside it
    return [each for each in spendings if replace(each, confirmations=0) not in known]


def settled(
    spendings: Sequence[Spending], links: Iterable[Link], read: Reading
) -> tuple[list[Spending], list[Finding]]:
    """Return the spendings that lie deep, with their depth, and the blocks that cannot be read.

    `links` are those of all blocks, by position. Raises what reading raises.
    """
    if not spendings:
        return [], []
    links = tuple(links)
    depths = {
        block[::-1].hex(): depth
        for block, depth in confirmations(
            links, {bytes.fromhex(each.block_hash)[::-1] for each in spendings}
        ).items()
        if depth >= CONFIRMATIONS_MIN
    }
    wanted = {bytes.fromhex(block_hash)[::-1] for block_hash in depths}
    positions = {position for position, link in enumerate(links) if link.hash in wanted}
    held, findings = _held(positions, read)
    found = [
        replace(each, confirmations=depths[each.block_hash])
        for each in spendings
        if each.block_hash in depths and each.txid in held[each.block_hash]
    ]
    return found, findings


def buried(raw: RawBlock, links: Iterable[Link], anchors: Collection[OutPoint]) -> list[Spending]:
    """Return the spendings of anchors in one block, if it lies deep under what `links` say.

    Raises `BadInputError` for a block that is none, or does not commit to what it holds.
    """
    block = parse_block(raw.data, raw.where)
    own = link_of(raw.data)
    depth = confirmations([own, *links], [own.hash])[own.hash]
    if depth < CONFIRMATIONS_MIN:
        return []
    return [
        replace(spending, confirmations=depth)
        for transaction in block.transactions
        for spending in spendings_of(transaction, [block.header.hash], anchors)
    ]


def _held(positions: Collection[int], read: Reading) -> tuple[dict[str, set[str]], list[Finding]]:
    """Return the txids that each block at these positions commits to, by its hash."""
    held: defaultdict[str, set[str]] = defaultdict(set)
    findings: list[Finding] = []
    for raw in read(positions.__contains__) if positions else ():
        try:
            block = parse_block(raw.data, raw.where)
        except BadInputError as error:
            findings.append(finding("watch.block_unreadable", error.where, reason=error.reason))
            continue
        held[block.header.hash] = {each.txid for each in block.transactions}
    return held, findings
