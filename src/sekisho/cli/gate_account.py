"""How the account of a gate's answer is shown: every step with what it saw, what says no first."""

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from sekisho.cli.output import language, terminal
from sekisho.gate.account import State, Told
from sekisho.gate.steps import Evidence, Step, evidence, parts, steps
from sekisho.kernel.canonical import Json
from sekisho.kernel.catalogue import findings_json, says, what_to_do
from sekisho.kernel.finding import Finding
from sekisho.kernel.words import Language

_WIDTH, _NARROW = 100, 20
_MARKS = {
    State.YES: ("✓", "green"),
    State.NO: ("✗", "bold red"),
    State.NOT_LOOKED_AT: ("–", "dim"),
}
_WORD = re.compile(r"[「『（]*(?:[!-~]+|[^\s])[、。：；）」』ー～]*|\s+")
"""What is not torn apart: a run of Latin letters, or one character with its punctuation."""


def account_json(account: Sequence[Told]) -> list[Json]:
    """Return an account as a document, in both languages."""
    return [
        {
            "step": told.step.number,
            "title": {"en": told.step.title["en"], "ja": told.step.title["ja"]},
            "keeps_out": {"en": told.step.against["en"], "ja": told.step.against["ja"]},
            "state": told.state.value,
            "evidence": [
                {
                    "name": each.name,
                    "facts": dict(each.facts),
                    "says": {"en": each.says("en"), "ja": each.says("ja")},
                }
                for each in told.evidence
            ],
            "findings": findings_json(told.findings),
        }
        for told in account
    ]


def refusal(account: Sequence[Told]) -> Evidence:
    """Return the verdict of a refusal: how many steps say no, and which."""
    no = [str(told.step.number) for told in account if told.state is State.NO]
    return evidence("refused", no=len(no), steps=len(account), numbers=", ".join(no))


def put_yes(account: Sequence[Told], verdict: Evidence, console: Console | None = None) -> None:
    """Write every step with what it saw, and the verdict last; on standard output unless told."""
    sheet = _Sheet(console or terminal())
    _put_parts(sheet, account)
    sheet.put_line(verdict.says(sheet.spoken), style="bold green")


def put_no(account: Sequence[Told], console: Console | None = None) -> None:
    """Write the verdict, the steps that say no and what to do, then all others, the same way."""
    sheet, verdict = _Sheet(console or terminal()), refusal(account)
    sheet.put_line(verdict.says(sheet.spoken), style="bold red")
    sheet.put_line("")
    for told in account:
        if told.state is State.NO:
            sheet.put_step(told)
    others = [told for told in account if told.state is not State.NO]
    if others:
        sheet.put_line("")
        sheet.put_line(evidence("others").says(sheet.spoken), style="bold")
        for told in others:
            sheet.put_step(told)
    sheet.put_line("")
    sheet.put_line(verdict.says(sheet.spoken), style="bold red")


def _put_parts(sheet: "_Sheet", account: Sequence[Told]) -> None:
    for part, title in parts().items():
        of_part = [told for told in account if told.step.part == part]
        if of_part:
            sheet.put_line(title[sheet.spoken], style="bold")
            for told in of_part:
                sheet.put_step(told)
            sheet.put_line("")


def wrapped(text: Text, width: int) -> Sequence[Text]:
    """Return `text` in lines of at most `width` cells; what is longer than one is cut.

    Japanese has no spaces, and rich breaks nowhere else.
    """
    ends: list[int] = []
    used = 0
    for word in _WORD.finditer(text.plain):
        cells = cell_len(word[0])
        if used and used + cell_len(word[0].rstrip()) > width:
            ends.append(word.start())
            used = 0
        if cells > width:
            ends.extend(range(word.start() + width, word.end(), width))
            cells = (cells - 1) % width + 1
        used += cells
    lines = text.divide(ends) if ends else [text]
    for line in lines:
        line.rstrip()
    return [line for line in lines if line] or [text]


class _Sheet:
    """A page of steps: mark, number and title on the left, sentences on the right."""

    def __init__(self, console: Console) -> None:
        self.spoken: Language = language()
        self._console = console
        if not self._console.is_terminal or self._console.width > _WIDTH:
            self._console.width = _WIDTH
        titles = [each.title[self.spoken] for each in steps()]
        self._left = 6 + max(map(cell_len, titles)) + 2

    def put_line(self, line: str, *, style: str = "") -> None:
        """Write lines over the whole width."""
        for part in wrapped(Text(line, style=style), self._console.width):
            self._console.print(part)

    def put_step(self, told: Told) -> None:
        """Write one step. What says no has its codes, what to do, and what it keeps out."""
        head = _head(told.step, told.state, self.spoken)
        for sentence in _sentences(told, self.spoken):
            for line in wrapped(sentence, max(self._console.width - self._left, _NARROW)):
                head.append(" " * (self._left - cell_len(head.plain)))
                self._console.print(head.append_text(line))
                head = Text()


def _head(step: Step, state: State, spoken: Language) -> Text:
    mark, style = _MARKS[state]
    head = Text(f" {mark} ", style=style)
    head.append(
        f"{step.number:>2} {step.title[spoken]}", style="bold" if state is State.NO else ""
    )
    return head


def _sentences(told: Told, spoken: Language) -> Iterable[Text]:
    style = "dim" if told.state is State.NOT_LOOKED_AT else ""
    for each in told.evidence:
        yield Text(each.says(spoken), style=style)
    for found in told.findings:
        yield _finding(found, spoken)
    for code in dict.fromkeys(each.code for each in told.findings):
        if what_to_do(code, spoken):
            yield Text(f"→ {what_to_do(code, spoken)}")
    if told.findings:
        yield Text(evidence("against", what=told.step.against[spoken]).says(spoken), style="dim")


def _finding(found: Finding, spoken: Language) -> Text:
    line = Text(says(found, spoken), style="red")
    line.append(f"  [{found.code}]", style="dim")
    return line
