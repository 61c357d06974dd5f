"""A sentry's search for old coins: what is asked, when it is done, and what keeps it from it."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from office import FUNDING, Office, opened

from sekisho.app import Installation, installation
from sekisho.cli.sentry_coins import AGAIN_MS, RETRY_MS, CoinSearch
from sekisho.cli.sentry_judging import Judging
from sekisho.cli.sentry_words import Voice
from sekisho.edges.node_coins import CoinsFound
from sekisho.edges.node_feed import CoinsNotFound, NodeLink
from sekisho.watch.feed import BLIND_MS, Feed
from sekisho.watch.listed import scanned_digest

HEIGHT = 800


class Link:
    """A node that is asked and has not answered yet."""

    def __init__(self) -> None:
        self.is_current = True
        self.asked: list[frozenset[bytes]] = []

    def find_coins(self, scripts: frozenset[bytes]) -> None:
        self.asked.append(scripts)


class Desk:
    """A search over an office whose cache of the chain was lost."""

    def __init__(self, here: Installation) -> None:
        self.judging = Judging(here, keeper=None, told=lambda *_: None)
        self.search = CoinSearch(here, self.judging, Voice(as_json=True))
        self.link = Link()

    def tick(self, now_ms: int) -> None:
        feed = cast("Feed", SimpleNamespace(node="node", is_current=self.link.is_current))
        self.search.tick([feed], {"node": cast("NodeLink", self.link)}, now_ms)

    def found(self, *, unproven: bool = False, now_ms: int = 1) -> None:
        there = () if unproven else (FUNDING,)
        missing = ((FUNDING.txid, HEIGHT),) if unproven else ()
        scripts = self.link.asked[-1]
        found = CoinsFound(scripts=scripts, transactions=there, unproven=missing)
        self.search.hear("node", found, now_ms)

    def nothing(self, now_ms: int) -> None:
        """Answer that there is nothing on the scripts that were asked for last."""
        scripts = self.link.asked[-1]
        found = CoinsFound(scripts=scripts, transactions=(), unproven=())
        self.search.hear("node", found, now_ms)

    @property
    def why(self) -> list[str]:
        return [each.code for each in self.search.why()]


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    made = opened(tmp_path, capsys)
    for path in made.root.glob("chain.sqlite*"):
        path.unlink()
    return made


@pytest.fixture
def desk(office: Office) -> Iterator[Desk]:
    with installation(office.root) as here:
        yield Desk(here)


def test_all_scripts_are_asked_for_and_what_is_found_is_watched(desk: Desk) -> None:
    assert desk.why == ["watch.coins_unsearched"]
    desk.tick(0)
    assert desk.link.asked == [frozenset(desk.judging.watch.state.book.by_script)]
    desk.tick(1)
    assert len(desk.link.asked) == 1, "one search at a time"
    desk.found()
    assert {each.txid for each in desk.judging.watch.outputs} == {FUNDING.txid}
    assert desk.judging.follow(), "everything is looked at again, for the coins that are new"
    desk.tick(2)
    first, second = desk.link.asked
    assert second
    assert not first & second, "the next ones of the wallet, since its last ones are in use"
    assert desk.why == ["watch.coins_unsearched"]
    desk.nothing(3)
    desk.tick(4)
    assert (desk.why, len(desk.link.asked)) == ([], 2)


def test_it_is_done_once_and_again_when_the_cache_is_lost(office: Office) -> None:
    for searches in (1, 0):
        with installation(office.root) as here:
            desk = Desk(here)
            for now_ms in range(4):
                desk.tick(now_ms)
                if desk.link.asked and not desk.search.is_done:
                    desk.found(now_ms=now_ms)
            assert desk.search.is_done
            assert bool(desk.link.asked) == bool(searches)
    (office.root / "chain.sqlite").unlink()
    with installation(office.root) as here:
        desk = Desk(here)
        desk.tick(0)
        assert desk.link.asked


def test_a_node_that_did_not_say_is_asked_again(desk: Desk) -> None:
    desk.tick(0)
    [found] = desk.search.hear("node", CoinsNotFound(reason="it is at another search"), 5)
    assert found.code == "watch.node_failed"
    desk.tick(6)
    assert len(desk.link.asked) == 1
    desk.tick(5 + RETRY_MS)
    assert len(desk.link.asked) == 2


def test_without_a_node_nothing_is_done(desk: Desk) -> None:
    desk.link.is_current = False
    desk.tick(0)
    assert desk.link.asked == []
    assert desk.why == ["watch.coins_unsearched"]


def test_coins_that_cannot_be_proven_keep_it_open(office: Office) -> None:
    with installation(office.root) as here:
        desk = Desk(here)
        desk.tick(0)
        desk.found(unproven=True)
        desk.tick(10)
        assert desk.why == ["watch.coins_unproven"]
        assert len(desk.link.asked) == 1
        desk.tick(AGAIN_MS + 1)
        assert desk.link.asked[0] == desk.link.asked[1], "another node may have the blocks"
        desk.found(unproven=True, now_ms=AGAIN_MS + 2)
        code, _ = office("wallets", "observe", office.file("funding.hex"))
        assert code == 0
        for now_ms in (AGAIN_MS + 4_000, AGAIN_MS + 4_001):
            desk.tick(now_ms)
        assert desk.judging.follow()
        desk.nothing(AGAIN_MS + 4_002)
        desk.tick(AGAIN_MS + 4_003)
        assert desk.why == []


def test_a_block_that_nobody_could_give_has_them_looked_for_again(office: Office) -> None:
    assert office("wallets", "observe", office.file("funding.hex"))[0] == 0
    with installation(office.root) as here:
        desk = Desk(here)
        desk.tick(0)
        desk.nothing(1)
        desk.tick(2)
        assert desk.search.is_done
        desk.tick(3)
        desk.search.begin_again()
        assert desk.why == ["watch.coins_unsearched"]
        desk.tick(4)
        assert desk.link.asked[0] == desk.link.asked[1]
        assert not desk.search.is_late(3 + BLIND_MS - 1)
        assert desk.search.is_late(3 + BLIND_MS)
    with installation(office.root) as here:
        again = Desk(here)
        again.tick(4)
        assert again.link.asked, "also after it was begun again"


def test_lists_that_no_block_was_scanned_for_are_said(office: Office) -> None:
    with installation(office.root) as here:
        desk = Desk(here)
        [found] = desk.search.listed({"cold-1": 7})
        assert (found.code, found.subject) == ("watch.listed_unscanned", "cold-1")
        here.chain.note_search(scanned_digest("cold-1"))
        assert desk.search.listed({"cold-1": 7}) == []
