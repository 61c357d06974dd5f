import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from journal_world import OTHER, SIGNER

from sekisho.journal.notes import (
    NOTE_MAX_BYTES,
    SIGNATURES_MAX,
    SignerKey,
    VerifierKey,
    is_key_name,
    parse_base64,
    parse_note,
    parse_vkey,
    sign_note,
    signed_wrongly,
)
from sekisho.kernel.errors import BadInputError

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "journal" / "notes.json").read_text()
)
VKEY: str = VECTORS["keys"]["peter"]
NOTE: str = VECTORS["signer"]["note"]


@pytest.mark.parametrize("case", VECTORS["notes"], ids=lambda case: case["comment"])
def test_published_notes(case: dict[str, Any]) -> None:
    key = parse_vkey(VECTORS["keys"][case["key"]], "key")
    note = parse_note(case["note"].encode(), "note")
    assert [each.code for each in signed_wrongly(note, key, "note")] == case["findings"]


@pytest.mark.parametrize("case", VECTORS["malformed"], ids=lambda case: case["comment"])
def test_published_malformed_notes(case: dict[str, Any]) -> None:
    with pytest.raises(BadInputError):
        parse_note(case["note"].encode(), "note")


def test_signing_gives_the_published_bytes() -> None:
    _, _, name, _, material = VECTORS["signer"]["skey"].split("+", 4)
    seed = base64.b64decode(material)[1:]
    signer = SignerKey(name=name, private_key=Ed25519PrivateKey.from_private_bytes(seed))
    assert sign_note(VECTORS["signer"]["text"], [signer]).decode() == NOTE
    assert str(signer.verifier) == VKEY


@pytest.mark.parametrize("text", VECTORS["keys"].values())
def test_published_keys_are_read_and_written_back(text: str) -> None:
    assert str(parse_vkey(text, "key")) == text
    assert parse_vkey(text + "\n", "key") == parse_vkey(text, "key")


@pytest.mark.parametrize("case", VECTORS["bad_keys"], ids=lambda case: case["comment"])
def test_published_bad_keys(case: dict[str, Any]) -> None:
    with pytest.raises(BadInputError):
        parse_vkey(case["key"], "key")


def test_no_part_of_a_key_is_a_key() -> None:
    for start in range(len(VKEY)):
        for end in range(start, len(VKEY) + 1):
            if (start, end) != (0, len(VKEY)):
                with pytest.raises(BadInputError):
                    parse_vkey(VKEY[start:end], "key")


@pytest.mark.parametrize("at", range(len(VKEY)))
def test_a_key_with_one_character_changed_is_no_key(at: int) -> None:
    with pytest.raises(BadInputError):
        parse_vkey(f"{VKEY[:at]}{chr(ord(VKEY[at]) + 1)}{VKEY[at + 1 :]}", "key")


@pytest.mark.parametrize("at", range(len(NOTE.encode())))
def test_a_note_with_one_bit_changed_is_not_signed(at: int) -> None:
    data = bytearray(NOTE.encode())
    data[at] ^= 1
    key = parse_vkey(VKEY, "key")
    try:
        note = parse_note(bytes(data), "note")
    except BadInputError:
        return
    assert signed_wrongly(note, key, "note")


def test_a_false_signature_of_a_known_key_condemns_a_note_with_a_true_one() -> None:
    true, false = sign_note("a\n", [SIGNER]), sign_note("b\n", [SIGNER])
    line = false.decode().splitlines()[-1] + "\n"
    key = SIGNER.verifier
    for data in (true + line.encode(), f"a\n\n{line}".encode() + true.split(b"\n\n")[1]):
        note = parse_note(data, "note")
        assert len(note.signatures) == 2
        found = signed_wrongly(note, key, "note.txt")
        assert [each.code for each in found] == ["journal.note_signature_wrong"]
        assert found[0].subject == "note.txt"


def test_a_key_with_our_name_and_a_key_with_our_id_are_other_keys() -> None:
    note = parse_note(sign_note("a\n", [SIGNER, OTHER]), "note")
    assert signed_wrongly(note, SIGNER.verifier, "note") == []
    assert signed_wrongly(note, OTHER.verifier, "note") == []
    # The same key under another name has another id, and signs as somebody else.
    renamed = VerifierKey(name="elsewhere.example", public_key=SIGNER.verifier.public_key)
    assert [each.code for each in signed_wrongly(note, renamed, "note")] == [
        "journal.note_unsigned"
    ]


