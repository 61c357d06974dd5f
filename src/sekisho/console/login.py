"""Routes: come in with a passkey, go out, and who am I?

What is signed at a login has a digest tag of its own, so it can never be shown as an approval.
"""

import hmac
import secrets
from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from sekisho.console.office import Me, Office
from sekisho.console.pace import Act
from sekisho.console.sessions import CHALLENGE_LIFETIME, Pending, Purpose
from sekisho.console.wire import Answered, Done, Myself, Options, Place, WhoAmI
from sekisho.kernel.canonical import canonical_bytes
from sekisho.kernel.finding import Refused, finding
from sekisho.kernel.instants import format_instant
from sekisho.passes.ballots import Live
from sekisho.passes.browser import BrowserAssertion, login_options, read_assertion, verify_login
from sekisho.passes.flow import Desk
from sekisho.passes.records import CredentialKind
from sekisho.passes.register import key_of

HANDLES_MIN = 4
"""So many handles are offered at a login, or as many as anybody on the roster has, if more."""
_HANDLE_SIZES_BYTES = (16, 32, 48, 64)
"""As devices make them."""


def login_routes(office: Office) -> APIRouter:
    """Return the routes under `/api` by which people come in and go out."""
    router = APIRouter(prefix="/api", tags=["login"])

    @router.post("/login/begin")
    def begin(asked: WhoAmI, request: Request) -> Options:
        """Ask for a challenge to log in with a passkey.

        The answer does not tell whether there is such a person, or how many passkeys they have.
        """
        office.take(Act.LOGIN, request, asked.person_id)
        pending = _challenge(office, asked)
        with office.at_desk() as desk:
            handles = _handles(office, desk, asked.person_id)
        options = login_options(pending.document, handles, console_origin=office.origin)
        session = office.session(request) or office.sessions.begin(request.session)
        office.sessions.put(session, pending)
        return Options(options=options)

    @router.post("/login/finish")
    def finish(answered: Answered, request: Request) -> Myself:
        """Log in with the passkey's answer. Good once, soon, and in the same session."""
        pending = office.sessions.take(office.session(request), Purpose.LOGIN)
        assertion = read_assertion(canonical_bytes(answered.credential), "credential")
        with office.at_desk() as desk:
            live = _checked(office, desk, pending, assertion)
        session = office.sessions.begin(request.session, live.person.person_id)
        session.credential_id = live.credential.credential_id
        return _myself(office, Me(session=session, person=live.person, credential=live.credential))

    @router.post("/logout")
    def logout(request: Request) -> Done:
        """End the session, for every copy of its cookie."""
        office.sessions.end(request.session)
        return Done()

    @router.get("/me")
    def me(who: Annotated[Me, Depends(office.me)]) -> Myself:
        """Say who is logged in."""
        return _myself(office, who)

    return router


def _challenge(office: Office, asked: WhoAmI) -> Pending:
    """Return what somebody signs to log in: where, who, when, and a nonce."""
    now = office.clock()
    document = canonical_bytes(
        {
            "genesis_digest": office.desk.register.genesis_digest,
            "origin": office.origin,
            "person_id": asked.person_id,
            "nonce": secrets.token_hex(32),
            "asked": format_instant(now),
        }
    )
    return Pending(
        purpose=Purpose.LOGIN,
        subject=asked.person_id,
        document=document,
        expires_at=now + CHALLENGE_LIFETIME,
    )


def _passkeys(desk: Desk, person_id: str) -> list[Live]:
    return [
        each
        for each in desk.register.live.values()
        if each.person.person_id == person_id and each.credential.kind is CredentialKind.WEBAUTHN
    ]


def _handles(office: Office, desk: Desk, person_id: str) -> tuple[bytes, ...]:
    """Return a person's handles among made-up ones: as many for everybody, and for nobody.

    How many that is follows from the roster alone, and the order from the handles.
    """
    numbers = Counter(
        each.person.person_id
        for each in desk.register.live.values()
        if each.credential.kind is CredentialKind.WEBAUTHN
    )
    total = max(HANDLES_MIN, *numbers.values(), 0)
    real = [each.credential.handle for each in _passkeys(desk, person_id)]
    made_up = [_made_up(office, person_id, number) for number in range(total - len(real))]
    return tuple(sorted((*real, *made_up), key=lambda each: _keyed(office, each.hex())))


def _made_up(office: Office, person_id: str, number: int) -> bytes:
    """Return the handle of nobody's passkey: the same each time, and as long as a real one."""
    drawn = b"".join(_keyed(office, f"{person_id}\n{number}\n{part}") for part in (0, 1))
    size = _HANDLE_SIZES_BYTES[_keyed(office, f"{person_id}\n{number}")[0] % 4]
    return drawn[:size]


def _keyed(office: Office, text: str) -> bytes:
    return hmac.digest(office.secret.encode(), f"login-handle\n{text}".encode(), "sha256")


def _checked(office: Office, desk: Desk, pending: Pending, assertion: BrowserAssertion) -> Live:
    """Return whose passkey answered; raises `Refused` for one and the same reason, whichever."""
    for live in _passkeys(desk, pending.subject):
        held = verify_login(
            pending.document, live.credential, assertion, console_origin=office.origin
        )
        if held is None:
            continue
        name = live.credential.credential_id
        key = key_of(live.credential)
        seen = max(desk.register.counters.get(key, 0), office.login_counts.get(key, 0))
        if (seen or held.sign_count) and held.sign_count <= seen:
            raise Refused(
                [
                    finding(
                        "console.counter_went_back",
                        live.person.person_id,
                        credential_id=name,
                        count=held.sign_count,
                    )
                ]
            )
        office.login_counts[key] = held.sign_count
        return live
    raise Refused([finding("console.login_refused", pending.subject)])


def _myself(office: Office, who: Me) -> Myself:
    terminals = office.desk.register.roster.terminals
    return Myself(
        person_id=who.person.person_id,
        name=who.person.name,
        department=who.person.department,
        credential_id=who.credential.credential_id,
        terminals=[Place(terminal_id=each.terminal_id, name=each.name) for each in terminals],
    )
