"""The roster: who may approve, in which department, with which key, and how many it takes.

Read strictly, because everything else is believed on its strength: one person once in one
department, one key and one device for one person, no quorum that one department could meet.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from sekisho.journal.notes import parse_vkey
from sekisho.journal.witness.cosignatures import parse_witness_key
from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.names import look_alikes
from sekisho.passes.assertion import check_public_key, console_rp_id
from sekisho.passes.records import (
    NOBODY,
    Credential,
    CredentialKind,
    Person,
    Quorum,
    Roster,
    Terminal,
)
from sekisho.wallets.documents import check_id, read_name

FORMAT = "sekisho/roster/v1"
_HANDLE_MAX_BYTES = 1023
_PEOPLE_MAX, _CREDENTIALS_MAX = 500, 16
"""Beyond any exchange's approvers; a pass is judged again at each statement."""
_DEPARTMENTS_MIN = 2
"""No power rests with one person, or with several who share a department and a superior."""


def roster_digest(document: bytes) -> str:
    """Return the digest of canonical roster bytes: 64 hex characters."""
    return tagged_digest("roster", document).hex()


def roster_bytes(roster: Roster) -> bytes:
    """Return the canonical bytes of a roster."""
    return canonical_bytes(
        {
            "format": FORMAT,
            "version": roster.version,
            "previous_digest": roster.previous_digest,
            "exchange": roster.exchange,
            "created": format_instant(roster.created_at),
            "expires": format_instant(roster.expires_at),
            "departments": list(roster.departments),
            "people": [_person_document(person) for person in roster.people],
            "terminals": [
                {"terminal_id": terminal.terminal_id, "name": terminal.name}
                for terminal in roster.terminals
            ],
            "quorum": {
                "transfer": dict(roster.quorum_transfer.at_least),
                "admin": dict(roster.quorum_admin.at_least),
                "recovery": dict(roster.quorum_recovery.at_least),
            },
            "console_origin": roster.console_origin,
            "journal_key": roster.journal_key,
            "witnesses": list(roster.witnesses),
        }
    )


def read_roster(data: bytes, where: str) -> Roster:
    """Return the roster in canonical bytes.

    Raises `BadInputError` at the field for anything that is not exactly a roster: an id twice, a
    key of two people or one that anybody can sign for, a name that deceives or resembles another,
    a department that nobody named, a quorum that cannot be met or that one department meets.
    """
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (FORMAT,))
    quorum = fields.fields("quorum")
    roster = Roster(
        version=fields.integer("version", at_least=1, at_most=2**31),
        previous_digest=fields.hex("previous_digest", size=32, empty=True).hex(),
        exchange=read_name(fields, "exchange"),
        created_at=fields.instant("created"),
        expires_at=fields.instant("expires"),
        departments=fields.texts("departments"),
        people=fields.each("people", _read_person),
        terminals=fields.each("terminals", _read_terminal),
        quorum_transfer=_read_quorum(quorum, "transfer"),
        quorum_admin=_read_quorum(quorum, "admin"),
        quorum_recovery=_read_quorum(quorum, "recovery", empty=True),
        console_origin=fields.text("console_origin", empty=True),
        journal_key=fields.text("journal_key", empty=True),
        witnesses=fields.texts("witnesses", empty=True),
    )
    quorum.done()
    fields.done()
    _check_whole(roster, where)
    return roster


def rotation_faults(old: Roster, new: Roster) -> list[Finding]:
    """Return why `new` cannot follow `old`, whoever signed it."""
    if new.version == old.version + 1 and new.exchange == old.exchange:
        return []
    return [
        finding(
            "passes.roster_does_not_follow", new.exchange, version=new.version, last=old.version
        )
    ]


