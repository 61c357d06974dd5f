"""Addresses: every published one both ways, every published mistake refused, and by name."""

from typing import Any

import pytest
from bitcoin_vectors import block_bytes, json_of
from btclib.script.script_pub_key import ScriptPubKey
from embit.networks import NETWORKS as EMBIT_NETWORKS
from embit.script import Script as EmbitScript
from embit.script import address_to_scriptpubkey
from hypothesis import assume, given
from hypothesis import strategies as st

from sekisho.chains.bitcoin.addresses import (
    _BECH32_VALUES,
    _BECH32M_CHECK,
    _expanded,
    _polymod,
    address_of,
    decode_base58,
    decode_base58check,
    encode_base58,
    encode_base58check,
    script_of,
)
from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import ScriptKind, classify
from sekisho.kernel.errors import BadInputError

CHAINS = {
    "main": Network.MAIN,
    "test": Network.TEST,
    "signet": Network.SIGNET,
    "regtest": Network.REGTEST,
}
BTCLIB_NAMES = {
    Network.MAIN: "mainnet",
    Network.TEST: "testnet",
    Network.TESTNET4: "testnet4",
    Network.SIGNET: "signet",
    Network.REGTEST: "regtest",
}
BIP350 = json_of("bips/bip-0350.json")
VALID_KEY_IO = [
    row for row in json_of("bitcoin-core/key_io_valid.json") if not row[2]["isPrivkey"]
]
PRIVATE_KEYS = [row for row in json_of("bitcoin-core/key_io_valid.json") if row[2]["isPrivkey"]]

networks = st.sampled_from(list(Network))


def with_address() -> st.SearchStrategy[bytes]:
    def filled(size: int, head: bytes, tail: bytes = b"") -> st.SearchStrategy[bytes]:
        return st.binary(min_size=size, max_size=size).map(lambda data: head + data + tail)

    unknown = st.tuples(st.integers(2, 16), st.binary(min_size=2, max_size=40)).map(
        lambda pair: bytes((0x50 + pair[0], len(pair[1]))) + pair[1]
    )
    return st.one_of(
        filled(20, b"\x76\xa9\x14", b"\x88\xac"),
        filled(20, b"\xa9\x14", b"\x87"),
        filled(20, b"\x00\x14"),
        filled(32, b"\x00\x20"),
        filled(32, b"\x51\x20"),
        unknown,
    )


@pytest.mark.parametrize("row", VALID_KEY_IO, ids=lambda row: row[0])
def test_cores_addresses_are_read_and_written(row: list[Any]) -> None:
    address, script, facts = row[0], bytes.fromhex(row[1]), row[2]
    network = CHAINS[facts["chain"]]
    assert script_of(address, network, "x") == script
    assert address_of(script, network) == address
    flipped = address.swapcase()
    if facts.get("tryCaseFlip"):
        assert script_of(flipped, network, "x") == script
    else:
        with pytest.raises(BadInputError):
            script_of(flipped, network, "x")


@pytest.mark.parametrize("row", PRIVATE_KEYS, ids=lambda row: row[2]["chain"])
def test_a_private_key_is_no_address(row: list[Any]) -> None:
    for network in Network:
        with pytest.raises(BadInputError):
            script_of(row[0], network, "x")


@pytest.mark.parametrize(
    "row", json_of("bitcoin-core/key_io_invalid.json"), ids=lambda row: row[0]
)
def test_what_core_refuses_is_refused(row: list[str]) -> None:
    for network in Network:
        with pytest.raises(BadInputError, match=r"^payment\.address: "):
            script_of(row[0], network, "payment.address")


@pytest.mark.parametrize("case", BIP350["valid_addresses"], ids=lambda case: case["address"])
def test_the_addresses_of_bip_350(case: dict[str, str]) -> None:
    network = Network.MAIN if case["address"].lower().startswith("bc") else Network.TEST
    script = bytes.fromhex(case["script"])
    assert script_of(case["address"], network, "x") == script
    assert address_of(script, network) == case["address"].lower()


@pytest.mark.parametrize("case", BIP350["invalid_addresses"], ids=lambda case: case["comment"])
def test_the_mistaken_addresses_of_bip_350(case: dict[str, str]) -> None:
    for network in Network:
        with pytest.raises(BadInputError):
            script_of(case["address"], network, "x")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "checksum"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "checksum"),
        ("bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "'o' in"),
        ("BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", "version 17"),
        ("bc1pw5dgrnzv", "1 bytes"),
        ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "16 bytes"),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", "padded"),
        ("bc1gmk9yu", "too short"),
        ("bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "mixes capital"),
        ("1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7Q", "the checksum .* is mistyped"),
        ("1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw70", "'0' in .* is not a base58 character"),
        ("2g", "checksum"),
        ("3QJmnh", "not the size of an address"),
        ("LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9", "not an address of any Bitcoin network"),
        ("", "checksum"),
        (" 1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P", "' ' in"),
        ("1B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P\n", "not a Bitcoin address"),
        ("１B6rJRfjTXwEy36SCs5zofGMmdv2kdZw7P", "not a Bitcoin address"),
        ("1" * 91, "not a Bitcoin address"),
    ],
)
def test_a_refusal_says_what_is_wrong(address: str, sentence: str) -> None:
    with pytest.raises(BadInputError, match=rf"^payment\.address: .*{sentence}"):
        script_of(address, Network.MAIN, "payment.address")


