"""`sekisho journal`: is the history whole, and how is that shown to someone else?"""

import base64
import json as json_module
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from sekisho.app import make_journal_on_server
from sekisho.cli import witness as witness_commands
from sekisho.cli.options import JsonOption, WorkspaceOption
from sekisho.cli.output import EXIT_NO, notes, put_findings, put_json, say
from sekisho.cli.sink import OutOption, checkpoint_json, give, sink
from sekisho.edges.workspace import Workspace, open_workspace
from sekisho.journal import flow
from sekisho.journal.audit import Audit
from sekisho.journal.checkpoints import Checkpoint
from sekisho.journal.notes import VerifierKey, parse_vkey
from sekisho.journal.records import Entry, Row
from sekisho.journal.witness.flow import publish_witnessed, witness_keys
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant

app = typer.Typer(no_args_is_help=True, help="Verify, export, sign and prove the journal.")
app.add_typer(witness_commands.app, name="witness")


@app.command("create")
def create(
    owner: Annotated[
        str, typer.Argument(help="postgresql://owner@host/database: the role that will own it.")
    ],
    writer: Annotated[str, typer.Option(help="The role that reads it and adds to it.")],
    *,
    json: JsonOption = False,
) -> None:
    """Make an empty journal on PostgreSQL, to which its writer can add and do nothing else."""
    make_journal_on_server(owner, writer=writer)
    if json:
        put_json({"writer": writer})
    else:
        say(f"Made an empty journal; {writer} may read it and add to it.")
        say("Next: `sekisho init DIR --journal postgresql://WRITER@HOST/DATABASE`.")


@app.command()
def verify(
    export: Annotated[
        Path | None, typer.Argument(help="A file from `export`; else the workspace's journal.")
    ] = None,
    *,
    against: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint that was kept elsewhere; repeatable.")
    ] = None,
    vkey: Annotated[
        str | None, typer.Option(help="The log's verifier key, or a file that holds it.")
    ] = None,
    proof: Annotated[Path | None, typer.Option(help="A file from `prove`.")] = None,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Say where a history was changed, cut, reordered or forked; or check a proof file.

    Whoever can rewrite the whole journal can make it agree with itself. Name a checkpoint that
    was kept where they could not reach it, and the verifier key as you first got it.
    """
    kept = list(against or [])
    if proof is not None:
        proven, checkpoint = flow.verify_proof(proof, key=_key(vkey, workspace), against=kept)
        _put_proven(proven, checkpoint, json=json)
        return
    if export is not None:
        key = _key(vkey, workspace) if vkey or kept else None
        found = flow.verify_export(export, key=key, against=kept, watch=_watch)
    else:
        here = open_workspace(workspace)
        # Always there, since `init` signs one of nothing: whoever took it away may have cut, too.
        own = [here.last_checkpoint_path]
        found = flow.verify_journal(
            here.journal_path, key=_key(vkey, workspace), against=[*kept, *own], watch=_watch
        )
    _put_audit(found, json=json)
    if not kept and not json:
        say(
            "  Not compared with a checkpoint kept elsewhere (--against): "
            "a history that was rewritten as a whole would not show."
        )
    if found.findings:
        raise typer.Exit(EXIT_NO)


@app.command()
def export(
    *, out: OutOption = None, workspace: WorkspaceOption = Path(), json: JsonOption = False
) -> None:
    """Write the journal as lines of JSON, one entry each, to a file or to standard output."""
    if json and out is None:
        raise BadInputError("--json", "needs --out, since the export itself is standard output")
    with sink(out) as file:
        found = flow.export_journal(open_workspace(workspace).journal_path, file, watch=_watch)
    if out is not None:
        _put_audit(found, json=json)
    if found.findings:
        notes().print("The journal has flaws; `sekisho journal verify` names them.")
        raise typer.Exit(EXIT_NO)


@app.command()
def checkpoint(
    *,
    cosignature: Annotated[
        list[Path] | None,
        typer.Option(help="What a witness gave back; repeatable. Then nothing new is signed."),
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(help="A witness's verifier key, or a file that holds it; repeatable."),
    ] = None,
    out: OutOption = None,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Sign the journal as it is now, or join what witnesses cosigned into one checkpoint.

    Keep the result where nobody can reach it and the journal.
    """
    here = open_workspace(workspace)
    if cosignature or witness:
        _join(here, cosignature or [], witness or [], out, json=json)
        return
    note = flow.checkpoint_journal(
        here.journal_path,
        key=here.key_path,
        vkey=here.vkey_path,
        last_signed=here.last_checkpoint_path,
        watch=_watch,
    )
    give(note, out, what="checkpoint", json=json)