def recovery_faults(old: Roster, new: Roster) -> list[Finding]:
    """Return why `new` is no recovery of `old`: it changes more than people's credentials.

    The wider quorum that recovers lost keys must not thereby appoint people or lower a quorum.
    """
    without = tuple(replace(each, credentials=()) for each in old.people)
    same = replace(
        old,
        version=new.version,
        previous_digest=new.previous_digest,
        created_at=new.created_at,
        people=without,
    )
    faults = rotation_faults(old, new)
    if same != replace(new, people=tuple(replace(each, credentials=()) for each in new.people)):
        faults.append(finding("passes.recovery_changes_more", new.exchange, version=new.version))
    return faults


def listed_keys(roster: Roster) -> dict[str, tuple[str, CredentialKind, bytes]]:
    """Return person, kind and key of every credential on a roster, by its id."""
    return {
        credential.credential_id: (person.person_id, credential.kind, credential.public_key)
        for person in roster.people
        for credential in person.credentials
    }


def _credentials(roster: Roster) -> Iterable[tuple[str, Credential]]:
    return ((who.person_id, each) for who in roster.people for each in who.credentials)


def _check_whole(roster: Roster, where: str) -> None:
    """Raise for what no single field shows."""
    if (roster.version == 1) != (not roster.previous_digest):
        raise BadInputError(f"{where}.previous_digest", "does not go with the version")
    if roster.expires_at <= roster.created_at:
        raise BadInputError(f"{where}.expires", "is not after created")
    if roster.console_origin:
        console_rp_id(roster.console_origin, f"{where}.console_origin")
    for department in roster.departments:
        check_id(department, f"{where}.departments")
    _once(list(roster.departments), f"{where}.departments")
    if len(roster.people) > _PEOPLE_MAX:
        raise BadInputError(f"{where}.people", f"are more than {_PEOPLE_MAX}")
    if any(len(person.credentials) > _CREDENTIALS_MAX for person in roster.people):
        raise BadInputError(f"{where}.people.credentials", f"are more than {_CREDENTIALS_MAX}")
    _once([person.person_id for person in roster.people], f"{where}.people")
    _once([each.terminal_id for each in roster.terminals], f"{where}.terminals")
    _once(list(roster.witnesses), f"{where}.witnesses")
    _check_journal_keys(roster, where)
    _check_names(roster, where)
    _check_credentials(roster, f"{where}.people.credentials")
    departments = frozenset(roster.departments)
    for person in roster.people:
        if person.department not in departments:
            raise BadInputError(f"{where}.people", f"{person.department!r} is no department")
    _check_quorums(roster, f"{where}.quorum")


def _check_journal_keys(roster: Roster, where: str) -> None:
    """Check that the keys of journal and witnesses are such: one typo, and no bundle opens."""
    for each in roster.witnesses:
        parse_witness_key(each, f"{where}.witnesses")
    if roster.journal_key:
        parse_vkey(roster.journal_key, f"{where}.journal_key")


def _check_names(roster: Roster, where: str) -> None:
    """Raise for two names that a hurried approver takes for one: `yamada` and `yarnada`."""
    people, terminals = roster.people, roster.terminals
    for place, names in (
        ("departments", roster.departments),
        ("people", [each.person_id for each in people]),
        ("people", [each.name for each in people]),
        ("terminals", [each.terminal_id for each in terminals]),
        ("terminals", [each.name for each in terminals]),
    ):
        for one, other in look_alikes(names):
            raise BadInputError(f"{where}.{place}", f"{one!r} and {other!r} look alike")


def _check_credentials(roster: Roster, where: str) -> None:
    """Raise unless every key, and every device, is one person's alone."""
    credentials = [each for _, each in _credentials(roster)]
    _once([each.credential_id for each in credentials], where)
    # By the point: one key in a file and the same key in COSE are one key.
    _once([check_public_key(e.kind, e.public_key, where).hex() for e in credentials], where)
    _once([each.handle.hex() for each in credentials if each.handle], where)
    owner: dict[str, str] = {}
    for person_id, each in _credentials(roster):
        if each.device and owner.setdefault(each.device, person_id) != person_id:
            raise BadInputError(where, f"device {each.device!r} is of two people")
    if len({len(each.commitment) for each in credentials}) > 1:
        raise BadInputError(where, "some have a commitment and some have none")
    browser = any(each.kind is CredentialKind.WEBAUTHN for each in credentials)
    if browser and not roster.console_origin:
        raise BadInputError(where, "lists a passkey, and there is no console_origin to use it at")


