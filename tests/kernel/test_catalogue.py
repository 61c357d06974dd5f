"""Every code has its words in both languages, and saying them never fails."""

import re
from dataclasses import fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sekisho.kernel import catalogue as the_catalogue
from sekisho.kernel.catalogue import Explanation, catalogue, says, what_to_do
from sekisho.kernel.fields import is_printable
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.words import Language

LANGUAGES: tuple[Language, ...] = ("en", "ja")
FIELD = re.compile(r"\{[a-z][a-z0-9_]*\}")
JAPANESE = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}(_sat|_jpy)?", fullmatch=True)
hostile = st.sampled_from(
    [
        "{subject.__class__}",
        "{subject.__class__.__mro__[1].__subclasses__}",
        "{0}",
        "{}",
        "{",
        "}",
        "{{",
        "{subject!r}",
        "{subject:>999999999}",
        "{amount_sat}",
        "%s%n",
        "\\g<0>",
        "\\1",
        "²",
        "--5",
        "-",
        "9" * 5000,
        "１２",
        "\x1b[2J",
        "\u202e",
        "\ud800",
    ]
)
values = st.text() | hostile | st.integers().map(str)
codes = st.text() | hostile | st.sampled_from([*catalogue(), "no.such_code"])
findings = st.builds(
    Finding,
    code=codes,
    subject=values,
    facts=st.lists(st.tuples(names, values), max_size=5).map(tuple),
)


def test_every_code_has_every_sentence_in_both_languages() -> None:
    for code, explained in catalogue().items():
        assert re.fullmatch(r"[a-z]+\.[a-z][a-z0-9_]*", code), code
        assert set(explained) == set(LANGUAGES), code
        for each in fields(Explanation):
            english = getattr(explained["en"], each.name)
            japanese = getattr(explained["ja"], each.name)
            assert english == english.strip() != "", code
            assert japanese == japanese.strip() != "", code
            assert english[-1] in ".?!", f"{code}: a sentence ends"
            assert japanese[-1] in "。？！」）", f"{code}: 文は終わる"
            assert not JAPANESE.search(english), f"{code}: Japanese in the English"
            assert JAPANESE.search(FIELD.sub("", japanese)), f"{code}: no Japanese"


def test_both_languages_tell_the_same_facts_and_name_them_plainly() -> None:
    for code, explained in catalogue().items():
        told = {language: set(FIELD.findall(explained[language].says)) for language in LANGUAGES}
        assert told["en"] == told["ja"], code
        for language in LANGUAGES:
            rest = FIELD.sub("", explained[language].says) + explained[language].do
            assert not set("{}") & set(rest), f"{code}: braces hold the name of a fact, no more"


@pytest.mark.parametrize("language", LANGUAGES)
@given(found=findings)
@example(found=Finding(code="no.such_code", subject="{subject.__class__}"))
def test_saying_never_fails_and_never_speaks_to_the_terminal(
    language: Language, found: Finding
) -> None:
    said = says(found, language)
    assert is_printable(said)
    said.encode()


@given(found=findings, template=st.text() | st.lists(names | hostile).map("".join))
def test_no_template_can_fail_or_reach_into_an_object(found: Finding, template: str) -> None:
    said = the_catalogue._filled(template, found, "en")
    assert said == template or FIELD.search(template) or not is_printable(template)
    said = the_catalogue._filled(
        "{subject}{subject.__class__}{0}{x!r}{x:9}{missing}{", found, "en"
    )
    assert said.endswith("{subject.__class__}{0}{x!r}{x:9}(missing?){")


def test_money_is_written_as_people_write_it() -> None:
    found = finding("a.b", "s", loss_sat=450_290_000_000, loss_jpy=48_200_000_000, count=3)
    said = the_catalogue._filled("{loss_sat}, {loss_jpy}, {count}", found, "en")
    assert said == "4,502.90000000 BTC, ¥48,200,000,000, 3"


@pytest.mark.parametrize("value", ["²", "--5", "-", "", "１２", "9" * 5000, "1.5", "1\n"])
def test_what_is_no_amount_is_shown_as_it_is(value: str) -> None:
    found = Finding(code="a.b", subject="s", facts=(("x_sat", value), ("x_jpy", value)))
    assert the_catalogue._filled("{x_sat}{x_jpy}", found, "en") == value.replace("\n", "\\n") * 2


def test_a_fact_in_braces_stays_text() -> None:
    found = finding("a.b", "{other}", other="secret {subject}")
    assert the_catalogue._filled("{subject}", found, "en") == "{other}"
    assert the_catalogue._filled("{other}", found, "en") == "secret {subject}"


def test_escapes_and_direction_marks_are_spelled_out() -> None:
    found = finding("a.b", "\x1b[2J山田　太郎\u202e")
    assert the_catalogue._filled("{subject}", found, "en") == "\\x1b[2J山田　太郎\\u202e"


def test_an_unlisted_code_is_said_as_it_is() -> None:
    found = finding("no.such_code", "someone", n=1)
    assert says(found, "en") == says(found, "ja") == "no.such_code: someone (n=1)"
    assert what_to_do("no.such_code", "en") == ""


def test_a_listed_code_says_what_to_do() -> None:
    for code, explained in catalogue().items():
        for language in LANGUAGES:
            assert what_to_do(code, language) == explained[language].do


def test_instants_are_shown_as_the_readers_clock_shows_them() -> None:
    found = finding("test.time", "x", seen_at="2024-05-31T04:26:00Z", odd_at="soon")
    template = "{seen_at} {odd_at}"
    assert the_catalogue._filled(template, found, "en") == "2024-05-31 04:26:00 UTC soon"
    assert the_catalogue._filled(template, found, "ja") == (
        "2024-05-31 13:26:00 JST (2024-05-31 04:26:00 UTC) soon"
    )
