"""What a verdict depends on, folded from the journal and from the transactions seen."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.networks import network_of_caip2
from sekisho.chains.bitcoin.transaction import OutPoint
from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.passes.evidence import KINDS as EVIDENCE_KINDS
from sekisho.passes.evidence import gather_evidence
from sekisho.wallets.coins import Holdings
from sekisho.wallets.records import Wallet
from sekisho.watch.credence import Credence, weigh
from sekisho.watch.credence_replay import Clearance
from sekisho.watch.records import VerdictKind, WatchedPass, WatchState

WATCH_JUDGED = "watch.judged"
GATE_CLEARED = "gate.cleared"
VIEW_AGE_MAX_SECONDS = 60
OF_STRANGERS = (VerdictKind.DEPOSIT, VerdictKind.POISONING)
"""Verdicts on what spends nothing of ours. Anybody brings about as many as they like, and no other
verdict depends on them."""


def watched_wallets(
    entries: Iterable[Entry], *, genesis_digest: str, now: datetime
) -> tuple[Wallet, ...]:
    """Return the wallets whose coins the watcher looks after, by id.

    They are those in force, and those that a later word or registration put out of force: see
    `Credence`.
    """
    credence = weigh_entries(entries, genesis_digest=genesis_digest, now=now)
    return tuple(credence.watched[wallet_id] for wallet_id in sorted(credence.watched))


def weigh_entries(entries: Iterable[Entry], *, genesis_digest: str, now: datetime) -> Credence:
    """Return what the watcher believes of a journal's entries."""
    entries = tuple(entries)
    return weigh(
        gather_evidence(entries),
        genesis_digest=genesis_digest,
        now=now,
        clearances=_gate_and_watch(entries)[0],
    )


def matters(entry: Entry) -> bool:
    """Return whether a verdict can depend on an entry; on most that a watcher writes none does."""
    if entry.kind == WATCH_JUDGED:
        return entry.body.get("verdict") not in OF_STRANGERS
    return entry.kind in EVIDENCE_KINDS or entry.kind == GATE_CLEARED


def fold_state(
    entries: Iterable[Entry],
    holdings: Holdings,
    *,
    genesis_digest: str,
    now: datetime,
) -> WatchState:
    """Return the state that movements are matched against, as of `now`."""
    entries = tuple(entries)
    credence = weigh_entries(entries, genesis_digest=genesis_digest, now=now)
    return state_of(credence, entries, holdings, now=now)


def state_of(
    credence: Credence, entries: Iterable[Entry], holdings: Holdings, *, now: datetime
) -> WatchState:
    """Return the state that movements are matched against, where `credence` is believed."""
    clearances, seen, alarmed = _gate_and_watch(entries)
    cleared: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for each in clearances:
        cleared[each.digest].append((each.at, each.transaction_digest))
    passes = [
        WatchedPass(
            digest=grant.digest,
            signed_digest=grant.signed_digest,
            pass_id=grant.pass_id,
            transfer=grant.transfer,
            not_before_at=grant.not_before_at,
            expires_at=grant.expires_at,
            held_until_at=grant.held_until_at,
            allowed=grant.allowed,
            honoured=grant.honoured,
            cleared=tuple(cleared.get(grant.digest, ())),
            seen_txids=tuple(seen.get(grant.pass_id, ())),
        )
        for grant in credence.grants
    ]
    return WatchState(
        book=holdings.book,
        passes=tuple(passes),
        known_addresses=_known_addresses(passes, holdings, alarmed),
        view_at=now,
        view_age_max_seconds=VIEW_AGE_MAX_SECONDS,
        by_anchor=by_anchor(passes),
    )


def by_anchor(passes: Iterable[WatchedPass]) -> dict[OutPoint, tuple[WatchedPass, ...]]:
    """Return the passes under the outpoint that anchors them."""
    anchored: dict[OutPoint, list[WatchedPass]] = defaultdict(list)
    for each in passes:
        anchored[each.transfer.anchor].append(each)
    return {anchor: tuple(those) for anchor, those in anchored.items()}


def _gate_and_watch(
    entries: Iterable[Entry],
) -> tuple[list[Clearance], dict[str, list[str]], set[str]]:
    """Return what the gate cleared, which txids kept to each pass, and which raised an alarm."""
    cleared: list[Clearance] = []
    seen: dict[str, list[str]] = defaultdict(list)
    alarmed: set[str] = set()
    for entry in entries:
        try:
            fields = Fields(entry.body, f"journal entry {entry.seq}")
            if entry.kind == GATE_CLEARED:
                cleared.append(
                    Clearance(
                        seq=entry.seq,
                        at=entry.at,
                        digest=fields.hex("pass_digest", size=32).hex(),
                        transaction_digest=fields.hex("transaction_digest", size=32).hex(),
                    )
                )
            elif entry.kind == WATCH_JUDGED:
                kind = fields.text("verdict")
                if kind in {VerdictKind.MATCHED, VerdictKind.REPLACEMENT}:
                    seen[fields.text("pass_id")].append(fields.text("txid"))
                elif kind not in OF_STRANGERS:
                    alarmed.add(fields.text("txid"))
        except BadInputError:
            continue  # neither fact gives power; without it the verdict is only more severe
    return cleared, seen, alarmed


def _known_addresses(
    passes: Iterable[WatchedPass], holdings: Holdings, alarmed: set[str]
) -> frozenset[str]:
    """Return every address that was ever approved, or paid by our wallets without an alarm."""
    known = {
        payment.address
        for each in passes
        if each.allowed
        for payment in each.transfer.payments
        if payment.address
    }
    wallets = list(holdings.book.wallets.values())
    if wallets:
        network = network_of_caip2(wallets[0].chain, "wallet.chain")
        for txid, scripts in holdings.paid_by.items():
            if txid not in alarmed:
                addresses = (address_of(script, network) for script in scripts)
                known.update(address for address in addresses if address is not None)
    return frozenset(known)
