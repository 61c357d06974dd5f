"""`sekisho watch init` and `enrol`: watchers that listen to each other; and how they stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sekisho.cli.options import JsonOption
from sekisho.cli.output import put_findings, put_json, say
from sekisho.edges.watchers import WATCHER_PUB, create_watcher, enrol_watcher, read_watcher_pub
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.finding import Finding
from sekisho.wallets.documents import check_id

app = typer.Typer()
BeatsOption = Annotated[
    Path | None, typer.Option(help="This watcher's folder, where others watch as well.")
]
BeatPortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Let them ask at this port; 0: do not.")
]
PeerOption = Annotated[
    list[str] | None,
    typer.Option("--peer", help="ID=http://HOST:PORT of one that can be reached, for each."),
]
SilenceOption = Annotated[
    int, typer.Option(min=5, max=3600, help="Seconds of silence after which one is missed.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heart:
    """How a watcher is heard by others, and hears them, as its options say."""

    folder: Path | None
    port: int
    peers: tuple[str, ...]
    """ID=http://HOST:PORT of those that can be reached."""
    silent_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatus:
    """How another watcher stood when this one last wrote."""

    told: dict[str, Json]
    findings: tuple[Finding, ...]


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to be made.")],
    watcher: Annotated[str, typer.Option("--id", help="What the others call this watcher.")],
    *,
    json: JsonOption = False,
) -> None:
    """Make a watcher's folder, on its own machine: a key, and whom it listens to."""
    known = create_watcher(folder, check_id(watcher, "--id"))
    if json:
        put_json({"watcher": known.watcher_id, "public_key": known.public_key.hex()})
    else:
        say(f"Made {folder}. The others enrol {folder / WATCHER_PUB}.")


@app.command("enrol")
def enrol(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The other's own watcher.pub.")],
    beats: Annotated[Path, typer.Option(help="This watcher's folder.")],
    *,
    json: JsonOption = False,
) -> None:
    """Have a watcher listen to another one, and miss it. Compare its key in person."""
    known = read_watcher_pub(path)
    enrol_watcher(beats, known)
    if json:
        put_json({"watcher": known.watcher_id, "public_key": known.public_key.hex()})
    else:
        say(f"Watcher {known.watcher_id} with key {known.public_key.hex()}.")


def peers_json(peers: Sequence[PeerStatus]) -> list[Json]:
    """Return how the other watchers stand, for programs."""
    return [{**each.told, "findings": findings_json(each.findings)} for each in peers]


def show_peers(peers: Sequence[PeerStatus]) -> None:
    """Say how the other watchers stand."""
    for each in peers:
        told = each.told
        say(
            f"Watcher {told.get('peer')}: heard at {told.get('heard')}, "
            f"block {told.get('height')}, proven until {told.get('proven') or 'never'}."
        )
        if told.get("link"):
            say(f"  {told['link']}")
        put_findings(each.findings)
