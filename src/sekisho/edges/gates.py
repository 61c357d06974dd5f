"""A gate's folder, on the gate's own machine; and the folder of whoever grants leases.

A gate:      gate.toml      which gate it is; the pinned genesis and the granter's key
             memory.sqlite  what it answered: a journal of its own
             gate.key       signs its requests; gate.pub is what a granter enrols it with
             seen           the last checkpoint that it saw of the exchange's journal
             lease          the last lease that was carried to it
             cosigner.key   its own key of enforced wallets, if it has one
A granter:   granter.key    signs leases; granter.pub verifies them
             gates/         the gates that its people enrolled
             leases/        the last lease of each gate
             watcher        the watcher without whose word it grants none, if one was pinned

Both lie outside the workspace: whoever puts back an old journal must not put these back as well.
"""

import os
import re
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.chains.bitcoin.networks import Network
from sekisho.edges.keys import replace_file, write_new
from sekisho.edges.node_rpc import http_place
from sekisho.edges.signing_keys import make_signing_key, read_at_most, read_signing_key
from sekisho.gate.cosigner import (
    SEED_BYTES,
    Cosigner,
    cosigner_text,
    new_cosigner,
    read_cosigner,
)
from sekisho.gate.records import Gate, Mode
from sekisho.journal.store_files import exclusive, sync_folder
from sekisho.journal.witness.last_seen import LastSeen
from sekisho.journal.witness.state import parse_seen, write_seen
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.ed25519_keys import check_ed25519_key
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.fields import Fields
from sekisho.passes.lease import (
    Lease,
    SignedLease,
    read_signed_lease,
    signed_lease_bytes,
)
from sekisho.passes.parts import read_digest, read_id
from sekisho.watch.beat import KnownWatcher, read_known_watcher
from sekisho.watch.granting import Enrolled

MEMORY = "memory.sqlite"
_CONFIGURATION = "gate.toml"
_LEASE_MAX_BYTES = 16 * 1024
_SEEN_MAX_BYTES = 1024 * 1024
GATE_PUB = "gate.pub"
_COSIGNER_KEY = "cosigner.key"
_COSIGNER_MAX_BYTES = 1024
_GATE_KEY = "gate.key"
_WAIT_SECONDS = 30.0
_KEY = "granter.key"
_PUBLIC_KEY = "granter.pub"
_WATCHER = "watcher"


def create_gate_folder(folder: Path, gate: Gate) -> None:
    """Make a gate's folder. Raises `BadInputError` if there is anything already."""
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BadInputError(str(folder), f"cannot be made: {error.strerror}") from error
    written = (
        "# A gate of Sekisho. On what is pinned here rests all that it believes.\n"
        f'gate = "{gate.gate_id}"\n'
        f'genesis_digest = "{gate.genesis_digest}"\n'
        f'granter_key = "{gate.granter_key.hex()}"\n'
        f'mode = "{gate.mode.value}"\n'
    )
    write_new(folder / _CONFIGURATION, written.encode(), mode=0o600)
    key = make_signing_key(folder / _GATE_KEY)
    enrolled = Enrolled(gate_id=gate.gate_id, public_key=key, isolated=gate.mode is Mode.ISOLATED)
    write_new(folder / GATE_PUB, _enrolled_bytes(enrolled), mode=0o644)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield where to make what `folder` is to be: it appears whole at the end, or not at all.

    Raises `BadInputError` if there is anything already.
    """
    if os.path.lexists(folder):
        raise BadInputError(str(folder), "cannot be made: something is there already")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".gate-") as beside:
            unfinished = Path(beside) / folder.name
            yield unfinished
            sync_folder(unfinished)
            unfinished.rename(folder)
            sync_folder(folder.parent)
    except OSError as error:
        raise BadInputError(str(folder), f"cannot be made: {error.strerror}") from error


@contextmanager
def answering(folder: Path) -> Iterator[None]:
    """Let a gate answer one inbox at a time: no answer may take the place of another."""
    with exclusive(folder / "inbox", _WAIT_SECONDS):
        yield


def gate_key(folder: Path) -> Ed25519PrivateKey:
    """Return the key with which a gate signs its requests."""
    return read_signing_key(folder / _GATE_KEY)


def read_enrolled(path: Path) -> Enrolled:
    """Return what a gate's `gate.pub` says; raises `BadInputError` naming the field."""
    fields = Fields(parse_json(read_at_most(path, _LEASE_MAX_BYTES), str(path)), str(path))
    enrolled = Enrolled(
        gate_id=read_id(fields, "gate"),
        public_key=check_ed25519_key(
            fields.hex("public_key", size=32), fields.where("public_key")
        ),
        isolated=fields.boolean("isolated"),
    )
    fields.done()
    return enrolled


def enrol_gate(folder: Path, enrolled: Enrolled) -> None:
    """Put a gate down with the granter; raises `BadInputError` for an id that it has already."""
    write_new(folder / "gates" / enrolled.gate_id, _enrolled_bytes(enrolled), mode=0o600)


def enrolled_gate(folder: Path, gate_id: str) -> Enrolled | None:
    """Return a gate as the granter's people put it down, or None."""
    path = folder / "gates" / gate_id
    return read_enrolled(path) if path.exists() else None


