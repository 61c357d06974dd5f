"""The roster: who may approve, in which department, with which key, and how many it takes.

Read strictly, because everything else is believed on its strength: one person once in one
department, one key for one person, no quorum that one department could meet.
"""

from collections import Counter

from sekisho.kernel.canonical import Json, canonical_bytes, parse_canonical
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.instants import format_instant
from sekisho.passes.records import Credential, Person, Quorum, Roster, Terminal
from sekisho.wallets.documents import check_id

FORMAT = "sekisho/roster/v1"
_DEPARTMENTS_MIN = 2
"""No power rests with one person, or with several who share a department and a superior."""

_FIELD = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = frozenset({0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8})
"""The y of the eight points of edwards25519 whose multiple by 8 is the neutral one."""


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
            },
        }
    )


def read_roster(data: bytes, where: str) -> Roster:
    """Return the roster in canonical bytes.

    Raises `BadInputError` at the field for anything that is not exactly a roster: an id twice, a
    key of two people or one that anybody can sign for, a department that nobody named, a quorum
    that cannot be met or that one department meets.
    """
    fields = Fields(parse_canonical(data, where), where)
    fields.choice("format", (FORMAT,))
    quorum = fields.fields("quorum")
    roster = Roster(
        version=fields.integer("version", at_least=1, at_most=2**31),
        previous_digest=fields.hex("previous_digest", size=32, empty=True).hex(),
        exchange=fields.text("exchange"),
        created_at=fields.instant("created"),
        expires_at=fields.instant("expires"),
        departments=fields.texts("departments"),
        people=fields.each("people", _read_person),
        terminals=fields.each("terminals", _read_terminal),
        quorum_transfer=_read_quorum(quorum, "transfer"),
        quorum_admin=_read_quorum(quorum, "admin"),
    )
    quorum.done()
    fields.done()
    _check_whole(roster, where)
    return roster


def _check_whole(roster: Roster, where: str) -> None:
    """Raise for what no single field shows."""
    if (roster.version == 1) != (not roster.previous_digest):
        raise BadInputError(f"{where}.previous_digest", "does not go with the version")
    if roster.expires_at <= roster.created_at:
        raise BadInputError(f"{where}.expires", "is not after created")
    for department in roster.departments:
        check_id(department, f"{where}.departments")
    credentials = [each for person in roster.people for each in person.credentials]
    _once(list(roster.departments), f"{where}.departments")
    _once([person.person_id for person in roster.people], f"{where}.people")
    _once([each.terminal_id for each in roster.terminals], f"{where}.terminals")
    _once([each.credential_id for each in credentials], f"{where}.people.credentials")
    _once([each.public_key.hex() for each in credentials], f"{where}.people.credentials")
    departments = frozenset(roster.departments)
    for person in roster.people:
        if person.department not in departments:
            raise BadInputError(f"{where}.people", f"{person.department!r} is no department")
    members = Counter(person.department for person in roster.people)
    for quorum in (roster.quorum_transfer, roster.quorum_admin):
        if len(quorum.at_least) < _DEPARTMENTS_MIN:
            raise BadInputError(f"{where}.quorum", "could be met by one department")
        for department, count in quorum.at_least:
            if members[department] < count:
                raise BadInputError(
                    f"{where}.quorum",
                    f"{department} has {members[department]} people, not {count}",
                )


def _once(names: list[str], where: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise BadInputError(where, f"{name!r} stands twice")


def _person_document(person: Person) -> Json:
    return {
        "person_id": person.person_id,
        "name": person.name,
        "department": person.department,
        "credentials": [
            {
                "credential_id": each.credential_id,
                "kind": each.kind,
                "public_key": each.public_key.hex(),
            }
            for each in person.credentials
        ],
    }


def _read_person(fields: Fields) -> Person:
    person = Person(
        person_id=check_id(fields.text("person_id"), fields.where("person_id")),
        name=fields.text("name"),
        department=check_id(fields.text("department"), fields.where("department")),
        credentials=fields.each("credentials", _read_credential),
    )
    fields.done()
    return person


def _read_credential(fields: Fields) -> Credential:
    credential = Credential(
        credential_id=check_id(fields.text("credential_id"), fields.where("credential_id")),
        kind=fields.choice("kind", ("ed25519",)),
        public_key=fields.hex("public_key", size=32),
    )
    fields.done()
    # Under a key of small order a signature needs no private key, and a second spelling of a key
    # (y not reduced) would be a second person's.
    y = int.from_bytes(credential.public_key, "little") % 2**255
    if y >= _FIELD or y in _SMALL_ORDER:
        raise fields.fail("public_key", "is no key that only its holder can sign for")
    return credential


def _read_terminal(fields: Fields) -> Terminal:
    terminal = Terminal(
        terminal_id=check_id(fields.text("terminal_id"), fields.where("terminal_id")),
        name=fields.text("name"),
    )
    fields.done()
    return terminal


def _read_quorum(fields: Fields, name: str) -> Quorum:
    document = fields.document(name)
    if not isinstance(document, dict) or not document:
        raise fields.fail(name, "names no department")
    inner = Fields(document, fields.where(name))
    at_least = tuple(
        (department, inner.integer(department, at_least=1, at_most=1000))
        for department in sorted(document)
    )
    return Quorum(at_least=at_least)
