"""`sekisho gate inbox`: the air gap. What is carried in a folder is answered beside it.

    NAME.bundle, NAME.psbt     → NAME.cleared.json, or NAME.refused.json
    and NAME.signed.psbt       → NAME.signed.json with the transaction, or NAME.signed-refused.json

An answer is never overwritten: it is taken out of the folder, or it stands.
"""

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import OpenGate, open_gate
from sekisho.cli.gate_answers import answer_json, ask_gate
from sekisho.cli.options import JsonOption, read_file
from sekisho.cli.output import EXIT_NO, put_json, say
from sekisho.edges.keepers import open_keeper
from sekisho.edges.keys import write_new
from sekisho.gate.reading import PSBT_SIZE_MAX_BYTES, psbt_bytes
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Refused
from sekisho.passes.bundle import BUNDLE_MAX_BYTES
from sekisho.passes.duress import Keeper

app = typer.Typer()


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
    with open_gate(gate) as opened:
        answers = {
            path.stem: said
            for path in sorted(folder.glob("*.bundle"))
            for said in [_answered(path, opened, held)]
            if said is not None
        }
    if json:
        put_json({"answers": answers})
    else:
        for name, said in answers.items():
            say(f"{name}: {said['answer']}")
        if not answers:
            say("Nothing waits for an answer.")
    if any(each["answer"] == "no" for each in answers.values()):
        raise typer.Exit(EXIT_NO)


def _answered(bundle: Path, opened: OpenGate, keeper: Keeper | None) -> dict[str, Json] | None:
    """Answer what lies beside one bundle, and write the answer; None if it has been answered."""
    psbt, signed = bundle.with_suffix(".psbt"), bundle.with_suffix(".signed.psbt")
    good, bad = ("signed", "signed-refused") if signed.exists() else ("cleared", "refused")
    yes, no = (bundle.with_suffix(f".{each}.json") for each in (good, bad))
    if yes.exists() or no.exists():
        return None
    limit = PSBT_SIZE_MAX_BYTES * 2
    back = read_file(signed, limit_bytes=limit) if signed.exists() else None
    try:
        said = answer_json(
            ask_gate(
                psbt_bytes(read_file(psbt, limit_bytes=limit), str(psbt)),
                back,
                opened,
                read_file(bundle, limit_bytes=BUNDLE_MAX_BYTES),
                None,
                keeper,
            )
        )
    except Refused as refused:
        said = {"answer": "no", "findings": findings_json(refused.findings)}
    except BadInputError as error:
        said = {"answer": "no", "error": str(error)}
    written = json_text.dumps(said, ensure_ascii=False, indent=2).encode() + b"\n"
    write_new(no if said["answer"] == "no" else yes, written, mode=0o644)
    return said
