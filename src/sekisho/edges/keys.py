"""Key files of approvers: an Ed25519 key under a passphrase, and the count of its uses.

A key file always has two slots, in random order. Each holds the same signing key, and a slot key
of its own (`passes/duress.py`), sealed under its own passphrase. One opens to the usual
passphrase. The other opens to the one for duress or, where nobody wanted that, to random bytes
that were forgotten at once: the file looks the same. Unlocking always tries both.

Sealed by scrypt (RFC 7914), which needs memory for every guess, and ChaCha20-Poly1305 (RFC 8439).

The key file never changes. `<path>.count` beside it moves on at each use, in the same way
whichever slot was opened, and never back: the count, and what makes the marks of later counts.
"""

import fcntl
import os
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sekisho.journal.store_files import sync_folder
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.kernel.fields import Fields
from sekisho.passes.duress import (
    COUNT_MAX,
    KEY_BYTES,
    Meaning,
    Opening,
    Ratchet,
    count_of,
    number_of,
    ratchet_of,
    slot_key,
    turned,
    zero_bits,
)

KEY_FORMAT = "sekisho/key-file/v2"
TRIAL_FORMAT = "sekisho/trial-key/v2"
COUNT_FORMAT = "sekisho/key-count/v1"
_OLD_KINDS = (b"-----BEGIN", b'"sekisho/key-file/v1"', b'"sekisho/trial-key/v1"')
PASSPHRASE_MIN_CHARACTERS = 12
_APART_MIN = 4
"""In how many places two passphrases must differ: a slip of the finger is no cry for help."""
_KEY_SIZE_MAX_BYTES = 16_384
_SEALED_BYTES = 2 * KEY_BYTES + 16
_NONCE = bytes(12)
"""A sealing key follows from a fresh salt and seals once, so its nonce need not differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one guess at a passphrase costs: scrypt with 2**log2_n blocks of 1 KiB."""

    log2_n: int


COST = Cost(log2_n=18)
"""256 MiB and about 0.6 s for each guess. No file may ask for more; none is made with less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockedKey:
    """A person's signing key in memory. It does not know which passphrase opened it."""

    path: Path
    private: Ed25519PrivateKey = field(repr=False)
    slot_key: bytes = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """Return the 32 bytes of the public key (RFC 8032)."""
        return public_key(self.private)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    salt: bytes
    sealed: bytes


def make_key(
    path: Path, passphrase: str, *, second_passphrase: str | None = None, cost: Cost = COST
) -> Opening:
    """Write a new key file, readable by its owner alone, and return the opening for the keepers.

    `second_passphrase` is for duress. Raises `BadInputError` for a passphrase that is too short,
    for two that are nearly the same, and if there is a file already: a key is never overwritten.
    """
    usual = _checked(passphrase, "passphrase")
    forced = secrets.token_bytes(KEY_BYTES)
    if second_passphrase is not None:
        forced = _checked(second_passphrase, "second passphrase")
        if _nearly_same(usual.decode(), forced.decode()):
            reason = f"differs from the first in fewer than {_APART_MIN} characters"
            raise BadInputError("second passphrase", reason)
    private = Ed25519PrivateKey.generate()
    opening = Opening(
        public_key=public_key(private),
        salt=secrets.token_bytes(KEY_BYTES),
        meaning=Meaning.MARKED,
        mark_key=secrets.token_bytes(KEY_BYTES),
    )
    sealed = ((usual, slot_key(opening.mark_key)), (forced, secrets.token_bytes(KEY_BYTES)))
    with ThreadPoolExecutor(max_workers=2) as both:
        slots = list(both.map(lambda each: _seal(private, each[1], each[0], cost), sealed))
    secrets.SystemRandom().shuffle(slots)
    document = canonical_bytes(
        {
            "format": KEY_FORMAT,
            "log2_n": cost.log2_n,
            "slots": [{"salt": each.salt.hex(), "sealed": each.sealed.hex()} for each in slots],
        }
    )
    _write_key(path, document, opening.mark_key)
    return opening


def make_trial_key(path: Path) -> bytes:
    """Write a key file that whoever reads it can use, for trials, and return its public key.

    There is no opening of it: a roster lists it without a commitment, and no keeper is needed.
    """
    private, mark_key = Ed25519PrivateKey.generate(), secrets.token_bytes(KEY_BYTES)
    key, slot = private.private_bytes_raw().hex(), slot_key(mark_key).hex()
    document = canonical_bytes({"format": TRIAL_FORMAT, "key": key, "slot_key": slot})
    _write_key(path, document, mark_key)
    return public_key(private)


