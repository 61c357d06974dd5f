"""The drill as one page that needs nothing else: no network, no script, no other file.

The same story stands in it twice, in English and in Japanese, each a document of its own; a
switch made of CSS alone shows one of them. Whatever an attacker may have chosen (a purpose, an
address) is escaped as text, and characters that do not print are spelled out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from sekisho.chains.bitcoin.signatures import InputSignatures, signatures_of
from sekisho.drills.dmm_2024 import facts
from sekisho.drills.dmm_2024.approvals import approvals_of, device_of, verified_of
from sekisho.drills.dmm_2024.opening import opening
from sekisho.drills.dmm_2024.picture import coins_left, pictures
from sekisho.drills.dmm_2024.records import Outcome
from sekisho.drills.dmm_2024.rules import shown
from sekisho.kernel.catalogue import says, what_to_do
from sekisho.kernel.fields import is_printable, visible
from sekisho.kernel.instants import JST, format_instant
from sekisho.kernel.money import Jpy, Sat, format_btc, format_feerate, format_jpy
from sekisho.kernel.words import Language
from sekisho.passes.policy.evaluate import hold_seconds, is_allowed
from sekisho.passes.records import ListedInputs, Transfer
from sekisho.passes.verify import Standing
from sekisho.wallets.resemble import ALARM_BITS, Resemblance
from sekisho.watch.records import ALARMS, VerdictKind

LANGUAGES: tuple[Language, ...] = ("en", "ja")
_FOLDER = "sekisho.drills.dmm_2024"

_VERDICTS: Mapping[str, tuple[str, str]] = {
    VerdictKind.DEVIATING: (
        "it spends the anchor of a live pass and does something else",
        "有効な手形のアンカー UTXO を使いながら、手形と異なることをしている",
    ),
    VerdictKind.UNMATCHED: (
        "the wallet's coins leave, and no pass says so",
        "どの手形にもよらず、ウォレットからコインが出ていく",
    ),
}
_DEPARTMENTS_JA = {"operations": "業務", "security": "セキュリティ", "finance": "財務"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The transfer that was asked for, beside what the transaction does."""

    standing: Standing
    transfer: Transfer
    fee_times: int
    """How many times the fee that was allowed the transaction pays, rounded down."""
    coins: int
    """How many coins it names; 0 where any coins of the wallet will do."""
    same_coins: bool


def page(outcome: Outcome) -> str:
    """Return the whole page as HTML, in both languages.

    It says what the outcome says: where the gate did not refuse or the watcher did not alarm, so
    does the page. Raises `jinja2.UndefinedError` rather than leave anything out.
    """
    environment = _environment()
    story = environment.get_template("page_story.html.j2")
    stories = [(each, story.render(_context(outcome, each))) for each in LANGUAGES]
    return environment.get_template("page.html.j2").render(stories=stories)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "btc": _btc,
        "btc_exact": format_btc,
        "whole": format_jpy,
        "utc": _utc,
        "jst": _jst,
        "instant": format_instant,
    }
    return environment


def _source(name: str) -> str:
    return (resources.files(_FOLDER) / name).read_text(encoding="utf-8")


def _context(outcome: Outcome, language: Language) -> dict[str, object]:
    """Return everything that the story's template may name."""
    signed, standing = _signed(outcome), outcome.standing
    return {
        "lang": language,
        "t": partial(_say, language),
        "says": partial(says, language=language),
        "what_to_do": partial(what_to_do, language=language),
        "yen": partial(_yen, language),
        "source": partial(_source_of_price, language),
        "department": partial(_department, language),
        "odds": _odds(outcome.resemblance, language),
        "o": outcome,
        "verdict_means": _say(language, *_VERDICTS.get(outcome.verdict.kind, ("", ""))),
        "stopped": outcome.gate_verdict == "refused",
        "caught": outcome.verdict.kind in ALARMS,
        "opening": opening(outcome, language),
        "latency": f"{outcome.latency_ms:.1f}",
        "asked": _asked(outcome),
        "approvals": _approvals(outcome, language),
        "policy_title": outcome.policy.title_en if language == "en" else outcome.policy.title_ja,
        "rules": [shown(each, language) for each in standing.outcomes] if standing else [],
        "policy_allows": standing is not None and is_allowed(standing.outcomes),
        "hold_minutes": hold_seconds(standing.outcomes) // 60 if standing else 0,
        "pictures": pictures(outcome),
        "left_sat": Sat(sum(each.amount_sat for each in coins_left(outcome))),
        "spent_sat": Sat(sum(each.amount_sat or 0 for each in outcome.movement.inputs)),
        "rate": format_feerate(outcome.fee_sat, outcome.outflow.vsize),
        "feerate": format_feerate,
        "alike": _alike(outcome.resemblance),
        "alarm_bits": ALARM_BITS,
        "signed": signed,
        "keys": signed[0].keys if signed else (),
        "positions": (" and " if language == "en" else "・").join(
            str(position + 1) for position in outcome.incident.signatures.signed_positions
        ),
    }


