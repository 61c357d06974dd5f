"""Security keys behind the library's own client: a software device where the hardware would be.

No physical key was ever used here. What is real is the client code, the CBOR, the PIN protocol and
every signature.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from devices import APPROVAL
from fido2 import cbor
from fido2.client import (
    ClientError,
    DefaultClientDataCollector,
    Fido2Client,
    UserInteraction,
)
from fido2.ctap import CtapError
from fido2.ctap2.base import Ctap2
from fido2.hid import CtapHidDevice
from fido2.webauthn import PublicKeyCredentialRequestOptions
from software_key import RETRIES_MAX, SoftwareKey

from sekisho.drills.authenticator import Algorithm, Authenticator, maker_of
from sekisho.edges.security_key import (
    Prompts,
    enrol_key,
    only_key,
    plugged_keys,
    sign_with_key,
)
from sekisho.kernel.errors import WorldError
from sekisho.passes.assertion import (
    ELIGIBLE,
    PRESENT,
    REVIEW_RP_ID,
    VERIFIED,
    review_client_data,
    verify_statement,
)
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.documents import approval_bytes
from sekisho.passes.enrolment import Ceremony, EnrolmentRule, enrol
from sekisho.passes.records import Credential, CredentialKind, Method

PIN = "271828"
DOCUMENT = approval_bytes(replace(APPROVAL, method=Method.SECURITY_KEY))
CEREMONY = Ceremony(
    genesis_digest="22" * 32,
    person_id="aoki",
    terminal_id="desk-1",
    kind=CredentialKind.FIDO2,
    nonce=bytes(32),
)
RULE = EnrolmentRule(roots=(TrustRoot(fmt="packed", pem=maker_of("aoki").root_pem),))


class Somebody:
    """A person at the machine, who counts how often they were asked."""

    def __init__(self, pin: str | None = PIN) -> None:
        self.pin = pin
        self.pins = 0
        self.touches = 0

    @property
    def prompts(self) -> Prompts:
        return Prompts(ask_pin=self._say_pin, say_touch=self._touch)

    def _say_pin(self) -> str | None:
        self.pins += 1
        return self.pin

    def _touch(self) -> None:
        self.touches += 1


def enrolled(key: SoftwareKey) -> Credential:
    registration = enrol_key(key, CEREMONY, Somebody().prompts, known_handles=())
    outcome = enrol(
        CEREMONY,
        registration,
        RULE,
        credential_id="aoki-key",
        device="SN-0001",
        console_origin="",
        now=datetime(2026, 11, 22, tzinfo=UTC),
    )
    assert outcome.findings == ()
    assert outcome.credential is not None
    return outcome.credential


def plugged(seed: str = "aoki", algorithm: Algorithm = Algorithm.ES256) -> SoftwareKey:
    return SoftwareKey(Authenticator(seed, algorithm=algorithm))


def trouble(key: SoftwareKey, of: Credential, who: Somebody | None = None) -> str:
    with pytest.raises(WorldError) as failed:
        sign_with_key(key, DOCUMENT, of, (who or Somebody()).prompts)
    return str(failed.value)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_enrolled_and_signed_with_a_pin(algorithm: Algorithm) -> None:
    key, who = plugged(algorithm=algorithm), Somebody()
    of = enrolled(key)
    assert of.kind is CredentialKind.FIDO2
    assert of.attested
    signed = sign_with_key(key, DOCUMENT, of, who.prompts)
    assert signed.client_data == review_client_data(DOCUMENT)
    found = verify_statement(signed, of, console_origin="")
    assert found is not None
    assert found.device_bound
    assert who.pins == 1
    assert who.touches >= 1


def test_a_fingerprint_does_as_well() -> None:
    key = SoftwareKey(Authenticator("aoki"), pin=None, fingerprint=True)
    of, who = enrolled(key), Somebody()
    assert verify_statement(sign_with_key(key, DOCUMENT, of, who.prompts), of, console_origin="")
    assert who.pins == 0


def test_the_key_is_known_here_under_our_name_alone() -> None:
    key = plugged()
    of = enrolled(key)
    assert key.authenticator.handles(REVIEW_RP_ID) == (of.handle,)


def test_a_key_is_enrolled_once() -> None:
    key = plugged()
    of = enrolled(key)
    with pytest.raises(WorldError, match="enrolled already"):
        enrol_key(key, CEREMONY, Somebody().prompts, known_handles=(of.handle,))


def test_another_persons_key() -> None:
    of = enrolled(plugged())
    assert "not this person's key" in trouble(plugged("baba"), of)


def test_a_wrong_pin_and_how_many_tries_are_left() -> None:
    key = plugged()
    of = enrolled(key)
    wrong = Somebody("000000")
    assert f"{RETRIES_MAX - 1} tries are left" in trouble(key, of, wrong)
    assert f"{RETRIES_MAX - 2} tries are left" in trouble(key, of, wrong)
    assert f"{RETRIES_MAX - 3} tries are left" in trouble(key, of, wrong)
    assert "unplug the key" in trouble(key, of, wrong)
    key.wrong_in_a_row = 0  # unplugged, and plugged in again
    assert verify_statement(
        sign_with_key(key, DOCUMENT, of, Somebody().prompts), of, console_origin=""
    )


def test_a_locked_key() -> None:
    key = plugged()
    of = enrolled(key)
    key.retries = 1
    assert "locked" in trouble(key, of, Somebody("000000"))
    assert "locked" in trouble(key, of), "the right PIN is no help any more"


@pytest.mark.parametrize("pin", [None, ""])
def test_a_person_who_gives_no_pin(pin: str | None) -> None:
    key = plugged()
    of = enrolled(key)
    assert "needs its PIN" in trouble(key, of, Somebody(pin))


def test_nobody_touches_the_key() -> None:
    key = plugged()
    of = enrolled(key)
    key.touched = False
    assert "not touched in time" in trouble(key, of)


def test_a_key_that_cannot_verify_its_user() -> None:
    key = SoftwareKey(Authenticator("aoki"), pin=None)
    with pytest.raises(WorldError, match="set a PIN"):
        enrol_key(key, CEREMONY, Somebody().prompts, known_handles=())


def test_a_key_that_is_pulled_out() -> None:
    key = plugged()
    of = enrolled(key)
    key.unplugged = True
    assert "unplugged" in trouble(key, of)


def test_no_key_or_several() -> None:
    with pytest.raises(WorldError, match="no security key"):
        only_key([])
    with pytest.raises(WorldError, match="2 security keys"):
        only_key([plugged(), plugged("baba")])
    key = plugged()
    assert only_key([key]) is key


def test_usb_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: type[CtapHidDevice]) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(CtapHidDevice, "list_devices", classmethod(refuse))
    with pytest.raises(WorldError, match="Permission denied"):
        plugged_keys()


def test_the_keys_that_are_plugged_in_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    key = plugged()
    monkeypatch.setattr(CtapHidDevice, "list_devices", classmethod(lambda _: iter((key,))))
    assert plugged_keys() == [key]


def signature_of(answer: bytes) -> bytes:
    decoded = cbor.decode(answer)
    assert isinstance(decoded, dict)
    return cbor.encode({**decoded, 3: decoded[3][:-1] + bytes((decoded[3][-1] ^ 1,))})


def shorter(answer: bytes) -> bytes:
    return answer[:-5]


def nothing(_: bytes) -> bytes:
    return b""


def garbage(_: bytes) -> bytes:
    return b"\xff" * 9


def endless(_: bytes) -> bytes:
    return b"\x9b" + b"\xff" * 8


@pytest.mark.parametrize(
    ("command", "alter"),
    [
        (Ctap2.CMD.GET_ASSERTION, signature_of),
        *((Ctap2.CMD.GET_ASSERTION, each) for each in (shorter, nothing, garbage, endless)),
        *((Ctap2.CMD.CLIENT_PIN, each) for each in (shorter, nothing, garbage, endless)),
        *((Ctap2.CMD.GET_INFO, each) for each in (shorter, nothing, garbage, endless)),
    ],
)
def test_a_hostile_or_broken_key(command: Ctap2.CMD, alter: Callable[[bytes], bytes]) -> None:
    key = plugged()
    of = enrolled(key)
    key.answers_to_alter[command] = alter
    assert trouble(key, of)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (Ctap2.CMD.GET_ASSERTION, CtapError.ERR.PIN_INVALID, "8 tries are left"),
        (Ctap2.CMD.CLIENT_PIN, CtapError.ERR.PIN_INVALID, "tries are left is unknown"),
        (Ctap2.CMD.CLIENT_PIN, CtapError.ERR.PIN_NOT_SET, "set one on it first"),
        (Ctap2.CMD.GET_ASSERTION, CtapError.ERR.OPERATION_DENIED, "told no"),
        (Ctap2.CMD.GET_ASSERTION, CtapError.ERR.UV_BLOCKED, "use its PIN"),
        (Ctap2.CMD.GET_ASSERTION, CtapError.ERR.OTHER, "the key refused: OTHER"),
        (Ctap2.CMD.GET_ASSERTION, CtapError.ERR.ACTION_TIMEOUT, "not touched in time"),
        (Ctap2.CMD.GET_INFO, CtapError.ERR.INVALID_COMMAND, "use a FIDO2 key"),
    ],
)
def test_what_a_key_refuses_with(command: Ctap2.CMD, code: CtapError.ERR, says: str) -> None:
    key = plugged()
    of = enrolled(key)
    key.refusals[command] = code
    assert says in trouble(key, of)


@pytest.mark.parametrize("flags", [0, PRESENT, VERIFIED])
def test_a_key_that_does_not_do_what_it_was_asked(flags: int) -> None:
    key = plugged()
    of = enrolled(key)
    key.authenticator.flags = flags
    assert "does not hold" in trouble(key, of)


def test_a_key_that_may_be_copied_is_not_enrolled() -> None:
    key = SoftwareKey(Authenticator("aoki", flags=PRESENT | VERIFIED | ELIGIBLE))
    outcome = enrol(
        CEREMONY,
        enrol_key(key, CEREMONY, Somebody().prompts, known_handles=()),
        RULE,
        credential_id="aoki-key",
        device="SN-0001",
        console_origin="",
        now=datetime(2026, 11, 22, tzinfo=UTC),
    )
    assert outcome.credential is None


def test_a_browser_cannot_use_the_credential() -> None:
    """The library's own stand-in for a browser refuses the RP ID to every page but its own."""
    key = plugged()
    enrolled(key)
    client = Fido2Client(
        key, DefaultClientDataCollector("https://console.sekisho.example"), UserInteraction()
    )
    options = PublicKeyCredentialRequestOptions(challenge=bytes(32), rp_id=REVIEW_RP_ID)
    with pytest.raises(ClientError):
        client.get_assertion(options)