def load_key(path: Path, passphrase: str | None) -> UnlockedKey:
    """Return the key in `path`; None opens a trial key alone.

    Raises `BadInputError` for a wrong passphrase and for what is no key file. As much is computed
    for any passphrase, and what is returned does not tell which slot it opened.
    """
    fields = _fields(path)
    if fields.choice("format", (KEY_FORMAT, TRIAL_FORMAT)) == TRIAL_FORMAT:
        secret = fields.hex("key", size=KEY_BYTES) + fields.hex("slot_key", size=KEY_BYTES)
        fields.done()
        if passphrase is not None:
            raise BadInputError(str(path), "is a key for trials and has no passphrase")
        return _unlocked(path, secret)
    cost = Cost(log2_n=fields.integer("log2_n", at_least=1, at_most=COST.log2_n))
    slots = fields.each("slots", _read_slot)
    fields.done()
    if len(slots) != 2:
        raise BadInputError(f"{path}.slots", "are not two")
    if passphrase is None:
        raise BadInputError(str(path), "opens to a passphrase alone")
    typed = _normalised(passphrase)
    with ThreadPoolExecutor(max_workers=2) as both:
        opened = list(both.map(lambda slot: _open(slot, typed, cost), slots))
    found = [each for each in opened if each is not None]
    if len(found) != 1:
        raise BadInputError(str(path), "does not open: the passphrase is wrong")
    return _unlocked(path, found[0])


def needs_passphrase(path: Path) -> bool:
    """Return whether the key file asks for a passphrase; false if it cannot be read."""
    try:
        return _fields(path).choice("format", (KEY_FORMAT, TRIAL_FORMAT)) == KEY_FORMAT
    except BadInputError:
        return False


