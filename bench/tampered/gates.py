"""What a gate is shown beside a PSBT, and the judgement that must refuse what was tampered with.

The scene's pass stands in the journal of an exchange that has its wallet alone. A gate with a
memory of its own, in a file, is asked as `sekisho-signer` and `sekisho gate` ask it.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.tampered.journals import (
    ISOLATED_LEASE_MAX,
    ISOLATED_LEAST_SAT,
    LEASE_MAX,
    LOG,
    NOW,
    WITNESSES,
    WITNESSES_NEEDED,
    Journal,
    extent_of,
    key_of,
)
from bench.tampered.judging import NO_ANSWER, Codes, Kind, codes_of, full
from bench.tampered.scenes import Scene
from sekisho.gate.flow import Records, check_psbt
from sekisho.gate.leases.flow import begin_memory
from sekisho.gate.memory import GATE_LEASED
from sekisho.gate.records import Gate, Mode, Papers
from sekisho.journal.checkpoints import sign_checkpoint
from sekisho.journal.entries import seal
from sekisho.journal.notes import SignerKey
from sekisho.journal.records import Draft, Entry, Row
from sekisho.journal.store import JournalStore, create_journal, open_journal
from sekisho.journal.witness.cosignatures import WitnessSigner, cosign
from sekisho.journal.witness.last_seen import LastSeen, seen_in
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.bundle import bundle_lines
from sekisho.passes.lease import Lease, Memory, sign_lease, signed_lease_bytes

_FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - each in a folder of its own
"""Nobody needs these files after the answer: they wait for no disk where they need not."""
GRANTER = key_of("granter")
GATE_ID = "gate-1"
BEGAN_AT = NOW - timedelta(days=20)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A gate, and what it is shown beside a PSBT."""

    scene: Scene
    psbt: bytes = field(repr=False)
    digest: str
    """Of the pass that the bundle names."""
    journal: Journal = field(repr=False, compare=False)
    """With the scene's pass in it, approved; kinds write on in branches of it."""
    entries: tuple[Entry, ...] = field(repr=False)
    """What the bundle shows of a journal."""
    log: SignerKey = LOG
    """Whose key signs the checkpoint."""
    cosigned: tuple[tuple[WitnessSigner, datetime], ...]
    """Who has seen the checkpoint, and when."""
    bundle: bytes | None = field(default=None, repr=False)
    """In place of what all of this makes."""
    lease: Lease
    granter: Ed25519PrivateKey = GRANTER
    lease_data: bytes | None = None
    """In place of the signed lease."""
    seen: LastSeen | None
    gate: Gate
    past: tuple[Draft, ...] = field(repr=False)
    """What the gate remembers after its first entry."""
    has_memory: bool = True
    has_journal: bool
    """Whether the exchange's journal is there to be written into."""
    now: datetime = NOW

    @property
    def papers(self) -> Papers:
        lease = signed_lease_bytes(sign_lease(self.lease, self.granter))
        return Papers(
            bundle=self.bundle_with(self.note) if self.bundle is None else self.bundle,
            lease=lease if self.lease_data is None else self.lease_data,
            seen=self.seen,
        )

    @property
    def note(self) -> bytes:
        """Return the checkpoint, signed and cosigned."""
        note = note_of(self.entries, self.log)
        for witness, at in self.cosigned:
            note = cosign(note, self.log.verifier, witness, now=at)
        return note

    def bundle_with(self, note: bytes) -> bytes:
        rows = [Row(each.seq, each.entry_id, each.hash, each.document) for each in self.entries]
        return b"".join(bundle_lines(self.digest, note, rows))

    def with_journal(self, journal: Journal) -> "Shown":
        """Return the same with another journal in the bundle, whole."""
        return replace(self, entries=tuple(journal.entries))


def note_of(entries: Sequence[Entry], log: SignerKey) -> bytes:
    """Return the checkpoint of these entries."""
    extent = extent_of(entries)
    return sign_checkpoint(size=extent.size, root=bytes.fromhex(extent.root), signer=log)


def seen_of(entries: Sequence[Entry], log: SignerKey = LOG) -> LastSeen:
    """Return what a gate keeps that saw these entries last."""
    return seen_in(note_of(entries, log), log.verifier, "seen")


def honest_gate(scene: Scene) -> Shown:
    """Return a gate that may let the scene's PSBT through, somewhere and somewhen."""
    random = Random(scene.seed)  # noqa: S311 - the same each time, not secrets
    journal = scene.batch.desk(scene.purse.kind).branch()
    founded = len(journal.entries)
    digest = journal.allow(journal.draft(scene.transfer))
    entries = tuple(journal.entries)
    mode = random.choice(tuple(Mode))
    if paid_sat(scene) >= ISOLATED_LEAST_SAT:
        mode = Mode.ISOLATED
    gate = Gate(
        gate_id=GATE_ID,
        genesis_digest=journal.genesis_digest,
        granter_key=GRANTER.public_key().public_bytes_raw(),
        mode=mode,
    )
    past = _past(random)
    witnesses = random.sample(WITNESSES, k=random.randint(WITNESSES_NEEDED, len(WITNESSES)))
    seen_size = random.choice((0, founded, len(entries)))
    return Shown(
        scene=scene,
        psbt=scene.psbt,
        digest=digest,
        journal=journal,
        entries=entries,
        cosigned=tuple((each, NOW - random.randint(0, 20) * _MINUTE) for each in witnesses),
        lease=_lease(random, journal, gate, past),
        seen=seen_of(entries[:seen_size]) if seen_size else None,
        gate=gate,
        past=past,
        has_journal=mode is Mode.CO_LOCATED,
    )


