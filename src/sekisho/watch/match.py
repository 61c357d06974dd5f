"""What is to be thought of a movement: matched to a pass, or an alarm.

1. No coin of ours is spent: a deposit, or dust that imitates an address in use.
2. The watcher's view of the journal is stale, or what a coin of ours was worth cannot be proven:
   undetermined. People are paged; nothing destructive follows from it.
3. The anchor of an allowed pass is spent. Every difference from the pass is listed. None:
   matched, or a replacement, or expired if the gate never let it through in time. Some: deviating.
   A pass that is not allowed any more still allows what the gate let through while it was.
4. No allowed pass is touched. The payments of a used pass, again: reused. Anything else:
   unmatched.

A spent coin of ours is always judged, also when more comes back than leaves (payjoin).
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.wallets.resemble import KnownAddresses, Resemblance
from sekisho.watch.differences import differences
from sekisho.watch.records import (
    ALARMS,
    MovedInput,
    MovedOutput,
    Movement,
    Verdict,
    VerdictKind,
    WatchedPass,
    WatchState,
)

DUST_SAT = 10_000
"""A payment to us below this is not a customer's deposit that anybody would miss."""


def match(movement: Movement, state: WatchState) -> Verdict:
    """Return the one verdict on a movement, with everything that speaks for it."""
    if not any(_is_spent_of_ours(each, state) for each in movement.inputs):
        return _incoming(movement, state)
    unsure = _view_findings(movement, state)
    if unsure:
        return _verdict(VerdictKind.UNDETERMINED, movement, "", unsure)
    touched = [
        each for spent in movement.inputs for each in state.by_anchor.get(spent.outpoint, ())
    ]
    unsigned = _unsigned_digest(movement)
    allowed = [each for each in touched if each.allowed or unsigned in each.honoured]
    if allowed:
        return _against(allowed, movement, state)
    findings = [finding("watch.pass_not_allowed", each.pass_id) for each in touched]
    return _untouched(movement, state, findings)


def _is_spent_of_ours(spent: MovedInput, state: WatchState) -> bool:
    """Return whether an input spends our coin, or one that nobody can prove not to be ours.

    An input whose previous transaction we lack, and that reveals nothing, may spend the very coin
    that an allowed pass names as ours.
    """
    if spent.own is not None or spent.amount_sat is not None:
        return spent.own is not None
    return any(each.allowed for each in state.by_anchor.get(spent.outpoint, ()))


def _incoming(movement: Movement, state: WatchState) -> Verdict:
    """Return the verdict on a movement that spends nothing of ours."""
    received_sat = sum(each.amount_sat for each in movement.outputs if each.pays)
    if received_sat > DUST_SAT:
        return _verdict(VerdictKind.DEPOSIT, movement, "", [])
    payers = [address for each in movement.inputs for address in each.addresses]
    paid = [each.address for each in movement.outputs if not each.pays]
    findings = [
        finding(
            "watch.poisoning",
            address,
            resembles=alike.resembles,
            bits=f"{alike.bits:.1f}",
            received_sat=received_sat,
        )
        for address in dict.fromkeys((*payers, *paid))
        if (alike := _imitated(address, state)) is not None
    ]
    kind = VerdictKind.POISONING if findings else VerdictKind.DEPOSIT
    return _verdict(kind, movement, "", findings)


def _imitated(address: str, state: WatchState) -> Resemblance | None:
    """Return which known address one that is not known was made to look like."""
    return _known(state.known_addresses).lookalike(address)


@lru_cache(maxsize=2)
def _known(addresses: frozenset[str]) -> KnownAddresses:
    """Keep them so that a transaction of ten thousand outputs does not cost millions of looks."""
    return KnownAddresses(addresses)


def _view_findings(movement: Movement, state: WatchState) -> list[Finding]:
    """Return why the watcher cannot judge: a stale view, or own coins of unproven worth."""
    findings = list(state.view_findings)
    age = movement.seen_at - state.view_at
    if age > timedelta(seconds=state.view_age_max_seconds):
        findings.append(
            finding(
                "watch.view_stale",
                movement.transaction.txid,
                view_at=format_instant(state.view_at),
                age_seconds=int(age.total_seconds()),
            )
        )
    findings.extend(
        finding("watch.previous_unknown", str(each.outpoint))
        for each in movement.inputs
        if each.amount_sat is None and _is_spent_of_ours(each, state)
    )
    return findings


def _against(allowed: list[WatchedPass], movement: Movement, state: WatchState) -> Verdict:
    """Return the verdict on a movement that spends the anchor of at least one allowed pass.

    It is judged by the pass that speaks best for it: a pass that was asked for again in place of
    an expired one reuses its anchor, and what the new one allows is no alarm because of the old.
    """
    verdict = min((_by_pass(each, movement, state) for each in allowed), key=_gravity)
    if len({each.transfer.anchor for each in allowed}) > 1:
        others = ", ".join(each.pass_id for each in allowed)
        several = finding("watch.several_passes", verdict.pass_id, passes=others)
        verdict = replace(verdict, findings=(*verdict.findings, several))
    return verdict


