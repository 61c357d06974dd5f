from feed_world import FeedWorld, name

from sekisho.watch.metrics import Metrics, label
from sekisho.watch.nodes import DISAGREE_MS, Nodes


def rows(metrics: Metrics) -> dict[str, str]:
    lines = [each for each in metrics.text().splitlines() if not each.startswith("#")]
    return dict(each.rsplit(" ", 1) for each in lines)


def test_what_was_not_counted_stands_at_nothing() -> None:
    found = rows(Metrics())
    assert found["sekisho_watch_blocks_total"] == "0"
    assert found["sekisho_watch_verdict_seconds_count"] == "0"


def test_every_row_has_its_help_and_its_type() -> None:
    text = Metrics().text()
    for row in rows(Metrics()):
        plain = row.partition("{")[0]
        plain = plain.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        assert f"# HELP {plain} " in text
        assert f"# TYPE {plain} " in text
    assert text.endswith("\n")


def test_counts_and_values() -> None:
    metrics = Metrics()
    metrics.count("blocks_total")
    metrics.count("blocks_total")
    metrics.count("verdicts_total", label("verdict", "unmatched"))
    metrics.put("tip_height", 7)
    metrics.put("tip_height", 8)
    found = rows(metrics)
    assert found["sekisho_watch_blocks_total"] == "2"
    assert found['sekisho_watch_verdicts_total{verdict="unmatched"}'] == "1"
    assert found["sekisho_watch_tip_height"] == "8"


def test_latencies_fall_into_buckets_that_add_up() -> None:
    metrics = Metrics()
    for microseconds in (900, 1_000, 1_001, 6_000_000):
        metrics.took(microseconds)
    found = rows(metrics)
    assert found['sekisho_watch_verdict_seconds_bucket{le="0.001"}'] == "2"
    assert found['sekisho_watch_verdict_seconds_bucket{le="0.002"}'] == "3"
    assert found['sekisho_watch_verdict_seconds_bucket{le="5.000"}'] == "3"
    assert found['sekisho_watch_verdict_seconds_bucket{le="+Inf"}'] == "4"
    assert found["sekisho_watch_verdict_seconds_sum"] == "6.002901"
    assert found["sekisho_watch_verdict_seconds_count"] == "4"


def test_a_label_holds_whatever_a_name_holds() -> None:
    assert label("node", 'a"b\\c\n') == 'node="a\\"b\\\\c\\n"'


def test_nodes_that_disagree_for_long_are_named_once() -> None:
    first, second = FeedWorld(), FeedWorld()
    for each in (first, second):
        each.join()
    nodes, feeds = Nodes(), (first.feed, second.feed)
    assert nodes.compare(feeds, 0) == []
    second.mine("other")
    second.later(1_000)
    assert nodes.compare(feeds, 0) == nodes.compare(feeds, DISAGREE_MS - 1) == []
    [found] = nodes.compare(feeds, DISAGREE_MS)
    assert dict(found.facts) == {"other": "node", "height": "9", "height_other": "10"}
    assert nodes.compare(feeds, 2 * DISAGREE_MS) == []
    first.feed.tip = second.feed.tip
    assert nodes.compare(feeds, 2 * DISAGREE_MS) == []
    first.feed.tip = name("again another")
    assert nodes.compare(feeds, 3 * DISAGREE_MS) == []
    assert len(nodes.compare(feeds, 4 * DISAGREE_MS)) == 1


def test_a_node_that_named_no_tip_yet_disagrees_with_nobody() -> None:
    first, second = FeedWorld(), FeedWorld()
    first.join()
    assert Nodes().compare((first.feed, second.feed), DISAGREE_MS) == []
