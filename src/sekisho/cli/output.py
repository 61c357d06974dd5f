"""What every command says and how: words for people, one JSON document for programs."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TimeRemainingColumn,
)
from rich.progress import TransferSpeedColumn as Speed
from rich.text import Text

from sekisho.kernel.catalogue import says, what_to_do
from sekisho.kernel.finding import Finding
from sekisho.kernel.words import Language

EXIT_OUR_FAULT = 1
EXIT_BAD_INPUT = 2
EXIT_NO = 3


def language() -> Language:
    """Return the language of findings: SEKISHO_LANGUAGE, else the locale's, else English."""
    for name in ("SEKISHO_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "ja" if value.lower().startswith("ja") else "en"
    return "en"


def terminal() -> Console:
    """Return the console for people, on standard output."""
    return Console(highlight=False, soft_wrap=True)


def notes() -> Console:
    """Return the console for what is not the answer, on standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def put_json(document: object) -> None:
    """Write the one JSON document that a program reads."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def say(*lines: str) -> None:
    """Write plain lines for people; nothing in them is markup."""
    for line in lines:
        terminal().print(Text(line))


def put_findings(findings: Sequence[Finding], *, style: str = "red") -> None:
    """Write each finding as a sentence with its code, and once for each code what to do."""
    console = terminal()
    spoken = language()
    for each in findings:
        line = Text("  ✗ ", style=style)
        line.append(says(each, spoken))
        line.append(f"  [{each.code}]", style="dim")
        console.print(line)
    for code in dict.fromkeys(each.code for each in findings):
        advice = what_to_do(code, spoken)
        if advice:
            console.print(Text(f"  → {advice}", style="dim"))


@contextmanager
def progress(
    what: str, *, shown: bool, columns: Sequence[ProgressColumn] = (MofNCompleteColumn(),)
) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on standard error while people wait; nothing for programs.

    Yields what is to be called with how much is done and how much there is in all.
    """
    if not shown or not sys.stderr.isatty():
        yield None
        return
    all_columns: tuple[str | ProgressColumn, ...] = (
        f"{what} ",
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
    )
    with Progress(*all_columns, console=notes(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def byte_progress(
    what: str, *, shown: bool
) -> AbstractContextManager[Callable[[int, int], None] | None]:
    """Show a bar of bytes, as `progress` does."""
    return progress(what, shown=shown, columns=(DownloadColumn(), Speed()))
