"""The one form of an enforced wallet: without the gate's key nothing moves before its time."""

import re
from itertools import combinations
from typing import Any

import pytest
from btclib.exceptions import BTClibException
from btclib_wallet import descriptors
from btclib_wallet.descriptors import SpendContext
from hypothesis import given, settings
from hypothesis import strategies as st
from world_coins import DESCRIPTORS, MULTIPATH, enforced, fixed_key, key_expression, wallet_of

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.descriptors import check_descriptor
from sekisho.wallets.documents import read_wallet, wallet_document
from sekisho.wallets.enforced import (
    RECOVERY_BLOCKS_MAX,
    RECOVERY_BLOCKS_MIN,
    Enforced,
    enforced_descriptor,
    level_words,
    opens_recovery,
    read_enforced,
)
from sekisho.wallets.records import Level

MAIN = Network.MAIN
NUMS_KEY = "0250929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"
GATE, ALPHA, BETA, GAMMA, DELTA = (
    key_expression(name) for name in ("gate", "alpha", "beta", "gamma", "delta")
)
HOLDERS = (ALPHA, BETA, GAMMA)
TERMS = Enforced(
    gate_key=GATE,
    threshold=2,
    holders=HOLDERS,
    recovery_threshold=3,
    recovery=HOLDERS,
    recovery_blocks=4320,
)
WALLET = wallet_of(enforced_descriptor(TERMS, MAIN), level=Level.ENFORCED)
NO_TIMELOCK = 0xFFFF_FFFD
TIMES = (
    (0, NO_TIMELOCK),
    (0, 1),
    (0, TERMS.recovery_blocks - 1),
    (499_999_999, NO_TIMELOCK),  # any height
    (0xFFFF_FFFF, NO_TIMELOCK),  # any time
    (0xFFFF_FFFF, TERMS.recovery_blocks - 1),
    (0, 1 << 22 | 0xFFFF),  # the longest relative lock that counts seconds (BIP-68)
)
"""Locktime and sequence: all that a transaction can say before the recovery opens."""


def spends(signing: set[str], *, locktime: int, sequence: int) -> bool:
    """Return whether the keys of these expressions satisfy the first script, by the library."""
    (parsed, _) = (
        descriptors.parse(each)
        for each in descriptors.multipath_descriptors(WALLET.descriptor, "mainnet")
    )
    signatures: Any = {
        key.sec(0): bytes(72)
        for key in parsed.key_expressions
        if key.xkey in {each.rpartition("]")[2] for each in signing}
    }
    context = SpendContext(locktime=locktime, sequence=sequence)
    try:
        parsed.satisfy(signatures, 0, spend=context)
    except BTClibException:
        return False
    return True


@pytest.mark.parametrize(("locktime", "sequence"), TIMES)
def test_all_the_holders_together_move_nothing_without_the_gate(
    locktime: int, sequence: int
) -> None:
    assert not spends(set(HOLDERS), locktime=locktime, sequence=sequence)
    for two in combinations(HOLDERS, 2):
        assert spends({GATE, *two}, locktime=locktime, sequence=sequence)
    for one in HOLDERS:
        assert not spends({GATE, one}, locktime=locktime, sequence=sequence)


def test_in_time_the_recovery_needs_no_gate_and_all_of_its_keys() -> None:
    ripe = TERMS.recovery_blocks
    assert spends(set(HOLDERS), locktime=0, sequence=ripe)
    for two in combinations(HOLDERS, 2):
        assert not spends(set(two), locktime=0, sequence=ripe)
    assert not spends({GATE}, locktime=0, sequence=ripe)


KEYS = [key_expression(f"holder {number}") for number in range(7)]


@settings(max_examples=25, deadline=None)
@given(
    data=st.data(),
    holders=st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique=True),
    recovery=st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique=True),
    blocks=st.integers(RECOVERY_BLOCKS_MIN, RECOVERY_BLOCKS_MAX),
)
def test_what_was_written_is_read(
    data: st.DataObject, holders: list[str], recovery: list[str], blocks: int
) -> None:
    terms = Enforced(
        gate_key=GATE,
        threshold=data.draw(st.integers(1, len(holders))),
        holders=tuple(holders),
        recovery_threshold=data.draw(st.integers(1, len(recovery))),
        recovery=tuple(recovery),
        recovery_blocks=blocks,
    )
    assert read_enforced(enforced_descriptor(terms, MAIN), MAIN, "d") == terms


def text(
    gate: str = f"{GATE}{MULTIPATH}",
    together: str = f"multi(2,{ALPHA}{MULTIPATH},{BETA}{MULTIPATH})",
    later: str = f"multi(2,{ALPHA}/<2;3>/*,{BETA}/<2;3>/*)",
    blocks: int = 4320,
) -> str:
    return f"wsh(andor(pk({gate}),{together},and_v(v:{later},older({blocks}))))"


