"""The drill's page: complete in both languages, exact, self-contained, and safe to open."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from drill_world import article, outcome, pages, section
from jinja2 import UndefinedError
from page_reader import VOID, read

from sekisho.drills.dmm_2024.page import LANGUAGES, _environment, page
from sekisho.drills.dmm_2024.records import Variant
from sekisho.kernel.catalogue import says, what_to_do
from sekisho.kernel.words import Language
from sekisho.passes.records import AnyInputs, Transfer
from sekisho.watch.records import VerdictKind

CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
LOADS = {
    *("script", "link", "img", "iframe", "object", "embed", "audio", "video", "source", "track"),
    *("form", "base", "image", "use", "feimage", "foreignobject", "animate", "set", "picture"),
}
LOADING = {
    "src",
    "srcset",
    "poster",
    "data",
    "action",
    "formaction",
    "background",
    "style",
    "ping",
}
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
ENGLISH = re.compile(r"(?:\b[a-z]{2,}\b[ ,;:']+){3}[a-z]{2,}")


both_variants = pytest.mark.parametrize("variant", Variant)
both_languages = pytest.mark.parametrize("language", LANGUAGES)


@both_variants
def test_every_tag_is_closed_and_every_reference_leads_somewhere(variant: Variant) -> None:
    root = pages(variant)
    ids = Counter(each.attributes["id"] for each in root.all() if "id" in each.attributes)
    assert {name for name, count in ids.items() if count > 1} == set()
    for each in root.all():
        assert each.tag not in VOID or not each.children
        for name in ("for", "aria-labelledby"):
            for aim in each.attributes.get(name, "").split():
                assert aim in ids
        if each.attributes.get("href", "").startswith("#"):
            assert each.attributes["href"][1:] in ids


@both_variants
def test_the_page_loads_nothing_and_runs_nothing(variant: Variant) -> None:
    root = pages(variant)
    policies = [
        each.attributes["content"]
        for each in root.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [CSP]
    for each in root.all():
        assert each.tag not in LOADS
        for name, value in each.attributes.items():
            assert name not in LOADING
            assert not name.startswith("on")
            assert "://" not in value or (each.tag, name) == ("a", "href")
            assert name != "href" or value.startswith(("#", "https://"))
    (style,) = root.all("style")
    assert not re.search(r"url\(|@import|@font-face|expression", style.text())


@both_variants
def test_each_language_is_a_whole_document_with_the_same_parts(variant: Variant) -> None:
    english, japanese = (article(pages(variant), each) for each in LANGUAGES)
    assert [each.tag for each in english.all()] == [each.tag for each in japanese.all()]
    levels = [int(each.tag[1]) for each in english.all() if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for table in english.all("table"):
        assert all(each.attributes.get("scope") in {"row", "col"} for each in table.all("th"))
    for picture in english.all("svg"):
        assert picture.attributes["role"] == "img"
        assert len(picture.all("title")) == len(picture.all("desc")) == 1


@both_variants
def test_nothing_is_left_untranslated(variant: Variant) -> None:
    root = pages(variant)
    for each in article(root, "ja").texts(without=("code",), languages=("en",)):
        assert not ENGLISH.search(each), each
    # A Japanese law is cited by its own name, beside what it is called in English.
    for each in article(root, "en").texts(without=("code", "cite"), languages=("ja",)):
        assert not JAPANESE.search(each), each


@both_languages
@both_variants
def test_every_finding_is_explained(variant: Variant, language: Language) -> None:
    shown, root = outcome(variant), pages(variant)
    for name, found in (("gate", shown.gate_findings), ("watch", shown.verdict.findings)):
        items = section(root, name, language).all("li")
        assert len(items) == len(found) > 0
        for item, each in zip(items, found, strict=True):
            text = item.text()
            assert says(each, language) in text
            assert what_to_do(each.code, language)
            assert what_to_do(each.code, language) in text
            assert each.code in text


@both_languages
@both_variants
def test_the_first_screen_says_what_happened_and_what_to_do(
    variant: Variant, language: Language
) -> None:
    shown, root = outcome(variant), pages(variant)
    first = section(root, "what", language)
    (headline,) = first.all("h1")
    text = first.text()
    assert "4,502.9 BTC" in headline.text()
    assert f"{shown.latency_ms:.1f}" in headline.text()
    for said in {"en": ("stopped at the gate", "caught in"), "ja": ("関所で阻止", "で検知")}[
        language
    ]:
        assert said in headline.text()
    for amount in {"en": ("¥48.2bn", "¥48.6bn"), "ja": ("482億円", "486億円")}[language]:
        assert amount in text
    for said in ("0.1 BTC", "2024-05-31 13:26 JST", "2024-05-31 13:00 JST", "68,535.81"):
        assert said in text
    assert shown.incident.incident_id in text
    assert "200 BTC" in text
    assert len(first.all("ol")[0].all("li")) == 4


@both_languages
@both_variants
def test_amounts_are_exact(variant: Variant, language: Language) -> None:
    text = article(pages(variant), language).text()
    for amount in (
        *("4,502.90000000 BTC", "0.10000000 BTC", "4,503.00000000", "503.00000000"),
        *("¥48,200,000,000", "¥48,639,389,196", "¥1,070,421", "¥1,080,179"),
        *("¥10,704,212", "¥10,801,792", "7,704.2 sat/vB"),
    ):
        assert amount in text
    assert ("450,290,000,000 sat" in text) == (variant is Variant.PASS)


@both_languages
@both_variants
def test_the_timeline_marks_facts_as_facts(variant: Variant, language: Language) -> None:
    moments = outcome(variant).moments
    items = section(pages(variant), "timeline", language).all("li")
    marks = {"en": ("○ reconstruction", "● fact"), "ja": ("○ 再構成", "● 事実")}[language]
    for item, moment in zip(items, moments, strict=True):
        (mark,) = (each for each in item.all("span") if "mark" in each.attributes.get("class", ""))
        assert mark.text() == marks[moment.fact]
        assert (moment.what_en if language == "en" else moment.what_ja) in item.text()
        assert moment.at.strftime("%Y-%m-%d %H:%M\xa0UTC") in item.text()
        assert (moment.at + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M\xa0JST") in item.text()


@both_languages
def test_the_pass_is_shown_as_it_was_approved(language: Language) -> None:
    shown = outcome(Variant.PASS)
    standing = shown.standing
    assert standing is not None
    there = section(pages(Variant.PASS), "pass", language)
    words = [[each.text() for each in words.all("li")] for words in there.all("ol")]
    assert words == [list(shown.words_en), list(shown.words_ja)]
    text = there.text()
    for said in (standing.digest, standing.asked.pass_id, standing.asked.purpose):
        assert said in text
    for people in standing.counted.values():
        assert people[0] in text
    for said in ("0.00300000 BTC", "200.0 sat/vB", "2024-06-01 03:00", "2024-06-01 12:00"):
        assert said in text
    allowed = {"en": "What the pass allowed ○", "ja": "手形が許した内容 ○"}[language]
    assert allowed in section(pages(Variant.PASS), "coins", language).text()


@both_languages
def test_without_a_pass_the_page_says_that_nobody_had_asked(language: Language) -> None:
    there = section(pages(Variant.NO_PASS), "pass", language)
    assert {"en": "Nobody had asked", "ja": "誰も申請しておらず"}[language] in there.text()
    assert not there.all("table")
    coins = section(pages(Variant.NO_PASS), "coins", language)
    assert not [each for each in coins.all("path") if each.attributes["class"] == "allowed"]


@both_languages
@both_variants
def test_who_signed_is_shown_for_every_coin(variant: Variant, language: Language) -> None:
    table = section(pages(variant), "keys", language).all("table")[0]
    valid, absent = {"en": ("✓ valid", "– none"), "ja": ("✓ 有効", "– なし")}[language]
    rows = [[cell.text() for cell in row.all("td")] for row in table.all("tr")[1:-1]]
    assert [row[1:] for row in rows] == [[valid, valid, absent]] * 9
    assert Counter(row[0] for row in rows) == {"500.00000000": 8, "503.00000000": 1}


@both_languages
def test_both_ends_of_the_two_addresses_are_marked_where_they_agree(language: Language) -> None:
    there = section(pages(Variant.PASS), "alike", language)
    usual, paid = there.all("code")[:2]
    assert usual.text() == "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P"
    assert paid.text() == "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P"
    for address in (usual, paid):
        same = [each.text() for each in address.all() if each.attributes.get("class") == "same"]
        assert same == ["1B6rJ", "7P"]
    text = there.text()
    assert "33.8" in text
    assert {"en": "about 15 billion", "ja": "約 150 億個"}[language] in text
    assert {"en": "so it misses the pair", "ja": "見逃します"}[language] in text


@both_languages
def test_the_page_does_not_claim_what_did_not_happen(language: Language) -> None:
    shown = outcome(Variant.PASS)
    calm = replace(
        shown,
        gate_verdict="cleared",
        gate_findings=(),
        honest_verdict="refused",
        verdict=replace(shown.verdict, kind=VerdictKind.MATCHED),
    )
    root = read(page(calm))
    first = section(root, "what", language).text()
    claims = {"en": ("STOPPED", "CAUGHT", "stopped at", "caught in"), "ja": ("で阻止", "で検知")}
    denials = {
        "en": ("NOT STOPPED", "NOT CAUGHT", "NOT stopped at", "NOT caught by"),
        "ja": ("阻止できず", "検知できず", "関所は阻止せず", "監視も検知せず"),
    }
    for said in denials[language]:
        assert said in first
        first = first.replace(said, "")
    for said in claims[language]:
        assert said not in first
    gate = section(root, "gate", language).text()
    assert {"en": "must not be", "ja": "あってはならない"}[language] in gate


@both_languages
def test_no_claim_about_signers_where_scripts_are_not_understood(language: Language) -> None:
    shown = outcome(Variant.PASS)
    signatures = replace(shown.incident.signatures, understood=False)
    root = read(page(replace(shown, incident=replace(shown.incident, signatures=signatures))))
    there = section(root, "keys", language)
    assert not there.all("table")
    assert {"en": "no claim is made", "ja": "何も主張しません"}[language] in there.text()


def test_a_pass_for_any_coins_can_be_shown() -> None:
    shown = outcome(Variant.PASS)
    standing = shown.standing
    assert standing is not None
    assert isinstance(standing.asked.action, Transfer)
    action = replace(standing.asked.action, inputs=AnyInputs(inputs_max=20))
    changed = replace(standing, asked=replace(standing.asked, action=action))
    text = read(page(replace(shown, standing=changed))).text()
    assert "any coins of the wallet" in text
    assert "ウォレットの任意の UTXO" in text


def test_a_name_that_nobody_gave_stops_the_page() -> None:
    with pytest.raises(UndefinedError):
        _environment().from_string("{{ loss }}").render()


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *(("ink", "paper"), ("soft", "paper"), ("red", "paper"), ("paper", "ink")),
        *(("soft", "tint"), ("ink", "tint"), ("red", "wash")),
    ],
)
def test_text_can_be_read(ink: str, paper: str) -> None:
    (style,) = pages(Variant.PASS).all("style")
    colours = dict(re.findall(r"--(\w+): #([0-9a-f]{6});", style.text()))
    light, dark = sorted((luminance(colours[ink]), luminance(colours[paper])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5, "WCAG 2.2, 1.4.3"


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
