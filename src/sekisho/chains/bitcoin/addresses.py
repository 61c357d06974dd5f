"""Addresses: base58check, bech32 (BIP-173) and bech32m (BIP-350), strict, both ways.

An address is read for one network that the caller names. Every refusal is a sentence for the
person who pasted the address: the wrong network is named, not just refused.
"""

from sekisho.chains.bitcoin.digests import sha256_twice
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import (
    OP_0,
    OP_1,
    OP_EQUAL,
    OP_HASH160,
    ScriptKind,
    classify,
    p2pkh_of,
    witness_program,
)
from sekisho.kernel.errors import BadInputError

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUES = {character: value for value, character in enumerate(_BASE58)}
_BASE58_SIZE_MAX = 512
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_VALUES = {character: value for value, character in enumerate(_BECH32)}
_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CHECK = 1
_BECH32M_CHECK = 0x2BC830A3
_ADDRESS_SIZE_MAX = 90
"""BIP-173's limit; the longest address that means anything is shorter."""


def address_of(script: bytes, network: Network) -> str | None:
    """Return the address of an output script on a network, or `None` if it has none.

    Pay-to-public-key and bare multisig outputs have no address: to show the address of their key
    would be to show an address that was not paid.
    """
    kind = classify(script)
    if kind is ScriptKind.P2PKH:
        return encode_base58check(bytes((network.p2pkh_prefix,)) + script[3:23])
    if kind is ScriptKind.P2SH:
        return encode_base58check(bytes((network.p2sh_prefix,)) + script[2:22])
    witness = witness_program(script)
    if witness is None or kind is ScriptKind.NONSTANDARD:
        return None
    return _encode_segwit(network.bech32_hrp, *witness)


def script_of(address: str, network: Network, where: str) -> bytes:
    """Return the output script that an address of `network` stands for.

    Raises `BadInputError` at `where`: a mistyped character, mixed case, a wrong checksum, a
    program of a size that cannot be spent, or an address of another network, which is named.
    """
    if len(address) > _ADDRESS_SIZE_MAX or not address.isascii() or not address.isprintable():
        raise BadInputError(where, f"{address[:100]!r} is not a Bitcoin address")
    hrp = address.lower().rpartition("1")[0]
    if hrp in {each.bech32_hrp for each in Network}:
        return _segwit_script_of(address, network, where)
    return _base58_script_of(address, network, where)


def encode_base58check(payload: bytes) -> str:
    """Return `payload` with its four-byte checksum, in base 58."""
    return encode_base58(payload + sha256_twice(payload)[:4])


def decode_base58check(text: str, where: str) -> bytes:
    """Return the payload of a base58check text; raises `BadInputError` for a wrong checksum."""
    data = decode_base58(text, where)
    payload, checksum = data[:-4], data[-4:]
    if len(data) < 4 or sha256_twice(payload)[:4] != checksum:
        raise BadInputError(
            where, f"the checksum of {text[:100]!r} is wrong: a character is mistyped"
        )
    return payload


def encode_base58(data: bytes) -> str:
    """Return `data` in base 58; a leading zero byte is a leading `1`."""
    number = int.from_bytes(data, "big")
    digits = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_BASE58[digit])
    zeros = len(data) - len(data.lstrip(b"\x00"))
    return "1" * zeros + "".join(reversed(digits))


def decode_base58(text: str, where: str) -> bytes:
    """Return the bytes of a base58 text.

    Raises `BadInputError` for a character outside it, and for more text than anything has that is
    written in base58: the time to read it grows with the square of its length.
    """
    if len(text) > _BASE58_SIZE_MAX:
        raise BadInputError(where, f"{text[:20]!r}... is too long for base58")
    number = 0
    for character in text:
        value = _BASE58_VALUES.get(character)
        if value is None:
            raise BadInputError(
                where, f"{character!r} in {text[:100]!r} is not a base58 character"
            )
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base58_script_of(address: str, network: Network, where: str) -> bytes:
    payload = decode_base58check(address, where)
    if len(payload) != 21:
        raise BadInputError(where, f"{address!r} is not the size of an address")
    prefix, hashed = payload[0], payload[1:]
    if prefix == network.p2pkh_prefix:
        return p2pkh_of(hashed)
    if prefix == network.p2sh_prefix:
        return bytes((OP_HASH160, 20)) + hashed + bytes((OP_EQUAL,))
    others = [each for each in Network if prefix in {each.p2pkh_prefix, each.p2sh_prefix}]
    raise _wrong_network(address, network, others, where)