def _gravity(verdict: Verdict) -> tuple[bool, bool, int, str]:
    alarming = verdict.kind in ALARMS
    deviating = verdict.kind is VerdictKind.DEVIATING
    return alarming, deviating, len(verdict.findings), verdict.pass_id


def _by_pass(touched: WatchedPass, movement: Movement, state: WatchState) -> Verdict:
    """Return the verdict on a movement by one allowed pass whose anchor it spends."""
    findings = differences(movement, touched, state.book)
    txid = movement.transaction.txid
    before = touched.seen_txids
    earlier = before[: before.index(txid)] if txid in before else before
    if earlier and not touched.transfer.replacement.fee_bump:
        findings.append(
            finding("watch.replacement_not_allowed", touched.pass_id, txid=earlier[-1])
        )
    unsigned = _unsigned_digest(movement)
    cleared_at = [at for at, digest in touched.cleared if digest == unsigned]
    in_time = any(at < touched.expires_at for at in cleared_at)
    if not in_time and movement.seen_at < touched.not_before_at:
        at = format_instant(touched.not_before_at)
        findings.append(finding("watch.pass_not_yet_valid", touched.pass_id, not_before_at=at))
    held_until_at = touched.held_until_at
    if held_until_at is not None and min((*cleared_at, movement.seen_at)) < held_until_at:
        at = format_instant(held_until_at)
        findings.append(finding("watch.time_locked", touched.pass_id, held_until_at=at))
    if findings:
        findings.extend(_lookalikes(movement.outputs, touched, state))
        return _verdict(VerdictKind.DEVIATING, movement, touched.pass_id, findings)
    if not in_time and movement.seen_at >= touched.expires_at:
        at = format_instant(touched.expires_at)
        late = finding("watch.pass_expired", touched.pass_id, expired_at=at)
        return _verdict(VerdictKind.EXPIRED, movement, touched.pass_id, [late])
    if not in_time:
        findings.append(finding("watch.not_cleared", touched.pass_id))
    if not touched.allowed:
        findings.append(finding("watch.allowed_before", touched.pass_id))
    kind = VerdictKind.REPLACEMENT if earlier else VerdictKind.MATCHED
    return _verdict(kind, movement, touched.pass_id, findings)


def _unsigned_digest(movement: Movement) -> str:
    """Return the digest by which the gate names the transaction that it lets through.

    A clearance speaks for this very transaction: else a pass once used would never end.
    """
    transaction = movement.transaction
    bare = tuple(replace(each, script_sig=b"", witness=()) for each in transaction.inputs)
    unsigned = replace(transaction, inputs=bare).serialize(with_witness=False)
    return tagged_digest("unsigned-transaction", unsigned).hex()


def _untouched(movement: Movement, state: WatchState, findings: list[Finding]) -> Verdict:
    """Return the verdict on a movement that touches no allowed pass.

    Reused only if it does what a used pass allowed and pays nobody else: a payment that was
    allowed once must not give its name to a theft beside it.
    """
    outputs = Counter((each.script, int(each.amount_sat)) for each in movement.outputs)
    foreign = Counter(
        (each.script, int(each.amount_sat)) for each in movement.outputs if each.own is None
    )
    for each in state.passes:
        if not (each.cleared or each.seen_txids) or not (each.allowed or each.honoured):
            continue
        payments = Counter(
            (payment.script, int(payment.amount_sat)) for payment in each.transfer.payments
        )
        if foreign <= payments <= outputs:
            again = finding("watch.pass_reused", each.pass_id)
            return _verdict(VerdictKind.REUSED, movement, each.pass_id, [*findings, again])
    findings = [
        *findings,
        *(
            finding("watch.no_pass", each.address, amount_sat=each.amount_sat)
            for each in movement.outputs
            if each.own is None
        ),
    ]
    if all(each.own is not None for each in movement.outputs):
        findings.append(finding("watch.moved_within", movement.transaction.txid))
    return _verdict(
        VerdictKind.UNMATCHED,
        movement,
        "",
        [*findings, *_lookalikes(movement.outputs, None, state)],
    )


def _lookalikes(
    outputs: tuple[MovedOutput, ...], touched: WatchedPass | None, state: WatchState
) -> list[Finding]:
    """Return which of the paid addresses merely look like an address ever used or approved."""
    approved = {each.script for each in touched.transfer.payments} if touched else set()
    findings: list[Finding] = []
    for output in outputs:
        if output.own is not None or output.script in approved:
            continue
        alike = _imitated(output.address, state)
        if alike is not None:
            findings.append(
                finding(
                    "watch.lookalike",
                    output.address,
                    resembles=alike.resembles,
                    prefix=alike.prefix_characters,
                    suffix=alike.suffix_characters,
                    bits=f"{alike.bits:.1f}",
                )
            )
    return findings


def _verdict(
    kind: VerdictKind, movement: Movement, pass_id: str, findings: list[Finding]
) -> Verdict:
    return Verdict(
        kind=kind,
        txid=movement.transaction.txid,
        pass_id=pass_id,
        findings=tuple(findings),
        left_sat=movement.left_sat,
        fee_sat=movement.fee_sat,
        wallet_ids=movement.wallet_ids,
    )
