from random import Random

from feed_world import name
from hypothesis import given, settings
from hypothesis import strategies as st
from lives_world import STRANGERS, TRANSACTIONS, World, happen, txid_of
from world_people import NOW

from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.passes.spendings import CONFIRMATIONS_MIN
from sekisho.watch.block_path import HEADERS_KEPT, Blocks
from sekisho.watch.feed_records import Header
from sekisho.watch.life_records import IN_CHAIN, Change, State, Told
from sekisho.watch.lives import Lives
from sekisho.watch.mempools import NOTES_KEPT

A, B, X = (name(each).hex() for each in "ABX")
COIN, OTHER = (OutPoint(txid=name(each).hex(), vout=0) for each in ("coin", "other"))


def check(world: World) -> None:
    told = world.told()
    for number in range(TRANSACTIONS):
        txid = txid_of(number)
        if number in STRANGERS:
            assert txid not in told
        elif txid in told:
            last = told[txid].last
            state, by = world.expected(number)
            assert last.state is state
            assert by in {"", last.by_txid}
    live = world.live()
    for one in live:
        assert not world.rivals(one) & set(live)


@given(random=st.randoms(use_true_random=False), steps=st.integers(1, 60))
@settings(max_examples=300)
def test_in_whatever_order_it_is_heard_the_end_is_what_is_true(random: object, steps: int) -> None:
    world = World(random)  # type: ignore[arg-type]  # Hypothesis's is one
    for _ in range(3):
        happen(world, steps)
        world.end()
        check(world)
    world.restart()
    world.end()
    check(world)


@given(random=st.randoms(use_true_random=False), steps=st.integers(1, 60))
@settings(max_examples=200)
def test_of_several_mempools_one_is_enough_and_no_coin_is_spent_twice(
    random: object, steps: int
) -> None:
    world = World(random, nodes=3)  # type: ignore[arg-type]  # Hypothesis's is one
    happen(world, steps)
    world.end()
    live, told = world.live(), world.told()
    for one in live:
        assert not world.rivals(one) & set(live)
    for number in set(range(TRANSACTIONS)) - STRANGERS:
        state, _ = world.expected(number) if txid_of(number) in told else (None, "")
        if state is not None and not (state is State.SEEN and world.rivals(number)):
            assert told[txid_of(number)].last.state is state


def test_the_property_meets_every_state() -> None:
    met = set()
    for seed in range(200):
        world = World(Random(seed))  # noqa: S311 - a test's
        happen(world, 50)
        world.end()
        met |= {each.last.state for each in world.told().values()}
    assert met == set(State)


# One by one --------------------------------------------------------------------------------------


def blocks_of(length: int, *, called: str = "b", on: Header | None = None) -> list[Header]:
    found = [on or Header(hash=name(f"{called}0"), prev_hash=bytes(32), height=0)]
    while len(found) <= length:
        before = found[-1]
        at = before.height + 1
        found.append(Header(hash=name(f"{called}{at}"), prev_hash=before.hash, height=at))
    return found


def standing(headers: list[Header]) -> tuple[Blocks, Lives]:
    blocks = Blocks(headers)
    lives = Lives(blocks)
    lives.stands()
    return blocks, lives


def state_of(lives: Lives, txid: str) -> State | None:
    """Return the last change of one movement since it was last asked."""
    return next((each.state for each in reversed(lives.changes()) if each.txid == txid), None)


def test_it_is_gone_when_no_node_that_is_believed_has_it() -> None:
    _, lives = standing(blocks_of(1))
    for node in ("one", "two"):
        lives.saw(node, A, [COIN], ours=True)
    lives.heard_by(frozenset({"one", "two"}))
    lives.listed("one", set(), 9)
    assert state_of(lives, A) is State.SEEN
    lives.heard_by(frozenset({"one"}))  # the other is blind: what it said last counts no more
    assert state_of(lives, A) is State.GONE
    lives.heard_by(frozenset())  # so are all: each is taken at its last word
    assert state_of(lives, A) is State.SEEN


def test_before_any_mempool_was_listed_nothing_is_gone() -> None:
    _, lives = standing(blocks_of(1))
    lives.saw("one", A, [COIN], ours=True)
    assert state_of(lives, A) is State.SEEN
    lives.changed("one", A, 5, into=False)
    assert state_of(lives, A) is None
    lives.listed("one", set(), 9)
    assert state_of(lives, A) is State.GONE


def test_what_a_listing_knew_already_is_not_taken_back_by_a_late_word() -> None:
    _, lives = standing(blocks_of(1))
    lives.saw("one", A, [COIN], ours=True)
    lives.listed("one", {bytes.fromhex(A)}, 9)
    lives.changed("one", A, 8, into=False)
    assert state_of(lives, A) is State.SEEN
    lives.parted("one")  # another life of the node: its numbers begin anew
    lives.changed("one", A, 1, into=False)
    assert state_of(lives, A) is State.GONE


