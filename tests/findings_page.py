"""Write docs/findings.md from the catalogue: `python -m tests.findings_page` in the root."""

import importlib
from collections import defaultdict
from pathlib import Path

from sekisho.kernel.catalogue import catalogue
from sekisho.kernel.words import Language

PAGE = Path(__file__).parents[1] / "docs" / "findings.md"
ABOUT = """\
# Findings

Everything that Sekisho can find wrong: what it says, and what a person does about it. A code is
kept for ever and never reused. Words in braces are filled in with the facts of the case.

Sekisho が検出し得る事項の一覧です。コードごとに、表示される文と、担当者が取るべき対応を示します。
コードは恒久的なもので、別の意味に再利用されることはありません。波括弧の部分には個々の事実が入ります。

This page is written from `src/sekisho/kernel/catalogue.toml` by `python -m tests.findings_page`.
"""
TO_DO: dict[Language, str] = {"en": "What to do:", "ja": "対応:"}


def page() -> str:
    """Return the page: a section for each room, an entry for each code."""
    rooms: defaultdict[str, list[str]] = defaultdict(list)
    for code in sorted(catalogue()):
        rooms[code.partition(".")[0]].append(code)
    sections = [line for room, codes in rooms.items() for line in _room(room, codes)]
    return "\n".join([ABOUT, *sections])


def _room(room: str, codes: list[str]) -> list[str]:
    sentence = (importlib.import_module(f"sekisho.{room}").__doc__ or "").partition(": ")[2]
    return [
        f"## {room}",
        "",
        f"*{sentence.strip()}*",
        "",
        *(line for code in codes for line in _entry(code)),
    ]


def _entry(code: str) -> list[str]:
    lines = [f"### `{code}`", ""]
    for language, to_do in TO_DO.items():
        words = catalogue()[code][language]
        lines += [f"- {words.says}", f"  <br>*{to_do}* {words.do}"]
    return [*lines, ""]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
