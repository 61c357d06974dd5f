"""`sekisho gate`: the last check before a key is used."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import Installation, current_time, hold_to_seen, installation, new_id
from sekisho.cli import holds
from sekisho.cli.options import JsonOption, SeenOption, WorkspaceOption, read_file
from sekisho.cli.output import put_json, say
from sekisho.edges.keepers import open_keeper
from sekisho.gate.flow import check_psbt
from sekisho.gate.reading import PSBT_SIZE_MAX_BYTES, psbt_bytes
from sekisho.kernel.errors import BadInputError
from sekisho.passes.flow import desk_of_pass, open_desk

app = typer.Typer(help="The gate: bytes against pass.", no_args_is_help=True)
app.add_typer(holds.app, name="hold")
_PREFIX_MIN = 8


@app.command("check")
def check(
    name: Annotated[
        str,
        typer.Option(
            "--pass",
            help="The pass's id or the start of its digest; of a standing pass, ID#NUMBER: "
            "the child of that number, with all that share its anchor.",
        ),
    ],
    psbt: Annotated[Path, typer.Option(help="The PSBT file: binary, base64 or hex.")],
    workspace: WorkspaceOption = Path(),
    keeper: holds.KeeperOption = None,
    seen: SeenOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Clear a PSBT for signing (exit code 0), or refuse it with every reason (exit code 3)."""
    data = psbt_bytes(read_file(psbt, limit_bytes=PSBT_SIZE_MAX_BYTES * 2), str(psbt))
    with installation(workspace) as here:
        if seen is not None:
            hold_to_seen(here, seen)
        now = current_time()
        digest = _digest_of(here, name)
        cleared = check_psbt(
            data,
            journal=here.journal,
            genesis_digest=here.pinned_genesis(),
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


def _digest_of(here: Installation, name: str) -> str:
    """Return the digest of the pass, or of the child of a standing pass, that `name` means."""
    genesis = here.pinned_genesis()
    standing, separator, number = name.partition("#")
    if separator:
        desk, digest = desk_of_pass(here.journal, standing, genesis_digest=genesis)
        family = desk.register.children.get(digest, {})
        child = family.get(int(number)) if number.isascii() and number.isdigit() else None
        if child is None:
            raise BadInputError(f"pass {name[:64]!r}", "has no child of that number")
        return child.digest
    places = open_desk(here.journal, genesis_digest=genesis).register.child_places
    children = [each for each in places if len(name) >= _PREFIX_MIN and each.startswith(name)]
    if len(children) == 1:
        return children[0]
    return desk_of_pass(here.journal, name, genesis_digest=genesis)[1]