@app.command()
def prove(
    seq: Annotated[int | None, typer.Argument(help="The entry to prove.")] = None,
    *,
    consistent_with: Annotated[
        Path | None, typer.Option(help="An older checkpoint, to prove that we only added to it.")
    ] = None,
    out: OutOption = None,
    workspace: WorkspaceOption = Path(),
    json: JsonOption = False,
) -> None:
    """Write a proof that others verify without the journal, under the last signed checkpoint."""
    here = open_workspace(workspace)
    if seq is not None and consistent_with is None:
        made = flow.prove_inclusion(
            here.journal_path,
            seq=seq,
            vkey=here.vkey_path,
            last_signed=here.last_checkpoint_path,
        )
    elif seq is None and consistent_with is not None:
        made = flow.prove_consistency(
            here.journal_path,
            older=consistent_with,
            vkey=here.vkey_path,
            last_signed=here.last_checkpoint_path,
        )
    else:
        raise BadInputError("journal prove", "takes an entry's number or --consistent-with")
    give(made, out, what="proof", json=json)


def _join(
    here: Workspace, files: list[Path], witnesses: list[str], out: Path | None, *, json: bool
) -> None:
    if not files or not witnesses:
        raise BadInputError("journal checkpoint", "takes --cosignature together with --witness")
    published = here.last_checkpoint_path.with_name("witnessed")
    joined = publish_witnessed(
        here.journal_path,
        vkey=here.vkey_path,
        last_signed=here.last_checkpoint_path,
        published=published,
        cosigned=files,
        witnesses=witness_keys(witnesses),
        watch=_watch,
    )
    names = [each.witness.name for each in joined.cosignatures]
    if not json:
        notes().print(f"Cosigned by {', '.join(names)}; kept as {published}.", markup=False)
    give(joined.note, out, what="checkpoint", json=json, more={"cosigned_by": [*names]})


def _key(given: str | None, workspace: Path) -> VerifierKey:
    if given is None:
        return flow.read_vkey(open_workspace(workspace).vkey_path)
    return flow.read_vkey(Path(given)) if Path(given).is_file() else parse_vkey(given, "--vkey")


def _watch(rows: Iterable[Row], total: int | None) -> Iterable[Row]:
    """Show a bar on standard error while the rows go by, if a person is looking."""
    if not sys.stderr.isatty():
        return rows
    return track(rows, "Reading the journal", total=total, console=notes(), transient=True)


def _put_audit(found: Audit, *, json: bool) -> None:
    root = base64.b64encode(found.root).decode()
    if json:
        put_json(
            {
                "size": found.size,
                "root": root,
                "agrees_to": found.agrees_to,
                "findings": findings_json(found.findings),
            }
        )
        return
    say(f"{found.size:,} entries, root {root}")
    if found.findings:
        put_findings(found.findings)
    else:
        say("  ✓ Every entry is as it was written, and follows the one before it.")
    if found.agrees_to:
        say(f"  ✓ The journal begins with {found.agrees_to:,} entries that were signed.")


def _put_proven(proven: Entry | Checkpoint, checkpoint: Checkpoint, *, json: bool) -> None:
    if isinstance(proven, Entry):
        document: Json = json_module.loads(proven.document)
        line = (
            f"  ✓ Entry {proven.seq:,} ({proven.kind}, {format_instant(proven.at)}, "
            f"by {proven.actor}) stands in the signed history."
        )
    else:
        document = checkpoint_json(proven)
        line = f"  ✓ The signed history begins with the {proven.size:,} entries of the older one."
    if json:
        put_json({"proven": document, "checkpoint": checkpoint_json(checkpoint)})
    else:
        say(f"{checkpoint.origin}, {checkpoint.size:,} entries", line)
