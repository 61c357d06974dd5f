"""A scan that finds an anchor spent at depth: what it writes down, and when."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from block_world import hash_of, mined, mined_chain, reading
from gate_scene import Scene, scene
from watch_at_work import signed, theft, watching
from watch_lookout import coin
from world import cleared, digest_of, issued, journal_in, record, trust_of
from world_coins import spending, stranger, txout
from world_people import NOW

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.journal.records import Entry
from sekisho.journal.store import JournalStore
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.passes.life import PassState, clearances, state_by_journal
from sekisho.passes.spendings import WATCH_SETTLED, Spendings, read_spending
from sekisho.passes.verify import standing_of
from sekisho.watch.depth import link_of
from sekisho.watch.flow import Scan, scan_blocks
from sekisho.watch.raw_block import RawBlock
from sekisho.watch.settle import buried

START = bytes(32)


@pytest.fixture
def setting() -> Scene:
    usual = scene()
    world = issued(usual.world, usual.asked)
    return replace(usual, world=cleared(world, usual.asked, usual.unsigned))


@pytest.fixture
def journal(setting: Scene, tmp_path: Path) -> Iterator[JournalStore]:
    with journal_in(tmp_path, setting.world) as opened:
        yield opened


def scanned(journal: JournalStore, setting: Scene, blocks: Sequence[bytes]) -> Scan:
    watch = watching(journal, setting)
    return scan_blocks(watch, reading(blocks), seed=bytes(16), now=NOW)


def written(journal: JournalStore) -> list[Entry]:
    return [each for each in journal.entries() if each.kind == WATCH_SETTLED]


def state(journal: JournalStore, setting: Scene) -> PassState:
    entries = tuple(journal.entries())
    return state_by_journal(
        standing_of(trust_of(setting.world), digest_of(setting.asked)),
        issued=True,
        cleared=clearances(entries),
        spendings=Spendings(entries),
        now=NOW,
    )


def held_by(transaction: Transaction, size: int = 6) -> list[bytes]:
    return mined_chain(START, size, held=[transaction])


def otherwise(setting: Scene) -> Transaction:
    """Return a transaction that spends the anchor, and pays what no pass allows."""
    return spending([coin(setting, 0)], [txout(stranger(9), 30_000_000)])


def test_six_blocks_settle_and_five_do_not(journal: JournalStore, setting: Scene) -> None:
    blocks = held_by(signed(setting))
    assert scanned(journal, setting, blocks[:5]).settled == ()
    assert (written(journal), state(journal, setting)) == ([], PassState.SIGNED_LIVE)
    found = scanned(journal, setting, blocks)
    [entry] = written(journal)
    assert (entry.actor, entry.at) == ("watch", NOW)
    assert entry.body == {
        "txid": signed(setting).txid,
        "block_hash": hash_of(blocks[0])[::-1].hex(),
        "confirmations": 6,
        "anchors": [str(coin(setting, 0))],
    }
    assert found.settled == (read_spending(entry),)
    assert state(journal, setting) is PassState.SETTLED


def test_a_scan_again_writes_nothing_also_when_it_lies_deeper(
    journal: JournalStore, setting: Scene
) -> None:
    blocks = held_by(signed(setting), 9)
    scanned(journal, setting, blocks[:7])
    size = journal.size()
    for again in (blocks[:7], blocks, [*blocks, *blocks], blocks[::-1]):
        assert scanned(journal, setting, again).settled == ()
    assert journal.size() == size


def test_the_anchor_spent_otherwise_kills_the_pass(journal: JournalStore, setting: Scene) -> None:
    scanned(journal, setting, held_by(otherwise(setting)))
    assert len(written(journal)) == 1
    assert state(journal, setting) is PassState.DEAD


def test_another_coin_spent_says_nothing_of_the_pass(
    journal: JournalStore, setting: Scene
) -> None:
    assert scanned(journal, setting, held_by(theft(setting))).judged
    assert (written(journal), state(journal, setting)) == ([], PassState.SIGNED_LIVE)


def test_a_stale_block_settles_nothing(journal: JournalStore, setting: Scene) -> None:
    [stem] = mined_chain(START, 1)
    stale = mined_chain(hash_of(stem), 6, first=10, held=[signed(setting)])
    chain = mined_chain(hash_of(stem), 7, first=20)
    found = scanned(journal, setting, [stem, *stale, *chain])
    assert [each.verdict.kind.value for each in found.judged] == ["matched"]
    assert (written(journal), state(journal, setting)) == ([], PassState.SIGNED_LIVE)


def test_after_a_reorganisation_the_branch_that_won_counts(
    journal: JournalStore, setting: Scene
) -> None:
    [stem] = mined_chain(START, 1)
    paid = mined_chain(hash_of(stem), 6, first=10, held=[signed(setting)])
    instead = mined_chain(hash_of(stem), 8, first=20, held=[otherwise(setting)])
    scanned(journal, setting, [stem, *paid])
    assert state(journal, setting) is PassState.SETTLED
    scanned(journal, setting, [stem, *paid, *instead])
    assert state(journal, setting) is PassState.DEAD


def test_a_transaction_by_itself_is_in_no_block(journal: JournalStore, setting: Scene) -> None:
    watch = watching(journal, setting)
    [raw] = reading([signed(setting).serialize()])(lambda _: True)
    found = scan_blocks(watch, lambda _: [replace(raw, loose=True)], seed=bytes(16), now=NOW)
    assert found.judged
    assert (found.settled, written(journal)) == ((), [])


def test_what_is_written_into_a_file_behind_a_real_header_settles_nothing(
    journal: JournalStore, setting: Scene
) -> None:
    real = mined_chain(START, 6)
    forged = real[0][:80] + held_by(signed(setting), 1)[0][80:]
    found = scanned(journal, setting, [forged, *real[1:]])
    assert [each.verdict.kind.value for each in found.judged] == ["matched"]
    assert {each.code for each in found.findings} == {"watch.block_unreadable"}
    assert (written(journal), state(journal, setting)) == ([], PassState.SIGNED_LIVE)


def test_a_damaged_copy_of_a_block_does_not_hide_the_whole_one(
    journal: JournalStore, setting: Scene
) -> None:
    blocks = held_by(signed(setting))
    damaged = blocks[0][:80] + mined_chain(START, 1, first=50)[0][80:]
    for order in ([damaged, *blocks], [*blocks, damaged]):
        scanned(journal, setting, order)
        assert state(journal, setting) is PassState.SETTLED


def test_cheap_blocks_upon_a_real_one_settle_nothing(
    journal: JournalStore, setting: Scene
) -> None:
    real = mined(held_by(signed(setting), 1)[0], 0x2003FFFF)
    scanned(journal, setting, [real, *mined_chain(hash_of(real), 20, first=10)])
    assert (written(journal), state(journal, setting)) == ([], PassState.SIGNED_LIVE)


@pytest.mark.parametrize(
    "changes",
    [{"confirmations": 2}, {"confirmations": True}, {"note": "x"}, {"anchors": []}, {"txid": "x"}],
)
def test_nobody_takes_its_place_in_the_journal(
    changes: dict[str, Json], setting: Scene, tmp_path: Path
) -> None:
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    blocks = held_by(signed(setting))
    for folder in (elsewhere, here):
        folder.mkdir()
    with journal_in(elsewhere, setting.world) as foretold:
        scanned(foretold, setting, blocks)
        [entry] = written(foretold)
    squatter = record(setting.world, WATCH_SETTLED, {**entry.body, **changes}).drafts[-1]
    with journal_in(here, setting.world) as journal:
        journal.append(replace(squatter, entry_id=entry.entry_id))
        assert state(journal, setting) is PassState.SIGNED_LIVE
        scanned(journal, setting, blocks)
        assert state(journal, setting) is PassState.SETTLED


# One block by itself -----------------------------------------------------------------------------


def one(setting: Scene, blocks: Sequence[bytes], *others: bytes) -> list[int]:
    """Return at which depths the first block settles something, under the headers of these."""
    raw = RawBlock(data=blocks[0], where="block", position=0)
    links = [link_of(each) for each in (*blocks[1:], *others)]
    return [each.confirmations for each in buried(raw, links, {coin(setting, 0)})]


def test_one_block_is_held_to_the_same_rule(setting: Scene) -> None:
    blocks = held_by(signed(setting), 7)
    assert one(setting, blocks[:5]) == []
    assert one(setting, blocks[:6]) == [6]
    assert one(setting, blocks) == [7]
    assert one(setting, mined_chain(START, 7)) == []
    assert one(setting, [*blocks[:3], *mined_chain(START, 4)]) == []  # headers of another chain
    heavy = mined_chain(START, 1, bits=0x2003FFFF)
    assert one(setting, blocks, *heavy) == []  # so many cheap ones bury nothing
    no_work = [blocks[0][:72] + bytes(8) + blocks[0][80:], *blocks[1:]]
    assert one(setting, no_work) == []


def test_one_block_that_does_not_commit_to_what_it_holds_settles_nothing(setting: Scene) -> None:
    honest, written = held_by(signed(setting), 6), held_by(otherwise(setting), 1)
    with pytest.raises(BadInputError):
        one(setting, [honest[0][:80] + written[0][80:], *honest[1:]])
