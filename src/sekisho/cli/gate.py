"""`sekisho gate`: the last check before a key is used."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import (
    Installation,
    checkpoint_of,
    current_time,
    installation,
    new_gate,
    new_id,
    open_gate,
)
from sekisho.cli import attest, cosigner, holds
from sekisho.cli.bundles import GenesisOption, pinned
from sekisho.cli.gate_answers import Answered, answer_json, ask_gate, put_answer
from sekisho.cli.options import JsonOption, WorkspaceOption, read_file
from sekisho.cli.output import EXIT_NO, put_json, say
from sekisho.cli.people import desk_of_name
from sekisho.edges.gates import GATE_PUB, gate_key, keep_lease, read_granter_key
from sekisho.edges.keepers import open_keeper
from sekisho.edges.keys import write_new
from sekisho.gate.attest import AttestedPSBT
from sekisho.gate.leases.flow import ask_lease, take_lease
from sekisho.gate.reading import PSBT_SIZE_MAX_BYTES, psbt_bytes
from sekisho.gate.records import Gate, Mode
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant
from sekisho.passes.bundle import BUNDLE_MAX_BYTES
from sekisho.passes.flow import bundle_of
from sekisho.passes.lease import request_bytes, sign_request
from sekisho.wallets.documents import check_id

app = typer.Typer(help="The gate: bytes against pass.", no_args_is_help=True)
app.add_typer(holds.app, name="hold")
app.add_typer(cosigner.app, name="cosigner")
app.add_typer(attest.app, name="attest")
GateOption = Annotated[
    Path, typer.Option("--gate", help="The gate's folder (made by `sekisho gate init`).")
]
_LEASE_MAX_BYTES = 16 * 1024


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to be made.")],
    gate_id: Annotated[str, typer.Option("--id", help="A short name of this gate.")],
    granter: Annotated[
        Path, typer.Option(help="The public key of whoever grants leases (`sekisho lease init`).")
    ],
    genesis: GenesisOption = "",
    workspace: WorkspaceOption = Path(),
    *,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="This machine has no network: all is carried to it.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a gate on this machine: it pins the genesis and the granter's key, and has a memory."""
    gate = Gate(
        gate_id=check_id(gate_id, "--id"),
        genesis_digest=pinned(genesis, workspace),
        granter_key=read_granter_key(granter),
        mode=Mode.ISOLATED if isolated else Mode.CO_LOCATED,
    )
    new_gate(folder, gate)
    if json:
        put_json({"gate": gate.gate_id, "mode": gate.mode.value, "folder": str(folder)})
        return
    say(
        f"Made {folder}: gate {gate.gate_id}, {gate.mode.value}. Enrol it with the granter "
        f"(`sekisho lease enrol {folder / GATE_PUB}`). It is shut until it has a lease: "
        "`sekisho gate request`, `sekisho lease grant`, `sekisho gate lease`."
    )


@app.command("request")
def request(
    gate: GateOption,
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    *,
    json: JsonOption = False,
) -> None:
    """Write what the gate shows to whoever grants leases: how far its memory goes."""
    with open_gate(gate) as opened:
        asked = ask_lease(opened.memory, opened.gate)
        signed = sign_request(asked, gate_key(opened.folder))
    write_new(out, request_bytes(signed), mode=0o644)
    if json:
        put_json({"request": str(out), "gate": asked.gate_id, "memory": asked.memory.size})
    else:
        say(f"Wrote {out}. Carry it to the granter: `sekisho lease grant {out}`.")


@app.command("lease")
def lease(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `sekisho lease grant` wrote.")
    ],
    gate: GateOption,
    *,
    json: JsonOption = False,
) -> None:
    """Give the gate a lease. Until it runs out the gate is open to what passes allow."""
    data = read_file(path, limit_bytes=_LEASE_MAX_BYTES)
    now = current_time()
    with open_gate(gate) as opened:
        found = take_lease(opened.memory, opened.gate, data, entry_id=new_id(now), now=now)
        keep_lease(opened.folder, data)
    until = format_instant(found.expires_at)
    if json:
        put_json({"gate": found.gate_id, "number": found.number, "expires": until})
    else:
        say(f"Lease {found.number} of gate {found.gate_id}, until {until}.")


@app.command("check")
def check(
    gate: GateOption,
    psbt: Annotated[Path, typer.Option(help="The PSBT file: binary, base64 or hex.")],
    name: Annotated[
        str,
        typer.Option(
            "--pass",
            help="The pass's id or the start of its digest; of a standing pass, ID#NUMBER: "
            "the child of that number, with all that share its anchor.",
        ),
    ] = "",
    bundle: Annotated[
        Path | None,
        typer.Option(help="A file of `sekisho pass export`, for a gate without a workspace."),
    ] = None,
    signed: Annotated[
        Path | None, typer.Option(help="What the signer returned: a PSBT or a transaction.")
    ] = None,
    attested: Annotated[
        Path | None,
        typer.Option(help="Write the PSBT with this gate's attestations, for the Coldcard."),
    ] = None,
    workspace: WorkspaceOption = Path(),
    keeper: holds.KeeperOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Clear a PSBT for signing (exit code 0), or refuse it with every reason (exit code 3).

    Either answer is told step by step, with what was seen: docs/gate.md has the steps.
    With --signed, verify that what the signer returned is what was cleared, with nothing but good
    signatures. Nothing is to be broadcast before.
    """
    if bool(name) == (bundle is not None):
        raise BadInputError("--pass", "or --bundle: name one of them")
    data = psbt_bytes(read_file(psbt, limit_bytes=PSBT_SIZE_MAX_BYTES * 2), str(psbt))
    back = None if signed is None else read_file(signed, limit_bytes=PSBT_SIZE_MAX_BYTES * 2)
    held = None if keeper is None else open_keeper(keeper, workspace=workspace)
    with open_gate(gate) as opened:
        if bundle is not None:
            carried = read_file(bundle, limit_bytes=BUNDLE_MAX_BYTES)
            answer = ask_gate(data, back, opened, carried, None, held)
        else:
            with installation(workspace) as here:
                answer = ask_gate(data, back, opened, _bundle_here(here, name), here, held)
    _write_attested(answer, attested)
    put_json(answer_json(answer)) if json else put_answer(answer)
    if answer.is_no:
        raise typer.Exit(EXIT_NO)


def _write_attested(answered: Answered, path: Path | None) -> None:
    """Write what the device is given; raises `BadInputError` where there is nothing to give."""
    answer = answered.answer
    if path is None or answered.is_no:
        return
    if not isinstance(answer, AttestedPSBT):
        raise BadInputError("--attested", "asks for what this gate has no attestation key for")
    write_new(path, answer.psbt, mode=0o644)


def _bundle_here(here: Installation, name: str) -> bytes:
    """Return the bundle of a pass from the journal beside the gate, up to its last checkpoint."""
    desk, digest = desk_of_name(here, name, genesis_digest=here.pinned_genesis())
    note, size = checkpoint_of(here)
    return b"".join(bundle_of(desk, digest, note, size=size))
