"""A workspace: the folder in which one installation keeps its configuration, journal and keys.

sekisho.toml     the configuration, with the pinned genesis digest
journal.sqlite   what we decided
chain.sqlite     what happened, as far as we have seen; may be deleted and seen again
journal.key      signs checkpoints of the journal; journal.vkey verifies them
console.secret   signs the console's cookies; may be deleted, and everybody logs in again
checkpoints/     checkpoints made here; keep copies elsewhere
"""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from sekisho.chains.bitcoin.networks import Network, network_of_name
from sekisho.edges.keys import replace_file, write_new
from sekisho.kernel.errors import BadInputError

CONFIGURATION = "sekisho.toml"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SERVER = re.compile(r"postgresql://[A-Za-z0-9_.~%:/@?&=\[\]-]{1,500}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where things lie, and what is configured."""

    root: Path
    name: str
    """A short name, part of the journal's origin."""
    network: Network
    genesis_digest: str
    """Pinned after people compared it in person; empty until then."""
    server: str = ""
    """`postgresql://writer@host/database` where a team keeps its journal there; else empty."""

    @property
    def origin(self) -> str:
        """Return the name under which the journal signs its checkpoints."""
        return f"sekisho/{self.name}/journal"

    @property
    def journal_path(self) -> Path | str:
        """Return where the journal is: a file here, or a server's location."""
        return self.server or self.root / "journal.sqlite"

    @property
    def chain_path(self) -> Path:
        """Return where the transactions we have seen are."""
        return self.root / "chain.sqlite"

    @property
    def key_path(self) -> Path:
        """Return where the key that signs checkpoints is."""
        return self.root / "journal.key"

    @property
    def vkey_path(self) -> Path:
        """Return where the key that verifies checkpoints is."""
        return self.root / "journal.vkey"

    @property
    def console_secret_path(self) -> Path:
        """Return where the secret that signs the console's cookies is."""
        return self.root / "console.secret"

    @property
    def last_checkpoint_path(self) -> Path:
        """Return where the last signed checkpoint is."""
        return self.root / "checkpoints" / "last-signed"

    @property
    def witnessed_checkpoint_path(self) -> Path:
        """Return where the last checkpoint with its witnesses' cosignatures is."""
        return self.root / "checkpoints" / "witnessed"


def create_workspace(root: Path, *, name: str, network: str, server: str = "") -> Workspace:
    """Make the folder and its configuration. Raises `BadInputError` if there is one already."""
    if not _SLUG.fullmatch(name):
        raise BadInputError("name", f"{name[:60]!r} is not a short name of a-z, 0-9 and '-'")
    workspace = Workspace(
        root=root,
        name=name,
        network=network_of_name(network, "network"),
        genesis_digest="",
        server=_server(server, "journal"),
    )
    try:
        (root / "checkpoints").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(str(root), f"cannot be made: {error.strerror}") from error
    write_new(root / CONFIGURATION, _written(workspace), mode=0o644)
    return workspace


def open_workspace(root: Path) -> Workspace:
    """Return the workspace in `root`; raises `BadInputError` naming the file and the key."""
    path = root / CONFIGURATION
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInputError(
            str(root), f"is no workspace (no {CONFIGURATION}); `sekisho init DIR` makes one"
        ) from error
    except (OSError, ValueError) as error:
        raise BadInputError(str(path), f"cannot be read: {error}") from error
    unknown = set(document) - {"name", "network", "genesis_digest", "journal"}
    if unknown:
        raise BadInputError(f"{path}: {min(unknown)}", "is not a known setting")
    for key in ("name", "network", "genesis_digest"):
        if not isinstance(document.get(key), str):
            raise BadInputError(f"{path}: {key}", "is missing, or not text")
    genesis = document["genesis_digest"]
    if genesis and not _DIGEST.fullmatch(genesis):
        raise BadInputError(f"{path}: genesis_digest", "is not 64 hex characters")
    if not _SLUG.fullmatch(document["name"]):
        raise BadInputError(f"{path}: name", "is not a short name of a-z, 0-9 and '-'")
    return Workspace(
        root=root,
        name=document["name"],
        network=network_of_name(document["network"], f"{path}: network"),
        genesis_digest=genesis,
        server=_server(document.get("journal", ""), f"{path}: journal"),
    )


def pin_genesis(workspace: Workspace, genesis_digest: str) -> Workspace:
    """Write the genesis digest into the configuration, once.

    Raises `BadInputError` if another one is pinned: whoever wants that starts a new installation.
    """
    if not _DIGEST.fullmatch(genesis_digest):
        raise BadInputError("genesis digest", "is not 64 hex characters")
    if workspace.genesis_digest not in {"", genesis_digest}:
        raise BadInputError(
            f"{workspace.root / CONFIGURATION}: genesis_digest", "another one is pinned already"
        )
    pinned = replace(workspace, genesis_digest=genesis_digest)
    replace_file(workspace.root / CONFIGURATION, _written(pinned))
    return pinned


def _server(text: object, where: str) -> str:
    """Return a server's location; whether it has the right form, its opening says."""
    if text != "" and not (isinstance(text, str) and _SERVER.fullmatch(text)):
        raise BadInputError(where, "is not postgresql://role@host/database")
    return str(text)


def _written(workspace: Workspace) -> bytes:
    return (
        "# Sekisho. The genesis digest is what everything else is believed on the strength of:\n"
        "# people compare it in person, and `sekisho roster pin` writes it here, once.\n"
        f'name = "{workspace.name}"\n'
        f'network = "{workspace.network}"\n'
        f'genesis_digest = "{workspace.genesis_digest}"\n'
        + (f'journal = "{workspace.server}"\n' if workspace.server else "")
    ).encode()
