"""The people of the drill. Invented, and so are their keys: anybody can derive them.

Only the keys of the drill's approvers are invented. The exchange's keys, of which two signed the
real outflow, are public keys in the outflow's own bytes. Three of the four people sign with a
passkey, in a browser on the console's page; a software authenticator stands in for their devices
and makes real registrations and assertions. The fourth signs on a machine of their own.
The authenticator is no security device: it signs whatever it is asked to.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sekisho.drills.authenticator import Authenticator, assert_in_browser, register_in_browser
from sekisho.kernel.canonical import canonical_bytes
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.browser import (
    assertion_options,
    browser_statement,
    read_assertion,
    read_registration,
    registration_options,
)
from sekisho.passes.documents import approval_bytes
from sekisho.passes.enrolment import Ceremony, EnrolmentRule, enrol
from sekisho.passes.records import (
    Approval,
    Credential,
    CredentialKind,
    Person,
    Quorum,
    Roster,
    SignedApproval,
    Terminal,
)
from sekisho.passes.sign import sign_approval

DESK = "approval-desk"
OWN_MACHINE = "review-machine"
CONSOLE_ORIGIN = "https://console.drill.example"
CREATED_AT = datetime(2024, 4, 1, tzinfo=UTC)
EXPIRES_AT = datetime(2025, 4, 1, tzinfo=UTC)
_EXCHANGE = "Drill exchange (dmm-2024)"
_BEFORE_GENESIS = "00" * 32
"""What stands for the genesis in the enrolments from which the genesis itself is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Someone of the cast."""

    person_id: str
    department: str
    passkey: bool
    officer: bool = False


REQUESTER = Role(person_id="treasury-operator", department="operations", passkey=True)
APPROVERS = (
    Role(person_id="operations-lead", department="operations", passkey=True),
    Role(person_id="security-officer", department="security", passkey=False, officer=True),
    Role(person_id="finance-controller", department="finance", passkey=True),
)
CAST = (REQUESTER, *APPROVERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A role with what it signs with."""

    role: Role
    credential: Credential
    device: Authenticator | None
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    """Of the statements, each taken once."""

    @property
    def terminal_id(self) -> str:
        """Where the role sits."""
        return DESK if self.role.passkey else OWN_MACHINE

    def take_sequence(self, at_least: int) -> int:
        """Return the credential's next number."""
        return next(number for number in self.numbers if number >= at_least)

    def sign(self, approval: Approval) -> SignedApproval:
        """Sign as the role does: with the passkey's assertion, or with the key file."""
        if self.device is None:
            return sign_approval(approval, _key(self.role))
        document = approval_bytes(approval)
        options = assertion_options(
            document, (self.credential.handle,), console_origin=CONSOLE_ORIGIN
        )
        answer = assert_in_browser(self.device, options, CONSOLE_ORIGIN)
        assertion = read_assertion(canonical_bytes(answer), "browser's answer")
        return browser_statement(document, self.credential, assertion)


def gather_cast(roles: tuple[Role, ...] = CAST) -> tuple[Actor, ...]:
    """Return everybody with their credentials, enrolled now."""
    return tuple(_with_passkey(role) if role.passkey else _with_key_file(role) for role in roles)


def roster(actors: tuple[Actor, ...], *, journal_key: str) -> Roster:
    """Return the genesis roster: at least one each of operations, security and finance."""
    needed = Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 1)))
    return Roster(
        version=1,
        previous_digest="",
        exchange=_EXCHANGE,
        created_at=CREATED_AT,
        expires_at=EXPIRES_AT,
        departments=("finance", "operations", "security"),
        people=tuple(
            Person(
                person_id=actor.role.person_id,
                name=actor.role.person_id,
                department=actor.role.department,
                credentials=(actor.credential,),
                officer=actor.role.officer,
            )
            for actor in actors
        ),
        terminals=(
            Terminal(terminal_id=DESK, name="The approvers' desk, with the console's page"),
            Terminal(terminal_id=OWN_MACHINE, name="The security officer's own machine"),
        ),
        quorum_transfer=needed,
        quorum_admin=needed,
        console_origin=CONSOLE_ORIGIN,
        journal_key=journal_key,
    )


def _with_passkey(role: Role) -> Actor:
    """Enrol a passkey the way the console does: attested by its maker, bound to its device."""
    device = Authenticator(f"dmm-2024 {role.person_id}")
    ceremony = Ceremony(
        genesis_digest=_BEFORE_GENESIS,
        person_id=role.person_id,
        terminal_id=DESK,
        kind=CredentialKind.WEBAUTHN,
        nonce=hashlib.sha256(f"drill nonce {role.person_id}".encode()).digest(),
    )
    options = registration_options(
        ceremony,
        exchange=_EXCHANGE,
        name=role.person_id,
        known_handles=(),
        console_origin=CONSOLE_ORIGIN,
    )
    answer = register_in_browser(device, options, CONSOLE_ORIGIN)
    enrolled = enrol(
        ceremony,
        read_registration(canonical_bytes(answer), "browser's answer"),
        EnrolmentRule(roots=(TrustRoot(fmt="packed", pem=device.maker.root_pem),)),
        credential_id=f"{role.person_id}-passkey-1",
        device=f"drill-device-{role.person_id}",
        console_origin=CONSOLE_ORIGIN,
        now=CREATED_AT,
    )
    if enrolled.credential is None:
        raise RuntimeError(f"the drill's own device was refused: {enrolled.findings}")
    return Actor(role=role, credential=enrolled.credential, device=device)


def _with_key_file(role: Role) -> Actor:
    credential = Credential(
        credential_id=f"{role.person_id}-key-1",
        kind=CredentialKind.ED25519,
        public_key=_key(role).public_key().public_bytes_raw(),
    )
    return Actor(role=role, credential=credential, device=None)


def _key(role: Role) -> Ed25519PrivateKey:
    """Return the role's key, derived from its name: for drills, and for nothing else."""
    seed = hashlib.sha256(f"sekisho drill dmm-2024 {role.person_id}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)
