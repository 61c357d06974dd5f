"""A gate with a memory, a lease and a bundle: all that it needs beside a PSBT.

    gate = gate_of(world.genesis_digest)
    papers = papers_of(gate, memory, journal.rows(), digest, now=NOW)     # everything in order
    check(psbt, gate, memory, papers, now=NOW, journal=journal)

The granter and the journal's key are always the same; nothing here is random.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gate_scene import Attempt
from journal_world import SIGNER
from world_coins import key_expression
from world_people import NOW

from sekisho.gate.flow import Records, check_psbt
from sekisho.gate.gathered import Gathered
from sekisho.gate.leases.flow import ask_lease, begin_memory
from sekisho.gate.records import Cleared, Gate, Mode, Papers
from sekisho.journal.checkpoints import sign_checkpoint
from sekisho.journal.merkle import EMPTY_ROOT, Frontier, leaf_hash
from sekisho.journal.records import Row
from sekisho.journal.store import JournalStore, create_journal
from sekisho.journal.witness.last_seen import LastSeen
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import bundle_lines
from sekisho.passes.duress import Keeper
from sekisho.passes.lease import Extent, Lease, sign_lease, signed_lease_bytes

GRANTER = Ed25519PrivateKey.from_private_bytes(b"g" * 32)
LEASE = timedelta(minutes=10)
LONG_AGO = NOW - timedelta(days=900)


def gate_of(genesis: str, *, gate_id: str = "gate-1", mode: Mode = Mode.CO_LOCATED) -> Gate:
    """Return a gate that pins a genesis, and the granter of these tests."""
    return Gate(
        gate_id=gate_id,
        genesis_digest=genesis,
        granter_key=GRANTER.public_key().public_bytes_raw(),
        mode=mode,
        cosigner=key_expression("alpha"),
    )


def memory_in(folder: Path, gate: Gate, *, at: datetime = LONG_AGO) -> JournalStore:
    """Return the memory of a gate that began long ago; the caller closes it."""
    memory = create_journal(folder / f"{gate.gate_id}.db")
    begin_memory(memory, gate, now=at)
    return memory


def note_at(rows: Iterable[Row]) -> bytes:
    """Return the checkpoint of all these rows."""
    tree = Frontier()
    for row in rows:
        tree.append(leaf_hash(row.hash))
    return sign_checkpoint(size=tree.size, root=tree.root(), signer=SIGNER)


def bundle_at(rows: Iterable[Row], digest: str) -> bytes:
    """Return the bundle of a pass, under a checkpoint of all these rows."""
    rows = tuple(rows)
    return b"".join(bundle_lines(digest, note_at(rows), rows))


def extent_of(rows: Iterable[Row]) -> Extent:
    """Return how far a journal goes, and which it is."""
    tree = Frontier()
    for row in rows:
        tree.append(leaf_hash(row.hash))
    return Extent(size=tree.size, root=tree.root().hex())


def lease_for(
    gate: Gate,
    memory: JournalStore,
    *,
    key: Ed25519PrivateKey = GRANTER,
    now: datetime = NOW,
    lease: Mapping[str, Any] | None = None,
) -> bytes:
    """Return a lease that was granted just now, with any of its fields replaced."""
    usual: dict[str, Any] = {
        "genesis_digest": gate.genesis_digest,
        "gate_id": gate.gate_id,
        "number": 1,
        "memory": ask_lease(memory, gate).memory,
        "journal": Extent(size=0, root=EMPTY_ROOT.hex()),
        "granted_at": now,
        "expires_at": now + LEASE,
    }
    return signed_lease_bytes(sign_lease(Lease(**usual | dict(lease or {})), key))


def papers_of(
    gate: Gate,
    memory: JournalStore,
    rows: Iterable[Row],
    digest: str,
    *,
    now: datetime = NOW,
    seen: LastSeen | None = None,
    lease: Mapping[str, Any] | None = None,
) -> Papers:
    """Return what is carried to a gate when everything is in order, but for fields of `lease`."""
    return Papers(
        bundle=bundle_at(rows, digest) if digest else b"",
        lease=lease_for(gate, memory, now=now, lease=lease),
        seen=seen,
    )


def check(
    psbt: bytes,
    gate: Gate,
    memory: JournalStore,
    papers: Papers,
    *,
    journal: JournalStore | None = None,
    number: int = 1,
    now: datetime = NOW,
    keeper: Keeper | None = None,
    onlooker: Callable[[Gathered], None] = lambda _: None,
) -> Cleared:
    """Return what the gate answers, or raise its refusal."""
    return check_psbt(
        psbt,
        papers,
        gate=gate,
        records=Records(memory=memory, journal=journal),
        entry_id=make_ulid(NOW, number.to_bytes(10, "big")),
        now=now,
        keep_seen=lambda _: None,
        keeper=keeper,
        onlooker=onlooker,
    )


def ask_gate(
    attempt: Attempt,
    journal: JournalStore,
    number: int = 1,
    *,
    keeper: Keeper | None = None,
    onlooker: Callable[[Gathered], None] = lambda _: None,
) -> Cleared:
    """Return what a gate that stands beside the journal, and has just begun, answers."""
    gate = gate_of(attempt.genesis)
    with TemporaryDirectory() as folder, memory_in(Path(folder), gate) as memory:
        rows = tuple(journal.rows())
        papers = papers_of(gate, memory, rows, attempt.digest, now=attempt.now)
        return check(
            attempt.psbt,
            gate,
            memory,
            papers,
            journal=journal,
            number=number,
            now=attempt.now,
            keeper=keeper,
            onlooker=onlooker,
        )
