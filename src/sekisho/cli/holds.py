"""`sekisho gate hold`: what the gate's or the watcher's keeper holds, in a folder of their own."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sekisho.app import installation
from sekisho.cli.options import JsonOption, WorkspaceOption
from sekisho.cli.output import put_findings, put_json, say
from sekisho.cli.people import desk_of
from sekisho.edges.keepers import (
    create_keeper,
    open_keeper,
    read_holds,
    settle,
    take_openings,
    write_holds,
)
from sekisho.kernel.catalogue import findings_json
from sekisho.kernel.errors import BadInputError
from sekisho.passes.duress import Holds, check_openings

app = typer.Typer(help="The keeper's own holds and openings.", no_args_is_help=True)
KeeperArgument = Annotated[
    Path, typer.Argument(metavar="KEEPER", help="The keeper's folder, outside the workspace.")
]
KeeperOption = Annotated[
    Path | None,
    typer.Option("--keeper", help="The keeper's folder: its holds and openings apply."),
]
_DIGEST_HEX = 64


@app.command("new")
def new(keeper: KeeperArgument, *, json: JsonOption = False) -> None:
    """Make a keeper's folder, on the machine of the gate or of the watcher."""
    create_keeper(keeper)
    if json:
        put_json({"keeper": str(keeper)})
        return
    say(f"Made {keeper}. Back it up as you do keys, and apart from the workspace.")


@app.command("take")
def take(
    keeper: KeeperArgument,
    openings: Annotated[Path, typer.Argument(help="What `sekisho roster key` wrote for you.")],
    *,
    json: JsonOption = False,
) -> None:
    """Keep a copy of an openings file. The one that was handed over is then to be deleted."""
    count = take_openings(keeper, openings)
    if json:
        put_json({"keeper": str(keeper), "openings": count})
        return
    say(f"{keeper} has {count:,} openings. Delete {openings}.")


@app.command("on")
def on(
    keeper: KeeperArgument,
    pass_digest: Annotated[
        str, typer.Option("--pass", help="Hold one pass, by its digest; else everything.")
    ] = "",
    reason: Annotated[str, typer.Option(help="For the keeper's eyes; shown nowhere.")] = "",
    *,
    json: JsonOption = False,
) -> None:
    """Hold everything, or one pass, until the keeper lets go."""
    holds, _ = read_holds(keeper)
    if pass_digest:
        held = replace(holds, passes=holds.passes | {_digest(pass_digest)})
    else:
        held = replace(holds, on=True)
    write_holds(keeper, held, reason)
    _put_held(held, "On hold.", as_json=json)


@app.command("off")
def off(
    keeper: KeeperArgument,
    pass_digest: Annotated[
        str, typer.Option("--pass", help="Let go of one pass, by its digest.")
    ] = "",
    *,
    json: JsonOption = False,
) -> None:
    """Let go of what the keeper held. What is held for another reason stays held."""
    holds, _ = read_holds(keeper)
    if pass_digest:
        held = replace(holds, passes=holds.passes - {_digest(pass_digest)})
    else:
        held = replace(holds, on=False)
    write_holds(keeper, held, "")
    _put_held(held, "Let go.", as_json=json)


@app.command("settle")
def settle_report(
    keeper: KeeperArgument,
    report: Annotated[Path, typer.Argument(help="A report out of the keeper's folder.")],
    *,
    json: JsonOption = False,
) -> None:
    """Let other passes go on after a report. The one that it is about stays held for good."""
    count = settle(keeper, report)
    if json:
        put_json({"settled": count})
        return
    say(f"Settled {count} statements.")


@app.command("show")
def show(
    keeper: KeeperArgument, workspace: WorkspaceOption = Path(), *, json: JsonOption = False
) -> None:
    """Show what is held, and which openings are missing or wrong. For the keeper alone."""
    _, reason = read_holds(keeper)
    held = open_keeper(keeper, workspace=workspace)
    with installation(workspace) as here:
        findings = check_openings(desk_of(here).register.roster, held.openings)
    reports = sorted(str(each) for each in (keeper / "reports").iterdir())
    if json:
        put_json(
            {
                "on": held.holds.on,
                "reason": reason,
                "passes": sorted(held.holds.passes),
                "openings": len(held.openings.by_key),
                "reports": reports,
                "findings": findings_json(findings),
            }
        )
        return
    say("Everything is on hold." if held.holds.on else "Not everything is on hold.")
    say(*(f"On hold: pass {each}" for each in sorted(held.holds.passes)))
    say(f"Openings: {len(held.openings.by_key):,}", *(f"Report: {each}" for each in reports))
    put_findings(findings)


def _put_held(held: Holds, said: str, *, as_json: bool) -> None:
    if as_json:
        put_json({"on": held.on, "passes": sorted(held.passes)})
    else:
        say(said)


def _digest(text: str) -> str:
    if len(text) != _DIGEST_HEX or set(text) - set("0123456789abcdef"):
        raise BadInputError("--pass", "is not the digest of a pass: 64 hex characters")
    return text
