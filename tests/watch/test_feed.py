from dataclasses import replace

import pytest
from feed_world import SETTINGS, FeedWorld, name, published_without

from sekisho.watch.feed import BATCH, BLIND_MS, PROVE_MS
from sekisho.watch.feed_records import (
    AskListing,
    AskSettings,
    AskTransactions,
    Blind,
    Joined,
    Listen,
    Parted,
    Seeing,
    Settings,
)
from sekisho.watch.frames import RAWBLOCK, RAWTX, SEQUENCE, TOPICS, Label

ONE, TWO, THREE = name(1), name(2), name(3)


@pytest.fixture
def world() -> FeedWorld:
    """A feed that is proven to see everything."""
    made = FeedWorld()
    made.join()
    assert made.feed.is_sound
    assert made.feed.why() == []
    made.actions.clear()
    return made


# The beginning -----------------------------------------------------------------------------------


def test_it_subscribes_before_it_lists_and_fetches_what_was_there() -> None:
    world = FeedWorld()
    world.mempool = [name(each) for each in range(BATCH + 1)]
    kinds = [type(each) for each in world.actions]
    assert kinds == [AskSettings, Listen]
    world.later(1_000)
    assert not world.of(AskListing)
    for topic in TOPICS:
        world.hear(Joined(topic=topic))
    world.later(200)
    assert not world.of(AskListing), "the node may not know of the subscription yet"
    world.later(2_000)
    assert [len(each.txids) for each in world.of(AskTransactions)] == [BATCH, 1]
    [seeing] = world.of(Seeing)
    assert seeing == Seeing(since_ms=1_000, until_ms=3_000, was_blind=False)
    assert len(world.searched) == 6, "of a new watcher, the newest blocks"


def test_without_a_connection_nothing_is_proven() -> None:
    world = FeedWorld()
    world.hear(Joined(topic=RAWTX))
    world.later(BLIND_MS)
    assert world.of(Blind) == [Blind(since_ms=1_000)]
    assert "watch.node_topic_unjoined" in {each.code for each in world.feed.why()}
    world.hear(Joined(topic=SEQUENCE))
    world.later(2_000)
    assert world.sound()


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        (published_without(RAWTX), "watch.node_topic_missing"),
        (replace(SETTINGS, genesis_hash="00" * 32), "watch.node_other_network"),
    ],
)
def test_a_node_that_cannot_be_followed_is_asked_again(settings: Settings, code: str) -> None:
    world = FeedWorld(settings=settings)
    world.later(BLIND_MS)
    assert set(world.codes) == {code}
    assert not world.of(Listen)
    assert [each.code for each in world.feed.why()] == ["watch.node_unanswered"]
    world.settings = SETTINGS
    world.later(BLIND_MS)
    assert world.of(Listen)


def test_a_node_that_does_not_answer_at_first_is_asked_each_second() -> None:
    world = FeedWorld()
    world.answers = False
    world.join()
    world.later(5_000)
    assert 6 <= len(world.of(AskListing)) <= 8
    world.answers = True
    world.later(2_000)
    assert world.sound()


# What is no loss ---------------------------------------------------------------------------------


def test_what_is_told_in_order_needs_no_question(world: FeedWorld) -> None:
    for each in range(50):
        world.add(name(each))
    world.remove(name(7))
    world.later(5_000)
    assert not world.of(AskListing)
    assert world.codes == []


def test_a_gap_in_the_mempools_numbers_is_no_loss(world: FeedWorld) -> None:
    for each in (ONE, TWO):
        world.add(each)
    world.mine("a")  # it took two numbers in silence
    world.add(THREE)
    world.mempool.remove(THREE)
    world.number += 3
    world.note(Label.REMOVED, THREE)  # a conflict, told ahead of its block
    world.mine("b")
    world.later(5_000)
    assert world.codes == []
    assert not world.of(AskListing)
    assert world.sound()


def test_a_counter_at_the_end_of_its_range_goes_on(world: FeedWorld) -> None:
    world.counters[RAWTX] = 2**32 - 1
    world.feed.topics.parted(RAWTX)
    world.add(ONE)
    world.counters[RAWTX] = 0
    world.add(TWO)
    assert world.codes == []


def test_each_minute_the_mempool_is_listed_anyway(world: FeedWorld) -> None:
    world.mempool.append(ONE)  # in silence
    world.feed._pulse = world.pulse()
    world.later(PROVE_MS)
    assert len(world.of(AskListing)) == 1
    assert ONE in world.seen


