"""Names that are safe to show, and names by which somebody pretends to be somebody else."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.names import check_name, look_alikes, name_findings, normal_name, skeleton

HONEST = [
    "Alice",
    "O'Brien",
    "José García",
    "Łukasz Żółć",
    "Jürgen Groß",
    "Søren Ærø",
    "Nguyễn Văn A",
    "cold-1 (Tokyo) #2",
    "山田 太郎",
    "山田\u3000太郎",
    "髙橋 﨑子",
    "佐々木 〆子",
    "ビットコイン保管口座 第2",
    "株式会社DMM Bitcoin",
    "㈱サンプル（東京）",
    "データセンター",
    "入力コイン",
    "一ツ橋",
    "三ヶ月",
    "八カ国",
    "コーヒー",
    "らーめん",
    "顧客出金：A→B、￥1,000（5件）",
    "김철수 BTC 계좌",
    "北京 office",
    "2026年3月31日 定例の移動",
]
DECEIVING: list[tuple[str, str]] = [
    ("\u0410lice", "foreign_letter"),  # Cyrillic A
    ("p\u0430ypal", "foreign_letter"),
    ("\u0440\u0430ура", "foreign_letter"),  # Cyrillic throughout
    ("\u0391lpha", "foreign_letter"),  # Greek
    ("\u0261oogle", "foreign_letter"),  # script g
    ("\u0131stanbul", "foreign_letter"),  # dotless i
    ("\u01c3important", "foreign_letter"),  # a click that looks like !
    ("\U0001d400lice", "foreign_letter"),  # mathematical bold
    ("\ufb01nance", "foreign_letter"),  # fi in one letter
    ("\u2160\u2161", "foreign_letter"),  # Roman numerals
    ("\u2460", "foreign_letter"),
    ("\u0661\u0662", "foreign_letter"),  # Arabic digits
    ("\u13aalice", "foreign_letter"),  # Cherokee
    ("\u30ffa", "foreign_letter"),  # the digraph of katakana
    ("\u2f17", "symbol"),  # a Kangxi radical like 十
    ("\u1100\u1161", "foreign_letter"),  # hangul in parts
    ("Ali\u200bce", "hidden"),
    ("Ali\u200dce", "hidden"),
    ("Alice\ufeff", "hidden"),
    ("\u202eecilA", "hidden"),
    ("A\u2066lice\u2069", "hidden"),
    ("Alice\u00ad", "hidden"),
    ("Ali\u00a0ce", "hidden"),
    ("\u3164", "hidden"),
    ("Alice\uffa0", "hidden"),
    ("\u2800Alice", "hidden"),
    ("Alice\n", "hidden"),
    ("Alice\x1b[2J", "hidden"),
    ("Alice\U000e0041", "hidden"),
    ("\ud800", "hidden"),
    ("Alice\ufe0f", "combining"),
    ("A\u0335lice", "combining"),
    ("Alice\u034f", "combining"),
    ("葛\U000e0100城", "combining"),
    ("Jose\u0301", "not_normal"),
    ("Ａｌｉｃｅ", "not_normal"),
    ("１２３", "not_normal"),
    ("ﾋﾞｯﾄｺｲﾝ", "not_normal"),
    ("\ufa19", "not_normal"),  # a second 神
    ("デ一タ", "lookalike"),
    ("ビット力コイン", "lookalike"),
    ("ビッ卜コイン", "lookalike"),
    ("ロ一ン", "lookalike"),
    ("BTCーUSD", "lookalike"),
    ("ー", "lookalike"),
    ("김ひろし", "scripts_mixed"),
    ("", "spacing"),
    (" Alice", "spacing"),
    ("Alice ", "spacing"),
    ("Alice  Smith", "spacing"),
    ("山田\u3000\u3000太郎", "spacing"),
    ("Alice 😀", "symbol"),
    ("Alice\u2044Bob", "symbol"),
    ("a\u2215b", "symbol"),
]


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_name_is_fine(name: str) -> None:
    assert name_findings(name, "name") == []
    assert check_name(name, "name") == name
    assert normal_name(name) == name


@pytest.mark.parametrize(("name", "code"), DECEIVING)
def test_a_deceiving_name_is_found_and_its_characters_are_named(name: str, code: str) -> None:
    found = name_findings(name, "roster.people[2].name")
    assert f"kernel.name_{code}" in {each.code for each in found}
    assert {each.subject for each in found} == {"roster.people[2].name"}
    for each in found:
        for fact, value in each.facts:
            assert fact == "normal" or value.isascii()
    with pytest.raises(BadInputError) as refusal:
        check_name(name, "place")
    assert refusal.value.where == "place"
    assert code in refusal.value.reason


def test_a_name_of_many_strange_characters_is_reported_in_short() -> None:
    (found,) = name_findings("".join(chr(0x410 + n) for n in range(30)), "name")
    assert len(str(found)) < 300
    assert "U+0410 CYRILLIC CAPITAL LETTER A" in str(found)
    assert "25 more" in str(found)


@given(text=st.text())
def test_any_text_at_all_gets_an_answer(text: str) -> None:
    found = name_findings(text, "name")
    shown = text.replace("\u3000", " ")
    if not found:
        assert shown.isprintable()
        assert unicodedata.normalize("NFC", text) == text
        assert not any(unicodedata.category(each)[0] == "M" for each in text)
    skeleton(text)


@given(text=st.text(alphabet="Aa1~!- é漢\x7f\t", max_size=12))
def test_the_short_way_for_plain_names_leads_nowhere_else(text: str) -> None:
    try:
        accepted = check_name(text, "name") == text
    except BadInputError:
        accepted = False
    assert accepted == (not name_findings(text, "name"))


@given(text=st.text(alphabet="Aあア漢一ーロ口1０Ａｱﾞ \u3000\u0301eか\u3099"))
def test_what_a_keyboard_makes_is_made_normal_once_and_for_all(text: str) -> None:
    once = normal_name(text)
    assert normal_name(once) == once
    codes = {each.code for each in name_findings(once, "name")}
    assert "kernel.name_not_normal" not in codes
    assert not once or "kernel.name_spacing" not in codes


ALIKE = [
    ("Alice", "A1ice"),
    ("Alice", "AIice"),
    ("Alice", "ALICE"),
    ("Alice", "Al\u00edce"),
    ("bitFlyer", "bitF1yer"),
    ("modern", "modem"),
    ("vvallet", "wallet"),
    ("B0B", "BOB"),
    ("データ", "デ一タ"),
    ("ロ座", "口座"),
    ("へいわ", "ヘイワ"),
    ("バス", "パス"),
    ("ショップ", "シヨツプ"),
    ("コイン", "コ イン"),
    ("Market-Maker", "Market Maker"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_a_hurried_reader_confuses(one: str, other: str) -> None:
    assert look_alikes([one, "Carol", other, one]) == [(one, other)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice", "Alicia"),
        ("山田", "山口"),
        ("cold-1", "cold-2"),
        ("カイト", "ガイト"),
        ("東京", "京東"),
    ],
)
def test_names_that_nobody_confuses(one: str, other: str) -> None:
    assert look_alikes([one, other]) == []
