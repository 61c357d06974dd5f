import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from gate_psbts import with_pair
from gate_scene import honest, scene
from world_coins import book_of, wallet_of

from sekisho.gate.correspond import correspond
from sekisho.gate.read_embit import read_with_embit
from sekisho.gate.reading import PSBT_SIZE_MAX_BYTES, psbt_bytes, read_psbt
from sekisho.kernel.errors import BadInputError
from sekisho.passes.records import Transfer

VECTORS = Path(__file__).parents[1] / "vectors" / "gate"
BIPS: list[dict[str, Any]] = json.loads((VECTORS / "bips.json").read_text())["cases"]
HWI: dict[str, Any] = json.loads((VECTORS / "hwi.json").read_text())

SPENDS_NOTHING = {
    "PSBT with global unsigned tx that has 0 inputs and 0 outputs",
    "PSBT with 0 inputs",
}
"""Valid for a Creator, who adds inputs later. The second reader takes the count 0 for the marker
of a segwit transaction, and a gate has nothing to say of a transaction that spends nothing."""


def cases(*judgements: str) -> list[Any]:
    return [
        pytest.param(each, id=f"BIP-{each['bip']} {each['comment']}")
        for each in BIPS
        if each["judgement"] in judgements
    ]


def reasons(psbt: str) -> list[str]:
    """Return the codes of the refusal; empty if the PSBT is read."""
    try:
        _, findings = read_psbt(psbt_bytes(psbt.encode(), "vector"), "vector")
    except BadInputError:
        return ["not a PSBT at all"]
    return [each.code for each in findings]


def test_every_vector_of_the_bips_is_here() -> None:
    counts = [sum(each["bip"] == bip for each in BIPS) for bip in (174, 370, 371)]
    assert counts == [34, 48, 17]


@pytest.mark.parametrize("case", cases("invalid"))
def test_what_a_bip_calls_invalid_is_never_read(case: dict[str, Any]) -> None:
    assert reasons(case["psbt"])


@pytest.mark.parametrize("case", cases("valid", "fails_signer"))
def test_what_a_bip_calls_valid_is_read_alike_by_both_readers(case: dict[str, Any]) -> None:
    expected = ["gate.psbt_unreadable"] if case["comment"] in SPENDS_NOTHING else []
    assert reasons(case["psbt"]) == expected


@pytest.mark.parametrize("case", [each for each in BIPS if "locktime" in each])
def test_the_locktime_is_determined_as_bip_370_says(case: dict[str, Any]) -> None:
    read, _ = read_psbt(psbt_bytes(case["psbt"].encode(), "vector"), "vector")
    assert read is not None
    assert read.transaction.locktime == case["locktime"]


def test_the_second_reader_knows_too_when_no_locktime_will_do() -> None:
    [case] = [each for each in BIPS if each["comment"].endswith("LOCKTIME of 1657048460")][-1:]
    assert case["judgement"] == "invalid"
    with pytest.raises(BadInputError, match="no locktime satisfies every input"):
        read_with_embit(psbt_bytes(case["psbt"].encode(), "vector"), "vector")


@pytest.mark.parametrize("psbt", HWI["invalid"])
def test_what_hwi_calls_invalid_is_never_read(psbt: str) -> None:
    assert reasons(psbt)


@pytest.mark.parametrize("psbt", HWI["valid"])
def test_what_hwi_calls_valid_is_read_alike_by_both_readers(psbt: str) -> None:
    assert reasons(psbt) == []


OF_THE_VECTORS = {
    "legacy": "sh(multi(2,029583bf39ae0a609747ad199addd634fa6108559d6c5cd39b4c2183f1ab96e07f,"
    "02dab61ff49a14db6a7d02b0cd1fbb78fc4b18312b5b4e54dae4dba2fbfef536d7))",
    "nested": "sh(wsh(multi(2,03089dc10c7ac6db54f91329af617333db388cead0c231f723379d1b99030b02dc,"
    "023add904f3d6dcf59ddb906b0dee23529b7ffb9ed50e5e86151926860221f0e73)))",
}
"""The wallets that BIP-174's vectors spend from, in the descriptors of today."""


