"""A sweep sees every coin's creation and spending, whatever order the blocks come in."""

from collections.abc import Iterator

from bitcoin_vectors import block_bytes, dmm_funding, dmm_outflow
from block_world import NOTHING, OURS, THEIRS, Touch, block, chains, hash_of, touches, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.transaction import OutPoint, Transaction
from sekisho.watch.raw_block import RawBlock, Reading, Wanted
from sekisho.watch.sieve import Sieve
from sekisho.watch.sweep import Sighting, Sweep


class Shelf:
    """Blocks in memory, in the order in which they stand; remembers what was asked for."""

    def __init__(self, blocks: list[bytes], loose: list[bytes] | None = None) -> None:
        self.raws = [
            RawBlock(data=each, where=f"shelf {position}", position=position)
            for position, each in enumerate(blocks)
        ]
        self.raws += [
            RawBlock(data=each, where=f"loose {position}", position=position, loose=True)
            for position, each in enumerate(loose or [], len(blocks))
        ]
        self.read_positions: list[list[int]] = []

    def read(self, wanted: Wanted) -> Iterator[RawBlock]:
        self.read_positions.append([])
        for raw in self.raws:
            if wanted(raw.position):
                self.read_positions[-1].append(raw.position)
                yield raw


def sieve_of(scripts: tuple[bytes, ...], coins: tuple[OutPoint, ...] = ()) -> Sieve:
    made = Sieve(bytes(16))
    made.watch_scripts(scripts)
    made.watch_outpoints(coins)
    return made


def last_known(sightings: list[Sighting]) -> dict[tuple[str, str, str], Touch]:
    known = {}
    for each in sightings:
        block_hash = each.header.hash if each.header else ""
        key = (each.where.partition(",")[0], block_hash, each.transaction.txid)
        assert each.again == (key in known), "a sighting says whether it replaces another"
        known[key] = Touch(inputs=each.inputs, outputs=each.outputs)
    return known


def expected(shelf: Shelf, scripts: tuple[bytes, ...]) -> dict[tuple[str, str, str], Touch]:
    raws = [each.data for each in shelf.raws]
    found = touches(raws, set(scripts))
    return {
        (raw.where, block_hash, txid): touch
        for raw in shelf.raws
        for (block_hash, txid), touch in found.items()
        if hash_of(raw.data)[::-1].hex() == block_hash
    }


@settings(max_examples=300)
@given(data=st.data(), blocks=chains())
def test_what_a_plain_reading_finds_in_any_order(data: st.DataObject, blocks: list[bytes]) -> None:
    """Some blocks may be absent, some may be there twice."""
    chosen = data.draw(st.lists(st.sampled_from(blocks), min_size=1, max_size=len(blocks) + 2))
    shelf = Shelf(data.draw(st.permutations(chosen)))
    sweep = Sweep(sieve_of(OURS), shelf.read)
    assert last_known(list(sweep)) == expected(shelf, OURS)
    assert sweep.findings == []
    assert sweep.blocks == len(shelf.raws)
    assert sweep.transactions == sum(
        len(parse_block(raw.data, "count").transactions) for raw in shelf.raws
    )


@given(blocks=chains(forks=False))
def test_a_chain_in_its_order_is_read_once(blocks: list[bytes]) -> None:
    shelf = Shelf(blocks)
    assert last_known(list(Sweep(sieve_of(OURS), shelf.read)))
    assert shelf.read_positions == [list(range(len(blocks)))]


@given(data=st.data(), blocks=chains())
def test_a_coin_is_seen_to_be_made_before_it_is_seen_to_be_spent(
    data: st.DataObject, blocks: list[bytes]
) -> None:
    shelf = Shelf(data.draw(st.permutations(blocks)))
    made: set[OutPoint] = set()
    for each in Sweep(sieve_of(OURS), shelf.read):
        spent = {each.transaction.inputs[place].outpoint for place in each.inputs}
        txid = each.transaction.txid
        assert spent <= made
        made |= {OutPoint(txid=txid, vout=place) for place in each.outputs}


def one_after_another(scripts: list[bytes]) -> list[bytes]:
    """Return a chain in which each block pays the next script and spends the last payment."""
    blocks = [block(bytes(32), [], number=0)]
    coin = OutPoint(txid="ab" * 32, vout=7)
    for number, script in enumerate(scripts, 1):
        made = transaction([coin], [THEIRS[1], script])
        coin = OutPoint(txid=made.txid, vout=1)
        blocks.append(block(hash_of(blocks[-1]), [made], number=2 * number))
    return blocks


