"""`sekisho policy`: read a policy pack, check it, and run its own table of cases."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from sekisho.cli.options import JsonOption, read_file
from sekisho.cli.output import EXIT_NO, language, put_json, say, terminal
from sekisho.cli.policy_words import Rows, rules_of
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import says
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import visible
from sekisho.kernel.instants import format_instant
from sekisho.passes.policy.case import Answer, Outcome
from sekisho.passes.policy.documents import policy_digest, policy_document, read_pack
from sekisho.passes.policy.evaluate import denials, hold_seconds, is_allowed
from sekisho.passes.policy.packs import CASES, shipped_pack, shipped_packs
from sekisho.passes.policy.records import (
    Policy,
)
from sekisho.passes.policy.tables import clock, day
from sekisho.passes.policy.trials import Tried, read_trials, try_all, untried
from sekisho.passes.shown import outcomes_json

app = typer.Typer(no_args_is_help=True, help="Read, check and test policy packs.")

FILE_MAX_BYTES = 1024 * 1024
_MARKS = {Answer.ALLOWED: "✓", Answer.DENIED: "✗", Answer.NOT_APPLICABLE: "·"}
_STYLES = {Answer.ALLOWED: "green", Answer.DENIED: "red", Answer.NOT_APPLICABLE: "dim"}
_WORDS = {
    Answer.ALLOWED: "allowed",
    Answer.DENIED: "denied",
    Answer.NOT_APPLICABLE: "does not apply",
}
_INDENT = " " * 6

PackArgument = Annotated[
    str, typer.Argument(help="A pack that comes with Sekisho, or a TOML file.", metavar="PACK")
]


@app.command("list")
def list_packs(*, json: JsonOption = False) -> None:
    """List the packs that come with Sekisho."""
    packs = [read_pack(shipped_pack(name)[0], name) for name in shipped_packs()]
    if json:
        put_json({"packs": [_summary(each) for each in packs]})
        return
    for each in packs:
        title = each.title_ja if language() == "ja" else each.title_en
        say(f"{each.policy_id:10} version {each.version}  {title}  ({_dates(each)})")


@app.command()
def show(pack: PackArgument, *, json: JsonOption = False) -> None:
    """Print every rule of a pack with its numbers, and what it answers to."""
    policy = read_named_pack(pack)
    document = policy_document(policy)
    if json:
        put_json(_summary(policy) | {"document": document.decode()})
        return
    say(
        f"{policy.policy_id}, version {policy.version}: {policy.title_en} / {policy.title_ja}",
        f"effective {_dates(policy)}, by a clock at {_offset(policy)}",
        f"digest {policy_digest(document)}",
    )
    for name, rows in rules_of(policy):
        say("", name)
        _put_rows(rows)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A TOML file.")], *, json: JsonOption = False
) -> None:
    """Say whether a file is a pack that makes sense, and what its digest would be."""
    policy = read_pack(read_file(file, limit_bytes=FILE_MAX_BYTES), file.name)
    if json:
        put_json(_summary(policy))
        return
    say(
        f"  ✓ {visible(policy.policy_id)}, version {policy.version}, makes sense.",
        f"  digest {_summary(policy)['digest']}",
    )


@app.command("test")
def run_cases(
    folder: Annotated[
        str,
        typer.Argument(help="A folder with a pack and its cases.toml, or a shipped pack's id."),
    ],
    *,
    json: JsonOption = False,
) -> None:
    """Run a pack's own table of cases. Exit code 3 if any case differs."""
    policy, cases = _read_both(folder)
    tried = try_all(policy, read_trials(cases, CASES))
    missing = untried(policy, tried)
    wrong = [each for each in tried if not each.as_expected]
    if json:
        put_json(
            {
                "policy": _summary(policy),
                "cases": [_tried_json(each) for each in tried],
                "differ": len(wrong),
                "rules_without_cases": list(missing),
            }
        )
    else:
        _put_tried(tried)
        say("", f"{len(tried) - len(wrong)} of {len(tried)} cases are as expected.")
        for rule in missing:
            say(f"  ! no case sees the rule {rule} say no")
    if wrong:
        raise typer.Exit(EXIT_NO)


