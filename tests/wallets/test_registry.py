"""Which scripts are ours: both ways, as far as the gap limit, and no script of two wallets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world_coins import (
    DESCRIPTORS,
    STRANGER,
    address_at,
    book_of,
    key_expression,
    script_at,
    wallet_of,
)

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.wallets.records import OwnScript, Wallet
from sekisho.wallets.registry import open_book

RANGED = wallet_of(DESCRIPTORS["wpkh"], gap_limit=5)
FIXED = wallet_of(DESCRIPTORS["fixed_sh_wsh_multi"], wallet_id="fixed")
ONE_BRANCH = wallet_of(f"pkh({key_expression('gamma')}/7/*)", wallet_id="one", gap_limit=3)
BOOK = book_of(RANGED, FIXED, ONE_BRANCH)


def own(index: int, *, branch: int = 0) -> OwnScript:
    script = script_at(RANGED, index, branch=branch)
    return OwnScript(wallet_id=RANGED.wallet_id, script=script, branch=branch, index=index)


def test_each_branch_is_known_up_to_its_gap_limit_and_no_further() -> None:
    for branch in (0, 1):
        for index in range(5):
            assert BOOK.own(script_at(RANGED, index, branch=branch)) == own(index, branch=branch)
        assert BOOK.own(script_at(RANGED, 5, branch=branch)) is None
    assert BOOK.own(script_of(STRANGER, Network.MAIN, "stranger")) is None
    assert BOOK.own(b"") is None
    assert BOOK.reach == {("cold-1", 0): 5, ("cold-1", 1): 5, ("fixed", 0): 1, ("one", 0): 3}
    assert len(BOOK.by_script) == 5 + 5 + 1 + 3


def test_scripts_and_addresses_lead_to_each_other() -> None:
    for script, mine in BOOK.by_script.items():
        assert script_of(BOOK.address(mine), Network.MAIN, "address") == script
        assert BOOK.own(script) == mine
    assert BOOK.address(own(3, branch=1)) == address_at(RANGED, 3, branch=1)


def test_a_wallet_on_another_network_has_addresses_of_that_network() -> None:
    wallet = wallet_of(DESCRIPTORS["fixed_wpkh"], network=Network.REGTEST)
    book = book_of(wallet)
    (mine,) = book.by_script.values()
    assert book.address(mine).startswith("bcrt1q")


def test_use_extends_one_branch_by_the_gap_limit() -> None:
    extended = BOOK.extended([own(4), own(1, branch=1)])
    assert extended.reach[RANGED.wallet_id, 0] == 4 + 1 + 5
    assert extended.reach[RANGED.wallet_id, 1] == 1 + 1 + 5
    assert extended.own(script_at(RANGED, 9)) == own(9)
    assert extended.own(script_at(RANGED, 10)) is None
    assert BOOK.own(script_at(RANGED, 9)) is None, "the book itself is never changed"


def test_use_that_reaches_no_further_changes_nothing() -> None:
    extended = BOOK.extended([own(4)])
    assert BOOK.extended([]) is BOOK
    assert extended.extended([own(0), own(4)]) is extended
    (fixed,) = (each for each in BOOK.by_script.values() if each.wallet_id == "fixed")
    assert BOOK.extended([fixed]) is BOOK


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), max_size=8))
def test_extending_step_by_step_or_at_once_is_the_same(used: list[tuple[int, int]]) -> None:
    at_once = BOOK.extended(own(index, branch=branch) for index, branch in used)
    step_by_step = BOOK
    for index, branch in reversed(used):
        step_by_step = step_by_step.extended([own(index, branch=branch)])
    assert step_by_step == at_once
    for branch in (0, 1):
        furthest = max((index + 1 for index, each in used if each == branch), default=0)
        assert at_once.own(script_at(RANGED, furthest + 4, branch=branch)) is not None
        assert at_once.own(script_at(RANGED, furthest + 5, branch=branch)) is None


SHARED = [
    wallet_of(DESCRIPTORS["wpkh"], wallet_id="same"),
    wallet_of(DESCRIPTORS["one_branch"], wallet_id="its-receiving-branch"),
    wallet_of(f"wpkh({key_expression('alpha')}/<1;0>/*)", wallet_id="branches-swapped"),
    wallet_of(f"wpkh({key_expression('alpha')}/1/3)", wallet_id="its-fourth-change"),
]


@pytest.mark.parametrize("other", SHARED, ids=lambda each: each.wallet_id)
def test_a_script_of_two_wallets_is_noted_and_still_ours(other: Wallet) -> None:
    book = open_book([RANGED, other])
    assert book.shared
    for script in book.shared:
        owner = book.own(script)
        assert owner is not None
        assert owner.wallet_id == min(RANGED.wallet_id, other.wallet_id)
    assert open_book([other, RANGED]) == book


def test_a_script_that_becomes_shared_by_use_is_noted_too() -> None:
    later = wallet_of(f"wpkh({key_expression('alpha')}/0/8)", wallet_id="later")
    book = book_of(RANGED, later)
    assert not book.shared
    assert book.extended([own(4)]).shared == {script_at(RANGED, 8)}
