"""What a gate decides from a bundle: what it opens, what speaks against it, what is cleared.

Nothing here is written down; `flow.py` does that before anybody hears the answer.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.gate.attest import Attester, device_findings
from sekisho.gate.clear import clear, recall
from sekisho.gate.hold import gate_hold
from sekisho.gate.memory import Remembered
from sekisho.gate.records import Cleared, Gate, Papers
from sekisho.gate.returned import uncleared_findings
from sekisho.gate.shut import (
    alarm_findings,
    freeze_findings,
    place_findings,
)
from sekisho.journal.records import Entry
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.passes.bundle import ALARMING, Opened, open_bundle
from sekisho.passes.duress import Keeper, commits
from sekisho.passes.fold import follow
from sekisho.passes.leave import Leave, leave_of
from sekisho.passes.life import Clearance, readable_clearances
from sekisho.passes.register import Register
from sekisho.wallets.enforced import read_enforced
from sekisho.wallets.records import Level


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
    remembered: Remembered,
    gate: Gate,
    *,
    keeper: Keeper | None,
    attesters: Sequence[Attester],
    now: datetime,
) -> list[Finding]:
    """Return what speaks against letting anything leave under the pass, whatever the PSBT pays."""
    findings: list[Finding] = []
    leave = leave_of(opened.register, opened.pass_digest, now=now)
    if leave is not None:  # else `clear` says why
        findings.extend(freeze_findings(leave.transfer, opened.register))
        findings.extend(alarm_findings(leave.transfer, opened, remembered))
        findings.extend(place_findings(leave, opened.register, gate, now=now))
        findings.extend(_key_findings(leave, opened.register, gate))
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


def overtaken_findings(
    opened: Opened, ahead: Sequence[Entry], remembered: Remembered, *, now: datetime
) -> list[Finding]:
    """Return what entries behind the bundle's checkpoint say against the pass.

    No checkpoint signs them yet, so they allow nothing. But a gate beside the journal sees a void,
    a freeze or an alarm there, and waits for nobody to sign it.
    """
    register = opened.register
    for each in ahead:
        follow(register, each)
    leave = leave_of(register, opened.pass_digest, now=now)
    if leave is None:
        return [finding("gate.pass_moves_nothing", opened.pass_digest[:16])]
    alarming = tuple(each for each in ahead if each.kind in ALARMING)
    told = replace(opened, alarming=(*opened.alarming, *alarming))
    return [
        *leave.findings,
        *freeze_findings(leave.transfer, register),
        *alarm_findings(leave.transfer, told, remembered),
    ]


def _key_findings(leave: Leave, register: Register, gate: Gate) -> list[Finding]:
    """Return whether an enforced wallet needs another key than this gate's own.

    Whose key stands in the gate's place no script can say. Who put his own there is found out at
    the wallet's first pass.
    """
    wallet = register.wallets.get(leave.transfer.wallet_id)
    if wallet is None or wallet.level is not Level.ENFORCED:
        return []
    network = network_of_caip2(wallet.chain, "wallet.chain")
    needed = read_enforced(wallet.descriptor, network, "wallet.descriptor").gate_key
    if needed == gate.cosigner:
        return []
    return [finding("gate.enforced_elsewhere", wallet.wallet_id, gate_key=needed[1:9])]


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
