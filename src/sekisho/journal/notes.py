"""C2SP signed-note: a text, and who signed it (https://c2sp.org/signed-note).

Reading is strict and bounded. Only Ed25519 (signature type 0x01) is signed and verified here.
Signatures by unknown keys are ignored, as the specification wants, so that witnesses may add
theirs.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, finding

NOTE_MAX_BYTES = 512 * 1024
SIGNATURES_MAX = 64
"""The specification asks for at least 16; a post-quantum signature has nearly 5 kB."""
_ED25519 = b"\x01"
_DASH = "\u2014 "


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line, not yet verified."""

    name: str
    key_id: bytes
    """Four bytes: with the name it says which key, but it is no hash to rely on."""
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note as it was read: its text must be ignored until `signed_wrongly` finds nothing."""

    text: str
    """What is signed, final newline included."""
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A key that a verifier has pinned: a name and an Ed25519 public key."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, type and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:4]

    def __str__(self) -> str:
        key = base64.b64encode(_ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerKey:
    """A key that signs notes under a name."""

    name: str
    private_key: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> VerifierKey:
        """The key by which others verify."""
        return VerifierKey(
            name=self.name, public_key=self.private_key.public_key().public_bytes_raw()
        )


def parse_vkey(text: str, where: str) -> VerifierKey:
    """Return the key that `text` (`<name>+<8 hex>+<base64>`) writes.

    Raises `BadInputError` at `where` for another form, a type other than Ed25519, or a key id
    that is not the hash of the key beside it.
    """
    parts = text.removesuffix("\n").split("+", 2)
    if len(parts) != 3 or not is_key_name(parts[0]):
        raise BadInputError(where, "is not a verifier key: <name>+<8 hex digits>+<base64>")
    name, key_id, encoded = parts
    material = parse_base64(encoded, where)
    if len(material) != 33 or material[:1] != _ED25519:
        raise BadInputError(where, "is not an Ed25519 verifier key (type 1, 32 bytes)")
    key = VerifierKey(name=name, public_key=material[1:])
    if key_id != key.key_id.hex():
        raise BadInputError(
            where, f"has key id {key_id[:16]!r}, but its key has {key.key_id.hex()}"
        )
    return key


def parse_note(data: bytes, where: str) -> Note:
    """Return the note in `data`. Nothing is verified yet.

    Raises `BadInputError` at `where` unless it is a text ending in a newline, an empty line, and
    one or more signature lines, in UTF-8 without control characters, within the bounds above.
    """
    if len(data) > NOTE_MAX_BYTES:
        raise BadInputError(where, f"is larger than {NOTE_MAX_BYTES} bytes")
    try:
        note = data.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        raise BadInputError(where, f"is not UTF-8 at byte {error.start}") from error
    if any(character < " " and character != "\n" for character in note):
        raise BadInputError(where, "holds a control character")
    text, separator, block = note.rpartition("\n\n")
    if not separator or not block.endswith("\n"):
        raise BadInputError(where, "is no signed note: text, empty line, signature lines")
    lines = block.removesuffix("\n").split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise BadInputError(where, f"has more than {SIGNATURES_MAX} signatures")
    return Note(
        text=text + "\n",
        signatures=tuple(
            _parse_signature(line, f"{where}, signature {number}")
            for number, line in enumerate(lines, start=1)
        ),
    )


def signed_wrongly(note: Note, key: VerifierKey, where: str) -> list[Finding]:
    """Return why `note` does not count as signed by `key`; nothing means that it does.

    A signature that names this key and does not verify condemns the whole note, even when
    another one verifies. Signatures by other keys are not looked at.
    """
    ours = [each for each in note.signatures if _names(each, key)]
    if not ours:
        return [finding("journal.note_unsigned", where, key=key.name, key_id=key.key_id.hex())]
    verifier = Ed25519PublicKey.from_public_bytes(key.public_key)
    for each in ours:
        try:
            verifier.verify(each.signature, note.text.encode())
        except InvalidSignature:
            return [
                finding(
                    "journal.note_signature_wrong", where, key=key.name, key_id=key.key_id.hex()
                )
            ]
    return []


def sign_note(text: str, signers: Sequence[SignerKey]) -> bytes:
    """Return `text` signed by each of `signers`, in order.

    Raises `ValueError` for a text that could not be read back: no final newline, a control
    character, no signer, or a name that no key may have.
    """
    lines = []
    for signer in signers:
        signature = signer.private_key.sign(text.encode())
        blob = base64.b64encode(signer.verifier.key_id + signature).decode()
        lines.append(f"{_DASH}{signer.name} {blob}\n")
    data = f"{text}\n{''.join(lines)}".encode()
    if not text.endswith("\n") or parse_note(data, "note to be signed").text != text:
        raise ValueError("the text of a note ends in a newline")
    return data


def is_key_name(text: str) -> bool:
    """Return whether a key may have this name: not empty, no space of any kind, no plus."""
    return bool(text) and not any(
        character.isspace() or character == "+" or character < " " for character in text
    )


def parse_base64(text: str, where: str) -> bytes:
    """Return the bytes of standard base64 in its one spelling, else raise `BadInputError`."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise BadInputError(where, f"{text[:40]!r} is not base64") from error
    if base64.b64encode(data).decode() != text:
        raise BadInputError(where, f"{text[:40]!r} is not the one base64 spelling of its bytes")
    return data


def _parse_signature(line: str, where: str) -> Signature:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator or not is_key_name(name):
        raise BadInputError(where, "is not an em dash, a key name, and a signature")
    blob = parse_base64(encoded, where)
    if len(blob) < 5:
        raise BadInputError(where, "is shorter than a key id and a signature")
    return Signature(name=name, key_id=blob[:4], signature=blob[4:])


def _names(signature: Signature, key: VerifierKey) -> bool:
    return (signature.name, signature.key_id) == (key.name, key.key_id)
