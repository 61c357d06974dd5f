"""The console at its desk: the journal as it stands now, and who is asking.

Nothing here decides whether a pass is good. The register follows the journal from the pinned
genesis, every request asks it anew, and gate and watcher never ask the console.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from starlette.requests import Request

from sekisho.console.pace import Act, Pace
from sekisho.console.sessions import Session, Sessions
from sekisho.console.tickets import Tickets
from sekisho.journal.records import Entry
from sekisho.kernel.errors import BadInputError
from sekisho.kernel.finding import Finding, Refused, finding
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.evidence import entry_unreadable
from sekisho.passes.flow import Desk, catch_up
from sekisho.passes.fold import why_not_trusted
from sekisho.passes.life import Clearance, PassState, clearances, state_by_journal
from sekisho.passes.records import Credential, CredentialKind, Person
from sekisho.passes.register import CredentialKey
from sekisho.passes.spendings import Spendings
from sekisho.passes.verify import Standing, standing_of

CheckpointReader = Callable[[], tuple[bytes, int]]
"""Returns the note of the last checkpoint, and how many entries it signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who is logged in, with which of their passkeys."""

    session: Session
    person: Person
    credential: Credential


@dataclass(slots=True, kw_only=True)
class Office:
    """What every route needs. Threads share it; one at a time is at the desk."""

    desk: Desk
    origin: str
    """The console's, pinned when it started."""
    clock: Callable[[], datetime]
    checkpoint: CheckpointReader
    roots: tuple[TrustRoot, ...]
    secret: str
    """Signs cookies. Whoever has it can keep a session going that they have seen, no more."""
    sessions: Sessions
    pace: Pace = field(default_factory=Pace)
    tickets: Tickets = field(default_factory=Tickets)
    cleared: list[Clearance] = field(default_factory=list)
    spendings: Spendings = field(default_factory=Spendings)
    damaged: list[Finding] = field(default_factory=list)
    """The gate's clearances that cannot be read. Of which pass they are, nobody can say."""
    login_counts: dict[CredentialKey, int] = field(default_factory=dict)
    """The highest count that each authenticator has shown at a login."""
    _followed_seq: int = 0
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def at_desk(self) -> Iterator[Desk]:
        """Let one caller at a time use the desk, brought up to date.

        Raises `Refused` if the pinned genesis leads nowhere any more, or if the roster in force
        has moved the console to another origin: then every answer would be for the wrong page.
        """
        with self._lock:
            for entry in self.desk.journal.entries(after_seq=self._followed_seq):
                self.tickets.follow(entry)
                self._clear(entry)
                self.spendings.follow(entry)
                self._followed_seq = entry.seq
            catch_up(self.desk)
            register = self.desk.register
            reasons = why_not_trusted(register, now=self.clock())
            if register.roster.console_origin != self.origin:
                reasons.append(finding("console.origin_changed", self.origin))
            if reasons:
                raise Refused(reasons)
            yield self.desk

    def _clear(self, entry: Entry) -> None:
        """Take in a clearance. One that cannot be read stops the gate, and must not stop us.

        Else whoever can append one would keep everybody from rejecting and voiding.
        """
        try:
            self.cleared.extend(clearances([entry]))
        except BadInputError as error:
            self.damaged.append(entry_unreadable(entry, error))

    def session(self, request: Request) -> Session | None:
        """Return the session of a request, logged in or not."""
        return self.sessions.find(request.session)

    def me(self, request: Request) -> Me:
        """Return who is logged in; raises `Refused` if nobody is, or not any more.

        It is asked of the roster in force each time: a suspension, or a rotation that drops the
        passkey, ends the session at once.
        """
        session = self.session(request)
        if session is not None and session.credential_id:
            with self.at_desk() as desk:
                live = desk.register.live.get(session.credential_id)
            if (
                live is not None
                and live.person.person_id == session.person_id
                and live.credential.kind is CredentialKind.WEBAUTHN
            ):
                return Me(session=session, person=live.person, credential=live.credential)
            self.sessions.end(request.session)
        raise Refused([finding("console.not_logged_in", request.url.path)])

    def take(self, act: Act, request: Request, *who: str) -> None:
        """Count an act of this client, or of these people."""
        client = "unknown" if request.client is None else request.client.host
        self.pace.take(act, client, *who)

    def find(self, desk: Desk, pass_id: str) -> Standing:
        """Return where the pass of an id stands; raises `Refused` if there is none."""
        found = [
            digest
            for digest, known in desk.register.passes.items()
            if known.asked.pass_id == pass_id
        ]
        if len(found) != 1:
            raise Refused([finding("console.pass_unknown", pass_id)])
        return standing_of(desk.register, found[0])

    def state(self, desk: Desk, standing: Standing) -> PassState:
        """Return where in its life a pass is, as far as the journal says."""
        return state_by_journal(
            standing,
            issued=standing.digest in desk.issued,
            cleared=[each for each in self.cleared if each.pass_digest == standing.digest],
            spendings=self.spendings,
            now=self.clock(),
        )
