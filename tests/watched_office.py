"""An office whose watcher has left word of how far it came."""

from dataclasses import replace
from datetime import timedelta

from feed_world import name
from office import Office

from sekisho.app import current_time
from sekisho.edges.watch_file import write_watch_file
from sekisho.kernel.canonical import Json
from sekisho.kernel.finding import finding
from sekisho.kernel.instants import format_instant
from sekisho.watch.coverage import first_coverage
from sekisho.watch.feed_records import Header

TIP = Header(hash=name("tip"), prev_hash=name("before"), height=800)
SECOND = timedelta(seconds=1)


def keep(office: Office, *, age_seconds: int = 0, blind: bool = False, why: str = "") -> None:
    now = current_time() - age_seconds * SECOND
    coverage = replace(first_coverage(now), headers=(TIP,), blind=blind, nodes=("node",))
    status: dict[str, Json] = {
        "pid": 7,
        "written": format_instant(now),
        "scripts": 40,
        "listed": {"cold-1": 30},
        "owed": 0,
        "nodes": [{"node": "node", "height": 800, "sound": not why}],
        "findings": [finding(why, "node", height=9).as_json()] if why else [],
    }
    write_watch_file(office.root, coverage, status)