def put_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Write what every rule looked at and said, with what it answers to; then the sum of it."""
    spoken = language()
    for each in outcomes:
        head = Text(f"  {_MARKS[each.answer]} {each.rule}: {_WORDS[each.answer]}")
        head.stylize(_STYLES[each.answer])
        terminal().print(head)
        rows = list(each.inputs)
        if each.finding is not None:
            rows.append(("because", f"{says(each.finding, spoken)}  [{each.finding.code}]"))
        if each.reference:
            rows.append(("answers to", each.reference))
        _put_rows(rows)
    say("", _sum_of(outcomes))


def _sum_of(outcomes: Sequence[Outcome]) -> str:
    no = denials(outcomes)
    if no:
        return f"The policy says no: {', '.join(dict.fromkeys(each.rule for each in no))}."
    if not is_allowed(outcomes):
        return "The policy says no: no rule was asked."
    held = hold_seconds(outcomes)
    return f"The policy says yes, after {held} seconds." if held else "The policy says yes."


def _put_rows(rows: Rows) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(_INDENT[:-2], Text(visible(name), style="dim"), Text(visible(value)))
    if rows:
        terminal().print(grid, soft_wrap=False)


def _put_tried(tried: Iterable[Tried]) -> None:
    for each in tried:
        mark, style = ("✓", "green") if each.as_expected else ("✗", "red")
        terminal().print(Text(f"  {mark} {visible(each.trial.name)}", style=style))
        if not each.as_expected:
            _put_rows(
                [
                    ("expected", _answer(each.trial.denied, each.trial.hold_seconds)),
                    ("the pack says", _answer(each.denied, each.held_seconds)),
                    *(
                        ("because", says(no.finding, language()))
                        for no in denials(each.outcomes)
                        if no.finding is not None
                    ),
                ]
            )


def _answer(denied: Sequence[str], held_seconds: int) -> str:
    if denied:
        return f"denied by {', '.join(denied)}"
    return f"allowed after {held_seconds} seconds" if held_seconds else "allowed"


def _tried_json(each: Tried) -> Json:
    return {
        "name": each.trial.name,
        "as_expected": each.as_expected,
        "expected": {
            "denied": list(each.trial.denied),
            "hold_seconds": each.trial.hold_seconds,
        },
        "outcomes": outcomes_json(each.outcomes),
    }


def read_named_pack(pack: str) -> Policy:
    """Return a shipped pack, or the one in a file; a file in this folder needs its ending."""
    if pack in shipped_packs():
        return read_pack(shipped_pack(pack)[0], pack)
    path = Path(pack)
    if not path.is_file():
        raise BadInputError(pack, f"is neither a file nor one of {', '.join(shipped_packs())}")
    return read_pack(read_file(path, limit_bytes=FILE_MAX_BYTES), path.name)


def _read_both(folder: str) -> tuple[Policy, bytes]:
    """Return the pack in a folder and the TOML of its cases."""
    if folder in shipped_packs():
        toml, cases = shipped_pack(folder)
        return read_pack(toml, folder), cases
    path = Path(folder)
    packs = sorted(each for each in path.glob("*.toml") if each.name != CASES)
    if len(packs) != 1:
        raise BadInputError(
            folder, f"is no folder with one pack and its {CASES}: it has {len(packs)} packs"
        )
    policy = read_pack(read_file(packs[0], limit_bytes=FILE_MAX_BYTES), packs[0].name)
    return policy, read_file(path / CASES, limit_bytes=FILE_MAX_BYTES)


def _summary(policy: Policy) -> dict[str, Json]:
    until_at = policy.effective_until_at
    return {
        "policy_id": policy.policy_id,
        "version": policy.version,
        "title": {"en": policy.title_en, "ja": policy.title_ja},
        "effective_from": format_instant(policy.effective_from_at),
        "effective_until": None if until_at is None else format_instant(until_at),
        "digest": policy_digest(policy_document(policy)),
    }


def _dates(policy: Policy) -> str:
    offset, until_at = policy.utc_offset_minutes, policy.effective_until_at
    begins = f"from {day(policy.effective_from_at, offset)}"
    return begins if until_at is None else f"{begins} until {day(until_at, offset)}"


def _offset(policy: Policy) -> str:
    minutes = policy.utc_offset_minutes
    return f"UTC{'-' if minutes < 0 else '+'}{clock(abs(minutes))}"
