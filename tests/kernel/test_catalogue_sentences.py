"""Every sentence is true where it is said: it tells what the finding holds, whole and once."""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

import pytest
from tree import Module, module, source

from sekisho.kernel.catalogue import Explanation, catalogue
from sekisho.kernel.words import Language

FIELD = re.compile(r"\{([a-z][a-z0-9_]*)\}")
LEFT_OUT = {
    # The journal's runs of entries, "5-9", say their count themselves.
    "journal.chain_broken": {"count"},
    "journal.entry_changed": {"count"},
    "journal.entry_id_differs": {"count"},
    "journal.entry_moved": {"count"},
    "journal.entry_out_of_order": {"count"},
    "journal.entry_unreadable": {"count"},
    # One checkpoint that does not fit is enough, and the key's name says whose it is.
    "journal.forked": {"checkpoints"},
    "journal.note_signature_wrong": {"key_id"},
    # Four defects share their facts; what a record declares is told where a record is declared.
    "edges.block_file_junk": {"declared_bytes"},
    "edges.block_record_cut": {"size_bytes"},
    "edges.block_record_size": {"size_bytes"},
    "edges.block_record_torn": {"size_bytes"},
}
"""Facts that only a program reads. No amount is ever among them."""
NOT_NAMED = {
    "journal.chain_broken",
    "journal.entries_missing",
    "journal.entry_changed",
    "journal.entry_id_differs",
    "journal.entry_moved",
    "journal.entry_not_covered",
    "journal.entry_out_of_order",
    "journal.entry_unreadable",
    "journal.findings_left_out",
}
"""Codes whose subject is the journal itself, of which there is one."""
UNITS_SAID_TWICE = re.compile(
    r"\{[a-z_]*_sat\}\s*(BTC|sat|ビットコイン)|\{feerate[a-z_]*\}\s*sat|[¥￥]\s*\{|\{[a-z_]*_jpy\}\s*(円|yen)"
)
ONE_WORD_FOR_ONE_THING = {
    "ゲート": "関所",
    "ジャーナル": "台帳",
    "ロスター": "名簿",
    "クォーラム": "定足数",
    "フィーレート": "手数料率",
    "ウォッチャー": "監視",
    "アウトフロー": "流出",
    "釣り銭": "おつり",
    "お釣り": "おつり",
    "コイン": "UTXO、暗号資産",
    "署名者": "鍵の保管者",
    "自社": "当社",
    "下さい": "ください",
}
"""The glossary's word for each word that somebody might write instead of it."""
TOUCHING = re.compile(r"[\u3041-\u30fe\u4e00-\u9fff]\{|\}[\u3041-\u30fe\u4e00-\u9fff]")
"""Japanese without the space that we put between it and what is filled in."""


def facts_given(modules: Iterable[Module]) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield place, code and names of facts of every finding that the source can make.

    Where the code is handed on, it is one of those that stand in the module otherwise unused.
    """
    for each in modules:
        made = [
            node
            for node in ast.walk(each.tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "finding"
        ]
        literal = {node.args[0].value for node in made if isinstance(node.args[0], ast.Constant)}
        written = {node.value for node in ast.walk(each.tree) if isinstance(node, ast.Constant)}
        handed_on = {code for code in catalogue() if code in written - literal}
        for node in made:
            names = frozenset(str(keyword.arg) for keyword in node.keywords)
            code = node.args[0]
            for meant in {code.value} if isinstance(code, ast.Constant) else handed_on:
                yield f"{each.name}:{node.lineno}", str(meant), names


def untrue(
    given: Iterable[tuple[str, str, frozenset[str]]],
    said: Mapping[str, Mapping[Language, Explanation]],
    *,
    left_out: Mapping[str, Collection[str]],
) -> list[str]:
    """Return what the texts name and a finding lacks, or a finding holds and nobody is told."""
    wrong = []
    for place, code, names in given:
        for language, words in said.get(code, {}).items():
            told = set(FIELD.findall(words.says))
            named = told | set(FIELD.findall(words.do))
            wrong += [
                f"{place} {code} {language}: no {{{x}}}" for x in named - names - {"subject"}
            ]
            kept = names - told - set(left_out.get(code, ()))
            wrong += [f"{place} {code} {language}: {{{x}}} is not told" for x in kept]
    return sorted(wrong)


def test_every_text_names_what_is_there_and_tells_all_of_it() -> None:
    wrong = untrue(facts_given(source()), catalogue(), left_out=LEFT_OUT)
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_code_that_is_made_has_words_and_no_other_has() -> None:
    assert set(catalogue()) == {code for _, code, _ in facts_given(source())}


def test_what_is_left_out_is_there_to_be_told_and_is_no_money() -> None:
    given: defaultdict[str, set[str]] = defaultdict(set)
    for _, code, names in facts_given(source()):
        given[code] |= names
    for code, left_out in LEFT_OUT.items():
        assert left_out <= given[code], code
        assert not any(name.endswith(("_sat", "_jpy")) for name in left_out), code


def test_every_sentence_says_whom_or_what_it_is_about() -> None:
    silent = {
        code
        for code, explained in catalogue().items()
        for words in explained.values()
        if "subject" not in FIELD.findall(words.says)
    }
    assert silent == NOT_NAMED


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_unit_is_said_twice(language: Language) -> None:
    for code, explained in catalogue().items():
        assert not UNITS_SAID_TWICE.search(explained[language].says), code


def test_japanese_has_one_word_for_one_thing_and_is_set_alike() -> None:
    for code, explained in catalogue().items():
        text = explained["ja"].says + explained["ja"].do
        for other, ours in ONE_WORD_FOR_ONE_THING.items():
            assert other not in text, f"{code}: {other} is {ours}"
        assert not TOUCHING.search(text), f"{code}: a space stands on both sides of a fact"
        assert not re.search(r"[,;!?(]", FIELD.sub("", text)), f"{code}: full-width punctuation"


def test_these_tests_see_what_is_wrong() -> None:
    text = "finding('watch.no_pass', 's', amount_sat=1)\nfinding('watch.no_pass', 's', x=1)"
    silent = Explanation(says="{subject} pays {y}.", do="Call {z}.")
    fine = Explanation(says="{amount_sat} and {x}.", do="Call.")
    said: dict[str, Mapping[Language, Explanation]] = {"watch.no_pass": {"en": silent}}
    given = list(facts_given([module("watch/a.py", text)]))
    assert given == [
        ("watch/a.py:1", "watch.no_pass", frozenset({"amount_sat"})),
        ("watch/a.py:2", "watch.no_pass", frozenset({"x"})),
    ]
    assert [each.rpartition(": ")[2] for each in untrue(given, said, left_out={})] == [
        "no {y}",
        "no {z}",
        "{amount_sat} is not told",
        "no {y}",
        "no {z}",
        "{x} is not told",
    ]
    said["watch.no_pass"] = {"en": fine}
    assert [each.rpartition(": ")[2] for each in untrue(given, said, left_out={})] == [
        "no {x}",
        "no {amount_sat}",
    ]
    handed_on = "A = 'watch.no_pass'\nfinding(code, 's', amount_sat=1)"
    assert [code for _, code, _ in facts_given([module("watch/b.py", handed_on)])] == [
        "watch.no_pass"
    ]
    for twice in ("{fee_sat} BTC", "{feerate_max} sat/vB", "¥{loss_jpy}", "{loss_jpy} 円"):
        assert UNITS_SAID_TWICE.search(twice)
    assert TOUCHING.search("手形{subject}")
    assert TOUCHING.search("{subject}は")
    assert not TOUCHING.search("（{subject}）「{subject}」 {subject}、")
