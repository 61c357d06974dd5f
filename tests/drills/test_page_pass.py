"""The drill's page: how the pass was approved, what the policy said, and how to check both."""

from dataclasses import replace

import pytest
from drill_world import outcome, pages, section
from page_reader import Element, read

from sekisho.drills.dmm_2024.page import LANGUAGES, page
from sekisho.drills.dmm_2024.records import Variant
from sekisho.drills.dmm_2024.rules import shown as shown_rule
from sekisho.kernel.catalogue import says
from sekisho.kernel.finding import Finding
from sekisho.kernel.words import Language
from sekisho.passes.policy.case import Answer

both_languages = pytest.mark.parametrize("language", LANGUAGES)
HOW = {
    "treasury-operator": ("passkey in the browser", "ブラウザーのパスキー", "approval-desk"),
    "operations-lead": ("passkey in the browser", "ブラウザーのパスキー", "approval-desk"),
    "security-officer": ("own machine, key file", "自身の端末、鍵ファイル", "review-machine"),
    "finance-controller": ("passkey in the browser", "ブラウザーのパスキー", "approval-desk"),
}
VERIFIED: dict[Language, tuple[str, str]] = {
    "en": ("user verified, device-bound, attested", "twelve words compared"),
    "ja": ("利用者を確認、デバイス固定、製造元が証明", "十二語を照合"),
}


def approvals(root: Element, language: Language) -> list[list[str]]:
    """Return the rows of the table of who approved."""
    table = section(root, "pass", language).all("table")[0]
    return [[cell.text() for cell in row.all("td")] for row in table.all("tr")[1:]]


@both_languages
def test_each_approval_shows_with_what_and_where_it_was_made(language: Language) -> None:
    rows = approvals(pages(Variant.PASS), language)
    passkey, own_machine = VERIFIED[language]
    asked, approved = {
        "en": ("asked; does not count", "approved"),
        "ja": ("申請（承認数に含めない）", "承認"),
    }[language]
    said = [person + (asked if person == "treasury-operator" else approved) for person in HOW]
    assert [row[0] for row in rows] == said
    for row, (english, japanese, terminal) in zip(rows, HOW.values(), strict=True):
        device = english if language == "en" else japanese
        assert row[1] == device + (own_machine if "own machine" in english else passkey)
        assert row[2] == terminal
    text = section(pages(Variant.PASS), "pass", language).text()
    assert {
        "en": "No security device was used.",
        "ja": "実際のセキュリティ機器は使っていません。",
    }[language] in text
    assert {"en": "anybody can derive its keys", "ja": "誰でも導き出せます"}[language] in text


@both_languages
def test_the_page_does_not_claim_more_of_an_approval_than_is_so(language: Language) -> None:
    shown = outcome(Variant.PASS)
    standing = shown.standing
    assert standing is not None
    ballots = []
    for each in standing.ballots:
        assert each.credential is not None
        assert each.assertion is not None
        ballots.append(
            replace(
                each,
                approval=replace(each.approval, words=""),
                credential=replace(each.credential, attested=False),
                assertion=replace(each.assertion, device_bound=False),
            )
        )
    lesser = replace(shown, standing=replace(standing, ballots=tuple(ballots)))
    rows = approvals(read(page(lesser)), language)
    passkey, own_machine = {
        "en": ("user verified, may have copies, NOT attested", "words NOT compared"),
        "ja": ("利用者を確認、複製の可能性あり、証明なし", "十二語は未照合"),
    }[language]
    assert [row[1].endswith(passkey) for row in rows] == [True, True, False, True]
    assert rows[2][1].endswith(own_machine)


@both_languages
def test_every_rule_of_the_policy_is_shown_with_what_it_answers_to(language: Language) -> None:
    drilled = outcome(Variant.PASS)
    standing = drilled.standing
    assert standing is not None
    there = section(pages(Variant.PASS), "policy", language)
    rows = there.all("table")[0].all("tr")[1:]
    for row, each in zip(rows, standing.outcomes, strict=True):
        said = shown_rule(each, language)
        text = row.text()
        for part in (said.title, each.rule, said.answer, said.reference):
            assert part in text
        for looked in said.inputs:
            assert looked.name in text
            assert "".join(looked.parts) in text
    text = there.text()
    for part in ("jp-psa", drilled.policy_digest, "2024-05-31 04:15", "2024-05-31 13:15"):
        assert part in text
    assert {"en": "None says no.", "ja": "不可とした規則はありません。"}[language] in text
    assert {"en": "60 minutes", "ja": "60 分間"}[language] in text


@both_languages
def test_a_policy_that_says_no_is_shown_to_say_no(language: Language) -> None:
    drilled = outcome(Variant.PASS)
    standing = drilled.standing
    assert standing is not None
    why = Finding(
        code="passes.own_machine_missing",
        subject="storage-1",
        facts=(("counted_sat", "5"), ("have", "0"), ("needed", "1")),
    )
    outcomes = tuple(
        replace(each, answer=Answer.DENIED, finding=why) if each.rule == "own_machine" else each
        for each in standing.outcomes
    )
    refused = replace(standing, outcomes=outcomes, held_until_at=None)
    there = section(read(page(replace(drilled, standing=refused))), "policy", language)
    (row,) = (each for each in there.all("tr") if each.attributes.get("class") == "denied")
    assert says(why, language) in row.text()
    text = there.text()
    assert {"en": "The policy says no.", "ja": "ポリシーは不可としました。"}[language] in text
    assert {"en": "None says no.", "ja": "不可とした規則はありません。"}[language] not in text


@both_languages
def test_the_page_says_how_to_verify_the_pass_without_us(language: Language) -> None:
    there = section(pages(Variant.PASS), "pass", language)
    (command,) = (each for each in there.all("code") if "command" in each.attributes.values())
    genesis = outcome(Variant.PASS).genesis_digest
    assert command.text() == f"sekisho pass verify pass.bundle --genesis {genesis}"
    warned = {"en": "Never take it from the page", "ja": "取ってはなりません"}[language]
    assert warned in there.text()
    assert not [each for each in pages(Variant.NO_PASS).all("code") if "bundle" in each.text()]


@both_languages
def test_what_the_request_claims_is_marked_as_derived_or_invented(language: Language) -> None:
    text = section(pages(Variant.PASS), "pass", language).text()
    for part in ("¥10,802,451", "¥10,800,000", "4,703.00000000"):
        assert part in text
    for part in {"en": ("(derived)", "(invented)"), "ja": ("（導出値）", "（創作）")}[language]:
        assert part in text
    sources = section(pages(Variant.PASS), "sources", language).text()
    assert {"en": "the second is invented", "ja": "二つ目は創作"}[language] in sources


@both_languages
def test_without_a_pass_no_rule_was_asked(language: Language) -> None:
    there = section(pages(Variant.NO_PASS), "policy", language)
    assert {"en": "no rule was asked", "ja": "適用された規則はありません"}[
        language
    ] in there.text()
    assert not there.all("table")
