"""How the history of a pass is told, and what the children of a standing pass have used up."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeAlias

from sekisho.journal.records import Entry
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant
from sekisho.kernel.money import format_btc
from sekisho.passes.events import Event, Usage
from sekisho.passes.flow import Desk
from sekisho.passes.life import Clearance, PassState, clearances, state_by_journal
from sekisho.passes.spendings import Spendings
from sekisho.passes.verify import Standing

Facts: TypeAlias = tuple[Sequence[Clearance], Spendings]
"""What the gate let through, and what the watcher saw of anchors."""


def facts_of(entries: Iterable[Entry]) -> Facts:
    """Return both, without the clearances that cannot be read.

    Those stop the gate; they must not keep people from seeing, rejecting and voiding.
    """
    cleared: list[Clearance] = []
    spendings = Spendings()
    for entry in entries:
        spendings.follow(entry)
        with suppress(BadInputError):
            cleared.extend(clearances([entry]))
    return cleared, spendings


def life_of(desk: Desk, standing: Standing, facts: Facts, *, now: datetime) -> PassState:
    """Return the state of a pass by the journal."""
    cleared, spendings = facts
    return state_by_journal(
        standing,
        issued=standing.digest in desk.issued,
        cleared=cleared,
        spendings=spendings,
        now=now,
    )


def usage_json(usage: Usage) -> dict[str, Json]:
    """Return what children have used up, as a document."""
    return {
        "used": usage.children,
        "children_max": usage.children_max,
        "hour_sat": str(usage.hour_sat),
        "hour_max_sat": str(usage.hour_max_sat),
        "day_sat": str(usage.day_sat),
        "day_max_sat": str(usage.day_max_sat),
    }


def usage_lines(usage: Usage) -> Sequence[str]:
    """Return what children have used up of each limit, in lines."""
    return (
        f"  children   {usage.children:,} of {usage.children_max:,} used",
        f"  last hour  {format_btc(usage.hour_sat)} of {format_btc(usage.hour_max_sat)} BTC",
        f"  last day   {format_btc(usage.day_sat)} of {format_btc(usage.day_max_sat)} BTC",
    )


def history_json(history: Sequence[Event]) -> list[Json]:
    """Return a history as a document."""
    return [
        {
            "at": format_instant(each.at),
            "journal_entry": each.seq,
            "kind": each.kind,
            "facts": dict(each.facts),
        }
        for each in history
    ]


def history_lines(history: Sequence[Event]) -> Sequence[str]:
    """Return a history in lines, one for each event."""
    return (
        "  History, as the journal tells it; nothing in it grants anything:",
        *(
            f"  {format_instant(each.at)}  {_happened(each)} (entry {each.seq})"
            for each in history
        ),
    )


def _happened(event: Event) -> str:
    """Return in words what an event says."""
    facts = event.facts
    if "unreadable" in facts:
        return f"unreadable {event.kind}: {facts['unreadable']}"
    match event.kind:
        case "pass.asked":
            said = f"filed by {facts['actor']}"
        case "pass.stated":
            said = f"{facts['decision']} by {facts['approver']}"
        case "pass.issued":
            said = "issued: handed on to the gate"
        case "child.issued":
            said = _child_issued(facts)
        case "gate.cleared" | "gate.signed":
            did = event.kind.removeprefix("gate.")
            said = f"gate {did} transaction {facts['txid']}"
        case "gate.refused":
            said = "gate refused"
        case "gate.returned":
            signed = "signed in full" if facts["complete"] else "more signatures are needed"
            said = f"signer returned transaction {facts['txid']}, {signed}"
        case "watch.judged":
            said = f"watcher judged transaction {facts['txid']} {facts['verdict']}"
        case _:
            said = (
                f"anchor {_listed(facts['anchors'])} spent by transaction {facts['txid']} in "
                f"block {facts['block_hash']}, {facts['confirmations']} confirmations"
            )
    children = f", for {_numbered(str(facts['children']))}" if facts.get("children") else ""
    codes = _listed(facts.get("findings", []))
    return said + children + (f": {codes}" if codes else "")


def _child_issued(facts: Mapping[str, Json]) -> str:
    """Return in words which child was issued, and whether anything may leave under it."""
    many = facts["destinations"]
    return (
        f"child {facts['number']}: {format_btc(int(str(facts['amount_sat'])))} BTC to {many} "
        f"{'destination' if many == 1 else 'destinations'}, anchor {facts['anchor']}, "
        + ("sound" if facts["sound"] else "allows nothing")
    )


def _numbered(numbers: str) -> str:
    return f"children {numbers}" if "," in numbers else f"child {numbers}"


def _listed(items: Json) -> str:
    return ", ".join(map(str, items)) if isinstance(items, list) else ""
