"""The tables of a pack, read field by field: each is known, present once, and of its type."""

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.money import Jpy, Sat, parse_btc, parse_sat, parse_whole
from sekisho.passes.policy.history import Scope
from sekisho.passes.policy.records import (
    ANY_PURPOSE,
    AllowList,
    Bound,
    BusinessHours,
    ColdShare,
    Fees,
    FirstTime,
    Isolated,
    Leases,
    Life,
    Limit,
    LookAlike,
    Off,
    OwnMachineStep,
    Passkeys,
    Policy,
    Price,
    QuorumStep,
    TimeLockStep,
    WalletProof,
    Who,
    Window,
    Witnesses,
)
from sekisho.passes.records import Quorum
from sekisho.wallets.documents import check_id
from sekisho.wallets.records import Level, Tier

T = TypeVar("T")
FORMAT = "sekisho/policy/v1"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SECONDS_MAX = 366 * 86_400
WHOLE_BPS = 10_000
_JPY_MAX = 10**15
"""More than all money of Japan; keeps products small."""
_PEOPLE_MAX = 100
_FEERATE_MAX_SAT_PER_KVB = 100_000_000_000
_TIERS = tuple(Tier)
_DAY = re.compile(r"(20[0-9]{2})-([0-9]{2})-([0-9]{2})")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


def read_fields(fields: Fields) -> Policy:
    """Return the policy in the fields of a pack, each by itself; raises `BadInputError`."""
    fields.choice("format", (FORMAT,))
    offset = fields.integer("utc_offset_minutes", at_least=-720, at_most=840)
    policy = Policy(
        policy_id=check_id(fields.text("policy_id"), fields.where("policy_id")),
        version=fields.integer("version", at_least=1, at_most=1_000_000),
        title_en=fields.text("title_en"),
        title_ja=fields.text("title_ja"),
        effective_from_at=_day(fields.text("effective_from"), offset, fields, "effective_from"),
        effective_until_at=_until(fields, offset),
        utc_offset_minutes=offset,
        reference=fields.text("reference"),
        departments=_ids(fields, "departments"),
        life=_done(fields.fields("life"), _life),
        quorum=fields.each("quorum", _quorum),
        limits=fields.each("limits", _limit),
        own_machine=_steps(fields, "own_machine", _own_machine),
        time_lock=_steps(fields, "time_lock", _time_lock),
        allow_list=_rule(fields, "allow_list", _allow_list),
        first_time=_rule(fields, "first_time", _first_time),
        business_hours=_rule(fields, "business_hours", _business_hours),
        cold_share=_rule(fields, "cold_share", _cold_share),
        look_alike=_rule(fields, "look_alike", _look_alike),
        fees=_rule(fields, "fees", _fees),
        price=_rule(fields, "price", _price),
        wallet_proof=_rule(fields, "wallet_proof", _wallet_proof),
        passkeys=_done(fields.fields("passkeys"), _passkeys),
        witnesses=_done(fields.fields("witnesses"), _witnesses),
        leases=_done(fields.fields("leases"), _leases),
        isolated=_rule(fields, "isolated", _isolated),
    )
    fields.done()
    return policy


def day(at: datetime, utc_offset_minutes: int) -> str:
    """Write the instant at which a day of the pack's own clock begins: `2020-05-01`."""
    zone = timezone(timedelta(minutes=utc_offset_minutes))
    return f"{at.astimezone(zone):%Y-%m-%d}"


def clock(minute: int) -> str:
    """Write minutes after midnight: `09:00`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def read_amount(fields: Fields, name: str) -> Sat:
    """Return one amount of coins, written as `{ btc = "1.5" }` or `{ sat = "150000000" }`."""
    bound = _bound(fields, name)
    if bound.size_sat is None or bound != Bound(size_sat=bound.size_sat):
        raise fields.fail(name, "is not one amount of btc or sat")
    return bound.size_sat


def _day(text: str, utc_offset_minutes: int, fields: Fields, name: str) -> datetime:
    """Return the instant at which that day begins by the pack's own clock."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise fields.fail(name, f"{text[:40]!r} is not a day such as 2020-05-01")
    try:
        year, month, number = map(int, found.groups())
        midnight = datetime(year, month, number, tzinfo=UTC)
    except ValueError as error:
        raise fields.fail(name, f"{text!r} is no day of any calendar") from error
    return midnight - timedelta(minutes=utc_offset_minutes)


def _until(fields: Fields, utc_offset_minutes: int) -> datetime | None:
    text = fields.text("effective_until", empty=True)
    return _day(text, utc_offset_minutes, fields, "effective_until") if text else None


def _done(fields: Fields, read: Callable[[Fields], T]) -> T:
    found = read(fields)
    fields.done()
    return found


