"""Tickets: leave for one person to enrol one passkey, once and soon.

A ticket grants nothing but a try. What comes of it is a credential in a file, which counts for
nothing until a quorum puts a roster in force that lists it. The journal holds the digest of the
ticket's code and never the code, so whoever reads the journal cannot enrol in another's place.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sekisho.journal.records import Draft, Entry
from sekisho.kernel.canonical import Json
from sekisho.kernel.digest import tagged_digest
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Finding, Refused, bounded_findings, finding
from sekisho.kernel.instants import format_instant
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.enrolment import Ceremony, Enrolled, Registration
from sekisho.passes.records import Credential
from sekisho.passes.roster import credential_document, read_credential
from sekisho.wallets.documents import check_id

INVITED = "credential.invited"
ENROLLED = "credential.enrolled"
SECRET_BYTES = 32
_CODE_MAX = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Who may enrol which device, under which name, at which terminal, until when."""

    digest: str
    person_id: str
    name: str
    credential_id: str
    device: str
    """The hardware's serial number or asset tag, as whoever hands it over read it."""
    terminal_id: str
    expires_at: datetime


@dataclass(slots=True)
class Tickets:
    """The tickets of a journal, and what came of them; follows the journal entry by entry."""

    open: dict[str, Ticket] = field(default_factory=dict)
    enrolled: dict[str, Credential] = field(default_factory=dict)
    """By credential id. None of them has any power by being here."""
    used: set[str] = field(default_factory=set)

    def follow(self, entry: Entry) -> None:
        """Take in one journal entry; what cannot be read is as if it were not there."""
        try:
            if entry.kind == INVITED:
                ticket = _read_invited(entry)
                self.open.setdefault(ticket.digest, ticket)
            elif entry.kind == ENROLLED:
                digest, credential = _read_enrolled(entry)
                self.used.add(digest)
                self.enrolled.setdefault(credential.credential_id, credential)
        except BadInputError:
            return

    def take(self, code: str, *, now: datetime) -> Ticket:
        """Return the ticket of a code; raises `Refused` if it is none, used, or too late."""
        digest = ticket_digest(code) if len(code) <= _CODE_MAX else ""
        ticket = self.open.get(digest)
        if ticket is None or digest in self.used or now >= ticket.expires_at:
            raise Refused([finding("console.ticket_invalid", digest[:16] or "ticket")])
        return ticket


def ticket_code(secret: bytes) -> str:
    """Return the code of a ticket, as it is handed to its person: 43 characters."""
    return urlsafe_b64encode(secret).rstrip(b"=").decode()


def ticket_digest(code: str) -> str:
    """Return by what the journal knows a ticket's code."""
    return tagged_digest("enrolment-ticket", code.encode(errors="replace")).hex()


def invited(ticket: Ticket, *, actor: str, now: datetime) -> Draft:
    """Return the entry that records a ticket. Raises `BadInputError` for what is no id."""
    for name in ("person_id", "credential_id", "terminal_id"):
        check_id(getattr(ticket, name), name)
    body: dict[str, Json] = {
        "ticket_digest": ticket.digest,
        "person_id": ticket.person_id,
        "name": ticket.name,
        "credential_id": ticket.credential_id,
        "device": ticket.device,
        "terminal_id": ticket.terminal_id,
        "expires": format_instant(ticket.expires_at),
    }
    entry_id = make_ulid(now, bytes.fromhex(ticket.digest)[:10])
    return Draft(entry_id=entry_id, at=now, kind=INVITED, actor=actor, body=body)


def enrolled(
    ticket: Ticket,
    ceremony: Ceremony,
    registration: Registration,
    outcome: Enrolled,
    now: datetime,
) -> Draft:
    """Return the entry that records what a device said, with everything to judge it again.

    Its id follows from the ticket, so that the journal itself takes only one for each.
    """
    if outcome.credential is None or outcome.seen is None:
        raise RuntimeError("nothing was enrolled")
    seen = outcome.seen
    body: dict[str, Json] = {
        "ticket_digest": ticket.digest,
        "person_id": ceremony.person_id,
        "terminal_id": ceremony.terminal_id,
        "nonce": ceremony.nonce.hex(),
        "credential": credential_document(outcome.credential),
        "client_data": registration.client_data.hex(),
        "attestation_object": registration.attestation_object.hex(),
        "seen": {
            "fmt": seen.fmt,
            "aaguid": seen.aaguid,
            "transports": list(seen.transports),
            "sign_count": seen.sign_count,
            "backed_up": seen.backed_up,
            "device_bound": seen.device_bound,
            "attested": seen.attested,
        },
        **bounded_findings(outcome.findings),
    }
    entry_id = make_ulid(_EPOCH, tagged_digest("enrolled", bytes.fromhex(ticket.digest))[:10])
    return Draft(entry_id=entry_id, at=now, kind=ENROLLED, actor=ceremony.person_id, body=body)


def why_not_invited(tickets: Tickets, held: set[str], credential_id: str) -> list[Finding]:
    """Return why no ticket may be made for a credential id: an id means one key for ever."""
    taken = held | set(tickets.enrolled)
    return [finding("console.credential_id_taken", credential_id)] * (credential_id in taken)


def _read_invited(entry: Entry) -> Ticket:
    fields = Fields(entry.body, f"journal entry {entry.seq}")
    ticket = Ticket(
        digest=fields.hex("ticket_digest", size=32).hex(),
        person_id=check_id(fields.text("person_id"), fields.where("person_id")),
        name=fields.text("name"),
        credential_id=check_id(fields.text("credential_id"), fields.where("credential_id")),
        device=fields.text("device"),
        terminal_id=check_id(fields.text("terminal_id"), fields.where("terminal_id")),
        expires_at=fields.instant("expires"),
    )
    fields.done()
    return ticket


def _read_enrolled(entry: Entry) -> tuple[str, Credential]:
    fields = Fields(entry.body, f"journal entry {entry.seq}")
    digest = fields.hex("ticket_digest", size=32).hex()
    return digest, read_credential(fields.fields("credential"))