def paid_sat(scene: Scene) -> int:
    return sum(each.amount_sat for each in scene.transfer.payments)


def _past(random: Random) -> tuple[Draft, ...]:
    """Return that the gate took some leases, of which the last is the one that it holds."""
    count = random.randint(0, 2)
    return tuple(leased(number, NOW - (count - number + 16) * _MINUTE) for number in range(count))


def leased(number: int, at: datetime) -> Draft:
    """Return what a gate writes down of a lease that it took."""
    return Draft(
        entry_id=make_ulid(at, number.to_bytes(10, "big")),
        at=at,
        kind=GATE_LEASED,
        actor=GATE_ID,
        body={"number": number + 1},
    )


def _lease(random: Random, journal: Journal, gate: Gate, past: Sequence[Draft]) -> Lease:
    most = ISOLATED_LEASE_MAX if gate.mode is Mode.ISOLATED else LEASE_MAX
    granted_at = NOW - random.randint(0, 9) * _MINUTE
    seen_size = random.randint(0, len(journal.entries))
    return Lease(
        genesis_digest=journal.genesis_digest,
        gate_id=GATE_ID,
        number=max(1, len(past)),
        memory=memory_of(gate, past),
        journal=extent_of(journal.entries[:seen_size]),
        granted_at=granted_at,
        expires_at=granted_at + random.choice((10 * _MINUTE, LEASE_MAX, most)),
    )


# The gate's own files ----------------------------------------------------------------------------


def memory_of(gate: Gate, past: Sequence[Draft]) -> Memory:
    """Return how far a gate's memory goes."""
    _, tip = _begun(gate)
    for seq, each in enumerate(past, start=2):
        tip = seal(each, seq=seq, prev_hash=tip).hash
    return Memory(size=1 + len(past), tip=tip.hex())


@lru_cache(maxsize=100)
def _begun(gate: Gate) -> tuple[bytes, bytes]:
    """Return the file of a gate's memory that has just begun, and the hash of its one entry."""
    with TemporaryDirectory(dir=_FAST) as folder:
        path = Path(folder) / "memory.db"
        with _copy(path, _empty()) as memory:
            begin_memory(memory, gate, now=BEGAN_AT)
            [entry] = memory.entries()
        return path.read_bytes(), entry.hash


@cache
def _empty() -> bytes:
    """Return the file of a journal without entries: to copy one is faster than to make it."""
    with TemporaryDirectory(dir=_FAST) as folder:
        path = Path(folder) / "empty.db"
        create_journal(path).close()
        return path.read_bytes()


def _copy(path: Path, data: bytes) -> JournalStore:
    path.write_bytes(data)
    return open_journal(path)


def _draft(entry: Entry) -> Draft:
    """Return what makes the same entry again at the same place."""
    return Draft(
        entry_id=entry.entry_id,
        at=entry.at,
        kind=entry.kind,
        actor=entry.actor,
        body=entry.body,
    )


def judged_gate(attempt: Shown) -> Codes:
    """Return the codes of the gate's refusal; empty if it lets the PSBT through."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory(dir=_FAST)))
        begun = _begun(attempt.gate)[0] if attempt.has_memory else _empty()
        memory = opened.enter_context(_copy(folder / "memory.db", begun))
        if attempt.has_memory:
            memory.append_all(attempt.past)
        journal = None
        if attempt.has_journal:
            journal = opened.enter_context(_copy(folder / "journal.db", _empty()))
            journal.append_all([_draft(each) for each in attempt.journal.entries])
        try:
            check_psbt(
                attempt.psbt,
                attempt.papers,
                gate=attempt.gate,
                records=Records(memory=memory, journal=journal),
                entry_id=make_ulid(NOW, b"the answer"),
                now=attempt.now,
                keep_seen=lambda _: None,
            )
        except Refused as refused:
            return codes_of(refused)
        except BadInputError:
            return (NO_ANSWER,)
    return ()


def gate_kind(
    name: str,
    what: str,
    codes: str,
    tamper: Callable[[Shown, Random], Shown],
    *,
    applies: Callable[[Scene], bool] = lambda _: True,
) -> Kind[Shown]:
    """Return a kind of what a gate is shown; `-` stands for no answer at all."""
    named = codes.replace("-", "")
    return Kind(
        name=name,
        what=what,
        codes=full(named) | ({NO_ANSWER} if named != codes else set()),
        tamper=tamper,
        applies=applies,
    )
