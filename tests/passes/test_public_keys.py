"""Which public keys a roster may list: one spelling of each, of two algorithms, that are keys.

The points of small order are worked out by the arithmetic of RFC 8032 (`edwards.py`).
"""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from devices import ORIGIN, crafted, in_browser, key_file, passkey
from edwards import D, L, P, Point, multiple
from fido2 import cbor
from hypothesis import given
from hypothesis import strategies as st

from sekisho.drills.authenticator import Algorithm
from sekisho.kernel.errors import BadInputError
from sekisho.passes.assertion import check_public_key, console_rp_id, verify_statement
from sekisho.passes.records import Credential, CredentialKind

ES256 = passkey()[1].public_key
EDDSA = passkey(Algorithm.EDDSA)[1].public_key
X, Y = ES256[10:42], ES256[45:]
P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
SECP256K1 = ec.derive_private_key(7, ec.SECP256K1()).public_key().public_numbers()
DEVICES = (CredentialKind.WEBAUTHN, CredentialKind.FIDO2)


def refusal(kind: CredentialKind, public_key: bytes) -> str:
    with pytest.raises(BadInputError) as refused:
        check_public_key(kind, public_key, "roster.key")
    assert refused.value.where == "roster.key"
    return refused.value.reason


def number(value: int) -> bytes:
    return value.to_bytes(32, "big")


@pytest.mark.parametrize("kind", DEVICES)
def test_the_two_algorithms(kind: CredentialKind) -> None:
    assert check_public_key(kind, ES256, "key") == X + Y
    assert check_public_key(kind, EDDSA, "key") == EDDSA[-32:]


def test_one_key_in_a_file_and_on_a_device_is_one_key() -> None:
    in_file = check_public_key(CredentialKind.ED25519, EDDSA[-32:], "key")
    assert in_file == check_public_key(CredentialKind.WEBAUTHN, EDDSA, "key")


RS256 = cbor.encode({1: 3, 3: -257, -1: bytes.fromhex("80" * 256), -2: b"\x01\x00\x01"})
OTHER_KEYS = {
    "empty": b"",
    "the point of U2F, which the library takes": b"\x04" + X + Y,
    "RS256": RS256,
    "ES384": cbor.encode({1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)}),
    "secp256k1": cbor.encode(
        {1: 2, 3: -47, -1: 8, -2: number(SECP256K1.x), -3: number(SECP256K1.y)}
    ),
    "P-256 that says EdDSA": cbor.encode({1: 2, 3: -8, -1: 1, -2: X, -3: Y}),
    "P-256 that says RS256": cbor.encode({1: 2, 3: -257, -1: 1, -2: X, -3: Y}),
    "P-256 that says RS1": cbor.encode({1: 2, 3: -65535, -1: 1, -2: X, -3: Y}),
    "Ed25519 that says ES256": cbor.encode({1: 1, 3: -7, -1: 6, -2: EDDSA[-32:]}),
    "X25519": cbor.encode({1: 1, 3: -8, -1: 4, -2: EDDSA[-32:]}),
    "no algorithm": cbor.encode({1: 2, -1: 1, -2: X, -3: Y}),
    "compressed": cbor.encode({1: 2, 3: -7, -1: 1, -2: X, -3: True}),
    "a key more": cbor.encode({1: 2, 2: b"kid", 3: -7, -1: 1, -2: X, -3: Y}),
    "key_ops": cbor.encode({1: 2, 3: -7, 4: [2], -1: 1, -2: X, -3: Y}),
    "x twice": b"\xa6" + ES256[1:] + b"\x21\x58\x20" + X,
    "another order": b"\xa5\x03\x26\x01\x02" + ES256[5:],
    "a longer length": ES256.replace(b"\x21\x58\x20", b"\x21\x59\x00\x20"),
    "a longer number": b"\xa5\x18\x01" + ES256[2:],
    "indefinite": b"\xbf" + ES256[1:] + b"\xff",
    "tagged": b"\xd8\x18" + ES256,
    "trailing": ES256 + b"\x00",
    "x too short": cbor.encode({1: 2, 3: -7, -1: 1, -2: X[1:], -3: Y}),
    "x too long": cbor.encode({1: 2, 3: -7, -1: 1, -2: b"\x00" + X, -3: Y}),
}
NO_POINTS = {
    "off the curve": ES256[:-1] + bytes((ES256[-1] ^ 1,)),
    "nought": ES256[:10] + bytes(32) + b"\x22\x58\x20" + bytes(32),
    "of secp256k1": (ES256[:10] + number(SECP256K1.x) + b"\x22\x58\x20" + number(SECP256K1.y)),
}


@pytest.mark.parametrize("name", OTHER_KEYS)
def test_no_other_algorithm_and_no_other_spelling(name: str) -> None:
    for kind in DEVICES:
        assert "ES256 or EdDSA" in refusal(kind, OTHER_KEYS[name])
    refusal(CredentialKind.ED25519, OTHER_KEYS[name])


