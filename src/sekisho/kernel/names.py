"""Is a name safe to show? Names and memos are where somebody pretends to be somebody else.

A subset of UTS #39, chosen for an exchange in Japan: Latin letters that have an ASCII letter under
them, kanji, kana, hangul and ASCII digits. Other scripts are to be transliterated: a Cyrillic name
may be honest, but nobody here could tell `ра` from `pa`. What this cannot see: two honest names
that resemble each other within one script (`look_alikes` compares those), words that mislead, and
fonts. Ideographic variation selectors are refused, so a rare form of a kanji is written in its
usual one. Which characters exist is Python's `unicodedata`; one that it does not know is refused.
"""

import re
import unicodedata
from collections.abc import Iterable

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import is_printable
from sekisho.kernel.finding import Finding, finding

_SHOWN_MAX = 5
_PLAIN = re.compile(r"[!-~]+( [!-~]+)*")
"""What has nothing to hide: ASCII, with single spaces. Most names are, and journals have many."""
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols to Unicode, and blank on every screen."""
_WIDTH_VARIANTS = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff65-\uff9f]+")
"""Full-width letters and digits, half-width kana: they look like others and are not the same."""
_IDEOGRAPHS = frozenset("々〆〇")
_LONG_MARK = "ー"
_SYMBOLS = frozenset(
    "、。・「」『』【】〔〕〈〉《》〜～（）！？：；，．／＆＋－＝％＃＠＊＿＜＞［］｛｝￥"
    "¥€£→←×÷…–—‘’“”※№㈱㈲〒°"
)
_PLAIN_LATIN = frozenset("ßæœøłđðþÆŒØŁĐÐÞ")
"""Letters of European names without an ASCII letter under them; none looks like an ASCII one."""
_KANA = ("HIRAGANA", "KATAKANA")
_KANJI_LIKE_KATAKANA = {
    "一": "ー", "力": "カ", "口": "ロ", "囗": "ロ", "二": "ニ", "夕": "タ", "工": "エ", "卜": "ト",
    "八": "ハ", "才": "オ", "千": "チ", "三": "ミ", "厶": "ム", "丿": "ノ", "匕": "ヒ", "乂": "メ",
    "又": "ヌ", "勹": "ク", "亻": "イ", "丶": "ヽ",
}  # fmt: skip
_SMALL_KANA = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")
_LATIN_ALIKE = str.maketrans("01|5øđðł", "ollsoddl")


def name_findings(text: str, subject: str) -> list[Finding]:
    """Return everything because of which `text` must not be shown as a name; empty if it is fine.

    `subject` says whose or what name it is: `roster.people[2].name`.
    """
    hidden = [each for each in text if each in _FILLERS or not is_printable(each)]
    strange = [each for each in text if each not in hidden and _script(each) is None]
    marks = [each for each in strange if unicodedata.category(each).startswith("M")]
    letters = [each for each in strange if unicodedata.category(each)[0] in "LN"]
    symbols = [each for each in strange if each not in marks and each not in letters]
    found = [
        finding(code, subject, characters=_spelled(characters))
        for code, characters in (
            ("kernel.name_hidden", hidden),
            ("kernel.name_combining", marks),
            ("kernel.name_foreign_letter", letters),
            ("kernel.name_symbol", symbols),
            ("kernel.name_lookalike", _out_of_place(text)),
        )
        if characters
    ]
    scripts = {_script(each) for each in text}
    if "HANGUL" in scripts and scripts & set(_KANA):
        found.append(finding("kernel.name_scripts_mixed", subject, scripts="hangul, kana"))
    if _one_width(text) != text:
        found.append(finding("kernel.name_not_normal", subject, normal=normal_name(text)))
    if not text or text != _spaced(text):
        found.append(finding("kernel.name_spacing", subject))
    return found


def check_name(text: str, where: str) -> str:
    """Return `text` if it is safe to show as a name, else raise `BadInputError` at `where`."""
    if _PLAIN.fullmatch(text):
        return text
    found = name_findings(text, where)
    if found:
        facts = "; ".join(value for each in found for _, value in each.facts)
        codes = ", ".join(each.code.partition("_")[2] for each in found)
        raise BadInputError(where, f"is not safe to show ({codes}): {facts or 'spaces'}")
    return text


def normal_name(text: str) -> str:
    """Return `text` with letters and digits of one width, composed (NFC), and single spaces.

    For the door where people type, so that what a Japanese keyboard makes is taken. It repairs
    spelling only: a name that deceives is still one, and `name_findings` says so.
    """
    return _spaced(_one_width(text))


def skeleton(text: str) -> str:
    """Return what is left of a name for a hurried reader: look-alikes have the same one.

    After UTS #39's skeletons, with kana and the kanji that look like them. Never shown or stored.
    """
    plain = "".join(_bare(each) for each in _one_width(text)).casefold()
    latin = plain.translate(_LATIN_ALIKE).replace("rn", "m").replace("vv", "w").replace("i", "l")
    folded = "".join(_KANJI_LIKE_KATAKANA.get(each, each) for each in latin)
    katakana = "".join(chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" else c for c in folded)
    voiced = unicodedata.normalize("NFD", katakana).replace("\u309a", "\u3099")
    joined = re.sub(r"[\s\u3000_.,・･、。'’‘\-–—−‐〜～]", "", voiced.replace(_LONG_MARK, "|"))
    return joined.translate(_SMALL_KANA)


def look_alikes(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of different names that a hurried reader takes for the same, in order."""
    first: dict[str, str] = {}
    pairs = []
    for name in dict.fromkeys(names):
        other = first.setdefault(skeleton(name), name)
        if other != name:
            pairs.append((other, name))
    return pairs


