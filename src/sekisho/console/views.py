"""What an approver reads of a pass, computed from its bytes, in their language.

Whatever somebody else may have chosen (a purpose, a name, a reason) is text here and stays text:
characters that do not print are spelled out, and the templates escape the rest.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources

from sekisho.kernel.catalogue import says, what_to_do
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import JST
from sekisho.kernel.money import format_btc, format_jpy, value_floor_jpy
from sekisho.kernel.words import Language, digest_words
from sekisho.passes.adoption import tally_of
from sekisho.passes.judge import case_of
from sekisho.passes.policy.case import Case, Destination, Outcome
from sekisho.passes.records import Claims, Transfer
from sekisho.passes.register import Register
from sekisho.passes.verify import Standing
from sekisho.wallets.records import Segregation

LANGUAGES: tuple[Language, ...] = ("en", "ja")
_GROUP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Payee:
    """One payment, as it is read: the address whole, in groups of four."""

    amount: str
    groups: tuple[str, ...]
    worth: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A finding in the reader's language, and what to do about it."""

    code: str
    says: str
    do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one rule of the policy says."""

    rule: str
    answer: str
    answer_key: str
    inputs: tuple[tuple[str, str], ...]
    sentence: Sentence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassView:
    """A pass for the page."""

    words: Mapping[Language, tuple[str, ...]]
    payees: tuple[Payee, ...]
    shares: tuple[str, ...]
    findings: tuple[Sentence, ...]
    set_aside: tuple[Sentence, ...]
    rulings: tuple[Ruling, ...]


@cache
def texts() -> Mapping[str, tuple[str, str]]:
    """Return every text of the pages, English and Japanese."""
    found = tomllib.loads(
        (resources.files("sekisho.console") / "texts.toml").read_text(encoding="utf-8")
    )
    return {name: (pair[0], pair[1]) for name, pair in found.items()}


def text(name: str, language: Language, *facts: str) -> str:
    """Return a text of the pages with its facts filled in; a fact stays text."""
    found = texts()[name][LANGUAGES.index(language)]
    for index, fact in enumerate(facts):
        found = found.replace(f"{{{index}}}", visible(fact))
    return found


def moment(at: datetime, language: Language) -> str:
    """Return an instant as its reader's clock shows it."""
    if language == "ja":
        return f"{at.astimezone(JST):%Y-%m-%d %H:%M:%S} JST"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def sentences(findings: Sequence[Finding], language: Language) -> tuple[Sentence, ...]:
    """Return findings as sentences; what to do is said once for each code, at its last."""
    last = {each.code: index for index, each in enumerate(findings)}
    return tuple(
        Sentence(
            code=each.code,
            says=says(each, language),
            do=what_to_do(each.code, language) if last[each.code] == index else "",
        )
        for index, each in enumerate(findings)
    )


def view_of(register: Register, standing: Standing, language: Language) -> PassView:
    """Return what the page shows of a pass."""
    raw = bytes.fromhex(standing.digest)
    action = standing.asked.action
    payees: tuple[Payee, ...] = ()
    shares: tuple[str, ...] = ()
    if isinstance(action, Transfer):
        wallet = register.wallets.get(action.wallet_id)
        if wallet is None:
            payees = tuple(
                Payee(
                    amount=format_btc(each.amount_sat),
                    groups=_groups(each.address or each.script.hex()),
                    worth="",
                    notes=(),
                    warnings=(),
                )
                for each in action.payments
            )
        else:
            heard = tally_of(register, standing.digest)
            case = case_of(register, standing.digest, action, wallet=wallet, heard=heard)
            claims = standing.asked.claims
            payees = tuple(_payee(each, claims, language) for each in case.destinations)
            shares = _shares(case, language)
    return PassView(
        words={each: digest_words(raw, each) for each in LANGUAGES},
        payees=payees,
        shares=shares,
        findings=sentences(standing.findings, language),
        set_aside=sentences(standing.set_aside, language),
        rulings=tuple(_ruling(each, language) for each in standing.outcomes),
    )


def _groups(address: str) -> tuple[str, ...]:
    return tuple(address[at : at + _GROUP] for at in range(0, len(address), _GROUP))


def _payee(each: Destination, claims: Claims, language: Language) -> Payee:
    notes, warnings = list[str](), list[str]()
    if each.own_wallet_id:
        notes.append(text("own_wallet", language, each.own_wallet_id))
    elif each.first_time:
        warnings.append(text("first_time", language))
    if each.listed_at is not None:
        notes.append(text("listed", language, moment(each.listed_at, language)))
    if each.resembles:
        warnings.append(text("resembles", language, each.resembles, str(each.resembles_bits)))
    price_jpy = max((price.price_jpy for price in claims.prices), default=None)
    worth = ""
    if price_jpy is not None:
        worth = f"¥{format_jpy(value_floor_jpy(each.amount_sat, price_jpy=price_jpy))}"
    return Payee(
        amount=format_btc(each.amount_sat),
        groups=_groups(each.address),
        worth=worth,
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def _shares(case: Case, language: Language) -> tuple[str, ...]:
    leaves_sat = sum(each.amount_sat for each in case.destinations)
    held = {each.wallet_id: each.amount_sat for each in case.claims.balances}
    customers_sat = sum(
        held.get(wallet_id, 0)
        for wallet_id, wallet in case.wallets.items()
        if wallet.segregation is Segregation.CUSTOMER
    )
    wholes = {
        "share_wallet": held.get(case.wallet.wallet_id, 0),
        "share_customers": customers_sat,
    }
    found: list[str] = []
    for name, whole_sat in wholes.items():
        percent, hundredths = divmod(leaves_sat * 10_000 // whole_sat if whole_sat else 0, 100)
        share = f"{percent}.{hundredths:02d} %" if whole_sat else text("unknown", language)
        found.append(text(name, language, share))
    return tuple(found)


def _ruling(outcome: Outcome, language: Language) -> Ruling:
    found = outcome.finding
    return Ruling(
        rule=outcome.rule,
        answer=text(f"answer_{outcome.answer.value}", language),
        answer_key=outcome.answer.value,
        inputs=tuple((visible(name), visible(value)) for name, value in outcome.inputs),
        sentence=None if found is None else sentences([found], language)[0],
    )
