"""How a child of a standing pass is shown: what it allows, what speaks against it, its history."""

from collections.abc import Sequence
from datetime import datetime

from sekisho.cli.history import history_json, history_lines
from sekisho.cli.output import put_findings, put_json, say
from sekisho.cli.standing import claim_lines, payment_lines
from sekisho.journal.records import Entry
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.children import child_findings
from sekisho.passes.documents import child_bytes
from sekisho.passes.events import Event, events_of_child
from sekisho.passes.leave import leave_of
from sekisho.passes.register import ChildHeard, Register
from sekisho.passes.verify import Standing, standing_of


def show_child(
    register: Register, digest: str, entries: Sequence[Entry], *, now: datetime, as_json: bool
) -> None:
    """Write one child of a standing pass, with what the entries of the journal say of it."""
    standing_digest, number = register.child_places[digest]
    family = register.children[standing_digest]
    standing, heard = standing_of(register, standing_digest), family[number]
    pass_id = standing.asked.pass_id
    leave = leave_of(register, digest, now=now)
    _put_child(
        heard,
        standing,
        as_json=as_json,
        findings=child_findings(register, heard, now=now),
        paid_with="" if leave is None else leave.pass_id,
        history=events_of_child(entries, pass_id, heard, tuple(family.values())),
    )


def _put_child(
    heard: ChildHeard,
    standing: Standing,
    *,
    as_json: bool,
    findings: Sequence[Finding],
    paid_with: str,
    history: Sequence[Event],
) -> None:
    """Write what one child of a standing pass allows, what speaks against it, and its history.

    `paid_with` names it with all that one transaction must pay together.
    """
    child = heard.child
    name = f"{standing.asked.pass_id}#{child.number}"
    if as_json:
        put_json(
            {
                "pass_id": name,
                "digest": heard.digest,
                "child": parse_json(child_bytes(child), "child"),
                "journal_entry": heard.seq,
                "paid_with": paid_with,
                "standing_digest": standing.digest,
                "findings": findings_json(findings),
                "history": history_json(history),
            }
        )
        return
    say(
        f"Pass {name}: a child of the standing pass {standing.asked.pass_id}",
        f"  digest     {heard.digest}",
        f"  purpose    {standing.asked.purpose}",
        f"  issued     {format_instant(child.issued_at)} (entry {heard.seq})",
        *payment_lines(child.payments),
        f"  spends     the anchor {child.anchor}",
        f"  paid with  {paid_with}, by one transaction",
        *claim_lines(child.claims),
    )
    if findings:
        say("  It allows nothing:")
        put_findings(findings, style="yellow")
    else:
        say("  It is sound.")
    say(*history_lines(history))
