"""Security keys over USB, on the approver's own machine: enrolling one, and signing with it.

The key knows this program as the relying party `review.sekisho.invalid`, under which no browser
can ever use it. It asks for its PIN or a fingerprint each time: a key without either is refused.

Tested through a software device behind the same library. No physical key was ever used in a test.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

from fido2.client import (
    ClientDataCollector,
    ClientError,
    Fido2Client,
    PinRequiredError,
    UserInteraction,
)
from fido2.ctap import CtapDevice, CtapError
from fido2.ctap2.base import Ctap2
from fido2.ctap2.pin import ClientPin
from fido2.hid import CtapHidDevice
from fido2.webauthn import (
    AttestationConveyancePreference,
    AuthenticatorSelectionCriteria,
    CollectedClientData,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRequestOptions,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from sekisho.kernel.errors import WorldError
from sekisho.passes.assertion import (
    REVIEW_RP_ID,
    review_client_data,
    statement_of,
    verify_statement,
)
from sekisho.passes.documents import approval_digest
from sekisho.passes.enrolment import (
    REVIEW_ORIGIN,
    Ceremony,
    Registration,
    registration_challenge,
)
from sekisho.passes.records import Credential, SignedApproval

TIMEOUT_MS = 60_000
"""How long a person has to find the key and touch it."""
_ES256, _EDDSA = -7, -8
_ERR = CtapError.ERR


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """How the person at the machine is asked."""

    ask_pin: Callable[[], str | None]
    """Returns the key's PIN, or None to give up."""
    say_touch: Callable[[], None]
    """Called when the key waits to be touched."""


def plugged_keys() -> list[CtapDevice]:
    """Return the security keys that are plugged in; raises `WorldError` if USB cannot be read."""
    try:
        return list(CtapHidDevice.list_devices())
    except OSError as error:
        raise WorldError(f"USB devices cannot be read: {error.strerror or error}") from error


def only_key(devices: list[CtapDevice]) -> CtapDevice:
    """Return the one key among those plugged in; raises `WorldError` for none or several."""
    match devices:
        case []:
            raise WorldError("no security key is plugged in: plug yours in and try again")
        case [device]:
            return device
        case _:
            raise WorldError(f"{len(devices)} security keys are plugged in: leave only yours")


def enrol_key(
    device: CtapDevice,
    ceremony: Ceremony,
    prompts: Prompts,
    *,
    known_handles: tuple[bytes, ...],
) -> Registration:
    """Make a credential on the key and return its registration, for `passes.enrolment.enrol`.

    A key that already has one of `known_handles` is refused. Raises `WorldError` with what a
    person can do about it.
    """
    options = PublicKeyCredentialCreationOptions(
        rp=PublicKeyCredentialRpEntity(id=REVIEW_RP_ID, name="Sekisho"),
        user=PublicKeyCredentialUserEntity(
            id=registration_challenge(ceremony), name=ceremony.person_id
        ),
        challenge=registration_challenge(ceremony),
        pub_key_cred_params=[
            PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=algorithm)
            for algorithm in (_ES256, _EDDSA)
        ],
        timeout=TIMEOUT_MS,
        exclude_credentials=_descriptors(known_handles),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        attestation=AttestationConveyancePreference.DIRECT,
    )
    said = CollectedClientData.create(
        type=CollectedClientData.TYPE.CREATE,
        challenge=registration_challenge(ceremony),
        origin=REVIEW_ORIGIN,
    )
    with _explained(device):
        made = _client(device, said, prompts).make_credential(options, Event())
        return Registration(
            handle=made.raw_id,
            client_data=bytes(said),
            attestation_object=bytes(made.response.attestation_object),
            transports=("usb",),
        )