@pytest.mark.parametrize(
    ("comment", "wallet_id", "code"),
    [
        ("A Witness UTXO is provided for a non-witness input", "legacy", "previous_missing"),
        (
            "redeemScript with non-witness UTXO does not match the scriptPubKey",
            "legacy",
            "script_not_ours",
        ),
        (
            "redeemScript with witness UTXO does not match the scriptPubKey",
            "nested",
            "previous_missing",
        ),
        (
            "witnessScript with witness UTXO does not match the redeemScript",
            "nested",
            "previous_missing",
        ),
    ],
)
def test_what_fails_a_signers_checks_fails_ours(comment: str, wallet_id: str, code: str) -> None:
    case = next(each for each in BIPS if each["comment"] == comment)
    wallets = {name: wallet_of(OF_THE_VECTORS[name], wallet_id=name) for name in OF_THE_VECTORS}
    usual = scene().asked.action
    assert isinstance(usual, Transfer)
    _, findings = correspond(
        psbt_bytes(case["psbt"].encode(), "vector"),
        usual,
        wallets[wallet_id],
        book_of(*wallets.values()),
        where="vector",
    )
    assert f"gate.{code}" in {each.code for each in findings}


# Files -------------------------------------------------------------------------------------------

HONEST = honest(scene()).psbt
WRAPPED = b"\n".join(b64encode(HONEST)[at : at + 76] for at in range(0, 10**5, 76))


@pytest.mark.parametrize(
    "file",
    [
        HONEST,
        b64encode(HONEST),
        b64encode(HONEST) + b"\n",
        b" \r\n" + b64encode(HONEST) + b"\r\n",
        WRAPPED,
        HONEST.hex().encode(),
        HONEST.hex().upper().encode() + b"\n",
    ],
    ids=["binary", "base64", "a line", "a dos line", "wrapped", "hex", "upper-case hex"],
)
def test_a_psbt_file_is_binary_base64_or_hex(file: bytes) -> None:
    assert psbt_bytes(file, "file") == HONEST


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"psbt",
        b"cHNid",
        b64encode(HONEST)[:-1] + b"!",
        b64encode(b"psbt\x00" + HONEST[5:]),
        HONEST.hex().encode()[:-1],
        HONEST.hex().encode() + b"zz",
        "７０７３６２７４ｆｆ".encode(),
        b"\xff\xfe" + HONEST.hex().encode("utf-16-le"),
        b"\x00" * 100,
    ],
)
def test_no_other_file_is_a_psbt(file: bytes) -> None:
    with pytest.raises(BadInputError):
        psbt_bytes(file, "file")


def test_a_file_too_large_to_judge_is_refused_unread() -> None:
    with pytest.raises(BadInputError, match="larger"):
        psbt_bytes(b"psbt\xff" + bytes(PSBT_SIZE_MAX_BYTES), "file")


# Two readers -------------------------------------------------------------------------------------


def test_two_readers_that_differ_read_nothing() -> None:
    # An empty taproot signature: for one reader there is none, for the other there is one.
    psbt = with_pair(HONEST, 1, b"\x13", b"")
    read, findings = read_psbt(psbt, "PSBT")
    assert read is None
    assert [str(each) for each in findings] == ["gate.readers_disagree: PSBT (field=input 0)"]


@pytest.mark.parametrize("version", [0, 2])
def test_what_both_readers_read_is_what_was_built(version: int) -> None:
    setting = scene()
    read, findings = read_psbt(honest(setting, version=version).psbt, "PSBT")
    assert findings == []
    assert read is not None
    assert (read.psbt_version, read.modifiable) == (version, 0)
    assert read.transaction == setting.unsigned
    for each, spent in zip(read.inputs, setting.funded.outputs, strict=False):
        assert each.previous == setting.funded.serialize()
        assert each.witness_utxo == spent
        assert not each.signed
