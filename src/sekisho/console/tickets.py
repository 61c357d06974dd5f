"""Tickets: leave for one person to enrol one passkey, once and soon.

A ticket grants nothing but a try. What comes of it is a credential in a file, which counts for
nothing until a quorum puts a roster in force that lists it.

The journal holds the digest of a ticket's code, and the code itself only in the entry that uses it
up: so whoever reads the journal cannot enrol in another's place, and neither can whoever adds to
it. What an entry says of an enrolment is judged again by everybody who reads it: nothing in it is
believed because it stands there.
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
from sekisho.passes.enrolment import (
    Ceremony,
    Enrolled,
    EnrolmentRule,
    Registration,
    Seen,
    enrol,
    not_enrolled,
)
from sekisho.passes.records import Credential, CredentialKind
from sekisho.passes.roster import credential_document, read_credential
from sekisho.wallets.documents import check_id

INVITED = "credential.invited"
ENROLLED = "credential.enrolled"
SECRET_BYTES = 32
_CODE_MAX = 64
_COUNT_MAX = 2**32 - 1
_FINDINGS_MAX = 2**31
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What an entry says was enrolled, under the code of the ticket. Not judged yet."""

    ticket: Ticket
    nonce: bytes
    registration: Registration
    credential: Credential
    seen: Seen
    at: datetime


@dataclass(slots=True)
class Tickets:
    """The tickets of a journal, and what came of them; follows the journal entry by entry."""

    open: dict[str, Ticket] = field(default_factory=dict)
    """By the digest of its code. The first ticket for a credential id is the only one, for ever:
    a second one could put another's passkey in its place."""
    claims: dict[str, Claim] = field(default_factory=dict)
    """By credential id. None of them has any power by being here: see `judged_again`."""
    used: set[str] = field(default_factory=set)
    invited_ids: set[str] = field(default_factory=set)

    def follow(self, entry: Entry) -> None:
        """Take in one journal entry; what cannot be read is as if it were not there."""
        try:
            if entry.kind == INVITED:
                self._open(_read_invited(entry))
            elif entry.kind == ENROLLED:
                self._use(Fields(entry.body, f"journal entry {entry.seq}"), entry.at)
        except BadInputError:
            return

    def take(self, code: str, *, now: datetime) -> Ticket:
        """Return the ticket of a code; raises `Refused` if it is none, used, or too late."""
        digest = ticket_digest(code) if len(code) <= _CODE_MAX else ""
        ticket = self.open.get(digest)
        if ticket is None or digest in self.used or now >= ticket.expires_at:
            raise Refused([finding("console.ticket_invalid", digest[:16] or "ticket")])
        return ticket

    def _open(self, ticket: Ticket) -> None:
        if ticket.digest not in self.open and ticket.credential_id not in self.invited_ids:
            self.open[ticket.digest] = ticket
            self.invited_ids.add(ticket.credential_id)

    def _use(self, fields: Fields, at: datetime) -> None:
        """Use a ticket up: whatever else its entry says, everybody can read the code from now."""
        digest = ticket_digest(fields.text("ticket"))
        ticket = self.open.get(digest)
        if ticket is None or digest in self.used:
            return
        self.used.add(digest)
        claim = _read_claim(fields, ticket, at)
        if at < ticket.expires_at:
            self.claims[ticket.credential_id] = claim


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
    code: str,
    ceremony: Ceremony,
    registration: Registration,
    outcome: Enrolled,
    now: datetime,
) -> Draft:
    """Return the entry that records what a device said, with everything to judge it again.

    It shows the ticket's code, which is used up by it. Its id follows from the code, so that the
    journal itself takes only one for each, and nobody else can take that id before.
    """
    if outcome.credential is None or outcome.seen is None:
        raise RuntimeError("nothing was enrolled")
    seen = outcome.seen
    body: dict[str, Json] = {
        "ticket": code,
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
    entry_id = make_ulid(_EPOCH, tagged_digest("enrolled", code.encode())[:10])
    return Draft(entry_id=entry_id, at=now, kind=ENROLLED, actor=ceremony.person_id, body=body)


def judged_again(
    claim: Claim, rule: EnrolmentRule, *, genesis_digest: str, console_origin: str
) -> Enrolled:
    """Return what comes of a claim when its registration is judged anew, as at the time.

    A credential comes of it only if the device answered this installation's challenge for the
    person and the terminal of the ticket, `rule` takes it, and its entry says exactly that.
    """
    ticket = claim.ticket
    ceremony = Ceremony(
        genesis_digest=genesis_digest,
        person_id=ticket.person_id,
        terminal_id=ticket.terminal_id,
        kind=CredentialKind.WEBAUTHN,
        nonce=claim.nonce,
    )
    try:
        outcome = enrol(
            ceremony,
            claim.registration,
            rule,
            credential_id=ticket.credential_id,
            device=ticket.device,
            console_origin=console_origin,
            now=claim.at,
        )
    except BadInputError as error:
        return not_enrolled(ticket.credential_id, str(error))
    if outcome.credential is None:
        return outcome
    if (outcome.credential, outcome.seen) != (claim.credential, claim.seen):
        return not_enrolled(ticket.credential_id, "its entry says something else of the device")
    return outcome


def why_not_invited(tickets: Tickets, held: set[str], credential_id: str) -> list[Finding]:
    """Return why no ticket may be made for a credential id: an id means one key for ever."""
    taken = held | tickets.invited_ids
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


def _read_claim(fields: Fields, ticket: Ticket, at: datetime) -> Claim:
    """Return what an entry claims; raises `BadInputError` unless it is for what the ticket is."""
    for name in ("person_id", "terminal_id"):
        if fields.text(name) != getattr(ticket, name):
            raise fields.fail(name, "is not that of the ticket")
    nonce = fields.hex("nonce", size=SECRET_BYTES)
    credential = read_credential(fields.fields("credential"))
    if (credential.credential_id, credential.device) != (ticket.credential_id, ticket.device):
        raise fields.fail("credential", "is not that of the ticket")
    seen = _read_seen(fields.fields("seen"))
    claim = Claim(
        ticket=ticket,
        nonce=nonce,
        registration=Registration(
            handle=credential.handle,
            client_data=fields.hex("client_data"),
            attestation_object=fields.hex("attestation_object"),
            transports=seen.transports,
        ),
        credential=credential,
        seen=seen,
        at=at,
    )
    fields.document("findings")  # what was found follows from the rest, and is found again
    fields.integer("findings_total", at_least=0, at_most=_FINDINGS_MAX)
    fields.done()
    return claim


def _read_seen(fields: Fields) -> Seen:
    seen = Seen(
        fmt=fields.text("fmt"),
        aaguid=fields.text("aaguid"),
        transports=fields.texts("transports", empty=True),
        sign_count=fields.integer("sign_count", at_least=0, at_most=_COUNT_MAX),
        backed_up=fields.boolean("backed_up"),
        device_bound=fields.boolean("device_bound"),
        attested=fields.boolean("attested"),
    )
    fields.done()
    return seen
