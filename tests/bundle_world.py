"""Bundles that tests share: a world whose roster names a journal's key and three witnesses.

world = witnessed_world()                    # roster, policy (two witnesses), wallet
world, asked = with_pass(world)              # a transfer that a quorum approved
data = bundle_of(world, asked)               # one file, cosigned by gate and watcher at NOW
open_bundle(data, genesis_digest=world.genesis_digest, seen=None, now=None, where="file")
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache

from journal_world import SIGNER, rows_of, signed
from witness_world import AUDITOR, GATE, KEYS, WATCHER
from world import World, at_genesis, digest_of, entries_of, register, transfer_pass, under_policy
from world_coins import STRANGER, payment
from world_people import NOW
from world_people import roster as people_of
from world_policy import OPEN_POLICY
from world_power import COINS, HOT, WIDER, agreed_by, bound, with_officers

from sekisho.journal.notes import SignerKey
from sekisho.journal.records import Entry
from sekisho.journal.witness.cosignatures import WitnessSigner, cosign
from sekisho.passes.bundle import bundle_lines
from sekisho.passes.policy.records import Policy, Witnesses
from sekisho.passes.records import Pass

AGE_MAX_SECONDS = 3_600
TWO_OF_THREE = replace(
    OPEN_POLICY, witnesses=Witnesses(needed=2, checkpoint_age_max_seconds=AGE_MAX_SECONDS)
)
BOTH = (GATE, WATCHER)
ALL_THREE = (GATE, WATCHER, AUDITOR)


@cache
def witnessed_world(policy: Policy = TWO_OF_THREE, journal_key: str = "") -> World:
    """Return a world with people, a policy and a hot wallet in force."""
    genesis = people_of(
        people=with_officers(),
        quorum_recovery=WIDER,
        journal_key=journal_key or str(SIGNER.verifier),
        witnesses=tuple(str(each) for each in KEYS),
    )
    return register(under_policy(at_genesis(genesis), policy), HOT)


def with_pass(world: World, *, amount_sat: int = 10_000) -> tuple[World, Pass]:
    """Return the world after a quorum allowed a transfer, and the transfer."""
    asked = transfer_pass(bound(world), HOT, [payment(STRANGER, amount_sat)], COINS[0])
    return agreed_by(world, asked), asked


def note_of(
    entries: Sequence[Entry],
    *,
    by: Sequence[WitnessSigner] = BOTH,
    at: datetime = NOW,
    signer: SignerKey = SIGNER,
) -> bytes:
    """Return the checkpoint of these entries, cosigned by some."""
    note = signed(tuple(entries), signer=signer)
    for each in by:
        note = cosign(note, signer.verifier, each, now=at)
    return note


def bundle_of(
    world: World,
    asked: Pass,
    *,
    by: Sequence[WitnessSigner] = BOTH,
    at: datetime = NOW,
    signer: SignerKey = SIGNER,
    size: int | None = None,
) -> bytes:
    """Return the bundle of a pass, up to the first `size` entries (all of them)."""
    entries = entries_of(world)[:size]
    return written(entries, digest_of(asked), note_of(entries, by=by, at=at, signer=signer))


def written(entries: Sequence[Entry], pass_digest: str, note: bytes) -> bytes:
    """Return a bundle of any entries, any pass and any note."""
    return b"".join(bundle_lines(pass_digest, note, rows_of(tuple(entries))))
