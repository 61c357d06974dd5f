"""Another program that signs: it speaks the protocol that Bitcoin Core has for external signers.

HWI is one (`hwi`, in an environment of its own). What it says is a claim; what it returns is
checked by whoever asked.
"""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from tempfile import TemporaryFile
from threading import Timer

from sekisho.kernel.errors import WorldError

ANSWER_MAX_BYTES = 128 * 1024 * 1024
"""A PSBT of the largest size that the gate judges, in base64, fits in."""
WAIT_SECONDS = 600
"""Somebody has to find the device, read its screen and press its button."""


def ask_signer(command: Sequence[str], arguments: Sequence[str], said: str = "") -> object:
    """Return the JSON document that the program answers, with `said` on its standard input.

    No shell is between: the arguments arrive as they are. What the program writes on standard
    error goes to our own. Raises `WorldError` if it cannot be started, fails, takes too long, says
    too much, or says anything but one JSON document.
    """
    name = command[0]
    with TemporaryFile() as question:
        question.write(said.encode())
        question.seek(0)
        try:
            answer, code = _answer([*command, *arguments], question.fileno())
        except OSError as error:
            raise WorldError(f"{name}: cannot be started: {error.strerror}") from error
    if code != 0:
        raise WorldError(f"{name}: failed with exit code {code}{_reason(answer)}")
    if len(answer) > ANSWER_MAX_BYTES:
        raise WorldError(f"{name}: said more than {ANSWER_MAX_BYTES} bytes")
    try:
        document: object = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise WorldError(f"{name}: did not answer with one JSON document") from error
    return document


def _answer(command: Sequence[str], question: int) -> tuple[bytes, int]:
    with subprocess.Popen(  # noqa: S603 - the command is the operator's own, from their file
        command, stdin=question, stdout=subprocess.PIPE, start_new_session=True
    ) as running:
        timer = Timer(WAIT_SECONDS, partial(_end, running))
        timer.start()
        try:
            answer = b"" if running.stdout is None else running.stdout.read(ANSWER_MAX_BYTES + 1)
            if len(answer) > ANSWER_MAX_BYTES:
                _end(running)
            return answer, 0 if len(answer) > ANSWER_MAX_BYTES else running.wait()
        finally:
            timer.cancel()


def _end(running: "subprocess.Popen[bytes]") -> None:
    """End the program and whatever it started: one of those might hold the pipe open."""
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)


def _reason(answer: bytes) -> str:
    """Return what the program gives as the reason of its failure, if it does."""
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    reason = document.get("error") if isinstance(document, dict) else None
    return f": {reason[:600]}" if isinstance(reason, str) else ""
