"""`sekisho lease`: whoever watches lets gates go on, for minutes at a time."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import current_time, installation, last_checkpoint
from sekisho.cli.options import JsonOption, WorkspaceOption, read_file
from sekisho.cli.output import put_json, say
from sekisho.edges.gates import create_granter, keep_granted, last_lease, open_granter
from sekisho.edges.keys import write_new
from sekisho.kernel.instants import format_instant
from sekisho.passes.lease import read_request, sign_lease, signed_lease_bytes
from sekisho.watch.granting import grant, outlook_of

app = typer.Typer(help="Leases: for so long may a gate go on.", no_args_is_help=True)
_REQUEST_MAX_BYTES = 1024 * 1024


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to be made.")],
    *,
    json: JsonOption = False,
) -> None:
    """Make a granter's folder, on the machine of the watcher: a key, and what it granted."""
    public_key = create_granter(folder)
    if json:
        put_json({"granter": str(folder), "public_key": public_key.hex()})
    else:
        say(f"Made {folder}. Each gate pins {folder / 'granter.pub'}.")


@app.command("grant")
def grant_lease(
    path: Annotated[Path, typer.Argument(metavar="REQUEST", help="What the gate wrote.")],
    granter: Annotated[Path, typer.Option(help="The granter's folder.")],
    out: Annotated[Path, typer.Option("--out", help="The lease to write.")],
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Grant a gate its next lease, unless an alarm stands or the gate has forgotten something."""
    request = read_request(read_file(path, limit_bytes=_REQUEST_MAX_BYTES), str(path))
    key, now = open_granter(granter), current_time()
    with installation(workspace) as here:
        entries = tuple(here.journal.entries())
        note, genesis = last_checkpoint(here), here.pinned_genesis()
        outlook = outlook_of(entries, note, genesis_digest=genesis, now=now)
    lease = grant(request, last_lease(granter, request.gate_id), outlook, now=now)
    signed = sign_lease(lease, key)
    keep_granted(granter, signed)
    write_new(out, signed_lease_bytes(signed), mode=0o644)
    until = format_instant(lease.expires_at)
    if json:
        number = lease.number
        put_json({"lease": str(out), "gate": lease.gate_id, "number": number, "expires": until})
    else:
        say(f"Wrote {out}: lease {lease.number} of gate {lease.gate_id}, until {until}.")
