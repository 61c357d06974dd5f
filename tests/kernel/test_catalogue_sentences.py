"""Every sentence is true where it is said: it tells what the finding holds, whole and once."""

import ast
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from tree import Module, module, source

from sekisho.kernel.catalogue import Explanation, catalogue
from sekisho.kernel.words import Language

ROOT = Path(__file__).parents[2]
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
    r"\{[a-z_]*_sat\}\s*(BTC|sat|ビットコイン)|\{feerate[a-z_]*(?<!_per_kvb)\}\s*sat|[¥￥]\s*\{|\{[a-z_]*_jpy\}\s*(円|yen)"
)
"""A feerate comes with its unit; one whose name ends in the unit is a bare number."""
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
    "すでに": "既に",
    "ブラウザ(?!ー)": "ブラウザー",
    "サーバ(?!ー)": "サーバー",
    "常設パス|恒久手形|定期手形": "常設手形",
    "子パス|枝手形|下位手形": "子手形",
    "規定数|必要数の承認": "定足数",
    "立会人|ウィットネス|目撃者": "証人",
    "チェック・ポイント|検査点": "チェックポイント",
    "停職|資格停止|サスペンド": "権限停止",
    "復職|復帰": "復権",
    "ローテーション|名簿の?更新": "名簿の改定",
    "有効化|アクティブ化": "発効",
    "承諾|可決": "承認",
    "拒絶|差し?戻し|棄却": "却下",
    "取り消し(?=[をがはの済])|キャンセル|取り下げ|取消(?!し|済)": "取消し",
    "二台目|専用端末|専用機|本人の端末": "自身の端末、別の端末",
    "タイムロック|待機時間": "待機期間",
    "パスキ(?!ー)|合鍵": "パスキー",
    "セキュリティー|セキュリティ・キー|物理キー": "セキュリティ、セキュリティキー",
    "クレデンシャル|資格情報": "認証情報",
    "メーカー": "製造元",
    "バンドル": "検証用ファイル",
    "保有者": "保管者",
    "所持": "保有",
    "12 ?語|十二単語|合言葉|(?<![二])語を(口頭で)?照合": "十二語",
    "出金": "出庫",
    "支払[いうえ]|払い?出し|払い?出せ": "送付",
    "ホワイトリスト": "許可リスト",
}
"""The glossary's word for each word (a pattern) that somebody might write instead of it."""
ALSO_JAPANESE = (
    "README.ja.md",
    "docs/walkthrough.ja.md",
    "src/sekisho/console/texts.toml",
    "src/sekisho/cli/drill_pass.py",
    "src/sekisho/cli/drill_story.py",
    "src/sekisho/drills/dmm_2024/approvals.py",
    "src/sekisho/drills/dmm_2024/page_evidence.html.j2",
    "src/sekisho/drills/dmm_2024/page_pass.html.j2",
    "src/sekisho/drills/dmm_2024/rules.py",
    "src/sekisho/drills/dmm_2024/timeline.py",
    "src/sekisho/passes/policy/packs/hk-sfc/hk-sfc.toml",
    "src/sekisho/passes/policy/packs/jp-psa/jp-psa.toml",
    "src/sekisho/passes/policy/packs/strict/strict.toml",
)
"""What else people read in Japanese beside the findings, and with the same words."""
TOUCHING = re.compile(r"[\u3041-\u30fe\u4e00-\u9fff]\{|\}[\u3041-\u30fe\u4e00-\u9fff]")
"""Japanese without the space that we put between it and what is filled in."""


def other_words(text: str) -> list[str]:
    """Return each word that is not the glossary's, with the word that is."""
    return [
        f"{found.group()} is {ours}"
        for other, ours in ONE_WORD_FOR_ONE_THING.items()
        for found in re.finditer(other, text)
    ]


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
        assert not other_words(text), f"{code}: {other_words(text)}"
        assert not TOUCHING.search(text), f"{code}: a space stands on both sides of a fact"
        assert not re.search(r"[,;!?(]", FIELD.sub("", text)), f"{code}: full-width punctuation"


@pytest.mark.parametrize("path", ALSO_JAPANESE)
def test_pages_and_packs_use_the_words_of_the_findings(path: str) -> None:
    assert not other_words((ROOT / path).read_text(encoding="utf-8"))


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
    assert other_words("手形を取り消して、取消しを記録") == []
    assert other_words("立会人が取り消しを確認") == ["立会人 is 証人", "取り消し is 取消し"]
    assert not UNITS_SAID_TWICE.search("{feerate_max_sat_per_kvb} sat/kvB")
    for twice in ("{fee_sat} BTC", "{feerate_max} sat/vB", "¥{loss_jpy}", "{loss_jpy} 円"):
        assert UNITS_SAID_TWICE.search(twice)
    assert TOUCHING.search("手形{subject}")
    assert TOUCHING.search("{subject}は")
    assert not TOUCHING.search("（{subject}）「{subject}」 {subject}、")