def _say(language: Language, en: str, ja: str, /, **said: object) -> str:
    """Return one of two sentences, with what stands in braces filled in."""
    return (en if language == "en" else ja).format(**said)


def _visible(value: object) -> object:
    """Return what is about to be written, with every character that does not print spelled out.

    What a template has made already (`__html__`) is left as it is.
    """
    if not isinstance(value, str) or hasattr(value, "__html__") or is_printable(value):
        return value
    return visible(value)


def _btc(amount_sat: Sat) -> str:
    """Write an amount as people say it: exact, without the zeros at its end."""
    return format_btc(amount_sat).rstrip("0").rstrip(".")


def _yen(language: Language, amount_jpy: Jpy) -> str:
    """Write a large amount of yen as people say it, rounded down."""
    if language == "ja":
        return f"{amount_jpy // 10**8:,}億円"
    return f"¥{amount_jpy // 10**9:,}.{amount_jpy // 10**8 % 10}bn"


def _utc(at: datetime) -> str:
    return format_instant(at)[:16].replace("T", " ")


def _jst(at: datetime) -> str:
    return at.astimezone(JST).strftime("%Y-%m-%d %H:%M")


def _source_of_price(language: Language, source: str) -> str:
    return source if language == "en" else facts.SOURCES_JA.get(source, source)


def _department(language: Language, name: str) -> str:
    return name if language == "en" else _DEPARTMENTS_JA.get(name, name)


def _odds(alike: Resemblance, language: Language) -> str:
    """Return how many addresses one would meet for one that agrees on as many characters."""
    addresses = round(2**alike.bits)
    unit, word = (10**9, "billion") if language == "en" else (10**8, "億")
    if addresses < unit:
        return f"{addresses:,}"
    return f"{(2 * addresses + unit) // (2 * unit):,} {word}"


def _alike(alike: Resemblance) -> dict[str, object]:
    """Return both addresses, cut where they stop agreeing, and what a 4 + 4 comparison sees."""
    pair = (alike.resembles, alike.address)
    first, last = ([each[:4] for each in pair], [each[-4:] for each in pair])
    return {
        "usual": _cut(pair[0], alike),
        "paid": _cut(pair[1], alike),
        "first": first,
        "last": last,
        "rule_sees_it": len(set(first)) == 1 and len(set(last)) == 1,
    }


def _cut(address: str, alike: Resemblance) -> tuple[str, str, str]:
    start, stop = alike.prefix_characters, len(address) - alike.suffix_characters
    return address[:start], address[start:stop], address[stop:]


def _asked(outcome: Outcome) -> Asked | None:
    standing = outcome.standing
    if standing is None or not isinstance(standing.asked.action, Transfer):
        return None
    transfer = standing.asked.action
    spent = {each.outpoint for each in outcome.movement.inputs}
    listed = transfer.inputs.outpoints if isinstance(transfer.inputs, ListedInputs) else ()
    return Asked(
        standing=standing,
        transfer=transfer,
        fee_times=outcome.fee_sat // max(1, transfer.fee.fee_max_sat),
        coins=len(listed),
        same_coins=not listed or spent == set(listed),
    )


def _approvals(outcome: Outcome, language: Language) -> list[dict[str, object]]:
    """Return who asked and who approved, and how, in the order of the journal."""
    return [
        {
            "said": each,
            "device": device_of(each, language),
            "verified": verified_of(each, language),
        }
        for each in approvals_of(outcome.standing)
    ]


def _signed(outcome: Outcome) -> Sequence[InputSignatures]:
    """Return which key signed which input, worked out again from the bytes for this page.

    Empty where an input's amount is unproven or a script is not understood: no claim is made then.
    """
    spent = outcome.movement.spent_outputs
    if not spent or not outcome.incident.signatures.understood:
        return ()
    return signatures_of(outcome.outflow, spent)
