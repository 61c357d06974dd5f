"""What the pages say is so: every code, link, file and command in them exists."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from findings_page import PAGE, page
from markdown import anchors, calls, code_spans, commands, headings, links
from tree import ROOT, SOURCE, files, name_of

PAGES = [path for path in files() if path.suffix == ".md"]
OURS = [path for path in PAGES if path.name != "SOURCES.md"]
"""Lists of sources name files of other projects."""
READMES = (ROOT / "README.md", ROOT / "README.ja.md")
MADE_BY_PEOPLE = ("build/", ".venv/", "~", "/", "http")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_the_page_of_findings_says_what_the_catalogue_says() -> None:
    assert text_of(PAGE) == page(), "stale: python -m tests.findings_page"


def test_both_readmes_have_the_same_parts_and_the_same_commands() -> None:
    texts = [text_of(path) if path.exists() else "" for path in READMES]
    parts = [[level for level, _ in headings(text)] for text in texts]
    told = [commands(text) for text in texts]
    pictures = [[link for link in links(text) if not link.startswith("#")] for text in texts]
    assert parts[0] == parts[1]
    assert told[0] == told[1]
    assert len(pictures[0]) == len(pictures[1])
    assert not any(texts) or {"make drill", "make test"} <= set(told[0])


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = [link for link in links(text_of(path)) if not leads_somewhere(link, path)]
    assert not broken, broken


def leads_somewhere(link: str, page_at: Path) -> bool:
    if re.match(r"[a-z]+:", link):
        return True
    target, _, anchor = link.partition("#")
    aim = (page_at.parent / target).resolve() if target else page_at
    if not aim.is_relative_to(ROOT) or not aim.exists():
        return False
    return not anchor or aim.suffix != ".md" or anchor in anchors(text_of(aim))


def is_there(name: str, page_at: Path) -> bool:
    """Is the file or folder `name`, as a page names it, in the repository?"""
    if "/" not in name:
        return any(each.name == name for each in files())
    places = (ROOT, page_at.parent, SOURCE, ROOT / "tests")
    return any((place / name).exists() or any(place.glob(name)) for place in places)


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_every_file_that_a_page_names_is_there(path: Path) -> None:
    named = {
        span
        for span in code_spans(text_of(path))
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)+/?|[\w.-]+/|[\w-]+\.(py|md)", span, re.ASCII)
        and not span.startswith(MADE_BY_PEOPLE)
        and not re.search(r"/v\d+$", span)  # a tag such as sekisho/pass/v1
    }
    missing = sorted(name for name in named if not is_there(name, path))
    assert not missing, missing


@cache
def command_line() -> object:
    """Return the command line as typer built it; whatever it is made of is typer's business."""
    from sekisho.cli import app  # noqa: PLC0415 - the other pages are checked without it

    return typer.main.get_command(app)


def unknown(arguments: list[str]) -> str | None:
    """Return what of a call of `sekisho` does not exist, or None."""
    command: Any = command_line()
    for word in arguments:
        inner: dict[str, Any] = getattr(command, "commands", {})
        if word.startswith("-"):
            known = {each for option in command.params for each in option.opts}
            known |= {each for option in command.params for each in option.secondary_opts}
            if word.partition("=")[0] not in known | {"--help"}:
                return f"{command.name} {word}"
        elif inner and word not in inner:
            return f"{command.name} {word}"
        else:
            command = inner.get(word, command)
    return None


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_every_command_that_a_page_tells_exists(path: Path) -> None:
    text = text_of(path)
    told = [*commands(text), *(span for span in code_spans(text) if span.startswith("sekisho "))]
    wrong = [
        f"{line}: no {missing}"
        for line in told
        for arguments in calls(line, "sekisho")
        if (missing := unknown(arguments))
    ]
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for line in [*told, *(span for span in code_spans(text) if span.startswith("make "))]:
        for arguments in calls(line, "make"):
            aims = [word for word in arguments if re.fullmatch(r"[a-z-]+", word)]
            wrong += [f"{line}: no {aim}" for aim in aims if aim not in targets]
    assert not wrong, "\n" + "\n".join(wrong)


def test_these_tests_see_what_is_wrong() -> None:
    text = (
        "## A b\n\n```sh\nsekisho journal \\\n  nothing  # why\n```\n[x](gone.md#y) `gone/x.py`\n"
    )
    assert headings(text) == [(2, "A b")]
    assert anchors(text) == {"a-b"}
    assert links(text) == ["gone.md#y"]
    assert commands(text) == ["sekisho journal nothing"]
    assert code_spans(text) == ["gone/x.py"]
    assert not is_there("gone/x.py", ROOT / "README.md")
    assert list(calls("FOO=1 .venv/bin/sekisho a --b 'c d' | sekisho e > f", "sekisho")) == [
        ["a", "--b", "c d"],
        ["e"],
    ]
    assert unknown(["journal", "nothing"])
    assert unknown(["--nothing"])
    assert unknown(["journal", "--help"]) is None
    assert commands("```console\n$ make test\nok\n```\n") == ["make test"]


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "adr").glob("*.md")), ids=name_of)
def test_every_decision_says_what_we_lose(path: Path) -> None:
    title, *parts = headings(text_of(path))
    assert title[1].startswith(f"{path.name[:4]} "), "the number of the file stands in its title"
    assert [words for _, words in parts] == ["Context", "Decision", "What we lose"]
    assert len(text_of(path).splitlines()) <= 60, "one page"


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


VECTORS = [
    path
    for path in files()
    if path.is_relative_to(ROOT / "tests" / "vectors") and path.name != "SOURCES.md"
]


@pytest.mark.parametrize("path", VECTORS, ids=name_of)
def test_every_vector_has_its_source(path: Path) -> None:
    room = ROOT / "tests" / "vectors" / path.relative_to(ROOT / "tests" / "vectors").parts[0]
    sources = room / "SOURCES.md"
    assert sources.exists(), f"{name_of(room)} has no SOURCES.md"
    inside = path.relative_to(room)
    names = {path.name, inside.as_posix(), "".join(path.suffixes), *map(str, inside.parents)}
    assert names & set(code_spans(text_of(sources))), f"{inside} is not in {name_of(sources)}"
