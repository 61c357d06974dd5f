"""Key files of approvers: an Ed25519 key under a passphrase, and the count of its uses."""

import fcntl
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from sekisho.kernel.errors import BadInputError, WorldError

_KEY_SIZE_MAX_BYTES = 16_384
_COUNT_DIGITS_MAX = 15


def make_key(path: Path, passphrase: str | None) -> bytes:
    """Write a new key to `path`, readable by its owner alone, and return the public key: 32 bytes.

    Raises `BadInputError` if there is a file already: a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    encryption: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    write_new(path, pem, mode=0o600)
    return public_key(key)


def load_key(path: Path, passphrase: str | None) -> Ed25519PrivateKey:
    """Return the key in `path`. Raises `BadInputError` for another kind, or a wrong passphrase."""
    try:
        with path.open("rb") as file:
            pem = file.read(_KEY_SIZE_MAX_BYTES)
    except OSError as error:
        raise BadInputError(str(path), f"cannot be read: {error.strerror}") from error
    try:
        key = load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError) as error:
        raise BadInputError(str(path), "is no key, or the passphrase is wrong") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInputError(str(path), "is not an Ed25519 key")
    return key


def key_is_encrypted(path: Path) -> bool:
    """Return whether the key file asks for a passphrase; false if it cannot be read."""
    try:
        with path.open("rb") as file:
            return b"ENCRYPTED" in file.read(_KEY_SIZE_MAX_BYTES)
    except OSError:
        return False


def public_key(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key (RFC 8032)."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def take_sequence(path: Path, *, at_least: int) -> int:
    """Return the next number that the key at `path` may sign under, never to be returned again.

    The count lies in `<path>.count` and is on the disk before this returns, so a crash skips a
    number and never repeats one. `at_least` is one more than the largest number that the journal
    holds of this approver, for a key file that was restored from a backup.
    """
    count_path = path.with_name(f"{path.name}.count")
    try:
        with path.open("rb") as held:
            # Two commands with one key at once must not take one number: neither would count.
            fcntl.flock(held, fcntl.LOCK_EX)
            return _counted(count_path, at_least)
    except OSError as error:
        raise WorldError(f"{count_path}: cannot be kept: {error.strerror}") from error


def _counted(count_path: Path, at_least: int) -> int:
    """Return the next number and put it on the disk. The caller holds the lock."""
    text = count_path.read_text().strip() if count_path.exists() else "0"
    if not text.isascii() or not text.isdigit() or len(text) > _COUNT_DIGITS_MAX:
        raise BadInputError(str(count_path), "is not a count")
    number = max(int(text) + 1, at_least)
    replace_file(count_path, f"{number}\n".encode())
    return number


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


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in place of what `path` holds: afterwards it is the old or the new, and whole."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
