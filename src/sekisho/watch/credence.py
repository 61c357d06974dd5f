"""Which passes does the watcher believe? Verified a second time, by code of its own.

The gate folds the journal in `passes/register.py` and judges in `passes/verify.py`. This is
written again, from the protocol and the documents up, so that one bug does not blind both;
differential tests hold the two equal. What is shared are the strict readers of documents and the
rules of a policy; signatures, rosters, quorums, limits and batches are the watcher's own.

    credence_signatures   did this key sign these words?
    credence_statements   who said what, and is it heeded?
    credence_views        what is in force at a place of the journal
    credence_successions  when an admin pass takes effect, and which view follows
    credence_cases        what a policy is asked, and what left before
    credence_families     the children of standing passes
    credence_replay       all of it, event by event
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sekisho.passes.evidence import Evidence
from sekisho.passes.policy.records import Policy
from sekisho.passes.records import Automatic, Pass, Transfer
from sekisho.wallets.documents import wallet_digest
from sekisho.wallets.order import Order
from sekisho.wallets.records import Wallet
from sekisho.watch.credence_families import Batch, transfer_of
from sekisho.watch.credence_replay import Clearance, Petition, Replay

FORMER = "~"
"""How the id begins under which a wallet is watched that is not in force any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one transaction may do, or was asked to: a transfer, or a batch of children."""

    digest: str
    """Of the pass; of a batch, of its children's digests."""
    pass_id: str
    """Of a batch: the id of the standing pass and the numbers of the children."""
    signed_digest: str
    """Of the pass that people spoke about: the transfer itself, or the standing pass."""
    transfer: Transfer
    not_before_at: datetime
    expires_at: datetime
    held_until_at: datetime | None
    """The end of the time lock; None where there is none."""
    allowed: bool
    honoured: frozenset[str]
    """The transactions that the gate let through while this was allowed, and that nobody said no
    to since: what happened later in the journal does not make them thefts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credence:
    """What the watcher believes of the journal's passes, under one pinned genesis."""

    wallets: Mapping[str, Wallet]
    """In force, by id."""
    watched: Mapping[str, Wallet]
    """Those in force, and every other wallet that a quorum ever put in force.

    A later registration replaces a descriptor, and a roster expires. Neither must blind the
    watcher: such a wallet allows no pass any more, but its coins are looked after as before.
    Beside the one in force, the others of its id have ids of their own: `former_id`."""
    roster_digest: str
    """Of the roster in force, also when it has expired; empty while no genesis was adopted."""
    policy_digest: str
    frozen: frozenset[str]
    lifted: int
    """Where the last lift of everything was asked for that a quorum gave; 0 where none did."""
    restarts: Mapping[str, tuple[int, Order]]
    """Of each gate the last order to go on with what it remembers, and its place."""
    journal_key: str
    """The journal's, and its witnesses': as the roster in force names them."""
    witnesses: tuple[str, ...]
    policy: Policy | None
    """In force; None where there is none, or where the roster has expired."""
    believed: Mapping[str, Pass]
    """Every transfer that people and policy allowed, by digest."""
    doubted: Mapping[str, Pass]
    """Every other transfer that can be read, by digest."""
    children: frozenset[str]
    """The digests of the children that are allowed."""
    grants: tuple[Grant, ...]
    """Every transfer, and every batch of children, allowed or not."""


NOTHING = Credence(
    wallets={},
    watched={},
    roster_digest="",
    policy_digest="",
    frozen=frozenset(),
    lifted=0,
    restarts={},
    journal_key="",
    witnesses=(),
    policy=None,
    believed={},
    doubted={},
    children=frozenset(),
    grants=(),
)


def weigh(
    evidence: Evidence,
    *,
    genesis_digest: str,
    now: datetime,
    clearances: Iterable[Clearance] = (),
) -> Credence:
    """Return what the watcher believes; nothing at all if the genesis was never adopted.

    `clearances` are what the gate wrote down, in the order of the journal. They allow nothing.
    When the roster has expired, no pass is believed, no clearance honoured and no wallet is in
    force, but what was watched is watched on: a date that somebody forgot must not let coins leave
    unseen.
    """
    replay = _replayed(evidence, genesis_digest, clearances)
    view = replay.view
    if not view.roster_digest:
        return NOTHING
    expired = now >= view.roster.expires_at
    asked = {digest: each.asked for digest, each in replay.petitions.items()}
    transfers = {name: each for name, each in asked.items() if isinstance(each.action, Transfer)}
    allowed = {
        digest
        for digest in replay.ledger.marks
        if digest in replay.petitions and replay.ruling(digest).allowed and not expired
    }
    if expired:
        # Whatever the gate wrote down: under a roster that has run out nothing leaves unseen.
        replay.honoured.clear()
    grants = (*_transfers(replay, allowed), *_batches(replay, allowed))
    return Credence(
        wallets={} if expired else view.wallets,
        watched=_watched(view.wallets, view.ever),
        roster_digest=view.roster_digest,
        policy_digest=view.policy_digest,
        frozen=view.frozen,
        lifted=view.lifted,
        restarts=view.restarts,
        journal_key=view.roster.journal_key,
        witnesses=view.roster.witnesses,
        policy=None if expired else view.policy,
        believed={digest: each for digest, each in transfers.items() if digest in allowed},
        doubted={digest: each for digest, each in transfers.items() if digest not in allowed},
        children=_children(replay, allowed),
        grants=grants,
    )


