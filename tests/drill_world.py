"""What came of the drill, played once for all tests: the production code on the real bytes."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from journal_world import SIGNER
from page_reader import Element, read

from sekisho.drills.dmm_2024.flow import replay
from sekisho.drills.dmm_2024.page import page
from sekisho.drills.dmm_2024.records import Outcome, Variant
from sekisho.journal.store import create_journal
from sekisho.kernel.words import Language


@cache
def outcome(variant: Variant) -> Outcome:
    with TemporaryDirectory() as folder:
        journal = create_journal(Path(folder) / "journal.sqlite")
        memory = create_journal(Path(folder) / "gate.sqlite")
        with journal, memory:
            return replay(journal, variant, memory=memory, signer=SIGNER)


@cache
def pages(variant: Variant) -> Element:
    return read(page(outcome(variant)))


def article(root: Element, language: Language) -> Element:
    (found,) = (each for each in root.all("article") if each.attributes["lang"] == language)
    return found


def section(root: Element, name: str, language: Language) -> Element:
    (found,) = (
        each
        for each in root.all("section")
        if each.attributes["aria-labelledby"] == f"{name}-{language}"
    )
    return found
