"""The people of the drill. Invented, and so are their keys: anybody can derive them.

Only the keys of the drill's approvers are invented. The exchange's keys, of which two signed the
real outflow, are public keys in the outflow's own bytes.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sekisho.passes.records import Credential, Person, Quorum, Roster, Terminal

TERMINAL = "approval-terminal-1"
CREATED_AT = datetime(2024, 4, 1, tzinfo=UTC)
EXPIRES_AT = datetime(2025, 4, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Someone of the cast."""

    person_id: str
    department: str

    @property
    def key(self) -> Ed25519PrivateKey:
        """Return the role's key, derived from its name: for drills, and for nothing else."""
        seed = hashlib.sha256(f"sekisho drill dmm-2024 {self.person_id}".encode()).digest()
        return Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        """Return the 32 bytes of the public key."""
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


REQUESTER = Role(person_id="treasury-operator", department="operations")
APPROVERS = (
    Role(person_id="operations-lead", department="operations"),
    Role(person_id="security-officer", department="security"),
    Role(person_id="finance-controller", department="finance"),
)
CAST = (REQUESTER, *APPROVERS)


def roster() -> Roster:
    """Return the genesis roster: at least one each of operations, security and finance."""
    needed = Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 1)))
    return Roster(
        version=1,
        previous_digest="",
        exchange="Drill exchange (dmm-2024)",
        created_at=CREATED_AT,
        expires_at=EXPIRES_AT,
        departments=("finance", "operations", "security"),
        people=tuple(
            Person(
                person_id=role.person_id,
                name=role.person_id,
                department=role.department,
                credentials=(
                    Credential(
                        credential_id=f"{role.person_id}-key-1",
                        kind="ed25519",
                        public_key=role.public_key,
                    ),
                ),
            )
            for role in CAST
        ),
        terminals=(Terminal(terminal_id=TERMINAL, name="Approval terminal 1"),),
        quorum_transfer=needed,
        quorum_admin=needed,
    )
