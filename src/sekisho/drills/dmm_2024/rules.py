"""The policy's rules and what they looked at, in words of both languages.

A pack speaks English, with the law's own words beside it. Here stands the Japanese of what the
drill shows. What has none is shown as the pack has it, and marked as English.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sekisho.drills.dmm_2024 import facts
from sekisho.kernel.finding import Finding
from sekisho.kernel.words import Language
from sekisho.passes.policy.case import Answer, Outcome

RULES: Mapping[str, tuple[str, str]] = {
    "effective": ("The pack is in effect", "ポリシーパックの適用期間"),
    "life": ("Life of the pass", "手形の有効期間"),
    "quorum": ("People of each department", "部門ごとの承認者"),
    "own_machine": ("Approved on an own machine", "自身の端末での承認"),
    "limits.day.all": ("Daily limit of all coins", "全顧客資産の 1 日の上限"),
    "time_lock": ("Time lock", "待機期間"),
    "allow_list": ("Allow-list", "許可リスト"),
    "first_time": ("First-time destination", "初めての宛先"),
    "business_hours": ("Business hours", "営業時間"),
    "cold_share": ("Share outside cold wallets", "コールド以外の割合"),
    "look_alike": ("Look-alike destination", "似せた宛先"),
    "fees": ("Ceilings for fees", "手数料の上限"),
    "price": ("Price", "価格"),
    "wallet_proof": ("Proof of the wallet's keys", "ウォレットの鍵の保有証明"),
}
ANSWERS: Mapping[Answer, tuple[str, str]] = {
    Answer.ALLOWED: ("✓ allowed", "✓ 可"),
    Answer.DENIED: ("✗ DENIED", "✗ 否"),
    Answer.NOT_APPLICABLE: ("– does not apply", "– 対象外"),
}
_NAMES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("effective", "from"): ("in effect from", "適用開始"),
    ("effective", "until"): ("until", "適用終了"),
    ("own_machine", "from"): ("threshold (size: people)", "基準（数量・割合：人数）"),
    ("time_lock", "from"): ("threshold (size: hold)", "基準（数量・割合：待機）"),
    ("limits.day.all", "all"): ("of", "範囲"),
}
"""What a name means in one rule, where it would not speak for itself."""
_NAMES_JA: Mapping[str, str] = {
    "approved": "承認",
    "approved by": "承認者数",
    "asked": "申請",
    "at most": "上限",
    "begins": "有効期間の始まり",
    "counted": "算入額",
    "expires": "有効期限",
    "fee ceiling": "手形の手数料上限",
    "feerate ceiling": "手形の手数料率上限",
    "hold": "待機",
    "needed": "必要数",
    "not cold after": "送付後の割合",
    "not cold before": "送付前の割合",
    "purpose": "目的",
    "quotes": "申請時の価格",
    "used": "採用",
    "wallet": "ウォレット",
    "why not": "理由",
    "with the words entered": "十二語を入力した承認",
}
_WORDS_JA: Mapping[str, str] = {
    "all customers' assets": "全顧客資産",
    "cold, advisory": "コールド、強制なし（関所の迂回が可能）",
    "every destination is known": "宛先はすべて既知",
    "no destination resembles another": "既知の宛先に似たものはない",
    "not for cold wallets": "コールドウォレットには適用しない",
    "No law asks for it, and not every device can sign a message. strict.toml does ask.": (
        "法令上の要求はなく、メッセージに署名できない機器もある。strict.toml では求める。"
    ),
}
_PATTERNS_JA: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\bfinance (\d+)"), r"財務 \1"),
    (re.compile(r"\boperations (\d+)"), r"業務 \1"),
    (re.compile(r"\bsecurity (\d+)"), r"セキュリティ \1"),
    (re.compile(r"(\d+) s after the last approval"), r"最後の承認から \1 秒"),
    (re.compile(r"(\d+) s\b"), r"\1 秒"),
    (re.compile(r"(¥[\d,]+), the highest"), r"\1（最も高い値）"),
    (re.compile(r"\bFri (\d{4}-\d\d-\d\d)"), r"\1（金）"),
    *((re.compile(re.escape(source)), said) for source, said in facts.SOURCES_JA.items()),
    (re.compile(r"[,;] "), "、"),
)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_ENGLISH = re.compile(r"[A-Za-z]{3,}")
_UNITS = re.compile(r"BTC|USDT|USD|JPY|UTC|sat|kvB|Binance")
"""What is written in the same letters in both languages."""
_REFERENCES_JA: Mapping[str, str] = {
    "": "",
    "default": "既定値（法令の定めなし）",
    "default; GL16 II-2-2-4-2(3)① own limits in internal rules (社内規則による上限)": (
        "数値は既定値。GL16 II-2-2-4-2(3)①（社内規則による上限）"
    ),
    "PSA Art. 63-11(2); GL16 II-2-2-4-2 (資金決済法 63 条の 11 第 2 項、事務ガイドライン)": (
        "資金決済法 63 条の 11 第 2 項、GL16 II-2-2-4-2"
    ),
    (
        "GL16 II-2-2-4-2(3)②イ several people in every transfer (複数人による移転); "
        "Kanto LFB order to DMM Bitcoin 2024-09-26: one person alone signed"
    ): (
        "GL16 II-2-2-4-2(3)②イ（複数人による移転）、"
        "関東財務局 2024-09-26 DMM Bitcoin への行政処分：一人のみで署名していた"
    ),
    (
        "GL16 II-2-2-4-2(3)②ニ the content is confirmed to be genuine (取引内容の真正性の確認); "
        "Bybit 2025-02-21: signers saw another transaction"
    ): (
        "GL16 II-2-2-4-2(3)②ニ（取引内容の真正性の確認）、"
        "Bybit 2025-02-21：鍵の保管者には別の取引が表示されていた"
    ),
    (
        "default; GL16 II-2-2-4-2(3)① own limits in internal rules (社内規則による上限); "
        "DMM Bitcoin 2024-05-31"
    ): ("数値は既定値。GL16 II-2-2-4-2(3)①（社内規則による上限）、DMM Bitcoin 2024-05-31"),
    "default; GL16 II-2-2-4-2(4)①② detect and escalate (検知と経営陣への報告)": (
        "数値は既定値。GL16 II-2-2-4-2(4)①②（検知と経営陣への報告）"
    ),
    "default; DMM Bitcoin 2024-05-31: the address that was paid had no history": (
        "数値は既定値。DMM Bitcoin 2024-05-31：送付先アドレスに利用履歴がなかった"
    ),
    (
        "PSA Art. 63-11(2); CAO Art. 27(2): at most 5/100 "
        "(資金決済法 63 条の 11 第 2 項、府令 27 条 2 項)"
    ): "資金決済法 63 条の 11 第 2 項、府令 27 条 2 項：100 分の 5 以下",
    ("GL16 II-2-2-4-2(3)②ニ; DMM Bitcoin 2024-05-31: an address made to resemble the usual one"): (
        "GL16 II-2-2-4-2(3)②ニ、DMM Bitcoin 2024-05-31：いつもの宛先に似せたアドレス"
    ),
    "CAO Art. 27(2) counts in yen (円換算); default numbers": (
        "府令 27 条 2 項は円換算による。数値は既定値"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """One thing that a rule looked at."""

    name: str
    parts: tuple[str, ...]
    """The value: text and instants by turns, text first, so that no line breaks in an instant."""
    language: Language
    """Of the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One rule as it is shown to people."""

    rule: str
    title: str
    answer: str
    denied: bool
    inputs: tuple[LookedAt, ...]
    reference: str
    """The law, guideline or incident that the rule answers to."""
    finding: Finding | None
    """Why not; None unless denied."""


def shown(outcome: Outcome, language: Language) -> Shown:
    """Return a rule's outcome in one language."""
    japanese = language == "ja"
    reference = outcome.reference
    return Shown(
        rule=outcome.rule,
        title=RULES.get(outcome.rule, (outcome.rule, outcome.rule))[japanese],
        answer=ANSWERS[outcome.answer][japanese],
        denied=outcome.answer is Answer.DENIED,
        inputs=tuple(
            _looked_at(outcome.rule, name, value, language) for name, value in outcome.inputs
        ),
        reference=_REFERENCES_JA.get(reference, reference) if japanese else reference,
        finding=outcome.finding,
    )


def _looked_at(rule: str, name: str, value: str, language: Language) -> LookedAt:
    japanese = language == "ja"
    said, spoken = _value_ja(value) if japanese else (value, language)
    names = _NAMES.get((rule, name), (name, _NAMES_JA.get(name, name)))
    return LookedAt(name=names[japanese], parts=tuple(_INSTANT.split(said)), language=spoken)


def _value_ja(value: str) -> tuple[str, Language]:
    """Return a value in Japanese, or as it is, marked as English, if it has no Japanese here."""
    said = _WORDS_JA.get(value)
    if said is not None:
        return said, "ja"
    said = value
    for pattern, words in _PATTERNS_JA:
        said = pattern.sub(words, said)
    if _ENGLISH.search(_UNITS.sub("", said)):
        return value, "en"
    return said, "ja"
