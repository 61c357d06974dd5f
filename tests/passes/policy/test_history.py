from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sekisho.kernel.money import Sat
from sekisho.passes.policy.history import ISSUER, Committed, History, Scope, amounts_by_key

START = datetime(2024, 5, 31, tzinfo=UTC)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def movement(
    minute: int = 0,
    amount: int = 10,
    *,
    anchor: str = "a:0",
    requester: str = "tanaka",
    wallet: str = "cold-1",
    to: str = "x",
    customers: bool = True,
) -> Committed:
    return Committed(
        digest="",
        at=START + timedelta(minutes=minute),
        wallet_id=wallet,
        key_set=wallet[:4],
        requester=requester,
        anchor=anchor,
        customers=customers,
        destinations=((to, Sat(amount)),),
    )


def history(*movements: Committed) -> History:
    made = History()
    for each in movements:
        made.commit(each)
    return made


def naive(movements: list[Committed], scope: Scope, key: str, after_at: datetime) -> int:
    """Sum by the words of the docstring, without an index and without haste."""
    clock, in_window = BEGINNING, []
    for each in movements:
        clock = max(clock, each.at)
        if clock > after_at:
            in_window.append(each)
    largest: dict[str, int] = {}
    children = 0
    for each in in_window:
        amount = {(s.value, k): a for (s, k), a in amounts_by_key(each).items()}.get(
            (scope.value, key)
        )
        if amount is None:
            continue
        if each.requester.startswith(ISSUER):
            children += amount
        elif each.anchor:
            largest[each.anchor] = max(largest.get(each.anchor, 0), amount)
        else:
            children += amount
    return children + sum(largest.values())


movements_of = st.builds(
    movement,
    minute=st.integers(-3, 40),
    amount=st.integers(0, 50),
    anchor=st.sampled_from(["a:0", "b:0", "c:0", "d:0", ""]),
    requester=st.sampled_from(["tanaka", "sato", f"{ISSUER}1", f"{ISSUER}2"]),
    wallet=st.sampled_from(["cold-1", "cold-2", "hot-1"]),
    to=st.sampled_from(["x", "y"]),
    customers=st.booleans(),
)
KEYS = [
    (Scope.ALL, ""),
    (Scope.WALLET, "cold-1"),
    (Scope.WALLET, "nobody"),
    (Scope.KEY_SET, "cold"),
    (Scope.REQUESTER, "tanaka"),
    (Scope.REQUESTER, f"{ISSUER}1"),
    (Scope.DESTINATION, "x"),
]


@given(
    st.lists(movements_of, max_size=30),
    st.sampled_from(KEYS),
    st.integers(-5, 45),
    st.integers(0, 32),
    movements_of,
)
def test_sums_are_those_of_a_plain_reading(
    made: list[Committed], key: tuple[Scope, str], minute: int, before: int, this: Committed
) -> None:
    after_at = START + timedelta(minutes=minute)
    kept = history(*made)
    first = made[:before]
    assert kept.sum_sat(*key, after_at=after_at, before=before) == naive(first, *key, after_at)
    amount = amounts_by_key(this).get(key)
    if amount is not None:
        late = max([this.at, after_at + timedelta(seconds=1), *(each.at for each in made)])
        as_next = Committed(
            digest="",
            at=late,
            wallet_id=this.wallet_id,
            key_set=this.key_set,
            requester=this.requester,
            anchor=this.anchor or "new:0",
            customers=this.customers,
            destinations=this.destinations,
        )
        anchor = as_next.exclusive_anchor
        counted = kept.sum_with_sat(
            *key, amount, exclusive_anchor=anchor, after_at=after_at, before=before
        )
        assert counted == naive([*first, as_next], *key, after_at)


@given(st.lists(movements_of, max_size=20), st.sampled_from(["x", "y", "z"]), st.integers(0, 21))
def test_who_was_first_paid_when(made: list[Committed], address: str, before: int) -> None:
    clock, paid = BEGINNING, None
    for each in made[:before]:
        clock = max(clock, each.at)
        if paid is None and each.destinations[0][0] == address:
            paid = clock
    assert history(*made).first_paid_at(address, before=before) == paid


@given(st.lists(movements_of, max_size=20), movements_of, st.sampled_from(KEYS))
def test_one_more_movement_never_lowers_a_sum(
    made: list[Committed], more: Committed, key: tuple[Scope, str]
) -> None:
    kept = history(*made)
    sums = [kept.sum_sat(*key, after_at=BEGINNING, before=n) for n in range(len(made) + 1)]
    assert sums == sorted(sums)
    kept.commit(more)
    assert kept.sum_sat(*key, after_at=BEGINNING, before=len(kept)) >= sums[-1]


def test_of_passes_with_one_anchor_the_largest_counts() -> None:
    kept = history(movement(0, 10), movement(1, 30), movement(2, 20))
    assert kept.sum_sat(Scope.WALLET, "cold-1", after_at=BEGINNING, before=3) == 30
    later_at = START + timedelta(minutes=1)
    assert kept.sum_sat(Scope.WALLET, "cold-1", after_at=later_at, before=3) == 20
    assert kept.sum_sat(Scope.WALLET, "cold-1", after_at=BEGINNING, before=1) == 10


def test_children_of_one_batch_all_count() -> None:
    """One transaction pays all of them; only passes of people stand in each other's place."""
    children = [movement(n, 10, requester=f"{ISSUER}1") for n in range(3)]
    kept = history(*children, movement(3, 10))
    assert kept.sum_sat(Scope.ALL, "", after_at=BEGINNING, before=4) == 40


def test_the_companys_own_coins_are_no_customers_coins() -> None:
    kept = history(movement(0, 10, customers=False, anchor="b:0"), movement(1, 5))
    assert kept.sum_sat(Scope.ALL, "", after_at=BEGINNING, before=2) == 5
    assert kept.sum_sat(Scope.WALLET, "cold-1", after_at=BEGINNING, before=2) == 15


def test_a_clock_set_forward_empties_no_counter_and_one_set_back_hides_nothing() -> None:
    year = 366 * 24 * 60
    kept = history(movement(0, 10, anchor="a:0"), movement(year, 1, anchor="b:0"))
    kept.commit(movement(5, 20, anchor="c:0"))
    an_hour_ago = START - timedelta(hours=1)
    assert kept.sum_sat(Scope.ALL, "", after_at=an_hour_ago, before=3) == 31
    tomorrow = START + timedelta(days=1)
    assert kept.sum_sat(Scope.ALL, "", after_at=tomorrow, before=3) == 21


def test_two_payments_to_one_address_are_two() -> None:
    twice = movement()
    both = Committed(
        digest="",
        at=twice.at,
        wallet_id="cold-1",
        key_set="cold",
        requester="tanaka",
        anchor="a:0",
        customers=True,
        destinations=(("x", Sat(3)), ("x", Sat(4))),
    )
    kept = history(both)
    assert len(kept) == 1
    assert kept.sum_sat(Scope.DESTINATION, "x", after_at=BEGINNING, before=1) == 7
