"""A pack's own table of cases: what it must allow and what it must deny, run like a test.

Each case is a small world (wallets, a request, approvals, what left before) and the rules that
must say no: exactly those. Who changes a number sees which cases change with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.money import Jpy, Sat
from sekisho.passes.policy.amounts import LIMITS, TIME_LOCK
from sekisho.passes.policy.case import Case, Destination, Outcome
from sekisho.passes.policy.conditions import ALLOW_LIST, EFFECTIVE
from sekisho.passes.policy.documents import SIZE_MAX_BYTES, parse_toml
from sekisho.passes.policy.evaluate import RULES, denials, evaluate, hold_seconds
from sekisho.passes.policy.history import ISSUER, Committed, History
from sekisho.passes.policy.people import QUORUM
from sekisho.passes.policy.records import AllowList, Off, Policy, Who
from sekisho.passes.policy.tables import SECONDS_MAX, read_amount
from sekisho.passes.records import Claims, HeldBalance, PriceQuote
from sekisho.wallets.documents import check_id
from sekisho.wallets.records import ChangeRule, Level, Segregation, Tier, Wallet

T = TypeVar("T")
FORMAT = "sekisho/policy-cases/v1"
_CASES_SIZE_MAX_BYTES = 4 * SIZE_MAX_BYTES
_NOT_LISTED = -1
_PAYS: dict[str, Json] = {
    "own_wallet": "",
    "first_time": False,
    "listed_seconds_ago": _NOT_LISTED,
    "resembles": "",
    "resembles_bits": 0,
}
"""What most payments of a table are: to somebody else, not listed, resembling nobody."""
_BEFORE: dict[str, Json] = {"anchor": ""}
_CASE: dict[str, Json] = {"standing": False, "claimed_times": 1}
"""What most cases of a table are: no standing pass, and no lie about what wallets hold."""
_LIE_MAX_TIMES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A wallet of a table's world."""

    wallet: Wallet
    key_set: str
    amount_sat: Sat


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One case of a table, and what it expects."""

    name: str
    case: Case
    denied: tuple[str, ...]
    """The rules that must say no, and no others; none means that the pass is allowed."""
    hold_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A case and what the pack said."""

    trial: Trial
    outcomes: tuple[Outcome, ...]

    @property
    def denied(self) -> tuple[str, ...]:
        """Return the rules that said no, each once, in order of their names."""
        return tuple(sorted({each.rule for each in denials(self.outcomes)}))

    @property
    def held_seconds(self) -> int:
        """Return how long the pass would wait."""
        return hold_seconds(self.outcomes)

    @property
    def as_expected(self) -> bool:
        """Return whether the pack said what the case expects, no more and no less."""
        held = 0 if self.denied else self.held_seconds
        return (self.denied, held) == (self.trial.denied, self.trial.hold_seconds)


def read_trials(toml: bytes, where: str) -> tuple[Trial, ...]:
    """Return the cases of a table; raises `BadInputError` naming the key that is wrong."""
    if len(toml) > _CASES_SIZE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {_CASES_SIZE_MAX_BYTES} bytes")
    fields = Fields(parse_toml(toml, where), where)
    fields.choice("format", (FORMAT,))
    held = fields.each("wallets", _wallet)
    wallets = {each.wallet.wallet_id: each for each in held}
    if len(wallets) != len(held):
        raise fields.fail("wallets", "names a wallet twice")
    base = _object(fields, "base")
    trials = fields.each("cases", lambda each: _trial(each, base, wallets))
    fields.done()
    if len({each.name for each in trials}) != len(trials):
        raise fields.fail("cases", "has two of one name")
    return trials


def try_all(policy: Policy, trials: Sequence[Trial]) -> tuple[Tried, ...]:
    """Return what the pack says of each case."""
    return tuple(Tried(trial=each, outcomes=evaluate(policy, each.case)) for each in trials)


