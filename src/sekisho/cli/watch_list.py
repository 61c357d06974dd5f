"""`sekisho watch list`: add scripts to a file that the watcher follows."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.cli.options import JsonOption, WorkspaceOption
from sekisho.cli.output import put_json, say
from sekisho.edges.workspace import open_workspace
from sekisho.kernel.errors import BadInputError

CHUNK = 65_536
LINE_MAX = 2 * 0xFFFE


def run(
    file: Annotated[Path, typer.Argument(help="The file; made if it is not there.")],
    workspace: WorkspaceOption = Path(),
    *,
    json: JsonOption = False,
) -> None:
    """Append addresses, or scripts in hex, from standard input to a file: one on a line.

    A watcher that was started with `--scripts` and this file watches them within a second. They
    are on the disk when this returns. A line that is neither is refused, and what stands before
    it was appended.
    """
    # Here, because numpy takes a tenth of a second that no other command should pay.
    from sekisho.edges.script_files import append_scripts  # noqa: PLC0415 - as said

    network, total = open_workspace(workspace).network, 0
    chunk: list[bytes] = []
    try:
        for each in _scripts(network):
            chunk.append(each)
            if len(chunk) == CHUNK:
                total += append_scripts(file, chunk)
                chunk.clear()
    finally:
        total += append_scripts(file, chunk)
    if json:
        put_json({"file": str(file), "appended": total})
    else:
        say(f"Appended {total:,} scripts to {file}.")


def _scripts(network: Network) -> Iterator[bytes]:
    number = 0
    while line := sys.stdin.readline(LINE_MAX + 2):
        number += 1
        if text := line.strip():
            yield _script(text, network, f"line {number}")


def _script(text: str, network: Network, where: str) -> bytes:
    try:
        return script_of(text, network, where)
    except BadInputError:
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
        raise
