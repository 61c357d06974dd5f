"""`sekisho lease`: whoever watches lets gates go on, for minutes at a time."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import current_time, installation, last_checkpoint
from sekisho.cli.options import JsonOption, WorkspaceOption, read_file
from sekisho.cli.output import put_json, say
from sekisho.edges.beat_link import ask_watcher
from sekisho.edges.gates import (
    create_granter,
    enrol_gate,
    enrolled_gate,
    granting,
    keep_granted,
    last_lease,
    open_granter,
    pin_watcher,
    read_enrolled,
)
from sekisho.edges.keys import write_new
from sekisho.edges.watchers import read_watcher_pub
from sekisho.kernel.instants import format_instant
from sekisho.passes.lease import read_request, sign_lease, signed_lease_bytes
from sekisho.watch.granting import grant, outlook_of, watcher_findings

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


@app.command("enrol")
def enrol(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The gate's own gate.pub.")],
    granter: Annotated[Path, typer.Option(help="The granter's folder.")],
    *,
    json: JsonOption = False,
) -> None:
    """Put a gate down with the granter: it gets leases from then on. Compare its key in person."""
    enrolled = read_enrolled(path)
    enrol_gate(granter, enrolled)
    place = "isolated" if enrolled.isolated else "co-located"
    if json:
        put_json({"gate": enrolled.gate_id, "mode": place, "key": enrolled.public_key.hex()})
    else:
        say(f"Gate {enrolled.gate_id}, {place}, with key {enrolled.public_key.hex()}.")


@app.command("watcher")
def demand_watcher(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The watcher's own watcher.pub.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="http://HOST:PORT where it is asked.")],
    granter: Annotated[Path, typer.Option(help="The granter's folder.")],
    *,
    json: JsonOption = False,
) -> None:
    """Grant nothing from now on unless this watcher answers that it sees everything."""
    known = read_watcher_pub(path)
    pin_watcher(granter, known, url)
    if json:
        put_json({"watcher": known.watcher_id, "public_key": known.public_key.hex(), "url": url})
    else:
        say(f"No lease without the word of watcher {known.watcher_id}, asked at {url}.")


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
    signed_request = read_request(read_file(path, limit_bytes=_REQUEST_MAX_BYTES), str(path))
    gate_id = signed_request.request.gate_id
    key, now = open_granter(granter), current_time()
    with installation(workspace) as here, granting(granter):
        watcher = ask_watcher(granter)
        entries = tuple(here.journal.entries())
        note, genesis = last_checkpoint(here), here.pinned_genesis()
        outlook = outlook_of(entries, note, genesis_digest=genesis, now=now)
        if watcher is not None:
            known, said, question = watcher
            unseen = watcher_findings(known, said, question, entries, genesis_digest=genesis)
            outlook = replace(outlook, alarms=(*outlook.alarms, *unseen))
        enrolled, last = enrolled_gate(granter, gate_id), last_lease(granter, gate_id)
        lease = grant(signed_request, enrolled, last, outlook, now=now)
        signed = sign_lease(lease, key)
        keep_granted(granter, signed)
    write_new(out, signed_lease_bytes(signed), mode=0o644)
    until = format_instant(lease.expires_at)
    if json:
        number = lease.number
        put_json({"lease": str(out), "gate": lease.gate_id, "number": number, "expires": until})
    else:
        say(f"Wrote {out}: lease {lease.number} of gate {lease.gate_id}, until {until}.")
