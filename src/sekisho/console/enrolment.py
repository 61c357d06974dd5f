"""Routes: make a passkey with a ticket, and take its credential file.

The console puts nobody on a roster. What it gives is a file; people put it into the next roster,
compare that roster, and a quorum puts it in force.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict

from fastapi import APIRouter, Request
from starlette.responses import Response

from sekisho.console.office import Office
from sekisho.console.pace import Act
from sekisho.console.sessions import CHALLENGE_LIFETIME, Pending, Purpose
from sekisho.console.tickets import SECRET_BYTES, Ticket, enrolled, judged_again
from sekisho.console.wire import Answered, Credentialed, TicketCode, ToEnrol, found
from sekisho.kernel.canonical import Json, canonical_bytes
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.passes.browser import read_registration, registration_options
from sekisho.passes.enrolment import (
    Ceremony,
    Enrolled,
    EnrolmentRule,
    Registration,
    Seen,
    enrol,
)
from sekisho.passes.flow import Desk, catch_up
from sekisho.passes.records import Credential, CredentialKind
from sekisho.passes.register import Register
from sekisho.passes.roster import credential_document


def enrolment_routes(office: Office) -> APIRouter:
    """Return the routes under `/api/enrolment`. They need a ticket, and no login."""
    router = APIRouter(prefix="/api/enrolment", tags=["enrolment"])

    @router.post("/begin")
    def begin(code: TicketCode, request: Request) -> ToEnrol:
        """Ask for a challenge to make the passkey that a ticket is for."""
        office.take(Act.ENROLMENT, request)
        ticket, ceremony, options = _ceremony(office, code)
        session = office.session(request) or office.sessions.begin(request.session)
        pending = Pending(
            purpose=Purpose.ENROLMENT,
            subject=code.ticket,
            ceremony=ceremony,
            expires_at=office.clock() + CHALLENGE_LIFETIME,
        )
        office.sessions.put(session, pending)
        return ToEnrol(
            person_id=ticket.person_id,
            name=ticket.name,
            credential_id=ticket.credential_id,
            device=ticket.device,
            options=options,
        )

    @router.post("/finish")
    def finish(answered: Answered, request: Request) -> Credentialed:
        """Enrol the passkey: judged by the policy in force, and recorded as evidence."""
        session = office.session(request)
        pending = office.sessions.take(session, Purpose.ENROLMENT)
        if session is None or pending.ceremony is None:
            raise Refused([finding("console.challenge_gone", Purpose.ENROLMENT.value)])
        registration = read_registration(canonical_bytes(answered.credential), "credential")
        outcome = _enrolled(office, pending.subject, pending.ceremony, registration)
        if outcome.credential is None or outcome.seen is None:
            raise Refused(outcome.findings)
        session.enrolled_id = outcome.credential.credential_id
        return _credentialed(outcome.credential, outcome.seen, outcome.findings)

    @router.get("/credential", response_class=Response)
    def credential_file(request: Request) -> Response:
        """Return the file of the passkey that was enrolled in this session, for the roster."""
        session = office.session(request)
        return _file(_recorded(office, session.enrolled_id if session else ""))

    return router


def _ceremony(office: Office, code: TicketCode) -> tuple[Ticket, Ceremony, dict[str, Json]]:
    """Return the ticket of a code, a ceremony with a nonce of its own, and the page's options."""
    with office.at_desk() as desk:
        ticket = office.tickets.take(code.ticket, now=office.clock())
        register = desk.register
        ceremony = Ceremony(
            genesis_digest=register.genesis_digest,
            person_id=ticket.person_id,
            terminal_id=ticket.terminal_id,
            kind=CredentialKind.WEBAUTHN,
            nonce=secrets.token_bytes(SECRET_BYTES),
        )
        options = registration_options(
            ceremony,
            exchange=register.roster.exchange,
            name=ticket.name,
            known_handles=_handles(register, ticket),
            console_origin=office.origin,
        )
    return ticket, ceremony, options


def _enrolled(
    office: Office, code: str, ceremony: Ceremony, registration: Registration
) -> Enrolled:
    """Judge a registration and, if the policy takes it, record it; the ticket is used up then."""
    now = office.clock()
    with office.at_desk() as desk:
        ticket = office.tickets.take(code, now=now)
        outcome = enrol(
            ceremony,
            registration,
            _rule(office, desk),
            credential_id=ticket.credential_id,
            device=ticket.device,
            console_origin=office.origin,
            now=now,
        )
        if outcome.credential is not None:
            draft = enrolled(code, ceremony, registration, outcome, now=now)
            desk.journal.append(draft)
            catch_up(desk)
    return outcome


def _recorded(office: Office, credential_id: str) -> Credential:
    """Return what the journal holds of an enrolment, judged again."""
    with office.at_desk() as desk:
        claim = office.tickets.claims.get(credential_id)
        if claim is None:
            raise Refused([finding("console.challenge_gone", Purpose.ENROLMENT.value)])
        outcome = judged_again(
            claim,
            _rule(office, desk),
            genesis_digest=desk.register.genesis_digest,
            console_origin=office.origin,
        )
    if outcome.credential is None:
        raise Refused(outcome.findings)
    return outcome.credential


def _credentialed(credential: Credential, seen: Seen, findings: Sequence[Finding]) -> Credentialed:
    return Credentialed.model_validate(
        {
            "credential": credential_document(credential),
            "seen": {**asdict(seen), "transports": list(seen.transports)},
            "findings": found(findings),
        }
    )


def _file(credential: Credential) -> Response:
    """Return a credential as a file to be downloaded."""
    text = json.dumps(credential_document(credential), ensure_ascii=False, indent=2) + "\n"
    name = f"{credential.credential_id}.json"
    return Response(
        text,
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _handles(register: Register, ticket: Ticket) -> tuple[bytes, ...]:
    return tuple(
        each.handle
        for person in register.roster.people
        if person.person_id == ticket.person_id
        for each in person.credentials
        if each.handle
    )


def _rule(office: Office, desk: Desk) -> EnrolmentRule:
    """Return what the policy in force asks of a passkey: the strictest while there is none."""
    wanted = desk.register.passkeys
    return EnrolmentRule(
        roots=office.roots,
        attested_required=wanted.attested_required,
        device_bound_required=wanted.device_bound_required,
    )
