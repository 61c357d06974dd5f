"""What a page asks of a browser, and answers that no browser gives."""

import pytest
from devices import DOCUMENT, ORIGIN, RP_ID, challenge, passkey

from sekisho.drills.authenticator import Authenticator, assert_in_browser, register_in_browser
from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.errors import BadInputError
from sekisho.passes.assertion import base64url
from sekisho.passes.browser import (
    assertion_options,
    read_assertion,
    read_registration,
    registration_options,
)
from sekisho.passes.enrolment import Ceremony, registration_challenge
from sekisho.passes.records import CredentialKind

CEREMONY = Ceremony(
    genesis_digest="22" * 32,
    person_id="aoki",
    terminal_id="desk-1",
    kind=CredentialKind.WEBAUTHN,
    nonce=bytes(32),
)


def test_what_is_asked_for_a_registration() -> None:
    options = registration_options(
        CEREMONY, exchange="Sekisho", name="青木", known_handles=(), console_origin=ORIGIN
    )
    assert options["rp"] == {"id": RP_ID, "name": "Sekisho"}
    assert options["challenge"] == base64url(registration_challenge(CEREMONY))
    assert options["attestation"] == "direct"
    assert options["authenticatorSelection"] == {
        "residentKey": "discouraged",
        "requireResidentKey": False,
        "userVerification": "required",
    }
    assert options["pubKeyCredParams"] == [
        {"type": "public-key", "alg": -7},
        {"type": "public-key", "alg": -8},
    ]
    user = options["user"]
    assert isinstance(user, dict)
    assert "aoki" not in str(user["id"])


def test_what_is_asked_for_a_statement() -> None:
    assert assertion_options(DOCUMENT, (b"k",), console_origin=ORIGIN) == {
        "challenge": challenge(),
        "timeout": 300_000,
        "rpId": RP_ID,
        "allowCredentials": [{"type": "public-key", "id": "aw"}],
        "userVerification": "required",
    }


def test_no_options_without_a_console() -> None:
    with pytest.raises(BadInputError, match="console_origin"):
        assertion_options(DOCUMENT, (b"k",), console_origin="")


def test_a_page_of_another_origin_signs_nothing() -> None:
    device, of = passkey()
    options = assertion_options(DOCUMENT, (of.handle,), console_origin=ORIGIN)
    with pytest.raises(ValueError, match="may not use"):
        assert_in_browser(device, options, "https://evil.example")
    other = assertion_options(DOCUMENT, (b"another",), console_origin=ORIGIN)
    with pytest.raises(ValueError, match="none of these"):
        assert_in_browser(device, other, ORIGIN)


def test_the_page_of_another_origin_gets_nothing_from_the_browser() -> None:
    options = registration_options(
        CEREMONY, exchange="Sekisho", name="青木", known_handles=(b"k",), console_origin=ORIGIN
    )
    assert options["excludeCredentials"] == [{"type": "public-key", "id": "aw"}]
    with pytest.raises(ValueError, match="may not use"):
        register_in_browser(Authenticator("aoki"), options, "https://evil.example")


ANSWER = register_in_browser(
    Authenticator("aoki"),
    registration_options(
        CEREMONY, exchange="Sekisho", name="青木", known_handles=(), console_origin=ORIGIN
    ),
    ORIGIN,
)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "AAAA"},
        {"rawId": "****"},
        {"id": "AB", "rawId": "AB"},
        {"id": "A", "rawId": "A"},
        {"id": "", "rawId": ""},
        {"id": 1, "rawId": 1},
        {"id": "A" * 2000, "rawId": "A" * 2000},
        {"type": "password"},
        {"response": []},
        {"response": {}},
        {"response": {"clientDataJSON": "AA==", "attestationObject": "AAAA"}},
        {"response": {"clientDataJSON": "AAAA", "attestationObject": "A" * 30_000}},
        {"more": "x" * 70_000},
    ],
)
def test_answers_that_no_browser_gives(change: dict[str, object]) -> None:
    read_registration(canonical_bytes(ANSWER), "answer")
    answer = canonical_bytes({**ANSWER, **change})  # type: ignore[dict-item]  # foreign values
    for read in (read_registration, read_assertion):
        with pytest.raises(BadInputError):
            read(answer, "answer")
