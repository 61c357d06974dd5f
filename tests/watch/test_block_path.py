from feed_world import name

from sekisho.watch.block_path import (
    FIRST_BLOCKS,
    HEADERS_KEPT,
    HEADERS_MIN,
    BlockPath,
    Blocks,
    Place,
)
from sekisho.watch.feed_records import AskBlock, AskHeader, Header


def chain(length: int, *, on: Header | None = None, called: str = "a") -> list[Header]:
    found: list[Header] = [] if on is None else [on]
    for _ in range(length):
        before = found[-1] if found else Header(hash=bytes(32), prev_hash=bytes(32), height=-1)
        found.append(
            Header(
                hash=name(f"{called}{before.height + 1}"),
                prev_hash=before.hash,
                height=before.height + 1,
            )
        )
    return found if on is None else found[1:]


def walk(path: BlockPath, blocks: Blocks, known: list[Header], tip: Header) -> list[Header]:
    """Answer every question; return the blocks that were searched, in order."""
    by_hash = {each.hash: each for each in known}
    searched, asks = [], path.aim(tip.hash)
    while asks:
        [ask] = asks
        if isinstance(ask, AskHeader):
            asks = path.header(by_hash[ask.hash])
        else:
            searched.append(ask.header)
            blocks.add(ask.header)
            asks = path.searched(ask.header.hash)
    return searched


def test_a_new_watcher_searches_the_newest_blocks() -> None:
    known, blocks = chain(20), Blocks()
    path = BlockPath(blocks)
    assert walk(path, blocks, known, known[-1]) == known[-FIRST_BLOCKS:]
    assert path.is_there
    assert len(blocks) == FIRST_BLOCKS


def test_of_a_short_chain_it_searches_all() -> None:
    known, blocks = chain(3), Blocks()
    assert walk(BlockPath(blocks), blocks, known, known[-1]) == known


def test_after_an_outage_every_block_is_searched_in_order() -> None:
    known = chain(500)
    blocks = Blocks(known[:200])
    assert walk(BlockPath(blocks), blocks, known, known[-1]) == known[200:]


def test_a_reorganisation_is_searched_from_the_fork_on() -> None:
    known = chain(200)
    blocks = Blocks(known)
    other = chain(8, on=known[-7], called="b")
    assert walk(BlockPath(blocks), blocks, [*known, *other], other[-1]) == other
    assert blocks.stand_at(other[-1].hash) == 6
    assert blocks.tip == other[-1]
    assert blocks.stand_at(other[-1].hash) == 0


def test_a_fork_below_all_that_is_kept_is_followed_down_to_a_limit() -> None:
    known = chain(300)
    blocks = Blocks(known[-1:])  # all that the journal tells
    other = chain(300, on=known[0], called="b")
    searched = walk(BlockPath(blocks), blocks, [*known, *other], other[-1])
    assert searched[0].height == known[-1].height - (HEADERS_MIN - 1)
    assert searched[-1] == other[-1]


def test_a_tip_that_was_searched_asks_nothing() -> None:
    known = chain(3)
    blocks = Blocks(known)
    path = BlockPath(blocks)
    assert path.aim(known[1].hash) == []
    assert path.is_there


def test_one_question_at_a_time_and_again_after_a_failure() -> None:
    known = chain(9)
    path = BlockPath(Blocks(known[:3]))
    first = path.aim(known[-1].hash)
    assert first == [AskHeader(hash=known[-1].hash)]
    assert path.aim(known[-1].hash) == path.again() == []
    path.failed()
    assert path.again() == first


def test_a_header_that_does_not_fit_is_not_taken() -> None:
    known = chain(9)
    path = BlockPath(Blocks(known[:3]))
    path.aim(known[-1].hash)
    path.header(known[-1])
    assert path.header(known[0]) == [AskHeader(hash=known[-2].hash)]


def test_what_another_node_had_meanwhile_is_not_asked_for() -> None:
    known = chain(6)
    blocks = Blocks(known[:3])
    path = BlockPath(blocks)
    path.aim(known[-1].hash)
    path.header(known[-1])
    path.header(known[-2])
    assert path.header(known[-3]) == [AskBlock(header=known[3])]
    blocks.add(known[3])
    blocks.add(known[4])
    assert path.searched(known[3].hash) == [AskBlock(header=known[5])]


def test_old_headers_are_forgotten_and_enough_are_kept() -> None:
    blocks = Blocks()
    known = chain(HEADERS_KEPT + 50)
    for each in known:
        blocks.add(each)
    blocks.stand_at(known[-1].hash)
    assert blocks.place(known[0].hash, 0) is Place.IN_CHAIN  # for whoever asks in time
    assert len(blocks.headers()) == HEADERS_KEPT
    blocks.forget_old()
    assert blocks.place(known[0].hash, 0) is Place.UNKNOWN
    assert len(blocks) == len(Blocks(known)) == HEADERS_KEPT
    assert blocks.headers()[0].height == 50
    assert blocks.floor_height == 50
    assert blocks.tip == blocks.headers()[-1]


def test_where_a_block_lies() -> None:
    known = chain(6)
    blocks = Blocks(known[:4])
    other = chain(3, on=known[2], called="b")
    assert blocks.place(known[3].hash, 3) is Place.IN_CHAIN
    assert blocks.place(known[5].hash, 5) is Place.UNKNOWN  # above the tip, and not searched
    assert blocks.place(other[0].hash, 3) is Place.BESIDE  # of each height one is in the chain
    for each in (*known[4:], *other[:2]):
        blocks.add(each)
    assert blocks.place(known[5].hash, 5) is Place.IN_CHAIN  # upon the tip
    assert blocks.place(other[1].hash, 4) is Place.OPEN
    assert blocks.stand_at(known[4].hash) == 2
    assert blocks.place(other[1].hash, 4) is Place.BESIDE
    assert blocks.place(known[5].hash, 5) is Place.IN_CHAIN  # nobody has left it
    assert (blocks.depth(4), blocks.depth(1)) == (1, 4)
    assert blocks.upwards(3, 9) == (known[3].hash, known[4].hash)
    assert blocks.upwards(0, 2) == (known[0].hash, known[1].hash)


def test_a_chain_that_becomes_shorter_leaves_what_was_above() -> None:
    known = chain(6)
    blocks = Blocks(known)
    assert blocks.stand_at(known[3].hash) == 2
    assert blocks.place(known[5].hash, 5) is Place.BESIDE
    again = chain(2, on=known[4], called="b")
    for each in again:
        blocks.add(each)
    assert blocks.place(again[0].hash, 5) is Place.OPEN  # upon one that was left
    assert blocks.headers() == (*known[:4], *again)
    blocks.stand_at(again[1].hash)
    assert blocks.place(known[4].hash, 4) is Place.IN_CHAIN


def test_before_anybody_stands_anywhere_all_that_was_searched_counts() -> None:
    blocks = Blocks()
    [first] = chain(1)
    blocks.add(first)
    assert blocks.place(first.hash, 0) is Place.IN_CHAIN
    assert blocks.depth(0) == 1


def test_nobody_stands_below_all_that_is_kept() -> None:
    """A node that lost its blocks is no fork: what is deeper must not be undone by it."""
    kept = [
        Header(hash=name(f"k{at}"), prev_hash=name(f"k{at - 1}"), height=at)
        for at in range(500, 505)
    ]
    blocks = Blocks(kept)
    assert blocks.can_stand_at(name("k500"))
    assert not blocks.can_stand_at(name("nobody's"))
    blocks.add(Header(hash=name("low"), prev_hash=name("lower"), height=499))
    assert not blocks.can_stand_at(name("low"))
