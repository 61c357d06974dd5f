"""The Bitcoin networks: what tells one from another on the wire and in an address."""

from dataclasses import dataclass
from enum import Enum

from sekisho.kernel.errors import BadInputError

_CAIP2_NAMESPACE = "bip122:"
_CAIP2_REFERENCE_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Constants:
    name: str
    genesis_hash: str
    magic: bytes
    p2pkh_prefix: int
    p2sh_prefix: int
    bech32_hrp: str


class Network(Enum):
    """One Bitcoin network. There is no default: whoever reads an address says for which."""

    MAIN = _Constants(
        name="mainnet",
        genesis_hash="000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        magic=bytes.fromhex("f9beb4d9"),
        p2pkh_prefix=0x00,
        p2sh_prefix=0x05,
        bech32_hrp="bc",
    )
    TEST = _Constants(
        name="testnet3",
        genesis_hash="000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
        magic=bytes.fromhex("0b110907"),
        p2pkh_prefix=0x6F,
        p2sh_prefix=0xC4,
        bech32_hrp="tb",
    )
    TESTNET4 = _Constants(
        name="testnet4",
        genesis_hash="00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
        magic=bytes.fromhex("1c163f28"),
        p2pkh_prefix=0x6F,
        p2sh_prefix=0xC4,
        bech32_hrp="tb",
    )
    SIGNET = _Constants(
        name="signet",
        genesis_hash="00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
        magic=bytes.fromhex("0a03cf40"),
        p2pkh_prefix=0x6F,
        p2sh_prefix=0xC4,
        bech32_hrp="tb",
    )
    REGTEST = _Constants(
        name="regtest",
        genesis_hash="0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
        magic=bytes.fromhex("fabfb5da"),
        p2pkh_prefix=0x6F,
        p2sh_prefix=0xC4,
        bech32_hrp="bcrt",
    )

    def __str__(self) -> str:
        return self.value.name

    @property
    def caip2(self) -> str:
        """The CAIP-2 id: BIP-122 namespace, first 32 hex characters of the genesis hash."""
        return _CAIP2_NAMESPACE + self.value.genesis_hash[:_CAIP2_REFERENCE_SIZE]

    @property
    def genesis_hash(self) -> str:
        """The hash of the first block, in display order."""
        return self.value.genesis_hash

    @property
    def magic(self) -> bytes:
        """The four bytes before each message and each block in a `blk*.dat` file.

        Signet's are those of the default signet; a custom signet has its own (BIP-325).
        """
        return self.value.magic

    @property
    def p2pkh_prefix(self) -> int:
        """The first byte of a base58 address of a key."""
        return self.value.p2pkh_prefix

    @property
    def p2sh_prefix(self) -> int:
        """The first byte of a base58 address of a script."""
        return self.value.p2sh_prefix

    @property
    def bech32_hrp(self) -> str:
        """The human-readable part of a segwit address (BIP-173)."""
        return self.value.bech32_hrp


def network_of_caip2(text: str, where: str) -> Network:
    """Return the network with the CAIP-2 id `text`; raises `BadInputError` at `where` if none has.

    The id is compared whole and in its one spelling.
    """
    for network in Network:
        if network.caip2 == text:
            return network
    raise BadInputError(where, f"{text[:60]!r} is not a Bitcoin network that Sekisho knows")


def network_of_name(text: str, where: str) -> Network:
    """Return the network that people call `text`; raises `BadInputError` at `where` if none is."""
    names = {str(network): network for network in Network}
    if text not in names:
        raise BadInputError(where, f"{text[:40]!r} is not one of {', '.join(names)}")
    return names[text]