def _script(character: str) -> str | None:
    """Return the script of a character that a name may hold, or "" if it has none, else None."""
    if character in _SYMBOLS or character == "\u3000" or " " <= character <= "~":
        return "LATIN" if character.isalpha() else ""
    if character in _IDEOGRAPHS:
        return "HAN"
    if character == _LONG_MARK:
        return "KANA MARK"
    name = unicodedata.name(character, "")
    script = name.partition(" ")[0]
    if script == "CJK":
        return "HAN" if unicodedata.category(character) == "Lo" else None
    if script == "HANGUL":
        return "HANGUL" if name.startswith("HANGUL SYLLABLE") else None
    if script in _KANA:
        spacing = unicodedata.category(character) in {"Lo", "Lm"}
        return script if spacing and " DIGRAPH " not in name else None
    is_latin = script == "LATIN" and (character in _PLAIN_LATIN or _bare(character).isascii())
    if is_latin or _WIDTH_VARIANTS.fullmatch(character):
        return "LATIN" if is_latin else ""  # a width variant is a finding of its own
    return None


def _bare(character: str) -> str:
    """Return a Latin letter without its marks; any other character as it is."""
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() else character


def _out_of_place(text: str) -> list[str]:
    """Return characters whose neighbours make them look like another: デ一タ with a kanji one."""
    found = []
    scripts = ["", *(_script(each) for each in text), ""]
    for before, here, after, character in zip(
        scripts, scripts[1:], scripts[2:], text, strict=False
    ):
        between_katakana = before in {"KATAKANA", "KANA MARK"} and after in {
            "KATAKANA",
            "KANA MARK",
        }
        if here == "HAN" and between_katakana and character in _KANJI_LIKE_KATAKANA:
            found.append(character)
        if here == "KANA MARK" and before not in {*_KANA, "KANA MARK"}:
            found.append(character)
    return found


def _one_width(text: str) -> str:
    narrowed = _WIDTH_VARIANTS.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return unicodedata.normalize("NFC", narrowed)


def _spaced(text: str) -> str:
    return re.sub("[ \u3000]{2,}", " ", text).strip(" \u3000")


def _spelled(characters: Iterable[str]) -> str:
    """Return characters by number and name, because that is what cannot deceive."""
    different = list(dict.fromkeys(characters))
    spelled = [f"U+{ord(c):04X} {unicodedata.name(c, '(no name)')}" for c in different]
    more = len(spelled) - _SHOWN_MAX
    return ", ".join(spelled[:_SHOWN_MAX]) + (f", and {more} more" if more > 0 else "")
