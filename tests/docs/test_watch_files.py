"""The files for operators name what there is: options, metrics, the lines of a node's settings."""

import json
import re
from typing import Any

import typer
from tree import ROOT

from sekisho.cli import app
from sekisho.watch.frames import TOPICS
from sekisho.watch.metrics import LATENCY_BOUNDS_MS, PREFIX, Metrics

PAGE = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")
UNIT = (ROOT / "docs" / "watch" / "sekisho-watch.service").read_text(encoding="utf-8")
DASHBOARD = (ROOT / "docs" / "watch" / "grafana-dashboard.json").read_text(encoding="utf-8")


def metrics() -> set[str]:
    return set(re.findall(rf"# HELP ({PREFIX}\w+)", Metrics().text()))


def test_every_metric_that_is_shown_is_served_and_all_but_one_are_shown() -> None:
    json.loads(DASHBOARD)
    named = set(re.findall(rf"{PREFIX}\w+", DASHBOARD + PAGE))
    assert {each.removesuffix("_bucket") for each in named} - {f"{PREFIX}proven"} <= metrics()
    assert metrics() - {each.removesuffix("_bucket") for each in named} == {
        f"{PREFIX}blocks_total"
    }
    assert tuple(sorted(LATENCY_BOUNDS_MS)) == LATENCY_BOUNDS_MS


def test_the_unit_starts_a_command_that_there_is() -> None:
    watch: Any = typer.main.get_command(app)
    watch = watch.commands["watch"]
    known = {each for option in watch.params for each in option.opts}
    [start] = re.findall(r"^ExecStart=\S+/sekisho watch (.*)$", UNIT, re.MULTILINE)
    assert {word for word in start.split() if word.startswith("--")} <= known
    assert "Type=notify" in UNIT


def test_the_page_publishes_every_topic_without_a_limit_at_an_address_of_its_own() -> None:
    addresses = dict(re.findall(r"^zmqpub(\w+)=(tcp://\S+)$", PAGE, re.MULTILINE))
    marks = dict(re.findall(r"^zmqpub(\w+)hwm=(\d+)$", PAGE, re.MULTILINE))
    assert set(addresses) == set(marks) == set(TOPICS)
    assert len(set(addresses.values())) == len(TOPICS)
    assert set(marks.values()) == {"0"}