def test_the_text_ends_at_the_last_empty_line() -> None:
    text = "one\n\ntwo\n\n\n"
    data = sign_note(text, [SIGNER])
    note = parse_note(data, "note")
    assert note.text == text
    assert signed_wrongly(note, SIGNER.verifier, "note") == []


def test_sixteen_large_signatures_are_read_and_too_many_or_too_large_are_not() -> None:
    blob = base64.b64encode(b"\0\0\0\1" + b"s" * 5000).decode()
    line = f"\u2014 witness.example {blob}\n"
    note = sign_note("a\n", [SIGNER]).decode()
    assert len(parse_note((note + line * 16).encode(), "note").signatures) == 17
    short = "\u2014 witness.example AAAAAXM=\n"
    parse_note((note + short * (SIGNATURES_MAX - 1)).encode(), "note")
    with pytest.raises(BadInputError, match="signatures"):
        parse_note((note + short * SIGNATURES_MAX).encode(), "note")
    with pytest.raises(BadInputError, match="larger"):
        parse_note(b"a" * NOTE_MAX_BYTES + note.encode(), "note")


@pytest.mark.parametrize(
    "line",
    [
        "\u2014 name",
        "\u2014 name ",
        "\u2014  AAAAAXM=",
        "\u2014 na+me AAAAAXM=",
        "\u2014 na\u3000me AAAAAXM=",
        "- name AAAAAXM=",
        "\u2014name AAAAAXM=",
        "\u2014 name AAAAAQ==",  # a key id and no signature
        "\u2014 name AAAAAXM",
        "\u2014 name AAAAAXN=",  # bits that are not part of any byte
        "\u2014 name AAAA AXM=",
        "\u2014 name AAAAAXM=\t",
        "\u2014 name ＡAAAAXM=",
    ],
)
def test_what_is_no_signature_line(line: str) -> None:
    with pytest.raises(BadInputError):
        parse_note(f"text\n\n{line}\n".encode(), "note")


def test_what_is_no_utf_8() -> None:
    with pytest.raises(BadInputError, match="UTF-8 at byte 0"):
        parse_note(b"\xff" + NOTE.encode(), "note")


@pytest.mark.parametrize("text", ["", "no newline", "control\x07\n"])
def test_what_cannot_be_read_back_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match="note"):
        sign_note(text, [SIGNER])


def test_a_note_needs_a_signer_with_a_proper_name() -> None:
    with pytest.raises(BadInputError):
        sign_note("a\n", [])
    with pytest.raises(BadInputError):
        sign_note("a\n", [SignerKey(name="no name", private_key=SIGNER.private_key)])


def test_a_key_does_not_show_its_secret() -> None:
    assert "private" not in repr(SIGNER)


def test_an_algorithm_other_than_ed25519_is_refused() -> None:
    encoded = base64.b64encode(b"\x04" + SIGNER.verifier.public_key).decode()
    with pytest.raises(BadInputError, match="Ed25519"):
        parse_vkey(f"witness.example+00000000+{encoded}", "key")


@given(st.text(max_size=40).filter(lambda text: text.isprintable()), st.booleans())
def test_what_is_signed_is_read_back(text: str, other: bool) -> None:  # noqa: FBT001 - drawn
    signers = [SIGNER, OTHER] if other else [SIGNER]
    note = parse_note(sign_note(f"{text}\n", signers), "note")
    assert note.text == f"{text}\n"
    assert [each.name for each in note.signatures] == [each.name for each in signers]
    assert signed_wrongly(note, SIGNER.verifier, "note") == []
    assert bool(signed_wrongly(note, OTHER.verifier, "note")) is not other


@given(st.text(max_size=8))
def test_key_names(text: str) -> None:
    good = bool(text) and "+" not in text and not any(c.isspace() or c < " " for c in text)
    assert is_key_name(text) is good


@given(st.binary(max_size=20))
def test_base64_has_one_spelling(data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    assert parse_base64(encoded, "here") == data
    for other in (encoded + "\n", encoded + "=", " " + encoded, encoded + "A"):
        with pytest.raises(BadInputError):
            parse_base64(other, "here")
