"""A sentry as a process: what ends it, what must not hold it up, and its two clocks."""

import gc
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sekisho.app import current_time

_SWITCH_SECONDS: Final = 0.000_5
"""How long a thread may keep the others waiting. A verdict waits for the disk a dozen times, and
after each while a block is told it would wait for Python's usual five milliseconds."""


def make_way() -> None:
    """Have Python itself keep no verdict waiting, for as long as this process lives."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    # A full collection looks at all that the libraries made, for a tenth of a second and more.
    gc.collect()
    gc.freeze()


def moment_at(at_ms: int, now_ms: int) -> datetime:
    """Return what the clock said at a moment of the clock that only goes forward."""
    return current_time() - timedelta(milliseconds=max(now_ms - at_ms, 0))


@contextmanager
def ended_by_signals(end: Callable[[], None]) -> Iterator[None]:
    """Have SIGTERM and SIGINT end the watching, in order."""
    wanted = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(each, lambda *_: end()) for each in wanted]
    try:
        yield
    finally:
        for each, handler in zip(wanted, before, strict=True):
            signal.signal(each, handler)
