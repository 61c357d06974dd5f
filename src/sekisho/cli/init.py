"""`sekisho init`: a workspace."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import new_installation
from sekisho.cli.options import JsonOption
from sekisho.cli.output import put_json, say


def run(
    directory: Annotated[Path, typer.Argument(help="The folder to make.")],
    name: Annotated[str, typer.Option(help="A short name for this installation.")] = "exchange",
    network: Annotated[
        str, typer.Option(help="mainnet, testnet3, testnet4, signet or regtest.")
    ] = "mainnet",
    journal: Annotated[
        str,
        typer.Option(help="postgresql://WRITER@HOST/DATABASE, made by `sekisho journal create`."),
    ] = "",
    *,
    json: JsonOption = False,
) -> None:
    """Make a workspace: its configuration, an empty journal, and the journal's key."""
    workspace = new_installation(directory, name=name, network=network, server=journal)
    vkey = workspace.vkey_path.read_text().strip()
    if json:
        put_json({"workspace": str(directory), "origin": workspace.origin, "vkey": vkey})
        return
    say(
        f"Made {directory}: configuration, an empty journal, and the key that signs checkpoints.",
        f"Give auditors the journal's verifier key: {vkey}",
        "Next: a key for each person (`sekisho roster key`), then `sekisho roster new`.",
    )
