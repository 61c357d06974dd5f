"""A signature is taken exactly if this key made it over this message: by vectors and by attack."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from btclib.ecc import bms
from btclib.script.witness import Witness
from btclib_wallet import bip322
from embit.ec import PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from wallet_keys import signed
from world_coins import DESCRIPTORS, wallet_of

from sekisho.chains.bitcoin.addresses import script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.wallets.proof import wallet_keys
from sekisho.wallets.signed_messages import (
    SIGNATURE_MAX_CHARACTERS,
    MessageForm,
    address_signs,
    is_signed_by,
    key_address,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "wallets"
BASIC, GENERATED, DEVICES = (
    json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("bip-0322_basic", "bip-0322_generated", "device_messages")
)
WALLET = wallet_of(DESCRIPTORS["wsh_sortedmulti"])
ALPHA, BETA, GAMMA = wallet_keys(WALLET)
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
MESSAGE = "Sekisho says hello"
ADDRESS = key_address(ALPHA.public_key, MessageForm.COMPACT, Network.MAIN)


def of_bip_322(kind: str) -> list[tuple[dict[str, Any], str]]:
    return [
        (case, signature)
        for file in (BASIC, GENERATED)
        for case in file.get(kind, ())
        for signature in case["bip322_signatures"]
    ]


@pytest.mark.parametrize(("case", "signature"), [*of_bip_322("simple"), *of_bip_322("full")])
def test_every_signature_of_bip_322_holds(case: dict[str, Any], signature: str) -> None:
    assert address_signs(case["address"], case["message"], signature)
    assert not address_signs(case["address"], case["message"] + " ", signature)


@pytest.mark.parametrize(("case", "signature"), of_bip_322("proof_of_funds"))
def test_a_proof_of_funds_is_no_proof_of_an_address(case: dict[str, Any], signature: str) -> None:
    assert not address_signs(case["address"], case["message"], signature)


@pytest.mark.parametrize("case", [*BASIC["error"], *GENERATED["error"]])
def test_what_bip_322_refuses_is_refused(case: dict[str, Any]) -> None:
    assert not address_signs(case["address"], case["message"], case["signature"])


def keys_in(witness: str) -> bytes:
    return b64decode(witness.removeprefix("smp"))[-33:]


@pytest.mark.parametrize(
    ("case", "signature"), [each for each in of_bip_322("simple") if each[0]["type"] == "p2wpkh"]
)
def test_a_vector_is_by_its_own_key_and_no_other(case: dict[str, Any], signature: str) -> None:
    key = keys_in(signature)
    assert key_address(key, MessageForm.P2WPKH, Network.MAIN) == case["address"]
    form = MessageForm.P2WPKH
    assert is_signed_by(key, case["message"], signature, form, Network.MAIN)
    assert not is_signed_by(ALPHA.public_key, case["message"], signature, form, Network.MAIN)
    assert not is_signed_by(key, case["message"], signature, MessageForm.P2TR, Network.MAIN)


@pytest.mark.parametrize("case", DEVICES["valid_test_cases"], ids=lambda each: each["comment"])
def test_what_devices_signed_holds(case: dict[str, str]) -> None:
    assert address_signs(case["address"], case["message"], case["signature"])
    assert not address_signs(case["address"], case["message"] + "!", case["signature"])


@pytest.mark.parametrize("case", DEVICES["error_test_cases"], ids=lambda each: each["comment"])
def test_what_devices_did_not_sign_does_not_hold(case: dict[str, str]) -> None:
    assert not address_signs(case["address"], case["message"], case["signature"])


@pytest.mark.parametrize("form", MessageForm)
@pytest.mark.parametrize("network", [Network.MAIN, Network.REGTEST])
def test_each_form_holds_for_the_key_that_signed_and_only_for_it(
    form: MessageForm, network: Network
) -> None:
    wallet = (
        WALLET
        if network is Network.MAIN
        else wallet_of(f"wpkh({ALPHA.public_key.hex()})", network=network)
    )
    key = wallet_keys(wallet)[0]
    signature = signed(wallet, key, MESSAGE, form)
    assert is_signed_by(key.public_key, MESSAGE, signature, form, network)
    assert not is_signed_by(BETA.public_key, MESSAGE, signature, form, network)
    assert not is_signed_by(key.public_key, MESSAGE + ".", signature, form, network)
    for other in set(MessageForm) - {form}:
        assert not is_signed_by(key.public_key, MESSAGE, signature, other, network)


def with_header(signature: str, header: int) -> str:
    return b64encode(bytes((header,)) + b64decode(signature)[1:]).decode()


def test_a_header_may_name_any_address_of_a_compressed_key_and_no_other() -> None:
    signature = signed(WALLET, ALPHA, MESSAGE, MessageForm.COMPACT)
    which = (b64decode(signature)[0] - 27) & 3
    taken = {
        header
        for header in range(256)
        if is_signed_by(
            ALPHA.public_key,
            MESSAGE,
            with_header(signature, header),
            MessageForm.COMPACT,
            Network.MAIN,
        )
    }
    assert taken == {31 + which, 35 + which, 39 + which}


def test_an_uncompressed_key_signs_for_its_own_address_only() -> None:
    case = next(c for c in DEVICES["valid_test_cases"] if "uncompressed" in c["comment"])
    secret = PrivateKey.from_wif("5Hxn5C4SQuiV6e62A1MtZmbSeQyrLFhu5uYks62pU5VBUygK2KD")
    key, compressed = secret.sec(), PrivateKey(secret.secret, compressed=True).sec()
    assert (len(key), len(compressed)) == (65, 33)
    form = MessageForm.COMPACT
    assert key_address(key, form, Network.MAIN) == case["address"]
    assert is_signed_by(key, case["message"], case["signature"], form, Network.MAIN)
    assert not is_signed_by(compressed, case["message"], case["signature"], form, Network.MAIN)
    with pytest.raises(ValueError, match="uncompressed"):
        key_address(key, MessageForm.P2WPKH, Network.MAIN)
    for other in (MessageForm.P2WPKH, MessageForm.P2TR):
        witness = signed(WALLET, ALPHA, MESSAGE, other)
        assert not is_signed_by(key, MESSAGE, witness, other, Network.MAIN)


def test_a_signature_that_somebody_altered_is_refused() -> None:
    signature = signed(WALLET, ALPHA, MESSAGE, MessageForm.COMPACT)
    raw = b64decode(signature)
    high = ORDER - int.from_bytes(raw[33:], "big")
    # The other S belongs to the point below the axis, which is the header's lowest bit.
    header = 31 + (((raw[0] - 27) & 3) ^ 1)
    altered = bytes((header,)) + raw[1:33] + high.to_bytes(32, "big")
    assert bms.verify(MESSAGE.encode(), ADDRESS, b64encode(altered).decode()), "it still recovers"
    assert not address_signs(ADDRESS, MESSAGE, b64encode(altered).decode())
    assert not is_signed_by(
        ALPHA.public_key,
        MESSAGE,
        b64encode(altered).decode(),
        MessageForm.COMPACT,
        Network.MAIN,
    )


@pytest.mark.parametrize("r", [0, 1, ORDER, ORDER - 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER // 2])
def test_signatures_of_no_scalars_are_refused(r: int, s: int) -> None:
    for header in range(27, 43):
        raw = bytes((header,)) + r.to_bytes(32, "big") + s.to_bytes(32, "big")
        signature = b64encode(raw).decode()
        assert not is_signed_by(
            ALPHA.public_key, MESSAGE, signature, MessageForm.COMPACT, Network.MAIN
        )
        assert not address_signs(ADDRESS, MESSAGE, signature)


def test_only_the_simple_form_of_bip_322_proves_a_key() -> None:
    simple = bip322.Sig.b64decode(signed(WALLET, ALPHA, MESSAGE, MessageForm.P2WPKH))
    assert isinstance(simple.payload, Witness)
    address = key_address(ALPHA.public_key, MessageForm.P2WPKH, Network.MAIN)
    spend = bip322.to_spend(MESSAGE.encode(), script_of(address, Network.MAIN, "address"))
    full = bip322.Sig(bip322.to_sign(spend, witness=simple.payload)).b64encode()
    assert address_signs(address, MESSAGE, full)
    assert not is_signed_by(ALPHA.public_key, MESSAGE, full, MessageForm.P2WPKH, Network.MAIN)


def test_what_is_too_long_is_not_even_read() -> None:
    signature = signed(WALLET, ALPHA, MESSAGE, MessageForm.P2WPKH)
    assert not is_signed_by(
        ALPHA.public_key,
        MESSAGE,
        signature + " " * SIGNATURE_MAX_CHARACTERS,
        MessageForm.P2WPKH,
        Network.MAIN,
    )
    address = key_address(ALPHA.public_key, MessageForm.P2WPKH, Network.MAIN)
    assert address_signs(address, MESSAGE, signature)
    assert not address_signs(address, MESSAGE, signature + " " * SIGNATURE_MAX_CHARACTERS)


@given(flipped=st.integers(0, 64 * 8), form=st.sampled_from(MessageForm))
def test_no_bit_of_a_signature_can_be_flipped(flipped: int, form: MessageForm) -> None:
    signature = signed(WALLET, ALPHA, MESSAGE, form)
    prefix = "smp" if signature.startswith("smp") else ""
    raw = bytearray(b64decode(signature.removeprefix(prefix)))
    place = 1 + flipped // 8  # not the header, of which three spellings are good
    raw[place] ^= 1 << flipped % 8
    changed = prefix + b64encode(bytes(raw)).decode()
    assert not is_signed_by(ALPHA.public_key, MESSAGE, changed, form, Network.MAIN)


@given(signature=st.text() | st.binary(max_size=200).map(lambda raw: b64encode(raw).decode()))
def test_anything_at_all_gets_an_answer(signature: str) -> None:
    for form in MessageForm:
        assert not is_signed_by(ALPHA.public_key, MESSAGE, signature, form, Network.MAIN)
    assert not address_signs("not an address", MESSAGE, signature)
