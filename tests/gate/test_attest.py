"""Attestations: what a device that asks for them makes of what the gate gives, and of all else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attest_world import (
    ADDRESS,
    ATTESTER,
    BTC,
    PERIOD_MINUTES,
    attested,
    attester_for,
    device_for,
    policy_of,
    used_by,
)
from btclib.ecc import bms
from btclib.key import PrvKeyData
from btclib_wallet.psbt.psbt import Psbt
from coldcard import ATTESTATION, Coldcard
from embit.ec import PrivateKey
from embit.psbt import PSBT
from embit.script import p2wpkh
from gate_psbts import bytes_of_maps, maps_of, psbt_of, with_pair, without
from gate_return_edits import ORDER
from gate_returns import KINDS, Sent, sent
from gate_scene import scene
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from world_coins import stranger, txout

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import Transaction, TxOut
from sekisho.gate.attest import (
    ATTESTATION_KEY,
    AttestedOutput,
    attest,
    attest_output,
    device_findings,
    is_attested,
)
from sekisho.kernel.finding import Refused
from sekisho.kernel.money import Sat
from sekisho.passes.records import Transfer

VECTORS: Any = json.loads(
    (Path(__file__).parents[1] / "vectors" / "gate" / "coldcard.json").read_text()
)
KIND = "wsh_sortedmulti"
FIRST_OUTPUT = 3
"""The map of the first output, after the global one and those of two inputs."""
WAS = sent(KIND)


def codes_of(caught: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [each.code.removeprefix("gate.") for each in caught.value.findings]


# What the device makes of it ---------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("kind", ["wsh_sortedmulti", "wpkh", "pkh", "sh_wpkh"])
def test_the_device_signs_what_was_attested_and_nothing_before(kind: str, version: int) -> None:
    was = sent(kind, version=version)
    assert device_for(was.wallet).asked(was.psbt) == "missing attestation"
    made = attested(was)
    assert device_for(was.wallet).asked(made.psbt) == ""
    assert [each.index for each in made.attestations] == [0, 1]
    assert [each.output for each in made.attestations] == list(was.unsigned.outputs[:2])


ALTERED: dict[str, tuple[Any, str]] = {
    "a satoshi more": (
        lambda paid: replace(paid, amount_sat=Sat(paid.amount_sat + 1)),
        "non-whitelisted attestation key",
    ),
    "a satoshi less": (
        lambda paid: replace(paid, amount_sat=Sat(paid.amount_sat - 1)),
        "non-whitelisted attestation key",
    ),
    "somebody else": (
        lambda paid: replace(paid, script=txout(stranger(7), 1).script),
        "non-whitelisted attestation key",
    ),
    "a burnt output": (
        lambda paid: replace(paid, script=b"\x6a\x04burn"),
        "non-whitelisted attestation key",
    ),
}


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("how", ALTERED)
def test_the_device_refuses_each_altered_output(how: str, index: int) -> None:
    alter, says = ALTERED[how]
    made = attested(WAS)
    outputs = list(WAS.unsigned.outputs)
    outputs[index] = alter(outputs[index])
    other = attestations_onto(WAS, made, replace(WAS.unsigned, outputs=tuple(outputs)))
    # Another output is recovered to another key, or to none.
    assert device_for(WAS.wallet).asked(other) in {says, "invalid signature"}


def attestations_onto(was: Sent, made: Any, unsigned: Transaction) -> bytes:  # noqa: ANN401 - AttestedPSBT
    psbt = psbt_of(unsigned, was.coins, version=was.version)
    for each in made.attestations:
        psbt = with_pair(psbt, FIRST_OUTPUT + each.index, ATTESTATION_KEY, each.signature)
    return psbt


def test_the_device_wants_every_payment_attested_and_each_by_its_own() -> None:
    made = attested(WAS)
    device = device_for(WAS.wallet)
    for index in (0, 1):
        lacking = without(made.psbt, FIRST_OUTPUT + index, ATTESTATION_KEY)
        assert device.asked(lacking) == "missing attestation"
    one, other = made.attestations
    swapped = with_pair(made.psbt, FIRST_OUTPUT, ATTESTATION_KEY, other.signature)
    swapped = with_pair(swapped, FIRST_OUTPUT + 1, ATTESTATION_KEY, one.signature)
    assert device.asked(swapped) in {"non-whitelisted attestation key", "invalid signature"}


def test_the_device_refuses_attestations_of_another_key() -> None:
    stolen = attester_for(policy_of(), secret=b"\x07" * 32)
    assert device_for(WAS.wallet).asked(attested(WAS, stolen).psbt) == (
        "non-whitelisted attestation key"
    )


def test_change_that_does_not_say_so_is_a_payment_to_the_device() -> None:
    """It needs the derivation in the PSBT: without it the device refuses, and nothing is lost."""
    made = attested(WAS)
    assert device_for(WAS.wallet).asked(without(made.psbt, FIRST_OUTPUT + 2, b"\x02")) == (
        "missing attestation"
    )


def test_the_device_holds_its_caps_and_pays_an_attested_output_again_within_them() -> None:
    """What we lose: 0.9 BTC each time, to the same payees, as often as the period has room."""
    policy = policy_of(amount_max_sat=90_000_000, period_max_sat=2 * BTC)
    device = device_for(WAS.wallet, policy)
    made = attested(WAS, attester_for(policy))
    assert [device.asked(made.psbt) for _ in range(3)] == ["", "", "would exceed period spending"]
    assert device.asked(made.psbt, at_minutes=PERIOD_MINUTES - 1) == "would exceed period spending"
    assert device.asked(made.psbt, at_minutes=PERIOD_MINUTES) == ""
    lower = policy_of(amount_max_sat=89_999_999)
    assert device_for(WAS.wallet, lower).asked(made.psbt) == "amount exceeded"


def test_a_rule_beside_is_a_way_around() -> None:
    document = json.loads(policy_of())
    document["rules"].append({"max_amount": 90_000_000})
    device = device_for(WAS.wallet, json.dumps(document).encode())
    assert device.asked(WAS.psbt) == ""


# The facts of the firmware's own test ------------------------------------------------------------


@pytest.mark.parametrize("attester", VECTORS["attesters"], ids=lambda each: each["kind"])
def test_the_firmwares_attesters_are_known_by_their_headers(attester: dict[str, str]) -> None:
    """The model is held to them, too: each kind of address has headers of its own (BIP-137)."""
    first = {"p2pkh": 31, "p2sh-p2wpkh": 35, "p2wpkh": 39}[attester["kind"]]
    secret = PrivateKey.from_wif(attester["wif"]).secret
    key = PrvKeyData(int.from_bytes(secret, "big"), "testnet")
    whitelist = [each["address"] for each in VECTORS["attesters"]]
    policy = json.loads(policy_of())
    policy["rules"][0]["whitelist"] = whitelist
    device = Coldcard(
        policy=json.dumps(policy).encode(), wallet=WAS.wallet, name="cold", network="testnet"
    )
    psbt = WAS.psbt
    for index in (0, 1):
        message = WAS.unsigned.outputs[index].serialize()
        signature = bms.sign(message, key, attester["address"]).serialize()
        assert signature[0] in range(first, first + 4)
        psbt = with_pair(psbt, FIRST_OUTPUT + index, ATTESTATION_KEY, signature)
    assert device.asked(psbt) == ""
    whitelist.remove(attester["address"])
    policy["rules"][0]["whitelist"] = whitelist
    device.policy = json.dumps(policy).encode()
    assert device.asked(psbt) == "non-whitelisted attestation key"


def test_ours_is_the_third_of_them() -> None:
    """The same key gives the same address, and our attestations pass where it is listed."""
    (theirs,) = [each for each in VECTORS["attesters"] if each["kind"] == "p2wpkh"]
    secret = PrivateKey.from_wif(theirs["wif"]).secret
    ours = attester_for(policy_of(), secret=secret)
    assert ours.address(Network.TESTNET4) == theirs["address"]
    device = device_for(WAS.wallet, policy_of(address=theirs["address"]))
    device.network = "testnet"
    assert device.asked(attested(WAS, ours).psbt) == ""


@pytest.mark.parametrize("invalid", VECTORS["invalid"], ids=lambda each: each["says"])
def test_what_the_firmware_calls_invalid_is_no_attestation(invalid: dict[str, str]) -> None:
    value = bytes.fromhex(invalid["value"])
    psbt = attested(WAS).psbt
    for index in (0, 1):
        psbt = with_pair(psbt, FIRST_OUTPUT + index, ATTESTATION_KEY, value)
    assert device_for(WAS.wallet).asked(psbt) == invalid["says"]
    shown = AttestedOutput(index=0, output=WAS.unsigned.outputs[0], signature=value)
    assert not is_attested(shown, ATTESTER.public_key)


def test_only_the_headers_of_our_kind_of_address_are_ours() -> None:
    made = attest_output(ATTESTER, 0, WAS.unsigned.outputs[0])
    assert is_attested(made, ATTESTER.public_key)
    number = (made.signature[0] - 27) & 3
    for header in range(256):
        other = replace(made, signature=bytes([header]) + made.signature[1:])
        assert is_attested(other, ATTESTER.public_key) == (header == 39 + number)


@settings(max_examples=60)
@given(
    amount_sat=st.integers(0, 21_000_000 * BTC),
    script=st.binary(max_size=300),
    secret=st.binary(min_size=32, max_size=32),
)
def test_an_attestation_is_recovered_to_the_address_by_other_arithmetic(
    amount_sat: int, script: bytes, secret: bytes
) -> None:
    assume(0 < int.from_bytes(secret, "big") < 2**255)
    output = TxOut(amount_sat=Sat(amount_sat), script=script)
    ours = attester_for(policy_of(), secret=secret)
    made = attest_output(ours, 0, output)
    assert made == attest_output(ours, 0, output), "always the same bytes"
    seen = device_for(WAS.wallet).outputs(WAS.psbt)[0]
    shown = replace(
        seen, amount_sat=amount_sat, script=script, pairs=[(ATTESTATION, made.signature)]
    )
    assert device_for(WAS.wallet).signer(shown) == ours.address(Network.MAIN)


# Nothing else changes ----------------------------------------------------------------------------

UNKNOWN = st.dictionaries(
    st.builds(lambda first, rest: bytes([first]) + rest, st.integers(0x60, 0xEF), st.binary()),
    st.binary(max_size=600),
    max_size=3,
)


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    version=st.sampled_from([0, 2]),
    paid=st.sets(st.integers(0, 2)),
    unknown=st.lists(UNKNOWN, min_size=6, max_size=6),
)
def test_nothing_but_the_attestations_is_put_in(
    kind: str, version: int, paid: set[int], unknown: list[dict[bytes, bytes]]
) -> None:
    was = sent(kind, version=version)
    maps = maps_of(was.psbt)
    for pairs, more in zip(maps, unknown, strict=True):
        pairs.extend(more.items())
    cleared = replace(was.cleared, psbt=bytes_of_maps(maps), payments=tuple(sorted(paid)))
    made = attest(cleared, [ATTESTER], used=used_by(cleared))
    assert made is not None
    assert [each.index for each in made.attestations] == sorted(paid)
    after = maps_of(made.psbt)
    for index in paid:
        assert after[FIRST_OUTPUT + index].pop() == (
            b"\xfc\x08COINKITE\x00",
            made.attestations[sorted(paid).index(index)].signature,
        )
    assert bytes_of_maps(after) == cleared.psbt, "byte for byte"
    one, other = Psbt.parse(made.psbt), PSBT.parse(made.psbt)
    for index in range(3):
        ours = one.outputs[index].unknown.get(ATTESTATION_KEY)
        assert ours == other.outputs[index].unknown.get(ATTESTATION_KEY)
        assert (ours is not None) == (index in paid)


# Who gets one ------------------------------------------------------------------------------------


def test_what_the_memory_does_not_hold_is_not_attested() -> None:
    for used in ([], [replace(used_by(WAS.cleared)[0], transaction_digest="ef" * 32)]):
        with pytest.raises(Refused) as caught:
            attest(WAS.cleared, [ATTESTER], used=used)
        assert codes_of(caught) == ["not_cleared"]


def test_what_nobody_can_read_is_not_attested() -> None:
    """The gate refuses it for what it is, with or without a device behind it."""
    broken = replace(WAS.cleared, psbt=WAS.psbt[:-1])
    with pytest.raises(Refused) as caught:
        attest(broken, [ATTESTER], used=used_by(broken))
    assert codes_of(caught) == ["psbt_unreadable"]
    transfer = scene().asked.action
    assert isinstance(transfer, Transfer)
    assert device_findings(broken.psbt, transfer, [ATTESTER]) == []
    assert device_findings(b"", transfer, [ATTESTER]) == []


@pytest.mark.parametrize("number", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
def test_numbers_at_the_edges_are_no_signature(number: int) -> None:
    edge = number.to_bytes(32, "big")
    good = attest_output(ATTESTER, 0, WAS.unsigned.outputs[0])
    for header in range(39, 43):
        for rest in (edge + edge, edge + good.signature[33:], good.signature[1:33] + edge):
            bad = replace(good, signature=bytes([header]) + rest)
            assert not is_attested(bad, ATTESTER.public_key)


def test_another_wallets_key_attests_nothing() -> None:
    hot = replace(ATTESTER, wallet_id="hot-1")
    used = used_by(WAS.cleared)
    assert attest(WAS.cleared, [], used=used) is None
    assert attest(WAS.cleared, [hot], used=used) is None
    assert attest(WAS.cleared, [hot, ATTESTER], used=used) == attested(WAS)


def test_what_is_above_the_caps_is_not_attested() -> None:
    low = attester_for(policy_of(amount_max_sat=89_999_999, period_max_sat=89_999_999))
    with pytest.raises(Refused) as caught:
        attested(WAS, low)
    assert codes_of(caught) == ["device_amount_over"] * 2
    attested(WAS, attester_for(policy_of(amount_max_sat=90_000_000, period_max_sat=90_000_000)))


@pytest.mark.parametrize("key", [ATTESTATION_KEY, ATTESTATION_KEY + b"x", b"\xfc\x08COINKITE\x01"])
@pytest.mark.parametrize("place", range(6))
def test_somebody_elses_fields_for_the_device_are_refused(key: bytes, place: int) -> None:
    """The device takes the last attestation, whatever key data follows: ours might not be it."""
    cleared = replace(WAS.cleared, psbt=with_pair(WAS.psbt, place, key, b"a" * 65))
    with pytest.raises(Refused) as caught:
        attest(cleared, [ATTESTER], used=used_by(cleared))
    assert codes_of(caught) == ["device_attestation_there"]


def test_the_key_is_for_segwit_and_its_address_is_what_the_policy_names() -> None:
    made = PrivateKey(ATTESTER.secret).get_public_key()
    assert made.sec() == ATTESTER.public_key
    assert p2wpkh(made).address() == ADDRESS == ATTESTER.address(Network.MAIN)
