"""Look-alike addresses: the pair that fooled an exchange, and the many that merely exist."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.addresses import address_of, encode_base58check
from sekisho.chains.bitcoin.networks import Network
from sekisho.wallets.resemble import _BASE58, _base58_prefix_bits, closest, resemblance

USUAL = "1B6rJ6ZKfZmkqMyBGe5KR27oWkEbQdNM7P"
THIEF = "1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P"
REAL = (Path(__file__).parents[1] / "vectors/wallets/addresses.txt").read_text().split()
HASHES = st.binary(min_size=20, max_size=20)
PREFIX_BYTES = {"1": 0, "3": 5, "m": 111, "n": 111, "2": 196}


def first_4_last_4(address: str, known: str) -> bool:
    """The published rule: what a screen shows of both is the same."""
    return address[:4] == known[:4] and address[-4:] == known[-4:]


def p2pkh(hashed: bytes, version: int = 0) -> str:
    return encode_base58check(bytes((version,)) + hashed)


def segwit(program: bytes, network: Network = Network.MAIN) -> str:
    version = b"\x00" if len(program) == 20 else b"\x51"
    address = address_of(version + bytes((len(program),)) + program, network)
    assert address is not None
    return address


def test_the_pair_that_the_published_rule_misses_alarms() -> None:
    assert not first_4_last_4(THIEF, USUAL)
    found = closest(THIEF, [*REAL, USUAL])
    assert found is not None
    assert (found.resembles, found.prefix_characters, found.suffix_characters) == (USUAL, 5, 2)
    assert found.alarming
    assert 29 <= found.bits <= 35.2, "five informative characters, at most six"
    assert resemblance(USUAL, THIEF).bits == found.bits


def test_an_address_is_not_its_own_look_alike() -> None:
    assert resemblance(USUAL, USUAL).bits == 0
    assert closest(USUAL, [USUAL]) is None
    assert closest(USUAL, []) is None


def test_real_addresses_do_not_alarm_each_other() -> None:
    random = Random(20240531)  # noqa: S311 - the same pairs again, not secrets
    at_random = [tuple(random.sample(REAL, 2)) for _ in range(20_000)]
    alike_in_front = list(pairwise(sorted(REAL)))
    alike_behind = list(pairwise(sorted(REAL, key=lambda each: each[::-1])))
    for one, other in [*at_random, *alike_in_front, *alike_behind]:
        assert not resemblance(one, other).alarming, (one, other)


def test_every_real_address_alarms_beside_one_made_to_be_confused_with_it() -> None:
    for address in REAL:
        forged = address[:7] + ("1" if address[7] != "1" else "2") + address[8:]
        assert resemblance(forged, address).alarming
        middle = len(address) // 2
        flipped = "q" if address[middle] != "q" else "p"
        assert resemblance(address[:middle] + flipped + address[middle + 1 :], address).alarming


KINDS = {
    "p2pkh": USUAL,
    "p2sh": "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD",
    "p2wpkh": "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
    "p2tr": "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
    "testnet p2pkh": "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
    "testnet p2sh": "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2",
    "testnet p2wpkh": "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
    "regtest": segwit(bytes(20), Network.REGTEST),
    "none of ours": "0x1Db92e2EeBC8E0c075a02BeA49a2935BcD2dFCF4",
    "a script": "script 6a",
    "nothing": "",
}


@pytest.mark.parametrize("one", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_addresses_of_different_kinds_share_nothing(one: str, other: str) -> None:
    bits = resemblance(KINDS[one], KINDS[other]).bits
    if one != other:
        assert bits == 0


@given(HASHES, HASHES)
def test_bech32_characters_are_worth_five_bits_each(one: bytes, other: bytes) -> None:
    first, second = segwit(one), segwit(other)
    found = resemblance(first, second)
    prefix = next((i for i in range(42) if first[i] != second[i]), 42)
    suffix = next((i for i in range(42) if first[41 - i] != second[41 - i]), 42)
    if first != second:
        assert found.bits == 5 * (prefix - len("bc1q") + suffix)
        assert (found.prefix_characters, found.suffix_characters) == (prefix, suffix)


def test_six_bech32_characters_alarm_and_five_do_not() -> None:
    body = "cr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
    known = f"bc1q{body}"
    for front in range(7):
        behind = 6 - front
        alike = f"bc1q{body[:front]}{'l' * (len(body) - 6)}{body[len(body) - behind :]}"
        assert resemblance(alike, known).bits == 30
        assert resemblance(alike, known).alarming
    assert not resemblance(f"bc1q{'l' * 33}06fyu", known).alarming


@given(HASHES, HASHES)
def test_who_is_compared_with_whom_does_not_matter(one: bytes, other: bytes) -> None:
    there, back = resemblance(p2pkh(one), p2pkh(other)), resemblance(p2pkh(other), p2pkh(one))
    assert there.bits == back.bits
    assert there.bits >= 0


# The bits of a base58 prefix ---------------------------------------------------------------------


@pytest.mark.parametrize("version", sorted(set(PREFIX_BYTES.values())))
def test_bits_are_the_share_of_random_addresses_with_the_prefix(version: int) -> None:
    random = Random(version)  # noqa: S311 - the same addresses again, not secrets
    count = 30_000
    addresses = [p2pkh(random.randbytes(20), version) for _ in range(count)]
    tested = 0
    for length in (1, 2, 3):
        for prefix, seen in Counter(address[:length] for address in addresses).items():
            expected = count / 2 ** _base58_prefix_bits(prefix)
            if expected >= 10:
                tested += 1
                # Six standard deviations of a Poisson count.
                assert abs(seen - expected) <= 6 * expected**0.5, prefix
    assert tested > 25


@pytest.mark.parametrize("start", ["1", "3", "2", "11", "111", "1B", "1Q", "1z", "2N", "3P8"])
def test_the_chances_of_all_continuations_add_up_to_the_chance_of_the_prefix(start: str) -> None:
    whole = 2.0 ** -_base58_prefix_bits(start)
    parts = sum(2.0 ** -_base58_prefix_bits(start + digit) for digit in _BASE58)
    assert abs(parts / whole - 1) < 1e-9
