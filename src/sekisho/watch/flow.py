"""The watcher at work: gather, decide, record, act.

The state is gathered before a transaction comes; from its bytes to the durable verdict there is
only parsing, matching and one append.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sekisho.chains.bitcoin.networks import Network, network_of_caip2
from sekisho.chains.bitcoin.transaction import (
    OutPoint,
    Transaction,
    TxOut,
    parse_transaction,
)
from sekisho.journal.records import Draft, Entry
from sekisho.journal.store import JournalStore
from sekisho.kernel.canonical import Json
from sekisho.kernel.digest import document_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.duress import Keeper, Stated, hold_of
from sekisho.passes.evidence import gather_evidence
from sekisho.passes.spendings import CONFIRMATIONS_MIN, WATCH_SETTLED, Spending, spending_body
from sekisho.wallets.coins import Holdings, fold_holdings
from sekisho.wallets.records import OwnScript
from sekisho.wallets.registry import open_book
from sekisho.watch.chain_order import in_chain_order
from sekisho.watch.cold import cold_moves
from sekisho.watch.coverage import COVERAGE_KINDS
from sekisho.watch.credence import FORMER
from sekisho.watch.life_records import WATCH_LIVES
from sekisho.watch.listed import Listed, owner_of
from sekisho.watch.match import match
from sekisho.watch.movement import reconstruct
from sekisho.watch.peer import PEER_KINDS
from sekisho.watch.raw_block import Reading
from sekisho.watch.recorded import verdict_document
from sekisho.watch.records import Movement, Verdict, VerdictKind, WatchState
from sekisho.watch.settle import settled, spendings_of, unrecorded
from sekisho.watch.signed import if_signed
from sekisho.watch.state import WATCH_JUDGED, by_anchor, matters, state_of, weigh_entries
from sekisho.watch.view import relied_on
from sekisho.watch.voices import committed, voices

_KEPT = frozenset({VerdictKind.MATCHED, VerdictKind.REPLACEMENT})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAG_OF_ID = {WATCH_JUDGED: "watch-verdict", WATCH_SETTLED: "watch-spending"}
_OUR_OWN = frozenset({*_TAG_OF_ID, *COVERAGE_KINDS, *PEER_KINDS, WATCH_LIVES, "incident.opened"})
"""What changes no verdict when it is added to the journal."""


@dataclass(slots=True)
class Watch:
    """A watcher with its state gathered. Made by `open_watch`; follows what it judges."""

    journal: JournalStore
    network: Network
    outputs: dict[OutPoint, TxOut]
    """Outputs of transactions whose bytes we hold; what inputs are proven against."""
    state: WatchState
    recorded: dict[str, Entry]
    """Verdicts and spendings already in the journal, by their derived id."""
    keeper: Keeper | None = None
    statements: tuple[Stated, ...] = ()
    """What was said, as far as the keeper holds openings."""
    committed: bool = False
    """The roster in force lists commitments: without a keeper nobody can tell what was free."""
    genesis_digest: str = ""
    entries: list[Entry] = field(default_factory=list)
    """The journal as far as it was read."""
    weighty: list[Entry] = field(default_factory=list)
    """Those on which a verdict can depend."""
    paid_by: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    """For each transaction that spends our coins, the foreign scripts that it pays."""
    listed: Listed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A movement, its verdict, and the journal entry that holds it."""

    movement: Movement
    verdict: Verdict
    entry: Entry
    cold: tuple[Finding, ...] = ()
    """The cold wallets of which it spends a coin; no part of the verdict."""


