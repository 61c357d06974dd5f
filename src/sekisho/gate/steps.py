"""The numbered steps by which the gate decides: their words, and which findings belong to which.

Nothing here decides. `steps.toml` holds what people read, in both languages; docs/gate.md walks an
auditor through the same steps, and a test holds that it does.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from sekisho.kernel.catalogue import fill
from sekisho.kernel.words import Language

Words = Mapping[Language, str]
RETURNED = "return"
"""The part about what a signer gave back; all others are before anything is signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the gate makes sure of."""

    number: int
    """As in docs/gate.md."""
    part: str
    """Which part of the way it belongs to: a key of `parts()`."""
    title: Words
    against: Words
    """What it keeps from happening."""
    serves: str
    """The rule or the incident that it is there for, as docs/gate.md shows it."""
    codes: tuple[str, ...]
    """The findings that belong to it; `<room>.*` stands for all of a room without a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One sentence of what was seen, as its name in `steps.toml` and the facts in it."""

    name: str
    facts: tuple[tuple[str, str], ...]

    def says(self, language: Language) -> str:
        """Return the sentence, with amounts and moments as people read them."""
        return fill(sentences()[self.name][language], dict(self.facts), language)


def evidence(name: str, **facts: str | int) -> Evidence:
    """Return a sentence of what was seen; integers among `facts` are written out."""
    return Evidence(name=name, facts=tuple((each, str(fact)) for each, fact in facts.items()))


@cache
def steps() -> tuple[Step, ...]:
    """Return every step, by number."""
    return tuple(
        Step(
            number=each["number"],
            part=each["part"],
            title=_words(each),
            against={"en": each["against_en"], "ja": each["against_ja"]},
            serves=each["serves"],
            codes=tuple(each["codes"]),
        )
        for each in _text()["step"]
    )


@cache
def parts() -> Mapping[str, Words]:
    """Return the titles of the parts of the way, in order."""
    return {name: _words(each) for name, each in _text()["part"].items()}


@cache
def sentences() -> Mapping[str, Words]:
    """Return the templates of what was seen, by name."""
    return {name: _words(each) for name, each in _text()["says"].items()}


def number_of(code: str) -> int:
    """Return the number of the step to which a finding belongs; 0 for one that has none."""
    owners = {each: step.number for step in steps() for each in step.codes}
    return owners.get(code, owners.get(f"{code.partition('.')[0]}.*", 0))


def _words(table: Mapping[str, str]) -> Words:
    return {"en": table["en"], "ja": table["ja"]}


@cache
def _text() -> Mapping[str, Any]:
    text = (resources.files("sekisho.gate") / "steps.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
