"""What every finding means, in the words of the person who reads it.

`catalogue.toml` holds, for each code, a sentence with the facts filled in (`says`) and what a
person does about it (`do`), in English and Japanese. docs/findings.md is written from it, and a
test holds that every code used anywhere in the source is listed here.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import JST, parse_instant
from sekisho.kernel.money import format_btc, format_jpy
from sekisho.kernel.words import Language

_FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_AMOUNT = re.compile(r"-?[0-9]{1,78}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One code's sentences in one language."""

    says: str
    """A template: `{subject}` and the names of the finding's facts in braces."""
    do: str
    """The next thing that a person does."""


@cache
def catalogue() -> Mapping[str, Mapping[Language, Explanation]]:
    """Return every code with its explanation in each language."""
    text = (resources.files("sekisho.kernel") / "catalogue.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)
    return {
        f"{room}.{what}": {
            "en": Explanation(says=entry["en"], do=entry["do_en"]),
            "ja": Explanation(says=entry["ja"], do=entry["do_ja"]),
        }
        for room, codes in entries.items()
        for what, entry in codes.items()
    }


def says(found: Finding, language: Language) -> str:
    """Return the finding as one sentence. Never raises, whatever the finding holds.

    A sentence about a theft must not fail to be said: an unlisted code or a missing fact is shown
    as such. Amounts in facts named `..._sat` or `..._jpy` are written as people write money, and
    instants in facts named `..._at` as their reader's clock shows them.
    """
    listed = catalogue().get(found.code)
    if listed is None:
        return visible(str(found))
    return _filled(listed[language].says, found, language)


def fill(template: str, facts: Mapping[str, str], language: Language) -> str:
    """Return `template` with the facts in place of their names in braces, and of nothing else.

    Not `str.format`, whose fields reach attributes and raise: a fact is text, and stays text.
    """
    said = {name: _written(name, value, language) for name, value in facts.items()}
    return _FIELD.sub(lambda field: visible(said.get(field[1], f"({field[1]}?)")), template)


def what_to_do(code: str, language: Language) -> str:
    """Return what a person does about a finding of this code; empty for an unlisted code."""
    listed = catalogue().get(code)
    return listed[language].do if listed else ""


def finding_json(found: Finding) -> Json:
    """Return a finding with its sentence in both languages."""
    return {
        **found.as_json(),
        "says": {"en": says(found, "en"), "ja": says(found, "ja")},
        "do": {"en": what_to_do(found.code, "en"), "ja": what_to_do(found.code, "ja")},
    }


def findings_json(findings: Iterable[Finding]) -> list[Json]:
    """Return findings as a JSON list."""
    return [finding_json(each) for each in findings]


def _filled(template: str, found: Finding, language: Language) -> str:
    return fill(template, dict(found.facts) | {"subject": found.subject}, language)


def _written(name: str, value: str, language: Language) -> str:
    if name.endswith("_sat") and _AMOUNT.fullmatch(value):
        return f"{format_btc(int(value))} BTC"
    if name.endswith("_jpy") and _AMOUNT.fullmatch(value):
        return f"¥{format_jpy(int(value))}"
    if name.endswith("_at"):
        return _local(value, language)
    return value


def _local(value: str, language: Language) -> str:
    """Return an instant as its reader's clock shows it: in Japanese, Japan's first."""
    try:
        at = parse_instant(value, "fact")
    except BadInputError:
        return value
    utc = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    if language == "en":
        return utc
    try:
        return f"{at.astimezone(JST):%Y-%m-%d %H:%M:%S} JST ({utc})"
    except OverflowError:  # the last hours of the year 9999
        return utc
