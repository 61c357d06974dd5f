"""Wire the rooms to the edges: the one place that builds real things and reads the clock."""

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.drills.dmm_2024.flow import replay
from sekisho.drills.dmm_2024.live import live_roster, put_live_wallet_in_force
from sekisho.drills.dmm_2024.page import page
from sekisho.drills.dmm_2024.records import NAME, Outcome, Variant
from sekisho.drills.dmm_2024.stage import Stage
from sekisho.edges.attesters import read_attesters
from sekisho.edges.gates import (
    MEMORY,
    create_gate_folder,
    new_folder,
    read_cosigner_key,
    read_gate,
    read_lease,
    read_seen,
)
from sekisho.edges.keys import write_new
from sekisho.edges.workspace import Workspace, create_workspace, open_workspace, pin_genesis
from sekisho.gate.attest import Attester
from sekisho.gate.cosigner import Cosigner
from sekisho.gate.leases.flow import begin_memory
from sekisho.gate.records import Gate, Papers
from sekisho.journal.checkpoints import open_checkpoint
from sekisho.journal.entries import entry_hash
from sekisho.journal.flow import begin_log, checkpoint_journal, read_vkey
from sekisho.journal.merkle import leaf_hash
from sekisho.journal.notes import NOTE_MAX_BYTES, SignerKey
from sekisho.journal.store import (
    JournalStore,
    create_journal,
    create_journal_on_server,
    open_journal,
)
from sekisho.journal.witness.last_seen import ByEntries, none_seen
from sekisho.journal.witness.store import begin_seen, keep_seen, read_private_key
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.instants import to_second
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.flow import bundle_of, open_desk
from sekisho.passes.roster import roster_digest
from sekisho.wallets.store import ChainStore

_DRILL_MARKER = ".sekisho-drill"
BUNDLE = "pass.bundle"
"""The file from which the drill's pass is verified offline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A workspace, opened."""

    workspace: Workspace
    journal: JournalStore
    chain: ChainStore

    @property
    def genesis_digest(self) -> str:
        """The genesis digest that is pinned here; empty while none is."""
        return self.workspace.genesis_digest

    def pinned_genesis(self) -> str:
        """Return the genesis digest that is pinned here; raises `BadInputError` if none is."""
        if not self.workspace.genesis_digest:
            raise BadInputError(
                str(self.workspace.root),
                "no genesis is pinned yet; `sekisho roster pin` does it once its quorum signed",
            )
        return self.workspace.genesis_digest


def new_installation(root: Path, *, name: str, network: str, server: str = "") -> Workspace:
    """Make a workspace with an empty journal and the key that signs its checkpoints.

    With `server`, the journal is on PostgreSQL, where `make_journal_on_server` made it.
    """
    if server:
        open_journal(server).close()  # before anything is made here
    workspace = create_workspace(root, name=name, network=network, server=server)
    begin_log(
        journal=workspace.journal_path,
        key=workspace.key_path,
        vkey=workspace.vkey_path,
        last_signed=workspace.last_checkpoint_path,
        origin=workspace.origin,
    )
    return workspace


def make_journal_on_server(owner: str, *, writer: str) -> None:
    """Make an empty journal on PostgreSQL, as its owner; `writer` may read it and add to it."""
    create_journal_on_server(owner, writer=writer)


@contextmanager
def installation(root: Path) -> Iterator[Installation]:
    """Open the workspace in `root`, and let go of its files at the end."""
    workspace = open_workspace(root)
    journal = open_journal(workspace.journal_path)
    chain = ChainStore(workspace.chain_path)
    try:
        yield Installation(workspace=workspace, journal=journal, chain=chain)
    finally:
        journal.close()
        chain.close()


def checkpoint_of(here: Installation, path: Path | None = None) -> tuple[bytes, int]:
    """Return the note of a checkpoint made here, with how many entries it signs.

    It is the one at `path`, else the witnessed one, else the last signed. Raises `BadInputError`
    if there is none, or none of this journal's.
    """
    published = here.workspace.witnessed_checkpoint_path
    chosen = path or (published if published.exists() else here.workspace.last_checkpoint_path)
    try:
        with chosen.open("rb") as file:
            note = file.read(NOTE_MAX_BYTES + 1)
    except OSError as error:
        raise BadInputError(str(chosen), f"cannot be read: {error.strerror}") from error
    signed = open_checkpoint(note, read_vkey(here.workspace.vkey_path), str(chosen))
    return note, signed.size


def last_checkpoint(here: Installation) -> bytes:
    """Return the journal's witnessed checkpoint, else the last that was signed, or nothing."""
    for path in (here.workspace.witnessed_checkpoint_path, here.workspace.last_checkpoint_path):
        if path.exists():
            return path.read_bytes()
    return b""


def console_secret(workspace: Workspace) -> str:
    """Return what signs the console's cookies: made once, in a file that only its owner reads.

    Raises `WorldError` for a file that others may read, or that holds no secret.
    """
    path = workspace.console_secret_path
    if not path.exists():
        write_new(path, secrets.token_hex(32).encode(), mode=0o600)
    try:
        secret, mode = path.read_text(encoding="ascii"), path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"{path}: cannot be read") from error
    if mode & 0o077 or not re.fullmatch(r"[0-9a-f]{64}", secret):
        raise WorldError(f"{path}: is no secret of its owner's alone; delete it, and log in again")
    return secret