def _check_quorums(roster: Roster, where: str) -> None:
    """Raise for a quorum that cannot be met, or that one department meets."""
    members = Counter(person.department for person in roster.people)
    recovery = roster.quorum_recovery
    for quorum in (roster.quorum_transfer, roster.quorum_admin, recovery):
        if quorum == NOBODY and quorum is recovery:
            continue
        if len(quorum.at_least) < _DEPARTMENTS_MIN:
            raise BadInputError(where, "could be met by one department")
        for department, count in quorum.at_least:
            if members[department] < count:
                raise BadInputError(
                    where, f"{department} has {members[department]} people, not {count}"
                )
    needed = [sum(dict(each.at_least).values()) for each in (recovery, roster.quorum_admin)]
    if recovery != NOBODY and needed[0] <= needed[1]:
        raise BadInputError(f"{where}.recovery", "is not wider than the admin quorum")


def _once(names: list[str], where: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise BadInputError(where, f"{name!r} stands twice")


def credential_document(each: Credential) -> Json:
    """Return a credential as the roster lists it."""
    return {
        "credential_id": each.credential_id,
        "kind": each.kind.value,
        "public_key": each.public_key.hex(),
        "handle": each.handle.hex(),
        "device": each.device,
        "attested": each.attested,
        "commitment": each.commitment.hex(),
    }


def _person_document(person: Person) -> Json:
    return {
        "person_id": person.person_id,
        "name": person.name,
        "department": person.department,
        "officer": person.officer,
        "credentials": [credential_document(each) for each in person.credentials],
    }


def _read_person(fields: Fields) -> Person:
    person = Person(
        person_id=check_id(fields.text("person_id"), fields.where("person_id")),
        name=read_name(fields, "name"),
        department=check_id(fields.text("department"), fields.where("department")),
        credentials=fields.each("credentials", read_credential),
        officer=fields.boolean("officer"),
    )
    fields.done()
    return person


def read_credential(fields: Fields) -> Credential:
    """Return a credential; raises `BadInputError` at the field that does not go with its kind."""
    kind = CredentialKind(fields.choice("kind", tuple(CredentialKind)))
    credential = Credential(
        credential_id=check_id(fields.text("credential_id"), fields.where("credential_id")),
        kind=kind,
        public_key=fields.hex("public_key"),
        handle=fields.hex("handle", empty=True),
        device=fields.text("device", empty=True),
        attested=fields.boolean("attested"),
        commitment=fields.hex("commitment", size=32, empty=True),
    )
    fields.done()
    check_public_key(kind, credential.public_key, fields.where("public_key"))
    hardware = kind is not CredentialKind.ED25519
    if hardware != bool(credential.handle) or len(credential.handle) > _HANDLE_MAX_BYTES:
        raise fields.fail("handle", "does not go with the kind")
    if hardware != bool(credential.device):
        raise fields.fail("device", "does not go with the kind")
    if credential.attested and not hardware:
        raise fields.fail("attested", "does not go with the kind")
    return credential


def _read_terminal(fields: Fields) -> Terminal:
    terminal = Terminal(
        terminal_id=check_id(fields.text("terminal_id"), fields.where("terminal_id")),
        name=read_name(fields, "name"),
    )
    fields.done()
    return terminal


def _read_quorum(fields: Fields, name: str, *, empty: bool = False) -> Quorum:
    document = fields.document(name)
    if not isinstance(document, dict) or not (document or empty):
        raise fields.fail(name, "names no department")
    inner = Fields(document, fields.where(name))
    at_least = tuple(
        (department, inner.integer(department, at_least=1, at_most=1000))
        for department in sorted(document)
    )
    return Quorum(at_least=at_least)
