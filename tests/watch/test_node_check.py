"""What nodes answer, and what is said of their settings.

`tests/vectors/watch/node_answers.json` holds what Knots 29.4.2 answered on regtest, word for word,
and what other versions add or leave out, made from it by hand after their release notes: no other
version was run.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from feed_world import SETTINGS, notifiers

from sekisho.chains.bitcoin.networks import Network
from sekisho.edges.node_answers import (
    block_hash,
    read_block,
    read_header,
    read_listing,
    read_pulse,
    read_settings,
    read_transaction,
)
from sekisho.kernel.errors import WorldError
from sekisho.watch.feed_records import Header, Notifier, Settings
from sekisho.watch.frames import TOPICS
from sekisho.watch.node_check import check_settings, is_unusable, listening

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "watch" / "node_answers.json").read_text("utf-8")
)
VERSIONS: list[str] = sorted(VECTORS["versions"])


def codes(settings: Settings, network: Network = Network.REGTEST) -> list[str]:
    return [each.code for each in check_settings(settings, node="node", network=network)]


def answers(version: str, method: str) -> Any:  # noqa: ANN401 - JSON
    recorded = VECTORS["recorded"][method]
    changed = VECTORS["versions"][version]["changes"].get(method, {})
    if not isinstance(recorded, dict):
        return recorded
    merged = {**recorded, **changed}
    return {key: each for key, each in merged.items() if each is not None}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_read(version: str) -> None:
    settings = read_settings(
        [
            answers(version, "getnetworkinfo"),
            answers(version, "getblockchaininfo"),
            answers(version, "getblockhash"),
            answers(version, "getzmqnotifications"),
        ]
    )
    assert codes(settings) == []
    assert settings.version == VECTORS["versions"][version]["version"]
    pulse = read_pulse(
        [
            answers(version, "getblockchaininfo"),
            answers(version, "getmempoolinfo"),
            answers(version, "getzmqnotifications"),
            answers(version, "uptime"),
        ],
        asked_ms=7,
    )
    assert (pulse.height, pulse.topics) == (111, frozenset(TOPICS))
    assert read_header(answers(version, "getblockheader")).height == 111
    listed = read_listing(answers(version, "getrawmempool"), asked_ms=7)
    assert (len(listed.txids), listed.mempool_sequence) == (1, 2)


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        (lambda it: read_listing(it, asked_ms=0), {"txids": ["ab"], "mempool_sequence": 1}),
        (lambda it: read_listing(it, asked_ms=0), {"txids": 7, "mempool_sequence": 1}),
        (lambda it: read_listing(it, asked_ms=0), {"txids": [], "mempool_sequence": True}),
        (lambda it: read_listing(it, asked_ms=0), []),
        (read_header, {"hash": "ab" * 32, "height": "7"}),
        (read_header, {"hash": "zz" * 32, "height": 7}),
        (read_transaction, ""),
        (read_transaction, None),
        (read_settings, [{"version": 1}, {}, "", []]),
        (read_settings, [{"version": 1}, {"pruned": 1}, "", []]),
        (read_settings, [{"version": 1}, {"pruned": True}, 7, []]),
        (
            read_settings,
            [{"version": 1}, {"pruned": True, "initialblockdownload": True}, "00", {}],
        ),
        (
            read_settings,
            [{"version": 1}, {"pruned": True, "initialblockdownload": True}, "00", [{"type": 1}]],
        ),
    ],
)
def test_what_is_not_an_answer_is_refused(read: Any, answer: Any) -> None:  # noqa: ANN401 - JSON
    with pytest.raises(WorldError):
        read(answer)


def test_a_pulse_without_uptime_is_refused() -> None:
    parts = [
        answers(VERSIONS[0], each)
        for each in ("getblockchaininfo", "getmempoolinfo", "getzmqnotifications")
    ]
    with pytest.raises(WorldError):
        read_pulse([*parts, "1"], asked_ms=0)


def test_a_block_is_the_one_that_was_asked_for() -> None:
    data = bytes(4) + bytes(range(32)) + bytes(44) + b"\x01"
    header = Header(hash=block_hash(data), prev_hash=bytes(range(31, -1, -1)), height=1)
    assert read_block(data.hex(), header) == data
    for other in (replace(header, hash=bytes(32)), replace(header, prev_hash=bytes(32))):
        with pytest.raises(WorldError):
            read_block(data.hex(), other)
    first = read_header({"hash": "ab" * 32, "height": 0})
    assert first.prev_hash == bytes(32)


def test_good_settings_are_not_spoken_of() -> None:
    assert codes(SETTINGS) == []
    assert dict(listening(SETTINGS))["rawtx"] == "tcp://127.0.0.1:28332"


@pytest.mark.parametrize(
    ("settings", "code", "unusable"),
    [
        (replace(SETTINGS, genesis_hash="00" * 32), "watch.node_other_network", True),
        (replace(SETTINGS, version=260_000), "watch.node_version_unknown", False),
        (replace(SETTINGS, in_download=True), "watch.node_in_download", False),
        (replace(SETTINGS, pruned=True), "watch.node_pruned", False),
        (replace(SETTINGS, notifiers=notifiers()[1:]), "watch.node_topic_missing", True),
    ],
)
def test_each_fault_is_said(settings: Settings, code: str, *, unusable: bool) -> None:
    assert codes(settings) == [code]
    found = check_settings(settings, node="node", network=Network.REGTEST)
    assert is_unusable(found) is unusable


def test_a_low_mark_is_said_of_each_topic() -> None:
    settings = replace(SETTINGS, notifiers=notifiers(high_water=1000))
    assert codes(settings) == ["watch.node_high_water_low"] * 3


def test_of_topics_that_share_a_socket_the_first_mark_counts() -> None:
    at = "tcp://127.0.0.1:28332"
    shared = (
        Notifier(topic="rawblock", address=at, high_water=1000),
        Notifier(topic="rawtx", address=at, high_water=0),
        Notifier(topic="sequence", address=at, high_water=1000),
    )
    found = check_settings(
        replace(SETTINGS, notifiers=shared), node="node", network=Network.REGTEST
    )
    assert [(each.code, dict(each.facts)["topic"]) for each in found] == [
        ("watch.node_high_water_low", "rawblock"),
        ("watch.node_high_water_shared", "rawtx"),
        ("watch.node_high_water_low", "sequence"),
    ]
    first_without = (Notifier(topic="hashtx", address=at, high_water=0), *shared)
    assert codes(replace(SETTINGS, notifiers=first_without)) == []
