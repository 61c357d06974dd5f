"""`sekisho watch movements`: what is in flight, and what ended lately."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import typer
from rich.table import Table

from sekisho.app import Installation, current_time, installation, last_checkpoint
from sekisho.cli.options import JsonOption, WorkspaceOption
from sekisho.cli.output import put_findings, put_json, say, terminal
from sekisho.cli.watch import STALE_SECONDS
from sekisho.edges.watch_file import read_watch_file
from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc
from sekisho.watch.flow import movement_of, open_watch
from sekisho.watch.life_records import IN_CHAIN, State, Told, told_lives
from sekisho.watch.records import Movement
from sekisho.watch.state import WATCH_JUDGED
from sekisho.watch.troubles import not_running

app = typer.Typer()
LATELY = timedelta(hours=24)
"""How long what has ended is still shown."""
_IN_FLIGHT = frozenset({State.SEEN, State.CONFIRMED, State.UNDONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One movement as it is shown."""

    told: Told
    verdict: str
    pass_id: str
    movement: Movement | None
    """None if its bytes are not here any more."""


@app.command("movements")
def movements(workspace: WorkspaceOption = Path(), *, json: JsonOption = False) -> None:
    """Show each movement that is in flight, or that ended within a day: where, and how deep.

    It is what the journal says. While no watcher runs, nothing of it is brought up to date.
    """
    now = current_time()
    with installation(workspace) as here:
        shown = _shown(here, now=now)
        tip_height, found = _tip(here.workspace.root, now=now)
    if json:
        listed: list[Json] = [_json(each, tip_height) for each in shown]
        document = {"movements": listed, "tip_height": tip_height}
        put_json({**document, "findings": findings_json(found)})
        return
    table = Table("state", "depth", "BTC", "verdict", "pass", "transaction", "since")
    for each in shown:
        last, depth = each.told.last, _depth(each.told, tip_height)
        table.add_row(
            last.state.value,
            "" if depth is None else str(depth),
            "?" if each.movement is None else format_btc(_amount_sat(each.movement)),
            each.verdict,
            each.pass_id,
            last.txid + (f"\nby {last.by_txid}" if last.by_txid else ""),
            format_instant(each.told.told_at),
        )
    if shown:
        terminal().print(table)
    flying = sum(each.told.last.state in _IN_FLIGHT for each in shown)
    say(f"{flying} movements in flight, {len(shown) - flying} ended within a day.")
    put_findings(found)


def _shown(here: Installation, *, now: datetime) -> list[Shown]:
    entries = tuple(here.journal.entries())
    told = {
        txid: each
        for txid, each in told_lives(entries).items()
        if each.last.state in _IN_FLIGHT or now - each.told_at <= LATELY
    }
    judged = _judged(entries, told)
    watch = open_watch(
        here.journal,
        here.chain.transactions(),
        genesis_digest=here.pinned_genesis(),
        now=now,
        checkpoint=last_checkpoint(here),
    )
    moved = {each.txid: movement_of(watch, each, now=now) for each in here.chain.some(told)}
    order = list(State)
    return sorted(
        (
            Shown(
                told=each,
                verdict=str(judged[txid].body.get("verdict")),
                pass_id=str(judged[txid].body.get("pass_id")),
                movement=moved.get(txid),
            )
            for txid, each in told.items()
        ),
        key=lambda each: (
            each.told.last.state not in _IN_FLIGHT,
            order.index(each.told.last.state),
            each.told.told_at,
        ),
    )


def _judged(entries: Iterable[Entry], told: Mapping[str, Told]) -> dict[str, Entry]:
    """Return the last verdict on each of these movements."""
    return {
        str(each.body.get("txid")): each
        for each in entries
        if each.kind == WATCH_JUDGED and each.body.get("txid") in told
    }


def _tip(root: Path, *, now: datetime) -> tuple[int | None, list[Finding]]:
    """Return the height up to which blocks were searched, and whether anybody still does."""
    kept = read_watch_file(root)
    if kept is None:
        return None, []
    coverage, status = kept
    written_at = Fields(status, "watch.json: status").instant("written")
    late = now - written_at > timedelta(seconds=STALE_SECONDS)
    found = [not_running(str(root), written_at)] if late else []
    return (coverage.headers[-1].height if coverage.headers else None), found


def _depth(told: Told, tip_height: int | None) -> int | None:
    """Return how deep a movement lies; None where it is in no block, or nobody knows the tip."""
    if told.last.state not in IN_CHAIN or tip_height is None:
        return None
    return max(tip_height - told.last.height + 1, 1)


def _amount_sat(movement: Movement) -> int:
    """Return what left, or of what only came in, what came."""
    if any(each.own is not None for each in movement.inputs):
        return movement.left_sat
    return sum(each.amount_sat for each in movement.outputs if each.own is not None)


def _json(shown: Shown, tip_height: int | None) -> dict[str, Json]:
    last, movement = shown.told.last, shown.movement
    return {
        "txid": last.txid,
        "state": last.state.value,
        "depth": _depth(shown.told, tip_height),
        "verdict": shown.verdict,
        "pass_id": shown.pass_id,
        "amount_sat": None if movement is None else str(_amount_sat(movement)),
        "wallet_ids": [] if movement is None else list(movement.wallet_ids),
        "block_hash": last.block_hash,
        "height": last.height,
        "by_txid": last.by_txid,
        "since": format_instant(shown.told.told_at),
    }
