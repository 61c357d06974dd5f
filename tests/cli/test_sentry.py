"""A sentry's post: nothing that a node told is left lying, and nobody is left untold."""

from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from office import ANCHOR, FUNDING, opened
from world_coins import spending, stranger, txout

from sekisho.app import installation
from sekisho.cli import sentry
from sekisho.cli.sentry import Sentry
from sekisho.cli.sentry_judging import Judging
from sekisho.edges.node_feed import Post
from sekisho.watch.feed_records import Joined


def post(number: int) -> Post:
    return Post(node="node", at_us=number * 1000, told=Joined(topic="rawtx"))


def a_sentry(monkeypatch: pytest.MonkeyPatch, taken: list[int]) -> Sentry:
    """A sentry without a workspace, that notes what it takes."""
    idle = Sentry.__new__(Sentry)
    idle._posts, idle._stopping = SimpleQueue(), False
    monkeypatch.setattr(sentry, "_BURST", 3)
    monkeypatch.setattr(idle, "_take", lambda each: taken.append(each.at_us // 1000))
    return idle


@pytest.mark.parametrize("waiting", [1, 2, 3, 4, 6, 7, 10])
def test_every_post_is_taken_once_and_in_order(
    monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    taken: list[int] = []
    idle = a_sentry(monkeypatch, taken)
    for number in range(1, waiting + 1):
        idle._posts.put(post(number))
    at = [idle._take_all() for _ in range(1 + waiting // 3)]
    assert taken == list(range(1, waiting + 1))
    assert at[: waiting // 3] == list(range(3, waiting + 1, 3)), "everything until then is taken"
    assert at[-1] > waiting, "and then everything there is"


def test_a_post_behind_the_end_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    idle = a_sentry(monkeypatch, taken)
    for each in (post(1), None, post(2)):
        idle._posts.put(each)
    assert idle._take_all() == 0
    assert (taken, idle._stopping) == ([1], True)


def test_a_watcher_killed_before_it_told_of_a_theft_tells_of_it_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the verdict is durable, and before the incident is: that is when it dies."""
    office = opened(tmp_path, capsys)
    theft = spending([ANCHOR], [txout(stranger(9), FUNDING.outputs[0].amount_sat - 1_000)])
    told: list[tuple[Any, ...]] = []
    with installation(office.root) as here:
        dying = Judging(here, keeper=None, told=lambda *each: told.append(each))
        with monkeypatch.context() as killed:
            killed.setattr(dying, "_incident", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                dying.one(theft.serialize(), 0)
        for times in (1, 1):  # a third watcher has nothing to tell
            next_one = Judging(here, keeper=None, told=lambda *each: told.append(each))
            next_one.one(theft.serialize(), 0)
            assert len(told) == times
    judged, incident, *_ = told[0]
    assert incident.recognised_by == judged.entry.hash.hex()
    kinds = [each.kind for each in office_entries(office)]
    assert (kinds.count("watch.judged"), kinds.count("incident.opened")) == (1, 1)


def office_entries(office: Any) -> list[Any]:  # noqa: ANN401 - the tests' office
    with installation(office.root) as here:
        return list(here.journal.entries())