def open_watch(
    journal: JournalStore,
    transactions: Iterable[Transaction],
    *,
    genesis_digest: str,
    now: datetime,
    keeper: Keeper | None = None,
    checkpoint: bytes = b"",
    listed: Listed | None = None,
) -> Watch:
    """Gather the state. Raises `BadInputError` if no wallet is in force: nothing to watch.

    `checkpoint` is the journal's last one, with its witnesses' cosignatures; empty without any.
    Where the policy in force wants witnesses and it does not have them, nothing can be judged.
    """
    entries = list(journal.entries())
    evidence = gather_evidence(entries)
    credence = weigh_entries(entries, genesis_digest=genesis_digest, now=now)
    wallets = tuple(credence.watched.values())
    if not wallets:
        raise BadInputError("journal", "no wallet is in force, so there is nothing to watch")
    # A former wallet's scripts are looked for on whatever chain the one in its place is on.
    chains = {wallet.chain for wallet in wallets if not wallet.wallet_id.startswith(FORMER)}
    if len(chains) > 1:
        raise BadInputError("journal", "wallets of several chains need a watcher each")
    holdings = fold_holdings(open_book(wallets), transactions)
    _, unseen = relied_on(credence, entries, checkpoint, now=now)
    state = replace(state_of(credence, entries, holdings, now=now), view_findings=unseen)
    return Watch(
        journal=journal,
        network=network_of_caip2(chains.pop(), "wallet.chain"),
        outputs=dict(holdings.outputs),
        state=state,
        recorded={entry.entry_id: entry for entry in entries if entry.kind in _TAG_OF_ID},
        keeper=keeper,
        statements=() if keeper is None else voices(evidence, keeper.openings),
        committed=committed(evidence, credence.roster_digest),
        genesis_digest=genesis_digest,
        entries=entries,
        weighty=[each for each in entries if matters(each)],
        paid_by=dict(holdings.paid_by),
        listed=listed,
    )


def renew_watch(watch: Watch, *, now: datetime, checkpoint: bytes) -> bool:
    """Take in what was added to the journal; return whether that is all that is needed.

    If the wallets are others now, it is not: the watcher is opened again, with its transactions.
    """
    _read_on(watch, tuple(watch.journal.entries(after_seq=len(watch.entries))))
    read = watch.weighty
    credence = weigh_entries(read, genesis_digest=watch.genesis_digest, now=now)
    if credence.watched != watch.state.book.wallets:
        return False
    _, unseen = relied_on(credence, watch.entries, checkpoint, now=now)
    holdings = Holdings(
        book=watch.state.book, coins={}, paid_by=watch.paid_by, outputs=watch.outputs
    )
    watch.state = replace(state_of(credence, read, holdings, now=now), view_findings=unseen)
    evidence = gather_evidence(read)
    watch.statements = () if watch.keeper is None else voices(evidence, watch.keeper.openings)
    watch.committed = committed(evidence, credence.roster_digest)
    return True


def read_again(watch: Watch, *, now: datetime) -> bool:
    """Return whether the view of the journal is still whole; its age counts from now on then.

    It is not if anything was added by anybody but the watcher and the responder: then it is to be
    renewed. Raises `WorldError` if the journal cannot be read, and the view grows old.
    """
    if watch.journal.size() != len(watch.entries):
        new = tuple(watch.journal.entries(after_seq=len(watch.entries)))
        if any(each.kind not in _OUR_OWN for each in new):
            return False
        _read_on(watch, new)
    watch.state = replace(watch.state, view_at=now)
    return True


def _read_on(watch: Watch, new: Sequence[Entry]) -> None:
    """Take in what was added to the journal."""
    watch.entries += new
    watch.weighty += filter(matters, new)
    watch.recorded.update({each.entry_id: each for each in new if each.kind in _TAG_OF_ID})


def judge_transaction(watch: Watch, raw: bytes, *, where: str, now: datetime) -> Judged | None:
    """Return the verdict on a transaction's bytes, already durable; None if it is not about us.

    The same verdict on the same transaction is recorded once, however often it is seen.
    """
    return judge_parsed(watch, parse_transaction(raw, where), now=now)


def judge_parsed(watch: Watch, transaction: Transaction, *, now: datetime) -> Judged | None:
    """Return the verdict on a parsed transaction, as `judge_transaction` does."""
    weighed = weigh_parsed(watch, transaction, now=now)
    return None if weighed is None else record_verdict(watch, *weighed, now=now)