def sign_with_key(
    device: CtapDevice, document: bytes, credential: Credential, prompts: Prompts
) -> SignedApproval:
    """Return the statement in `document`, signed by the key; it has been verified.

    Raises `WorldError` with what a person can do about it: not this person's key, a wrong PIN and
    how many tries are left, a locked key, no touch in time.
    """
    options = PublicKeyCredentialRequestOptions(
        challenge=approval_digest(document),
        timeout=TIMEOUT_MS,
        rp_id=REVIEW_RP_ID,
        allow_credentials=_descriptors((credential.handle,)),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    said = _ReviewSaid(review_client_data(document))
    with _explained(device):
        found = _client(device, said, prompts).get_assertion(options, Event()).get_assertions()[0]
        signed = statement_of(
            document,
            credential,
            signature=found.signature,
            authenticator_data=bytes(found.auth_data),
            client_data=bytes(said),
        )
    if verify_statement(signed, credential, console_origin="") is None:
        raise WorldError("the key returned a signature that does not hold: do not use this key")
    return signed


class _ReviewSaid(CollectedClientData):
    """Client data of our own form, of which the library needs nothing but the hash."""

    def __init__(self, said: bytes) -> None:
        """Take the bytes as they are: they name no origin, which the library would look for."""


class _Collector(ClientDataCollector):
    """Gives the library our client data and RP ID, whatever the options say."""

    def __init__(self, said: CollectedClientData) -> None:
        self._said = said

    def collect_client_data(
        self,
        options: PublicKeyCredentialCreationOptions  # noqa: ARG002 - the library's own signature
        | PublicKeyCredentialRequestOptions,
    ) -> tuple[CollectedClientData, str]:
        """Return the client data that were decided on."""
        return self._said, REVIEW_RP_ID


class _Interaction(UserInteraction):
    """Asks the person through the two functions that the caller gave."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts

    def prompt_up(self) -> None:
        """Tell the person to touch the key."""
        self._prompts.say_touch()

    def request_pin(
        self,
        permissions: ClientPin.PERMISSION,  # noqa: ARG002 - the library's own signature
        rp_id: str | None,  # noqa: ARG002 - the library's own signature
    ) -> str | None:
        """Ask for the PIN."""
        return self._prompts.ask_pin()


def _client(device: CtapDevice, said: CollectedClientData, prompts: Prompts) -> Fido2Client:
    # No extensions: they would make the authenticator data longer than is ever accepted.
    return Fido2Client(device, _Collector(said), _Interaction(prompts), extensions=[])


def _descriptors(handles: tuple[bytes, ...]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=handle)
        for handle in handles
    ]


@contextmanager
def _explained(device: CtapDevice) -> Iterator[None]:
    """Turn what the library raises into one sentence that a person can act on."""
    try:
        yield
    except PinRequiredError as error:
        raise WorldError("the key needs its PIN: nothing was signed") from error
    except ClientError as error:
        raise WorldError(_sentence(error, device)) from error
    except (CtapError, OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise WorldError("the key was unplugged, or does not answer as keys do") from error


def _sentence(error: ClientError, device: CtapDevice) -> str:
    """Return what went wrong, and what to do."""
    code = error.cause.code if isinstance(error.cause, CtapError) else None
    if code in _SENTENCES:
        return _SENTENCES[code]
    if code in {_ERR.PIN_INVALID, _ERR.UV_INVALID}:
        return f"wrong PIN: {_tries_left(device)}"
    if error.code is ClientError.ERR.TIMEOUT:
        return "the key was not touched in time: try again"
    if error.code is ClientError.ERR.CONFIGURATION_UNSUPPORTED:
        return "the key cannot verify who uses it: set a PIN on it, or use a FIDO2 key"
    return f"the key refused: {code.name if code is not None else error.code.name}"


def _tries_left(device: CtapDevice) -> str:
    try:
        retries, _ = ClientPin(Ctap2(device)).get_pin_retries()
    except (CtapError, OSError, ValueError, TypeError, KeyError):
        return "how many tries are left is unknown"
    return f"{retries} tries are left before the key locks itself"


_SENTENCES = {
    _ERR.NO_CREDENTIALS: "this key does not hold the credential: it is not this person's key",
    _ERR.CREDENTIAL_EXCLUDED: "this key is enrolled already",
    _ERR.PIN_BLOCKED: "the key is locked by too many wrong PINs: reset it and enrol it again",
    _ERR.PIN_AUTH_BLOCKED: "too many wrong PINs in a row: unplug the key, plug it in, try again",
    _ERR.UV_BLOCKED: "the key no longer takes fingerprints: use its PIN once",
    _ERR.PIN_NOT_SET: "the key has no PIN: set one on it first",
    _ERR.OPERATION_DENIED: "the key was told no: nothing was signed",
}
