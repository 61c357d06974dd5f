"""Routes: say something of a pass, with the passkey here, or with a file from one's own machine.

The console writes down what is to be signed, and the passkey signs the digest of exactly that.
Whether it counts is judged from the signature, here and by everybody who reads the journal.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from sekisho.console.office import Me, Office
from sekisho.console.pace import Act
from sekisho.console.sessions import CHALLENGE_LIFETIME, Pending, Purpose
from sekisho.console.wire import Answered, Draft, Stated, StatementFile, ToSign, found
from sekisho.kernel.canonical import canonical_bytes, parse_json
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.fields import Fields
from sekisho.kernel.finding import Refused, finding
from sekisho.passes.ballots import same_words
from sekisho.passes.browser import assertion_options, browser_statement, read_assertion
from sekisho.passes.documents import approval_bytes, read_approval
from sekisho.passes.draft import draft_approval, next_number
from sekisho.passes.evidence import read_statement
from sekisho.passes.flow import Desk, record_statement
from sekisho.passes.records import Decision
from sekisho.passes.verify import Standing

PassId = Annotated[str, Path(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="Its ULID.")]


def statement_routes(office: Office) -> APIRouter:
    """Return the routes under `/api` by which people approve, reject and void."""
    router = APIRouter(prefix="/api", tags=["statements"])
    LoggedIn = Annotated[Me, Depends(office.me)]  # noqa: N806 - a type, in the shape FastAPI reads

    @router.post("/passes/{pass_id}/statement")
    def begin(pass_id: PassId, draft: Draft, who: LoggedIn) -> ToSign:
        """Draft what is about to be said of a pass, and ask the passkey to sign it."""
        office.pace.take(Act.STATEMENT, who.person.person_id)
        if draft.decision != "approve" and not draft.reason.strip():
            raise BadInputError("reason", "is missing: say why")
        pending = _drafted(office, who, pass_id, draft)
        office.sessions.put(who.session, pending)
        options = assertion_options(
            pending.document, (who.credential.handle,), console_origin=office.origin
        )
        said = parse_json(pending.document, "statement")
        return ToSign(document=said if isinstance(said, dict) else {}, options=options)

    @router.post("/statement")
    def finish(answered: Answered, who: LoggedIn) -> Stated:
        """Record the statement that the passkey signed. Good once, soon, in the same session."""
        pending = office.sessions.take(who.session, Purpose.STATEMENT)
        assertion = read_assertion(canonical_bytes(answered.credential), "credential")
        signed = browser_statement(pending.document, who.credential, assertion)
        with office.at_desk() as desk:
            return _stated(office, desk, record_statement(desk, signed, now=office.clock()))

    @router.post("/statements")
    def upload(written: StatementFile, request: Request, who: LoggedIn) -> Stated:
        """Record one's own statement, signed on another machine by `sekisho pass review`."""
        office.take(Act.STATEMENT, request, who.person.person_id)
        signed = read_statement(Fields(written.model_dump(), "statement"))
        if read_approval(signed.document, "approval").approver != who.person.person_id:
            raise Refused([finding("console.not_yours", who.person.person_id)])
        with office.at_desk() as desk:
            return _stated(office, desk, record_statement(desk, signed, now=office.clock()))

    return router


def _drafted(office: Office, who: Me, pass_id: str, draft: Draft) -> Pending:
    """Return the statement that somebody is about to sign, as it would be recorded."""
    now = office.clock()
    with office.at_desk() as desk:
        standing = office.find(desk, pass_id)
        words = " ".join(draft.words.split())
        if words and not same_words(words, standing.digest):
            raise Refused([finding("console.words_differ", pass_id)])
        approval = draft_approval(
            desk.register,
            standing.digest,
            Decision(draft.decision),
            person=who.person,
            credential=who.credential,
            terminal_id=draft.terminal_id,
            now=now,
            words=words,
            reason=draft.reason.strip(),
            sequence=next_number(desk.register, who.credential),
        )
    document = approval_bytes(approval)
    read_approval(document, "statement")
    return Pending(
        purpose=Purpose.STATEMENT,
        subject=standing.digest,
        document=document,
        expires_at=now + CHALLENGE_LIFETIME,
    )


def _stated(office: Office, desk: Desk, standing: Standing) -> Stated:
    return Stated(
        pass_id=standing.asked.pass_id,
        state=office.state(desk, standing).value,
        findings=found(standing.findings),
    )
