"""Where the answer of a command goes when it is a file: to a new one, or to standard output."""

import base64
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from sekisho.cli.output import put_json, say
from sekisho.journal.checkpoints import Checkpoint
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError

OutOption = Annotated[Path | None, typer.Option(help="A new file to write to.")]


def checkpoint_json(checkpoint: Checkpoint) -> Json:
    """Return a checkpoint as a document."""
    root = base64.b64encode(checkpoint.root).decode()
    return {"origin": checkpoint.origin, "size": checkpoint.size, "root": root}


def give(data: bytes, out: Path | None, *, what: str, json: bool, more: Json = None) -> None:
    """Give the text `data` to a new file, to a program as JSON, or to standard output.

    `more` is said to programs beside it. Raises `BadInputError` for a file that is there already.
    """
    if out is not None:
        with sink(out) as file:
            file.write(data)
    if json:
        beside = more if isinstance(more, dict) else {}
        put_json({what: data.decode(), "file": str(out) if out else None, **beside})
    elif out is not None:
        say(f"  ✓ {what} written to {out}")
    else:
        with sink(None) as file:
            file.write(data)


@contextmanager
def sink(out: Path | None) -> Iterator[BinaryIO]:
    """Open a new file, which is taken away again if it cannot be finished; or standard output."""
    if out is None:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError as error:
            # Whoever read us has gone; what is still buffered must not fail a second time.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise WorldError("standard output was closed before the end") from error
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
    except OSError as error:
        out.unlink(missing_ok=True)
        raise WorldError(f"{out}: cannot be finished: {error.strerror}") from error
    except BaseException:
        out.unlink(missing_ok=True)
        raise
