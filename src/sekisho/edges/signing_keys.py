"""Ed25519 keys of machines: in a file that only its owner reads, and never written over."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sekisho.edges.keys import write_new
from sekisho.kernel.errors import BadInputError

_KEY_MAX_BYTES = 16 * 1024


def make_signing_key(path: Path) -> bytes:
    """Make a private key in a file of its owner's, and return the public one."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_new(path, pem, mode=0o600)
    return key.public_key().public_bytes_raw()


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in a file; raises `BadInputError` if it holds none."""
    try:
        key = load_pem_private_key(read_at_most(path, _KEY_MAX_BYTES), None)
    except ValueError as error:
        raise BadInputError(str(path), "is no private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInputError(str(path), "is no Ed25519 key")
    return key


def read_at_most(path: Path, limit_bytes: int) -> bytes:
    """Return what a file holds; raises `BadInputError` if it cannot be read, or holds more."""
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise BadInputError(str(path), f"cannot be read: {error.strerror}") from error
    if len(data) > limit_bytes:
        raise BadInputError(str(path), f"is larger than {limit_bytes} bytes")
    return data