def untried(policy: Policy, tried: Sequence[Tried]) -> tuple[str, ...]:
    """Return the rules of the pack that no case sees say no (or hold, for the time lock)."""
    seen = {
        _named(rule, Who.AUTOMATIC if each.trial.case.automatic else Who.PEOPLE)
        for each in tried
        for rule in each.denied
    }
    if any(each.trial.hold_seconds for each in tried):
        seen.add(TIME_LOCK)
    used = {EFFECTIVE, QUORUM} | {
        name
        for name in RULES
        if name != LIMITS and not isinstance(getattr(policy, name, None), Off)
    }
    if isinstance(policy.allow_list, AllowList) and not policy.allow_list.tiers:
        used.discard(ALLOW_LIST)  # it says who is known, and denies nothing
    used |= {_named(f"{LIMITS}.{each.window}.{each.scope}", each.who) for each in policy.limits}
    return tuple(sorted(used - seen))


def _named(rule: str, who: Who) -> str:
    """Return a rule's name; a limit for people and one for children are two."""
    return f"{rule} ({who})" if rule.startswith(f"{LIMITS}.") else rule


def _object(fields: Fields, name: str) -> dict[str, Json]:
    document = fields.document(name)
    if not isinstance(document, dict):
        raise fields.fail(name, "is not a table")
    return document


def _wallet(fields: Fields) -> Held:
    wallet_id = check_id(fields.text("wallet_id"), fields.where("wallet_id"))
    held = Held(
        wallet=Wallet(
            wallet_id=wallet_id,
            name=wallet_id,
            chain="",
            asset="BTC",
            descriptor="",
            tier=Tier(fields.choice("tier", tuple(Tier))),
            departments=(),
            segregation=Segregation(fields.choice("segregation", tuple(Segregation))),
            change_rule=ChangeRule.NONE,
            gap_limit=1,
            level=Level(fields.choice("level", tuple(Level))),
            proof=fields.text("proof"),
        ),
        key_set=fields.text("key_set"),
        amount_sat=read_amount(fields, "holds"),
    )
    fields.done()
    return held


def _trial(fields: Fields, base: dict[str, Json], wallets: dict[str, Held]) -> Trial:
    given = _object(fields, "given")
    denied = fields.texts("denied", empty=True)
    trial = Trial(
        name=fields.text("name"),
        case=_case(Fields(_CASE | base | given, fields.where("given")), wallets),
        denied=tuple(sorted(denied)),
        hold_seconds=fields.integer("hold_seconds", at_least=0, at_most=SECONDS_MAX),
    )
    fields.done()
    for each in denied:
        if each.partition(".")[0] not in RULES:
            raise fields.fail("denied", f"{each[:40]!r} is not a rule")
    return trial


def _case(fields: Fields, wallets: dict[str, Held]) -> Case:
    asked_at, judged_at = fields.instant("asked"), fields.instant("approved")
    life_seconds = fields.integer("life_seconds", at_least=1, at_most=SECONDS_MAX)
    automatic = fields.boolean("automatic")
    requester = fields.text("requester")
    held = _held(fields.text("wallet"), wallets, fields.where("wallet"))
    destinations = _each(fields, "pays", _PAYS, lambda each: _destination(each, asked_at))
    history = History()
    before = _each(fields, "before", _BEFORE, lambda each: _before(each, judged_at, wallets))
    for each in sorted(before, key=lambda movement: movement.at):
        history.commit(each)
    own_machine = fields.texts("own_machine", empty=True)
    requester = f"{ISSUER}{requester}" if automatic else requester
    case = Case(
        purpose=fields.text("purpose"),
        requester=requester,
        automatic=automatic,
        standing=fields.boolean("standing"),
        wallet=held.wallet,
        destinations=destinations,
        fee_max_sat=read_amount(fields, "fee_max"),
        feerate_max_sat_per_kvb=fields.integer(
            "feerate_max_sat_per_kvb", at_least=1, at_most=2**53 - 1
        ),
        claims=_claims(fields, asked_at, wallets),
        asked_at=asked_at,
        judged_at=judged_at,
        not_before_at=asked_at,
        expires_at=asked_at + timedelta(seconds=life_seconds),
        approved_by=_approved(fields),
        own_machine=own_machine,
        this=_movement(
            held,
            judged_at,
            requester=requester,
            anchor=fields.text("anchor"),
            paid=tuple((each.address, each.amount_sat) for each in destinations),
        ),
        history=history,
        history_before=len(history),
        wallets={name: each.wallet for name, each in wallets.items()},
    )
    fields.done()
    return case


