"""`sekisho gate`: the last check before a key is used."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import current_time, installation, new_id
from sekisho.cli import holds
from sekisho.cli.options import JsonOption, WorkspaceOption, read_file
from sekisho.cli.output import put_json, say
from sekisho.edges.keepers import open_keeper
from sekisho.gate.flow import check_psbt
from sekisho.gate.reading import PSBT_SIZE_MAX_BYTES, psbt_bytes
from sekisho.passes.flow import desk_of_pass

app = typer.Typer(help="The gate: bytes against pass.", no_args_is_help=True)
app.add_typer(holds.app, name="hold")


@app.command("check")
def check(
    name: Annotated[str, typer.Option("--pass", help="The pass's id or the start of its digest.")],
    psbt: Annotated[Path, typer.Option(help="The PSBT file: binary, base64 or hex.")],
    workspace: WorkspaceOption = Path(),
    keeper: holds.KeeperOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Clear a PSBT for signing (exit code 0), or refuse it with every reason (exit code 3)."""
    data = psbt_bytes(read_file(psbt, limit_bytes=PSBT_SIZE_MAX_BYTES * 2), str(psbt))
    with installation(workspace) as here:
        now = current_time()
        genesis = here.pinned_genesis()
        _, digest = desk_of_pass(here.journal, name, genesis_digest=genesis)
        cleared = check_psbt(
            data,
            journal=here.journal,
            genesis_digest=genesis,
            pass_digest=digest,
            entry_id=new_id(now),
            now=now,
            keeper=None if keeper is None else open_keeper(keeper, workspace=workspace),
        )
    if json:
        put_json(
            {
                "answer": "cleared",
                "pass_digest": cleared.pass_digest,
                "txid": cleared.txid,
                "findings": [],
            }
        )
    else:
        say(f"Cleared: transaction {cleared.txid} is what the pass allows, and nothing more.")