@given(order=st.permutations(range(7)))
def test_scripts_that_become_known_on_the_way(order: list[int]) -> None:
    """A wallet's next address is watched when the one before it is seen in use."""
    scripts = [b"\x00\x14" + bytes([number]) * 20 for number in range(6)]
    blocks = one_after_another(scripts)
    shelf = Shelf([blocks[place] for place in order])
    sieve = sieve_of((scripts[0],))
    known: dict[str, Touch] = {}
    for each in Sweep(sieve, shelf.read):
        known[each.transaction.txid] = Touch(inputs=each.inputs, outputs=each.outputs)
        used = each.transaction.outputs[1].script
        sieve.watch_scripts(scripts[: scripts.index(used) + 2])
    every = touches(blocks, set(scripts))
    assert known == {txid: touch for (_, txid), touch in every.items()}
    assert len(known) == 6


def test_a_coin_that_becomes_known_on_the_way() -> None:
    chain = one_after_another([THEIRS[1], THEIRS[1], OURS[2]])
    sieve = sieve_of((OURS[2],))
    spent_in = []
    for each in Sweep(sieve, Shelf(chain).read):
        spent_in += [each.where.partition(",")[0]] * len(each.inputs)
        sieve.watch_outpoints([OutPoint(txid="ab" * 32, vout=7)])
    assert spent_in == ["shelf 1"]


def test_only_what_could_have_been_missed_is_read_again() -> None:
    scripts = [OURS[0], THEIRS[1], THEIRS[1], THEIRS[1]]
    chain = one_after_another(scripts)  # block 1 pays us, block 2 spends it
    shelf = Shelf([chain[0], chain[2], chain[4], chain[1], chain[3]])
    sightings = list(Sweep(sieve_of((OURS[0],)), shelf.read))
    assert shelf.read_positions == [[0, 1, 2, 3, 4], [1, 2]]
    assert [(each.where[:7], each.inputs, each.outputs) for each in sightings] == [
        ("shelf 0", (), (0,)),
        ("shelf 1", (), (0,)),
        ("shelf 2", (), (0,)),
        ("shelf 3", (), (0,)),
        ("shelf 3", (), (1,)),
        ("shelf 4", (), (0,)),
        ("shelf 1", (0,), ()),
    ]


def test_the_real_outflow_is_seen_after_its_funding_was() -> None:
    raws = [dmm_outflow().serialize(), dmm_funding().serialize()]
    spent = dmm_outflow().inputs[0].outpoint
    script = dmm_funding().outputs[spent.vout].script
    sightings = list(Sweep(sieve_of((script,)), Shelf([], raws).read))
    assert [each.transaction for each in sightings] == [dmm_funding(), dmm_outflow()]
    assert all(each.header is None for each in sightings)
    assert sightings[1].inputs == tuple(range(len(dmm_outflow().inputs)))


def test_a_block_that_cannot_be_read_is_named_and_hides_no_other() -> None:
    chain = one_after_another([OURS[0], THEIRS[1]])
    torn = chain[0][:-1]
    reading: Reading = Shelf([chain[2], torn, chain[1]]).read
    sweep = Sweep(sieve_of((OURS[0],)), reading)
    seen = [each.where.partition(",")[0] for each in sweep]
    assert seen == ["shelf 0", "shelf 2", "shelf 2", "shelf 0"]
    assert [each.code for each in sweep.findings] == ["watch.block_unreadable"]
    assert sweep.findings[0].subject.startswith("shelf 1: byte ")
    assert sweep.readings == 2


def test_a_transaction_that_pays_us_more_than_exists_is_named() -> None:
    honest = transaction([NOTHING], [OURS[0]]).serialize()
    too_much = honest.replace((1000).to_bytes(8, "little"), b"\xff" * 8)
    sweep = Sweep(sieve_of((OURS[0],)), Shelf([], [too_much]).read)
    assert list(sweep) == []
    assert [each.code for each in sweep.findings] == ["watch.block_unreadable"]


def test_a_real_block_whose_coins_move_within_it() -> None:
    raw = block_bytes(758100)
    parsed = parse_block(raw, "block")
    made_here: dict[OutPoint, bytes] = {}
    within: list[tuple[Transaction, bytes]] = []
    for each in parsed.transactions:
        within += [
            (each, made_here[spent.outpoint])
            for spent in each.inputs
            if spent.outpoint in made_here
        ]
        for vout, output in enumerate(each.outputs):
            made_here[OutPoint(txid=each.txid, vout=vout)] = output.script
    assert within, "the block was chosen because it has such coins"
    spender, script = within[0]
    sightings = list(Sweep(sieve_of((script,)), Shelf([raw]).read))
    inputs = {each.transaction.txid: each.inputs for each in sightings}
    assert inputs[spender.txid]
    assert all(not each.again for each in sightings)


def test_what_was_given_by_itself_is_sighted_though_it_touches_nothing_that_is_known() -> None:
    raws = [dmm_outflow().serialize(), dmm_funding().serialize()]
    sweep = Sweep(sieve_of((b"\x51",)), Shelf([], raws).read)
    found = [(each.transaction, each.inputs, each.outputs, each.again) for each in sweep]
    assert found == [(each, (), (), False) for each in (dmm_outflow(), dmm_funding())]
    assert (sweep.blocks, sweep.transactions, sweep.findings) == (2, 2, [])
