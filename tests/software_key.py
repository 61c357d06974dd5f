"""A security key in software, behind the interface that the library has for USB devices.

It speaks CTAP 2.1 as far as the library asks: getInfo, makeCredential, getAssertion, and clientPIN
with PIN/UV protocol two. The real client code stands before it; nothing of ours is replaced.
"""

from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.ctap import STATUS, CtapDevice, CtapError
from fido2.ctap2.base import Ctap2
from fido2.ctap2.pin import ClientPin, PinProtocol, PinProtocolV2
from fido2.hid import CAPABILITY, CTAPHID
from fido2.utils import sha256

from sekisho.drills.authenticator import Authenticator
from sekisho.passes.assertion import PRESENT, VERIFIED

ERR = CtapError.ERR
RETRIES_MAX = 8
IN_A_ROW_MAX = 3
TOKEN = b"pin/uv auth token of 32 bytes..."
AGREEMENT = ec.derive_private_key(2**200 + 1, ec.SECP256R1())


class SoftwareKey(CtapDevice):
    """One key in a USB port, with a PIN or a fingerprint reader, and somebody's finger on it."""

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        pin: str | None = "271828",
        fingerprint: bool = False,
        touched: bool = True,
    ) -> None:
        self.authenticator = authenticator
        self.pin = pin
        self.fingerprint = fingerprint
        self.touched = touched
        self.unplugged = False
        self.retries = RETRIES_MAX
        self.wrong_in_a_row = 0
        self.answers_to_alter: dict[int, Callable[[bytes], bytes]] = {}
        """By command: what a hostile or broken key makes of its answer."""
        self.refusals: dict[int, CtapError.ERR] = {}
        """By command: the error that it answers with, whatever is asked."""
        self._protocol: PinProtocol = PinProtocolV2()
        self._derive: Callable[[bytes], bytes] = PinProtocolV2().kdf

    @property
    def capabilities(self) -> int:
        return int(CAPABILITY.CBOR)

    @classmethod
    def list_devices(cls) -> Iterator[CtapDevice]:
        return iter(())

    def call(
        self,
        cmd: int,
        data: bytes = b"",
        event: Event | None = None,  # noqa: ARG002 - the library's own signature
        on_keepalive: Callable[[STATUS], None] | None = None,
    ) -> bytes:
        if self.unplugged:
            raise OSError("no such device")
        assert cmd == CTAPHID.CBOR
        command, asked = data[0], cbor.decode(data[1:]) if data[1:] else {}
        assert isinstance(asked, Mapping)
        try:
            answer = self._answer(command, asked, on_keepalive)
        except CtapError as error:
            return bytes((error.code,))
        encoded = cbor.encode(answer)
        return b"\x00" + self.answers_to_alter.get(command, bytes)(encoded)

    def _answer(
        self,
        command: int,
        asked: Mapping[int, Any],
        on_keepalive: Callable[[STATUS], None] | None,
    ) -> dict[int, Any]:
        if command in self.refusals:
            raise CtapError(self.refusals[command])
        match command:
            case Ctap2.CMD.GET_INFO:
                return self._info()
            case Ctap2.CMD.CLIENT_PIN:
                return self._client_pin(asked)
            case Ctap2.CMD.MAKE_CREDENTIAL:
                return self._make_credential(asked, on_keepalive)
            case Ctap2.CMD.GET_ASSERTION:
                return self._get_assertion(asked, on_keepalive)
            case _:
                raise CtapError(ERR.INVALID_COMMAND)

    def _info(self) -> dict[int, Any]:
        options = {"rk": False, "up": True, "clientPin": self.pin is not None}
        options |= {"pinUvAuthToken": True, "uv": self.fingerprint}
        return {
            1: ["FIDO_2_1"],
            3: self.authenticator.maker.aaguid,
            4: options,
            5: 2048,
            6: [2],
            7: 4,
            8: 64,
            10: [{"type": "public-key", "alg": -7}],
        }

    def _client_pin(self, asked: Mapping[int, Any]) -> dict[int, Any]:
        match asked[2]:
            case ClientPin.CMD.GET_PIN_RETRIES:
                return {3: self.retries, 4: self.wrong_in_a_row >= IN_A_ROW_MAX}
            case ClientPin.CMD.GET_KEY_AGREEMENT:
                numbers = AGREEMENT.public_key().public_numbers()
                x, y = (each.to_bytes(32, "big") for each in (numbers.x, numbers.y))
                return {1: {1: 2, 3: -25, -1: 1, -2: x, -3: y}}
            case ClientPin.CMD.GET_TOKEN_USING_PIN:
                secret = self._shared_secret(asked[3])
                self._check_pin(self._protocol.decrypt(secret, asked[6]))
                return {2: self._protocol.encrypt(secret, TOKEN)}
            case ClientPin.CMD.GET_TOKEN_USING_UV:
                return {2: self._protocol.encrypt(self._shared_secret(asked[3]), TOKEN)}
            case _:
                raise CtapError(ERR.INVALID_SUBCOMMAND)

    def _shared_secret(self, theirs: Mapping[int, Any]) -> bytes:
        x, y = (int.from_bytes(theirs[name], "big") for name in (-2, -3))
        point = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        return self._derive(AGREEMENT.exchange(ec.ECDH(), point))

    def _check_pin(self, pin_hash: bytes) -> None:
        if self.retries == 0:
            raise CtapError(ERR.PIN_BLOCKED)
        if self.wrong_in_a_row >= IN_A_ROW_MAX:
            raise CtapError(ERR.PIN_AUTH_BLOCKED)
        if self.pin is None or pin_hash != sha256(self.pin.encode())[:16]:
            self.retries -= 1
            self.wrong_in_a_row += 1
            raise CtapError(ERR.PIN_INVALID if self.retries else ERR.PIN_BLOCKED)
        self.retries, self.wrong_in_a_row = RETRIES_MAX, 0

    def _flags(self, client_data_hash: bytes, pin_uv_param: bytes | None, *, up: bool) -> int:
        """Say of the user what was shown: a token made with the PIN, a finger on the key."""
        flags = self.authenticator.flags & ~(PRESENT | VERIFIED)
        if pin_uv_param is not None:
            if pin_uv_param != self._protocol.authenticate(TOKEN, client_data_hash):
                raise CtapError(ERR.PIN_AUTH_INVALID)
            flags |= self.authenticator.flags & VERIFIED
        return flags | (self.authenticator.flags & PRESENT if up else 0)

    def _wait_for_touch(self, on_keepalive: Callable[[STATUS], None] | None) -> None:
        if on_keepalive is not None:
            on_keepalive(STATUS.UPNEEDED)
        if not self.touched:
            raise CtapError(ERR.USER_ACTION_TIMEOUT)

    def _make_credential(
        self, asked: Mapping[int, Any], on_keepalive: Callable[[STATUS], None] | None
    ) -> dict[int, Any]:
        flags = self._flags(asked[1], asked.get(8), up=True)
        self._wait_for_touch(on_keepalive)
        known = self.authenticator.handles(asked[2]["id"])
        if any(each["id"] in known for each in asked.get(5, [])):
            raise CtapError(ERR.CREDENTIAL_EXCLUDED)
        _, made = self.authenticator.make_credential(asked[2]["id"], asked[1], flags=flags)
        attestation = cbor.decode(made)
        assert isinstance(attestation, Mapping)
        return {1: attestation["fmt"], 2: attestation["authData"], 3: attestation["attStmt"]}

    def _get_assertion(
        self, asked: Mapping[int, Any], on_keepalive: Callable[[STATUS], None] | None
    ) -> dict[int, Any]:
        up = asked.get(5, {}).get("up", True)
        flags = self._flags(asked[2], asked.get(6), up=up)
        if up:
            self._wait_for_touch(on_keepalive)
        allowed = [each["id"] for each in asked.get(3, [])]
        known = [each for each in self.authenticator.handles(asked[1]) if each in allowed]
        if not known:
            raise CtapError(ERR.NO_CREDENTIALS)
        data, signature = self.authenticator.get_assertion(known[0], asked[2], flags=flags)
        return {1: {"type": "public-key", "id": known[0]}, 2: data, 3: signature}
