"""A plan acts on what the watcher knows, and never on what a stranger can stage."""

import pytest
from document_paths import changed, paths_of, without
from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.money import SUPPLY_MAX_SAT, Sat
from sekisho.wallets.plan import (
    ALARMS,
    MAY_FREEZE,
    MAY_RESCUE,
    Freeze,
    Occasion,
    Plan,
    Step,
    check_plan,
    plan_bytes,
    plan_digest,
    read_plan,
)
from sekisho.watch.records import SHUTTING, VerdictKind

PEOPLE = ("aoki", "baba", "chiba")


def step(occasion: Occasion, **changes: object) -> Step:
    usual: dict[str, object] = {
        "page": ("aoki", "baba"),
        "freeze": Freeze.WALLET if occasion in MAY_FREEZE else Freeze.NOTHING,
        "rescue_fee_max_sat": Sat(500_000) if occasion in MAY_RESCUE else Sat(0),
    }
    return Step(occasion=occasion, **(usual | changes))  # type: ignore[arg-type]  # as named


PLAN = Plan(vault="vault-1", steps=tuple(step(each) for each in Occasion))
DOCUMENT: Json = parse_json(plan_bytes(PLAN), "plan")


def test_the_words_are_the_watchers() -> None:
    assert {each.value for each in Occasion} <= {each.value for each in VerdictKind}
    assert {each.value for each in ALARMS} == {each.value for each in SHUTTING}


def test_a_plan_is_read_back_as_it_was_written() -> None:
    assert read_plan(plan_bytes(PLAN), "plan") == PLAN
    assert plan_digest(plan_bytes(PLAN)) == tagged_digest("plan", plan_bytes(PLAN)).hex()


@given(
    steps=st.lists(
        st.builds(
            Step,
            occasion=st.sampled_from(Occasion),
            page=st.lists(st.sampled_from(PEOPLE), max_size=3).map(tuple),
            freeze=st.sampled_from(Freeze),
            rescue_fee_max_sat=st.sampled_from([Sat(0), Sat(1), SUPPLY_MAX_SAT]),
        ),
        max_size=7,
    ),
    vault=st.sampled_from(["", "vault-1"]),
)
def test_whatever_is_read_does_no_harm_on_a_strangers_doing(steps: list[Step], vault: str) -> None:
    plan = Plan(vault=vault, steps=tuple(steps))
    try:
        read = read_plan(plan_bytes(plan), "plan")
    except BadInputError:
        return
    assert read == plan
    done = {each.occasion: each for each in read.steps}
    assert set(ALARMS) <= set(done)
    for occasion in (Occasion.UNDETERMINED, Occasion.POISONING):
        if occasion in done:
            assert done[occasion].freeze is Freeze.NOTHING
            assert done[occasion].rescue_fee_max_sat == 0
    assert vault or not any(each.rescue_fee_max_sat for each in steps)
    assert all(each.page for each in steps)


def place(occasion: Occasion) -> int:
    return list(Occasion).index(occasion)


POISONED = ("steps", place(Occasion.POISONING))
BLIND = ("steps", place(Occasion.UNDETERMINED))
LATE = ("steps", place(Occasion.EXPIRED))
WRONG: list[tuple[tuple[str | int, ...], Json]] = [
    (("format",), "sekisho/plan/v2"),
    (("vault",), "Vault 1"),
    (("vault",), ""),
    (("steps",), []),
    ((*POISONED, "freeze"), "wallet"),
    ((*POISONED, "freeze"), "everything"),
    ((*POISONED, "rescue_fee_max_sat"), "1"),
    ((*BLIND, "freeze"), "everything"),
    ((*BLIND, "rescue_fee_max_sat"), "1"),
    ((*LATE, "rescue_fee_max_sat"), "1"),
    (("steps", 0, "rescue_fee_max_sat"), 500_000),
    (("steps", 0, "rescue_fee_max_sat"), "-1"),
    (("steps", 0, "rescue_fee_max_sat"), str(SUPPLY_MAX_SAT + 1)),
    (("steps", 0, "freeze"), "all"),
    (("steps", 0, "page"), []),
    (("steps", 0, "page"), ["aoki", "aoki"]),
    (("steps", 0, "occasion"), "matched"),
    (("steps", 0, "occasion"), "theft"),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_each_wrong_field_is_named(path: tuple[str | int, ...], value: Json) -> None:
    with pytest.raises(BadInputError) as refusal:
        read_plan(canonical_bytes(changed(DOCUMENT, path, value)), "plan")
    assert str(path[-1]) in refusal.value.where


@pytest.mark.parametrize("occasion", ALARMS)
def test_no_alarm_is_left_without_a_plan(occasion: Occasion) -> None:
    others = tuple(each for each in PLAN.steps if each.occasion is not occasion)
    with pytest.raises(BadInputError, match=f"plans nothing for {occasion.value}"):
        read_plan(plan_bytes(Plan(vault="vault-1", steps=others)), "plan")
    with pytest.raises(BadInputError, match="plans one verdict twice"):
        read_plan(plan_bytes(Plan(vault="v", steps=(*PLAN.steps, step(occasion)))), "plan")


@pytest.mark.parametrize("path", paths_of(DOCUMENT), ids=str)
def test_each_missing_and_each_unknown_field_means_no(path: tuple[str | int, ...]) -> None:
    with pytest.raises(BadInputError, match="is missing"):
        read_plan(canonical_bytes(without(DOCUMENT, path)), "plan")
    with pytest.raises(BadInputError, match="is not a known field"):
        read_plan(canonical_bytes(changed(DOCUMENT, (*path[:-1], "note"), "x")), "plan")


def codes(people: tuple[str, ...], vaults: tuple[str, ...], plan: Plan = PLAN) -> list[str]:
    found = check_plan(plan, people_on_roster=people, vaults=vaults)
    return sorted({each.code for each in found})


def test_a_plan_calls_people_who_are_there() -> None:
    assert codes(PEOPLE, ("vault-1",)) == []
    assert codes(("aoki", "chiba"), ("vault-1",)) == [
        "wallets.plan_pages_too_few",
        "wallets.plan_person_unknown",
    ]
    alone = Plan(vault="", steps=tuple(step(each, page=("aoki",)) for each in ALARMS))
    assert codes(PEOPLE, (), alone) == ["wallets.plan_pages_too_few"]
    assert codes(PEOPLE, ("cold-1",)) == ["wallets.plan_vault_unknown"]
