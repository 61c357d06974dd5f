"""Whom we pay without looking again: no line of the list can pretend to be another."""

from dataclasses import replace
from typing import Any

import pytest
from document_paths import changed, paths_of, without
from hypothesis import given
from hypothesis import strategies as st
from wallet_keys import GENESIS, NONCE, signed
from world_coins import DESCRIPTORS, bytes_of, stranger, wallet_of

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.allow_list import (
    AllowedDestination,
    AllowList,
    ControlProof,
    allow_list_bytes,
    allow_list_digest,
    check_allow_list,
    control_message,
    read_allow_list,
)
from sekisho.wallets.proof import wallet_keys
from sekisho.wallets.signed_messages import MessageForm, key_address

WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
ALPHA, BETA, GAMMA = wallet_keys(WALLET)


def destination(
    address: str,
    label: str,
    **changes: Any,  # noqa: ANN401 - the fields of AllowedDestination, each of its type
) -> AllowedDestination:
    usual = AllowedDestination(
        address=address,
        script=script_of(address, Network.MAIN, "address"),
        label=label,
        owner="株式会社サンプル",
        note="2026-03-31 電話で確認済み",
        proof=None,
    )
    return replace(usual, **changes)


def of(*destinations: AllowedDestination) -> AllowList:
    return AllowList(chain=Network.MAIN.caip2, destinations=destinations)


LIST = of(destination(stranger(1), "取引所A 出金口"), destination(stranger(2), "Market maker B"))
DOCUMENT: Json = parse_json(allow_list_bytes(LIST), "allow_list")
FIRST = ("destinations", 0)


def read(allowed: AllowList) -> AllowList:
    return read_allow_list(allow_list_bytes(allowed), "allow_list")


@given(numbers=st.lists(st.integers(0, 50), max_size=5, unique=True))
def test_a_list_is_read_back_as_it_was_written(numbers: list[int]) -> None:
    allowed = of(*(destination(stranger(n), f"Exchange {chr(65 + n)}") for n in numbers if n < 26))
    assert read(allowed) == allowed


def test_the_digest_is_of_these_bytes() -> None:
    document = allow_list_bytes(LIST)
    assert allow_list_digest(document) == tagged_digest("allow-list", document).hex()


def control(form: MessageForm, *, nonce: bytes = NONCE, genesis: str = GENESIS) -> ControlProof:
    address = key_address(ALPHA.public_key, form, Network.MAIN)
    message = control_message(address, nonce, genesis)
    return ControlProof(nonce=nonce, signature=signed(WALLET, ALPHA, message, form))


@pytest.mark.parametrize("form", MessageForm)
def test_an_owner_shows_control_of_their_address(form: MessageForm) -> None:
    address = key_address(ALPHA.public_key, form, Network.MAIN)
    allowed = of(destination(address, "Alpha", proof=control(form)))
    assert read(allowed) == allowed
    assert check_allow_list(allowed, genesis_digest=GENESIS) == []


def test_no_other_signature_shows_control() -> None:
    form = MessageForm.P2WPKH
    alphas, betas = (key_address(key.public_key, form, Network.MAIN) for key in (ALPHA, BETA))
    rehearsal = bytes_of("rehearsal").hex()
    good = control(form)
    for address, proof in (
        (betas, good),  # another's address under a good signature
        (alphas, control(form, genesis=rehearsal)),
        (alphas, replace(good, nonce=bytes_of("another"))),
        (alphas, ControlProof(nonce=NONCE, signature="smpAA==")),
        (stranger(), good),
    ):
        allowed = of(destination(address, "Alpha", proof=proof))
        (found,) = check_allow_list(allowed, genesis_digest=GENESIS)
        assert (found.code, found.subject) == ("wallets.control_not_proven", address)
    unproven = of(destination(alphas, "Alpha"))
    assert check_allow_list(unproven, genesis_digest=GENESIS) == []


def twice(label: str) -> AllowList:
    return of(destination(stranger(1), "Bitbank"), destination(stranger(2), label))


@pytest.mark.parametrize(
    "label", ["Bitbank", "bitbank", "Bitb\u0101nk", "B1tbank", "Bit bank", "BITBANK", "Bit-bank"]
)
def test_two_labels_that_look_alike_are_refused(label: str) -> None:
    with pytest.raises(BadInputError, match=r"look alike|one label"):
        read(twice(label))


@pytest.mark.parametrize(
    "label",
    [
        "Bitb\u0430nk",
        "Bitbank\u200b",
        "\u202eknabtiB",
        "Bitbank ",
        "Ｂｉｔｂａｎｋ２",
        "Bitbank ☎",
    ],
)
def test_a_label_that_deceives_is_refused(label: str) -> None:
    with pytest.raises(BadInputError) as refusal:
        read(twice(label))
    assert refusal.value.where == "allow_list.destinations[1].label"


def test_a_script_stands_once() -> None:
    with pytest.raises(BadInputError, match="lists a script twice"):
        read(of(destination(stranger(1), "One"), destination(stranger(1), "Another")))


def test_an_empty_list_allows_nothing_and_is_a_list() -> None:
    assert read(of()) == of()


def test_an_address_of_another_network_is_refused() -> None:
    regtest = stranger(1, Network.REGTEST)
    script = script_of(regtest, Network.REGTEST, "address")
    with pytest.raises(BadInputError, match="is not the address of the script"):
        read(of(replace(LIST.destinations[0], address=regtest, script=script)))


WRONG: list[tuple[tuple[str | int, ...], Json]] = [
    (("format",), "sekisho/allow-list/v2"),
    (("chain",), "eip155:1"),
    (("destinations",), {}),
    ((*FIRST, "address"), stranger(2)),
    ((*FIRST, "address"), stranger(1).upper()),
    ((*FIRST, "address"), ""),
    ((*FIRST, "script"), ""),
    ((*FIRST, "label"), ""),
    ((*FIRST, "owner"), "Аcme"),
    ((*FIRST, "note"), "see\u2028below"),
    ((*FIRST, "note"), None),
    ((*FIRST, "proof"), {}),
    ((*FIRST, "proof"), ""),
    ((*FIRST, "proof"), {"nonce": "ab", "signature": "x"}),
    ((*FIRST, "proof"), {"nonce": "ab" * 32, "signature": "x" * 2049}),
    ((*FIRST, "proof"), {"nonce": "ab" * 32, "signature": "x", "more": 1}),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_each_wrong_field_is_named(path: tuple[str | int, ...], value: Json) -> None:
    with pytest.raises(BadInputError) as refusal:
        read_allow_list(canonical_bytes(changed(DOCUMENT, path, value)), "allow_list")
    assert refusal.value.where.startswith("allow_list.")
    if path[-1] != "script":  # named as the address that it has no longer
        assert str(path[-1]) in refusal.value.where


@pytest.mark.parametrize("path", paths_of(DOCUMENT), ids=str)
def test_each_missing_and_each_unknown_field_means_no(path: tuple[str | int, ...]) -> None:
    with pytest.raises(BadInputError, match="is missing"):
        read_allow_list(canonical_bytes(without(DOCUMENT, path)), "allow_list")
    unknown = changed(DOCUMENT, (*path[:-1], "until"), "x")
    with pytest.raises(BadInputError, match="is not a known field"):
        read_allow_list(canonical_bytes(unknown), "allow_list")
