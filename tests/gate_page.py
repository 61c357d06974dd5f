"""Bring docs/gate.md up to date with the steps: `python -m tests.gate_page` in the root.

What a step makes sure of is written in the page alone; its title, what it keeps out,
what it serves and its findings come from `src/sekisho/gate/steps.toml`.
"""

import re
from pathlib import Path

from sekisho.gate.steps import Step, steps

PAGE = Path(__file__).parents[1] / "docs" / "gate.md"
ADR = re.compile(r"\bADR (\d{4})\b")
ROW = re.compile(r"^\| (\d+) \| \*\*[^*]+\.\*\* (.*) \| .* \| .* \|$", re.MULTILINE)
FINDINGS = re.compile(r"(\| step \| findings \|\n\|---:\|---\|\n)(?:\|.*\n)*")


def page(text: str) -> str:
    """Return the page with the titles, the reasons and the findings of today's steps."""
    by_number = {each.number: each for each in steps()}
    text = ROW.sub(lambda row: _row(by_number[int(row[1])], row[2]), text)
    listed = "".join(
        f"| {each.number} | {', '.join(f'`{code}`' for code in each.codes) or '-'} |\n"
        for each in steps()
    )
    return FINDINGS.sub(lambda table: table[1] + listed, text)


def numbers(text: str) -> list[int]:
    """Return the numbers of the steps through which the page walks, in its order."""
    return [int(row[1]) for row in ROW.finditer(text)]


def _row(step: Step, rule: str) -> str:
    serves = ADR.sub(lambda found: f"[{found[0]}](adr/{_decision(found[1])})", step.serves)
    return f"| {step.number} | **{step.title['en']}.** {rule} | {step.against['en']} | {serves} |"


def _decision(number: str) -> str:
    (path,) = (PAGE.parent / "adr").glob(f"{number}-*.md")
    return path.name


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
