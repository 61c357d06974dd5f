"""The policy's rules in words: the Japanese of everything that the drill shows, and no guess."""

from dataclasses import replace

import pytest
from drill_world import outcome

from sekisho.drills.dmm_2024.records import Variant
from sekisho.drills.dmm_2024.rules import Shown, shown
from sekisho.kernel.words import Language
from sekisho.passes.policy.case import Answer, Outcome
from sekisho.passes.policy.documents import read_pack
from sekisho.passes.policy.evaluate import RULES
from sekisho.passes.policy.packs import shipped_pack


def outcomes() -> tuple[Outcome, ...]:
    standing = outcome(Variant.PASS).standing
    assert standing is not None
    return standing.outcomes


def test_the_drill_asks_every_rule_of_the_pack() -> None:
    asked = [each.rule.partition(".")[0] for each in outcomes()]
    assert asked == list(RULES)
    policy = outcome(Variant.PASS).policy
    assert policy == read_pack(shipped_pack("jp-psa")[0], "jp-psa")


def test_nothing_but_the_purpose_is_left_in_english() -> None:
    for each in outcomes():
        japanese = shown(each, "ja")
        assert japanese.title != each.rule
        assert japanese.title != shown(each, "en").title
        assert not each.reference or japanese.reference != each.reference
        for looked, (name, _) in zip(japanese.inputs, each.inputs, strict=True):
            assert looked.name != name
            assert looked.language == ("en" if name == "purpose" else "ja")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_is_not_known_is_shown_as_the_pack_has_it(language: Language) -> None:
    strange = replace(
        outcomes()[0],
        rule="tide",
        reference="Law of the Sea",
        inputs=(("moon", "high water at 2024-05-31T03:00:00Z and later"),),
    )
    found: Shown = shown(strange, language)
    assert (found.title, found.reference) == ("tide", "Law of the Sea")
    (looked,) = found.inputs
    assert looked.name == "moon"
    assert looked.parts == ("high water at ", "2024-05-31T03:00:00Z", " and later")
    assert looked.language == "en"


def test_a_denial_is_marked_in_both_languages() -> None:
    no = replace(outcomes()[0], answer=Answer.DENIED)
    assert shown(no, "en").denied
    assert shown(no, "en").answer == "✗ DENIED"
    assert shown(no, "ja").answer == "✗ 否"
    assert not shown(outcomes()[0], "en").denied
