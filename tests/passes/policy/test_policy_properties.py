"""What holds for any amounts, histories and approvals under each of the shipped packs."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from policy_world import (
    BTC,
    after,
    amounting,
    denied,
    like,
    limits_denied,
    ordinary,
    outcome,
    pack,
)

from sekisho.passes.policy.evaluate import evaluate, hold_seconds
from sekisho.passes.policy.packs import shipped_packs

PACKS = shipped_packs()
AMOUNTS = st.integers(1, 2_000 * BTC)


@given(
    st.sampled_from(PACKS),
    AMOUNTS,
    st.lists(st.tuples(AMOUNTS, st.integers(1, 90_000), st.sampled_from(["", "aa:0", "b:0"]))),
    st.tuples(AMOUNTS, st.integers(0, 90_000), st.sampled_from(["", "aa:0", "b:0"])),
)
def test_one_more_movement_turns_no_denial_by_a_limit_into_a_yes(
    policy_id: str,
    amount: int,
    made: list[tuple[int, int, str]],
    more: tuple[int, int, str],
) -> None:
    policy, case = pack(policy_id), amounting(ordinary(policy_id), amount)
    movements = [like(case, a, ago_seconds=ago, anchor=anchor) for a, ago, anchor in made]
    movements.sort(key=lambda each: each.at)
    extra = like(case, more[0], ago_seconds=more[1], anchor=more[2])
    before = limits_denied(policy, after(case, *movements))
    assert before <= limits_denied(policy, after(case, *movements, extra))


@given(st.sampled_from(PACKS), st.lists(AMOUNTS, min_size=1, max_size=6))
def test_splitting_needs_no_less_quorum_than_the_whole(policy_id: str, parts: list[int]) -> None:
    """Whoever could not approve the whole cannot approve its last part, once the others left."""
    policy, case = pack(policy_id), ordinary(policy_id)
    few = replace(case, approved_by={"operations": ("a",), "security": ("b",)}, own_machine=())
    whole = amounting(few, sum(parts))
    *earlier, last = parts
    movements = [
        like(few, amount, ago_seconds=80_000 - n, anchor=f"{n}:1")
        for n, amount in enumerate(earlier)
    ]
    split = after(amounting(few, last), *movements)
    people = {"quorum", "own_machine"}
    assert denied(policy, whole) & people == denied(policy, split) & people
    whole_held = outcome(policy, whole, "time_lock").hold_seconds
    assert outcome(policy, split, "time_lock").hold_seconds == whole_held


@given(st.sampled_from(PACKS), AMOUNTS, st.data())
def test_fewer_approvals_never_allow_more(
    policy_id: str, amount: int, data: st.DataObject
) -> None:
    policy, case = pack(policy_id), amounting(ordinary(policy_id), amount)
    fewer = replace(
        case,
        approved_by={
            department: tuple(data.draw(st.lists(st.sampled_from(ids), unique=True)))
            for department, ids in case.approved_by.items()
        },
        own_machine=tuple(each for each in case.own_machine if data.draw(st.booleans())),
    )
    assert denied(policy, case) <= denied(policy, fewer)


@given(st.sampled_from(PACKS), AMOUNTS, AMOUNTS)
def test_more_coins_never_need_less(policy_id: str, one: int, other: int) -> None:
    policy, case = pack(policy_id), ordinary(policy_id)
    less, more = sorted((one, other))
    small, large = amounting(case, less), amounting(case, more)
    assert denied(policy, small) <= denied(policy, large)
    if not denied(policy, large):
        held = [hold_seconds(evaluate(policy, each)) for each in (small, large)]
        assert held == sorted(held)