OTHERS = {
    "no gate": f"wsh(sortedmulti(2,{ALPHA}{MULTIPATH},{BETA}{MULTIPATH}))",
    "the gate is one of several": DESCRIPTORS["wsh_sortedmulti"],
    "the gate or the others": (
        f"wsh(or_d(pk({GATE}{MULTIPATH}),and_v(v:pk({ALPHA}{MULTIPATH}),older(4320))))"
    ),
    "recovery in a day": text(blocks=144),
    "recovery a block too soon": text(blocks=RECOVERY_BLOCKS_MIN - 1),
    "recovery in seconds": text(blocks=1 << 22 | 1008),
    "recovery beyond what a sequence holds": text(blocks=0x1_0001),
    "the gate also recovers": text(
        later=f"multi(2,{ALPHA}/<2;3>/*,{GATE}/<2;3>/*)",
    ),
    "the gate is a holder": text(together=f"multi(1,{GATE}/<4;5>/*,{BETA}{MULTIPATH})"),
    "a holder counts twice": text(together=f"multi(2,{ALPHA}{MULTIPATH},{ALPHA}/<4;5>/*)"),
    "a recovery key counts twice": text(later=f"multi(2,{ALPHA}/<2;3>/*,{ALPHA}/<4;5>/*)"),
    "one holder without multi": text(together=f"pk({ALPHA}{MULTIPATH})"),
    "a third way": (
        f"wsh(or_i(pk({DELTA}{MULTIPATH}),andor(pk({GATE}{MULTIPATH}),pk({ALPHA}{MULTIPATH}),"
        f"and_v(v:pk({ALPHA}/<2;3>/*),older(4320)))))"
    ),
    "other branches": text().replace("<0;1>", "<7;9>"),
    "branches the other way round": text().replace("<2;3>", "<3;2>"),
    "a deeper gate": text(gate=f"{GATE}/5/<0;1>/*"),
    "a fixed gate": text(gate=fixed_key("gate")),
    "a gate of nobody's": text(gate=NUMS_KEY),
    "nested": f"sh({text()})",
    "the gate's key only later": (
        f"wsh(andor(pk({ALPHA}{MULTIPATH}),multi(1,{BETA}{MULTIPATH}),"
        f"and_v(v:multi(1,{GATE}{MULTIPATH}),after(4320))))"
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_script_may_say_enforced(name: str) -> None:
    try:
        spelled = check_descriptor(OTHERS[name], MAIN, "descriptor")
    except BadInputError:
        return  # not even a descriptor of ours
    with pytest.raises(BadInputError):
        read_enforced(spelled, MAIN, "descriptor")
    lying = wallet_document(wallet_of(spelled, level=Level.ENFORCED))
    with pytest.raises(BadInputError, match=r"wallet\.descriptor"):
        read_wallet(lying, "wallet")
    read_wallet(wallet_document(wallet_of(spelled, level=Level.ADVISORY)), "wallet")


def test_the_honest_one_differs_from_those_in_nothing_else() -> None:
    spelled = check_descriptor(text(), MAIN, "descriptor")
    assert read_enforced(spelled, MAIN, "descriptor").recovery_blocks == 4320
    for level in Level:
        wallet = wallet_of(spelled, level=level)
        assert read_wallet(wallet_document(wallet), "wallet") == wallet


@pytest.mark.parametrize(
    ("threshold", "recovery_threshold"), [(0, 1), (4, 1), (1, 0), (1, 4), (-1, 1)]
)
def test_no_script_asks_for_more_signatures_than_there_are_keys(
    threshold: int, recovery_threshold: int
) -> None:
    terms = Enforced(
        gate_key=GATE,
        threshold=threshold,
        holders=HOLDERS,
        recovery_threshold=recovery_threshold,
        recovery=HOLDERS,
        recovery_blocks=4320,
    )
    with pytest.raises(BadInputError):
        enforced_descriptor(terms, MAIN)


def test_people_are_told_when_the_gate_can_be_gone_around() -> None:
    now, later = level_words(WALLET)
    gate = GATE[1:9]
    assert now == f"The gate's key {gate} and 2 of 3 holders sign together."
    assert "4,320 blocks (about 30 days), 3 of 3 recovery keys move it without." in later
    (advisory,) = level_words(wallet_of(enforced("alpha", ["beta"]), level=Level.ADVISORY))
    assert re.search("can be gone around", advisory)


@pytest.mark.parametrize(
    ("version", "sequence", "opens"),
    [
        (2, TERMS.recovery_blocks, True),
        (2, TERMS.recovery_blocks - 1, False),
        (2, 0xFFFF, True),
        (2, 0x003F_FFFF, True),  # bits that BIP-68 does not look at
        (2, 1 << 22 | 0xFFFF, False),  # seconds
        (2, 0xFFFF_FFFD, False),
        (2, 1 << 31 | 0xFFFF, False),
        (1, 0xFFFF, False),
        (-1, 0xFFFF, True),
        (3, 0xFFFF, True),
    ],
)
def test_which_sequences_open_the_recovery(version: int, sequence: int, *, opens: bool) -> None:
    assert opens_recovery(TERMS, version=version, sequence=sequence) is opens
