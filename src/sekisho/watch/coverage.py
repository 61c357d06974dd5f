"""What was seen, when, by which node, and until when that is proven. Intervals, kept as evidence.

A file beside the chain says how far the watcher has come, second by second. The journal says what
can be shown to others: that an interval was seen whole (`watch.covered`), that seeing ended
(`watch.blind`), that it began again and what was found of the gap (`watch.seeing`). The file may
be lost: what the journal says is enough to go on from, with a larger gap.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sekisho.journal.records import Entry
from sekisho.kernel.canonical import INTEGER_MAX, Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, bounded_findings
from sekisho.kernel.instants import format_instant
from sekisho.watch.feed_records import Header

WATCH_COVERED: Final = "watch.covered"
WATCH_BLIND: Final = "watch.blind"
WATCH_SEEING: Final = "watch.seeing"
COVERAGE_KINDS: Final = frozenset({WATCH_COVERED, WATCH_BLIND, WATCH_SEEING})
FORMAT: Final = "sekisho/coverage/v1"
COVERED_EVERY: Final = timedelta(hours=1)
"""How often the journal is told that everything was seen."""
_HASH_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How far the watcher has come."""

    since_at: datetime
    """Everything is proven to have been seen from here on, but for the gaps that are recorded."""
    proven_at: datetime
    """Up to here."""
    told_at: datetime
    """Up to here the journal says so."""
    blind: bool
    """The journal says that seeing ended at `proven_at`."""
    nodes: tuple[str, ...]
    """By whose word."""
    headers: tuple[Header, ...]
    """Of the blocks that were searched last, lowest first; enough to find any fork."""
    missing_height: int
    """The height of the last block that no node could give; -1 for none."""


def first_coverage(now: datetime) -> Coverage:
    """Return the coverage of a watcher that never saw anything."""
    return Coverage(
        since_at=now,
        proven_at=now,
        told_at=now,
        blind=False,
        nodes=(),
        headers=(),
        missing_height=-1,
    )


def coverage_of(entries: Iterable[Entry], *, watcher_id: str = "") -> Coverage | None:
    """Return what the journal says of one watcher's; None if it says nothing.

    What others of the same journal saw, it did not.
    """
    found: Coverage | None = None
    for entry in entries:
        if entry.kind not in COVERAGE_KINDS or entry.body.get("watcher", "") != watcher_id:
            continue
        try:
            found = _after(found, entry)
        except BadInputError:
            continue  # it says nothing, and the gap is the larger
    return found


def as_told(kept: Coverage, told: Coverage) -> Coverage:
    """Return what the file says, where the journal was told this.

    Each may be the newer: a watcher is killed between the two, or only one of them can be written.
    """
    return replace(
        kept,
        told_at=told.told_at,
        proven_at=max(kept.proven_at, told.proven_at),
        blind=told.blind,
    )


def _after(before: Coverage | None, entry: Entry) -> Coverage:
    fields = Fields(entry.body, f"journal entry {entry.seq}")
    from_at = fields.instant("from")
    to_at = from_at if entry.kind == WATCH_BLIND else fields.instant("to")
    tip = fields.fields("tip")
    header = Header(
        hash=tip.hex("hash", size=_HASH_SIZE),
        prev_hash=bytes(_HASH_SIZE),
        height=tip.integer("height", at_least=0, at_most=INTEGER_MAX),
    )
    return Coverage(
        since_at=from_at if before is None else before.since_at,
        proven_at=to_at,
        told_at=to_at,
        blind=entry.kind == WATCH_BLIND,
        nodes=fields.texts("nodes", empty=True),
        headers=(header,),
        missing_height=-1,
    )


def covered_body(coverage: Coverage, tip: Header, *, first_height: int) -> dict[str, Json]:
    """Return the entry that says that all was seen since the journal was last told."""
    return {
        **_between(coverage.told_at, coverage.proven_at),
        "nodes": list(coverage.nodes),
        "first_height": first_height,
        "tip": _tip(tip),
    }


def blind_body(coverage: Coverage, tip: Header, why: Iterable[Finding]) -> dict[str, Json]:
    """Return the entry that says that seeing ended, and why."""
    return {
        "from": format_instant(coverage.proven_at),
        "nodes": list(coverage.nodes),
        "tip": _tip(tip),
        **bounded_findings(tuple(why)),
    }


def seeing_body(
    coverage: Coverage, tip: Header, *, to_at: datetime, nodes: tuple[str, ...], complete: bool
) -> dict[str, Json]:
    """Return the entry that says that seeing began again, and what is known of the gap.

    `complete` says that every block of the gap was searched, and the mempool at its end. What came
    into the mempool and was dropped from it within the gap, nobody can know.
    """
    before = coverage.headers[-1].height if coverage.headers else tip.height
    return {
        **_between(coverage.proven_at, to_at),
        "nodes": list(nodes),
        "blocks": max(tip.height - before, 0),
        "complete": complete,
        "tip": _tip(tip),
    }


def is_told_due(coverage: Coverage) -> bool:
    """Return whether the journal is to be told how far it is proven."""
    return coverage.proven_at - coverage.told_at >= COVERED_EVERY


def told(coverage: Coverage) -> Coverage:
    """Return the coverage of which the journal knows."""
    return replace(coverage, told_at=coverage.proven_at)


def coverage_document(coverage: Coverage) -> dict[str, Json]:
    """Return the coverage as the file beside the chain keeps it."""
    return {
        "format": FORMAT,
        "since": format_instant(coverage.since_at),
        "proven": format_instant(coverage.proven_at),
        "told": format_instant(coverage.told_at),
        "blind": coverage.blind,
        "nodes": list(coverage.nodes),
        "headers": [
            {"hash": it.hash.hex(), "prev_hash": it.prev_hash.hex(), "height": it.height}
            for it in coverage.headers
        ],
        "missing_height": coverage.missing_height,
    }


def read_coverage(fields: Fields) -> Coverage:
    """Return the coverage in a document; raises `BadInputError` for any that is out of form."""
    fields.choice("format", (FORMAT,))
    coverage = Coverage(
        since_at=fields.instant("since"),
        proven_at=fields.instant("proven"),
        told_at=fields.instant("told"),
        blind=fields.boolean("blind"),
        nodes=fields.texts("nodes", empty=True),
        headers=fields.each("headers", _read_header, empty=True),
        missing_height=fields.integer("missing_height", at_least=-1, at_most=INTEGER_MAX),
    )
    fields.done()
    return coverage


def _read_header(fields: Fields) -> Header:
    return Header(
        hash=fields.hex("hash", size=_HASH_SIZE),
        prev_hash=fields.hex("prev_hash", size=_HASH_SIZE),
        height=fields.integer("height", at_least=0, at_most=INTEGER_MAX),
    )


def _between(from_at: datetime, to_at: datetime) -> dict[str, Json]:
    return {"from": format_instant(from_at), "to": format_instant(to_at)}


def _tip(tip: Header) -> Json:
    return {"hash": tip.hash.hex(), "height": tip.height}