def _segwit_script_of(address: str, network: Network, where: str) -> bytes:
    hrp, version, program = _decode_segwit(address, where)
    if hrp != network.bech32_hrp:
        others = [each for each in Network if each.bech32_hrp == hrp]
        raise _wrong_network(address, network, others, where)
    opcode = OP_1 - 1 + version if version else OP_0
    return bytes((opcode, len(program))) + program


def _wrong_network(
    address: str, network: Network, others: list[Network], where: str
) -> BadInputError:
    if not others:
        return BadInputError(where, f"{address!r} is not an address of any Bitcoin network")
    names = " or ".join(str(each) for each in others)
    return BadInputError(where, f"{address!r} is an address for {names}, not for {network}")


def _encode_segwit(hrp: str, version: int, program: bytes) -> str:
    values = [version, *_to_groups_of_5(program)]
    check = _BECH32M_CHECK if version else _BECH32_CHECK
    polymod = _polymod(_expanded(hrp) + values + [0] * 6) ^ check
    checksum = [polymod >> shift & 31 for shift in range(25, -1, -5)]
    return hrp + "1" + "".join(_BECH32[value] for value in values + checksum)


def _decode_segwit(address: str, where: str) -> tuple[str, int, bytes]:
    """Return the lower-case prefix, the witness version and the program of a segwit address."""
    if address not in {address.lower(), address.upper()}:
        raise BadInputError(where, f"{address!r} mixes capital and small letters")
    hrp, _, text = address.lower().rpartition("1")
    values = [_BECH32_VALUES.get(character, -1) for character in text]
    if -1 in values:
        wrong = text[values.index(-1)]
        raise BadInputError(where, f"{wrong!r} in {address!r} is not a bech32 character")
    if len(values) < 7:
        raise BadInputError(where, f"{address!r} is too short for an address")
    version = values[0]
    check = _polymod(_expanded(hrp) + values)
    if check != (_BECH32M_CHECK if version else _BECH32_CHECK):
        raise BadInputError(
            where, f"the checksum of {address!r} is wrong: a character is mistyped"
        )
    program = _from_groups_of_5(values[1:-6])
    if program is None:
        raise BadInputError(where, f"{address!r} is padded wrongly")
    sizes = {20, 32} if version == 0 else range(2, 41)
    if version > 16 or len(program) not in sizes:
        size = len(program)
        raise BadInputError(
            where, f"{address!r} has version {version} and {size} bytes: no output"
        )
    return hrp, version, program


def _expanded(hrp: str) -> list[int]:
    codes = hrp.encode()
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_GENERATORS):
            if top >> bit & 1:
                check ^= generator
    return check


def _to_groups_of_5(data: bytes) -> list[int]:
    padding = -len(data) * 8 % 5
    number = int.from_bytes(data, "big") << padding
    groups = (len(data) * 8 + padding) // 5
    return [number >> 5 * place & 31 for place in range(groups - 1, -1, -1)]


def _from_groups_of_5(values: list[int]) -> bytes | None:
    """Return the bytes of 5-bit groups; `None` if over 4 bits or a set bit would be dropped."""
    padding = len(values) * 5 % 8
    number = 0
    for value in values:
        number = number << 5 | value
    if padding > 4 or number & (1 << padding) - 1:
        return None
    return (number >> padding).to_bytes(len(values) * 5 // 8, "big")
