"""C2SP signed-note: a text, and who signed it (https://c2sp.org/signed-note).

Reading is strict and bounded. Only Ed25519 (signature type 0x01) is signed and verified here; what
witnesses add (type 0x04) is read by `journal.witness`. Signatures by unknown keys are ignored, as
the specification wants, so that witnesses may add theirs.
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

from sekisho.kernel.ed25519_keys import check_ed25519_key
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
        return key_id_of(self.name, _ED25519 + self.public_key)

    def __str__(self) -> str:
        return write_vkey(self.name, _ED25519 + self.public_key)


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

    Raises `BadInputError` at `where` for another form, a type other than Ed25519, a key id that is
    not the hash of the key beside it, or a key for which anybody can sign.
    """
    name, public_key = read_vkey_of(text, _ED25519, where)
    return VerifierKey(name=name, public_key=public_key)


def read_vkey_of(text: str, type_byte: bytes, where: str) -> tuple[str, bytes]:
    """Return name and public key of a verifier key whose signature type is `type_byte`.

    Raises `BadInputError` as `parse_vkey` does.
    """
    parts = text.removesuffix("\n").split("+", 2)
    if len(parts) != 3 or not is_key_name(parts[0]):
        raise BadInputError(where, "is not a verifier key: <name>+<8 hex digits>+<base64>")
    name, key_id, encoded = parts
    material = parse_base64(encoded, where)
    if len(material) != 33 or material[:1] != type_byte:
        raise BadInputError(
            where, f"is not an Ed25519 verifier key (type {type_byte[0]}, 32 bytes)"
        )
    of_this_key = key_id_of(name, material).hex()
    if key_id != of_this_key:
        raise BadInputError(where, f"has key id {key_id[:16]!r}, but its key has {of_this_key}")
    check_ed25519_key(material[1:], where)
    return name, material[1:]


def write_vkey(name: str, material: bytes) -> str:
    """Return the verifier key of type byte and public key `material`: `<name>+<hex>+<base64>`."""
    return f"{name}+{key_id_of(name, material).hex()}+{base64.b64encode(material).decode()}"


def key_id_of(name: str, material: bytes) -> bytes:
    """Return the first four bytes of SHA-256 over name, newline, and type byte with key."""
    return hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]


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
    ours = [each for each in note.signatures if is_by(each, key.name, key.key_id)]
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
    signatures = [
        Signature(
            name=signer.name,
            key_id=signer.verifier.key_id,
            signature=signer.private_key.sign(text.encode()),
        )
        for signer in signers
    ]
    data = write_note(Note(text=text, signatures=tuple(signatures)))
    if not text.endswith("\n") or parse_note(data, "note to be signed").text != text:
        raise ValueError("the text of a note ends in a newline")
    return data


def write_note(note: Note) -> bytes:
    """Return the bytes that `parse_note` reads as `note`, if there are such bytes."""
    lines = [
        f"{_DASH}{each.name} {base64.b64encode(each.key_id + each.signature).decode()}\n"
        for each in note.signatures
    ]
    return f"{note.text}\n{''.join(lines)}".encode()


def is_by(signature: Signature, name: str, key_id: bytes) -> bool:
    """Return whether a signature says of itself that it is by the key of this name and id."""
    return (signature.name, signature.key_id) == (name, key_id)


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
