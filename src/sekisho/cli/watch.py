"""`sekisho watch`: follow nodes and judge everything that moves; `sekisho watch status`."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import Installation, current_time, hold_to_seen, installation
from sekisho.cli import watch_list
from sekisho.cli.holds import KeeperOption
from sekisho.cli.options import JsonOption, ScriptsOption, SeenOption, WorkspaceOption
from sekisho.cli.output import EXIT_NO, progress, put_findings, put_json, say
from sekisho.cli.watchers import (
    BeatPortOption,
    BeatsOption,
    Heart,
    PeerOption,
    PeerStatus,
    SilenceOption,
    peers_json,
    show_peers,
)
from sekisho.edges.keepers import open_keeper
from sekisho.edges.node_rpc import NodeAddress, node_address
from sekisho.edges.watch_file import read_watch_file
from sekisho.edges.workspace import open_workspace
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.duress import Keeper
from sekisho.watch.coverage import Coverage
from sekisho.watch.peer import SILENT_SECONDS
from sekisho.watch.troubles import not_running, stopped

app = typer.Typer(invoke_without_command=True)
app.command("list")(watch_list.run)
STALE_SECONDS = 30
"""A watcher that wrote nothing for so long is not there."""
_NODE = "node"


@app.callback()
def run(
    context: typer.Context,
    cookie: Annotated[
        Path | None, typer.Option(help="The node's cookie file: .cookie in its data folder.")
    ] = None,
    rpc: Annotated[str, typer.Option(help="Where the node answers.")] = "http://127.0.0.1:8332",
    node: Annotated[
        list[str] | None,
        typer.Option(
            "--node", help="NAME=http://HOST:PORT,COOKIE of a node, for each; in place of --rpc."
        ),
    ] = None,
    zmq: Annotated[
        list[str] | None,
        typer.Option(
            "--zmq", help="TOPIC=ADDRESS, where it is heard, if not where the node says."
        ),
    ] = None,
    scripts: ScriptsOption = None,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Serve metrics on this port; 0: do not.")
    ] = 0,
    beats: BeatsOption = None,
    beat_port: BeatPortOption = 0,
    peer: PeerOption = None,
    silence: SilenceOption = SILENT_SECONDS,
    workspace: WorkspaceOption = Path(),
    keeper: KeeperOption = None,
    seen: SeenOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Follow a node of your own, and judge every movement of the workspace's wallets.

    It reads the node's settings, listens where the node publishes, and goes on until it is
    stopped. Verdicts are in the journal before they are said. With --json, one object a line.
    """
    if context.invoked_subcommand is not None:
        return
    addresses = _addresses(node or [], rpc, cookie)
    held = None if keeper is None else open_keeper(keeper, workspace=workspace)
    heart = Heart(folder=beats, port=beat_port, peers=tuple(peer or ()), silent_seconds=silence)
    with installation(workspace) as here:
        if seen is not None:
            hold_to_seen(here, seen)
        posts = Posts(addresses, zmq or [], scripts or [], heart, metrics_port)
        _watch(here, posts, keeper=held, as_json=json)


@dataclass(frozen=True, slots=True)
class Posts:
    """Whom the watcher hears, and by whom it is heard."""

    addresses: list[NodeAddress]
    zmq: list[str]
    scripts: list[str]
    heart: Heart
    metrics_port: int


def _watch(here: Installation, posts: Posts, *, keeper: Keeper | None, as_json: bool) -> None:
    from sekisho.cli.sentry import Sentry  # noqa: PLC0415 - kernels and ZMQ, for no other command
    from sekisho.cli.sentry_beats import beating  # noqa: PLC0415 - the same
    from sekisho.cli.sentry_words import Voice  # noqa: PLC0415 - the same
    from sekisho.edges.metrics_page import MetricsPage  # noqa: PLC0415 - the same
    from sekisho.edges.node_feed import zmq_option  # noqa: PLC0415 - the same
    from sekisho.watch.metrics import Metrics  # noqa: PLC0415 - the same

    elsewhere = dict(zmq_option(each) for each in posts.zmq)
    if elsewhere and len(posts.addresses) > 1:
        raise BadInputError("--zmq", "is for one node; several publish where they say")
    metrics, voice = Metrics(), Voice(as_json=as_json)
    with beating(here, posts.heart, voice, metrics) as beats:
        sentry = Sentry(
            here,
            keeper=keeper,
            voice=voice,
            metrics=metrics,
            scripts=posts.scripts,
            beats=beats,
        )
        with progress("Reading scripts", shown=not as_json) as show:
            sentry.load(show)
        for each in posts.addresses:
            sentry.follow(each, elsewhere)
        page = MetricsPage(posts.metrics_port, metrics.text) if posts.metrics_port else None
        try:
            sentry.run()
        finally:
            if page is not None:
                page.close()


