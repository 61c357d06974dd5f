"""Keys that anybody can sign for: why they must not be on a roster, and that they cannot be.

The points of small order and their encodings are worked out here, by the arithmetic of RFC 8032,
so that they are not merely the list that the source has.
"""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from document_paths import changed, place
from edwards import D, L, P, Point, multiple
from world_people import key_of, roster

from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.passes.roster import read_roster, roster_bytes

DOCUMENT = parse_json(roster_bytes(roster()), "roster")


def refusal(document: Json) -> BadInputError:
    with pytest.raises(BadInputError) as refused:
        read_roster(canonical_bytes(document), "roster")
    return refused.value


def points_of_small_order() -> set[Point]:
    """Return the points whose multiple by 8 is the neutral one, found by arithmetic."""
    found: set[Point] = set()
    y = 2
    while len(found) < 8:
        square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        if x * x % P != square:
            x = x * pow(2, (P - 1) // 4, P) % P
        if x * x % P == square:
            found.add(multiple((x, y), L))
            found.add(multiple((P - x, y), L))
        y += 1
    return found


def encodings_of(point: Point) -> list[bytes]:
    """Return every encoding that some decoder takes for the point: y may be given unreduced."""
    _, y = point
    whole = [value for value in (y, y + P) if value < 2**255]
    return [(value | sign << 255).to_bytes(32, "little") for value in whole for sign in (0, 1)]


WEAK = sorted({each for point in points_of_small_order() for each in encodings_of(point)})


def signs_anything(public_key: bytes) -> bool:
    """Does a signature that nobody made, s = 0 and R of small order, hold for some message?"""
    return any(
        _holds(public_key, r + bytes(32), bytes((number,))) for r in WEAK for number in range(8)
    )


def _holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except Exception:  # noqa: BLE001 - whatever it is, it is no
        return False
    return True


def test_the_attack_is_real() -> None:
    assert len(WEAK) == 14
    assert all(signs_anything(each) for each in WEAK)
    assert not signs_anything(key_of("aoki").public_key().public_bytes_raw())


@pytest.mark.parametrize("public_key", WEAK, ids=bytes.hex)
def test_a_key_that_anybody_can_sign_for_is_no_credential(public_key: bytes) -> None:
    path: list[str | int] = ["people", 0, "credentials", 0, "public_key"]
    found = refusal(changed(DOCUMENT, path, public_key.hex()))
    assert found.where == place("roster", path)
    assert "only its holder" in found.reason


def test_a_second_spelling_of_a_key_is_refused() -> None:
    path: list[str | int] = ["people", 0, "credentials", 0, "public_key"]
    for y in range(P, 2**255):
        found = refusal(changed(DOCUMENT, path, y.to_bytes(32, "little").hex()))
        assert found.where == place("roster", path)
