"""The steps, once: their findings, their words in two languages, and the page that walks them."""

import ast
import re
from collections import Counter
from collections.abc import Iterator

from gate_page import PAGE, numbers, page
from tree import source

from sekisho.gate.steps import evidence, number_of, parts, sentences, steps
from sekisho.kernel.catalogue import catalogue

FIELD = re.compile(r"\{([a-z_]+)\}")
NEVER_AT_THE_GATE = {
    "passes.approval_unreadable": "as if it were not there",
    "passes.cannot_be_suspended": "of an admin pass",
    "passes.child_not_signed": "said to the issuer",
    "passes.child_unreadable": "as if it were not there",
    "passes.credential_backed_up": "of an enrolment",
    "passes.credential_id_reused": "of a rotation",
    "passes.credential_not_attested": "of an enrolment",
    "passes.credential_not_device_bound": "of an enrolment",
    "passes.destination_poisoned": "when a pass is asked for",
    "passes.entry_unreadable": "as if it were not there",
    "passes.no_recovery_quorum": "of a recovery",
    "passes.not_admin": "of a pass that is taken for an admin pass",
    "passes.not_an_officer": "of a suspension",
    "passes.not_heard": "said to whoever signs",
    "passes.not_suspended": "of a reinstatement",
    "passes.opening_missing": "said to a keeper alone",
    "passes.opening_wrong": "said to a keeper alone",
    "passes.pass_unreadable": "as if it were not there",
    "passes.recovery_changes_more": "of a recovery",
    "passes.registration_invalid": "of an enrolment",
    "passes.roster_does_not_follow": "of a rotation",
    "passes.second_officer_needed": "of a suspension",
}
"""Findings about passes that no answer to a PSBT holds, with what they are about."""


def test_they_are_numbered_and_stand_in_their_parts() -> None:
    assert [each.number for each in steps()] == list(range(1, 26))
    order = list(parts())
    places = [order.index(each.part) for each in steps()]
    assert places == sorted(places)
    assert set(places) == set(range(len(order)))


def test_every_finding_that_the_gate_can_make_belongs_to_exactly_one_step() -> None:
    """None is caught by a rule for all: a new code of the gate's needs a step of its own."""
    listed = Counter(code for each in steps() for code in each.codes)
    assert set(listed.values()) == {1}
    rooms = {code for code in listed if code.endswith(".*")}
    assert rooms == {"journal.*", "wallets.*", "kernel.*"}
    assert not (listed.keys() - rooms) - catalogue().keys()
    unplaced = {
        code
        for code in catalogue()
        if code.startswith(("gate.", "passes.")) and code not in listed
    }
    assert unplaced == NEVER_AT_THE_GATE.keys()


def test_what_else_reaches_the_gate_is_said_where_it_was_read() -> None:
    assert number_of("journal.checkpoint_lower") == 3
    assert number_of("journal.id_conflict") == 20, "of its own answer"
    assert number_of("wallets.proof_wrong") == number_of("kernel.name_hidden") == 13
    assert number_of("watch.alarm_stands") == number_of("gate.of_next_year") == 0


def test_the_page_walks_through_the_same_steps() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "stale: python -m tests.gate_page"
    assert numbers(text) == [each.number for each in steps()]
    assert all(f"`{code}`" in text for each in steps() for code in each.codes)


def test_every_step_serves_a_rule_a_decision_or_an_incident() -> None:
    source_named = re.compile(
        r"\b(ADR \d{4}|BIP-\d+|RFC \d+|GL16|PSA|CAO|CCSS|CVE-|\d{4}-\d\d-\d\d)"
    )
    assert [each.number for each in steps() if not source_named.search(each.serves)] == []


def test_a_page_that_says_something_else_is_seen() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for old, new in (
        ("**Lease.**", "**Loan.**"),
        ("| the same pass twice |", "| nothing |"),
        ("BIP-112; [ADR 0021]", "[ADR 0020]"),
        (", `gate.lookalike`", ""),
    ):
        assert old in text
        assert page(text.replace(old, new)) == text


# Their words -------------------------------------------------------------------------------------


def told() -> Iterator[tuple[str, set[str] | None]]:
    """Yield every name of a sentence in the source, with its facts; None where they are spread."""
    for module in source():
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "evidence"):
                continue
            names = [keyword.arg for keyword in node.keywords]
            spread = None in names
            for each in ast.walk(node.args[0]):
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield each.value, None if spread else {str(name) for name in names}


def test_every_sentence_is_said_and_has_its_facts() -> None:
    assert {name for name, _ in told()} == set(sentences())
    for name, facts in told():
        needed = set(FIELD.findall(sentences()[name]["en"]))
        assert facts is None or facts == needed, name


def test_both_languages_tell_the_same() -> None:
    for name, words in sentences().items():
        english, japanese = (sorted(FIELD.findall(words[each])) for each in ("en", "ja"))
        assert set(english) == set(japanese), name
    for step in steps():
        assert all(step.title.values())
        assert all(step.against.values())


def test_the_word_for_why_a_keeper_holds_is_on_no_screen() -> None:
    """Whoever forces an approver reads the answer over their shoulder."""
    words = [*(each for one in sentences().values() for each in one.values())]
    words += [each for step in steps() for each in (*step.title.values(), *step.against.values())]
    for word in ("duress", "coerc", "force", "threat", "脅", "強要", "強迫"):
        assert not [each for each in words if word in each.lower().replace("in force", "")]


def test_a_fact_is_told_as_people_read_it() -> None:
    said = evidence("fee", fee_sat=20_000, fee_max_sat=1, feerate="x", vsize=1, feerate_max="y")
    assert said.says("en") == "Fee 0.00020000 BTC, at most 0.00000001 BTC; x on 1 vB, at most y."
    hostile = evidence("payment", amount_sat=1, address="1\x1b[2J{amount_sat}")
    assert "\x1b" not in hostile.says("en")
    assert hostile.says("en").endswith("{amount_sat}")