def weigh_parsed(
    watch: Watch, transaction: Transaction, *, now: datetime
) -> tuple[Movement, Verdict] | None:
    """Return a transaction's movement and what is to be thought of it; nothing is recorded yet.

    None if it is not about us.
    """
    movement = movement_of(watch, transaction, now=now)
    if movement is None:
        return None
    verdict = match(movement, watch.state)
    if verdict.kind in _KEPT:
        verdict = if_signed(verdict, movement)
    if verdict.kind in _KEPT:
        verdict = _unless_held(watch, verdict, now)
    return movement, verdict


def movement_of(watch: Watch, transaction: Transaction, *, now: datetime) -> Movement | None:
    """Return the movement that a transaction is by what is known now; None if not about us."""
    return reconstruct(
        transaction,
        outputs=watch.outputs,
        book=watch.state.book,
        network=watch.network,
        seen_at=now,
        anchors=watch.state.by_anchor.keys(),
        listed=watch.listed,
    )


def record_settled(watch: Watch, spendings: Iterable[Spending], *, now: datetime) -> None:
    """Write down that anchors are spent at depth, each once."""
    for each in unrecorded(spendings, watch.recorded.values()):
        _recorded(watch, WATCH_SETTLED, spending_body(each), now)


def record_verdict(watch: Watch, movement: Movement, verdict: Verdict, *, now: datetime) -> Judged:
    """Return the verdict with the entry that holds it: it is durable, and followed."""
    entry = _recorded(watch, WATCH_JUDGED, verdict_document(verdict), now)
    cold = cold_moves(movement, verdict, watch.state.book.wallets)
    _follow(watch, movement, verdict)
    return Judged(movement=movement, verdict=verdict, entry=entry, cold=tuple(cold))


def _unless_held(watch: Watch, verdict: Verdict, now: datetime) -> Verdict:
    """Return the verdict, or undetermined while its pass is on hold; the keeper is told why.

    Without a keeper it is undetermined too if the roster in force lists commitments.
    """
    digests = frozenset(
        digest
        for each in watch.state.passes
        if each.pass_id == verdict.pass_id
        for digest in (each.digest, each.signed_digest)
    )
    keeper, report = watch.keeper, None
    if keeper is not None:
        report = hold_of(keeper, watch.statements, digests, where="watch", now=now)
    if report is None and (keeper is not None or not watch.committed):
        return verdict
    if keeper is not None and report is not None:
        keeper.report({**report, "txid": verdict.txid})
    findings = (*verdict.findings, finding("watch.on_hold", verdict.pass_id))
    return replace(verdict, kind=VerdictKind.UNDETERMINED, findings=findings)


def _recorded(watch: Watch, kind: str, body: dict[str, Json], now: datetime) -> Entry:
    """Return the entry that holds this verdict or spending, written now unless it is there.

    Another watcher of the same journal may have written it first, at another second. Whatever
    else stands under its id is gone past: nobody silences an alarm by taking its id.
    """
    past = ""
    while True:
        entry_id = _derived_id(kind, body, past)
        entry = watch.recorded.get(entry_id)
        if entry is None:
            draft = Draft(entry_id=entry_id, at=now, kind=kind, actor="watch", body=body)
            try:
                entry = watch.journal.append(draft)
            except Refused as refused:
                entry = watch.journal.in_place_of(refused)
            watch.recorded[entry_id] = entry
        if entry.kind == kind and _gist(kind, entry.body) == _gist(kind, body):
            return entry
        past = entry.hash.hex()


def _gist(kind: str, document: dict[str, Json]) -> dict[str, Json]:
    """Return what makes two verdicts, or two spendings, the same.

    Not how old the watcher's view was at the time, nor how deep the block had come to lie.
    """
    if kind == WATCH_SETTLED:
        depth = document.get("confirmations")
        enough = min(depth, CONFIRMATIONS_MIN) if isinstance(depth, int) else None
        return {**document, "confirmations": enough}
    findings = document.get("findings")
    pairs = [
        [each.get("code"), each.get("subject")]
        for each in (findings if isinstance(findings, list) else [])
        if isinstance(each, dict)
    ]
    gist: dict[str, Json] = {name: document.get(name) for name in ("txid", "verdict", "pass_id")}
    return {**gist, "findings": [*pairs]}


