"""`sekisho pass export|verify`: one file from which anybody verifies a pass offline."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import checkpoint_of, current_time, installation
from sekisho.cli.options import JsonOption, PassArgument, SeenOption, WorkspaceOption, read_file
from sekisho.cli.output import EXIT_NO, put_findings, put_json, say
from sekisho.cli.standing import put_standing
from sekisho.edges.keys import replace_file, write_new
from sekisho.edges.workspace import open_workspace
from sekisho.journal.notes import NOTE_MAX_BYTES
from sekisho.journal.witness.last_seen import LastSeen
from sekisho.journal.witness.state import parse_seen, write_seen
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.instants import format_instant
from sekisho.passes.bundle import BUNDLE_MAX_BYTES, Opened, open_bundle
from sekisho.passes.flow import bundle_of, desk_of_pass
from sekisho.passes.shown import standing_json, subject_of
from sekisho.passes.verify import Standing, standing_of, time_findings

app = typer.Typer()
_SEEN_MAX_BYTES = 4 * NOTE_MAX_BYTES
BundleArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A bundle file.")]
GenesisOption = Annotated[
    str, typer.Option("--genesis", help="The pinned genesis digest; else the workspace's.")
]


@app.command("export")
def export(
    name: PassArgument,
    out: Annotated[Path, typer.Option("--out", help="The bundle file to write.")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="The checkpoint to end at; else the witnessed one, or the last signed."),
    ] = None,
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Write one file with the pass, who said what, and the journal up to a signed checkpoint."""
    with installation(workspace) as here:
        desk, digest = desk_of_pass(here.journal, name, genesis_digest=here.genesis_digest)
        note, size = checkpoint_of(here, checkpoint)
        lines = bundle_of(desk, digest, note, size=size)
        write_new(out, b"".join(lines), mode=0o644)
    if json:
        put_json({"bundle": str(out), "pass_digest": digest, "entries": size})
    else:
        say(f"Wrote {out}: pass {name}, and the journal's first {size:,} entries.")


@app.command("verify")
def verify(
    path: BundleArgument,
    genesis: GenesisOption = "",
    seen: SeenOption = None,
    workspace: WorkspaceOption = Path(),
    *,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Judge it now: what a gate asks, not an auditor.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Verify a pass from one file, with nothing but a pinned genesis. Exit code 3 if it is bad.

    Without --fresh it is judged as of the file's own last moment, so last year's still verifies.
    """
    now = current_time() if fresh else None
    opened = open_pinned(path, pinned(genesis, workspace), seen, now=now)
    standing = standing_of(opened.register, opened.pass_digest)
    timely = time_findings(standing, now=opened.as_of_at)
    good = not standing.findings and not (fresh and timely)
    if json:
        put_json(
            {
                **standing_json(standing),
                "answer": "good" if good else "no",
                "as_of": format_instant(opened.as_of_at),
                "entries": opened.seen.checkpoint.size,
                "witnesses": [each.witness.name for each in opened.cosignatures],
                "time": findings_json(timely),
            }
        )
    else:
        _put_verified(opened, standing)
        put_findings(timely, style="yellow")
        say("The pass is good." if good else "The pass allows nothing.")
    if not good:
        raise typer.Exit(EXIT_NO)


def pinned(genesis: str, workspace: Path) -> str:
    """Return the genesis digest that was given, else the workspace's; raises `BadInputError`."""
    found = genesis or open_workspace(workspace).genesis_digest
    if not found:
        raise BadInputError("--genesis", "is missing, and no workspace here has one pinned")
    return found


def open_pinned(path: Path, genesis: str, seen: Path | None, *, now: datetime | None) -> Opened:
    """Return an opened bundle, verified from the pinned genesis and the last checkpoint seen.

    What was seen is brought up to date only after everything else was found to be in order.
    """
    data = read_file(path, limit_bytes=BUNDLE_MAX_BYTES)
    opened = open_bundle(
        data, genesis_digest=genesis, seen=_last_seen(seen), now=now, where=str(path)
    )
    if seen is not None:
        _keep(seen, write_seen([opened.seen]))
    return opened


def _keep(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, data)
    except OSError as error:
        raise WorldError(
            f"{path}: cannot be kept: {error.strerror}; name another --seen"
        ) from error


def _last_seen(path: Path | None) -> LastSeen | None:
    if path is None or not path.exists():
        return None
    try:
        logs = parse_seen(read_file(path, limit_bytes=_SEEN_MAX_BYTES), str(path))
    except BadInputError as error:
        raise BadInputError(
            error.where,
            f"{error.reason}: what was last seen of the journal is damaged. Put the newest copy "
            "of it back; without it an older journal could be shown to you",
        ) from error
    if len(logs) != 1:
        raise BadInputError(str(path), "is not the last checkpoint of one journal")
    return logs[0]


def _put_verified(opened: Opened, standing: Standing) -> None:
    put_standing(standing, as_json=False, subject=subject_of(opened.register, standing))
    witnesses = ", ".join(each.witness.name for each in opened.cosignatures) or "no witness"
    say(
        f"Verified as of {format_instant(opened.as_of_at)} from {opened.seen.checkpoint.size:,} "
        f"journal entries, under a checkpoint of {opened.seen.log.name} cosigned by {witnesses}."
    )
