"""One console for each test, over a journal of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from console_world import Browser, Console, asked_world, console_in

from sekisho.passes.records import Pass


@pytest.fixture
def asked() -> Pass:
    """Return the transfer that aoki asks for in the console's world."""
    return asked_world()[1]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    """Return a console over a world in which aoki has asked for one transfer."""
    found = console_in(tmp_path, asked_world()[0])
    yield found
    found.journal.close()


@pytest.fixture
def browser(console: Console) -> Browser:
    """Return a browser at which nobody is logged in."""
    return console.browser()