@pytest.mark.parametrize("name", NO_POINTS)
def test_no_point_off_the_curve(name: str) -> None:
    assert "no point of P-256" in refusal(CredentialKind.WEBAUTHN, NO_POINTS[name])


def test_a_coordinate_has_one_spelling() -> None:
    """A point with x below 2**256 - p, so that x + p is a second spelling of it."""
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    for x in range(1, 100):
        square = (x**3 - 3 * x + b) % P256
        y = pow(square, (P256 + 1) // 4, P256)
        if y * y % P256 == square:
            good = ES256[:10] + number(x) + b"\x22\x58\x20" + number(y)
            check_public_key(CredentialKind.WEBAUTHN, good, "key")
            second = ES256[:10] + number(x + P256) + b"\x22\x58\x20" + number(y)
            assert "no point" in refusal(CredentialKind.WEBAUTHN, second)
            return
    pytest.fail("no such point was found")


def small_order() -> set[Point]:
    """Return the points whose multiple by 8 is the neutral one, found by arithmetic."""
    found: set[Point] = set()
    y = 2
    while len(found) < 8:
        square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        if x * x % P != square:
            x = x * pow(2, (P - 1) // 4, P) % P
        if x * x % P == square:
            found |= {multiple((x, y), L), multiple((P - x, y), L)}
        y += 1
    return found


def test_no_key_that_anybody_can_sign_for() -> None:
    for _, y in small_order():
        for value in (y, y + P):
            for sign in (0, 1):
                if value < 2**255:
                    weak = (value | sign << 255).to_bytes(32, "little")
                    assert "only its holder" in refusal(CredentialKind.ED25519, weak)
                    assert "only its holder" in refusal(CredentialKind.FIDO2, EDDSA[:-32] + weak)


def test_half_of_all_numbers_are_no_point() -> None:
    """Against the square roots, for small y: what `pow` says must be what a root says."""
    for y in range(2, 200):
        square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        has_root = x * x % P in {square, P - square}
        encoded = y.to_bytes(32, "little")
        if has_root:
            assert check_public_key(CredentialKind.ED25519, encoded, "key") == encoded
        else:
            assert "no point" in refusal(CredentialKind.ED25519, encoded)


@pytest.mark.parametrize("public_key", [*OTHER_KEYS.values(), *NO_POINTS.values()])
def test_nothing_is_verified_under_such_a_key(public_key: bytes) -> None:
    device, of = passkey()
    signed = in_browser(device, of)
    for kind in CredentialKind:
        listed = Credential(
            credential_id="any", kind=kind, public_key=public_key, handle=of.handle
        )
        assert verify_statement(signed, listed, console_origin=ORIGIN) is None


def test_an_eddsa_signature_under_an_es256_key_and_the_reverse() -> None:
    one, of_one = passkey()
    other, of_other = passkey(Algorithm.EDDSA)
    for device, of, listed in ((one, of_one, of_other), (other, of_other, of_one)):
        assert verify_statement(in_browser(device, of), listed, console_origin=ORIGIN) is None


@given(st.binary(max_size=100))
def test_any_bytes_are_a_key_or_refused(public_key: bytes) -> None:
    for kind in CredentialKind:
        try:
            check_public_key(kind, public_key, "key")
        except BadInputError:
            continue


ORIGINS = {
    "https://console.sekisho.example": "console.sekisho.example",
    "https://console.sekisho.example:8443": "console.sekisho.example",
    "https://xn--fiqs8s.example": "xn--fiqs8s.example",
    "http://localhost:8000": "localhost",
    "https://localhost": "localhost",
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_rp_id_of_a_console(origin: str) -> None:
    assert console_rp_id(origin, "origin") == ORIGINS[origin]


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "console.sekisho.example",
        "http://console.sekisho.example",
        "HTTPS://console.sekisho.example",
        "https://Console.sekisho.example",
        "https://console.sekisho.example/",
        "https://console.sekisho.example:443",
        "https://console.sekisho.example:",
        "https://console.sekisho.example:080",
        "https://user@console.sekisho.example",
        "https://console.sekisho.example\n",
        "https://console..example",
        "https://-console.example",
        "https://c\u043ensole.example",
        "https://console",
        "https://192.0.2.1",
        "https://[2001:db8::1]",
        "http://localhost.evil.example",
        "https://review.sekisho.invalid",
        "null",
    ],
)
def test_what_is_no_origin_of_a_console(origin: str) -> None:
    with pytest.raises(BadInputError):
        console_rp_id(origin, "origin")


def test_the_helpers_here_sign_good_statements() -> None:
    """Else the refusals above would prove nothing."""
    device, of = passkey()
    assert verify_statement(in_browser(device, of), of, console_origin=ORIGIN)
    assert crafted(device, of, b"{}").signature
    signed, listed = key_file()
    assert verify_statement(signed, listed, console_origin="")
