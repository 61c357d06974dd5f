"""`sekisho gate inbox`: the air gap. What is carried in a folder is answered beside it.

    NAME.bundle, NAME.psbt     → NAME.cleared.json, or NAME.refused.json
                                 and NAME.attested.psbt where a Coldcard asks for attestations
    and NAME.signed.psbt       → NAME.signed.json with the transaction, or NAME.signed-refused.json

NAME is of a-z, 0-9, '.', '_' and '-'. Each file has the account of its answer, step by step. An
answer is never overwritten: it is taken out of the folder, or it stands. Carry in a folder that
holds none: one that lies there already is not ours.
"""

import json as json_text
import os
import re
import stat
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import OpenGate, open_gate
from sekisho.cli.gate_answers import answer_json, ask_gate
from sekisho.cli.options import JsonOption, read_file
from sekisho.cli.output import EXIT_NO, put_json, say
from sekisho.edges.gates import answering
from sekisho.edges.keepers import open_keeper
from sekisho.edges.keys import write_whole
from sekisho.gate.attest import AttestedPSBT
from sekisho.gate.reading import PSBT_SIZE_MAX_BYTES, psbt_bytes
from sekisho.gate.records import Mode
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.passes.bundle import BUNDLE_MAX_BYTES
from sekisho.passes.duress import Keeper

app = typer.Typer()
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


@app.command("inbox")
def inbox(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What was carried here.")],
    gate: Annotated[Path, typer.Option("--gate", help="The gate's folder.")],
    keeper: Annotated[
        Path | None, typer.Option(help="The keeper's folder: its holds and openings apply.")
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Answer every PSBT that lies in a folder with its bundle; exit code 3 if one is refused.

    For a gate without a network: carry the folder in, answer, and carry it out again.
    """
    held = None if keeper is None else open_keeper(keeper, workspace=folder)
    with open_gate(gate) as opened, answering(gate):
        if opened.gate.mode is not Mode.ISOLATED:
            raise BadInputError("--gate", "stands beside the journal; ask it with `gate check`")
        answers = {
            path.stem: said
            for path in sorted(folder.glob("*.bundle"))
            if _NAME.fullmatch(path.stem)
            for said in [_answered(path, opened, held)]
            if said is not None
        }
    if json:
        put_json({"answers": answers})
    else:
        for name, said in answers.items():
            say(f"{name}: {said['answer']}{_by_steps(said)}")
        if not answers:
            say("Nothing waits for an answer.")
    if any(each["answer"] == "no" for each in answers.values()):
        raise typer.Exit(EXIT_NO)


def _by_steps(said: dict[str, Json]) -> str:
    """Return which steps said no; the file has their reasons."""
    told = said.get("steps")
    steps = told if isinstance(told, list) else []
    no = [str(each["step"]) for each in steps if isinstance(each, dict) and each["state"] == "no"]
    return f", by step {', '.join(no)}" if no else ""


def _answered(bundle: Path, opened: OpenGate, keeper: Keeper | None) -> dict[str, Json] | None:
    """Answer what lies beside one bundle, and write the answer; None if it has been answered."""
    psbt, signed = bundle.with_suffix(".psbt"), bundle.with_suffix(".signed.psbt")
    good, bad = ("signed", "signed-refused") if signed.exists() else ("cleared", "refused")
    yes, no = (bundle.with_suffix(f".{each}.json") for each in (good, bad))
    if any(os.path.lexists(each) for each in (yes, no)):
        return None
    limit = PSBT_SIZE_MAX_BYTES * 2
    try:
        back = _carried(signed, limit) if signed.exists() else None
        shown = psbt_bytes(_carried(psbt, limit), str(psbt))
        carried = _carried(bundle, BUNDLE_MAX_BYTES)
        answered = ask_gate(shown, back, opened, carried, None, keeper)
        if isinstance(answered.answer, AttestedPSBT):
            _write_attested(bundle.with_suffix(".attested.psbt"), answered.answer.psbt)
        said = answer_json(answered)
    except BadInputError as error:
        said = {"answer": "no", "error": str(error)}
    except Exception:  # noqa: BLE001 - one bad file must not keep the others from their answers
        traceback.print_exc(file=sys.stderr)
        said = {"answer": "no", "error": "this is a fault of Sekisho's; nothing was given out"}
    written = json_text.dumps(said, ensure_ascii=False, indent=2).encode() + b"\n"
    write_whole(no if said["answer"] == "no" else yes, written, mode=0o644)
    return said


def _write_attested(path: Path, psbt: bytes) -> None:
    """Write what the device is given. The same may be there, from an answer that was cut off."""
    if not os.path.lexists(path):
        write_whole(path, psbt, mode=0o644)
    elif _carried(path, len(psbt)) != psbt:
        raise BadInputError(str(path), "is there already, and is not this gate's")


def _carried(path: Path, limit_bytes: int) -> bytes:
    """Return a file's bytes; raises `BadInputError` for anything but a plain file."""
    if not stat.S_ISREG(path.lstat().st_mode if os.path.lexists(path) else 0):
        raise BadInputError(str(path), "is not there, or is no plain file")
    return read_file(path, limit_bytes=limit_bytes)
