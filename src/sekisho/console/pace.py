"""How often one client, and one person, may ask: moving windows, counted in memory."""

import time
from enum import StrEnum

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from sekisho.console.answers import TooManyError
from sekisho.kernel.finding import finding


class Act(StrEnum):
    """What is counted apart from everything else."""

    REQUEST = "request"
    """Anything at all, by client."""
    LOGIN = "login"
    """By client and person together: nobody can lock another out from elsewhere."""
    ENROLMENT = "enrolment"
    STATEMENT = "statement"
    EXPORT = "export"


PER_MINUTE = {
    Act.REQUEST: 300,
    Act.LOGIN: 10,
    Act.ENROLMENT: 10,
    Act.STATEMENT: 20,
    Act.EXPORT: 6,
}


class Pace:
    """The counters. They are lost at a restart, as the sessions are."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, act: Act, *who: str) -> None:
        """Count one act; raises `TooManyError`, with the seconds to wait, where it is too many."""
        item = RateLimitItemPerMinute(PER_MINUTE[act])
        if not self._limiter.hit(item, act.value, *who):
            ends = self._limiter.get_window_stats(item, act.value, *who).reset_time
            wait_seconds = max(1, int(ends - time.time()) + 1)
            raise TooManyError(
                finding("console.too_many_requests", act.value, wait_seconds=wait_seconds),
                wait_seconds=wait_seconds,
            )