def _rule(fields: Fields, name: str, read: Callable[[Fields], T]) -> T | Off:
    """Return a rule, or the reason why it is off."""
    document = fields.document(name)
    where = fields.where(name)
    if isinstance(document, dict) and "off" in document:
        return _done(Fields(document, where), lambda off: Off(reason=off.text("off")))
    return _done(Fields(document, where), read)


def _steps(fields: Fields, name: str, read: Callable[[Fields], T]) -> tuple[T, ...] | Off:
    document = fields.document(name)
    where = fields.where(name)
    if isinstance(document, list):
        return Fields({name: document}, where.removesuffix(f".{name}")).each(name, read)
    return _done(Fields(document, where), lambda off: Off(reason=off.text("off")))


def _bound(fields: Fields, name: str) -> Bound:
    document = fields.document(name)
    where = fields.where(name)
    if not isinstance(document, dict):
        raise BadInputError(where, "is not a table of btc (or sat), jpy and share_bps")
    found = Fields(document, where)
    sat = _money(found, document.keys()) if {"btc", "sat"} & document.keys() else None
    jpy = _yen(found) if "jpy" in document else None
    share = (
        found.integer("share_bps", at_least=1, at_most=WHOLE_BPS)
        if "share_bps" in document
        else None
    )
    found.done()
    if not document:
        raise BadInputError(where, "names no amount, so it would never hold")
    return Bound(size_sat=sat, size_jpy=jpy, share_bps=share)


def _money(fields: Fields, names: Collection[str]) -> Sat:
    """Return an amount written as `btc` or as `sat`, and never as both."""
    if "btc" in names:
        if "sat" in names:
            raise fields.fail("sat", "stands beside btc: which of the two holds?")
        return parse_btc(fields.text("btc"), fields.where("btc"))
    return parse_sat(fields.text("sat"), fields.where("sat"))


def _yen(fields: Fields) -> Jpy:
    document = fields.document("jpy")
    text = str(document) if type(document) is int else document
    if not isinstance(text, str):
        raise fields.fail("jpy", "is not a whole amount of yen")
    amount = parse_whole(text, fields.where("jpy"))
    if amount > _JPY_MAX:
        raise fields.fail("jpy", f"is above {_JPY_MAX} yen")
    return Jpy(amount)


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    found = fields.texts(name)
    if len(set(found)) != len(found):
        raise fields.fail(name, "names something twice")
    return found


def _ids(fields: Fields, name: str) -> tuple[str, ...]:
    return tuple(check_id(each, fields.where(name)) for each in _texts(fields, name))


def _tiers(fields: Fields, *, empty: bool = False) -> tuple[Tier, ...]:
    found = fields.texts("tiers", empty=empty)
    if len(set(found)) != len(found) or not set(found) <= set(_TIERS):
        raise fields.fail("tiers", f"is not a list of {', '.join(_TIERS)}, each once")
    return tuple(tier for tier in _TIERS if tier in found)


def _people(fields: Fields, name: str) -> Quorum:
    document = fields.document(name)
    if not isinstance(document, dict) or not document:
        raise fields.fail(name, "is not a table of departments and how many of each")
    found = Fields(document, fields.where(name))
    at_least = tuple(
        (
            check_id(department, found.where(department)),
            found.integer(department, at_least=1, at_most=_PEOPLE_MAX),
        )
        for department in sorted(document)
    )
    return Quorum(at_least=at_least)


def _life(fields: Fields) -> Life:
    return Life(
        transfer_max_seconds=fields.integer(
            "transfer_max_seconds", at_least=1, at_most=SECONDS_MAX
        ),
        standing_max_seconds=fields.integer(
            "standing_max_seconds", at_least=1, at_most=SECONDS_MAX
        ),
        reference=fields.text("reference"),
    )


def _quorum(fields: Fields) -> QuorumStep:
    levels = _texts(fields, "levels")
    if not set(levels) <= set(Level):
        raise fields.fail("levels", f"is not a list of {', '.join(Level)}")
    purposes = _texts(fields, "purposes")
    if ANY_PURPOSE in purposes and len(purposes) > 1:
        raise fields.fail("purposes", "names `*` beside others, which it includes")
    step = QuorumStep(
        purposes=purposes,
        tiers=_tiers(fields),
        levels=tuple(level for level in Level if level in levels),
        least=_bound(fields, "from"),
        people=_people(fields, "people"),
        reference=fields.text("reference"),
    )
    fields.done()
    return step


def _limit(fields: Fields) -> Limit:
    limit = Limit(
        scope=Scope(fields.choice("scope", tuple(Scope))),
        window=Window(fields.choice("window", tuple(Window))),
        who=Who(fields.choice("who", tuple(Who))),
        tiers=_tiers(fields),
        most=_bound(fields, "most"),
        reference=fields.text("reference"),
    )
    fields.done()
    return limit


