"""`sekisho drill`: a real incident, end to end, with no set-up."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from sekisho.app import play_dmm_2024
from sekisho.cli.drill_json import outcome_json
from sekisho.cli.drill_live_story import live_json, live_story
from sekisho.cli.drill_story import tell
from sekisho.cli.options import JsonOption
from sekisho.cli.output import language, notes, put_json, say
from sekisho.drills.dmm_2024.live import LiveAct
from sekisho.drills.dmm_2024.records import NAME, Variant
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.words import Language

_DRILLS = {NAME: "DMM Bitcoin, 2024-05-31: 4,502.9 BTC in one validly signed transaction"}


def run(
    name: Annotated[str, typer.Argument(help="The drill; see --list.")] = NAME,
    out: Annotated[
        Path | None, typer.Option(help="Write the page, the bytes and the journal to this folder.")
    ] = None,
    variant: Annotated[
        Variant, typer.Option(help="`no-pass`: nobody had asked for anything.")
    ] = Variant.PASS,
    lang: Annotated[
        Language | None, typer.Option(help="Language of the story; else the locale's.")
    ] = None,
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Play act two on a real node as well, if one is here.")
    ] = False,
    list_drills: Annotated[bool, typer.Option("--list", help="List the drills.")] = False,
    json: JsonOption = False,
) -> None:
    """Replay a real theft: stopped at the gate, and caught by the watcher without it."""
    if list_drills:
        if json:
            known: dict[str, Json] = dict(_DRILLS)
            put_json({"drills": known})
        else:
            say(*(f"{each}  {about}" for each, about in _DRILLS.items()))
        return
    if name not in _DRILLS:
        raise BadInputError(f"drill {name[:60]!r}", f"is not one of {', '.join(_DRILLS)}")
    with TemporaryDirectory() as scratch:
        played = play_dmm_2024(out or Path(scratch), variant)
        files = [] if out is None else played.files
        document = outcome_json(played.outcome, files)
    acted = _live() if live else None
    if json:
        put_json(document if acted is None else {**document, "live": live_json(acted)})
    else:
        spoken = lang or language()
        tell(played.outcome, files, spoken, [] if acted is None else live_story(acted, spoken))


def _live() -> LiveAct | str:
    from sekisho.cli.drill_live import play_live  # noqa: PLC0415 - processes, for no other drill

    with notes().status("Act two is played on a node of the drill's own ..."):
        return play_live()
