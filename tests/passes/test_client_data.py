"""What a browser may say on the console's page, and what it says nowhere or elsewhere.

Each is signed for real by the approver's own passkey. Where the library alone would take what we
refuse, the table says so: that is why the rule is ours.
"""

import hashlib
import json

import pytest
from devices import BROWSER, DOCUMENT, ORIGIN, RP_ID, challenge, crafted, passkey
from webauthn import verify_authentication_response
from webauthn.helpers import bytes_to_base64url

from sekisho.passes.assertion import CLIENT_DATA_MAX_BYTES, verify_statement
from sekisho.passes.records import Credential, SignedApproval


def said_with(**changes: object) -> bytes:
    said = {**json.loads(BROWSER), **changes}
    return json.dumps({k: v for k, v in said.items() if v is not None}).encode()


TWO_TYPES = BROWSER.replace(b"{", b'{"type":"webauthn.create",', 1)
TWO_CHALLENGES = BROWSER.replace(b"{", b'{"challenge":"AAAA",', 1)
TWO_ORIGINS = BROWSER.replace(b"{", b'{"origin":"https://evil.example",', 1)
LAX_CHALLENGE = challenge()[:10] + "!" + challenge()[10:]
LAST = challenge()[-1]
SAME_BITS = challenge()[:-1] + chr(ord(LAST) + 1)


@pytest.mark.parametrize(
    "said",
    [
        said_with(),
        said_with(crossOrigin=None),
        said_with(other_keys_can_be_added_here="do not compare clientDataJSON against a template"),
        BROWSER.replace(b",", b", "),
    ],
    ids=["another order of spaces", "no crossOrigin", "Chrome's own key", "spaces"],
)
def test_what_browsers_may_say(said: bytes) -> None:
    device, of = passkey()
    assert verify_statement(crafted(device, of, said), of, console_origin=ORIGIN) is not None


@pytest.mark.parametrize(
    ("said", "library_takes_it"),
    [
        (said_with(type="webauthn.create"), False),
        (said_with(type="payment.get"), False),
        (said_with(type=None), False),
        (said_with(challenge="AAAA"), False),
        (said_with(challenge=None), False),
        (said_with(challenge=challenge() + "="), True),
        (said_with(challenge=LAX_CHALLENGE), True),
        (said_with(challenge=SAME_BITS), True),
        (said_with(origin="https://evil.example"), False),
        (said_with(origin="https://sekisho.example"), False),
        (said_with(origin="https://console.sekisho.example.evil.example"), False),
        (said_with(origin=ORIGIN + "/"), False),
        (said_with(origin=ORIGIN + ":8443"), False),
        (said_with(origin="http://console.sekisho.example"), False),
        (said_with(origin="https://CONSOLE.sekisho.example"), False),
        (said_with(origin="https://conso\u217ce.sekisho.example"), False),
        (said_with(origin=[ORIGIN]), False),
        (said_with(crossOrigin=True), True),
        (said_with(crossOrigin=0), True),
        (said_with(crossOrigin="false"), True),
        (said_with(topOrigin="https://evil.example"), True),
        (said_with(topOrigin=ORIGIN), True),
        (TWO_TYPES, True),
        (TWO_CHALLENGES, True),
        (TWO_ORIGINS, True),
        (b"\xef\xbb\xbf" + BROWSER, True),
        (BROWSER.decode().encode("utf-16"), True),
        (BROWSER + b"\x00", False),
        (BROWSER + b"{}", False),
        (b"[" + BROWSER + b"]", False),
        (said_with(more=1.5), True),
        (said_with(more="x" * CLIENT_DATA_MAX_BYTES), True),
        (b"", False),
        (b"null", False),
        (b'"' + BROWSER.replace(b'"', b'\\"') + b'"', False),
    ],
)
def test_what_no_browser_says_on_our_page(said: bytes, *, library_takes_it: bool) -> None:
    device, of = passkey()
    signed = crafted(device, of, said)
    assert library_alone(signed, of) == library_takes_it
    assert verify_statement(signed, of, console_origin=ORIGIN) is None


def library_alone(signed: SignedApproval, of: Credential) -> bool:
    """Would the library, without our rules, take it?"""
    b64 = bytes_to_base64url
    try:
        verify_authentication_response(
            credential={
                "id": b64(of.handle),
                "rawId": b64(of.handle),
                "type": "public-key",
                "response": {
                    "clientDataJSON": b64(signed.client_data),
                    "authenticatorData": b64(signed.authenticator_data),
                    "signature": b64(signed.signature),
                },
            },
            expected_challenge=hashlib.sha256(b"sekisho/approval/v1\n" + DOCUMENT).digest(),
            expected_rp_id=RP_ID,
            expected_origin=ORIGIN,
            credential_public_key=of.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - whatever it is, it is no
        return False
    return True
