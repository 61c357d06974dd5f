from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_log import Log, a_log

from sekisho.journal.store import JournalStore, create_journal, open_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_journal(tmp_path / "journal.sqlite").close()
    return tmp_path / "journal.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[JournalStore]:
    with open_journal(path, wait_seconds=0.05) as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return a_log(tmp_path)