def public_key(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key (RFC 8032)."""
    return key.public_key().public_bytes_raw()


def public_file(public: bytes, committed: bytes = b"") -> bytes:
    """Return what is handed to whoever writes the roster, in hex: key, and commitment if any."""
    return "".join(f"{each.hex()}\n" for each in (public, committed) if each).encode()


def read_public_file(data: bytes, where: str) -> tuple[bytes, bytes]:
    """Return public key and commitment; a file of one line has no commitment.

    Raises `BadInputError` at `where` for anything else than one or two lines of 32 bytes in hex.
    """
    lines = data.decode("ascii", "replace").split()
    try:
        found = [bytes.fromhex(line) for line in lines]
    except ValueError as error:
        raise BadInputError(where, "is not a public key in hex") from error
    if not 1 <= len(found) <= 2 or any(len(each) != KEY_BYTES for each in found):
        raise BadInputError(where, "is not a public key in hex, with or without a commitment")
    return found[0], found[1] if len(found) == 2 else b""


def take_sequence(key: UnlockedKey, *, at_least: int) -> int:
    """Return the next number that `key` may sign under, never to be returned again.

    `<path>.count` has moved past the number, on the disk, before this returns: a crash skips a
    number, and never repeats one nor leaves behind what made its mark. `at_least` is one more than
    the largest number that the journal holds of this approver: it wins over an older count that
    was restored. Without that file the key is of no use, and `BadInputError` is raised.
    """
    count_path = _count_path(key.path)
    try:
        with key.path.open("rb") as held:
            # Two commands with one key at once must not take one number: neither would count.
            fcntl.flock(held, fcntl.LOCK_EX)
            ratchet = _read_ratchet(count_path)
            count = max(ratchet.count, count_of(at_least - 1)) + 1
            if count > COUNT_MAX:
                reason = f"is at the end; no key signs after {COUNT_MAX}"
                raise BadInputError(str(count_path), reason)
            ratchet, count_key = turned(ratchet, count)
            replace_file(count_path, _ratchet_bytes(ratchet), mode=0o600)
    except OSError as error:
        raise WorldError(f"{count_path}: cannot be kept: {error.strerror}") from error
    return number_of(key.slot_key, count_key, count)


def _count_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.count")


def _write_key(path: Path, document: bytes, mark_key: bytes) -> None:
    """Write a new key file, and the count beside it. A count of another key stays as it is."""
    count_path = _count_path(path)
    if count_path.exists():
        raise BadInputError(str(count_path), "exists already and is never overwritten")
    write_new(path, document + b"\n", mode=0o600)
    write_new(count_path, _ratchet_bytes(ratchet_of(mark_key)), mode=0o600)


def _ratchet_bytes(ratchet: Ratchet) -> bytes:
    nodes: list[Json] = [node.hex() for node in ratchet.nodes]
    document: Json = {"format": COUNT_FORMAT, "count": ratchet.count, "nodes": nodes}
    return canonical_bytes(document) + b"\n"


def _read_ratchet(path: Path) -> Ratchet:
    if not path.exists():
        raise BadInputError(
            str(path),
            "is missing: it goes wherever its key goes. If it is lost, make a new key with "
            "`sekisho roster key` and have the roster name it",
        )
    fields = _fields(path)
    fields.choice("format", (COUNT_FORMAT,))
    count = fields.integer("count", at_least=0, at_most=COUNT_MAX)
    texts = fields.texts("nodes")
    fields.done()
    try:
        nodes = tuple(bytes.fromhex(each) for each in texts)
    except ValueError as error:
        raise BadInputError(f"{path}.nodes", "are not in hex") from error
    if len(nodes) != len(zero_bits(count)) or any(len(each) != KEY_BYTES for each in nodes):
        raise BadInputError(f"{path}.nodes", "do not go with the count")
    return Ratchet(count=count, nodes=nodes)


def _checked(passphrase: str, what: str) -> bytes:
    typed = _normalised(passphrase)
    if len(typed.decode()) < PASSPHRASE_MIN_CHARACTERS:
        raise BadInputError(what, f"has fewer than {PASSPHRASE_MIN_CHARACTERS} characters")
    return typed


def _normalised(passphrase: str) -> bytes:
    """Return the bytes of a passphrase, the same on each keyboard that can write it (NFKC)."""
    return unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")


def _nearly_same(one: str, other: str) -> bool:
    """Return whether fewer than `_APART_MIN` edits turn one text into the other (Levenshtein)."""
    above = list(range(len(other) + 1))
    for row, mine in enumerate(one, start=1):
        current = [row]
        for column, theirs in enumerate(other, start=1):
            changed = above[column - 1] + (mine != theirs)
            current.append(min(changed, above[column] + 1, current[-1] + 1))
        above = current
    return above[-1] < _APART_MIN


def _fields(path: Path) -> Fields:
    try:
        with path.open("rb") as file:
            data = file.read(_KEY_SIZE_MAX_BYTES)
    except OSError as error:
        raise BadInputError(str(path), f"cannot be read: {error.strerror}") from error
    if any(kind in data for kind in _OLD_KINDS):
        raise BadInputError(
            str(path),
            "is of a kind that is no longer read; make a new key with `sekisho roster key` "
            "and have the roster name it",
        )
    return Fields(parse_json(data, str(path)), str(path))


def _read_slot(fields: Fields) -> _Slot:
    slot = _Slot(
        salt=fields.hex("salt", size=KEY_BYTES), sealed=fields.hex("sealed", size=_SEALED_BYTES)
    )
    fields.done()
    return slot


def _seal(private: Ed25519PrivateKey, slot: bytes, passphrase: bytes, cost: Cost) -> _Slot:
    salt = secrets.token_bytes(KEY_BYTES)
    cipher = ChaCha20Poly1305(_derive(passphrase, salt, cost))
    secret = private.private_bytes_raw() + slot
    return _Slot(salt=salt, sealed=cipher.encrypt(_NONCE, secret, KEY_FORMAT.encode()))


def _open(slot: _Slot, passphrase: bytes, cost: Cost) -> bytes | None:
    cipher = ChaCha20Poly1305(_derive(passphrase, slot.salt, cost))
    try:
        return cipher.decrypt(_NONCE, slot.sealed, KEY_FORMAT.encode())
    except InvalidTag:
        return None


def _derive(passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
    scrypt = Scrypt(salt=salt, length=KEY_BYTES, n=2**cost.log2_n, r=8, p=1)
    try:
        return scrypt.derive(passphrase)
    except MemoryError as error:
        raise WorldError("not enough memory to try the passphrase: 512 MiB are needed") from error


def _unlocked(path: Path, secret: bytes) -> UnlockedKey:
    private = Ed25519PrivateKey.from_private_bytes(secret[:KEY_BYTES])
    return UnlockedKey(path=path, private=private, slot_key=secret[KEY_BYTES:])


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that must not exist yet, durably. Raises `BadInputError` if it does."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise BadInputError(str(path), "exists already and is never overwritten") from error
    except OSError as error:
        raise BadInputError(str(path), f"cannot be made: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def write_whole(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file in a folder that others fill: afterwards it is there, and whole, or not at all.

    What was there is replaced, so look before. What is being written has a name that nobody can
    know and plant there; one that was cut off leaves that name behind. No link is made, for the
    file systems of carried disks have none. Raises `BadInputError` if it cannot be written.
    """
    beside = path.with_name(f".{secrets.token_hex(8)}.new")
    try:
        write_new(beside, data, mode=mode)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise BadInputError(str(path), f"cannot be written: {error.strerror}") from error


def replace_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put `data` in place of what `path` holds: afterwards it is the old or the new, and whole."""
    beside = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)