def test_what_came_after_a_listing_is_not_taken_back_by_it() -> None:
    _, lives = standing(blocks_of(1))
    lives.saw("one", A, [COIN], ours=True)
    lives.listed("one", {bytes.fromhex(A)}, 3)
    lives.changed("one", A, 12, into=False)
    lives.listed("one", {bytes.fromhex(A)}, 9)  # answered late
    assert state_of(lives, A) is State.GONE
    lives.changed("one", A, 13, into=True)
    lives.listed("one", set(), 13)
    assert state_of(lives, A) is State.SEEN


def test_what_a_node_said_before_a_listing_does_not_speak_against_what_it_gives_of_it() -> None:
    _, lives = standing(blocks_of(1))
    lives.changed("one", A, 3, into=False)
    lives.saw("one", A, [COIN], ours=True)
    lives.listed("one", set(), 3)
    assert state_of(lives, A) is State.GONE
    lives.changed("one", B, 7, into=False)
    lives.listed("one", {bytes.fromhex(B)}, 9)  # that it entered again was lost
    lives.saw("one", B, [COIN], ours=True)
    assert state_of(lives, B) is State.SEEN


def test_of_two_rivals_in_two_mempools_the_last_to_come_is_live() -> None:
    _, lives = standing(blocks_of(1))
    lives.saw("one", A, [COIN], ours=True)
    lives.saw("two", B, [COIN, OTHER], ours=True)
    lives.listed("one", {bytes.fromhex(A)}, 9)
    replaced, seen = lives.changes()
    assert (replaced.txid, replaced.state, replaced.by_txid) == (A, State.REPLACED, B)
    assert (seen.txid, seen.state) == (B, State.SEEN)


def test_what_was_confirmed_says_so_when_its_block_is_undone() -> None:
    headers = blocks_of(3)
    blocks, lives = standing(headers)
    lives.listed("one", set(), 9)
    lives.found(headers[3], A, [COIN], ours=True)
    assert state_of(lives, A) is State.CONFIRMED
    for each in (rivals := blocks_of(4, called="r", on=headers[2])[1:]):
        blocks.add(each)
    lives.found(rivals[0], X, [COIN], ours=False)
    lives.saw("one", B, [OTHER], ours=True)
    lives.found(rivals[0], B, [OTHER], ours=True)
    lives.listed("one", set(), 19)
    assert [each.state for each in lives.changes()] == [State.SEEN]  # and not gone
    assert lives.is_open  # nobody stands there yet
    blocks.stand_at(rivals[-1].hash)
    assert lives.stands()
    undone, displaced, other = lives.changes()
    assert (other.txid, other.state) == (B, State.CONFIRMED)
    assert (undone.state, undone.block_hash) == (State.UNDONE, headers[3].hash.hex())
    assert (displaced.state, displaced.by_txid) == (State.DISPLACED, X)
    assert displaced.block_hash == rivals[0].hash.hex()
    was = lives.confirmed_in(A)
    assert was is not None
    assert was.height == 3
    assert not lives.is_open


def test_it_settles_at_depth_and_is_let_go_of_when_no_fork_reaches_it() -> None:
    headers = blocks_of(HEADERS_KEPT + 20)
    blocks, lives = standing(headers[:3])
    lives.found(headers[2], A, [COIN], ours=True)
    lives.found(headers[2], X, [OTHER], ours=False)
    for header in headers[3:]:
        blocks.add(header)
        blocks.stand_at(header.hash)
        lives.stands()
        state = state_of(lives, A)
        assert (state is State.SETTLED) is (header.height == 2 + CONFIRMATIONS_MIN - 1)
        lives.forget_old()
        blocks.forget_old()
    assert A not in lives


def test_two_that_miners_made_are_no_rivals() -> None:
    headers = blocks_of(2)
    _, lives = standing(headers)
    nothing = OutPoint(txid="0" * 64, vout=0xFFFFFFFF)
    for each, header in ((A, headers[1]), (B, headers[2])):
        lives.found(header, each, [nothing], ours=True)
    assert {each.state for each in lives.changes()} == {State.CONFIRMED}


def test_what_a_reorganisation_could_undo_is_at_risk() -> None:
    headers = blocks_of(2)
    _, lives = standing(headers)
    lives.saw("one", B, [OTHER], ours=True)
    lives.found(headers[2], A, [COIN], ours=True)
    lives.changes()
    assert lives.at_risk() == {COIN}


def test_only_so_many_changes_are_noted() -> None:
    _, lives = standing(blocks_of(1))
    lives.changed("one", A, 1, into=False)
    for number in range(NOTES_KEPT):
        lives.changed("one", name(number).hex(), number + 2, into=True)
    lives.saw("one", A, [COIN], ours=True)
    lives.listed("one", set(), 1)
    assert state_of(lives, A) is State.GONE


def fork(blocks: Blocks, lives: Lives, headers: list[Header], *, undone: int) -> list[Header]:
    """Have the chain take another branch, one block longer than what it undoes."""
    rivals = blocks_of(undone + 1, called="r", on=headers[-1 - undone])[1:]
    for each in rivals:
        blocks.add(each)
    blocks.stand_at(rivals[-1].hash)
    lives.stands()
    return rivals