# What is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", [RAWTX, SEQUENCE])
def test_a_lost_message_is_known_by_the_next(world: FeedWorld, topic: str) -> None:
    world.add(THREE)
    world.later(2_000)
    world.dropping[topic] = 1
    world.add(ONE)
    world.add(TWO)
    assert world.codes == ["watch.node_lost"]
    assert not world.sound()
    gap_began_ms = world.feed.proven_ms
    world.later(2_000)
    assert ONE in world.seen
    [seeing] = world.of(Seeing)
    assert seeing.since_ms == gap_began_ms <= world.now_ms - 2_000
    assert not world.of(Blind), "it was healed in time"


def test_a_lost_last_message_is_known_by_its_note(world: FeedWorld) -> None:
    world.add(ONE)
    world.dropping[RAWTX] = 1
    world.add(TWO)
    world.later(2_400)
    assert world.codes == ["watch.node_unheard"]
    world.later(2_000)
    assert TWO in world.seen
    assert world.sound()


def test_what_left_again_before_it_was_missed_is_no_loss(world: FeedWorld) -> None:
    world.add(THREE)
    world.dropping[RAWTX] = 1
    world.add(ONE)
    world.remove(ONE)
    world.later(2_400)
    assert world.codes == []


def test_a_counter_that_goes_back_is_a_restart(world: FeedWorld) -> None:
    world.add(ONE)
    world.counters[RAWTX] = 0
    world.add(TWO)
    assert world.codes == ["watch.node_restarted"]
    world.later(2_000)
    assert world.of(AskListing)
    assert world.sound()


def test_after_a_restart_the_settings_are_read_again(world: FeedWorld) -> None:
    world.restart()
    world.later(1_000)
    assert world.codes == ["watch.node_restarted"]
    assert [type(each) for each in world.actions[1:3]] == [AskSettings, Listen]
    world.join()
    assert world.sound()


def test_what_came_before_the_subscription_was_known_is_listed_again() -> None:
    world = FeedWorld()
    world.join()
    listings = len(world.of(AskListing))
    world.mute.update(TOPICS)
    world.mempool.append(ONE)
    world.number += 1
    world.mute.clear()
    world.add(TWO)
    world.later(2_000)
    assert len(world.of(AskListing)) == listings + 1
    assert ONE in world.seen
    world.mine("a")
    world.add(THREE)
    world.later(2_000)
    assert len(world.of(AskListing)) == listings + 1, "later gaps say nothing"


def test_a_connection_that_broke_proves_nothing(world: FeedWorld) -> None:
    world.hear(Parted(topic=RAWTX))
    world.mute.add(RAWTX)
    world.mempool.append(ONE)
    world.later(1_000)
    world.mute.clear()
    assert not world.sound()
    world.hear(Joined(topic=RAWTX))
    world.later(2_000)
    assert world.sound()
    assert ONE in world.seen


def test_what_cannot_be_read_is_listed_again(world: FeedWorld) -> None:
    world.do(world.feed.mistrust(world.now_ms))
    assert not world.sound()
    world.later(2_000)
    assert world.sound()


def test_a_listing_that_was_asked_for_before_the_loss_does_not_heal_it(world: FeedWorld) -> None:
    world.add(THREE)
    world.holding = True
    world.do(world.feed.mistrust(world.now_ms))
    world.later(1_000)
    [listed] = world.held
    world.dropping[RAWTX] = 1
    world.add(ONE)
    world.add(TWO)
    world.hear(listed)
    world.later(1_000)
    assert not world.sound()
    world.holding = False
    world.hear(world.held[-1])
    world.later(2_000)
    assert world.sound()
    assert ONE in world.seen


# Silence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", [RAWTX, SEQUENCE])
def test_a_dead_topic_is_known_within_five_seconds(world: FeedWorld, topic: str) -> None:
    world.later(3_000)
    world.mute.add(topic)
    world.add(ONE)
    world.later(5_000)
    assert "watch.node_topic_silent" in world.codes
    assert world.of(Blind)
    for each in TOPICS:
        world.hear(Joined(topic=each))
    world.later(5_000)
    assert ONE in world.seen, "by the listing"
    assert not world.sound()
    assert "watch.node_topic_silent" in {each.code for each in world.feed.why()}
    world.mempool.append(TWO)
    world.later(3_000)
    assert TWO in world.seen, "it is listed every two seconds"
    world.mute.clear()
    world.add(THREE)
    world.later(3_000)
    assert world.sound()
    assert world.of(Seeing)[-1].was_blind


