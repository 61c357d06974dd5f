"""Who is at the other end of a cookie, and what they were asked to sign.

The cookie holds a random name, signed; everything else stays here, in memory. So a logout ends a
session for whoever copied its cookie, and a restart of the console ends them all.
"""

import secrets
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Any

from sekisho.kernel.finding import Refused, finding
from sekisho.passes.enrolment import Ceremony

LIFETIME = timedelta(hours=4)
IDLE = timedelta(minutes=15)
CHALLENGE_LIFETIME = timedelta(minutes=5)
_SESSIONS_MAX = 5_000
_NAME = "name"


class Purpose(StrEnum):
    """What a challenge is for: an answer to one is none to another."""

    LOGIN = "login"
    STATEMENT = "statement"
    ENROLMENT = "enrolment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What a browser was asked to sign. Good for one answer, in the same session, soon."""

    purpose: Purpose
    subject: str
    """The person who logs in, the pass, or the digest of the ticket."""
    expires_at: datetime
    document: bytes = b""
    """The canonical bytes whose digest is the challenge; empty for an enrolment."""
    ceremony: Ceremony | None = None


@dataclass(slots=True)
class Session:
    """One browser."""

    name: str
    began_at: datetime
    seen_at: datetime
    person_id: str = ""
    credential_id: str = ""
    pending: Pending | None = None
    enrolled_id: str = ""
    """The credential that was enrolled here last: its file may be fetched."""


class Sessions:
    """All sessions; threads share it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._sessions: dict[str, Session] = {}

    def find(self, cookie: MutableMapping[str, Any]) -> Session | None:
        """Return the session that a cookie names, if it is still going on."""
        now = self._clock()
        with self._lock:
            session = self._sessions.get(str(cookie.get(_NAME, "")))
            if session is None or self._is_over(session, now):
                return None
            session.seen_at = now
            return session

    def begin(self, cookie: MutableMapping[str, Any], person_id: str = "") -> Session:
        """Begin a session under a new name; the one that the cookie named before ends."""
        now = self._clock()
        session = Session(name=secrets.token_urlsafe(32), began_at=now, seen_at=now)
        session.person_id = person_id
        with self._lock:
            self._sessions.pop(str(cookie.get(_NAME, "")), None)
            if len(self._sessions) >= _SESSIONS_MAX:
                self._make_room(now)
            self._sessions[session.name] = session
        cookie[_NAME] = session.name
        return session

    def end(self, cookie: MutableMapping[str, Any]) -> None:
        """End a session, also for whoever has a copy of the cookie."""
        with self._lock:
            self._sessions.pop(str(cookie.get(_NAME, "")), None)
        cookie.clear()

    def put(self, session: Session, pending: Pending) -> None:
        """Remember what a session was asked to sign; what it was asked before is forgotten."""
        with self._lock:
            session.pending = pending

    def take(self, session: Session | None, purpose: Purpose) -> Pending:
        """Return what a session was asked to sign, for the first answer and for no other.

        Raises `Refused` if it was asked nothing of the kind, too long ago, or has answered.
        """
        now = self._clock()
        with self._lock:
            pending = None if session is None else session.pending
            if session is not None:
                session.pending = None
        if pending is None or pending.purpose is not purpose or now >= pending.expires_at:
            raise Refused([finding("console.challenge_gone", purpose.value)])
        return pending

    def _make_room(self, now: datetime) -> None:
        over = [name for name, each in self._sessions.items() if self._is_over(each, now)]
        strangers = [name for name, each in self._sessions.items() if not each.person_id]
        # Whoever is not logged in loses least, the longest waiting first.
        for name in over or strangers[: _SESSIONS_MAX // 10] or list(self._sessions)[:1]:
            del self._sessions[name]

    @staticmethod
    def _is_over(session: Session, now: datetime) -> bool:
        return now >= session.began_at + LIFETIME or now >= session.seen_at + IDLE
