"""What a gate decides from a bundle: what it opens, what speaks against it, what is cleared.

Nothing here is written down; `flow.py` does that before anybody hears the answer.
"""

from collections.abc import Sequence
from datetime import datetime

from sekisho.gate.attest import Attester, device_findings
from sekisho.gate.clear import clear, recall
from sekisho.gate.hold import gate_hold
from sekisho.gate.memory import Remembered
from sekisho.gate.records import Cleared, Gate, Papers
from sekisho.gate.returned import uncleared_findings
from sekisho.gate.shut import (
    freeze_findings,
    place_findings,
)
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.passes.bundle import Opened, open_bundle
from sekisho.passes.duress import Keeper, commits
from sekisho.passes.leave import Leave, leave_of
from sekisho.passes.life import Clearance, readable_clearances
from sekisho.passes.register import Register


def opened_then(papers: Papers, gate: Gate) -> Opened:
    """Return the bundle as it was, however old it is by now."""
    return open_bundle(
        papers.bundle, genesis_digest=gate.genesis_digest, seen=None, now=None, where="bundle"
    )


def leave_then(opened: Opened) -> Leave:
    """Return what the pass allows, as of the bundle's own last moment."""
    leave = leave_of(opened.register, opened.pass_digest, now=opened.as_of_at)
    if leave is None:
        raise Refused([finding("gate.pass_moves_nothing", opened.pass_digest[:16])])
    return leave


def standing_findings(
    psbt: bytes,
    opened: Opened,
    gate: Gate,
    keeper: Keeper | None,
    attesters: Sequence[Attester],
    *,
    now: datetime,
) -> list[Finding]:
    """Return what speaks against letting anything leave under the pass, whatever the PSBT pays."""
    findings: list[Finding] = []
    leave = leave_of(opened.register, opened.pass_digest, now=now)
    if leave is not None:  # else `clear` says why
        findings.extend(freeze_findings(leave.transfer, opened.register))
        findings.extend(place_findings(leave, opened.register, gate, now=now))
        findings.extend(device_findings(psbt, leave.transfer, attesters))
    return [*findings, *_on_hold(keeper, opened.register, opened.pass_digest, now)]


def opened_now(papers: Papers, gate: Gate, *, now: datetime) -> Opened:
    """Return the bundle if it is to be believed now; raises `Refused` if not, or without one."""
    if not papers.bundle:
        raise Refused([finding("gate.no_pass", gate.gate_id)])
    return open_bundle(
        papers.bundle,
        genesis_digest=gate.genesis_digest,
        seen=papers.seen,
        now=now,
        where="bundle",
    )


def clear_opened(
    psbt: bytes,
    opened: Opened,
    remembered: Remembered,
    apart: list[Finding],
    *,
    now: datetime,
) -> Cleared:
    """Return what the pass allows; raises `Refused` with what speaks against it, and `apart`."""
    try:
        cleared = clear(
            psbt,
            pass_digest=opened.pass_digest,
            register=opened.register,
            book=opened.register.book(),
            used=(*remembered.used, *readable_clearances(opened.cleared)),
            now=now,
        )
    except Refused as refused:
        raise Refused([*refused.findings, *apart]) from refused
    if apart:
        raise Refused(apart)
    return cleared


def _on_hold(
    keeper: Keeper | None, register: Register, pass_digest: str, now: datetime
) -> list[Finding]:
    """Return the one thing that is said of a pass on hold, having told the keeper why it is."""
    on_hold = [finding("gate.on_hold", pass_digest[:16])]
    if keeper is None:
        return on_hold if commits(register.roster) else []
    report = gate_hold(keeper, register, pass_digest, now=now)
    if report is None:
        return []
    keeper.report(report)
    return on_hold


def recall_or_hostile(
    psbt: bytes, returned: bytes, leave: Leave, *, used: Sequence[Clearance]
) -> Cleared:
    """Return what this gate has cleared before (`recall`).

    Raises `Refused` if it has not; what came back all the same is looked at even then.
    """
    try:
        return recall(psbt, leave, used=used)
    except Refused as refused:
        hostile = uncleared_findings(returned, leave.pass_id)
        raise Refused([*refused.findings, *hostile]) from refused