def test_a_dead_block_topic_is_said_and_blinds_nobody(world: FeedWorld) -> None:
    world.mute.add(RAWBLOCK)
    world.mine("a")
    world.later(5_000)
    assert world.codes == ["watch.node_topic_silent"]
    assert not world.of(Blind)
    assert world.searched[-1] == name("a")


def test_a_topic_that_stays_dead_is_connected_anew_each_minute(world: FeedWorld) -> None:
    world.mute.add(RAWTX)
    world.add(ONE)
    world.later(PROVE_MS + 6_000)
    assert len(world.of(Listen)) == 2


def test_a_topic_that_the_node_gave_up_is_known_by_its_own_word(world: FeedWorld) -> None:
    world.topics = frozenset({RAWTX, RAWBLOCK})
    world.later(1_000)
    assert world.codes == ["watch.node_topic_missing"]
    assert world.of(Blind)


def test_a_quiet_net_is_no_silence(world: FeedWorld) -> None:
    world.later(3 * PROVE_MS)
    assert world.codes == []
    assert not world.of(Blind)


def test_what_was_not_listed_is_proven_once_its_loss_would_be_known(world: FeedWorld) -> None:
    world.later(10_000)
    world.dropping[RAWTX] = world.dropping[SEQUENCE] = 1
    added_ms = world.now_ms
    world.add(ONE)
    while ONE not in world.seen:
        assert world.feed.proven_ms <= added_ms
        world.later(200)
    world.join()
    world.add(TWO)  # the topic that was silent speaks again
    world.later(2_000)
    assert world.feed.proven_ms > added_ms


# Blind -------------------------------------------------------------------------------------------


def test_a_node_that_does_not_answer_blinds_and_is_seen_again(world: FeedWorld) -> None:
    world.later(1_000)
    proven_ms = world.feed.proven_ms
    world.pulses = world.answers = False
    world.later(BLIND_MS - 1_000)
    assert not world.of(Blind)
    world.later(2_000)
    [blind] = world.of(Blind)
    assert blind.since_ms <= proven_ms
    world.later(10_000)
    assert len(world.of(Blind)) == 1
    world.pulses = world.answers = True
    world.later(3_000)
    [seeing] = world.of(Seeing)
    assert seeing == Seeing(since_ms=blind.since_ms, until_ms=seeing.until_ms, was_blind=True)


def test_a_node_in_its_download_proves_nothing(world: FeedWorld) -> None:
    world.in_download = True
    world.mine("a")
    world.later(BLIND_MS + 2_000)
    assert world.of(Blind)
    assert world.codes == []


def test_blocks_that_cannot_be_had_yet_blind(world: FeedWorld) -> None:
    world.answers = False
    world.mine("a")
    world.later(BLIND_MS + 2_000)
    assert world.of(Blind)
    assert "watch.node_behind" in {each.code for each in world.feed.why()}
    world.answers = True
    world.later(4_000)
    assert world.searched[-1] == name("a")
    assert world.sound()


# Blocks ------------------------------------------------------------------------------------------


def test_every_block_of_a_reorganisation_is_searched(world: FeedWorld) -> None:
    old = [world.mine(f"old {each}") for each in range(6)]
    fork = world.headers[old[0]].prev_hash
    world.searched.clear()
    world.mute.update(TOPICS)
    for block in reversed(old):
        world.note(Label.DISCONNECTED, block)
    for each in range(6):
        world.mine(f"new {each}", on=fork if each == 0 else b"")
    world.mute.clear()
    world.mine("new 6")  # the only one that is told
    assert world.searched == [name(f"new {each}") for each in range(7)]


def test_what_is_forgotten_to_be_looked_at_again_counts_as_heard(world: FeedWorld) -> None:
    world.mempool.append(ONE)
    world.note(Label.ADDED, ONE)
    world.tell(RAWTX, txid=ONE)
    world.seen.clear()
    world.holding = True
    world.do(world.feed.mistrust(world.now_ms))
    world.later(4_000)
    assert world.codes == []
    world.holding = False
    world.hear(world.held[-1])
    world.later(2_000)
    assert ONE in world.seen
    assert world.sound()
