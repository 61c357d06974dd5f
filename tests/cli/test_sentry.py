"""A sentry's post: nothing that a node told is left lying, however much comes at once."""

from queue import SimpleQueue

import pytest

from sekisho.cli import sentry
from sekisho.cli.sentry import Sentry
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
