import pytest
from block_world import block
from gate_scene import HOT, scene
from watch_at_work import signed, theft
from watch_lookout import lookout
from world_coins import STRANGER, outpoint, spending, txout

from sekisho.kernel.errors import BadInputError
from sekisho.watch import screen as the_screen
from sekisho.watch.raw_block import SEED_SIZE
from sekisho.watch.screen import Screen, Seen

SCENE = scene()
WATCHER = lookout(SCENE.world, [SCENE.wallet, HOT], SCENE.coins.previous)


@pytest.fixture
def screen() -> Screen:
    made = Screen(bytes(SEED_SIZE))
    assert made.watch(WATCHER.state, WATCHER.holdings.coins)
    return made


def test_what_spends_or_pays_us_is_named_once(screen: Screen) -> None:
    for transaction in (signed(SCENE), theft(SCENE), SCENE.funded):
        raw = transaction.serialize()
        assert screen.one(raw, "node") == transaction
        assert screen.one(raw, "node") is None
        assert screen.again(raw, "node") == transaction
        assert bytes.fromhex(transaction.txid) in screen.seen


def test_what_is_not_about_us_is_looked_at_and_passed_over(screen: Screen) -> None:
    strangers = spending([outpoint(SCENE.lent, 0)], [txout(STRANGER, 1)])
    assert screen.one(strangers.serialize(), "node") is None
    assert screen.again(strangers.serialize(), "node") is None
    assert bytes.fromhex(strangers.txid) in screen.seen


def test_a_block_is_searched_for_the_same(screen: Screen) -> None:
    strangers = spending([outpoint(SCENE.lent, 0)], [txout(STRANGER, 1)])
    raw = block(bytes(32), [strangers, theft(SCENE)], number=1)
    assert screen.block(raw, "block") == [theft(SCENE)]


def test_bytes_that_are_none_are_refused_and_not_remembered(screen: Screen) -> None:
    for raw in (b"", b"\x00" * 60):
        with pytest.raises(BadInputError):
            screen.one(raw, "node")
    assert len(screen.seen) == 0


def test_what_is_watched_already_is_not_new(screen: Screen) -> None:
    scripts = screen.scripts
    assert screen.watch(WATCHER.state, WATCHER.holdings.coins) == 0
    assert screen.scripts == scripts > 0


def test_the_oldest_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(the_screen, "SEEN_MAX", 2)
    seen = Seen()
    for each in (b"1", b"2", b"3"):
        seen.note(b"digest of " + each, each)
    assert (b"1" in seen, b"2" in seen, b"3" in seen, len(seen)) == (False, True, True, 2)
    assert seen.has(b"digest of 3")
    seen.forget()
    assert (len(seen), seen.has(b"digest of 3")) == (0, False)


def test_what_is_doubted_is_looked_at_again_and_not_asked_for(
    monkeypatch: pytest.MonkeyPatch, screen: Screen
) -> None:
    strangers = spending([outpoint(SCENE.lent, 0)], [txout(STRANGER, 1)])
    raw, txid = strangers.serialize(), bytes.fromhex(strangers.txid)
    assert screen.one(raw, "node") is None
    screen.watch_spent([outpoint(SCENE.lent, 0)])
    assert txid in screen.seen
    assert screen.one(raw, "node") == strangers
    assert screen.one(raw, "node") is None
    screen.watch_spent([outpoint(SCENE.lent, 0)])  # nothing new
    assert screen.one(raw, "node") is None
    monkeypatch.setattr(the_screen, "SEEN_MAX", 2)
    seen = Seen()
    for each in (b"1", b"2"):
        seen.note(b"digest of " + each, each)
    seen.doubt()
    for each in (b"2", b"3"):
        seen.note(b"digest of " + each, each)
    assert (b"1" in seen, b"2" in seen, b"3" in seen, len(seen)) == (False, True, True, 2)
