"""A `sekisho` whose clock can be moved: `python -m bench.faulted.clock FILE WORDS...`.

FILE holds a number of seconds, eight bytes, by which the time of day is off. It may change while
the program runs. The project reads the time of day in one place, which asks this clock here; the
clock that only goes forward, as the kernel's, is not touched.
"""

import mmap
import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import sekisho.app
from sekisho.cli import main

SIZE = 8


class Clock:
    """The file, for whoever moves the clock and for whoever reads it."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), SIZE)
        self.path = path

    @property
    def off_seconds(self) -> int:
        """By how much the clock is off."""
        return int.from_bytes(self._shared[:SIZE], "little", signed=True)

    @off_seconds.setter
    def off_seconds(self, seconds: int) -> None:
        self._shared[:SIZE] = seconds.to_bytes(SIZE, "little", signed=True)

    def time_of_day(self) -> type[datetime]:
        """Return a `datetime` whose `now` is off."""
        clock = self

        class Moved(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Moved":
                at = datetime.now(tz) + timedelta(seconds=clock.off_seconds)
                return cls.fromtimestamp(at.timestamp(), tz)

        return Moved


if __name__ == "__main__":
    clock = Clock(Path(sys.argv.pop(1)))
    vars(sekisho.app)["datetime"] = clock.time_of_day()
    main()
