"""What every finding means, in the words of the person who reads it.

`catalogue.toml` holds, for each code, a sentence with the facts filled in (`says`) and what a
person does about it (`do`), in English and Japanese. docs/findings.md is written from it, and a
test holds that every code used anywhere in the source is listed here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from sekisho.kernel.finding import Finding
from sekisho.kernel.money import format_btc, format_jpy
from sekisho.kernel.words import Language


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
    """Return the finding as one sentence. Never raises for an unlisted code or a missing fact.

    Amounts in facts whose names end in `_sat` or `_jpy` are written as people write money.
    """
    facts = {"subject": found.subject}
    facts.update((name, _written(name, value)) for name, value in found.facts)
    listed = catalogue().get(found.code)
    if listed is None:
        return str(found)
    return listed[language].says.format_map(_Facts(facts))


def what_to_do(code: str, language: Language) -> str:
    """Return what a person does about a finding of this code; empty for an unlisted code."""
    listed = catalogue().get(code)
    return listed[language].do if listed else ""


def _written(name: str, value: str) -> str:
    if name.endswith("_sat") and value.lstrip("-").isdigit():
        return f"{format_btc(int(value))} BTC"
    if name.endswith("_jpy") and value.lstrip("-").isdigit():
        return f"¥{format_jpy(int(value))}"
    return value


class _Facts(dict[str, str]):
    """A missing fact is shown as such: a sentence about a theft must not fail to be said."""

    def __missing__(self, name: str) -> str:
        return f"({name}?)"
