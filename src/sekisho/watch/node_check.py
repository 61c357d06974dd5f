"""Is a node set up so that nothing it tells is lost? Read once at its start, with advice."""

from typing import Final

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.finding import Finding, finding
from sekisho.watch.feed_records import Notifier, Settings
from sekisho.watch.frames import TOPICS

HIGH_WATER_MIN: Final = 100_000
"""A block of 4,200 transactions lost 1,543 messages at the default of 1,000; 0 is no limit."""
VERSIONS_READ: Final = range(270_000, 320_000)
"""Bitcoin Core 27 to 31 and their kin, whose answers are among the tests."""
_UNUSABLE: Final = frozenset({"watch.node_other_network", "watch.node_topic_missing"})


def check_settings(settings: Settings, *, node: str, network: Network) -> list[Finding]:
    """Return everything that is wrong with a node's settings, or worth knowing of them."""
    found: list[Finding] = []
    if settings.genesis_hash != network.genesis_hash:
        found.append(finding("watch.node_other_network", node, network=str(network)))
    if settings.version not in VERSIONS_READ:
        found.append(finding("watch.node_version_unknown", node, version=settings.version))
    if settings.in_download:
        found.append(finding("watch.node_in_download", node))
    if settings.pruned:
        found.append(finding("watch.node_pruned", node))
    published = {each.topic for each in settings.notifiers}
    found.extend(
        finding("watch.node_topic_missing", node, topic=topic)
        for topic in TOPICS
        if topic not in published
    )
    return [*found, *_high_water(settings.notifiers, node)]


def is_unusable(found: list[Finding]) -> bool:
    """Return whether a node with these findings cannot be followed at all."""
    return any(each.code in _UNUSABLE for each in found)


def listening(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return each topic with the address to hear it at: the first that the node lists for it."""
    first: dict[str, str] = {}
    for each in settings.notifiers:
        if each.topic in TOPICS:
            first.setdefault(each.topic, each.address)
    return tuple(first.items())


def _high_water(notifiers: tuple[Notifier, ...], node: str) -> list[Finding]:
    """Return where messages would be dropped when a block comes.

    Topics at one address share one socket, and its mark is that of the first notifier opened.
    """
    found: list[Finding] = []
    firsts: dict[str, Notifier] = {}
    for each in notifiers:
        first = firsts.setdefault(each.address, each)
        if each.topic not in TOPICS or not 0 < first.high_water < HIGH_WATER_MIN:
            continue
        if first is each or each.high_water == first.high_water:
            found.append(
                finding(
                    "watch.node_high_water_low", node,
                    topic=each.topic, messages=first.high_water,
                )
            )  # fmt: skip
        else:
            found.append(
                finding(
                    "watch.node_high_water_shared", node,
                    topic=each.topic, messages=first.high_water, first=first.topic,
                    address=each.address,
                )
            )  # fmt: skip
    return found