def test_what_is_mined_is_in_no_mempool_though_no_node_says_that_it_left() -> None:
    headers = blocks_of(3)
    blocks, lives = standing(headers)
    lives.saw("one", A, [COIN], ours=True)
    lives.listed("one", {bytes.fromhex(A)}, 9)
    lives.found(headers[3], A, [COIN], ours=True)
    assert state_of(lives, A) is State.CONFIRMED
    fork(blocks, lives, headers, undone=1)
    assert state_of(lives, A) is State.UNDONE
    lives.changed("one", A, 10, into=True)
    assert state_of(lives, A) is State.SEEN


def test_even_what_was_settled_is_undone_by_a_deep_fork() -> None:
    headers = blocks_of(10)
    blocks, lives = standing(headers)
    lives.found(headers[3], A, [COIN], ours=True)
    assert state_of(lives, A) is State.SETTLED
    fork(blocks, lives, headers, undone=9)
    assert state_of(lives, A) is State.UNDONE


def remembered(change: Change, headers: list[Header]) -> Lives:
    lives = Lives(Blocks(headers))
    confirmed = change if change.state in IN_CHAIN else None
    lives.remember({A: Told(last=change, told_at=NOW, confirmed=confirmed)}, {A: (COIN,)})
    assert lives.changes() == []
    return lives


def test_a_block_above_the_tip_that_nobody_searched_again_is_not_in_the_chain() -> None:
    above = Change(txid=A, state=State.CONFIRMED, block_hash=name("above").hex(), height=9)
    lives = remembered(above, blocks_of(3))
    lives.stands()
    assert state_of(lives, A) is State.UNDONE


def test_a_block_below_all_headers_counts_unless_a_mempool_has_what_it_held() -> None:
    below = Change(txid=A, state=State.SETTLED, block_hash=name("below").hex(), height=1)
    lives = remembered(below, blocks_of(20)[10:])
    lives.stands()
    assert state_of(lives, A) is None
    lives.changed("one", A, 1, into=True)
    assert [each.state for each in lives.changes()] == [State.UNDONE, State.SEEN]


def test_what_displaced_it_is_remembered_by_its_name() -> None:
    displaced = Change(
        txid=A, state=State.DISPLACED, block_hash=name("b2").hex(), height=2, by_txid=X
    )
    headers = blocks_of(3)
    lives = remembered(displaced, headers)
    lives.stands()
    assert state_of(lives, A) is None
    replaced = Change(txid=A, state=State.REPLACED, by_txid=X)
    lives = remembered(replaced, headers)
    lives.listed("one", {bytes.fromhex(X)}, 9)
    assert state_of(lives, A) is None
    lives.listed("one", set(), 10)
    assert state_of(lives, A) is State.GONE


def test_a_stranger_that_turns_out_to_be_about_us_gets_a_life() -> None:
    _, lives = standing(blocks_of(1))
    lives.saw("one", X, [COIN], ours=False)
    assert lives.changes() == []
    lives.saw("one", X, [COIN], ours=True)  # its wallet was registered meanwhile
    assert state_of(lives, X) is State.SEEN


def test_what_ended_long_ago_is_let_go_of_with_the_strangers_that_it_was_about() -> None:
    headers = blocks_of(HEADERS_KEPT + 20)
    blocks, lives = standing(headers[:4])
    gone, undone = (name(each).hex() for each in ("gone", "undone"))
    coins = [OutPoint(txid=name(f"coin {each}").hex(), vout=0) for each in range(2)]
    lives.saw("one", gone, [coins[0]], ours=True)
    lives.saw("one", A, [COIN], ours=True)
    lives.found(headers[3], undone, [coins[1]], ours=True)
    lives.changes()
    lives.listed("one", set(), 9)
    blocks.stand_at(headers[2].hash)
    for each in (rivals := blocks_of(HEADERS_KEPT + 10, called="r", on=headers[2])[1:]):
        blocks.add(each)
    lives.found(rivals[0], X, [COIN], ours=False)
    lives.found(rivals[0], B, [OTHER], ours=True)
    blocks.stand_at(rivals[0].hash)
    lives.stands()
    assert {each.txid: each.state for each in lives.changes()} == {
        gone: State.GONE,
        A: State.DISPLACED,
        B: State.CONFIRMED,
        undone: State.UNDONE,
    }
    assert (lives.inputs_of(A), lives.inputs_of("")) == ((COIN,), ())
    for each in rivals[1:]:
        blocks.stand_at(each.hash)
        lives.stands()
        lives.changes()
        lives.forget_old()
    assert all(each not in lives for each in (gone, A, X, B))
    assert undone in lives  # it was in a block once, and can still be spent otherwise


def test_of_what_the_journal_names_only_what_is_at_hand_is_followed() -> None:
    lives = Lives(Blocks())
    lives.remember(
        {A: Told(last=Change(txid=A, state=State.SEEN), told_at=NOW, confirmed=None)}, {}
    )
    lives.forget_old()
    lives.changed("one", A, 1, into=True)
    assert A not in lives
    assert not lives.stands()
    assert lives.confirmed_in(A) is None
    assert lives.changes() == []
