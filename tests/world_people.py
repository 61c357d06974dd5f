"""The people of the exchange that tests share, their keys and their roster.

PEOPLE (operations: aoki, baba; security: chiba, doi; finance: endo, fujii), REQUESTER (aoki, who
asks), QUORUM_PEOPLE (one of each department, without aoki), TERMINALS, ONE_OF_EACH (the quorum),
key_of and person (anybody else), roster (with any field replaced), NOW and DAY.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from journal_world import SIGNER
from world_coins import bytes_of

from sekisho.passes.records import Credential, CredentialKind, Person, Quorum, Roster, Terminal

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
"""When everything in the story happens, unless a test says otherwise."""
DAY = timedelta(days=1)


def key_of(name: str) -> Ed25519PrivateKey:
    """Return the signing key that follows from a name."""
    return Ed25519PrivateKey.from_private_bytes(bytes_of(f"signing key of {name}"))


def person(person_id: str, department: str) -> Person:
    """Return a person with one credential, `<person>-1`, whose key is `key_of(person_id)`."""
    credential = Credential(
        credential_id=f"{person_id}-1",
        kind=CredentialKind.ED25519,
        public_key=key_of(person_id).public_key().public_bytes_raw(),
    )
    return Person(
        person_id=person_id,
        name=person_id.capitalize(),
        department=department,
        credentials=(credential,),
    )


DEPARTMENTS = ("operations", "security", "finance")
PEOPLE = (
    person("aoki", "operations"),
    person("baba", "operations"),
    person("chiba", "security"),
    person("doi", "security"),
    person("endo", "finance"),
    person("fujii", "finance"),
)
REQUESTER = "aoki"
QUORUM_PEOPLE = ("baba", "chiba", "endo")
"""One of each department, the requester left out."""
TERMINALS = (
    Terminal(terminal_id="desk-1", name="Operations desk"),
    Terminal(terminal_id="desk-2", name="Security desk"),
)
ONE_OF_EACH = Quorum(at_least=(("finance", 1), ("operations", 1), ("security", 1)))


def roster(**changes: Any) -> Roster:  # noqa: ANN401 - the fields of Roster, each of its type
    """Return the genesis roster, with any of its fields replaced."""
    usual = Roster(
        version=1,
        previous_digest="",
        exchange="Hakone Exchange",
        created_at=NOW - 30 * DAY,
        expires_at=NOW + 300 * DAY,
        departments=DEPARTMENTS,
        people=PEOPLE,
        terminals=TERMINALS,
        quorum_transfer=ONE_OF_EACH,
        quorum_admin=ONE_OF_EACH,
        journal_key=str(SIGNER.verifier),
    )
    return replace(usual, **changes)
