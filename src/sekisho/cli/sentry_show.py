"""What others can read of a sentry: its metrics, and what `sekisho watch status` shows."""

import os
from collections.abc import Collection, Iterable

from sekisho.app import current_time
from sekisho.cli.sentry_coverage import Ledger
from sekisho.cli.sentry_judging import Judging
from sekisho.kernel.canonical import Json
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.watch.feed import Feed
from sekisho.watch.metrics import Metrics, label


def put_metrics(
    metrics: Metrics, ledger: Ledger, judging: Judging, feeds: Collection[Feed]
) -> None:
    """Put how a sentry stands into its metrics."""
    tip = ledger.blocks.tip
    metrics.put("blind", int(ledger.is_blind))
    metrics.put("owed_verdicts", len(judging.owed))
    metrics.put("scripts", judging.screen.scripts)
    for wallet_id, count in judging.screen.listed.counts.items():
        metrics.put("listed_scripts", count, label("wallet", wallet_id))
    metrics.put("tip_height", 0 if tip is None else tip.height)
    metrics.put("proven_timestamp_seconds", int(ledger.coverage.proven_at.timestamp()))
    age = current_time() - judging.watch.state.view_at
    metrics.put("view_age_seconds", max(int(age.total_seconds()), 0))
    for each in feeds:
        metrics.put("node_sound", int(each.is_sound), label("node", each.node))
        metrics.put("node_height", each.height, label("node", each.node))


def status_of(
    judging: Judging, feeds: Collection[Feed], *, findings: Iterable[Finding], peers: list[Json]
) -> dict[str, Json]:
    """Return how a sentry stands, as a document."""
    return {
        "pid": os.getpid(),
        "written": format_instant(current_time()),
        "scripts": judging.screen.scripts,
        "listed": dict(judging.screen.listed.counts),
        "owed": len(judging.owed),
        "nodes": [
            {"node": each.node, "height": each.height, "sound": each.is_sound} for each in feeds
        ],
        "findings": [each.as_json() for each in findings],
        "peers": peers,
    }
