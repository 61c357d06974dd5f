"""`sekisho-signer`: between Bitcoin Core and the program that signs for it.

    bitcoind -signer="sekisho-signer --config /etc/sekisho/signer.toml"

Core starts it with its own arguments after these (`src/external_signer.cpp`), splits the line at
every space and tab, knows no quotes, and reads one line of JSON. What it asks is asked of the
`delegate` in turn, a program that speaks the same protocol:

    workspace = "/srv/sekisho"         # whose journal holds the passes
    gate = "/srv/gate"                 # made by `sekisho gate init`
    delegate = ["/opt/hwi/bin/hwi"]    # asked for what Core asks, and to sign
    keeper = "/srv/gate-keeper"        # where the roster lists commitments

`signtx` is decided by the gate first: the delegate sees only a PSBT that a pass allows, with the
gate's attestations where the wallet's device asks for them (`sekisho gate attest`), and Core
only what was verified after it came back, for Core broadcasts what a signer returns unseen. Every
other answer is `{"error": ...}`, with the reasons on standard error and in the journal.
"""

import json
import os
import sys
import traceback
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias

from sekisho.cli.output import language
from sekisho.cli.signer_options import Question, Settings, read_question, read_settings
from sekisho.cli.signer_wiring import gate_of
from sekisho.edges.external_signer import ask_signer
from sekisho.gate.reading import PSBT_SIZE_MAX_BYTES
from sekisho.gate.records import Cleared
from sekisho.kernel.catalogue import says
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Finding, Refused

CONFIG_VARIABLE = "SEKISHO_SIGNER_CONFIG"
"""Names the settings where Core's `-signer` does not."""
_ERROR_FINDINGS_MAX = 10
_STDIN_MAX_BYTES = 2 * PSBT_SIZE_MAX_BYTES

Decide: TypeAlias = Callable[[bytes], Cleared]
"""Clears a PSBT, or raises `Refused`."""
Sign: TypeAlias = Callable[[Cleared], bytes]
"""Has it signed and returns what came back, whatever that is."""
VerifyReturn: TypeAlias = Callable[[Cleared, bytes], None]
"""Raises `Refused` unless what came back is what was cleared, signed."""


def main() -> None:
    """Answer one question of Core's with one line of JSON."""
    answer = respond(sys.argv[1:], sys.stdin.buffer, settings=os.environ.get(CONFIG_VARIABLE, ""))
    sys.stdout.write(json.dumps(answer) + "\n")


def respond(arguments: Sequence[str], stdin: BinaryIO, *, settings: str = "") -> object:
    """Return what Core reads. Whatever goes wrong, it is an error that Core understands."""
    try:
        question = read_question(arguments, settings=settings)
        return _answer(question, read_settings(Path(question.settings)), stdin)
    except Refused as refused:
        notes = [_sentence(each) for each in refused.findings]
        sys.stderr.write("".join(f"{each}\n" for each in notes))
        error = _shortened(notes)
    except (BadInputError, WorldError) as failed:
        error = visible(str(failed))
    except Exception:  # noqa: BLE001 - the last line of defence: never a half-said answer
        traceback.print_exc()
        error = "this is a fault of Sekisho's; nothing was signed"
    said = {"error": f"Sekisho: {error}"}
    return [said] if "enumerate" in arguments else said


def signed(psbt: bytes, *, decide: Decide, sign: Sign, verify_return: VerifyReturn) -> bytes:
    """Return the PSBT signed; raises `Refused`, or what `sign` raises, and then nothing is.

    The order is what this is for: nothing unjudged reaches the signer, and nothing unverified
    leaves here.
    """
    cleared = decide(psbt)
    returned = sign(cleared)
    verify_return(cleared, returned)
    return returned


def _answer(question: Question, settings: Settings, stdin: BinaryIO) -> object:
    if question.command != "signtx":
        return ask_signer(settings.delegate, question.for_delegate())
    psbt = _asked_psbt(stdin.read(_STDIN_MAX_BYTES + 1))

    with gate_of(settings, question.network) as gate:

        def sign(cleared: Cleared) -> bytes:
            said = f"signtx {b64encode(gate.handed(cleared)).decode()}\n"
            return _returned_psbt(ask_signer(settings.delegate, question.for_delegate(), said))

        returned = signed(psbt, decide=gate.decide, sign=sign, verify_return=gate.verify_return)
    return {"psbt": b64encode(returned).decode()}


def _asked_psbt(said: bytes) -> bytes:
    """Return the PSBT in `signtx BASE64`, or, as older nodes put it, `signtx "BASE64"`."""
    words = said.split()
    if len(said) > _STDIN_MAX_BYTES or len(words) != 2 or words[0] != b"signtx":
        raise BadInputError("standard input", "is not `signtx` and one PSBT")
    text = words[1]
    if len(text) > 1 and text[:1] == text[-1:] == b'"':
        text = text[1:-1]
    try:
        return b64decode(text, validate=True)
    except Base64Error as error:
        raise BadInputError("standard input", "holds no PSBT in base64") from error


def _returned_psbt(document: object) -> bytes:
    """Return the PSBT in a delegate's answer; raises `WorldError` with its reason if it has none.

    Whether it says that it signed (HWI's `signed`) means nothing: that is verified. So is what is
    no base64: nobody can say that there is no signature in it.
    """
    answer = document if isinstance(document, dict) else {}
    error, text = answer.get("error"), answer.get("psbt")
    if error is not None or not isinstance(text, str):
        reason = error[:600] if isinstance(error, str) else "no PSBT in its answer"
        raise WorldError(f"the signer did not sign: {reason}")
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return text.encode(errors="replace")


def _sentence(found: Finding) -> str:
    return visible(f"{says(found, language())} [{found.code}]")


def _shortened(sentences: Sequence[str]) -> str:
    """Return the reasons on one line: the node's log shows it whole, so that it has an end."""
    told = "refused: " + " ".join(sentences[:_ERROR_FINDINGS_MAX])
    more = len(sentences) - _ERROR_FINDINGS_MAX
    return told if more <= 0 else f"{told} ... and {more} more"