def _derived_id(kind: str, body: dict[str, Json], past: str) -> str:
    """Return the id under which this is recorded: the same for the same verdict or spending."""
    digest = document_digest(_TAG_OF_ID[kind], {**_gist(kind, body), "past": past})
    return make_ulid(_EPOCH, bytes.fromhex(digest)[:10])


def _follow(watch: Watch, movement: Movement, verdict: Verdict) -> None:
    """Let the state know what was judged, so that the next movement is matched against it."""
    transaction = movement.transaction
    for vout, output in enumerate(transaction.outputs):
        watch.outputs[OutPoint(txid=transaction.txid, vout=vout)] = output
    if any(isinstance(each.own, OwnScript) for each in movement.inputs):
        foreign = [each.script for each in movement.outputs if each.own is None]
        watch.paid_by[transaction.txid] = tuple(foreign)
    used = [each.own for each in movement.outputs if each.own is not None]
    watch.state = replace(watch.state, book=watch.state.book.extended(used))
    if verdict.kind in _KEPT:
        passes = tuple(
            replace(each, seen_txids=(*each.seen_txids, verdict.txid))
            if each.pass_id == verdict.pass_id and verdict.txid not in each.seen_txids
            else each
            for each in watch.state.passes
        )
        watch.state = replace(watch.state, passes=passes, by_anchor=by_anchor(passes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a search through blocks found."""

    judged: tuple[Judged, ...]
    """Every movement of ours, a coin's creation before its spending."""
    settled: tuple[Spending, ...]
    """Which anchors were found spent at depth, and were not before."""
    blocks: int
    transactions: int
    findings: tuple[Finding, ...]
    """Blocks that could not be read: what is in them was not searched."""


def scan_blocks(watch: Watch, read: Reading, *, seed: bytes, now: datetime) -> Scan:
    """Search blocks for movements of our wallets, judge each, and record the verdicts.

    What spends the anchor of a pass, deep in the chain that was read, is recorded as well.
    `seed` is 16 random bytes that nobody outside knows: the filter is keyed with it, so that a
    stranger cannot aim at it. The blocks may come in any order.
    """
    # Here, because compiling kernels takes a third of a second that no other command should pay.
    from sekisho.watch.sieve import Sieve  # noqa: PLC0415 - as said
    from sekisho.watch.sweep import Sweep  # noqa: PLC0415 - as said

    sieve = Sieve(seed) if watch.listed is None else watch.listed.sieve
    sieve.watch_scripts(watch.state.book.by_script)
    sieve.watch_outpoints(
        outpoint
        for outpoint, output in watch.outputs.items()
        if owner_of(output.script, watch.state.book, watch.listed) is not None
    )
    sieve.watch_outpoints(watch.state.by_anchor)
    sweep = Sweep(sieve, read)
    book = watch.state.book
    seen: dict[str, Transaction] = {}
    blocks_of: defaultdict[str, set[str]] = defaultdict(set)
    for sighting in sweep:
        transaction = sighting.transaction
        seen[transaction.txid] = transaction
        if sighting.header is not None:
            blocks_of[transaction.txid].add(sighting.header.hash)
        used = [book.own(transaction.outputs[vout].script) for vout in sighting.outputs]
        larger = book.extended(own for own in used if own is not None)
        if larger is not book:
            sieve.watch_scripts(set(larger.by_script) - set(book.by_script))
            book = larger
    watch.state = replace(watch.state, book=book)
    judged = [judge_parsed(watch, each, now=now) for each in in_chain_order(seen)]
    spent = [
        spending
        for txid, each in seen.items()
        for spending in spendings_of(each, blocks_of[txid], watch.state.by_anchor)
    ]
    deep, unread = settled(unrecorded(spent, watch.recorded.values()), sweep.links(), read)
    record_settled(watch, deep, now=now)
    return Scan(
        judged=tuple(each for each in judged if each is not None),
        settled=tuple(deep),
        blocks=sweep.blocks,
        transactions=sweep.transactions,
        findings=(*sweep.findings, *unread),
    )
