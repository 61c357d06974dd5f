"""`sekisho journal witness`: keep what the journal was, so that it becomes nothing else."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import current_time
from sekisho.cli.options import JsonOption
from sekisho.cli.output import notes, put_json, say
from sekisho.cli.sink import OutOption, checkpoint_json, give
from sekisho.edges.workspace import Workspace, open_workspace
from sekisho.journal.checkpoints import Checkpoint
from sekisho.journal.flow import read_vkey
from sekisho.journal.witness.flow import (
    Witness,
    add_log,
    begin_witness,
    check_checkpoint,
    cosign_checkpoint,
    logs_of,
    read_witness_key,
)
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.instants import format_instant

app = typer.Typer(no_args_is_help=True, help="Keep, compare and cosign checkpoints.")

DirOption = Annotated[Path, typer.Option("--dir", help="The witness's folder.")]
ShownArgument = Annotated[
    Path | None,
    typer.Argument(
        help="A checkpoint, or a file from `journal prove --consistent-with`; "
        "else the workspace's last one."
    ),
]
JournalOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", "-w", help="Compare with the entries themselves, in this workspace."
    ),
]


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="The folder to make.")],
    *,
    name: Annotated[str, typer.Option(help="The witness's name, such as gate.example/witness.")],
    json: JsonOption = False,
) -> None:
    """Make a witness: a key, and a memory that is empty.

    Keep the folder on a machine that the journal's operator cannot reach. Never copy it to a
    second one, and never put an old copy back: a witness that forgets can cosign two histories.
    """
    vkey = str(begin_witness(Witness(folder=directory), name=name))
    if json:
        put_json({"dir": str(directory), "vkey": vkey})
        return
    say(
        f"Made {directory}: the key that cosigns, and what was last seen (of no log yet).",
        f"Give whoever counts witnesses this verifier key: {vkey}",
        "Next: `sekisho journal witness add` with the log's verifier key.",
    )


@app.command()
def add(
    *,
    log: Annotated[Path, typer.Option(help="The file with the log's verifier key.")],
    directory: DirOption = Path(),
    json: JsonOption = False,
) -> None:
    """Let the witness know a log. The first checkpoint of it that it sees, it believes."""
    vkey = read_vkey(log)
    add_log(Witness(folder=directory), vkey)
    if json:
        put_json({"log": str(vkey)})
    else:
        say(f"  ✓ Knows {vkey}. Compare this line with the log's operator, by voice.")


@app.command()
def cosign(
    shown: ShownArgument = None,
    *,
    directory: DirOption = Path(),
    workspace: JournalOption = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Cosign a checkpoint that only adds to the last one seen; refuse every other one."""
    witness = Witness(folder=directory)
    path, journal = _shown(shown, workspace)
    now = current_time()
    seen, note = cosign_checkpoint(witness, path, journal=journal, now=now)
    own = read_witness_key(witness.vkey_path)
    if not json:
        notes().print(f"  ✓ Cosigned {_called(seen.checkpoint)}.", markup=False)
    give(
        note,
        out,
        what="checkpoint",
        json=json,
        more={"cosigned_by": own.name, "cosigned_at": format_instant(now)},
    )


@app.command()
def check(
    shown: ShownArgument = None,
    *,
    directory: DirOption = Path(),
    workspace: JournalOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether a checkpoint only adds to the last one seen, or what was last seen."""
    witness = Witness(folder=directory)
    if shown is None and workspace is None:
        _put_seen(witness, json=json)
        return
    path, journal = _shown(shown, workspace)
    seen = check_checkpoint(witness, path, journal=journal)
    if json:
        put_json({"checkpoint": checkpoint_json(seen.checkpoint)})
    else:
        say(f"  ✓ {_called(seen.checkpoint)}: only adds to what was last seen.")


def _put_seen(witness: Witness, *, json: bool) -> None:
    logs = logs_of(witness)
    if json:
        put_json(
            {
                "logs": [
                    {
                        "vkey": str(each.log),
                        "checkpoint": checkpoint_json(each.checkpoint),
                        "note": each.note.decode(),
                    }
                    for each in logs
                ]
            }
        )
        return
    for each in logs:
        say(f"Last seen: {_called(each.checkpoint)}, by {each.log}")
    if not logs:
        say("This witness knows no log yet; `sekisho journal witness add` names one.")


def _shown(shown: Path | None, workspace: Path | None) -> tuple[Path, Path | str | None]:
    """Return the file that is shown, and the journal to compare it with."""
    if workspace is None:
        if shown is None:
            raise BadInputError("checkpoint", "is missing: name a file, or a --workspace")
        return shown, None
    here: Workspace = open_workspace(workspace)
    return shown or here.last_checkpoint_path, here.journal_path


def _called(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.origin}, {checkpoint.size:,} entries"
