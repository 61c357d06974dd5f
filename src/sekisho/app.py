"""Wire the rooms to the edges: the one place that builds real things and reads the clock."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sekisho.edges.workspace import Workspace, create_workspace, open_workspace
from sekisho.journal.flow import begin_log
from sekisho.journal.store import JournalStore, open_journal
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import to_second
from sekisho.kernel.ulid import make_ulid
from sekisho.wallets.store import ChainStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A workspace, opened."""

    workspace: Workspace
    journal: JournalStore
    chain: ChainStore

    def pinned_genesis(self) -> str:
        """Return the genesis digest that is pinned here; raises `BadInputError` if none is."""
        if not self.workspace.genesis_digest:
            raise BadInputError(
                str(self.workspace.root),
                "no genesis is pinned yet; `sekisho roster pin` does it once its quorum signed",
            )
        return self.workspace.genesis_digest


def new_installation(root: Path, *, name: str, network: str) -> Workspace:
    """Make a workspace with an empty journal and the key that signs its checkpoints."""
    workspace = create_workspace(root, name=name, network=network)
    begin_log(
        journal=workspace.journal_path,
        key=workspace.key_path,
        vkey=workspace.vkey_path,
        last_signed=workspace.last_checkpoint_path,
        origin=workspace.origin,
    )
    return workspace


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


def current_time() -> datetime:
    """Return the time, in UTC, cut to the second."""
    return to_second(datetime.now(UTC))


def new_id(now: datetime) -> str:
    """Return a fresh ULID."""
    return make_ulid(now, secrets.token_bytes(10))
