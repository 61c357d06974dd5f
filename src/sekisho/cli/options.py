"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from sekisho.edges.keys import UnlockedKey, load_key, needs_passphrase
from sekisho.kernel.errors import BadInputError

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", help="The workspace folder.", show_default=True)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Write one JSON document to standard output.")
]
OnlyIdOption = Annotated[
    bool, typer.Option("--only-id", help="Write nothing but the new pass's id, for scripts.")
]
KeyOption = Annotated[
    Path, typer.Option("--key", help="Your key file (made by `sekisho roster key`).")
]
TerminalOption = Annotated[
    str, typer.Option("--terminal", help="The terminal you sit at, as the roster names it.")
]
PassphraseFileOption = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Read the key's passphrase from this file."),
]
PassArgument = Annotated[str, typer.Argument(help="The pass's id, or the start of its digest.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in your own words.")]
ScriptsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scripts",
        help="WALLET_ID=FILE of more scripts of a wallet, made by `sekisho watch list`.",
    ),
]
SeenOption = Annotated[
    Path | None,
    typer.Option(
        "--seen",
        help="Keeps the last checkpoint seen: read if it is there, then brought up to date.",
    ),
]


def read_file(path: Path, *, limit_bytes: int) -> bytes:
    """Return a file's bytes; raises `BadInputError` naming it if it cannot be read or is huge."""
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise BadInputError(str(path), f"cannot be read: {error.strerror}") from error
    if len(data) > limit_bytes:
        raise BadInputError(str(path), f"is larger than {limit_bytes} bytes")
    return data


def read_passphrase(path: Path) -> str:
    """Return the passphrase in a file, without the line end after it.

    Raises `BadInputError` for an empty one: it would leave a key unprotected without a word.
    """
    try:
        passphrase = read_file(path, limit_bytes=4096).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadInputError(str(path), "is not UTF-8 text") from error
    if not passphrase:
        raise BadInputError(str(path), "holds no passphrase")
    return passphrase


def unlock(key: Path, passphrase_file: Path | None) -> UnlockedKey:
    """Return an approver's key, asking for its passphrase where it has one."""
    passphrase: str | None = None
    if passphrase_file is not None:
        passphrase = read_passphrase(passphrase_file)
    elif needs_passphrase(key):
        passphrase = typer.prompt(f"Passphrase of {key.name}", hide_input=True, err=True)
    return load_key(key, passphrase)
