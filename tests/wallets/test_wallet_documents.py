"""The wallet's document: one way to write it, and the place of whatever is wrong."""

from typing import Any

import pytest
from bitcoin_vectors import dmm_outflow
from world_coins import DESCRIPTORS, wallet_of

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.digest import document_digest
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.documents import (
    GAP_LIMIT_MAX,
    check_id,
    read_wallet,
    wallet_digest,
    wallet_document,
)
from sekisho.wallets.records import Wallet

WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])


def document(**changes: Json) -> dict[str, Json]:
    written = wallet_document(WALLET)
    assert isinstance(written, dict)
    return written | changes


def read(changed: Json) -> Wallet:
    """Read what a document says after it went through the bytes of a journal."""
    return read_wallet(parse_json(canonical_bytes(changed), "wallet"), "wallet")


@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_a_wallet_is_read_back_as_it_was_written(kind: str) -> None:
    wallet = wallet_of(DESCRIPTORS[kind], departments=("operations", "finance"))
    assert read(wallet_document(wallet)) == wallet


def test_a_wallet_names_its_proofs_by_their_digest() -> None:
    named = wallet_of(DESCRIPTORS["wpkh"], proof="ab" * 32)
    assert read(wallet_document(named)) == named
    assert wallet_digest(named) != wallet_digest(wallet_of(DESCRIPTORS["wpkh"]))


def test_the_digest_is_of_these_bytes_and_of_every_field() -> None:
    assert wallet_digest(WALLET) == document_digest("wallet", document())
    digests = {wallet_digest(WALLET)}
    for changed in (
        wallet_of(DESCRIPTORS["tr"]),
        wallet_of(WALLET.descriptor, wallet_id="cold-2"),
        wallet_of(WALLET.descriptor, name="another"),
        wallet_of(WALLET.descriptor, gap_limit=6),
        wallet_of(WALLET.descriptor, departments=("operations", "finance")),
        wallet_of(WALLET.descriptor, departments=("finance", "operations")),
    ):
        digests.add(wallet_digest(changed))
    assert len(digests) == 7


WRONG: list[tuple[str, Any]] = [
    ("format", "sekisho/wallet/v2"),
    ("format", None),
    ("wallet_id", ""),
    ("wallet_id", "Cold-1"),
    ("wallet_id", "-cold"),
    ("wallet_id", "cold 1"),
    ("wallet_id", "cold/1"),
    ("wallet_id", "c\u043eld-1"),
    ("wallet_id", "cold-1\n"),
    ("wallet_id", "c" * 65),
    ("wallet_id", 1),
    ("name", ""),
    ("name", "Cold\u202e1"),
    ("name", "a\u0000b"),
    ("name", "\u200b"),
    ("name", "x" * 4097),
    ("chain", "bip122:000000000019d6689c085ae165831e94"),
    ("chain", "BIP122:000000000019d6689c085ae165831e93"),
    ("chain", "eip155:1"),
    ("chain", Network.TEST.caip2),
    ("asset", "btc"),
    ("asset", "BCH"),
    ("descriptor", ""),
    ("descriptor", WALLET.descriptor.partition("#")[0]),
    ("descriptor", WALLET.descriptor + "q"),
    ("descriptor", WALLET.descriptor.replace("h", "'").partition("#")[0]),
    ("descriptor", dmm_outflow().txid),
    ("descriptor", []),
    ("tier", "lukewarm"),
    ("tier", "Cold"),
    ("departments", []),
    ("departments", "operations"),
    ("departments", ["operations", "operations"]),
    ("departments", ["Operations"]),
    ("departments", [1]),
    ("segregation", "both"),
    ("change_rule", "any"),
    ("gap_limit", 0),
    ("gap_limit", GAP_LIMIT_MAX + 1),
    ("gap_limit", True),
    ("gap_limit", "5"),
    ("level", "optional"),
    ("proof", ""),
    ("proof", "proven"),
    ("proof", "ab" * 31),
    ("proof", "AB" * 32),
    ("proof", "ab" * 32 + "\n"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_each_wrong_field_is_named(name: str, value: Json) -> None:
    with pytest.raises(BadInputError) as refusal:
        read(document(**{name: value}))
    place = refusal.value.where
    if name == "chain" and value == Network.TEST.caip2:
        assert place == "wallet.descriptor"  # the chain is one, the keys are of another
    else:
        assert place.split("[")[0] == f"wallet.{name}"


@pytest.mark.parametrize("name", sorted(document()))
def test_each_missing_field_is_named(name: str) -> None:
    left = document()
    del left[name]
    with pytest.raises(BadInputError) as refusal:
        read(left)
    assert refusal.value.where == f"wallet.{name}"


@pytest.mark.parametrize("name", ["note", "Proof", "", "wallet_id "])
def test_an_unknown_field_means_no(name: str) -> None:
    with pytest.raises(BadInputError, match="is not a known field"):
        read(document(**{name: "x"}))


@pytest.mark.parametrize("value", [None, [], "wallet", 7, True])
def test_what_is_no_object_is_refused(value: Json) -> None:
    with pytest.raises(BadInputError, match="wallet: is not an object"):
        read_wallet(value, "wallet")


def test_ids_are_what_people_can_say_and_files_can_bear() -> None:
    for good in ("a", "7", "cold-1", "cold_wallet.2024", "0" * 64):
        assert check_id(good, "id") == good
    for bad in ("", ".", "..", "_a", "a/b", "A", "é", "ａ", "a" * 65, "a\n", "а"):
        with pytest.raises(BadInputError, match="is not an id"):
            check_id(bad, "id")
