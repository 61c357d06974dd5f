"""Is this message signed by this very key? By BIP-322, or as devices have always signed messages.

A message is judged against a public key, never against an address that somebody typed: every
address below is made from the key. Of BIP-322 (version 2.0.0) the simple form is taken; of the
older `Bitcoin Signed Message` the compact signature whose header says which kind of address the
signer meant (BIP-137). Either shows that whoever signed knew the key's secret.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from enum import StrEnum

from btclib.ecc import bms
from btclib.exceptions import BTClibException
from btclib.key import PubKeyData
from btclib.script.taproot import output_pubkey
from btclib.script.witness import Witness
from btclib_wallet import bip322

from sekisho.chains.bitcoin.addresses import address_of
from sekisho.chains.bitcoin.digests import hash160
from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.scripts import p2pkh_of, p2sh_of

SIGNATURE_MAX_CHARACTERS = 2048
_COMPACT_BYTES = 65
_UNCOMPRESSED_HEADERS = range(27, 31)
_P2PKH_HEADERS = range(31, 35)
"""Also what Electrum and Coldcard write for segwit addresses."""
_NESTED_HEADERS = range(35, 39)
_SEGWIT_HEADERS = range(39, 43)
_HALF_ORDER = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0
_UNREADABLE = (BTClibException, ValueError)


class MessageForm(StrEnum):
    """How a message was signed."""

    P2WPKH = "bip322-p2wpkh"
    """BIP-322, for the key's own P2WPKH address."""
    P2TR = "bip322-p2tr"
    """BIP-322, for the key's own taproot address without scripts (BIP-86)."""
    COMPACT = "bip137"
    """The 65-byte signature of `signmessage`."""


def is_signed_by(
    public_key: bytes, message: str, signature: str, form: MessageForm, network: Network
) -> bool:
    """Return whether `signature` over the UTF-8 bytes of `message` is by `public_key` (SEC 1).

    False for whatever cannot be read, and for an ECDSA signature that somebody altered (high S).
    """
    if len(signature) > SIGNATURE_MAX_CHARACTERS:
        return False
    match form:
        case MessageForm.P2WPKH | MessageForm.P2TR:
            return _by_bip322(public_key, message.encode(), signature, form, network)
        case MessageForm.COMPACT:
            return _by_compact(public_key, message.encode(), signature, network)


def address_signs(address: str, message: str, signature: str) -> bool:
    """Return whether `signature` shows control of `address`: by BIP-322, or compact (BIP-137).

    For the addresses of others, whose keys nobody here knows. A proof of funds does not count: it
    brings inputs of its own. Nor does what BIP-322 calls inconclusive.
    """
    if len(signature) > SIGNATURE_MAX_CHARACTERS:
        return False
    try:
        compact = _compact_bytes(signature)
        if compact is not None:
            return _is_low_s(compact) and bms.verify(message.encode(), address, signature)
        read = bip322.Sig.b64decode(signature)
        if read.variant == bip322.PROOF_OF_FUNDS:
            return False
        return bip322.verify(message.encode(), address, read, legacy=False)
    except _UNREADABLE:
        return False


def key_address(public_key: bytes, form: MessageForm, network: Network) -> str:
    """Return the address for which a key signs messages in a form; raises `ValueError` for none.

    For `COMPACT` it is the P2PKH address, which every device can sign for.
    """
    if form is MessageForm.COMPACT:
        script = p2pkh_of(hash160(public_key))
    elif len(public_key) != 33:
        raise ValueError("an uncompressed key has no segwit address")
    elif form is MessageForm.P2WPKH:
        script = b"\x00\x14" + hash160(public_key)
    else:
        script = b"\x51\x20" + output_pubkey(PubKeyData(public_key))[0]
    return _address(script, network)


def _by_bip322(
    public_key: bytes, message: bytes, signature: str, form: MessageForm, network: Network
) -> bool:
    try:
        read = bip322.Sig.b64decode(signature)
        if not isinstance(read.payload, Witness):
            return False
        address = key_address(public_key, form, network)
        return bip322.verify(message, address, read, legacy=False)
    except _UNREADABLE:
        return False


def _by_compact(public_key: bytes, message: bytes, signature: str, network: Network) -> bool:
    raw = _compact_bytes(signature)
    if raw is None:
        return False
    script = _script_meant(raw[0], public_key)
    if script is None or not _is_low_s(raw):
        return False
    try:
        return bms.verify(message, _address(script, network), signature)
    except _UNREADABLE:
        return False


def _script_meant(header: int, public_key: bytes) -> bytes | None:
    """Return the script of the key that a header names (BIP-137), or None if it has no such."""
    key_hash, is_compressed = hash160(public_key), len(public_key) == 33
    if header in (_P2PKH_HEADERS if is_compressed else _UNCOMPRESSED_HEADERS):
        return p2pkh_of(key_hash)
    if is_compressed and header in _NESTED_HEADERS:
        return p2sh_of(b"\x00\x14" + key_hash)
    if is_compressed and header in _SEGWIT_HEADERS:
        return b"\x00\x14" + key_hash
    return None


def _compact_bytes(signature: str) -> bytes | None:
    try:
        raw = b64decode(signature.encode("ascii"), validate=True)
    except (Base64Error, UnicodeEncodeError):
        return None
    return raw if len(raw) == _COMPACT_BYTES else None


def _is_low_s(compact: bytes) -> bool:
    return int.from_bytes(compact[33:], "big") <= _HALF_ORDER


def _address(script: bytes, network: Network) -> str:
    address = address_of(script, network)
    if address is None:
        raise RuntimeError("a key's own script has an address")
    return address