@app.command("status")
def status(workspace: WorkspaceOption = Path(), *, json: JsonOption = False) -> None:
    """Say how far everything is proven to have been seen, and what to do where it is not.

    Exit code 3 if it is not seen now, or if anything is wrong with another watcher.
    """
    kept = read_watch_file(open_workspace(workspace).root)
    if kept is None:
        raise BadInputError(str(workspace), "was never watched; `sekisho watch` does it")
    coverage, told = kept
    fields = Fields(told, "watch.json: status")
    written_at, pid = fields.instant("written"), fields.integer("pid", at_least=0, at_most=2**31)
    age = current_time() - written_at
    found = [_finding(each) for each in _objects(told, "findings")]
    peers = [
        PeerStatus(told=each, findings=tuple(map(_finding, _objects(each, "findings"))))
        for each in _objects(told, "peers")
    ]
    if age > timedelta(seconds=STALE_SECONDS):
        found, peers = [not_running(str(workspace), written_at)], []
    elif coverage.blind and not found:
        found = [stopped(str(workspace))]
    _put_status(coverage, told, found, peers, pid=pid, as_json=json)
    if found or coverage.blind or any(each.findings for each in peers):
        raise typer.Exit(EXIT_NO)


def _put_status(
    coverage: Coverage,
    told: dict[str, Json],
    found: list[Finding],
    peers: list[PeerStatus],
    *,
    pid: int,
    as_json: bool,
) -> None:
    tip = coverage.headers[-1] if coverage.headers else None
    proven = format_instant(coverage.proven_at)
    lag = max(int((current_time() - coverage.proven_at).total_seconds()), 0)
    if as_json:
        put_json(
            {
                "since": format_instant(coverage.since_at),
                "proven": proven,
                "lag_seconds": lag,
                "blind": coverage.blind or bool(found),
                "nodes": told.get("nodes"),
                "tip_height": None if tip is None else tip.height,
                "tip_hash": None if tip is None else tip.hash.hex(),
                "missing_height": coverage.missing_height,
                "scripts": told.get("scripts"),
                "listed": told.get("listed"),
                "owed": told.get("owed"),
                "pid": pid,
                "findings": findings_json(found),
                "peers": peers_json(peers),
            }
        )
    else:
        say(f"Watched since {format_instant(coverage.since_at)}.")
        say(f"Everything is proven to have been seen until {proven}, {lag} seconds ago.")
        if tip is not None:
            say(f"Last block searched: {tip.height:,}, {tip.hash.hex()}.")
        say(_scripts_line(told))
        for each in _objects(told, "nodes"):
            state = "nothing is in doubt" if each.get("sound") else "in doubt"
            say(f"  {each.get('node')}: block {each.get('height')}, {state}.")
        put_findings(found)
        show_peers(peers)


def _scripts_line(told: dict[str, Json]) -> str:
    listed = told.get("listed")
    by_wallet = listed.items() if isinstance(listed, dict) else ()
    of_them = "".join(f", {count} of them listed for {wallet}" for wallet, count in by_wallet)
    return f"Scripts watched: {told.get('scripts')}{of_them}."


def _addresses(nodes: list[str], rpc: str, cookie: Path | None) -> list[NodeAddress]:
    if not nodes:
        if cookie is None:
            raise BadInputError("--cookie", "is needed: the node's .cookie file")
        return [node_address(_NODE, rpc, cookie)]
    if cookie is not None:
        raise BadInputError("--cookie", "does not go with --node, which names each cookie")
    found = []
    for each in nodes:
        name, _, rest = each.partition("=")
        url, _, path = rest.partition(",")
        if not name.isalnum() or not path:
            raise BadInputError("--node", f"{each[:100]!r} is not NAME=http://HOST:PORT,COOKIE")
        found.append(node_address(name, url, Path(path)))
    if len({each.name for each in found}) < len(found):
        raise BadInputError("--node", "each needs a name of its own")
    return found


def _objects(told: dict[str, Json], name: str) -> list[dict[str, Json]]:
    listed = told.get(name)
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _finding(document: dict[str, Json]) -> Finding:
    facts = document.get("facts")
    pairs = facts.items() if isinstance(facts, dict) else ()
    return Finding(
        code=str(document.get("code")),
        subject=str(document.get("subject")),
        facts=tuple((name, str(value)) for name, value in pairs),
    )