def _children(replay: Replay, allowed: set[str]) -> frozenset[str]:
    families = [family for digest, family in replay.families.items() if digest in allowed]
    return frozenset(child for family in families for child in family.sound)


def _replayed(evidence: Evidence, genesis: str, clearances: Iterable[Clearance]) -> Replay:
    replay = Replay(genesis=genesis)
    waiting = iter(clearances)
    clearance = next(waiting, None)
    for event in evidence.events:
        while clearance is not None and clearance.seq < event.seq:
            replay.clear(clearance)
            clearance = next(waiting, None)
        replay.take(event)
    for each in () if clearance is None else (clearance, *waiting):
        replay.clear(each)
    return replay


def _transfers(replay: Replay, allowed: set[str]) -> Iterator[Grant]:
    for digest, petition in replay.petitions.items():
        asked = petition.asked
        if not isinstance(asked.action, Transfer):
            continue
        honoured, mark = replay.honoured.get(digest), replay.ledger.marks.get(digest)
        voided = honoured and replay.is_refused(digest)
        yield Grant(
            digest=digest,
            pass_id=asked.pass_id,
            signed_digest=digest,
            transfer=asked.action,
            not_before_at=max(asked.not_before_at, mark.at) if mark else asked.not_before_at,
            expires_at=asked.expires_at,
            held_until_at=replay.held_until_at.get(digest),
            allowed=digest in allowed,
            honoured=frozenset(honoured or ()) if not voided else frozenset(),
        )


def _batches(replay: Replay, allowed: set[str]) -> Iterator[Grant]:
    """Yield each batch as it now is, and as it was when the gate let a transaction through.

    A child that joins a batch later must not make a theft of what was signed before it.
    """
    for batch in replay.batches.values():
        petition = replay.petitions[batch.standing]
        sizes = {len(batch.children)}
        sizes |= {n for n, digest in enumerate(batch.digests, 1) if digest in replay.honoured}
        for size in sorted(sizes):
            yield _batch(replay, batch, size, petition, allowed=batch.standing in allowed)
    for digest, family in replay.families.items():
        parent = replay.petitions[digest]
        for child_digest, child in family.numbers.values():
            if child_digest not in family.sound:
                alone = Batch(standing=digest, anchor=child.anchor)
                alone.add(child, child_digest)
                yield _batch(replay, alone, 1, parent, allowed=False)


def _batch(replay: Replay, batch: Batch, size: int, petition: Petition, *, allowed: bool) -> Grant:
    automatic = petition.asked.action
    if not isinstance(automatic, Automatic):
        raise TypeError("only a standing pass has children")
    children, digest = batch.children[:size], batch.digests[size - 1]
    moments = [each.issued_at for each in children]
    numbers = ",".join(str(each.number) for each in children)
    return Grant(
        digest=digest,
        pass_id=f"{petition.asked.pass_id}#{numbers}",
        signed_digest=batch.standing,
        transfer=transfer_of(automatic, children),
        not_before_at=max(moments),
        expires_at=min(
            min(moments) + timedelta(seconds=automatic.limits.child_valid_seconds),
            petition.asked.expires_at,
        ),
        held_until_at=None,
        # Of a batch that has grown, only what was let through before counts.
        allowed=allowed and size == len(batch.children),
        honoured=frozenset(replay.honoured.get(digest, ())),
    )


def former_id(wallet: Wallet) -> str:
    """Return the id under which a wallet is watched while another one has its own id.

    No registered id looks like it, and it sorts after all of them: of a script that two wallets
    have, `open_book` says that it belongs to the one in force.
    """
    return f"{FORMER}{wallet.wallet_id}~{wallet_digest(wallet)[:16]}"


def _watched(in_force: Mapping[str, Wallet], ever: Iterable[Wallet]) -> dict[str, Wallet]:
    """Return every wallet that was ever in force, by the id under which it is watched.

    One whose every script another of the same id has too is left out.
    """
    found = dict(in_force)
    reach = {
        (each.wallet_id, each.chain, each.descriptor): each.gap_limit for each in found.values()
    }
    for wallet in sorted(ever, key=lambda each: each.gap_limit, reverse=True):
        scripts = (wallet.wallet_id, wallet.chain, wallet.descriptor)
        if wallet.gap_limit > reach.get(scripts, 0):
            reach[scripts] = wallet.gap_limit
            former = former_id(wallet)
            found[former] = replace(wallet, wallet_id=former)
    return found