def read_gate(folder: Path) -> Gate:
    """Return the gate of a folder; raises `BadInputError` naming the file and the setting."""
    path = folder / _CONFIGURATION
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInputError(str(folder), "is no gate; `sekisho gate init` makes one") from error
    except (OSError, ValueError) as error:
        raise BadInputError(str(path), f"cannot be read: {error}") from error
    fields = Fields(document, str(path))
    gate = Gate(
        gate_id=read_id(fields, "gate"),
        genesis_digest=read_digest(fields, "genesis_digest"),
        granter_key=check_ed25519_key(
            fields.hex("granter_key", size=32), fields.where("granter_key")
        ),
        mode=Mode(fields.choice("mode", tuple(Mode))),
    )
    fields.done()
    key = read_cosigner_key(folder)
    return gate if key is None else replace(gate, cosigner=key.expression)


def create_cosigner(folder: Path, network: Network) -> Cosigner:
    """Make a gate's own key of wallets; raises `BadInputError` if it has one: none is replaced."""
    read_gate(folder)
    key = new_cosigner(secrets.token_bytes(SEED_BYTES), network)
    write_new(folder / _COSIGNER_KEY, cosigner_text(key).encode(), mode=0o600)
    return key


def read_cosigner_key(folder: Path) -> Cosigner | None:
    """Return a gate's own key of wallets, or None if it has none."""
    path = folder / _COSIGNER_KEY
    if not path.exists():
        return None
    return read_cosigner(
        read_at_most(path, _COSIGNER_MAX_BYTES).decode("ascii", "replace"), str(path)
    )


def read_lease(folder: Path) -> bytes:
    """Return the lease that was carried to a gate last; empty if none was."""
    path = folder / "lease"
    return read_at_most(path, _LEASE_MAX_BYTES) if path.exists() else b""


def keep_lease(folder: Path, data: bytes) -> None:
    """Put a lease in the place of the last one."""
    replace_file(folder / "lease", data, mode=0o600)


def read_seen(folder: Path) -> LastSeen | None:
    """Return the last checkpoint that a gate saw, or None before the first.

    Raises `WorldError` for one that is damaged: without it an older journal would be believed.
    """
    path = folder / "seen"
    if not path.exists():
        return None
    try:
        (seen,) = parse_seen(read_at_most(path, _SEEN_MAX_BYTES), str(path))
    except (BadInputError, ValueError) as error:
        raise WorldError(f"{path}: is damaged; put the newest copy of it back") from error
    return seen


def keep_seen(folder: Path, seen: LastSeen) -> None:
    """Keep the last checkpoint that a gate saw; a larger one that was seen meanwhile stays."""
    with exclusive(folder / "seen", _WAIT_SECONDS):
        before = read_seen(folder)
        if before is None or before.checkpoint.size <= seen.checkpoint.size:
            replace_file(folder / "seen", write_seen([seen]), mode=0o600)


@contextmanager
def granting(folder: Path) -> Iterator[None]:
    """Let one at a time grant, from looking at the last lease to keeping the next."""
    with exclusive(folder / _KEY, _WAIT_SECONDS):
        yield


def create_granter(folder: Path) -> bytes:
    """Make a granter's folder with a new key; return the public key."""
    try:
        for name in ("gates", "leases"):
            (folder / name).mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BadInputError(str(folder), f"cannot be made: {error.strerror}") from error
    public_key = make_signing_key(folder / _KEY)
    write_new(folder / _PUBLIC_KEY, f"{public_key.hex()}\n".encode(), mode=0o644)
    return public_key


def read_granter_key(path: Path) -> bytes:
    """Return the public key in a file that `create_granter` wrote."""
    text = read_at_most(path, 4096).decode("ascii", errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise BadInputError(str(path), "is no granter's public key (64 hex characters)")
    return check_ed25519_key(bytes.fromhex(text), str(path))


def open_granter(folder: Path) -> Ed25519PrivateKey:
    """Return a granter's private key; raises `BadInputError` for a folder that holds none."""
    return read_signing_key(folder / _KEY)


def pin_watcher(folder: Path, known: KnownWatcher, url: str) -> None:
    """Have a granter grant nothing without this watcher's word, which it asks for at `url`.

    Raises `BadInputError` if one is pinned already: whoever wants another deletes the file.
    """
    open_granter(folder)
    http_place(url, "URL")
    document: dict[str, Json] = {
        "url": url,
        "watcher": known.watcher_id,
        "public_key": known.public_key.hex(),
    }
    write_new(folder / _WATCHER, canonical_bytes(document), mode=0o600)


def pinned_watcher(folder: Path) -> tuple[KnownWatcher, str] | None:
    """Return the watcher without whose word a granter grants nothing, and where to ask it.

    None if none was pinned. Raises `BadInputError` for a file that is damaged.
    """
    path = folder / _WATCHER
    if not path.exists():
        return None
    fields = Fields(parse_json(read_at_most(path, _LEASE_MAX_BYTES), str(path)), str(path))
    url = fields.text("url")
    return read_known_watcher(fields), url


def last_lease(folder: Path, gate_id: str) -> Lease | None:
    """Return the lease that was last granted to a gate, or None before the first."""
    path = folder / "leases" / gate_id
    if not path.exists():
        return None
    return read_signed_lease(read_at_most(path, _LEASE_MAX_BYTES), str(path)).lease


def keep_granted(folder: Path, signed: SignedLease) -> None:
    """Keep a lease before it is handed out: what was granted is never forgotten."""
    data = signed_lease_bytes(signed)
    replace_file(folder / "leases" / signed.lease.gate_id, data, mode=0o600)


def _enrolled_bytes(enrolled: Enrolled) -> bytes:
    return canonical_bytes(
        {
            "gate": enrolled.gate_id,
            "public_key": enrolled.public_key.hex(),
            "isolated": enrolled.isolated,
        }
    )
