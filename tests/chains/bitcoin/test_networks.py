"""Networks: their constants are those that others publish, and a chain id names exactly one."""

import pytest
from bitcoin_vectors import block_bytes
from btclib.network import NETWORKS
from embit.networks import NETWORKS as EMBIT_NETWORKS

from sekisho.chains.bitcoin.blocks import parse_block
from sekisho.chains.bitcoin.networks import Network, network_of_caip2
from sekisho.kernel.errors import BadInputError

BTCLIB_NAMES = {
    Network.MAIN: "mainnet",
    Network.TEST: "testnet",
    Network.TESTNET4: "testnet4",
    Network.SIGNET: "signet",
    Network.REGTEST: "regtest",
}
EMBIT_NAMES = {
    Network.MAIN: "main",
    Network.TEST: "test",
    Network.SIGNET: "signet",
    Network.REGTEST: "regtest",
}


@pytest.mark.parametrize("network", Network)
def test_the_constants_are_those_of_another_library(network: Network) -> None:
    theirs = NETWORKS[BTCLIB_NAMES[network]]
    assert theirs.genesis_block.hex() == network.genesis_hash
    assert theirs.p2pkh == bytes((network.p2pkh_prefix,))
    assert theirs.p2sh == bytes((network.p2sh_prefix,))
    assert theirs.hrp == network.bech32_hrp
    if network in EMBIT_NAMES:
        embits = EMBIT_NETWORKS[EMBIT_NAMES[network]]
        assert embits["bech32"] == network.bech32_hrp
        assert embits["p2pkh"] == bytes((network.p2pkh_prefix,))


def test_the_magic_is_that_of_bitcoin_core() -> None:
    # kernel/chainparams.cpp, pchMessageStart; signet's is derived from its challenge (BIP-325)
    assert {network: network.magic.hex() for network in Network} == {
        Network.MAIN: "f9beb4d9",
        Network.TEST: "0b110907",
        Network.TESTNET4: "1c163f28",
        Network.SIGNET: "0a03cf40",
        Network.REGTEST: "fabfb5da",
    }


def test_a_chain_id_is_the_start_of_the_first_blocks_hash() -> None:
    genesis = parse_block(block_bytes(0), "genesis").header.hash
    assert Network.MAIN.caip2 == f"bip122:{genesis[:32]}"
    assert Network.MAIN.caip2 == "bip122:000000000019d6689c085ae165831e93"  # CAIP-4's example


@pytest.mark.parametrize("network", Network)
def test_a_chain_id_is_read_back(network: Network) -> None:
    assert network_of_caip2(network.caip2, "pass.chain") is network


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bip122:",
        "bip122:000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        "BIP122:000000000019d6689c085ae165831e93",
        "bip122:000000000019D6689C085AE165831E93",
        "bip122:12a765e31ffd4059bada1e25190f6e98",  # Litecoin
        "eip155:1",
    ],
)
def test_any_other_chain_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match=r"pass\.chain: .* is not a Bitcoin network"):
        network_of_caip2(text, "pass.chain")


def test_networks_are_told_apart() -> None:
    assert len({network.caip2 for network in Network}) == len(Network)
    assert len({network.magic for network in Network}) == len(Network)
    assert str(Network.MAIN) == "mainnet"