def _own_machine(fields: Fields) -> OwnMachineStep:
    step = OwnMachineStep(
        tiers=_tiers(fields),
        least=_bound(fields, "from"),
        people=fields.integer("people", at_least=1, at_most=_PEOPLE_MAX),
        reference=fields.text("reference"),
    )
    fields.done()
    return step


def _time_lock(fields: Fields) -> TimeLockStep:
    step = TimeLockStep(
        tiers=_tiers(fields),
        least=_bound(fields, "from"),
        hold_seconds=fields.integer("hold_seconds", at_least=1, at_most=SECONDS_MAX),
        reference=fields.text("reference"),
    )
    fields.done()
    return step


def _allow_list(fields: Fields) -> AllowList:
    return AllowList(
        tiers=_tiers(fields, empty=True),
        cooling_seconds=fields.integer("cooling_seconds", at_least=0, at_most=SECONDS_MAX),
        reference=fields.text("reference"),
    )


def _first_time(fields: Fields) -> FirstTime:
    return FirstTime(
        new_for_seconds=fields.integer("new_for_seconds", at_least=0, at_most=SECONDS_MAX),
        most=_bound(fields, "most"),
        extra_people=fields.integer("extra_people", at_least=0, at_most=_PEOPLE_MAX),
        reference=fields.text("reference"),
    )


def _business_hours(fields: Fields) -> BusinessHours:
    names = _texts(fields, "weekdays")
    if not set(names) <= set(WEEKDAYS):
        raise fields.fail("weekdays", f"is not a list of {', '.join(WEEKDAYS)}")
    return BusinessHours(
        weekdays=tuple(index for index, name in enumerate(WEEKDAYS) if name in names),
        from_minute=_minute(fields, "from"),
        until_minute=_minute(fields, "until"),
        most=_bound(fields, "outside_most"),
        extra_people=fields.integer("outside_extra_people", at_least=0, at_most=_PEOPLE_MAX),
        reference=fields.text("reference"),
    )


def _minute(fields: Fields, name: str) -> int:
    text = fields.text(name)
    if not _CLOCK.fullmatch(text):
        raise fields.fail(name, f"{text[:40]!r} is not a time of day such as 09:00")
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _cold_share(fields: Fields) -> ColdShare:
    return ColdShare(
        not_cold_max_bps=fields.integer("not_cold_max_bps", at_least=0, at_most=WHOLE_BPS - 1),
        unsettled_seconds=fields.integer("unsettled_seconds", at_least=0, at_most=SECONDS_MAX),
        reference=fields.text("reference"),
    )


def _look_alike(fields: Fields) -> LookAlike:
    return LookAlike(
        bits_max=fields.integer("bits_max", at_least=1, at_most=256),
        reference=fields.text("reference"),
    )


def _fees(fields: Fields) -> Fees:
    return Fees(
        fee_max_sat=read_amount(fields, "fee_max"),
        feerate_max_sat_per_kvb=fields.integer(
            "feerate_max_sat_per_kvb", at_least=1, at_most=_FEERATE_MAX_SAT_PER_KVB
        ),
        reference=fields.text("reference"),
    )


def _price(fields: Fields) -> Price:
    return Price(
        sources_min=fields.integer("sources_min", at_least=2, at_most=20),
        spread_max_bps=fields.integer("spread_max_bps", at_least=1, at_most=WHOLE_BPS),
        age_max_seconds=fields.integer("age_max_seconds", at_least=1, at_most=SECONDS_MAX),
        reference=fields.text("reference"),
    )


def _wallet_proof(fields: Fields) -> WalletProof:
    return WalletProof(tiers=_tiers(fields), reference=fields.text("reference"))


def _passkeys(fields: Fields) -> Passkeys:
    return Passkeys(
        attested_required=fields.boolean("attested_required"),
        device_bound_required=fields.boolean("device_bound_required"),
    )


def _leases(fields: Fields) -> Leases:
    return Leases(
        age_max_seconds=fields.integer("age_max_seconds", at_least=1, at_most=86_400),
        isolated_age_max_seconds=fields.integer(
            "isolated_age_max_seconds", at_least=1, at_most=SECONDS_MAX
        ),
    )


def _isolated(fields: Fields) -> Isolated:
    return Isolated(least_sat=read_amount(fields, "least"), reference=fields.text("reference"))


def _witnesses(fields: Fields) -> Witnesses:
    return Witnesses(
        needed=fields.integer("needed", at_least=0, at_most=100),
        checkpoint_age_max_seconds=fields.integer(
            "checkpoint_age_max_seconds", at_least=1, at_most=SECONDS_MAX
        ),
    )
