"""A log, its honest operator, and the one who owns the file or the server."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from journal_files import Location, as_superuser, blob, tampered
from journal_world import SIGNER, a_draft, key_files, signed

from sekisho.journal import flow
from sekisho.journal.notes import VerifierKey
from sekisho.journal.records import Row
from sekisho.journal.store import create_journal, open_journal

KEY = SIGNER.verifier


def unwatched(rows: Iterable[Row], _total: int | None) -> Iterable[Row]:
    """Pass the rows on; nobody is looking."""
    return rows


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log, and a folder that nobody who owns the log can reach."""

    journal: Location
    key: Path
    vkey: Path
    last_signed: Path
    elsewhere: Path

    def append(self, *numbers: int, story: str = "") -> None:
        with open_journal(self.journal) as store:
            for number in numbers:
                store.append(a_draft(number, story=story))

    def checkpoint(self) -> bytes:
        return flow.checkpoint_journal(
            self.journal,
            key=self.key,
            vkey=self.vkey,
            last_signed=self.last_signed,
            watch=unwatched,
        )

    def keep(self, name: str) -> Path:
        """Sign a checkpoint and keep a copy elsewhere."""
        (self.elsewhere / name).write_bytes(self.checkpoint())
        return self.elsewhere / name

    def prove(self, seq: int) -> bytes:
        return flow.prove_inclusion(
            self.journal, seq=seq, vkey=self.vkey, last_signed=self.last_signed
        )

    def prove_consistent(self, older: Path) -> bytes:
        return flow.prove_consistency(
            self.journal, older=older, vkey=self.vkey, last_signed=self.last_signed
        )

    def found(self, *against: Path, key: VerifierKey = KEY) -> list[str]:
        result = flow.verify_journal(self.journal, key=key, against=against, watch=unwatched)
        return [each.code.removeprefix("journal.") for each in result.findings]

    def become(self, rows: Iterable[Row]) -> None:
        """Do what the owner can do: put any rows into it, with everything in order."""
        if isinstance(self.journal, str):
            tampered(self.journal, "DELETE FROM journal", *map(self._insertion, rows))
            as_superuser(self.journal, "ALTER TABLE journal ENABLE TRIGGER USER")
            return
        for each in self.journal.parent.glob("journal.sqlite*"):
            each.unlink()
        create_journal(self.journal).close()
        with closing(sqlite3.connect(self.journal)) as connection, connection:
            connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)

    def _insertion(self, row: Row) -> str:
        hash_, document = blob(self.journal, row.hash), blob(self.journal, row.document)
        return f"INSERT INTO journal VALUES ({row.seq}, '{row.entry_id}', {hash_}, {document})"  # noqa: S608 - ours


def a_log(folder: Path, journal: Location) -> Log:
    """Return a new log over an empty journal, with the tests' own key."""
    here, elsewhere = folder / "here", folder / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    key, vkey = key_files(here)
    (here / "last-signed").write_bytes(signed(()))
    return Log(
        journal=journal,
        key=key,
        vkey=vkey,
        last_signed=here / "last-signed",
        elsewhere=elsewhere,
    )