@pytest.mark.parametrize(
    ("address", "network", "sentence"),
    [
        (
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            Network.MAIN,
            "is an address for testnet3 or testnet4 or signet, not for mainnet",
        ),
        (
            "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
            Network.MAIN,
            "is an address for regtest, not for mainnet",
        ),
        (
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            Network.REGTEST,
            "is an address for mainnet, not for regtest",
        ),
        (
            "mhJuoGLgnJC8gdBgBzEigsoyG4omQXejPT",
            Network.MAIN,
            "is an address for testnet3 or testnet4 or signet or regtest, not for mainnet",
        ),
        (
            "3P8MfdM4pULv7ozdQvfwAqNF29zAjmnUYD",
            Network.SIGNET,
            "is an address for mainnet, not for signet",
        ),
    ],
)
def test_the_wrong_network_is_named(address: str, network: Network, sentence: str) -> None:
    with pytest.raises(BadInputError, match=sentence):
        script_of(address, network, "x")


@given(with_address(), networks)
def test_an_address_is_read_back_as_written(script: bytes, network: Network) -> None:
    address = address_of(script, network)
    assert address is not None
    assert script_of(address, network, "x") == script


@given(with_address(), networks)
def test_two_other_libraries_write_the_same_address(script: bytes, network: Network) -> None:
    ours = address_of(script, network)
    assert ours == ScriptPubKey(script, BTCLIB_NAMES[network]).address
    if classify(script) is ScriptKind.WITNESS_UNKNOWN or network is Network.TESTNET4:
        return  # embit writes no address for these
    embit_name = next(name for name, each in CHAINS.items() if each is network)
    assert EmbitScript(script).address(EMBIT_NETWORKS[embit_name]) == ours
    assert address_to_scriptpubkey(ours).data == script


@given(st.binary(max_size=45), networks)
def test_any_bytes_have_the_address_that_another_library_gives(
    script: bytes, network: Network
) -> None:
    assert (address_of(script, network) or "") == ScriptPubKey(
        script, BTCLIB_NAMES[network], check_validity=False
    ).address


@pytest.mark.parametrize("height", [227836, 758300])
def test_another_library_writes_the_same_addresses_for_real_blocks(height: int) -> None:
    for transaction in parse_block(block_bytes(height), "b").transactions:
        for output in transaction.outputs:
            if classify(output.script) is ScriptKind.P2PK:
                assert address_of(output.script, Network.MAIN) is None
                continue
            theirs = ScriptPubKey(output.script, "mainnet", check_validity=False).address
            assert (address_of(output.script, Network.MAIN) or "") == theirs


@given(with_address(), networks, st.data())
def test_no_single_mistyped_character_is_accepted(
    script: bytes, network: Network, data: st.DataObject
) -> None:
    address = address_of(script, network)
    assert address is not None
    at = data.draw(st.integers(0, len(address) - 1))
    letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0l"
    letter = data.draw(st.sampled_from(letters))
    assume(letter.lower() != address[at].lower())
    with pytest.raises(BadInputError):
        script_of(address[:at] + letter + address[at + 1 :], network, "x")


@given(st.text(max_size=100), networks)
def test_any_text_is_refused_or_read(text: str, network: Network) -> None:
    try:
        script = script_of(text, network, "x")
    except BadInputError:
        return
    assert address_of(script, network) in {text, text.lower()}


def test_a_script_without_an_address_has_none() -> None:
    key = "02" + "11" * 32
    for script in (f"21{key}ac", f"5121{key}51ae", "6a00", "0010" + "00" * 16, "", "51"):
        assert address_of(bytes.fromhex(script), Network.MAIN) is None


def test_pay_to_anchor_has_its_published_address() -> None:
    anchor = bytes.fromhex("51024e73")
    assert address_of(anchor, Network.MAIN) == "bc1pfeessrawgf"
    assert address_of(anchor, Network.REGTEST) == "bcrt1pfeesnyr2tx"
    assert script_of("bc1pfeessrawgf", Network.MAIN, "x") == anchor


@pytest.mark.parametrize("row", json_of("bitcoin-core/base58_encode_decode.json"))
def test_cores_base58(row: list[str]) -> None:
    assert encode_base58(bytes.fromhex(row[0])) == row[1]
    assert decode_base58(row[1], "x").hex() == row[0]


def test_base58_has_an_end() -> None:
    with pytest.raises(BadInputError, match="too long"):
        decode_base58("2" * 513, "x")


@given(st.binary(max_size=60))
def test_base58check_is_read_back_as_written(payload: bytes) -> None:
    assert decode_base58check(encode_base58check(payload), "x") == payload
    assert decode_base58(encode_base58(payload), "x") == payload


@pytest.mark.parametrize("text", BIP350["valid_bech32m"])
def test_the_bech32m_checksums_of_bip_350(text: str) -> None:
    hrp, _, rest = text.lower().rpartition("1")
    values = [_BECH32_VALUES[character] for character in rest]
    assert _polymod(_expanded(hrp) + values) == _BECH32M_CHECK


@pytest.mark.parametrize("case", BIP350["invalid_bech32m"], ids=lambda case: case["comment"])
def test_what_is_not_bech32m_is_no_address(case: dict[str, str]) -> None:
    for network in Network:
        with pytest.raises(BadInputError):
            script_of(case["text"], network, "x")
