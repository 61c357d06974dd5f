"""What a device gives back of an attested PSBT: our own attestations, and no others."""

import pytest
from attest_world import ATTESTER, attested, attester_for, policy_of
from coldcard import returned
from gate_psbts import with_pair
from gate_returns import Sent, sent, signed

from sekisho.gate.attest import ATTESTATION_KEY, attest_output, handed_psbt
from sekisho.gate.records import Returned
from sekisho.gate.returned import judge_return
from sekisho.kernel.finding import Refused

FIRST_OUTPUT = 3
"""The map of the first output, after the global one and those of two inputs."""
WAS = sent("wsh_sortedmulti")


def judged(was: Sent, back: bytes) -> Returned | set[str]:
    handed = handed_psbt(was.cleared, [ATTESTER])
    try:
        return judge_return(was.cleared, back, wallet=was.wallet, book=was.book, handed=handed)
    except Refused as refused:
        return {each.code.removeprefix("gate.") for each in refused.findings}


@pytest.mark.parametrize("version", [0, 2])
@pytest.mark.parametrize("kind", ["wsh_sortedmulti", "wpkh", "pkh"])
def test_what_the_device_gives_back_is_accepted(kind: str, version: int) -> None:
    was = sent(kind, version=version)
    handed = attested(was).psbt
    assert handed_psbt(was.cleared, [ATTESTER]) == handed
    for back in (returned(handed), signed(handed), signed(was.psbt)):
        answer = judged(was, back)
        assert isinstance(answer, Returned)
        assert answer.complete


def test_without_the_key_no_attestation_is_taken_for_ours() -> None:
    answer = WAS.judge(returned(attested(WAS).psbt))
    assert answer == {"return_field_changed", "return_hostile"}


OTHER = attest_output(ATTESTER, 2, WAS.unsigned.outputs[2]).signature
CHANGED: dict[str, tuple[int, bytes, bytes]] = {
    "another one": (FIRST_OUTPUT, ATTESTATION_KEY, b"x"),
    "of the other output": (
        FIRST_OUTPUT,
        ATTESTATION_KEY,
        attest_output(ATTESTER, 1, WAS.unsigned.outputs[1]).signature,
    ),
    "of the change, genuine": (FIRST_OUTPUT + 2, ATTESTATION_KEY, OTHER),
    "a second one": (FIRST_OUTPUT, ATTESTATION_KEY + b"x", OTHER),
    "another subtype": (FIRST_OUTPUT, b"\xfc\x08COINKITE\x01", b"x"),
    "on an input": (1, ATTESTATION_KEY, OTHER),
    "in the global map": (0, ATTESTATION_KEY, OTHER),
}


@pytest.mark.parametrize("how", CHANGED)
def test_a_changed_or_added_attestation_is_hostile(how: str) -> None:
    back = with_pair(returned(attested(WAS).psbt), *CHANGED[how])
    assert judged(WAS, back) == {"return_field_changed", "return_hostile"}


def test_a_signature_is_looked_at_whatever_the_caps_are_by_now() -> None:
    low = attester_for(policy_of(amount_max_sat=1, period_max_sat=1))
    assert handed_psbt(WAS.cleared, [low]) == attested(WAS).psbt


def test_a_wallet_without_attester_is_handed_what_was_cleared() -> None:
    assert handed_psbt(WAS.cleared, []) == WAS.psbt
