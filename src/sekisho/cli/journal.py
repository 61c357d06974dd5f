"""`sekisho journal`: is the history whole, and how is that shown to someone else?"""

import base64
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import track

from sekisho.journal import flow
from sekisho.journal.audit import Audit
from sekisho.journal.notes import VerifierKey, parse_vkey
from sekisho.journal.records import Entry, Row
from sekisho.kernel.catalogue import says, what_to_do
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant
from sekisho.kernel.words import Language

ANSWER_IS_NO = 3

app = typer.Typer(no_args_is_help=True, help=__doc__)

Workspace = Annotated[Path, typer.Option(help="The workspace's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Out = Annotated[Path | None, typer.Option(help="A new file to write to.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a workspace keeps what belongs to its journal."""

    journal: Path
    key: Path
    vkey: Path
    last_signed: Path


def places(workspace: Path) -> Places:
    """Return where the parts of the journal lie in a workspace; nothing is looked at."""
    return Places(
        journal=workspace / "journal.sqlite",
        key=workspace / "journal.key",
        vkey=workspace / "journal.vkey",
        last_signed=workspace / "checkpoints" / "last-signed",
    )


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
    workspace: Workspace = Path(),
    lang: Annotated[Language, typer.Option(help="Language of the findings.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Say where a history was changed, cut, reordered or forked; or check a proof file.

    Whoever can rewrite the whole journal can make it agree with itself. Name a checkpoint that
    was kept where they could not reach it, and the verifier key as you first got it.
    """
    here = places(workspace)
    kept = list(against or [])
    if proof is not None:
        _show_proof(proof, kept, _key(vkey, here), as_json=as_json)
        return
    if export is not None:
        key = _key(vkey, here) if vkey or kept else None
        found = flow.verify_export(export, key=key, against=kept, watch=_watch)
    else:
        if here.last_signed.exists():
            kept.append(here.last_signed)
        found = flow.verify_journal(here.journal, key=_key(vkey, here), against=kept, watch=_watch)
    _show_audit(found, compared=bool(against), lang=lang, as_json=as_json)


@app.command()
def export(*, out: Out = None, workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Write the journal as lines of JSON, one entry each, to a file or standard output."""
    if as_json and out is None:
        raise BadInputError("--json", "needs --out, since the export itself is standard output")
    with _sink(out) as sink:
        found = flow.export_journal(places(workspace).journal, sink, watch=_watch)
    _show_audit(found, compared=True, lang="en", as_json=as_json, to_stderr=not as_json)


@app.command()
def checkpoint(*, out: Out = None, workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Sign the journal as it is now. Keep the result where nobody can reach both."""
    here = places(workspace)
    note = flow.checkpoint_journal(
        here.journal, key=here.key, vkey=here.vkey, last_signed=here.last_signed, watch=_watch
    )
    _give(note, out, what="checkpoint", as_json=as_json)


@app.command()
def prove(
    seq: Annotated[int | None, typer.Argument(help="The entry to prove.")] = None,
    *,
    consistent_with: Annotated[
        Path | None, typer.Option(help="An older checkpoint, to prove that we only added to it.")
    ] = None,
    out: Out = None,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a proof that others verify without the journal, under the last signed checkpoint."""
    here = places(workspace)
    if seq is not None and consistent_with is None:
        made = flow.prove_inclusion(
            here.journal, seq=seq, vkey=here.vkey, last_signed=here.last_signed
        )
    elif seq is None and consistent_with is not None:
        made = flow.prove_consistency(
            here.journal, older=consistent_with, vkey=here.vkey, last_signed=here.last_signed
        )
    else:
        raise BadInputError("journal prove", "takes an entry's number or --consistent-with")
    _give(made, out, what="proof", as_json=as_json)


def _key(given: str | None, here: Places) -> VerifierKey:
    if given is None:
        return flow.read_vkey(here.vkey)
    return flow.read_vkey(Path(given)) if Path(given).is_file() else parse_vkey(given, "--vkey")


def _watch(rows: Iterable[Row], total: int | None) -> Iterable[Row]:
    """Show a bar on standard error while the rows go by, if a person is looking."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return rows
    return track(rows, "Reading the journal", total=total, console=console, transient=True)


def _show_audit(
    found: Audit, *, compared: bool, lang: Language, as_json: bool, to_stderr: bool = False
) -> None:
    root = base64.b64encode(found.root).decode()
    if as_json:
        _print_json(
            {
                "size": found.size,
                "root": root,
                "agrees_to": found.agrees_to,
                "findings": [
                    each.as_json() | {"says": says(each, lang)} for each in found.findings
                ],
            }
        )
    else:
        lines = [f"{found.size:,} entries, root {root}"]
        for each in found.findings:
            lines += [f"✗ {says(each, lang)}", f"  → {what_to_do(each.code, lang)}"]
        if not found.findings:
            lines.append("✓ Every entry is as it was written, and follows the one before it.")
        if found.agrees_to:
            lines.append(f"✓ It begins with the {found.agrees_to:,} entries that were signed.")
        if not compared:
            lines.append(
                "  Not compared with a checkpoint kept elsewhere (--against): "
                "a history rewritten as a whole would not show."
            )
        typer.echo("\n".join(lines), err=to_stderr)
    if found.findings:
        raise typer.Exit(ANSWER_IS_NO)


def _show_proof(path: Path, kept: list[Path], key: VerifierKey, *, as_json: bool) -> None:
    proven, checkpoint = flow.verify_proof(path, key=key, against=kept)
    if isinstance(proven, Entry):
        document = json.loads(proven.document)
        line = (
            f"✓ Entry {proven.seq:,} of {checkpoint.origin}, {proven.kind} by {proven.actor} "
            f"at {format_instant(proven.at)}, stands in the signed history."
        )
    else:
        document = {"size": proven.size, "root": base64.b64encode(proven.root).decode()}
        line = f"✓ The signed history begins with the {proven.size:,} entries kept."
    if as_json:
        root = base64.b64encode(checkpoint.root).decode()
        signed = {"origin": checkpoint.origin, "size": checkpoint.size, "root": root}
        _print_json({"proven": document, "checkpoint": signed})
    else:
        typer.echo(f"{line}\n  Signed: {checkpoint.size:,} entries, {checkpoint.origin}")


def _give(data: bytes, out: Path | None, *, what: str, as_json: bool) -> None:
    if out is not None:
        with _sink(out) as sink:
            sink.write(data)
    if as_json:
        _print_json({what: data.decode(), "file": str(out) if out else None})
    elif out is not None:
        typer.echo(f"✓ {what} written to {out}")
    else:
        typer.echo(data.decode(), nl=False)


@contextmanager
def _sink(out: Path | None) -> Iterator[BinaryIO]:
    """Open a new file, which is taken away again if it cannot be finished; or standard output."""
    if out is None:
        yield sys.stdout.buffer
        return
    try:
        file = out.open("xb")
    except FileExistsError as error:
        raise BadInputError(str(out), "is there already; name a new file") from error
    except OSError as error:
        raise BadInputError(str(out), f"cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
