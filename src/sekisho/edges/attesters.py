"""The keys with which a gate attests outputs to Coldcards, in its folder: one for each wallet.

attest/WALLET/key           secp256k1, of this gate alone, used for nothing else (ADR 0020)
attest/WALLET/policy.json   what the operator loaded on the device, to the byte
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from sekisho.edges.keys import replace_file, write_new
from sekisho.gate.attest import Attester
from sekisho.gate.device_policy import POLICY_MAX_BYTES, read_device_policy
from sekisho.kernel.errors import BadInputError
from sekisho.wallets.documents import check_id

_FOLDER, _KEY, _POLICY = "attest", "key", "policy.json"
_KEY_MAX_BYTES = 4096


def create_attester(folder: Path, wallet_id: str, policy_for: Callable[[bytes], bytes]) -> bytes:
    """Make the key for a wallet in a gate's folder, and return what `policy_for` makes of it.

    It is given the public key, and is kept beside the private one; both are there or neither.
    Raises `BadInputError` if there is one: devices that know it would sign nothing any more.
    """
    own = _own(folder, wallet_id)
    key = ec.generate_private_key(ec.SECP256K1())
    policy = policy_for(_public(key))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        own.parent.mkdir(mode=0o700, exist_ok=True)
        beside = Path(mkdtemp(prefix=".", dir=own.parent))
        write_new(beside / _KEY, pem, mode=0o600)
        write_new(beside / _POLICY, policy, mode=0o600)
        beside.rename(own)
    except OSError as error:
        raise BadInputError(str(own), f"cannot be made: {error.strerror}") from error
    return policy


def attestation_public_key(folder: Path, wallet_id: str) -> bytes:
    """Return the public key for a wallet; raises `BadInputError` if the gate has none for it."""
    return _public(_private(_own(folder, wallet_id) / _KEY))


def pin_device_policy(folder: Path, wallet_id: str, data: bytes) -> None:
    """Keep what the operator loads on the device, in the place of what was loaded before."""
    replace_file(_own(folder, wallet_id) / _POLICY, data, mode=0o600)


def read_attesters(folder: Path) -> tuple[Attester, ...]:
    """Return every attester of a gate's folder.

    Raises `BadInputError` for one that cannot be read: a wallet whose caps are not known must not
    be taken for one without a device.
    """
    found = sorted((folder / _FOLDER).glob("[!.]*"))
    return tuple(_attester(each) for each in found)


def _attester(own: Path) -> Attester:
    key = _private(own / _KEY)
    policy = own / _POLICY
    return Attester(
        wallet_id=own.name,
        secret=key.private_numbers().private_value.to_bytes(32, "big"),
        public_key=_public(key),
        policy=read_device_policy(_read(policy, POLICY_MAX_BYTES), str(policy)),
    )


def _own(folder: Path, wallet_id: str) -> Path:
    return folder / _FOLDER / check_id(wallet_id, "--wallet")


def _private(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(_read(path, _KEY_MAX_BYTES), None)
    except ValueError as error:
        raise BadInputError(str(path), "is no private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256K1):
        raise BadInputError(str(path), "is no secp256k1 key")
    return key


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def _read(path: Path, limit_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise BadInputError(str(path), f"cannot be read: {error.strerror}") from error
    if len(data) > limit_bytes:
        raise BadInputError(str(path), f"is larger than {limit_bytes} bytes")
    return data