def _each(
    fields: Fields, name: str, defaults: dict[str, Json], read: Callable[[Fields], T]
) -> tuple[T, ...]:
    """Read each object of a list; what an object leaves out is as in `defaults`."""
    items = fields.document(name)
    if not isinstance(items, list):
        raise fields.fail(name, "is not a list")
    found = []
    for index, item in enumerate(items):
        where = f"{fields.where(name)}[{index}]"
        if not isinstance(item, dict):
            raise BadInputError(where, "is not a table")
        found.append(read(Fields(defaults | item, where)))
    return tuple(found)


def _destination(fields: Fields, asked_at: datetime) -> Destination:
    listed_ago = fields.integer("listed_seconds_ago", at_least=_NOT_LISTED, at_most=SECONDS_MAX)
    destination = Destination(
        address=fields.text("to"),
        amount_sat=read_amount(fields, "amount"),
        own_wallet_id=fields.text("own_wallet", empty=True),
        first_time=fields.boolean("first_time"),
        listed_at=None if listed_ago == _NOT_LISTED else asked_at - timedelta(seconds=listed_ago),
        resembles=fields.text("resembles", empty=True),
        resembles_bits=fields.integer("resembles_bits", at_least=0, at_most=512),
    )
    fields.done()
    return destination


def _before(fields: Fields, judged_at: datetime, wallets: dict[str, Held]) -> Committed:
    """Return something that left before, `seconds_ago` before the case was approved."""
    ago = fields.integer("seconds_ago", at_least=0, at_most=SECONDS_MAX)
    movement = _movement(
        _held(fields.text("wallet"), wallets, fields.where("wallet")),
        judged_at - timedelta(seconds=ago),
        requester=fields.text("requester"),
        anchor=fields.text("anchor", empty=True),
        paid=((fields.text("to"), read_amount(fields, "amount")),),
    )
    fields.done()
    return movement


def _movement(
    held: Held,
    at: datetime,
    *,
    requester: str,
    anchor: str,
    paid: tuple[tuple[str, Sat], ...],
) -> Committed:
    return Committed(
        digest="",
        at=at,
        wallet_id=held.wallet.wallet_id,
        key_set=held.key_set,
        requester=requester,
        anchor=anchor,
        customers=held.wallet.segregation is Segregation.CUSTOMER,
        destinations=paid,
    )


def _held(wallet_id: str, wallets: dict[str, Held], where: str) -> Held:
    if wallet_id not in wallets:
        raise BadInputError(where, f"{wallet_id[:80]!r} is not one of the table's wallets")
    return wallets[wallet_id]


def _approved(fields: Fields) -> dict[str, tuple[str, ...]]:
    people = _object(fields, "approved_by")
    named = Fields(people, fields.where("approved_by"))
    return {department: named.texts(department, empty=True) for department in people}


def _claims(fields: Fields, asked_at: datetime, wallets: dict[str, Held]) -> Claims:
    """Return prices, and balances of all wallets but those that are left out on purpose.

    `claimed_times` makes the requester a liar: every wallet is said to hold so many times more.
    """
    times = fields.integer("claimed_times", at_least=1, at_most=_LIE_MAX_TIMES)
    prices = fields.each("prices", lambda each: _quote(each, asked_at), empty=True)
    unclaimed = fields.texts("unclaimed", empty=True)
    for each in unclaimed:
        _held(each, wallets, fields.where("unclaimed"))
    balances = tuple(
        HeldBalance(wallet_id=name, amount_sat=Sat(each.amount_sat * times))
        for name, each in wallets.items()
        if name not in unclaimed
    )
    return Claims(prices=prices, balances=balances)


def _quote(fields: Fields, asked_at: datetime) -> PriceQuote:
    age_seconds = fields.integer("age_seconds", at_least=-SECONDS_MAX, at_most=SECONDS_MAX)
    quote = PriceQuote(
        source=fields.text("source"),
        price_jpy=Jpy(fields.integer("jpy", at_least=0, at_most=10**15)),
        quoted_at=asked_at - timedelta(seconds=age_seconds),
    )
    fields.done()
    return quote