def hold_to_seen(here: Installation, path: Path) -> None:
    """Raise `Refused` if the journal does not begin with what was seen of it before.

    `path` keeps the last checkpoint seen; it is made if it is not there, and brought up to date
    with the checkpoint that the workspace holds: the witnessed one, or the last signed. It belongs
    outside the workspace: whoever puts back an old journal must not put it back as well.
    """
    published = here.workspace.witnessed_checkpoint_path
    note_path = published if published.exists() else here.workspace.last_checkpoint_path
    try:
        note = note_path.read_bytes()
    except OSError as error:
        raise WorldError(f"{note_path}: cannot be read: {error.strerror}") from error
    log = read_vkey(here.workspace.vkey_path)
    if not path.exists():
        begin_seen(path, (none_seen(log),))
    size = open_checkpoint(note, log, str(note_path)).size
    rows = islice(here.journal.rows(), size)
    leaves = [leaf_hash(entry_hash(row.document)) for row in rows]
    keep_seen(path, note, log, ByEntries(leaf_hashes=leaves), str(note_path))


def new_gate(folder: Path, gate: Gate) -> None:
    """Make a gate's folder, with a memory in which nothing stands but that it began."""
    with new_folder(folder) as unfinished:
        create_gate_folder(unfinished, gate)
        with create_journal(unfinished / MEMORY) as memory:
            begin_memory(memory, gate, now=current_time())


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGate:
    """A gate's folder, opened."""

    folder: Path
    gate: Gate
    memory: JournalStore
    cosigner: Cosigner | None
    """Its own key of wallets, if it has one."""

    def papers(self, bundle: bytes) -> Papers:
        """Return what the gate has beside a bundle: its lease, and what it saw last."""
        return Papers(bundle=bundle, lease=read_lease(self.folder), seen=read_seen(self.folder))

    def attesters(self) -> tuple[Attester, ...]:
        """Return the attesters of the wallets whose devices ask for this gate's word."""
        return read_attesters(self.folder)


@contextmanager
def open_gate(folder: Path) -> Iterator[OpenGate]:
    """Open the gate in `folder`, and let go of its files at the end."""
    gate = read_gate(folder)
    memory = open_journal(folder / MEMORY)
    try:
        yield OpenGate(folder=folder, gate=gate, memory=memory, cosigner=read_cosigner_key(folder))
    finally:
        memory.close()


def current_time() -> datetime:
    """Return the time, in UTC, cut to the second."""
    return to_second(datetime.now(UTC))


def clock_number() -> int:
    """Return the milliseconds since 1970: a number that a person's next signature has not had."""
    return int(datetime.now(UTC).timestamp() * 1000)


def new_id(now: datetime) -> str:
    """Return a fresh ULID."""
    return make_ulid(now, secrets.token_bytes(10))


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A drill that was played, and the files it left."""

    outcome: Outcome
    files: tuple[Path, ...]


def play_dmm_2024(out: Path, variant: Variant) -> Played:
    """Play the drill and leave its page, its bytes and its workspace in `out`/dmm-2024.

    What an earlier drill left there is replaced. Raises `BadInputError` if the folder holds
    anything that no drill wrote: a drill never deletes what somebody may need.
    """
    folder = out / NAME
    marker = folder / _DRILL_MARKER
    if folder.exists() and not marker.exists():
        raise BadInputError(str(folder), "exists, and no drill wrote it; name another --out")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        marker.write_text("Written by `sekisho drill`; replaced by the next one.\n")
    except OSError as error:
        raise WorldError(f"{folder}: cannot be made: {error.strerror}") from error
    workspace = new_installation(folder / "workspace", name="drill-dmm-2024", network="mainnet")
    with installation(workspace.root) as here:
        with create_journal(folder / "gate.sqlite") as memory:
            outcome = replay(here.journal, variant, memory=memory, signer=_signer(workspace))
        here.chain.keep([outcome.funding])
        workspace = pin_genesis(workspace, outcome.genesis_digest)
        bundle = _drill_bundle(here, outcome)
    written = {
        "index.html": page(outcome).encode(),
        **({BUNDLE: bundle} if bundle else {}),
        "outflow.psbt": outcome.psbt,
        "outflow_tx.hex": outcome.outflow.serialize().hex().encode() + b"\n",
        "funding_tx.hex": outcome.funding.serialize().hex().encode() + b"\n",
    }
    for name, data in written.items():
        (folder / name).write_bytes(data)
    return Played(outcome=outcome, files=(*(folder / name for name in written), workspace.root))


def live_installation(root: Path, funding: Transaction) -> Path:
    """Make a workspace on regtest where the live act's wallet is in force; return its folder."""
    workspace = new_installation(root, name="drill-dmm-2024-live", network="regtest")
    now = current_time()
    actors, founding = live_roster(str(_signer(workspace).verifier), now)
    with installation(root) as here:
        desk = open_desk(here.journal, genesis_digest=roster_digest(founding))
        genesis = put_live_wallet_in_force(Stage(desk=desk, actors=actors), founding, now)
        here.chain.keep([funding])
    pin_genesis(workspace, genesis)
    return workspace.root


def _signer(workspace: Workspace) -> SignerKey:
    """Return the key that signs the journal's checkpoints."""
    log = read_vkey(workspace.vkey_path)
    return SignerKey(name=log.name, private_key=read_private_key(workspace.key_path))


def _drill_bundle(here: Installation, outcome: Outcome) -> bytes:
    """Sign a checkpoint of the whole journal, and return the bundle of the drill's pass under it.

    Empty in the variant without a pass.
    """
    checkpoint_journal(
        here.workspace.journal_path,
        key=here.workspace.key_path,
        vkey=here.workspace.vkey_path,
        last_signed=here.workspace.last_checkpoint_path,
        watch=lambda rows, _: rows,
    )
    if outcome.standing is None:
        return b""
    note, size = checkpoint_of(here)
    desk = open_desk(here.journal, genesis_digest=outcome.genesis_digest)
    return b"".join(bundle_of(desk, outcome.standing.digest, note, size=size))
